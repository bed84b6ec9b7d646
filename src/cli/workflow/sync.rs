//! What pulling and pushing a folder share: which side was edited, what is done about it, and how it is told.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use super::files::{content, fingerprint};
use super::folder::{self, Agreed};
use super::load;
use super::publish;
use crate::cli::desk::Desk;
use crate::cli::output::{BAD, Format, GOOD, QUIET, WAIT, eprint_line, one_line, print_json, print_line};
use crate::operations::workflows::{self, Draft, Filter, OfWorkflow, Published};
use crate::operations::{Asked, Kind, Nothing, Refusal};
use crate::store::lists::Listed;
use crate::workflow::hash::hash;

/// What both are told.
#[derive(Debug, Args)]
pub(super) struct How {
    /// The folder
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Where both sides were edited, take the other's place; what was there is kept beside the file
    #[arg(long)]
    pub force: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Which side was edited since both agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edited {
    Neither,
    Folder,
    Database,
    Both,
}

pub(super) fn edited(agreed: Option<&Agreed>, file: &str, database: &str) -> Edited {
    match agreed {
        _ if file == database => Edited::Neither,
        None => Edited::Both,
        Some(agreed) => match (file == agreed.file, database == agreed.database) {
            (true, true) => Edited::Neither,
            (true, false) => Edited::Database,
            (false, true) => Edited::Folder,
            (false, false) => Edited::Both,
        },
    }
}

/// What is done about one workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Done {
    Kept,
    Added,
    Changed,
    /// Both were edited, and this side was told to give way.
    Replaced,
    /// Edited on the side that is not read from: left as it is.
    EditedThere,
    Conflict,
    /// What stood for it before is not there any more.
    Gone,
    Unreadable,
}

#[derive(Debug, Serialize)]
pub(super) struct Item {
    pub file: String,
    pub id: Option<Uuid>,
    pub name: String,
    pub done: Done,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
}

/// Every workflow, by name, without what is drawn.
pub(super) async fn all(desk: &Desk) -> Result<Vec<Listed>, Refusal> {
    let query = |limit, cursor| Filter { status: None, limit, cursor };
    desk.list::<workflows::List, _>(i64::MAX, query).await
}

/// What is drawn of a workflow; nothing if it was removed meanwhile.
pub(super) async fn drawn(desk: &Desk, id: Uuid) -> Result<Option<Draft>, Refusal> {
    let path = OfWorkflow { workflow: id.to_string() };
    match desk.ask(Asked::<workflows::ReadDraft>::new(path, Nothing {}, Nothing {})).await {
        Ok(draft) => Ok(Some(draft)),
        Err(Refusal::Told(told)) if told.kind == Kind::Missing => Ok(None),
        Err(other) => Err(other),
    }
}

/// A file's side: what tells its content, and its name, if it can be read.
pub(super) fn here(path: &Path) -> anyhow::Result<Option<(String, Option<String>)>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(fault).with_context(|| format!("can't read {}", path.display())),
    };
    let text = String::from_utf8_lossy(&bytes);
    Ok(Some(match load::read(&text, &load::name_of(path), "") {
        Ok(of) => {
            let content = content(&of.name, of.description.as_deref(), &of.definition);
            (fingerprint(&content), Some(of.name))
        }
        Err(_) => (hash(vec![text.into_owned()]), None),
    }))
}

/// Keeps what is about to be replaced beside its file.
pub(super) fn keep(path: &Path, ending: &str, text: &str) -> anyhow::Result<()> {
    let named = |number: usize| {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 1 { format!(".{ending}") } else { format!(".{ending}.{number}") });
        PathBuf::from(name)
    };
    let free = (1..1000).map(named).find(|path| path.symlink_metadata().is_err());
    folder::write(&free.context("too many files are kept already")?, text)
}

impl How {
    /// Whether anything is to be written: not if they disagree.
    pub fn writes(&self, items: &[Item]) -> bool {
        !self.dry_run && items.iter().all(|item| item.done != Done::Conflict)
    }

    pub fn tell(&self, items: &[Item], what: &str, side: &str) -> anyhow::Result<ExitCode> {
        let conflicts = items.iter().filter(|item| item.done == Done::Conflict).count();
        let unreadable = items.iter().any(|item| item.done == Done::Unreadable);
        if self.format == Format::Json {
            print_json(&items)?;
        } else {
            let would = if self.dry_run || conflicts > 0 { "would be " } else { "" };
            for item in items {
                item.print(would, what)?;
            }
            if items.is_empty() {
                print_line(format_args!("{QUIET}no workflows{QUIET:#}"))?;
            }
        }
        if conflicts > 0 {
            eprint_line(format_args!(
                "{BAD}error{BAD:#}: nothing was {what}: {conflicts} of the workflows were edited on both sides"
            ));
            eprint_line(format_args!(
                "{GOOD}help{GOOD:#}: look with `thendo workflow diff NAME FILE`, then say --force to replace {side}'s; \
                 what is replaced is kept beside the file"
            ));
        }
        Ok(if conflicts > 0 || unreadable { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

impl Item {
    fn print(&self, would: &str, what: &str) -> anyhow::Result<()> {
        let (pull, name) = (what == "pulled", one_line(&self.name));
        let (style, shape, words) = match self.done {
            Done::Kept => (QUIET, "○", "the same".to_owned()),
            Done::Added => (GOOD, "●", format!("{would}added")),
            Done::Changed => (GOOD, "●", format!("{would}changed")),
            Done::Replaced => (WAIT, "●", format!("{would}replaced, edited on both sides")),
            Done::EditedThere if pull => (WAIT, "◐", "edited in the folder: push it".into()),
            Done::EditedThere => (WAIT, "◐", "edited in the database: pull it".into()),
            Done::Conflict => (BAD, "✕", "conflict: edited on both sides".into()),
            Done::Gone if pull => (WAIT, "◐", "gone from the database, the file stays".into()),
            Done::Gone => (WAIT, "◐", "no file any more, the workflow stays".into()),
            Done::Unreadable => (BAD, "✕", "its drawing can't be read".into()),
        };
        print_line(format_args!(
            "{style}{shape}{style:#} {name:<28} {words}  {QUIET}{}{QUIET:#}",
            one_line(&self.file)
        ))?;
        self.published.iter().try_for_each(publish::print)
    }
}
