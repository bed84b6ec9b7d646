//! What kills the process. A daemon that died leaves its row in `workflow_daemons`; whoever finds it is careful for a
//! while: says what it has in hand before it works on it. After a death with several rows in hand each of them is taken
//! alone; one that was alone in hand twice is set aside. While nobody has died, none of this is asked.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, watch};
use uuid::Uuid;

use super::alerts::raise_now;
use super::apply::{Fault, Manner};
use super::batch::Order;
use super::figures::list;
use super::listen::Side;
use super::side_session;
use crate::domain::alert::Kind;
use crate::store::daemons::{self, Daemon, News, Strikes};
use crate::store::queue::Claimed;
use crate::store::session::{Session, StoreError};

/// What kills comes again soon, for it is still the first of its lane.
const CAREFUL: Duration = Duration::from_secs(300);
/// At first rows are taken one by one: until nothing is due, but for so long at least …
const ALONE_AT_LEAST: Duration = Duration::from_secs(2);
/// … and so long at most.
const ALONE_AT_MOST: Duration = Duration::from_secs(10);
/// So many died with the row alone in hand: it is set aside, if they are half of all that died …
const ENOUGH_STRIKES: i16 = 2;
/// … or even if more died otherwise.
const MOST_STRIKES: i16 = 5;

/// How careful the daemon is, for all its workers.
pub(super) struct Caution {
    daemon: Daemon,
    since: Mutex<Option<Since>>,
    /// Whether it is known who died before us.
    looked: watch::Sender<bool>,
    /// A row that is suspected works alone: held by it for writing, by all other careful batches for reading.
    turn: RwLock<()>,
}

#[derive(Clone, Copy)]
struct Since {
    found: Instant,
    alone: bool,
}

/// A worker's share of the caution.
pub(super) struct Hand<'a> {
    /// All workers'.
    pub caution: &'a Caution,
    /// On whose connection it is written what is in hand.
    pub side: Side,
    /// The worker's number.
    pub worker: i16,
}

