//! The queue: claiming what is due.

use std::collections::{HashSet, VecDeque};
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
/// Instants remembered while old transactions run. Of more, the cursors just learn later.
const MOST_INSTANTS: usize = 1024;

/// Where each lane was left, so that a claim need not step over the dead rows before it.
///
/// A cursor stands where the last claim in its lane ended, and never passes an instant at which a transaction
/// ran that still runs: it may yet commit an event of that time, and later events of the same entity must not
/// be started before it.
#[derive(Debug, Clone)]
pub struct Cursors {
    lanes: Vec<i16>,
    since: Vec<DateTime<Utc>>,
    /// `since` as it was before the claim at hand.
    before: Vec<DateTime<Utc>>,
    /// Instants, each with the first transaction that had not yet begun then.
    instants: VecDeque<(DateTime<Utc>, i64)>,
    /// All that was written before this instant is committed or will never be.
    complete: DateTime<Utc>,
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
            instants: VecDeque::new(),
            complete: DateTime::UNIX_EPOCH,
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

    fn observe(&mut self, at: DateTime<Utc>, oldest_running: i64, next_to_start: i64) {
        let news = self.instants.back().is_none_or(|(last, _)| at - *last > TimeDelta::milliseconds(50));
        if news && self.instants.len() < MOST_INSTANTS {
            self.instants.push_back((at, next_to_start));
        }
        while let Some((at, began_later)) = self.instants.front()
            && *began_later <= oldest_running
        {
            self.complete = *at;
            self.instants.pop_front();
        }
    }

    /// Moves the cursors of the lanes that rows were taken from, oldest first: what is left there is later.
    fn advance(&mut self, claimed: &[Claimed]) {
        for row in claimed {
            if let Some(n) = self.lanes.iter().position(|lane| *lane == row.lane) {
                self.since[n] = row.due_at.min(self.complete).max(DateTime::UNIX_EPOCH + SLACK) - SLACK;
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
    let (begun, agreed, held, rows) = {
        tokio::join!(
            biased;
            session.transaction("begin"),
            async { session.query(&AGREE_WITH_PUBLISHING, &[]).await },
            async { session.query(&LOCK_READY_LANES, &[&cursors.lanes, &cursors.since, &workers]).await },
            async { session.query(&CLAIM_DUE, &[&cursors.lanes, &cursors.since, &limit]).await },
        )
    };
    begun?;
    agreed?;
    let held = held?;
    let rows = rows?;
    if let Some(row) = held.first() {
        cursors.observe(row.get("at"), row.get("oldest_running"), row.get("next_to_start"));
    }
    let mut claim = Claim::default();
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

    #[test]
    fn a_cursor_never_passes_a_transaction_that_still_runs() {
        let mut cursors = Cursors::from_lane(0);
        // Transaction 70 began before second 10 and runs on.
        cursors.observe(at(0), 65, 65);
        cursors.observe(at(10), 70, 80);
        cursors.advance(&[row(3, 9)]);
        assert_eq!(cursors.since[3], at(0) - SLACK);
        cursors.observe(at(20), 70, 95);
        cursors.advance(&[row(3, 18), row(3, 19)]);
        assert_eq!(cursors.since[3], at(0) - SLACK);
        // It is over; another, 90, began between seconds 10 and 20.
        cursors.observe(at(30), 90, 99);
        cursors.advance(&[row(3, 29)]);
        assert_eq!(cursors.since[3], at(10) - SLACK);
    }

    #[test]
    fn a_lane_that_nothing_was_taken_from_stays_where_it_was() {
        let mut cursors = Cursors::from_lane(0);
        cursors.observe(at(0), 70, 70);
        cursors.advance(&[row(3, 0), row(4, 0)]);
        // What a long transaction wrote is there now, at second 5 of lane 3; only lane 4 is held.
        cursors.observe(at(10), 99, 99);
        cursors.advance(&[row(4, 9)]);
        assert_eq!((cursors.since[3], cursors.since[4]), (at(0) - SLACK, at(9) - SLACK));
    }

    #[test]
    fn a_claim_that_took_part_of_what_came_late_goes_on_behind_that_part() {
        let mut cursors = Cursors::from_lane(0);
        cursors.observe(at(0), 70, 70);
        cursors.advance(&[row(3, 9)]);
        cursors.observe(at(10), 99, 99);
        // Rows of seconds 3, 4 and 5 were committed late; the limit let one through.
        cursors.advance(&[row(3, 3)]);
        assert_eq!(cursors.since[3], at(3) - SLACK);
    }

    #[test]
    fn a_claim_that_was_rolled_back_moves_nothing() {
        let mut cursors = Cursors::from_lane(0);
        cursors.observe(at(30), 99, 99);
        cursors.advance(&[row(3, 9)]);
        cursors.before.clone_from(&cursors.since);
        cursors.advance(&[row(3, 19)]);
        cursors.undo();
        assert_eq!(cursors.since[3], at(9) - SLACK);
    }
}
