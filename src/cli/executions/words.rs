//! `thendo executions approvals|approve|refuse|cancel|retry`: what admins tell executions.

use std::process::ExitCode;

use clap::{ArgGroup, Args};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::cli::Session;
use crate::cli::ask::confirmed;
use crate::cli::output::{
    Advice, Format, GOOD, QUIET, STRONG, eprint_line, one_line, print_json, print_line, time,
};
use crate::cli::workflow::named;
use crate::domain::word::{From, Place, Version, What, Word};
use crate::store::lists;
use crate::store::telling::{self, AT_ONCE, Asked, Chosen};
use crate::workflow::span::Span;

const BY: &str = "the command line";

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
        let found = telling::asked(&session.pool().await?, None, self.limit).await?;
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
    /// Who says so
    #[arg(long, default_value = BY)]
    by: String,
}

impl Answer {
    pub(super) async fn run(self, session: &Session, granted: bool) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let asked = telling::asked(&pool, Some(self.execution), lists::MOST).await?;
        let item = |asked: &Asked| -> Vec<u32> {
            asked.item.iter().filter_map(|at| u32::try_from(*at).ok()).collect()
        };
        let meant: Vec<&Asked> = asked
            .iter()
            .filter(|asked| self.node.as_ref().is_none_or(|node| *node == asked.node))
            .filter(|asked| self.item.as_ref().is_none_or(|wanted| *wanted == item(asked)))
            .collect();
        let one = match meant.as_slice() {
            [one] => one,
            [] => {
                return Err(Advice::error(
                    format!(
                        "execution {} waits for no approval{}",
                        self.execution,
                        of_node(self.node.as_deref())
                    ),
                    "`thendo executions approvals` lists what waits for one",
                ));
            }
            several => {
                let places: Vec<_> =
                    several.iter().map(|one| format!("--node {}{}", one.node, items(&item(one)))).collect();
                return Err(Advice::error(
                    format!("execution {} waits for {} approvals", self.execution, several.len()),
                    format!("say which: {}", one_line(&places.join(", "))),
                ));
            }
        };
        let place = Place { node: one.node.clone(), item: item(one) };
        let what = if granted { What::Approve(place) } else { What::Refuse(place) };
        let word = Word { what, by: self.by, comment: self.comment };
        if telling::tell(&pool, &[self.execution], &word).await?.is_empty() {
            return Err(Advice::error(
                format!("execution {} waits no more", self.execution),
                "`thendo executions show` tells what became of it",
            ));
        }
        let done = if granted { "approved" } else { "refused" };
        print_line(format_args!("{GOOD}●{GOOD:#} {done}; the daemon goes on with it at once"))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn of_node(node: Option<&str>) -> String {
    node.map_or_else(String::new, |node| format!(" at `{}`", one_line(node)))
}

fn items(item: &[u32]) -> String {
    if item.is_empty() {
        return String::new();
    }
    let item: Vec<String> = item.iter().map(ToString::to_string).collect();
    format!(" --item {}", item.join(","))
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
    /// Who says so
    #[arg(long, default_value = BY)]
    by: String,
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
        let bulk =
            Bulk { what: What::Cancel, verb: "cancel", done: "cancelled", none: "no such execution rests" };
        bulk.run(session, self.which).await
    }
}

impl Retry {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let what = What::Retry { from: self.from, version: self.on };
        let none = "no such execution has failed, or it was tried again already";
        Bulk { what, verb: "try again", done: "tried again", none }.run(session, self.which).await
    }
}

struct Bulk {
    what: What,
    verb: &'static str,
    done: &'static str,
    none: &'static str,
}

impl Bulk {
    async fn run(self, session: &Session, which: Which) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let chosen = Chosen {
            workflow: match &which.workflow {
                Some(name) => Some(named(&pool, name).await?.id),
                None => None,
            },
            since_s: which.since.map(|since| since.0.num_seconds()),
        };
        if which.executions.is_empty() {
            let count = self.choose(&pool, &chosen, None, lists::MOST).await?.len();
            let more =
                if i64::try_from(count).is_ok_and(|count| count == lists::MOST) { "more than " } else { "" };
            if count > 0 && !which.yes && !confirmed(&format!("{} {more}{count} executions?", self.verb))? {
                eprint_line(format_args!("nothing was done"));
                return Ok(ExitCode::FAILURE);
            }
        }
        let word = Word { what: self.what.clone(), by: which.by.clone(), comment: String::new() };
        let mut told = 0;
        if which.executions.is_empty() {
            let mut after = None;
            loop {
                let ids = self.choose(&pool, &chosen, after, AT_ONCE).await?;
                told += telling::tell(&pool, &ids, &word).await?.len();
                after = ids.last().copied();
                if i64::try_from(ids.len()).is_ok_and(|count| count < AT_ONCE) {
                    break;
                }
            }
        } else {
            told = telling::tell(&pool, &which.executions, &word).await?.len();
        }
        self.report(told, &which)
    }

    async fn choose(
        &self,
        pool: &PgPool,
        chosen: &Chosen,
        after: Option<Uuid>,
        limit: i64,
    ) -> sqlx::Result<Vec<Uuid>> {
        match self.what {
            What::Retry { .. } => telling::failed(pool, chosen, after, limit).await,
            _ => telling::resting(pool, chosen, after, limit).await,
        }
    }

    fn report(&self, told: usize, which: &Which) -> anyhow::Result<ExitCode> {
        if told == 0 && !which.executions.is_empty() {
            let help = "`thendo executions list --status failed` and `--status waiting` list what can be told something";
            return Err(Advice::error(self.none, help));
        }
        match which.format {
            Format::Json => print_json(&json!({"told": told}))?,
            Format::Text => {
                let plural = if told == 1 { "execution is" } else { "executions are" };
                print_line(format_args!("{GOOD}●{GOOD:#} {told} {plural} {}", self.done))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
