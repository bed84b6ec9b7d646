//! `thendo executions approvals|approve|refuse|cancel|retry`: what admins tell executions.

use std::process::ExitCode;

use clap::{ArgGroup, Args};
use serde_json::json;
use uuid::Uuid;

use crate::cli::Session;
use crate::cli::ask::confirmed;
use crate::cli::output::{Format, GOOD, QUIET, STRONG, eprint_line, one_line, print_json, print_line, time};
use crate::domain::word::{From, Version};
use crate::operations::executions::{self, CancelWhat, OfExecution, RetryWhat, Told};
use crate::operations::{Asked as Ask, Nothing, Part, Refusal};
use crate::store::lists;
use crate::store::telling::{AT_ONCE, Asked};
use crate::workflow::span::Span;

/// `thendo executions approvals`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo executions approvals
  thendo executions approvals --format json")]
pub struct Approvals {
    /// Most to list
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=lists::MOST))]
    limit: i64,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Approvals {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let query = |limit, cursor| Part { limit, cursor };
        let found = session.desk().await?.list::<executions::Approvals, _>(self.limit, query).await?;
        if self.format == Format::Json {
            print_json(&found)?;
            return Ok(ExitCode::SUCCESS);
        }
        if found.is_empty() {
            print_line(format_args!("{QUIET}nothing waits for an approval{QUIET:#}"))?;
        }
        for Asked { execution, node, workflow, question, since, .. } in &found {
            let workflow = one_line(workflow.as_deref().unwrap_or("(gone)"));
            let question = one_line(question.as_deref().unwrap_or_default());
            print_line(format_args!(
                "◐ {execution}  {STRONG}{question}{STRONG:#}  {QUIET}{workflow}, {}, since {}{QUIET:#}",
                one_line(node),
                time(*since)
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// `thendo executions approve` and `refuse`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo executions approvals                       what waits, and for what
  thendo executions approve 01963d7e-2a30-5cc1-9d39-d8fb0a86bd13
  thendo executions refuse 01963d7e-… --comment 'too much for this month'")]
pub struct Answer {
    /// Its id, as `executions approvals` prints it
    execution: Uuid,
    /// Which approval, if it waits for several
    #[arg(long)]
    node: Option<String>,
    /// Of which items of the loops around it, from the outermost, counted from 0
    #[arg(long, value_delimiter = ',', requires = "node")]
    item: Option<Vec<u32>>,
    /// What later nodes and the trace show beside it
    #[arg(long, default_value = "")]
    comment: String,
    /// Who says so [default: the command line; by --server whose key it is]
    #[arg(long)]
    by: Option<String>,
}

impl Answer {
    pub(super) async fn run(self, session: &Session, granted: bool) -> anyhow::Result<ExitCode> {
        let path = OfExecution { execution: self.execution };
        let body =
            executions::Answer { node: self.node, item: self.item, comment: self.comment, by: self.by };
        let desk = session.desk().await?;
        match granted {
            true => desk.ask(Ask::<executions::Approve>::new(path, Nothing {}, body)).await?,
            false => desk.ask(Ask::<executions::Refuse>::new(path, Nothing {}, body)).await?,
        };
        let done = if granted { "approved" } else { "refused" };
        print_line(format_args!("{GOOD}●{GOOD:#} {done}; the daemon goes on with it at once"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Which executions a word is for.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(false).args(["executions", "workflow", "all"]))]
struct Which {
    /// Their ids, as `executions list` prints them
    executions: Vec<Uuid>,
    /// All of this workflow (name or id)
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Of those, only the ones of the last `2h`, `7d` …
    #[arg(long, value_name = "SPAN", value_parser = Span::read, conflicts_with = "executions")]
    since: Option<Span>,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    /// Who says so [default: the command line; by --server whose key it is]
    #[arg(long)]
    by: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `thendo executions cancel`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo executions cancel 01963d7e-2a30-5cc1-9d39-d8fb0a86bd13
  thendo executions cancel --workflow win-back --since 2h

What waits, or was not reached, does not happen any more; what was done stays. Only executions that rest can
be cancelled: the others end within moments by themselves.")]
pub struct Cancel {
    #[command(flatten)]
    which: Which,
}

/// `thendo executions retry`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo executions retry 01963d7e-2a30-5cc1-9d39-d8fb0a86bd13
  thendo executions retry --workflow order-thanks --since 2h --on latest
  thendo executions retry 01963d7e-… --from start

A failed execution goes on where it failed, as another attempt of the same execution: points, deposits and mails
that are done are not repeated. A mail of which nobody knows whether it arrived is not sent again.")]
pub struct Retry {
    #[command(flatten)]
    which: Which,
    /// From where
    #[arg(long, value_enum, default_value_t)]
    from: From,
    /// On which version of the workflow
    #[arg(long, value_enum, default_value_t)]
    on: Version,
}

impl Cancel {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let desk = session.desk().await?;
        let tell = async |which| {
            desk.ask(Ask::<executions::Cancel>::new(Nothing {}, Nothing {}, CancelWhat { which })).await
        };
        bulk(self.which, tell, "cancel", "cancelled").await
    }
}

impl Retry {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let desk = session.desk().await?;
        let (from, on) = (self.from, self.on);
        let tell = async |which| {
            let body = RetryWhat { which, from, on };
            desk.ask(Ask::<executions::Retry>::new(Nothing {}, Nothing {}, body)).await
        };
        bulk(self.which, tell, "try again", "tried again").await
    }
}

/// Tells those that are named, or all of a choice, some at a time, after asking.
async fn bulk(
    which: Which,
    tell: impl AsyncFn(executions::Which) -> Result<Told, Refusal>,
    verb: &str,
    done: &str,
) -> anyhow::Result<ExitCode> {
    let mut wanted = executions::Which {
        executions: Vec::new(),
        workflow: which.workflow,
        all: which.all,
        since_s: which.since.map(|since| since.0.num_seconds()),
        after: None,
        dry_run: false,
        by: which.by,
    };
    if which.executions.is_empty() {
        let count = tell(executions::Which { dry_run: true, ..wanted.clone() }).await?;
        let more = if count.next.is_some() { "more than " } else { "" };
        let question = format!("{verb} {more}{} executions?", count.told);
        if count.told > 0 && !which.yes && !confirmed(&question)? {
            eprint_line(format_args!("nothing was done"));
            return Ok(ExitCode::FAILURE);
        }
    }
    let mut all = 0;
    let mut parts = which.executions.chunks(AT_ONCE as usize);
    wanted.executions = parts.next().unwrap_or_default().to_vec();
    loop {
        let Told { told, next } = tell(wanted.clone()).await?;
        all += told;
        wanted.after = next;
        match (next, parts.next()) {
            (Some(_), _) => {}
            (None, Some(part)) => wanted.executions = part.to_vec(),
            (None, None) => break,
        }
    }
    match which.format {
        Format::Json => print_json(&json!({"told": all}))?,
        Format::Text => {
            let plural = if all == 1 { "execution is" } else { "executions are" };
            print_line(format_args!("{GOOD}●{GOOD:#} {all} {plural} {done}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
