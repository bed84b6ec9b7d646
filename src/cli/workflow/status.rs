//! `thendo workflow pause|resume|archive|unarchive|restore`: what runs and what does not.

use std::process::ExitCode;

use super::{publish, refused};
use crate::cli::Session;
use crate::cli::output::{Format, GOOD, QUIET, one_line, print_json, print_line};
use crate::operations::workflows::{self, Moved, OfVersion, OfWorkflow, RestoreWhat};
use crate::operations::{Asked, Nothing, Operation};
use clap::Args;

/// What these commands are told.
#[derive(Debug, Args)]
struct Which {
    /// Its name or id
    #[arg(value_name = "NAME|ID")]
    workflow: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `thendo workflow pause`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow pause order-thanks
  thendo workflow pause order-thanks --format json

A paused workflow starts nothing, from the moment this command ends. What is under way goes on to its end.
Events that happen meanwhile are recorded, but they don't start it, not even when it is resumed: it
sees only what happens from then on. `thendo test-run` shows what one of them would have done.")]
pub struct Pause {
    #[command(flatten)]
    which: Which,
}

/// `thendo workflow resume`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow resume order-thanks

Puts what was in force before the pause in force again, for events from now on; it gets the next number.
A draft that was drawn meanwhile stays a draft: `thendo workflow publish` puts that in force.")]
pub struct Resume {
    #[command(flatten)]
    which: Which,
}

/// `thendo workflow archive`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow archive order-thanks

It starts nothing more; what is under way goes on to its end. Its versions and executions stay.")]
pub struct Archive {
    #[command(flatten)]
    which: Which,
}

/// `thendo workflow unarchive`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow unarchive order-thanks
  thendo workflow publish order-thanks      have it run again")]
pub struct Unarchive {
    #[command(flatten)]
    which: Which,
}

/// `thendo workflow restore`
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  thendo workflow restore order-thanks --version 2
  thendo workflow diff order-thanks         see what publishing it would change
  thendo workflow publish order-thanks      put it in force, as a new version

What runs goes on as it is until then. A draft that is in no version is not drawn over unless --force says so."
)]
pub struct Restore {
    #[command(flatten)]
    which: Which,
    /// The version to take back
    #[arg(long, value_name = "N")]
    version: i32,
    /// Draw over a draft that is in no version
    #[arg(long)]
    force: bool,
}

/// Asks for a change of state, and tells it.
async fn take<O>(session: &Session, which: Which, done: &str) -> anyhow::Result<ExitCode>
where
    O: Operation<Path = OfWorkflow, Query = Nothing, Body = Nothing, Output = Moved>,
{
    let path = OfWorkflow { workflow: which.workflow };
    let moved = session.desk().await?.ask(Asked::<O>::new(path, Nothing {}, Nothing {})).await?;
    let already = if moved.before == moved.status { " already" } else { "" };
    tell(which.format, &moved, &format!("is {done}{already}"))
}

impl Pause {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        take::<workflows::Pause>(session, self.which, "paused").await
    }
}

impl Archive {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        take::<workflows::Archive>(session, self.which, "archived").await
    }
}

impl Unarchive {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        take::<workflows::Unarchive>(session, self.which, "a draft again").await
    }
}

fn tell(format: Format, moved: &Moved, words: &str) -> anyhow::Result<ExitCode> {
    if format == Format::Json {
        print_json(moved)?;
        return Ok(ExitCode::SUCCESS);
    }
    print_line(format_args!("{GOOD}●{GOOD:#} {} {words}", one_line(&moved.workflow)))?;
    let under_way: i64 = moved.in_flight.iter().map(|of| of.executions).sum();
    if under_way > 0 {
        let (what, goes) = if under_way == 1 { ("execution", "goes") } else { ("executions", "go") };
        print_line(format_args!("  {QUIET}{under_way} {what} in flight {goes} on to the end{QUIET:#}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Resume {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let desk = session.desk().await?;
        let path = OfWorkflow { workflow: self.which.workflow };
        let published =
            match desk.ask(Asked::<workflows::Resume>::new(path.clone(), Nothing {}, Nothing {})).await {
                Ok(published) => published,
                Err(refusal) => return refused(refusal, self.which.format),
            };
        if published.is_empty() {
            let query = OfVersion::default();
            let head = desk.ask(Asked::<workflows::Show>::new(path, query, Nothing {})).await?;
            let (status, before) = (head.status.clone(), head.status);
            let moved = Moved { id: head.id, workflow: head.name, status, before, in_flight: Vec::new() };
            return tell(self.which.format, &moved, "is not paused: it runs");
        }
        if self.which.format == Format::Json {
            print_json(&published)?;
        } else {
            published.iter().try_for_each(publish::print)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Restore {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let path = OfWorkflow { workflow: self.which.workflow };
        let body = RestoreWhat { version: self.version, force: self.force };
        let restored =
            session.desk().await?.ask(Asked::<workflows::Restore>::new(path, Nothing {}, body)).await?;
        if self.which.format == Format::Json {
            print_json(&restored)?;
        } else {
            let (name, version) = (one_line(&restored.workflow), restored.restored);
            print_line(format_args!("{GOOD}●{GOOD:#} {name}: v{version} is the draft"))?;
            print_line(format_args!("  {QUIET}`thendo workflow publish {name}` puts it in force{QUIET:#}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
