//! A worker: claims batch after batch on its own connection, and waits when there is nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::batch::{self, BatchError, Done};
use super::gate::Gate;
use super::health::Health;
use super::plans::Plans;
use super::wake::Wake;
use crate::database::connect;
use crate::domain::settings;
use crate::store::OF_A_BATCH;
use crate::store::queue::{Cursors, LANES};
use crate::store::session::{ErrorClass, Session};

/// No transaction of the engine is to last longer: a slower batch makes the next one smaller.
const LONGEST_BATCH: Duration = Duration::from_millis(200);
/// Rows committed late lie before the cursors: look from the beginning this often, and before each sleep.
const SWEEP: Duration = Duration::from_secs(2);
/// A claim of this many rows says that more are coming: close the gate, call another worker.
const A_LOT: usize = 8;

/// What workers share.
pub struct Shared {
    /// Where the database is.
    pub url: SecretString,
    /// Batch sizes and intervals.
    pub settings: settings::Engine,
    /// How many workers there are.
    pub workers: usize,
    /// The plans in force.
    pub plans: Arc<Plans>,
    /// Wake-ups.
    pub wake: Arc<Wake>,
    /// The gate, or none behind an unverified pooler.
    pub gate: Arc<Gate>,
    /// What `/readyz` tells.
    pub health: Arc<Health>,
}

/// Works until `shutdown`; finishes the batch at hand first.
pub async fn run(shared: Arc<Shared>, number: usize, shutdown: CancellationToken) {
    let mut pause = Duration::from_millis(100);
    while !shutdown.is_cancelled() {
        let began = Instant::now();
        let ended = work(&shared, number, &shutdown).await;
        Health::set(&shared.health.working, false);
        let Err(error) = ended else { return };
        if began.elapsed() > Duration::from_secs(30) {
            pause = Duration::from_millis(100);
        }
        tracing::warn!(
            worker = number,
            error = &*error as &dyn std::error::Error,
            retry_ms = pause.as_millis(),
            "a worker lost the database"
        );
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(5)),
            () = shutdown.cancelled() => return,
        }
    }
}

/// How a worker goes about its next batch.
struct Pace {
    /// Rows at most.
    limit: usize,
    /// So many rows are still to be taken one by one, since a batch with them failed.
    careful: usize,
    /// Non-empty claims in a row.
    streak: usize,
    /// It holds the gate closed.
    gate_closed: bool,
    /// Until the next look when nothing wakes us.
    rest: Duration,
    /// When it last looked from the beginning.
    swept: Instant,
}

async fn work(
    shared: &Shared,
    number: usize,
    shutdown: &CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (client, connection) = connect::connect(&shared.url, "worker").await?;
    let _driver = connect::drive_in_background(connection);
    let session = Session::new(client);
    session.prepare_all(OF_A_BATCH).await?;
    Health::set(&shared.health.working, true);
    let mut cursors = Cursors::from_lane(number * LANES / shared.workers.max(1));
    let mut pace = Pace {
        limit: shared.settings.batch as usize,
        careful: 0,
        streak: 0,
        gate_closed: false,
        rest: Duration::from_millis(1),
        swept: Instant::now(),
    };
    let worked = loop {
        if shutdown.is_cancelled() {
            break Ok(());
        }
        if pace.swept.elapsed() > SWEEP {
            cursors.sweep();
            pace.swept = Instant::now();
        }
        let limit = if pace.careful > 0 { 1 } else { pace.limit };
        let began = Instant::now();
        match batch::run(&session, &shared.plans, &mut cursors, limit, shared.workers).await {
            Ok(done) if done.claimed > 0 => after_batch(shared, &mut pace, done, began.elapsed()),
            Ok(_) => run_dry(shared, &mut pace, &mut cursors, number, shutdown).await,
            Err(error) => match after_failure(shared, &session, &mut pace, error).await {
                Ok(()) => {}
                Err(error) => break Err(error.into()),
            },
        }
        cursors.turn(1);
    };
    if pace.gate_closed {
        shared.gate.open();
    }
    worked
}

fn after_batch(shared: &Shared, pace: &mut Pace, done: Done, took: Duration) {
    shared.health.handled.fetch_add(done.claimed as u64, Ordering::Relaxed);
    metrics::histogram!("thendo_batch_seconds").record(took.as_secs_f64());
    if done.handed {
        shared.wake.deliverers.notify_one();
    }
    pace.careful = pace.careful.saturating_sub(done.claimed);
    pace.streak += 1;
    pace.rest = Duration::from_millis(1);
    pace.limit = if took > LONGEST_BATCH {
        (pace.limit / 2).max(1)
    } else {
        (pace.limit + pace.limit / 4 + 1).min(shared.settings.batch as usize)
    };
    // Behind a pooler that notifications do not pass, a session's lock could stay with a stranger.
    let may_close = shared.health.notified.load(Ordering::Relaxed);
    if may_close && !pace.gate_closed && (done.claimed >= A_LOT || pace.streak >= 3) {
        pace.gate_closed = true;
        shared.gate.close();
    }
    if done.claimed >= pace.limit / 2 {
        shared.wake.workers.notify_one();
    }
}

/// Nothing was due: look once more from the beginning, then let writers notify again, and wait.
async fn run_dry(
    shared: &Shared,
    pace: &mut Pace,
    cursors: &mut Cursors,
    number: usize,
    shutdown: &CancellationToken,
) {
    pace.careful = 0;
    if pace.streak > 0 {
        pace.streak = 0;
        cursors.sweep();
        pace.swept = Instant::now();
        return;
    }
    if pace.gate_closed {
        pace.gate_closed = false;
        shared.gate.open();
    }
    let longest = Duration::from_millis(if shared.health.notified.load(Ordering::Relaxed) {
        shared.settings.poll_ms
    } else {
        shared.settings.poll_without_notify_ms
    });
    // One worker polls; the others are called when there is a lot to do.
    let rest = if number == 0 { pace.rest.min(longest) } else { longest.max(Duration::from_secs(5)) };
    tokio::select! {
        () = shared.wake.workers.notified() => pace.rest = Duration::from_millis(1),
        () = tokio::time::sleep(rest) => pace.rest = (pace.rest * 2).min(longest),
        () = shutdown.cancelled() => {}
    }
    cursors.sweep();
    pace.swept = Instant::now();
}

async fn after_failure(
    shared: &Shared,
    session: &Session,
    pace: &mut Pace,
    error: BatchError,
) -> Result<(), BatchError> {
    metrics::counter!("thendo_batches_rolled_back_total").increment(1);
    match error.source.class() {
        ErrorClass::Disconnected => return Err(error),
        ErrorClass::Transient => {
            tracing::debug!(error = &error as &dyn std::error::Error, "a batch is done again");
            pace.limit = (pace.limit / 2).max(1);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ErrorClass::Other => match error.rows.as_slice() {
            [row] => {
                tracing::error!(error = &error as &dyn std::error::Error, row = ?row.what, "a queue row was set aside");
                let reason = error.source.reason();
                batch::set_aside(session, &shared.plans, row, &reason)
                    .await
                    .map_err(|source| BatchError { rows: Vec::new(), source })?;
                metrics::counter!("thendo_rows_set_aside_total").increment(1);
            }
            rows => {
                // One of them is at fault: go through them one by one. A claim that failed as a whole has
                // none, and is tried again as it was.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    rows = rows.len(),
                    "a batch failed; its rows are taken one by one"
                );
                pace.careful = rows.len();
                if rows.is_empty() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        },
    }
    Ok(())
}
