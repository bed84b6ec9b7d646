//! `thendo events …`: what happened, and once more.

mod kinds;
mod replay;

use std::process::ExitCode;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use self::kinds::Listed;
use super::Session;
use super::output::{
    Advice, BAD, Format, GOOD, QUIET, STRONG, eprint_line, is_denied, one_line, print_json, print_line,
    shape, time,
};
use crate::store::events::{self, EventDetail, EventFilter, EventRow};
use crate::store::lists;
use crate::store::replays::{self, Replay};
use crate::workflow::span::Span;

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

/// A point in time, or so long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    At(DateTime<Utc>),
    Ago(Span),
}

impl Moment {
    fn read(text: &str) -> Result<Self, String> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(at.to_utc()));
        }
        if let Some(day) =
            NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0))
        {
            return Ok(Self::At(day.and_utc()));
        }
        Span::read(text).map(Self::Ago).map_err(|_| {
            format!("`{text}` is no point in time: write `2h` or `7d` (ago), `2026-11-22` or `2026-11-22T10:00:00Z`")
        })
    }

    fn before(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => span.before(now),
        }
    }
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
    async fn filter(self, pool: &PgPool) -> anyhow::Result<EventFilter> {
        let now = events::clock(pool).await?;
        let Self { table, operation, entity, since, until } = self;
        let (since, until) = (since.map(|at| at.before(now)), until.map(|at| at.before(now)));
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            let help = format!("--since is {}, --until is {}", time(since), time(until));
            return Err(Advice::error("--since must be before --until", help));
        }
        Ok(EventFilter { table, operation, entity, since, until })
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
    #[arg(long = "type", value_name = "KIND", value_parser = kinds::names(), hide_possible_values = true)]
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
        let (done, what) = match self {
            Self::List(list) => (list.run(session).await, "read events"),
            Self::Show(show) => (show.run(session).await, "read events"),
            Self::Replay(replay) => (replay.run(session).await, "read events and have them replayed"),
        };
        done.map_err(|fault| match is_denied(&fault) {
            true => {
                fault.context(format!("the login of the connection string may not {what}; nothing was done"))
            }
            false => fault,
        })
    }
}

async fn one(pool: &PgPool, id: Uuid) -> anyhow::Result<EventDetail> {
    if let Some(found) = events::event(pool, id).await? {
        return Ok(found);
    }
    let help = "`thendo events list` lists them; `retention.events_days` says for how long they are kept";
    Err(match replays::of_gone(pool, id).await? {
        None => Advice::error(format!("there is no event {id}"), help),
        Some(Replay { number, replayed_by, replayed_at, .. }) => Advice::error(
            format!(
                "event {id} is no longer kept; it was to be replayed by {} at {} (replay {number})",
                one_line(&replayed_by),
                time(replayed_at)
            ),
            help,
        ),
    })
}

impl List {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let before = match self.before {
            Some(id) => Some((one(&pool, id).await?.event.at, id)),
            None => None,
        };
        let filter = self.which.filter(&pool).await?;
        let found = match &self.kind {
            None => events::list(&pool, &filter, before, self.limit).await?,
            Some(kind) => {
                let limit = usize::try_from(self.limit).unwrap_or_default();
                let Listed { found, given_up_at } = kinds::list(&pool, &filter, kind, before, limit).await?;
                if let Some(last) = given_up_at {
                    eprint_line(format_args!(
                        "there may be more: it ends where enough was looked at; `--before {last}` goes on from there"
                    ));
                }
                found
            }
        };
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
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let found = one(&pool, self.event).await?;
        let (id, at) = (found.event.id, found.event.at);
        let executions = events::started_by(&pool, id, at).await?;
        let replays = replays::of_event(&pool, id, at).await?;
        if self.format == Format::Json {
            print_json(&serde_json::json!({"event": found, "executions": executions, "replays": replays}))?;
            return Ok(ExitCode::SUCCESS);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_instants_days_or_so_long_ago() {
        let now: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().expect("a time");
        let read = |text: &str| Moment::read(text).map(|moment| moment.before(now).to_rfc3339());
        assert_eq!(read("2h").as_deref(), Ok("2026-11-22T08:00:00+00:00"));
        assert_eq!(read("2026-11-20").as_deref(), Ok("2026-11-20T00:00:00+00:00"));
        assert_eq!(read("2026-11-20T01:00:00+01:00").as_deref(), Ok("2026-11-20T00:00:00+00:00"));
        assert!(read("yesterday").is_err_and(|said| said.contains("2026-11-22")));
    }
}
