//! `thendo workflow hold|release`: the emergency stop, of one workflow or of all.

use std::process::ExitCode;

use clap::{ArgGroup, Args};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::named;
use crate::cli::Session;
use crate::cli::ask::confirmed;
use crate::cli::output::{Advice, Format, GOOD, WAIT, eprint_line, one_line, print_json, print_line};
use crate::store::telling::{self, ALL};

const BY: &str = "the command line";

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
    async fn id(&self, pool: &PgPool) -> anyhow::Result<(Uuid, String)> {
        match &self.workflow {
            Some(name) => {
                named(pool, name).await.map(|head| (head.id, format!("`{}`", one_line(&head.name))))
            }
            None => Ok((ALL, "every workflow".into())),
        }
    }
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
        let pool = session.pool().await?;
        let (id, name) = self.which.id(&pool).await?;
        let held = telling::hold(&pool, id, &self.reason, BY).await?;
        match self.which.format {
            Format::Json => print_json(&json!({"workflow_id": id, "held": true, "was_held": !held}))?,
            Format::Text if held => print_line(format_args!("{WAIT}◐{WAIT:#} {name} is held"))?,
            Format::Text => print_line(format_args!("{WAIT}◐{WAIT:#} {name} was held already"))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Release {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let (id, name) = self.which.id(&pool).await?;
        if self.discard && !self.yes && !confirmed(&format!("Cancel everything of {name} that was held?"))? {
            eprint_line(format_args!("nothing was done"));
            return Ok(ExitCode::FAILURE);
        }
        let Some(let_go) = telling::release(&pool, id, self.discard, BY).await? else {
            return Err(Advice::error(
                format!("{name} is not held"),
                "`thendo workflow list` tells what is; one that is paused is resumed",
            ));
        };
        let done = if self.discard { "cancelled" } else { "going on" };
        match self.which.format {
            Format::Json => {
                print_json(&json!({"workflow_id": id, "let_go": let_go, "discarded": self.discard}))?
            }
            Format::Text if id == ALL => print_line(format_args!("{GOOD}●{GOOD:#} {name} goes on"))?,
            Format::Text => {
                print_line(format_args!("{GOOD}●{GOOD:#} {name} is released; {let_go} executions {done}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
