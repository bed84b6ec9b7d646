//! Takes backtests up that wait, one at a time in a daemon, and says again and again that it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::prepare::side;
use crate::database::connect;
use crate::database::role::Role;
use crate::domain::ids::WorkflowId;
use crate::operations::{DataPlane, Refusal};
use crate::store::backtests::{self, Drawings, Ended, Job};
use crate::store::session::Session;
use crate::testrun::backtest::{BacktestError, Progress, Report, Wish, backtest};

/// Whoever is asked tells all daemons (`thendo_changes`); this is for what was not heard.
const LOOK_EVERY: Duration = Duration::from_secs(120);
/// Whoever asks sees the progress move, and one that is called off ends as soon.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// Whether who runs one is still there.
const LOOK_AFTER: Duration = Duration::from_secs(5);
/// Beats that may fail before it is given up: after 15 s of silence it counts as lost.
const MOST_MISSED: u32 = 20;
/// A backtest that takes longer is given up.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Bytes of an outcome that is kept.
const LARGEST_OUTCOME: usize = 2 * 1024 * 1024;

/// How far it is, for who beats.
#[derive(Debug, Default)]
struct Reached {
    events: AtomicU64,
    at_ms: AtomicI64,
}

impl Reached {
    fn note(&self, progress: Progress) {
        self.events.store(progress.events, Ordering::Relaxed);
        self.at_ms.store(progress.at.timestamp_millis(), Ordering::Relaxed);
    }

    fn events(&self) -> i64 {
        i64::try_from(self.events.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
    }

    fn at(&self) -> Option<DateTime<Utc>> {
        let ms = self.at_ms.load(Ordering::Relaxed);
        DateTime::from_timestamp_millis(ms).filter(|_| ms != 0)
    }
}

/// Why one has no outcome.
enum Broken {
    /// It is not ours any more: called off, or taken for lost.
    NotOurs,
    /// The daemon ends.
    Stopped,
    /// It failed, in words.
    Failed(String),
}

/// Works until `shutdown`. The pool is the engine's.
pub async fn run(pool: PgPool, data: DataPlane, shutdown: CancellationToken) {
    let daemon = Uuid::new_v4();
    loop {
        // A place first: what is taken up runs.
        let place = tokio::select! {
            () = shutdown.cancelled() => return,
            place = Arc::clone(&data.places).acquire_owned() => place,
        };
        let taken = async {
            backtests::give_up_lost(&pool).await?;
            match backtests::take_up(&pool, daemon).await? {
                Some(job) => Ok((Some(job), false)),
                None => Ok::<_, sqlx::Error>((None, backtests::one_runs(&pool).await?)),
            }
        };
        let mut others_run = false;
        match taken.await {
            Ok((Some(job), _)) => {
                work(&pool, &data, (job, daemon), &shutdown).await;
                continue;
            }
            Ok((None, run)) => others_run = run,
            Err(fault) => tracing::debug!(%fault, "backtests could not be looked for"),
        }
        drop(place);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = data.jobs.notified() => {}
            () = sleep(if others_run { LOOK_AFTER } else { LOOK_EVERY }) => {}
        }
    }
}

/// One of them to its end.
async fn work(pool: &PgPool, data: &DataPlane, (job, daemon): (Job, Uuid), shutdown: &CancellationToken) {
    let (id, reached) = ((job.id, daemon), Arc::new(Reached::default()));
    // A task of its own: if it falls over, the daemon does not.
    let running = AbortOnDropHandle::new(tokio::spawn(tried(data.clone(), job, Arc::clone(&reached))));
    let outcome = tokio::select! {
        outcome = timeout(LONGEST, running) => match outcome {
            Ok(Ok(Ok(outcome))) => Ok(outcome),
            Ok(Ok(Err(fault))) => Err(Broken::Failed(fault)),
            Ok(Err(_)) => Err(Broken::Failed("it fell over; the daemon's log says where".into())),
            Err(_) => Err(Broken::Failed("it took longer than an hour: ask for fewer events".into())),
        },
        () = beats(pool, id, &reached) => Err(Broken::NotOurs),
        () = shutdown.cancelled() => Err(Broken::Stopped),
    };
    let ended = match &outcome {
        Ok(outcome) => Ended { status: "done", outcome: Some(outcome), error: None },
        Err(Broken::Failed(why)) => Ended { status: "failed", outcome: None, error: Some(why) },
        Err(Broken::Stopped) => {
            // Another daemon does it, or this one when it is back.
            if let Err(fault) = backtests::put_back(pool, id).await {
                tracing::warn!(%fault, backtest = %id.0, "a backtest could not be put back: it will count as lost");
            }
            return;
        }
        Err(Broken::NotOurs) => return tracing::info!(backtest = %id.0, "a backtest was called off"),
    };
    let mut written = backtests::end(pool, id, reached.events(), &ended).await;
    if let Err(sqlx::Error::Database(fault)) = &written {
        // Such as an outcome that quotes what can't be stored.
        tracing::warn!(%fault, backtest = %id.0, "what a backtest came to can't be stored");
        let ended = Ended { status: "failed", outcome: None, error: Some("what it came to can't be stored") };
        written = backtests::end(pool, id, reached.events(), &ended).await;
    }
    match written {
        Ok(_) => tracing::info!(backtest = %id.0, status = ended.status, "a backtest ended"),
        Err(fault) => tracing::warn!(%fault, backtest = %id.0, "how a backtest ended could not be noted"),
    }
}

