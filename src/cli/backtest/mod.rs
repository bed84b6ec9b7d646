//! `thendo backtest`: what a workflow would have done for the events of a time.

mod chart;
mod print;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use sqlx::PgConnection;

use super::output::{Advice, Format, one_line, print_json};
use super::workflow::{definition_of, is_file, one, read_all, readable, refuse, source_of};
use super::{Session, validate};
use crate::database::connect;
use crate::domain::ids::WorkflowId;
use crate::kinds;
use crate::store;
use crate::store::versions::{self, Head};
use crate::store::workflows::plan_epoch;
use crate::testrun::backtest::{Version, Wish, backtest};
use crate::workflow::compile::compile;
use crate::workflow::rules::time::instant;
use crate::workflow::span::Span;

/// Parts of the time between `--since` and `--until` that the progress bar tells apart.
const PARTS: u64 = 1_000;

/// `thendo backtest`
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  thendo backtest order-thanks                              the draft, on the last 30 days
  thendo backtest order-thanks.json --since 7d --against live
  thendo backtest order-thanks --against 3 --show differences --limit 20
  thendo backtest order-thanks --since 2h --database
  thendo backtest order-thanks --version 2 --since 2026-11-01 --until 2026-11-08 --format json

Takes the workflow through the recorded events, as the engine would, and counts what it would do. Nothing is
written and nothing is sent. Effects are answered as they would succeed; what was looked at as it is today, or
taken for granted, is said below the figures. Exits 0 whatever it finds, so that a program reads the figures."
)]
pub struct Backtest {
    /// Its name or id, which stands for what is drawn now, or a file
    #[arg(value_name = "NAME|ID|FILE")]
    workflow: String,
    /// This version, instead of what is drawn now: a number, or `live`
    #[arg(long, value_name = "live|N", value_parser = which)]
    version: Option<Which>,
    /// Events from then on: so long ago (30d), a day, or an instant
    #[arg(long, value_name = "SPAN|TIME", default_value = "30d")]
    since: String,
    /// Events before then; without it, until now
    #[arg(long, value_name = "SPAN|TIME")]
    until: Option<String>,
    /// Compare with the version in force, or with this one, event by event
    #[arg(long, value_name = "live|N", value_parser = which)]
    against: Option<Which>,
    /// What to list beside the figures
    #[arg(long, value_enum, requires = "against")]
    show: Option<Show>,
    /// Differences that are listed
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Apply effects in the database, each execution in a transaction that is rolled back: slower, and it finds what
    /// only the database refuses
    #[arg(long)]
    database: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Show {
    /// Events for which the two versions do not do the same
    Differences,
}

/// A version of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// The one in force.
    Live,
    /// The same; where none is, nothing is compared.
    LiveIfAny,
    /// That one.
    Number(i32),
}

fn which(text: &str) -> Result<Which, String> {
    match text.strip_prefix('v').unwrap_or(text).parse() {
        Ok(number) if number > 0 => Ok(Which::Number(number)),
        _ if text == "live" => Ok(Which::Live),
        _ => Err("write `live` or the number of a version".into()),
    }
}

/// What is tried: a drawing, and the workflow that it belongs to, if it is stored.
struct Found {
    called: String,
    name: String,
    number: i32,
    drawing: Value,
    head: Option<Head>,
}

impl Backtest {
    /// Of what is drawn, or a file, beside the version in force.
    pub fn before_publishing(workflow: &str, since: &str) -> Self {
        Self {
            workflow: workflow.to_owned(),
            version: None,
            since: since.to_owned(),
            until: None,
            against: Some(Which::LiveIfAny),
            show: Some(Show::Differences),
            limit: 20,
            database: false,
            format: Format::Text,
        }
    }

