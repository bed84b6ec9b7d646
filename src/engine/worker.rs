//! A worker: claims batch after batch on its own connection, and waits when there is nothing.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::batch::{self, BatchError, Done};
use super::changes::Changes;
use super::daemons::{Caution, Hand};
use super::failing::Failing;
use super::figures::{InUse, list};
use super::gate::Gate;
use super::health::Health;
use super::listen::Side;
use super::pace::Pace;
use super::plans::Plans;
use super::setback::{after_failure, set_aside};
use super::wake::Wake;
use crate::database::connect;
use crate::database::role::Role;
use crate::domain::settings;
use crate::store::OF_A_BATCH;
use crate::store::cursors::{Cursors, LANES};
use crate::store::queue::is_due;
use crate::store::session::{Session, StoreError};

/// Whatever the cursors may have passed, say because a clock was set back, is found by looking from the
/// beginning this often.
const SWEEP: Duration = Duration::from_secs(2);
/// A look that took longer was held up by something else.
const LONGEST_SWEEP: Duration = Duration::from_secs(3);
/// What is due and in other hands is asked for this often: those may be a dead daemon's, and nobody tells when the server
/// lets go of it.
const TAKE_OVER: Duration = Duration::from_millis(500);
/// Who is called when there is a lot to do looks by itself this often …
const LOOK_ASIDE: Duration = Duration::from_secs(30);
/// … or once no batch has ended for so long while nobody notifies: who closed the gate may hang.
const LOOK_BEHIND_GATE: Duration = Duration::from_secs(1);
/// After a rest of so long a worker looks whether anything is due at all before it claims.
const LONG_REST: Duration = Duration::from_secs(1);
/// While one comes after the other, claims begin so long apart: what gathers in between is worked off together, which costs
/// each of them, and the writers beside them, a fraction. One that comes alone does not wait.
const GATHER: Duration = Duration::from_millis(8);
/// A claim of this many rows says that more are coming: close the gate, call another worker.
const A_LOT: usize = 8;
/// So do so many claims in a row that are not empty.
const A_STREAK: usize = 3;

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
    /// Whether batches fail one after the other.
    pub failing: Failing,
    /// Whether a daemon has died.
    pub caution: Arc<Caution>,
    /// Who watches.
    pub changes: Arc<Changes>,
    /// Where it is written down what is in hand, if one has.
    pub side: Side,
    /// When a batch last ended.
    pub beat: Mutex<Instant>,
}

