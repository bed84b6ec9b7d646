//! `thendo workflow hold|release`: the emergency stop, of one workflow or of all.

use std::process::ExitCode;

use clap::{ArgGroup, Args};

use crate::cli::Session;
use crate::cli::ask::confirmed;
use crate::cli::desk::Desk;
use crate::cli::output::{Format, GOOD, WAIT, eprint_line, one_line, print_json, print_line};
use crate::operations::workflows::{self, How, OfWorkflow, Why};
use crate::operations::{Asked, Nothing, Operation, Refusal};

/// Which workflow.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["workflow", "all"]))]
struct Which {
    /// Its name or id
    #[arg(value_name = "NAME|ID")]
    workflow: Option<String>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Which {
    /// Asks one operation of a workflow, or the other of all.
    async fn ask<One, All, B>(&self, desk: &Desk, body: B, of_all: All::Body) -> Result<One::Output, Refusal>
    where
        One: Operation<Path = OfWorkflow, Query = Nothing, Body = B>,
        All: Operation<Path = Nothing, Query = Nothing, Output = One::Output>,
    {
        match self.workflow.clone() {
            Some(workflow) => desk.ask(Asked::<One>::new(OfWorkflow { workflow }, Nothing {}, body)).await,
            None => desk.ask(Asked::<All>::new(Nothing {}, Nothing {}, of_all)).await,
        }
    }
}

fn words(name: Option<&str>) -> String {
    name.map_or_else(|| "every workflow".into(), |name| format!("`{}`", one_line(name)))
}

/// `thendo workflow hold`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow hold order-thanks --reason 'wrong discount'
  thendo workflow hold --all

The emergency stop: within a second nothing of it moves any more, mails that are waiting to be sent included, and
nothing is lost: what happens meanwhile is done when it is released. (`thendo workflow pause` lets what is under way
end, and starts nothing for what happens meanwhile, not even later.)")]
pub struct Hold {
    #[command(flatten)]
    which: Which,
    /// Why, for whoever finds it held
    #[arg(long, default_value = "")]
    reason: String,
}

/// `thendo workflow release`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow release order-thanks               go on, with what was held
  thendo workflow release order-thanks --discard     go on, without it
  thendo workflow release --all")]
pub struct Release {
    #[command(flatten)]
    which: Which,
    /// Cancel what was held
    #[arg(long, conflicts_with = "all")]
    discard: bool,
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

impl Hold {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let desk = session.desk().await?;
        let why = Why { reason: self.reason };
        let held = self.which.ask::<workflows::Hold, workflows::HoldAll, _>(&desk, why.clone(), why).await?;
        let name = words(held.workflow.as_deref());
        match self.which.format {
            Format::Json => print_json(&held)?,
            Format::Text if held.was_held => {
                print_line(format_args!("{WAIT}◐{WAIT:#} {name} was held already"))?;
            }
            Format::Text => print_line(format_args!("{WAIT}◐{WAIT:#} {name} is held"))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Release {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let desk = session.desk().await?;
        if self.discard && !self.yes {
            let name = words(self.which.workflow.as_deref());
            if !confirmed(&format!("Cancel everything of {name} that was held?"))? {
                eprint_line(format_args!("nothing was done"));
                return Ok(ExitCode::FAILURE);
            }
        }
        let how = How { discard: self.discard };
        let asked = self.which.ask::<workflows::Release, workflows::ReleaseAll, _>(&desk, how, Nothing {});
        let released = asked.await?;
        let (name, let_go) = (words(released.workflow.as_deref()), released.let_go);
        let done = if released.discarded { "cancelled" } else { "going on" };
        match self.which.format {
            Format::Json => print_json(&released)?,
            Format::Text if released.workflow.is_none() => {
                print_line(format_args!("{GOOD}●{GOOD:#} {name} goes on"))?;
            }
            Format::Text => {
                print_line(format_args!("{GOOD}●{GOOD:#} {name} is released; {let_go} executions {done}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
