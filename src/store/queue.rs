//! The queue: claiming what is due.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use super::cursors::{Bounds, Cursors, Look};
use super::json::Readable;
use super::session::{Session, Sql, StoreError};
use crate::domain::event::{Event, Operation};
use crate::domain::ids::{EventId, ExecutionId, WorkflowId};

pub(super) static AGREE_WITH_PUBLISHING: Sql =
    Sql { name: "agree_with_publishing", text: "select pg_advisory_xact_lock_shared(1952998511, 1)" };
pub(super) static LOCK_READY_LANES: Sql =
    Sql { name: "lock_ready_lanes", text: include_str!("sql/lock_ready_lanes.sql") };
pub(super) static CLAIM_DUE: Sql = Sql { name: "claim_due", text: include_str!("sql/claim_due.sql") };
pub(super) static QUARANTINE: Sql = Sql {
    name: "quarantine",
    text: "delete from public.workflow_queue where lane = $1 and due_at = $2 and id = $3",
};
pub(super) static IS_DUE: Sql = Sql {
    name: "is_due",
    text: "select exists (select from unnest($1::smallint[]) as l (lane) cross join lateral (
               select from public.workflow_queue q where q.lane = l.lane and q.due_at <= statement_timestamp() limit 1) due) as due",
};
pub(super) static OLDEST_DUE: Sql = Sql { name: "oldest_due", text: include_str!("sql/oldest_due.sql") };

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
    /// Where what is left in the queue begins.
    pub left: Bounds,
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
    cursors.may_be_undone();
    let Bounds { lanes, since, running, before } = &cursors.bounds();
    let (begun, agreed, held, rows) = {
        tokio::join!(
            biased;
            session.transaction("begin"),
            async { session.query(&AGREE_WITH_PUBLISHING, &[]).await },
            async { session.query(&LOCK_READY_LANES, &[lanes, since, &workers, running, before, &limit]).await },
            async { session.query(&CLAIM_DUE, &[lanes, since, &limit, running, before]).await },
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
    claim.left = cursors.bounds();
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

/// The event of a row with its columns.
pub(super) fn event(row: &Row, id: EventId) -> Due {
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

/// Whether anything is due, in whoever's hands: what a claim costs that finds nothing is several times as much.
///
/// # Errors
/// [`StoreError`].
pub async fn is_due(session: &Session) -> Result<bool, StoreError> {
    let lanes = Cursors::from_lane(0).bounds().lanes;
    let rows = session.query(&IS_DUE, &[&lanes]).await?;
    Ok(rows.first().is_some_and(|row| row.get("due")))
}

/// When the oldest row from there on was due; `None` when there is none.
///
/// # Errors
/// [`StoreError`].
pub async fn oldest_due(session: &Session, from: &Bounds) -> Result<Option<DateTime<Utc>>, StoreError> {
    let Bounds { lanes, since, running, before } = from;
    let rows = session.query(&OLDEST_DUE, &[lanes, since, running, before]).await?;
    Ok(rows.first().and_then(|row| row.get("due_at")))
}