impl Shared {
    fn beat(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works until `shutdown`; finishes the batch at hand first.
pub async fn run(shared: Arc<Shared>, number: usize, shutdown: CancellationToken) {
    let mut pause = Duration::from_millis(100);
    // A batch that took its connection with it must not be tried again as it was.
    let mut pace = Pace::new(shared.settings.batch as usize);
    tokio::select! {
        () = shared.caution.looked() => {}
        () = shutdown.cancelled() => return,
    }
    while !shutdown.is_cancelled() {
        let began = Instant::now();
        let ended = work(&shared, number, &mut pace, &shutdown)
            .instrument(tracing::info_span!("worker", worker = number))
            .await;
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

/// How awake a worker is.
struct Wakefulness {
    /// Non-empty claims in a row.
    streak: usize,
    /// It holds the gate closed.
    gate_closed: bool,
    /// Until the next look when nothing wakes us.
    rest: Duration,
    /// It rested for long, and nobody called.
    peeks: bool,
    /// When it last looked from the beginning.
    swept: Instant,
    /// How often it does: with many dead rows there it takes long, and then seldom.
    sweep_every: Duration,
}

impl Wakefulness {
    fn new() -> Self {
        let rest = Duration::from_millis(1);
        Self { streak: 0, gate_closed: false, rest, peeks: false, swept: Instant::now(), sweep_every: SWEEP }
    }
}

/// From a connection to its end.
async fn work(
    shared: &Shared,
    number: usize,
    pace: &mut Pace,
    shutdown: &CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (client, connection) = connect::connect(&shared.url, "worker", Role::Engine).await?;
    let _driver = connect::drive_in_background(connection);
    let _in_use = InUse::one();
    let session = Session::new(client);
    session.prepare_all(OF_A_BATCH).await?;
    if let Some(row) = pace.condemned() {
        set_aside(shared, &session, &row, "it broke the connection again and again").await?;
    }
    Health::set(&shared.health.working, true);
    let mut cursors = Cursors::from_lane(number * LANES / shared.workers.max(1));
    let mut awake = Wakefulness::new();
    let worker = i16::try_from(number).unwrap_or(i16::MAX);
    let mut hand = Hand { caution: &shared.caution, side: shared.side.clone(), worker };
    let worked = loop {
        if shutdown.is_cancelled() {
            break Ok(());
        }
        let began = Instant::now();
        let sweeps = awake.swept.elapsed() > awake.sweep_every;
        let mut order = pace.order(shared.workers);
        let in_hand = shared.caution.restrains(&mut order).then_some(&mut hand);
        let looked = look_first(&session, &mut cursors, &mut awake, sweeps).await;
        let done = match looked {
            Ok(true) => {
                batch::run(&session, &shared.plans, &shared.changes, &mut cursors, order, in_hand).await
            }
            Ok(false) => Ok(Done::default()),
            Err(error) => Err(BatchError { rows: Vec::new(), source: error.into() }),
        };
        let took = began.elapsed();
        if sweeps {
            awake.sweep_every = SWEEP.max(took.min(LONGEST_SWEEP) * 20);
        }
        match done {
            Ok(done) if done.claimed > 0 => {
                after_batch(shared, pace, &mut awake, done, took);
                if awake.streak >= A_STREAK && !done.more {
                    let left = GATHER.saturating_sub(began.elapsed());
                    let _ = tokio::time::timeout(left, shutdown.cancelled()).await;
                }
            }
            Ok(done) => {
                // What is due in other hands is not done: two that fail by turns must not forget it over each other.
                if !done.elsewhere {
                    pace.ran_dry();
                    shared.failing.ran_dry();
                    Health::set(&shared.health.working, true);
                    shared.caution.ran_dry();
                }
                run_dry(shared, &mut awake, number, done.elsewhere, shutdown).await;
            }
            Err(error) => {
                if let Err(error) = after_failure(shared, &session, pace, &hand, error, took).await {
                    break Err(error.into());
                }
            }
        }
        cursors.turn(1);
    };
    if awake.gate_closed {
        shared.gate.open();
    }
    worked
}

/// What comes before a claim. False if nothing is due.
async fn look_first(
    session: &Session,
    cursors: &mut Cursors,
    awake: &mut Wakefulness,
    sweeps: bool,
) -> Result<bool, StoreError> {
    if std::mem::take(&mut awake.peeks) && !is_due(session).await? {
        // It looked from the beginning.
        awake.swept = Instant::now();
        return Ok(false);
    }
    if sweeps {
        cursors.sweep();
        awake.swept = Instant::now();
        if awake.streak > 0 {
            session.plan_anew().await?;
        }
    }
    Ok(true)
}

fn after_batch(shared: &Shared, pace: &mut Pace, awake: &mut Wakefulness, done: Done, took: Duration) {
    Health::set(&shared.health.working, true);
    *shared.beat() = Instant::now();
    shared.failing.went_well(done.lanes);
    metrics::histogram!(list::BATCH_SECONDS).record(took.as_secs_f64());
    if shared.gate.is_closed() {
        metrics::counter!(list::BEHIND_GATE).increment(done.events);
    }
    if done.alarmed {
        shared.wake.alerts.notify_one();
    }
    if done.handed {
        shared.wake.deliverers.notify_one();
    }
    if pace.is_full(done) {
        shared.wake.workers.notify_one();
    }
    pace.went_well(done, took);
    awake.streak += 1;
    awake.rest = Duration::from_millis(1);
    // Behind a pooler that notifications do not pass, a session's lock could stay with a stranger.
    let may_close = shared.health.notified.load(Ordering::Relaxed);
    if may_close && !awake.gate_closed && (done.claimed >= A_LOT || awake.streak >= A_STREAK) {
        awake.gate_closed = true;
        shared.gate.close();
    }
}

/// Nothing was due: look once more, then let writers notify again, and wait.
async fn run_dry(
    shared: &Shared,
    awake: &mut Wakefulness,
    number: usize,
    elsewhere: bool,
    shutdown: &CancellationToken,
) {
    if awake.streak > 0 {
        awake.streak = 0;
        return;
    }
    if awake.gate_closed {
        awake.gate_closed = false;
        shared.gate.open();
    }
    let longest = Duration::from_millis(if shared.health.notified.load(Ordering::Relaxed) {
        shared.settings.poll_ms
    } else {
        shared.settings.poll_without_notify_ms
    });
    let longest = if elsewhere { longest.min(TAKE_OVER) } else { longest };
    // One worker polls; the others are called when there is a lot to do.
    let rest = if number == 0 { awake.rest.min(longest) } else { longest.max(LOOK_ASIDE) };
    tokio::select! {
        () = shared.wake.workers.notified() => awake.rest = Duration::from_millis(1),
        () = rest_for(shared, rest) => {
            awake.peeks = rest >= LONG_REST;
            awake.rest = (awake.rest * 2).min(longest);
        }
        () = shutdown.cancelled() => {}
    }
}

async fn rest_for(shared: &Shared, rest: Duration) {
    let began = Instant::now();
    while !rest.saturating_sub(began.elapsed()).is_zero() {
        tokio::time::sleep(rest.saturating_sub(began.elapsed()).min(LOOK_BEHIND_GATE)).await;
        if shared.gate.is_closed() && shared.beat().elapsed() > LOOK_BEHIND_GATE {
            return;
        }
    }
}
