//! `thendo workflow …`: workflows and their versions from the command line, and as files for git.

mod diff;
mod files;
mod folder;
mod hold;
mod list;
pub mod load;
mod publish;
mod pull;
mod push;
mod show;
mod start;
mod status;
mod sync;

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use super::output::{Advice, BAD, Format, eprint_line, one_line, print_json};
use super::{Session, validate};
use crate::store::versions::{self, Head};
use crate::workflow::diagnostics::{Diagnostic, did_you_mean};
pub(super) use files::read_all;
pub use load::examples;
pub(super) use publish::is_file;
pub(super) use show::definition_of;

/// `thendo workflow …`
#[derive(Debug, Subcommand)]
pub enum Workflow {
    /// List workflows by name
    List(list::List),
    /// Show one with its versions, what the compiler says of it, and its drawing
    Show(show::Show),
    /// Make drafts versions that are in force
    Publish(publish::Publish),
    /// Start one by hand
    Start(start::Start),
    /// Have one start nothing for now
    Pause(status::Pause),
    /// Have a paused one go on as it was
    Resume(status::Resume),
    /// Stop one, or all, at once and without losing anything
    Hold(hold::Hold),
    /// Let what is held go on
    Release(hold::Release),
    /// Put one aside for good; its history stays
    Archive(status::Archive),
    /// Take one back from the archive, as a draft
    Unarchive(status::Unarchive),
    /// Take a former version back, as a draft
    Restore(status::Restore),
    /// Show what two versions, or a version and a file, do differently
    Diff(diff::Diff),
    /// Store workflow files as drafts, which do not run
    Import(files::Import),
    /// Write workflows to files, fit for git
    Export(files::Export),
    /// Bring a folder up to what the database has
    Pull(pull::Pull),
    /// Bring the database up to what a folder has
    Push(push::Push),
    /// Store workflow files as published; one of the same name is replaced
    Load(load::Load),
}

impl Workflow {
    /// Runs it.
    ///
    /// # Errors
    /// When something is not there, is not as it must be, or the database can't be asked or written.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(list) => list.run(session).await,
            Self::Show(show) => show.run(session).await,
            Self::Publish(publish) => publish.run(session).await,
            Self::Start(start) => start.run(session).await,
            Self::Pause(pause) => pause.run(session).await,
            Self::Resume(resume) => resume.run(session).await,
            Self::Hold(hold) => hold.run(session).await,
            Self::Release(release) => release.run(session).await,
            Self::Archive(archive) => archive.run(session).await,
            Self::Unarchive(unarchive) => unarchive.run(session).await,
            Self::Restore(restore) => restore.run(session).await,
            Self::Diff(diff) => diff.run(session).await,
            Self::Import(import) => import.run(session).await,
            Self::Export(export) => export.run(session).await,
            Self::Pull(pull) => pull.run(session).await,
            Self::Push(push) => push.run(session).await,
            Self::Load(load) => load.run(session).await,
        }
    }
}

/// The one workflow that is meant.
pub(super) async fn one(connection: &mut PgConnection, name: &str) -> anyhow::Result<Head> {
    let found = versions::find(connection, name).await?;
    only(connection, found, name).await
}

/// As [`one`], for other commands.
pub(super) async fn named(pool: &PgPool, name: &str) -> anyhow::Result<Head> {
    one(&mut *pool.acquire().await?, name).await
}

/// The one workflow that is meant, locked until the transaction ends.
async fn one_to_edit(connection: &mut PgConnection, name: &str) -> anyhow::Result<Head> {
    let found = versions::find_to_edit(connection, name).await?;
    only(connection, found, name).await
}

async fn only(connection: &mut PgConnection, mut found: Vec<Head>, name: &str) -> anyhow::Result<Head> {
    match found.len() {
        0 => {
            let names = versions::names(connection).await?;
            let near = did_you_mean(name, names.iter().map(String::as_str));
            let help = near.unwrap_or_else(|| "`thendo workflow list` lists them".into());
            Err(Advice::error(format!("there is no workflow `{}`", one_line(name)), one_line(&help)))
        }
        1 => Ok(found.remove(0)),
        _ => Err(several(name, &found)),
    }
}

fn several(name: &str, found: &[Head]) -> anyhow::Error {
    let ids: Vec<String> = found.iter().map(|head| head.id.to_string()).collect();
    Advice::error(
        format!("{} workflows are called `{}`", found.len(), one_line(name)),
        format!("name one by its id: {}", ids.join(", ")),
    )
}

/// What is drawn, or an error that says why it can't be read.
pub(super) fn readable(name: &str, drawing: Result<Value, String>) -> anyhow::Result<Value> {
    drawing.map_err(|reason| {
        Advice::error(
            format!("the drawing of `{}` can't be read: {reason}", one_line(name)),
            "mend it in the editor, or `thendo workflow restore` a version that could be read",
        )
    })
}

/// A workflow or a file with what the compiler says of it.
pub(super) type Judged = (validate::Source, Vec<Diagnostic>);

/// A drawing from the database, as diagnostics point into it.
pub(in crate::cli) fn source_of(name: &str, drawing: Value) -> validate::Source {
    let text = serde_json::to_string_pretty(&drawing).unwrap_or_default();
    validate::Source { name: one_line(name), text, value: drawing }
}

/// Prints why nothing was done.
pub(super) fn refuse(faulty: &[Judged], format: Format, done: &str, of: usize) -> anyhow::Result<ExitCode> {
    if format == Format::Json {
        let verdicts: Vec<Value> =
            faulty.iter().map(|(source, found)| validate::verdict(source, found)).collect();
        print_json(&verdicts)?;
    } else {
        for (source, diagnostics) in faulty {
            validate::print(source, diagnostics, format)?;
        }
    }
    eprint_line(format_args!(
        "{BAD}error{BAD:#}: nothing was {done}: {} of {of} can't be {done}",
        faulty.len()
    ));
    Ok(ExitCode::FAILURE)
}
