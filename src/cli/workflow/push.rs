//! `thendo workflow push`: brings the database up to what a folder has, where neither side's edits are lost.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::files::{self, FileRead, content, fingerprint, text_of};
use super::folder::{self, Agreed, Index};
use super::publish;
use super::sync::{self, Done, Edited, How, Item, edited, keep};
use super::{load, refuse, refused};
use crate::cli::Session;
use crate::cli::desk::Desk;
use crate::cli::output::{Advice, Format, one_line};
use crate::kinds;
use crate::operations::workflows::{self, Draft, PushList, ToPush, ToValidate, several};
use crate::operations::{Asked, Nothing, Refusal};
use crate::store::lists::Listed;
use crate::workflow::compile::compile;
use crate::workflow::mails::sent_by;

/// `thendo workflow push`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow push workflows --dry-run
  thendo workflow push workflows              store what was edited, as drafts
  thendo workflow push workflows --publish    and put it in force
  thendo workflow push workflows --force      take the folder's side; the database's is kept as FILE.theirs

The folder holds NAME.json or NAME/workflow.json. Without --publish nothing that runs changes. What was edited in
the database only is left alone: pull it. What was edited on both sides since is a conflict, and so is a
workflow of the same name that the folder never pulled, unless they are equal: then nothing is written at all.
A file that is gone removes no workflow: archive that. Paused and archived ones are not published.")]
pub struct Push {
    #[command(flatten)]
    how: How,
    /// Put them in force, too
    #[arg(long)]
    publish: bool,
}

/// A file and what it is about to change.
struct Change<'a> {
    file: &'a FileRead,
    draft: Option<Draft>,
    at: usize,
}

