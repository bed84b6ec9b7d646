//! The queue: claiming what is due.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use super::json::Readable;
use super::session::{Session, Sql, StoreError};
use crate::domain::event::{Event, Operation};
use crate::domain::ids::{EventId, ExecutionId, WorkflowId};

/// Lanes there are. Fixed: it is part of `record_event()`.
pub const LANES: usize = 64;

pub(super) static AGREE_WITH_PUBLISHING: Sql =
    Sql { name: "agree_with_publishing", text: "select pg_advisory_xact_lock_shared(1952998511, 1)" };
pub(super) static LOCK_READY_LANES: Sql =
    Sql { name: "lock_ready_lanes", text: include_str!("sql/lock_ready_lanes.sql") };
pub(super) static CLAIM_DUE: Sql = Sql { name: "claim_due", text: include_str!("sql/claim_due.sql") };
pub(super) static QUARANTINE: Sql = Sql {
    name: "quarantine",
    text: "delete from public.workflow_queue where lane = $1 and due_at = $2 and id = $3",
};
pub(super) static OLDEST_DUE: Sql = Sql {
    name: "oldest_due",
    text: "select min(oldest.due_at) as due_at from generate_series(0, 63) as l (lane)
           cross join lateral (select q.due_at from public.workflow_queue q
               where q.lane = l.lane order by q.due_at, q.id limit 1) oldest",
};

/// What a transaction writes may be due a little before it counts as writing. Every row that is claimed within this time
/// is stepped over once more, dead, while a long transaction keeps the dead from being removed: a second of them tripled
/// the time of a claim. What lies further back, as after a clock was set back, is found by the sweep.
const SLACK: TimeDelta = TimeDelta::milliseconds(20);

/// Where each lane was left, so that a claim need not step over the dead rows before it.
///
/// A cursor stands where the last claim in its lane ended. A transaction that ran then may yet commit an event of an
/// earlier time, and later events of the same entity must not be started before it: each claim is handed the transactions
/// that ran at the one before, each with an instant before which it can have written nothing, and looks from there on once
/// one of them is over. One that runs for hours costs nothing until it ends.
#[derive(Debug, Clone)]
pub struct Cursors {
    lanes: Vec<i16>,
    since: Vec<DateTime<Utc>>,
    /// `since` as it was before the claim at hand.
    before: Vec<DateTime<Utc>>,
    /// Transactions that ran at the last look, each with the last instant at which it had not begun.
    running: BTreeMap<i64, DateTime<Utc>>,
    /// When that was.
    looked: DateTime<Utc>,
}

/// What a claim sees of the lanes.
struct Look {
    /// When it looked.
    at: DateTime<Utc>,
    /// Transactions that ran.
    running: Vec<i64>,
    /// Lanes in which something was due.
    ready: Vec<i16>,
}

impl Cursors {
    /// All lanes from the beginning, tried from lane `first` on, so that workers don't meet.
    pub fn from_lane(first: usize) -> Self {
        let lanes = (0..LANES).map(|n| i16::try_from((first + n) % LANES).unwrap_or(0)).collect();
        let beginning = vec![DateTime::UNIX_EPOCH; LANES];
        Self {
            lanes,
            since: beginning.clone(),
            before: beginning,
            running: BTreeMap::new(),
            looked: DateTime::UNIX_EPOCH,
        }
    }

    /// Looks from the beginning once.
    pub fn sweep(&mut self) {
        self.since.fill(DateTime::UNIX_EPOCH);
    }

    /// What was claimed last is back in the queue.
    pub fn undo(&mut self) {
        self.since.clone_from(&self.before);
    }

    /// Turns the order of lanes, so that none is always last.
    pub fn turn(&mut self, by: usize) {
        self.lanes.rotate_left(by % LANES);
        self.since.rotate_left(by % LANES);
        self.before.rotate_left(by % LANES);
    }

