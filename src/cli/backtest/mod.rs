//! `thendo backtest`: what a workflow would have done for the events of a time.

mod afar;
mod chart;
mod print;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::afar::Came;
use super::desk::Desk;
use super::output::{Advice, Format, eprint_line, one_line, print_json};
use super::workflow::{is_file, read_all, refuse, source_of};
use super::{Session, validate};
use crate::database::connect;
use crate::operations::backtests::{Prepared, ToBacktest, find};
use crate::operations::editions::{Edition, Sketch};
use crate::operations::moment::Moment;
use crate::operations::refusal::Faulty;
use crate::operations::workflows::{self, OfVersion, OfWorkflow};
use crate::operations::{Asked, Context, Kind, Nothing, Refusal};
use crate::store;
use crate::store::workflows::plan_epoch;
use crate::testrun::backtest::{Report, backtest};

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
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
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
    /// A workflow that is not there, a time that can't be read, a database or a daemon that can't be asked.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let desk = session.desk().await?;
        let (asked, file) = match self.asked(&desk).await? {
            Ok(asked) => asked,
            Err(refused) => return Ok(refused),
        };
        let bar = self.bar();
        let came = match &desk {
            Desk::Database(context) => here(context, session, &asked, &bar).await,
            Desk::Server(_) => {
                afar::backtest(&desk, asked, |now| {
                    bar.set_position((PARTS as f64 * now.share) as u64);
                    let events = u64::try_from(now.events).unwrap_or_default();
                    bar.set_message(format!("{} events", print::number(events)));
                })
                .await
            }
        };
        bar.finish_and_clear();
        match came {
            Ok(Came::Report(called, report, took)) => self.print(&called, &report, took),
            Ok(Came::CalledOff) => {
                eprint_line("the backtest was called off");
                Ok(ExitCode::from(130))
            }
            Err(fault) => self.refused(fault, file),
        }
    }

    fn print(&self, called: &str, report: &Report, took: Duration) -> anyhow::Result<ExitCode> {
        match self.format {
            Format::Json => print_json(report)?,
            Format::Text => print::report(called, report, self.show.is_some(), took)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What does not compile is shown; all else is an error.
    fn refused(&self, fault: anyhow::Error, mut file: Option<validate::Source>) -> anyhow::Result<ExitCode> {
        let faulty = match fault.downcast_ref::<Refusal>() {
            Some(Refusal::Told(told)) if !told.faulty.is_empty() => told.faulty.clone(),
            _ => return Err(fault),
        };
        for Faulty { workflow, drawing, diagnostics } in faulty {
            let read = file.take_if(|file| file.name == workflow);
            let source = read.unwrap_or_else(|| source_of(&workflow, drawing.unwrap_or_default()));
            validate::print(&source, &diagnostics, self.format)?;
        }
        Ok(ExitCode::FAILURE)
    }

    /// What is asked for, and the file that it is about; or the exit code, if what is wrong with that is printed already.
    async fn asked(
        &self,
        desk: &Desk,
    ) -> anyhow::Result<Result<(ToBacktest, Option<validate::Source>), ExitCode>> {
        let since = moment("--since", &self.since)?;
        let until = self.until.as_deref().map(|until| moment("--until", until)).transpose()?;
        let differences = self.show.map_or(0, |_| self.limit);
        let mut asked = ToBacktest {
            since: Some(since),
            until,
            differences,
            in_database: self.database,
            ..ToBacktest::default()
        };
        let (called, mut source) = (self.workflow.clone(), None);
        if is_file(&called) {
            if self.version.is_some() {
                return Err(Advice::error(
                    "a file has no versions",
                    "name the workflow instead of the file, or leave --version away",
                ));
            }
            let (mut read, broken) = read_all(&[PathBuf::from(&called)])?;
            let Some(file) = read.pop() else {
                return Ok(Err(refuse(&broken, self.format, "tried", 1)?));
            };
            let (name, definition) = (Some(file.workflow.name), file.workflow.definition);
            asked.drawing = Some(Sketch { name, edition: Some(file.source.name.clone()), definition });
            source = Some(file.source);
        } else {
            asked.workflow = Some(called);
            asked.version = self.version.map(Which::edition);
        }
        asked.against = match self.against {
            Some(Which::LiveIfAny) if !is_in_force(desk, &asked).await? => None,
            against => against.map(Which::edition),
        };
        Ok(Ok((asked, source)))
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

impl Which {
    fn edition(self) -> Edition {
        match self {
            Self::Live | Self::LiveIfAny => Edition::Live,
            Self::Number(number) => Edition::Number(number),
        }
    }
}

/// Whether a version of the workflow that is meant is in force.
async fn is_in_force(desk: &Desk, asked: &ToBacktest) -> anyhow::Result<bool> {
    let drawn = asked.drawing.as_ref().and_then(|drawing| drawing.name.clone());
    let is_drawn = drawn.is_some();
    let Some(workflow) = asked.workflow.clone().or(drawn) else { return Ok(false) };
    let path = OfWorkflow { workflow: workflow.clone() };
    let shown = Asked::<workflows::Show>::new(path, OfVersion::default(), Nothing {});
    match desk.ask(shown).await {
        Ok(shown) => Ok(shown.live_version.is_some() && (!is_drawn || shown.name == workflow)),
        Err(Refusal::Told(told)) if told.kind == Kind::Missing => Ok(false),
        Err(fault) => Err(fault.into()),
    }
}

/// On the database that is meant.
async fn here(
    context: &Context,
    session: &Session,
    asked: &ToBacktest,
    bar: &ProgressBar,
) -> anyhow::Result<Came> {
    let client = connect::connect_driven(&session.database_url()?, "backtest").await?;
    let data = store::session::Session::new(client);
    let now = plan_epoch(&data).await?.1;
    let mut connection = context.pool.acquire().await?;
    let found = find(&mut connection, asked, now).await?;
    drop(connection);
    let Prepared { called, wish, side, against } = found.prepare().await?;
    let began = Instant::now();
    let whole = (wish.until - wish.since).num_milliseconds().max(1);
    let against = against.map(|side| side.version);
    let running = backtest(&data, &wish, side.version, against, |progress| {
        let done = (progress.at - wish.since).num_milliseconds().clamp(0, whole);
        bar.set_position(PARTS * done as u64 / whole as u64);
        bar.set_message(format!("{} events", print::number(progress.events)));
    });
    let report = running.await?;
    Ok(Came::Report(called, Box::new(report), began.elapsed()))
}

/// A point in time that a flag says.
fn moment(flag: &str, text: &str) -> anyhow::Result<Moment> {
    Moment::read(text).map_err(|_| {
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
    fn what_is_no_time_is_told_with_its_flag() {
        assert!(moment("--since", "12h").is_ok() && moment("--since", "2026-11-01").is_ok());
        let fault = moment("--since", "last week").expect_err("no time").to_string();
        assert!(fault.contains("--since `last week`"), "{fault}");
    }

    #[test]
    fn a_version_is_live_or_a_number() {
        assert_eq!(which("live"), Ok(Which::Live));
        assert_eq!((which("3"), which("v3")), (Ok(Which::Number(3)), Ok(Which::Number(3))));
        assert!(which("0").is_err() && which("draft").is_err());
    }
}