impl Push {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let dir = &self.how.dir;
        let before = Index::read(dir)?;
        let paths = load::files_in(dir)?;
        let (read, mut bad) = files::read_all(&paths)?;
        bad.extend(if self.publish { files::faulty(&read) } else { files::unstorable(&read) });
        if !bad.is_empty() {
            return refuse(&bad, self.how.format, "pushed", paths.len());
        }
        if self.how.format == Format::Text && !self.publish {
            files::warn_of_faults(&read);
        }
        let desk = session.desk().await?;
        if self.how.format == Format::Text && !self.publish {
            warn_of_mails(&desk, &read).await?;
        }
        let known = sync::all(&desk).await?;
        let (mut items, mut changes) = (Vec::new(), Vec::new());
        for file in &read {
            let below = folder::below(dir, &file.path).with_context(|| {
                format!("{} has a name that is none of a workflow file", file.path.display())
            })?;
            let (draft, done) = self.one(&desk, &known, file, before.files.get(&below)).await?;
            let (id, name) = (draft.as_ref().map(|draft| draft.id), file.workflow.name.clone());
            if let Some(other) = items.iter().find(|item: &&Item| id.is_some() && item.id == id) {
                return Err(Advice::error(
                    format!(
                        "{} and {below} both stand for the workflow {}",
                        other.file,
                        id.unwrap_or_default()
                    ),
                    "give one of them a `name` that no workflow had",
                ));
            }
            changes.push(Change { file, draft, at: items.len() });
            items.push(Item { file: below, id, name, done, published: None });
        }
        for (file, agreed) in &before.files {
            if !items.iter().any(|item| item.file == *file) {
                let name = load::name_of(&dir.join(file));
                let (file, id) = (file.clone(), Some(agreed.id));
                items.push(Item { file, id, name, done: Done::Gone, published: None });
            }
        }
        if self.how.writes(&items) {
            match self.store(&desk, changes, &mut items, &before).await {
                Ok(index) => index.write(dir, &before)?,
                Err(fault) => match fault.downcast::<Refusal>() {
                    Ok(refusal) => return refused(refusal, self.how.format),
                    Err(other) => return Err(other),
                },
            }
        }
        self.how.tell(&items, "pushed", "the database")
    }

    /// The workflow of a file, and what is done about it.
    async fn one(
        &self,
        desk: &Desk,
        known: &[Listed],
        file: &FileRead,
        agreed: Option<&Agreed>,
    ) -> anyhow::Result<(Option<Draft>, Done)> {
        let of = &file.workflow;
        let mut meant = agreed.and_then(|agreed| known.iter().find(|listed| listed.id == agreed.id));
        if meant.is_none_or(|listed| listed.name != of.name) {
            let found: Vec<&Listed> = known.iter().filter(|listed| listed.name == of.name).collect();
            match (meant, found.as_slice()) {
                (_, []) => {}
                (None, [only]) => meant = Some(only),
                (None, _) => return Err(several(&of.name, found.iter().map(|listed| listed.id)).into()),
                (Some(listed), _) => {
                    return Err(Advice::error(
                        format!(
                            "{}: `{}` can't be renamed to `{}`: there is one of that name",
                            file.path.display(),
                            one_line(&listed.name),
                            one_line(&of.name)
                        ),
                        "give the file another `name`",
                    ));
                }
            }
        }
        let draft = match meant {
            Some(listed) => sync::drawn(desk, listed.id).await?,
            None => None,
        };
        let Some(draft) = draft else {
            // Somebody removed it: adding it again is for people to say.
            let was_there = agreed.is_some() && !self.how.force;
            return Ok((None, if was_there { Done::Conflict } else { Done::Added }));
        };
        let here = fingerprint(&content(&of.name, of.description.as_deref(), &of.definition));
        let there = match draft.drawing() {
            Ok(drawing) => fingerprint(&content(&draft.name, draft.description.as_deref(), drawing)),
            Err(_) => String::new(),
        };
        let agreed = agreed.filter(|agreed| agreed.id == draft.id);
        let done = match edited(agreed, &here, &there) {
            Edited::Neither => Done::Kept,
            Edited::Folder => Done::Changed,
            Edited::Database => Done::EditedThere,
            Edited::Both if self.how.force => Done::Replaced,
            Edited::Both => Done::Conflict,
        };
        Ok((Some(draft), done))
    }

    /// Has them written, if nobody edited them since they were read, and tells the index as it is then.
    async fn store(
        &self,
        desk: &Desk,
        changes: Vec<Change<'_>>,
        items: &mut [Item],
        before: &Index,
    ) -> anyhow::Result<Index> {
        let mut index = before.clone();
        let (mut edits, mut places) = (Vec::new(), Vec::new());
        for Change { file, draft, at } in changes {
            let done = items[at].done;
            let drawing = match done {
                Done::Added | Done::Changed | Done::Replaced => Some(file.workflow.clone().into()),
                Done::Kept => None,
                _ => continue,
            };
            if let Some(draft) = draft.as_ref().filter(|_| done == Done::Replaced) {
                keep(&file.path, "theirs", &text_there(draft)?)?;
            }
            let (workflow, edition) = draft.map(|draft| (draft.id, draft.edition)).unzip();
            edits.push(ToPush { workflow, edition, drawing });
            places.push((at, file));
        }
        if edits.is_empty() {
            return Ok(index);
        }
        let body = PushList { workflows: edits, publish: self.publish };
        let pushed = desk.ask(Asked::<workflows::Push>::new(Nothing {}, Nothing {}, body)).await?;
        for ((at, file), now) in places.into_iter().zip(pushed) {
            let (of, item) = (&file.workflow, &mut items[at]);
            (item.id, item.published) = (Some(now.id), now.published);
            let agreed = Agreed {
                id: now.id,
                file: fingerprint(&content(&of.name, of.description.as_deref(), &of.definition)),
                database: fingerprint(&content(&now.name, now.description.as_deref(), &now.definition)),
            };
            index.files.retain(|_, other| other.id != now.id);
            index.files.insert(item.file.clone(), agreed);
        }
        Ok(index)
    }
}

/// What the other side has: as it is stored, so that nothing is lost of what can't be read.
fn text_there(draft: &Draft) -> anyhow::Result<String> {
    match &draft.unreadable {
        Some(text) => Ok(text.clone()),
        None => {
            let drawing: &Value = draft.drawing()?;
            text_of(&content(&draft.name, draft.description.as_deref(), drawing))
        }
    }
}

/// Says which stored mails are not there that the drafts send.
async fn warn_of_mails(desk: &Desk, read: &[FileRead]) -> anyhow::Result<()> {
    let catalogue = kinds::catalogue();
    for file in read {
        let definition = &file.workflow.definition;
        let plan = compile(definition, &catalogue).plan;
        if plan.is_none_or(|plan| sent_by(&plan).next().is_none()) {
            continue;
        }
        let body = ToValidate { definition: definition.clone() };
        let verdict = desk.ask(Asked::<workflows::Validate>::new(Nothing {}, Nothing {}, body)).await?;
        let mut warnings = verdict.diagnostics;
        warnings.retain(|warning| warning.code == "mail-not-ready");
        publish::warn(&file.workflow.name, &warnings);
    }
    Ok(())
}
