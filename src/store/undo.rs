//! Undoing an execution: what it and its other attempts recorded, who undid it, and the rows put back.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::json::Readable;
use super::session::{Session, Sql, StoreError};
use crate::domain::execution::{Change, Step};
use crate::domain::ids::{EffectId, ExecutionId, WorkflowId};

pub(super) static ROOT_OF: Sql = Sql {
    name: "root_of_execution",
    text: "select coalesce(x.root, x.id) as root, x.event_at from public.workflow_executions x
           where x.id = $1 and x.event_at >= $2 and x.event_at < $3 and x.mode = 'live'
           union all
           select coalesce(w.root, w.id), w.event_at from public.workflow_waiting w where w.id = $1
           limit 1",
};
pub(super) static MARK_UNDONE: Sql = Sql {
    name: "mark_undone",
    text: "insert into public.workflow_undone (root, event_at, undone_by) values ($1, $2, $3)
           on conflict (root) do nothing",
};
pub(super) static UNDONE_BY: Sql = Sql {
    name: "undone_by",
    text: "select undone_by, undone_at from public.workflow_undone where root = $1 limit 1",
};
// All attempts begin with the time of their event.
pub(super) static FORGET_DEAD: Sql = Sql {
    name: "forget_dead_letters",
    text: "delete from public.workflow_dead_letters where id between $2::uuid and $3::uuid and root = $1",
};
pub(super) static ATTEMPTS: Sql = Sql {
    name: "attempts",
    text: "select x.id, x.workflow_id, x.steps from public.workflow_executions x
           where x.event_at = $2 and (x.id = $1 or x.root = $1) and x.mode = 'live' order by x.attempt limit 1000",
};
pub(super) static RESTING_ATTEMPTS: Sql = Sql {
    name: "resting_attempts",
    text: "select w.id from public.workflow_waiting w where w.id between $2::uuid and $3::uuid and (w.id = $1 or w.root = $1) limit 1",
};
pub(super) static EFFECTS_DONE: Sql = Sql {
    name: "effects_done",
    text: "select e.id from public.workflow_effects e where e.execution_id = any ($1::uuid[]) limit 200000",
};
pub(super) static SAY_CAUSE: Sql =
    Sql { name: "say_cause", text: "select set_config('thendo.cause', $1::text, true)" };
pub(super) static END_STATEMENTS: Sql =
    Sql { name: "end_statements_within", text: "select set_config('statement_timeout', $1::text, true)" };
pub(super) static LOCK_UNDONE: Sql =
    Sql { name: "lock_undone", text: "select public.lock_undone($1, $2, $3) as locked" };
pub(super) static UNDO_CHANGES: Sql = Sql {
    name: "undo_changes",
    text: "select n, conflict, note, is_now, points from public.undo_changes($1, $2, $3) order by n limit 100000",
};
pub(super) static NOTE_UNDO: Sql =
    Sql { name: "note_undo", text: "select public.note_undo($1::text, $2::uuid, $3::uuid)" };
// What this transaction has queued, nobody else can have seen.
pub(super) static START_NOTHING: Sql = Sql {
    name: "start_nothing",
    text: "delete from public.workflow_queue where ctid = any (array(
               select queued.ctid from public.workflow_events e
               cross join lateral (
                   select q.ctid from public.workflow_queue q
                   where q.lane = (hashtextextended(e.entity, 0) & 63)::smallint and q.due_at = e.at and q.event_id = e.id limit 1) queued
               where e.at >= now() and e.cause = $1))",
};

/// An execution, its other attempts with it.
#[derive(Debug, Clone, Copy)]
pub struct Root {
    /// The first attempt.
    pub id: ExecutionId,
    /// When its event happened.
    pub event_at: DateTime<Utc>,
}

impl Root {
    /// The first and the last id that an attempt of it can have: all begin with the time of the event.
    fn ids(&self) -> (Uuid, Uuid) {
        let (mut first, mut last) = ([0u8; 16], [0xff; 16]);
        first[..6].copy_from_slice(&self.id.0.as_bytes()[..6]);
        last[..6].copy_from_slice(&first[..6]);
        (Uuid::from_bytes(first), Uuid::from_bytes(last))
    }
}

/// The first attempt of an execution that has ended or rests.
///
/// # Errors
/// [`StoreError`].
pub async fn root_of(session: &Session, id: ExecutionId) -> Result<Option<Root>, StoreError> {
    let ms = id.0.as_bytes()[..6].iter().fold(0i64, |ms, byte| (ms << 8) | i64::from(*byte));
    let bounds = (DateTime::from_timestamp_millis(ms), DateTime::from_timestamp_millis(ms.saturating_add(1)));
    let (Some(from), Some(to)) = bounds else { return Ok(None) };
    let rows = session.query(&ROOT_OF, &[&id.0, &from, &to]).await?;
    Ok(rows.first().map(|row| Root { id: ExecutionId(row.get("root")), event_at: row.get("event_at") }))
}

/// Writes down that it is undone. False if it was before; whoever undoes it at this moment is waited for.
///
/// # Errors
/// [`StoreError`].
pub async fn mark_undone(session: &Session, root: Root, by: &str) -> Result<bool, StoreError> {
    let marked = session.execute(&MARK_UNDONE, &[&root.id.0, &root.event_at, &by]).await?;
    Ok(marked == 1)
}