/// Held while rows are worked on.
pub(super) enum Turn<'a> {
    /// Beside others.
    Beside { _held: RwLockReadGuard<'a, ()> },
    /// While nothing else is worked on.
    Alone { _held: RwLockWriteGuard<'a, ()> },
}

impl Caution {
    /// Of a daemon that has just started.
    pub fn new() -> Self {
        let id = Uuid::new_v4();
        let number =
            u32::from_be_bytes([id.as_bytes()[0], id.as_bytes()[1], id.as_bytes()[2], id.as_bytes()[3]]);
        // Beyond those that mean something, and a positive number.
        let lock = i32::try_from((number >> 2) + 4096).unwrap_or(i32::MAX);
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let pid = i32::try_from(std::process::id()).unwrap_or(0);
        Self {
            daemon: Daemon { id, host, pid, lock },
            since: Mutex::default(),
            looked: watch::Sender::new(false),
            turn: RwLock::default(),
        }
    }

    /// Who this daemon is.
    pub fn id(&self) -> Uuid {
        self.daemon.id
    }

    /// Says that the daemon lives, and looks who does not any more. Whether nobody notifies, for the server's queue of
    /// notifications is too full.
    pub async fn report(&self, session: &Session) -> Result<bool, StoreError> {
        let starts = !*self.looked.borrow();
        let News { dead, rows, deaf } = daemons::report(session, &self.daemon, starts).await?;
        if dead > 0 {
            tracing::warn!(
                dead,
                "a daemon died: events are taken one by one for a while, in case one of them was the reason"
            );
            metrics::counter!(list::DIED).increment(dead.unsigned_abs());
            *self.lock() = Some(Since { found: Instant::now(), alone: true });
        }
        if rows > 0 {
            let message = format!(
                "a daemon died with {rows} rows of the queue in hand; what kills twice is set aside, and the log of the one \
                 that died, or of the system, may say why it died"
            );
            raise_now(session, Kind::DaemonDied, None, &message).await;
        }
        self.looked.send_replace(true);
        Ok(deaf)
    }

    /// Waits until it is known who died before us.
    pub async fn looked(&self) {
        let _ = self.looked.subscribe().wait_for(|looked| *looked).await;
    }

    /// Whether batches say what they have in hand; those of one row at first.
    pub fn restrains(&self, order: &mut Order) -> bool {
        let mut since = self.lock();
        let Some(of) = *since else { return false };
        if of.found.elapsed() > CAREFUL {
            *since = None;
            return false;
        }
        if of.alone && of.found.elapsed() < ALONE_AT_MOST {
            (order.limit, order.manner) = (1, Manner::OneByOne);
        }
        true
    }

    /// Nothing was due.
    pub fn ran_dry(&self) {
        if let Some(since) = &mut *self.lock()
            && since.found.elapsed() > ALONE_AT_LEAST
        {
            since.alone = false;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Since>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hand<'_> {
    /// Takes claimed rows in hand, in the transaction of the batch at hand; the turn is held until that has ended.
    ///
    /// # Errors
    /// [`Fault::Suspects`] where one of several rows is suspected: they are to be taken one by one. [`Fault::TooSoon`]
    /// if a daemon died with it a moment ago. [`Fault::Deadly`] if it has killed often enough.
    pub async fn take(&mut self, session: &Session, rows: &[Claimed]) -> Result<Turn<'_>, Fault> {
        let side = side_session(&mut self.side).await;
        let known = daemons::strikes(&side, rows).await.map_err(Fault::Unsaid)?;
        let turn = match known {
            None => Turn::Beside { _held: self.caution.turn.read().await },
            Some(_) if rows.len() > 1 => return Err(Fault::Suspects),
            Some(strikes) if condemns(strikes) => return Err(Fault::Deadly),
            // Whoever ends daemons in quick succession does not mean the row that is first in its lane.
            Some(Strikes { lately: true, .. }) => return Err(Fault::TooSoon),
            Some(Strikes { most: 0, .. }) => Turn::Beside { _held: self.caution.turn.read().await },
            // A second strike must be its own.
            Some(_) => Turn::Alone { _held: self.caution.turn.write().await },
        };
        let (daemon, worker) = (self.caution.id(), self.worker);
        daemons::take_in_hand(&side, daemon, worker, rows).await.map_err(Fault::Unsaid)?;
        daemons::put_down(session, daemon, worker, rows).await?;
        Ok(turn)
    }

    /// A row was set aside: nothing more is held against it.
    pub async fn forget(&self, session: &Session, row: &Claimed) -> Result<(), StoreError> {
        daemons::put_down(session, self.caution.id(), self.worker, std::slice::from_ref(row)).await?;
        daemons::forget_deaths(session).await
    }
}

/// Where daemons are ended from outside again and again, by an operator or for want of memory elsewhere, some row is in
/// hand each time; but hardly ever the same one.
fn condemns(Strikes { most, deaths, .. }: Strikes) -> bool {
    most >= MOST_STRIKES || (most >= ENOUGH_STRIKES && i64::from(most) * 2 >= deaths)
}

/// In builds for tests: ends the process where a test says so, as running out of memory would. Orders, by their note.
#[cfg(debug_assertions)]
pub(super) fn die_where_told(rows: &[Claimed]) {
    use crate::store::queue::Due;
    static TOLD: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let Some(note) = TOLD.get_or_init(|| std::env::var("TEST_DIES_AT_NOTE").ok()) else { return };
    let told = |row: &Claimed| match &row.what {
        // Of a replay nothing is at hand but who asked for it.
        Due::Event(event) => {
            ["note", "by"].iter().any(|name| event.row.get(*name).and_then(|of| of.as_str()) == Some(note))
        }
        _ => false,
    };
    if rows.iter().any(told) {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_hand_at_few_of_many_deaths_is_not_the_reason() {
        let condemned = |most, deaths| condemns(Strikes { most, deaths, lately: false });
        assert!(condemned(2, 3), "the first death, and two with the row alone in hand");
        assert!(!condemned(1, 1));
        assert!(!condemned(2, 5), "three died otherwise");
        assert!(condemned(5, 100));
    }
}