    /// Takes in what a claim saw. Rows of a transaction that is over are there to be seen, in any lane; and in a lane in
    /// which nothing was due, nothing is before that instant but what still runs will write.
    fn observe(&mut self, look: &Look) {
        let before_it_began = self.looked;
        let over = self.running.iter().filter(|(xid, _)| !look.running.contains(xid));
        if let Some(earliest) = over.map(|(_, since)| *since).min() {
            // Also where it goes on if this claim is undone: who is over is not told again.
            let all = self.since.iter_mut().chain(&mut self.before);
            all.for_each(|since| *since = (*since).min(earliest - SLACK));
        }
        let known = std::mem::take(&mut self.running);
        let since = |xid: &i64| known.get(xid).copied().unwrap_or(before_it_began);
        self.running = look.running.iter().map(|xid| (*xid, since(xid))).collect();
        self.looked = look.at;
        for (lane, since) in self.lanes.iter().zip(&mut self.since) {
            if !look.ready.contains(lane) {
                *since = (*since).max(look.at - SLACK);
            }
        }
    }

    /// Moves the cursors of the lanes that rows were taken from, oldest first: what is left there is later.
    fn advance(&mut self, claimed: &[Claimed]) {
        for row in claimed {
            if let Some(n) = self.lanes.iter().position(|lane| *lane == row.lane) {
                self.since[n] = row.due_at.min(self.looked).max(DateTime::UNIX_EPOCH + SLACK) - SLACK;
            }
        }
    }
}

/// A row taken off the queue.
#[derive(Debug)]
pub struct Claimed {
    /// Its place in the lane, after `due_at`.
    pub id: i64,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// Its lane, held until the transaction ends.
    pub lane: i16,
    /// What to do with it.
    pub what: Due,
}

impl Claimed {
    /// Whether both are the same queue row.
    pub fn is(&self, other: &Self) -> bool {
        (self.lane, self.due_at, self.id) == (other.lane, other.due_at, other.id)
    }
}

/// What a queue row stands for.
#[derive(Debug)]
pub enum Due {
    /// An event: start what matches it.
    Event(Box<Event>),
    /// An event whose row this program can't read (the event is without it), and why.
    Unreadable(Box<Event>, String),
    /// An execution that rests: go on with it.
    Execution(ExecutionId),
    /// An event that an execution rests for, perhaps, or a word for it.
    Offer(ExecutionId, Box<Event>),
    /// An event whose row is gone: nothing to do.
    Gone(EventId),
}

impl Due {
    /// What it is, for a log line: never its content.
    pub fn name(&self) -> String {
        match self {
            Self::Event(event) | Self::Unreadable(event, _) => {
                format!("event {} of {}", event.id, event.table)
            }
            Self::Execution(id) => format!("execution {id}"),
            Self::Offer(id, event) => format!("execution {id} with event {} of {}", event.id, event.table),
            Self::Gone(id) => format!("event {id}, which is gone"),
        }
    }
}

/// What a claim brought.
#[derive(Debug, Default)]
pub struct Claim {
    /// Oldest first.
    pub rows: Vec<Claimed>,
    /// The database's clock; meaningless when there are no rows.
    pub now: DateTime<Utc>,
    /// Tells whether the versions in force changed since the last claim.
    pub epoch: i64,
    /// Some execution rests for events.
    pub somebody_awaits: bool,
    /// Workflows that are held.
    pub held: HashSet<WorkflowId>,
    /// How much event data came with it.
    pub bytes: usize,
    /// Nothing came, though something is due: it is in other hands, which may be dead ones.
    pub elsewhere: bool,
}

