//! The queue: claiming what is due.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio_postgres::Row;
use uuid::Uuid;

use super::session::{Session, Sql, StoreError};
use crate::domain::event::{Event, Operation};
use crate::domain::ids::{EventId, ExecutionId};

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

/// Where each lane was left, so that a claim need not step over the dead rows before it.
#[derive(Debug, Clone)]
pub struct Cursors {
    lanes: Vec<i16>,
    since: Vec<DateTime<Utc>>,
}

impl Cursors {
    /// All lanes from the beginning, tried from lane `first` on, so that workers don't meet.
    pub fn from_lane(first: usize) -> Self {
        let lanes = (0..LANES).map(|n| i16::try_from((first + n) % LANES).unwrap_or(0)).collect();
        Self { lanes, since: vec![DateTime::UNIX_EPOCH; LANES] }
    }

    /// Looks from the beginning again, for rows that were committed late.
    pub fn sweep(&mut self) {
        self.since.fill(DateTime::UNIX_EPOCH);
    }

    /// Turns the order of lanes, so that none is always last.
    pub fn turn(&mut self, by: usize) {
        self.lanes.rotate_left(by % LANES);
        self.since.rotate_left(by % LANES);
    }

    fn advance(&mut self, claimed: &[Claimed]) {
        for row in claimed {
            if let Some(at) = self.lanes.iter().position(|lane| *lane == row.lane) {
                self.since[at] = self.since[at].max(row.due_at - chrono::TimeDelta::seconds(1));
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

/// What a queue row stands for.
#[derive(Debug)]
pub enum Due {
    /// An event: start what matches it.
    Event(Box<Event>),
    /// An execution that rests: go on with it.
    Execution(ExecutionId),
    /// An event whose row is gone: nothing to do.
    Gone(EventId),
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
    held?;
    let rows = rows?;
    let mut claim = Claim::default();
    if let Some(first) = rows.first() {
        claim.now = first.get("now");
        claim.epoch = first.get("epoch");
    }
    claim.rows = rows.iter().map(claimed).collect();
    cursors.advance(&claim.rows);
    Ok(claim)
}

fn claimed(row: &Row) -> Claimed {
    let execution: Option<Uuid> = row.get("execution_id");
    let what = match execution {
        Some(id) => Due::Execution(ExecutionId(id)),
        None => event(row),
    };
    Claimed { id: row.get("id"), due_at: row.get("due_at"), lane: row.get("lane"), what }
}

fn event(row: &Row) -> Due {
    let id = EventId(row.get("event_id"));
    let operation: Option<&str> = row.get("operation");
    let Some(operation) = operation.and_then(Operation::from_text) else { return Due::Gone(id) };
    Due::Event(Box::new(Event {
        id,
        at: row.get("event_at"),
        table: row.get("table_name"),
        operation,
        row: object(row.get("row_data")),
        old: object(row.get("old_data")),
        customer: None,
    }))
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// Takes a row off the queue that no batch survives.
///
/// # Errors
/// [`StoreError`].
pub async fn quarantine(session: &Session, row: &Claimed) -> Result<(), StoreError> {
    session.execute(&QUARANTINE, &[&row.lane, &row.due_at, &row.id]).await.map(|_| ())
}

/// When the oldest row was due; `None` when the queue is empty.
///
/// # Errors
/// [`StoreError`].
pub async fn oldest_due(session: &Session) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(session.query(&OLDEST_DUE, &[]).await?.first().and_then(|row| row.get("due_at")))
}
