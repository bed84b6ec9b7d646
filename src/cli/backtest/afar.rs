//! A backtest by a daemon elsewhere: asked for, watched, called off by Ctrl-C.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::sleep;
use uuid::Uuid;

use crate::cli::desk::Desk;
use crate::cli::output::{Advice, one_line};
use crate::operations::backtests::{Cancel, OfBacktest, Show, Shown, Start, ToBacktest};
use crate::operations::{Asked, Kind, Nothing, Refusal};
use crate::store::backtests::Listed;
use crate::testrun::backtest::Report;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Looks in a row that may go wrong: a daemon that starts anew is away for a while.
const MOST_MISSED: u32 = 30;

/// What came out, or that it was called off here.
pub(super) enum Came {
    /// The workflow's name, the report, and how long it took.
    Report(String, Box<Report>, Duration),
    /// Ctrl-C.
    CalledOff,
}

/// Has a daemon do it.
///
/// # Errors
/// When it is refused, fails, is called off by somebody else, or nobody answers any more.
pub(super) async fn backtest(
    desk: &Desk,
    asked: ToBacktest,
    watched: impl Fn(&Listed),
) -> anyhow::Result<Came> {
    let started = desk.ask(Asked::<Start>::new(Nothing {}, Nothing {}, asked)).await?;
    let id = started.id;
    tokio::select! {
        ended = end_of(desk, id, watched) => came(ended?),
        pressed = tokio::signal::ctrl_c() => {
            pressed.context("can't handle Ctrl-C")?;
            let path = OfBacktest { backtest: id };
            match desk.ask(Asked::<Cancel>::new(path, Nothing {}, Nothing {})).await {
                Ok(_) => Ok(Came::CalledOff),
                // It had ended just before.
                Err(Refusal::Told(told)) if told.kind == Kind::Conflict => Ok(Came::CalledOff),
                Err(refusal) => Err(refusal.into()),
            }
        }
    }
}

async fn end_of(desk: &Desk, id: Uuid, watched: impl Fn(&Listed)) -> Result<Shown, Refusal> {
    let mut missed = 0;
    loop {
        let path = OfBacktest { backtest: id };
        match desk.ask(Asked::<Show>::new(path, Nothing {}, Nothing {})).await {
            Ok(shown) if !matches!(shown.backtest.status.as_str(), "queued" | "running") => return Ok(shown),
            Ok(shown) => {
                missed = 0;
                watched(&shown.backtest);
            }
            Err(Refusal::Told(told))
                if matches!(told.kind, Kind::Busy | Kind::Late) && missed < MOST_MISSED =>
            {
                missed += 1
            }
            Err(refusal) => return Err(refusal),
        }
        sleep(LOOK_EVERY).await;
    }
}

fn came(Shown { backtest, outcome }: Shown) -> anyhow::Result<Came> {
    let why = backtest.error.as_deref().map(one_line).unwrap_or_default();
    match (backtest.status.as_str(), outcome) {
        ("done", Some(outcome)) => {
            let report = serde_json::from_value(outcome).context(
                "the server answers what can't be read: use the same version of thendo here and there",
            )?;
            let took = Duration::try_from_secs_f64(backtest.seconds).unwrap_or_default();
            Ok(Came::Report(backtest.workflow, report, took))
        }
        ("cancelled", _) => Err(Advice::error("somebody called the backtest off", "start it again")),
        ("lost", _) => Err(Advice::error(format!("the backtest is lost: {why}"), "start it again")),
        (status, _) => {
            Err(Advice::error(format!("the backtest {status}: {why}"), "the daemon's log may say more"))
        }
    }
}