/// Begins a transaction and claims up to `limit` queue rows that are due, oldest first within their lanes.
///
/// Takes only lanes that no other batch holds, at most its share of the ready ones, and holds them until
/// the transaction ends. Empty when nothing is due or all that is due is in other hands. Two callers never
/// receive the same row.
///
/// # Errors
/// [`StoreError`]; the transaction is then to be rolled back.
pub async fn claim_due(
    session: &Session,
    cursors: &mut Cursors,
    limit: usize,
    workers: usize,
) -> Result<Claim, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let workers = i32::try_from(workers).unwrap_or(i32::MAX);
    cursors.before.clone_from(&cursors.since);
    let (running, since): (Vec<i64>, Vec<DateTime<Utc>>) =
        cursors.running.iter().map(|(xid, since)| (*xid, *since - SLACK)).unzip();
    let (lanes, from) = (&cursors.lanes, &cursors.since);
    let (begun, agreed, held, rows) = {
        tokio::join!(
            biased;
            session.transaction("begin"),
            async { session.query(&AGREE_WITH_PUBLISHING, &[]).await },
            async { session.query(&LOCK_READY_LANES, &[lanes, from, &workers, &running, &since]).await },
            async { session.query(&CLAIM_DUE, &[lanes, from, &limit, &running, &since]).await },
        )
    };
    begun?;
    agreed?;
    let held = held?;
    let rows = rows?;
    if let Some(row) = held.first() {
        cursors.observe(&Look { at: row.get("at"), running: row.get("running"), ready: row.get("ready") });
    }
    let ready = held.first().is_some_and(|row| !row.get::<_, Vec<i16>>("ready").is_empty());
    let mut claim = Claim { elsewhere: rows.is_empty() && ready, ..Claim::default() };
    if let Some(first) = rows.first() {
        claim.now = first.get("now");
        claim.epoch = first.get("epoch");
        claim.somebody_awaits = first.get("somebody_awaits");
        claim.held = first.get::<_, Vec<Uuid>>("held").into_iter().map(WorkflowId).collect();
    }
    claim.bytes = rows.iter().map(|row| usize::try_from(row.get::<_, i32>("bytes")).unwrap_or(0)).sum();
    claim.rows = rows.iter().map(claimed).collect();
    cursors.advance(&claim.rows);
    Ok(claim)
}

fn claimed(row: &Row) -> Claimed {
    let execution = row.get::<_, Option<Uuid>>("execution_id").map(ExecutionId);
    let about = row.get::<_, Option<Uuid>>("event_id").map(|id| event(row, EventId(id)));
    let what = match (execution, about) {
        (None, Some(due)) => due,
        (Some(id), Some(Due::Event(event))) => Due::Offer(id, event),
        // An event that can't be read, or is gone, is none that anybody waits for.
        (Some(id), _) => Due::Execution(id),
        (None, None) => Due::Gone(EventId::default()),
    };
    Claimed { id: row.get("id"), due_at: row.get("due_at"), lane: row.get("lane"), what }
}

fn event(row: &Row, id: EventId) -> Due {
    let operation: Option<&str> = row.get("operation");
    let Some(operation) = operation.and_then(Operation::from_text) else { return Due::Gone(id) };
    let mut event = Box::new(Event {
        id,
        at: row.get("event_at"),
        table: row.get("table_name"),
        operation,
        row: Arc::default(),
        old: Arc::default(),
        cause: row.get::<_, Option<Uuid>>("cause").map(ExecutionId),
        depth: row.get("depth"),
        customer: None,
    });
    let members = |name| Readable::members(row.get(name));
    match members("row_data").and_then(|whole| Ok((whole, members("old_data")?))) {
        Ok((whole, old)) => {
            (event.row, event.old) = (Arc::new(whole), Arc::new(old));
            Due::Event(event)
        }
        Err(reason) => Due::Unreadable(event, reason),
    }
}

/// Takes a row off the queue that no batch survives. False if somebody else has taken it meanwhile.
///
/// # Errors
/// [`StoreError`].
pub async fn quarantine(session: &Session, row: &Claimed) -> Result<bool, StoreError> {
    Ok(session.execute(&QUARANTINE, &[&row.lane, &row.due_at, &row.id]).await? == 1)
}