    /// Runs it and prints what would have happened.
    ///
    /// # Errors
    /// A workflow that is not there, a time that can't be read, a database that can't be asked.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let mut connection = pool.acquire().await?;
        let found = match self.found(&mut connection).await? {
            Ok(found) => found,
            Err(refused) => return Ok(refused),
        };
        let Some(plan) = self.plan(&found.name, &found.drawing)? else { return Ok(ExitCode::FAILURE) };
        let against = match (self.against, &found.head) {
            (None, _) => None,
            (Some(Which::LiveIfAny), head) if head.as_ref().is_none_or(|of| of.live_version.is_none()) => {
                None
            }
            (Some(which), Some(head)) => {
                let (number, drawing) = version_of(&mut connection, head, which).await?;
                let name = format!("v{number}");
                let Some(plan) = self.plan(&name, &drawing)? else { return Ok(ExitCode::FAILURE) };
                Some(Version { name, number, plan })
            }
            (Some(_), None) => {
                return Err(Advice::error(
                    format!(
                        "no workflow is called `{}`: there is no version to compare with",
                        one_line(&found.called)
                    ),
                    "give the file the `name` of a stored workflow, or leave --against away",
                ));
            }
        };
        drop(connection);
        let client = connect::connect_driven(&session.database_url()?, "backtest").await?;
        let data = store::session::Session::new(client);
        let wish = self.wish(found.head.as_ref(), plan_epoch(&data).await?.1)?;
        let version = Version { name: found.name, number: found.number, plan };
        let bar = self.bar();
        let begun = std::time::Instant::now();
        let whole = (wish.until - wish.since).num_milliseconds().max(1);
        let running = backtest(&data, &wish, version, against, |progress| {
            let done = (progress.at - wish.since).num_milliseconds().clamp(0, whole);
            bar.set_position(PARTS * done as u64 / whole as u64);
            bar.set_message(format!("{} events", print::number(progress.events)));
        });
        let report = running.await;
        bar.finish_and_clear();
        let report = report?;
        match self.format {
            Format::Json => print_json(&report)?,
            Format::Text => print::report(&found.called, &report, self.show.is_some(), begun.elapsed())?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The drawing that is meant; or the exit code, if what is wrong with it is printed already.
    async fn found(&self, connection: &mut PgConnection) -> anyhow::Result<Result<Found, ExitCode>> {
        if !is_file(&self.workflow) {
            let head = one(connection, &self.workflow).await?;
            let (name, number, drawing) = match self.version {
                Some(which) => {
                    let (number, drawing) = version_of(connection, &head, which).await?;
                    (format!("v{number}"), number, drawing)
                }
                None => ("the draft".to_owned(), 0, readable(&head.name, head.drawing())?),
            };
            let called = head.name.clone();
            return Ok(Ok(Found { called, name, number, drawing, head: Some(head) }));
        }
        if self.version.is_some() {
            return Err(Advice::error(
                "a file has no versions",
                "name the workflow instead of the file, or leave --version away",
            ));
        }
        let (mut read, broken) = read_all(&[PathBuf::from(&self.workflow)])?;
        let Some(file) = read.pop() else {
            return Ok(Err(refuse(&broken, self.format, "tried", 1)?));
        };
        let called = file.workflow.name;
        // A file stands for the workflow of the same name, if there is just one.
        let stored = versions::find(connection, &called).await?;
        let mut stored: Vec<Head> = stored.into_iter().filter(|head| head.name == called).collect();
        let head = if stored.len() == 1 { stored.pop() } else { None };
        let (name, drawing) = (file.source.name, file.workflow.definition);
        Ok(Ok(Found { called, name, number: 0, drawing, head }))
    }

    /// The plan of a drawing; nothing if it does not compile, which is printed then.
    fn plan(&self, name: &str, drawing: &Value) -> anyhow::Result<Option<Arc<crate::workflow::plan::Plan>>> {
        let compiled = compile(drawing, &kinds::catalogue());
        if compiled.plan.is_none() {
            let source = source_of(name, drawing.clone());
            validate::print(&source, &compiled.diagnostics, self.format)?;
        }
        Ok(compiled.plan.map(Arc::new))
    }

    fn wish(&self, head: Option<&Head>, now: DateTime<Utc>) -> anyhow::Result<Wish> {
        let since = moment("--since", &self.since, now)?;
        let until = self.until.as_deref().map_or(Ok(now), |until| moment("--until", until, now))?;
        if since >= until {
            return Err(Advice::error(
                format!(
                    "nothing lies between --since {} and --until {}",
                    since.to_rfc3339(),
                    until.to_rfc3339()
                ),
                "let --since be before --until",
            ));
        }
        let workflow = WorkflowId(head.map(|head| head.id).unwrap_or_default());
        let differences = self.show.map_or(0, |_| self.limit as usize);
        Ok(Wish { workflow, since, until, differences, in_database: self.database })
    }

    /// On a terminal only; a program reads the end.
    fn bar(&self) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(PARTS), ProgressDrawTarget::stderr());
        if self.format == Format::Json {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template("{wide_bar:.green} {percent}%  {msg:20!.dim}") {
            bar.set_style(style);
        }
        bar
    }
}

/// A version's number and drawing.
async fn version_of(
    connection: &mut PgConnection,
    head: &Head,
    which: Which,
) -> anyhow::Result<(i32, Value)> {
    let number = match which {
        Which::Number(number) => number,
        Which::Live | Which::LiveIfAny => head.live_version.ok_or_else(|| {
            Advice::error(
                format!("no version of `{}` is in force", one_line(&head.name)),
                "name one by its number: `thendo workflow show` lists them",
            )
        })?,
    };
    Ok((number, definition_of(connection, head, number).await?))
}

/// An instant: so long before now, a day, or RFC 3339.
fn moment(flag: &str, text: &str, now: DateTime<Utc>) -> anyhow::Result<DateTime<Utc>> {
    if let Some(at) = instant(text) {
        return Ok(at);
    }
    Span::read(text).map(|span| span.before(now)).map_err(|_| {
        Advice::error(
            format!("{flag} `{}` is no time", one_line(text)),
            "write a span (30d, 12h), a day (2026-11-01) or an instant (2026-11-01T08:00:00Z)",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_span_a_day_or_an_instant() {
        let now = instant("2026-11-23T12:00:00Z").expect("an instant");
        let read = |text: &str| moment("--since", text, now).map(|at| at.to_rfc3339());
        assert_eq!(read("12h").expect("a span"), "2026-11-23T00:00:00+00:00");
        assert_eq!(read("2026-11-01").expect("a day"), "2026-11-01T00:00:00+00:00");
        assert_eq!(read("2026-11-01T08:00:00+01:00").expect("an instant"), "2026-11-01T07:00:00+00:00");
        assert!(read("last week").expect_err("no time").to_string().contains("--since `last week`"));
    }

    #[test]
    fn a_version_is_live_or_a_number() {
        assert_eq!(which("live"), Ok(Which::Live));
        assert_eq!((which("3"), which("v3")), (Ok(Which::Number(3)), Ok(Which::Number(3))));
        assert!(which("0").is_err() && which("draft").is_err());
    }
}
