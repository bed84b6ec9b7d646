//! `thendo events …`: what happened, and once more.

mod replay;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;
use uuid::Uuid;

use super::Session;
use super::desk::Desk;
use super::output::{
    BAD, Format, GOOD, QUIET, STRONG, eprint_line, is_denied, one_line, print_json, print_line, shape, time,
};
use crate::operations::events::{self as operation, Done, Filter, OfEvent, names};
use crate::operations::moment::Moment;
use crate::operations::{Asked, MOST, Nothing};
use crate::store::events::{EventDetail, EventRow};
use crate::store::lists;

/// `thendo events …`
#[derive(Debug, Subcommand)]
pub enum Events {
    /// List recorded events, the newest first
    List(List),
    /// Show one event: its row, what changed, what it started
    Show(Show),
    /// Have events start what they start once more
    Replay(replay::Replay),
}

/// Which events are meant.
#[derive(Debug, Args)]
struct Which {
    /// Only of this table
    #[arg(long)]
    table: Option<String>,
    /// Only of this kind
    #[arg(long, value_parser = ["insert", "update", "delete"])]
    operation: Option<String>,
    /// Only of this customer, or of a row without one, by its id
    #[arg(long, value_name = "ID")]
    entity: Option<String>,
    /// Only from then on: `2h`, `7d` (ago), a day or an instant
    #[arg(long, value_name = "TIME", value_parser = Moment::read)]
    since: Option<Moment>,
    /// Only before then
    #[arg(long, value_name = "TIME", value_parser = Moment::read)]
    until: Option<Moment>,
}

impl Which {
    fn done(&self) -> Option<Done> {
        self.operation.as_deref().and_then(Done::read)
    }
}

/// `thendo events list`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo events list --table orders --since 2h
  thendo events list --type order_paid       what the trigger of that name would begin with
  thendo events list --entity 0193f1c2-… --format json
  thendo events list --before 01963d7e-…     go on after the last one of a list")]
pub struct List {
    #[command(flatten)]
    which: Which,
    /// Only what a trigger of this kind would begin with, whatever its settings: `order_paid`
    #[arg(long = "type", value_name = "KIND", value_parser = names(), hide_possible_values = true)]
    kind: Option<String>,
    /// Only those that come after this one in the list
    #[arg(long, value_name = "EVENT")]
    before: Option<Uuid>,
    /// Most to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=lists::MOST))]
    limit: i64,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `thendo events show`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo events show 9a1f0c7e-2a30-4cc1-9d39-d8fb0a86bd13
  thendo events show 9a1f0c7e-2a30-4cc1-9d39-d8fb0a86bd13 --format json")]
pub struct Show {
    /// Its id, as `events list` and `executions show` print it
    event: Uuid,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Events {
    /// Runs it.
    ///
    /// # Errors
    /// When the database can't be asked, or there is no such event.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let desk = session.desk().await?;
        let (done, what) = match self {
            Self::List(list) => (list.run(&desk).await, "read events"),
            Self::Show(show) => (show.run(&desk).await, "read events"),
            Self::Replay(replay) => (replay.run(&desk).await, "read events and have them replayed"),
        };
        done.map_err(|fault| match is_denied(&fault) {
            true => {
                fault.context(format!("the login of the connection string may not {what}; nothing was done"))
            }
            false => fault,
        })
    }
}

impl List {
    async fn run(self, desk: &Desk) -> anyhow::Result<ExitCode> {
        let most = usize::try_from(self.limit).unwrap_or_default();
        let operation = self.which.done();
        let Which { table, entity, since, until, .. } = self.which;
        let mut query =
            Filter { table, operation, entity, since, until, kind: self.kind, ..Filter::default() };
        query.before = self.before;
        let mut found: Vec<EventRow> = Vec::new();
        loop {
            query.limit = u32::try_from(most - found.len()).ok().map(|left| left.min(MOST));
            let page = desk.ask(Asked::<operation::List>::new(Nothing {}, query.clone(), Nothing {})).await?;
            found.extend(page.items);
            if let Some(last) = page.given_up_at {
                eprint_line(format_args!(
                    "there may be more: it ends where enough was looked at; `--before {last}` goes on from there"
                ));
                break;
            }
            query.cursor = page.next;
            if query.cursor.is_none() || found.len() >= most {
                break;
            }
        }
        if self.format == Format::Json {
            print_json(&found)?;
            return Ok(ExitCode::SUCCESS);
        }
        if found.is_empty() {
            print_line(format_args!("{QUIET}no events{QUIET:#}"))?;
        }
        for event in &found {
            print_line(line(event))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// An event as a line: when, its id, what happened to which row.
fn line(event: &EventRow) -> String {
    let key = event.key.as_deref().map_or_else(String::new, |key| format!(" {}", one_line(key)));
    format!(
        "{QUIET}{}{QUIET:#} {}  {STRONG}{}{STRONG:#} {}{key}{QUIET}{}{QUIET:#}",
        time(event.at),
        event.id,
        one_line(&event.table_name),
        event.operation,
        event.cause.map_or_else(String::new, |cause| format!("  by execution {cause}"))
    )
}

impl Show {
    async fn run(self, desk: &Desk) -> anyhow::Result<ExitCode> {
        let path = OfEvent { event: self.event };
        let shown = desk.ask(Asked::<operation::Show>::new(path, Nothing {}, Nothing {})).await?;
        if self.format == Format::Json {
            print_json(&serde_json::to_value(&shown)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        let operation::Shown { event: found, executions, replays } = shown;
        print_line(line(&found.event))?;
        print_row(&found)?;
        if executions.is_empty() {
            print_line(format_args!("{QUIET}it started nothing{QUIET:#}"))?;
        }
        for row in &executions {
            let (style, shape) = shape(&row.status);
            let workflow = one_line(row.workflow.as_deref().unwrap_or("(gone)"));
            print_line(format_args!(
                "{style}{shape} {:<9}{style:#} {}  {workflow} v{}",
                row.status, row.id, row.version
            ))?;
        }
        for replay in &replays {
            let (by, at) = (one_line(&replay.replayed_by), time(replay.replayed_at));
            print_line(format_args!("{QUIET}replay {} by {by}, {at}{QUIET:#}", replay.number))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The row, column by column; of those that changed, their former values first.
fn print_row(found: &EventDetail) -> anyhow::Result<()> {
    let old = found.old.as_ref().and_then(Value::as_object);
    for (name, value) in found.row.as_object().into_iter().flatten() {
        let (name, value) = (one_line(name), one_line(&value.to_string()));
        match old.and_then(|old| old.get(&name)) {
            Some(former) => {
                let former = one_line(&former.to_string());
                print_line(format_args!("  {name}: {BAD}{former}{BAD:#} → {GOOD}{value}{GOOD:#}"))?;
            }
            None => print_line(format_args!("  {name}: {value}"))?,
        }
    }
    if let Some(reason) = &found.unreadable {
        print_line(format_args!("  {BAD}the row can't be read: {}{BAD:#}", one_line(reason)))?;
    }
    if found.truncated {
        print_line(format_args!("  {QUIET}the row was too large: its long values are missing{QUIET:#}"))?;
    }
    Ok(())
}
