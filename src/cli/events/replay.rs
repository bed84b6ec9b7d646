//! `thendo events replay`: events start what they start once more.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args};
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use super::{Which, one};
use crate::cli::Session;
use crate::cli::output::{
    Advice, Format, GOOD, QUIET, STRONG, eprint_line, one_line, print_json, print_line,
};
use crate::cli::workflow::named;
use crate::store::events::{self, EventFilter};
use crate::store::replays::{self, Counted, MOST_COUNTED, Wanted};

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
    /// Who says so
    #[arg(long, default_value = "the command line")]
    by: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What comes of it.
#[derive(Debug, Default, Serialize)]
struct Answer {
    /// Events that are queued; none if it was not confirmed.
    replayed: usize,
    /// Events that are meant, by kind.
    events: Vec<Counted>,
    /// Workflows that begin with such, unless their filters object.
    workflows: Vec<String>,
}

impl Answer {
    fn count(&self, again: bool) -> i64 {
        self.events.iter().filter(|of| again || !of.replayed).map(|of| of.count).sum()
    }
}

/// The events that are meant.
enum Meant {
    These(Vec<(DateTime<Utc>, Uuid)>),
    Range(EventFilter),
}

impl Replay {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let workflow = match &self.workflow {
            Some(name) => Some(named(&pool, name).await?),
            None => None,
        };
        let wanted = Wanted {
            workflow: workflow.as_ref().map(|head| head.id),
            lifts_guards: self.lift_guards,
            again: self.again,
            by: self.by,
        };
        let (meant, counted) = match self.events.as_slice() {
            [] => {
                let mut filter = self.which.filter(&pool).await?;
                // What happens from now on is not replayed before it has happened.
                filter.until = filter.until.or(Some(events::clock(&pool).await?));
                let counted = replays::count(&pool, &filter, &wanted).await?;
                (Meant::Range(filter), counted)
            }
            ids => these(&pool, ids, &wanted).await?,
        };
        let (tables, operations): (Vec<_>, Vec<_>) =
            counted.iter().map(|of| (of.table_name.clone(), of.operation.clone())).unzip();
        let listeners = replays::listeners(&pool, &tables, &operations, wanted.workflow).await?;
        let mut answer = Answer {
            events: counted,
            workflows: listeners.into_iter().map(|(_, name)| name).collect(),
            ..Answer::default()
        };
        if answer.workflows.is_empty() {
            return Err(nothing(workflow.map(|head| head.name).as_deref()));
        }
        if self.confirm {
            answer.replayed = match meant {
                Meant::These(events) => replays::ask(&pool, &events, &wanted).await?.len(),
                Meant::Range(filter) => ask_in_turns(&pool, &filter, &wanted).await?,
            };
        }
        match self.format {
            Format::Json => print_json(&answer)?,
            Format::Text => print_answer(&answer, &wanted, self.confirm)?,
        }
        if self.confirm {
            return Ok(ExitCode::SUCCESS);
        }
        eprint_line("nothing was done: add --confirm to do it");
        Ok(ExitCode::FAILURE)
    }
}

fn nothing(workflow: Option<&str>) -> anyhow::Error {
    let of =
        workflow.map_or_else(|| "no workflow".to_owned(), |name| format!("`{}` does not", one_line(name)));
    let begins = if workflow.is_some() { "begin" } else { "in force begins" };
    Advice::error(
        format!("there is nothing to replay: {of} {begins} with such events, or there are none"),
        "`thendo events list` lists events, `thendo workflow list` what is in force",
    )
}

async fn these(pool: &PgPool, ids: &[Uuid], wanted: &Wanted) -> anyhow::Result<(Meant, Vec<Counted>)> {
    let (mut meant, mut counted) = (Vec::new(), Vec::<Counted>::new());
    for id in ids {
        let event = one(pool, *id).await?.event;
        let replays = replays::of_event(pool, *id, event.at).await?;
        let same = |of: Option<Uuid>| of.is_none() || wanted.workflow.is_none() || of == wanted.workflow;
        let replayed = replays.iter().any(|replay| same(replay.workflow_id));
        meant.push((event.at, *id));
        let kind = |of: &&mut Counted| {
            of.table_name == event.table_name && of.operation == event.operation && of.replayed == replayed
        };
        match counted.iter_mut().find(kind) {
            Some(of) => of.count += 1,
            None => {
                let (table_name, operation) = (event.table_name, event.operation);
                counted.push(Counted { table_name, operation, replayed, count: 1 });
            }
        }
    }
    Ok((Meant::These(meant), counted))
}

/// Some hundreds at a time, in their order. What was queued stays queued if it is cut short.
async fn ask_in_turns(pool: &PgPool, filter: &EventFilter, wanted: &Wanted) -> anyhow::Result<usize> {
    let (mut asked, mut after) = (0, None);
    loop {
        let events = replays::next(pool, filter, wanted, after).await?;
        let Some(last) = events.last().copied() else { return Ok(asked) };
        asked += replays::ask(pool, &events, wanted).await?.len();
        after = Some(last);
    }
}

fn print_answer(answer: &Answer, wanted: &Wanted, confirmed: bool) -> anyhow::Result<()> {
    let count = answer.count(wanted.again);
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
        let left_out =
            if of.replayed && !wanted.again { ", replayed before: left out without --again" } else { "" };
        let (table, operation, count) = (one_line(&of.table_name), &of.operation, of.count);
        print_line(format_args!("  {table} {operation}  {count}{QUIET}{left_out}{QUIET:#}"))?;
    }
    let names: Vec<String> = answer.workflows.iter().map(|name| one_line(name)).collect();
    print_line(format_args!("  {QUIET}by {}, unless their filters object{QUIET:#}", names.join(", ")))
}
