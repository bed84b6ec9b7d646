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

use super::output::{BAD, Format, eprint_line, one_line, print_json};
use super::{Session, validate};
use crate::operations::Refusal;
use crate::operations::refusal::Faulty;
pub(super) use crate::operations::workflows::readable;
use crate::workflow::diagnostics::Diagnostic;
pub(super) use files::read_all;
pub use load::examples;
pub(super) use publish::is_file;

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

/// A workflow or a file with what the compiler says of it.
pub(super) type Judged = (validate::Source, Vec<Diagnostic>);

/// A drawing from the database, as diagnostics point into it.
pub(in crate::cli) fn source_of(name: &str, drawing: Value) -> validate::Source {
    let text = serde_json::to_string_pretty(&drawing).unwrap_or_default();
    validate::Source { name: one_line(name), text, value: drawing }
}

/// Prints why nothing was done.
pub(super) fn refuse(faulty: &[Judged], format: Format, done: &str, of: usize) -> anyhow::Result<ExitCode> {
    tell_faulty(faulty, format, &format!("nothing was {done}: {} of {of} can't be {done}", faulty.len()))
}

fn tell_faulty(faulty: &[Judged], format: Format, message: &str) -> anyhow::Result<ExitCode> {
    if format == Format::Json {
        let verdicts: Vec<Value> =
            faulty.iter().map(|(source, found)| validate::verdict(source, found)).collect();
        print_json(&verdicts)?;
    } else {
        for (source, diagnostics) in faulty {
            validate::print(source, diagnostics, format)?;
        }
    }
    eprint_line(format_args!("{BAD}error{BAD:#}: {message}"));
    Ok(ExitCode::FAILURE)
}

/// Prints why an operation refused workflows; what else it says is an error.
fn refused(refusal: Refusal, format: Format) -> anyhow::Result<ExitCode> {
    match refusal {
        Refusal::Told(told) if !told.faulty.is_empty() => {
            let judged =
                |of: Faulty| (source_of(&of.workflow, of.drawing.unwrap_or_default()), of.diagnostics);
            let faulty: Vec<Judged> = told.faulty.into_iter().map(judged).collect();
            tell_faulty(&faulty, format, &told.message)
        }
        other => Err(other.into()),
    }
}
