//! `thendo events replay`: events start what they start once more.

use std::process::ExitCode;

use clap::{ArgGroup, Args};
use uuid::Uuid;

use super::Which;
use crate::cli::desk::Desk;
use crate::cli::output::{Format, GOOD, QUIET, STRONG, eprint_line, one_line, print_json, print_line};
use crate::operations::events::{self as operation, ReplayAnswer, ReplayWhat};
use crate::operations::{Asked, Nothing};
use crate::store::replays::MOST_COUNTED;

/// `thendo events replay`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(false).args(["events", "since"]))]
#[command(after_help = "\
Examples:
  thendo events replay 9a1f0c7e-2a30-4cc1-9d39-d8fb0a86bd13 --confirm
  thendo events replay --since 2h --table orders --workflow order-thanks             what would be replayed
  thendo events replay --since 2h --table orders --workflow order-thanks --confirm

The daemon runs the workflows that are in force by now on the events as they were recorded, as executions of their own: points are
awarded and mails are sent once more. An event that was replayed before is left out, so a command that was cut short can
be given again; --again replays it once more. Where a workflow's settings have it start only once, it does
not start again, unless --lift-guards says so. Without --confirm nothing is done, and it exits with 1.

To only see what a range would do, without any of it: `thendo backtest WORKFLOW --since 2h --database` runs it in transactions
that are rolled back; of one event, `thendo test-run WORKFLOW --event-id ID`.")]
pub struct Replay {
    /// Their ids, as `events list` prints them
    #[arg(conflicts_with_all = ["until", "table", "operation", "entity"])]
    events: Vec<Uuid>,
    #[command(flatten)]
    which: Which,
    /// Only for this workflow (name or id)
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
    /// Also those that were replayed before
    #[arg(long)]
    again: bool,
    /// Also where `once` and the like in a workflow's flow settings would have it start no more
    #[arg(long)]
    lift_guards: bool,
    /// Do it
    #[arg(long)]
    confirm: bool,
    /// Who says so [default: the command line; by --server whose key it is]
    #[arg(long)]
    by: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Replay {
    pub(super) async fn run(self, desk: &Desk) -> anyhow::Result<ExitCode> {
        let (operation, again, confirm, format) = (self.which.done(), self.again, self.confirm, self.format);
        let Which { table, entity, since, until, .. } = self.which;
        let mut what = ReplayWhat {
            events: self.events,
            since,
            until,
            table,
            operation,
            entity,
            workflow: self.workflow,
            again,
            lift_guards: self.lift_guards,
            confirm,
            cursor: None,
            by: self.by,
        };
        let ask = async |what: &ReplayWhat| {
            desk.ask(Asked::<operation::Replay>::new(Nothing {}, Nothing {}, what.clone())).await
        };
        let mut answer = ask(&what).await?;
        // What was queued stays queued if it is cut short.
        while let Some(next) = answer.next.take() {
            what.cursor = Some(next);
            let more = ask(&what).await.inspect_err(|_| {
                if confirm {
                    let far = answer.replayed;
                    eprint_line(format_args!(
                        "{far} events are queued already, the oldest of those that are meant"
                    ));
                }
            })?;
            answer.replayed += more.replayed;
            answer.next = more.next;
        }
        match format {
            Format::Json => print_json(&answer)?,
            Format::Text => print_answer(&answer, again, confirm)?,
        }
        if confirm {
            return Ok(ExitCode::SUCCESS);
        }
        eprint_line("nothing was done: add --confirm to do it");
        Ok(ExitCode::FAILURE)
    }
}

fn print_answer(answer: &ReplayAnswer, again: bool, confirmed: bool) -> anyhow::Result<()> {
    let count: i64 = answer.events.iter().filter(|of| again || !of.replayed).map(|of| of.count).sum();
    let plural = |count: i64| if count == 1 { "event" } else { "events" };
    if confirmed {
        let replayed = i64::try_from(answer.replayed).unwrap_or(i64::MAX);
        print_line(format_args!(
            "{GOOD}●{GOOD:#} {replayed} {} queued to be replayed",
            if replayed == 1 { "event is" } else { "events are" }
        ))?;
    } else {
        let more = if count >= MOST_COUNTED { "more than " } else { "" };
        print_line(format_args!("{STRONG}Would be replayed{STRONG:#}  {more}{count} {}", plural(count)))?;
    }
    for of in &answer.events {
        let left_out = if of.replayed && !again { ", replayed before: left out without --again" } else { "" };
        let (table, operation, count) = (one_line(&of.table_name), &of.operation, of.count);
        print_line(format_args!("  {table} {operation}  {count}{QUIET}{left_out}{QUIET:#}"))?;
    }
    let names: Vec<String> = answer.workflows.iter().map(|name| one_line(name)).collect();
    print_line(format_args!("  {QUIET}by {}, unless their filters object{QUIET:#}", names.join(", ")))
}