/// Writes down in the audit who has it undone. It counts when the transaction does.
///
/// # Errors
/// [`StoreError`].
pub async fn note(session: &Session, root: Root, who: &str, account: Option<Uuid>) -> Result<(), StoreError> {
    session.query(&NOTE_UNDO, &[&who, &account, &root.id.0]).await.map(|_| ())
}

/// By whom it was undone, and when.
///
/// # Errors
/// [`StoreError`].
pub async fn undone_by(session: &Session, root: Root) -> Result<Option<(String, DateTime<Utc>)>, StoreError> {
    let rows = session.query(&UNDONE_BY, &[&root.id.0]).await?;
    Ok(rows.first().map(|row| (row.get("undone_by"), row.get("undone_at"))))
}

/// From here on it can't be tried again; whoever does so at this moment is waited for.
///
/// # Errors
/// [`StoreError`].
pub async fn forget_dead(session: &Session, root: Root) -> Result<(), StoreError> {
    let (first, last) = root.ids();
    session.execute(&FORGET_DEAD, &[&root.id.0, &first, &last]).await.map(|_| ())
}

/// An attempt that has ended.
#[derive(Debug)]
pub struct Attempt {
    /// Which.
    pub id: ExecutionId,
    /// Of which workflow.
    pub workflow: WorkflowId,
    /// Its steps, or why they can't be read.
    pub steps: Result<Vec<Step>, String>,
}

/// Its attempts that have ended, the first one first.
///
/// # Errors
/// [`StoreError`].
pub async fn attempts(session: &Session, root: Root) -> Result<Vec<Attempt>, StoreError> {
    let rows = session.query(&ATTEMPTS, &[&root.id.0, &root.event_at]).await?;
    let attempt = |row: &tokio_postgres::Row| Attempt {
        id: ExecutionId(row.get("id")),
        workflow: WorkflowId(row.get("workflow_id")),
        steps: row
            .get::<_, Readable>("steps")
            .0
            .and_then(|steps| serde_json::from_value(steps).map_err(|fault| fault.to_string())),
    };
    Ok(rows.iter().map(attempt).collect())
}

/// An attempt of it that rests.
///
/// # Errors
/// [`StoreError`].
pub async fn resting(session: &Session, root: Root) -> Result<Option<ExecutionId>, StoreError> {
    let (first, last) = root.ids();
    let rows = session.query(&RESTING_ATTEMPTS, &[&root.id.0, &first, &last]).await?;
    Ok(rows.first().map(|row| ExecutionId(row.get("id"))))
}

/// The keys of effects that these executions had.
///
/// # Errors
/// [`StoreError`].
pub async fn effects_done(
    session: &Session,
    executions: &[ExecutionId],
) -> Result<Vec<EffectId>, StoreError> {
    let ids: Vec<Uuid> = executions.iter().map(|id| id.0).collect();
    Ok(session.query(&EFFECTS_DONE, &[&ids]).await?.iter().map(|row| EffectId(row.get("id"))).collect())
}

/// What became of a change that was to be reversed.
#[derive(Debug)]
pub struct Reversed {
    /// Why it can't be.
    pub conflict: Option<String>,
    /// Why nothing had to be done.
    pub note: Option<String>,
    /// The written columns as they were found.
    pub is_now: Option<Value>,
    /// Points of the line that reverses a line of the ledger.
    pub points: Option<i64>,
}

/// From here on a statement of this transaction ends after so long, as one that took too long.
///
/// # Errors
/// [`StoreError`].
pub async fn end_statements_within(session: &Session, time: Duration) -> Result<(), StoreError> {
    let ms = time.as_millis().to_string();
    session.query(&END_STATEMENTS, &[&ms]).await.map(|_| ())
}

/// Locks the rows of these changes in the order in which the daemon locks rows.
///
/// # Errors
/// [`StoreError`]; somebody else has one of them in hand.
pub async fn lock(session: &Session, root: Root, changes: &[Change]) -> Result<(), StoreError> {
    session.query(&LOCK_UNDONE, &[&root.id.0, &root.event_at, &Json(changes)]).await.map(|_| ())
}

/// Reverses changes in this order, in the transaction that the caller holds. One for each; where one has a conflict, the caller
/// is to roll back.
///
/// # Errors
/// [`StoreError`]; the shop's own triggers and constraints may refuse.
pub async fn reverse(session: &Session, root: Root, changes: &[Change]) -> Result<Vec<Reversed>, StoreError> {
    let rows = session.query(&UNDO_CHANGES, &[&root.id.0, &root.event_at, &Json(changes)]).await?;
    let reversed = |row: &tokio_postgres::Row| Reversed {
        conflict: row.get("conflict"),
        note: row.get("note"),
        is_now: row.get::<_, Option<Readable>>("is_now").map(Readable::or_null),
        points: row.get("points"),
    };
    Ok(rows.iter().map(reversed).collect())
}

/// Has all events of this transaction carry the execution as their cause, so that [`start_nothing`] finds them.
///
/// # Errors
/// [`StoreError`].
pub async fn say_cause(session: &Session, root: Root) -> Result<(), StoreError> {
    // The depth behind the id: an admin's own act stands at the beginning.
    session.query(&SAY_CAUSE, &[&format!("{}0", root.id)]).await.map(|_| ())
}

/// Takes the events of this transaction off the queue: they stay recorded, and start nothing.
///
/// # Errors
/// [`StoreError`].
pub async fn start_nothing(session: &Session, root: Root) -> Result<(), StoreError> {
    session.execute(&START_NOTHING, &[&root.id.0]).await.map(|_| ())
}