/// When the oldest row was due; `None` when the queue is empty.
///
/// # Errors
/// [`StoreError`].
pub async fn oldest_due(session: &Session) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(session.query(&OLDEST_DUE, &[]).await?.first().and_then(|row| row.get("due_at")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + second, 0).expect("in range")
    }

    fn row(lane: i16, second: i64) -> Claimed {
        Claimed { id: 1, due_at: at(second), lane, what: Due::Gone(EventId(Uuid::nil())) }
    }

    fn looks(cursors: &mut Cursors, second: i64, running: &[i64]) {
        let ready = cursors.lanes.clone();
        cursors.observe(&Look { at: at(second), running: running.to_vec(), ready });
    }

    #[test]
    fn a_transaction_that_runs_holds_no_cursor_back_until_it_is_over() {
        let mut cursors = Cursors::from_lane(0);
        looks(&mut cursors, 0, &[]);
        // Transaction 70 began between seconds 0 and 10 and runs on.
        looks(&mut cursors, 10, &[70]);
        cursors.advance(&[row(3, 9), row(4, 9)]);
        looks(&mut cursors, 20, &[70, 80]);
        cursors.advance(&[row(3, 18), row(3, 19)]);
        assert_eq!(cursors.since[3], at(19) - SLACK);
        // It is over: what it wrote, at second 0 at the earliest, is there now, also in lanes that nothing was taken from.
        looks(&mut cursors, 30, &[80]);
        assert_eq!((cursors.since[3], cursors.since[4]), (at(0) - SLACK, at(0) - SLACK));
        cursors.advance(&[row(3, 29)]);
        // The other one began after second 10.
        looks(&mut cursors, 40, &[]);
        assert_eq!((cursors.since[3], cursors.since[4]), (at(10) - SLACK, at(0) - SLACK));
    }

    #[test]
    fn a_cursor_never_passes_the_look_at_who_runs() {
        let mut cursors = Cursors::from_lane(0);
        looks(&mut cursors, 10, &[]);
        // Taken by a statement that came later: a transaction may have begun in between.
        cursors.advance(&[row(3, 12)]);
        assert_eq!(cursors.since[3], at(10) - SLACK);
    }

    #[test]
    fn a_lane_in_which_nothing_is_due_is_passed_and_one_in_other_hands_is_not() {
        let mut cursors = Cursors::from_lane(0);
        cursors.observe(&Look { at: at(10), running: Vec::new(), ready: vec![5] });
        assert_eq!((cursors.since[3], cursors.since[5]), (at(10) - SLACK, DateTime::UNIX_EPOCH));
        cursors.sweep();
        assert_eq!(cursors.since[3], DateTime::UNIX_EPOCH);
    }

    #[test]
    fn a_claim_that_took_part_of_what_came_late_goes_on_behind_that_part() {
        let mut cursors = Cursors::from_lane(0);
        looks(&mut cursors, 0, &[]);
        cursors.advance(&[row(3, 9)]);
        looks(&mut cursors, 10, &[]);
        // Rows of seconds 3, 4 and 5 were committed late; the limit let one through.
        cursors.advance(&[row(3, 3)]);
        assert_eq!(cursors.since[3], at(3) - SLACK);
    }

    #[test]
    fn a_claim_that_was_rolled_back_moves_nothing() {
        let mut cursors = Cursors::from_lane(0);
        looks(&mut cursors, 30, &[]);
        cursors.advance(&[row(3, 9)]);
        cursors.before.clone_from(&cursors.since);
        cursors.advance(&[row(3, 19)]);
        cursors.undo();
        assert_eq!(cursors.since[3], at(9) - SLACK);
    }

    #[test]
    fn who_is_over_is_not_forgotten_with_a_claim_that_was_rolled_back() {
        let mut cursors = Cursors::from_lane(0);
        looks(&mut cursors, 0, &[]);
        looks(&mut cursors, 10, &[70]);
        cursors.advance(&[row(3, 9)]);
        cursors.before.clone_from(&cursors.since);
        looks(&mut cursors, 20, &[]);
        cursors.advance(&[row(3, 15)]);
        cursors.undo();
        assert_eq!(cursors.since[3], at(0) - SLACK);
    }
}