/// Says that it runs, until it is not ours any more.
async fn beats(pool: &PgPool, id: (Uuid, Uuid), reached: &Reached) {
    let mut missed = 0;
    loop {
        sleep(BEAT_EVERY).await;
        match backtests::beat(pool, id, reached.events(), reached.at()).await {
            Ok(true) => missed = 0,
            Ok(false) => return,
            Err(fault) => {
                missed += 1;
                tracing::debug!(%fault, "a backtest could not say that it runs");
                if missed >= MOST_MISSED {
                    return;
                }
            }
        }
    }
}

/// What comes out, on a connection of its own.
async fn tried(data: DataPlane, job: Job, reached: Arc<Reached>) -> Result<Value, String> {
    let outcome = async {
        let drawings: Drawings =
            serde_json::from_value(job.drawings).context("what it tries can't be read")?;
        let plan = async |name: String, number, drawing| {
            side(name, number, drawing).await.map(|side| side.version).map_err(|refusal| match refusal {
                Refusal::Told(told) => anyhow::anyhow!("{}", told.message),
                other => other.into(),
            })
        };
        let version = plan(job.version, drawings.number, drawings.drawing).await?;
        let against = match (job.against, drawings.against) {
            (Some(name), Some((number, drawing))) => Some(plan(name, number, drawing).await?),
            _ => None,
        };
        let wish = Wish {
            workflow: WorkflowId(job.workflow_id.unwrap_or_default()),
            since: job.since,
            until: job.until,
            differences: usize::try_from(job.differences).unwrap_or_default(),
            in_database: job.in_database,
        };
        let opened = connect::connect(&data.url, "backtest", Role::Engine).await;
        // Where the database is, the log says; who reads the API need not know.
        let (client, connection) = opened
            .inspect_err(|fault| tracing::warn!(%fault, "no connection"))
            .map_err(|_| anyhow::anyhow!("the database could not be reached; the daemon's log says why"))?;
        let _driver = connect::drive_in_background(connection);
        let session = Session::new(client);
        let report = backtest(&session, &wish, version, against, |progress| reached.note(progress)).await?;
        kept(report)
    };
    outcome.await.map_err(|fault: anyhow::Error| cause(&fault))
}

/// Why one failed, for who reads the API: what stands behind it is for the log.
fn cause(fault: &anyhow::Error) -> String {
    match fault.downcast_ref::<BacktestError>() {
        Some(BacktestError(behind)) => tracing::warn!("a backtest failed: {behind}"),
        None => tracing::warn!("a backtest failed: {fault:#}"),
    }
    match fault.downcast_ref::<Refusal>() {
        Some(refusal) => refusal.told().message,
        None => fault.to_string(),
    }
}

/// As it is kept: with as many differences as there is room for.
fn kept(mut report: Report) -> anyhow::Result<Value> {
    loop {
        let bytes = serde_json::to_vec(&report)?.len();
        let told = report.against.as_mut().map(|of| &mut of.comparison.differences);
        match told.filter(|told| !told.is_empty()) {
            _ if bytes <= LARGEST_OUTCOME => return Ok(serde_json::to_value(&report)?),
            Some(told) => {
                told.truncate(told.len() / 2);
                let message =
                    format!("only the first {} differences are kept: more are too much", told.len());
                report.warnings.retain(|warning| !warning.ends_with("more are too much"));
                report.warnings.push(message);
            }
            None => anyhow::bail!("what it came to has {bytes} bytes, which are too many to be kept"),
        }
    }
}
