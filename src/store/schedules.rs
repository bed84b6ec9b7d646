//! Schedules in force: which are due, and starting their times once.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::json::Readable;
use super::session::{Session, Sql, StoreError};
use crate::domain::ids::{EventId, WorkflowId};

pub(super) static LOOK: Sql =
    Sql { name: "look_at_schedules", text: include_str!("sql/look_at_schedules.sql") };
pub(super) static START_TIMES: Sql = Sql {
    name: "start_times",
    text: "select workflow_id from public.start_times($1, $2, $3, $4, $5, $6, $7, $8)",
};

/// A schedule that is due.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// Whose it is.
    pub workflow: WorkflowId,
    /// The trigger's settings, as drawn.
    pub config: Value,
    /// The time that started last, or the instant from which it counts.
    pub last_at: DateTime<Utc>,
}

/// What a look found.
#[derive(Debug)]
pub struct Look {
    /// The database's clock.
    pub now: DateTime<Utc>,
    /// When the first of the others is due.
    pub next_at: Option<DateTime<Utc>>,
    /// The longest due first.
    pub due: Vec<Scheduled>,
}

/// A time that starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// The time itself.
    pub due_at: DateTime<Utc>,
    /// How many before it were passed over.
    pub missed: u32,
}

/// Where a schedule goes from where it was found, and what starts on the way.
#[derive(Debug, Clone)]
pub struct Move {
    /// Whose it is.
    pub workflow: WorkflowId,
    /// Where it was found.
    pub was: DateTime<Utc>,
    /// The time that starts last; as it was, if none starts.
    pub last_at: DateTime<Utc>,
    /// When to look again; `None`: its calendar has ended.
    pub next_at: Option<DateTime<Utc>>,
    /// What starts.
    pub times: Vec<Time>,
}

/// Up to `limit` schedules that are due.
///
/// # Errors
/// [`StoreError`].
pub async fn look(session: &Session, limit: i64) -> Result<Look, StoreError> {
    let rows = session.query(&LOOK, &[&limit]).await?;
    let mut look = Look { now: DateTime::UNIX_EPOCH, next_at: None, due: Vec::new() };
    for row in &rows {
        (look.now, look.next_at) = (row.get("now"), row.get("next_at"));
        if let Some(workflow) = row.get::<_, Option<Uuid>>("workflow_id") {
            // What can't be read has no times.
            let config = row.get::<_, Readable>("config").0.unwrap_or_default();
            look.due.push(Scheduled { workflow: WorkflowId(workflow), config, last_at: row.get("last_at") });
        }
    }
    Ok(look)
}

/// Moves schedules and writes an event for each time that starts, all or nothing. How many were moved: others have been
/// moved by somebody else, or are in other hands just now.
///
/// # Errors
/// [`StoreError`]; then none has moved.
pub async fn start_times(session: &Session, moves: &[Move]) -> Result<usize, StoreError> {
    let of = |pick: fn(&Move) -> DateTime<Utc>| moves.iter().map(pick).collect::<Vec<_>>();
    let workflows: Vec<Uuid> = moves.iter().map(|one| one.workflow.0).collect();
    let next_at: Vec<Option<DateTime<Utc>>> = moves.iter().map(|one| one.next_at).collect();
    let (mut ids, mut times_of, mut due_at, mut missed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for one in moves {
        for time in &one.times {
            ids.push(EventId::of_time(one.workflow, time.due_at).0);
            times_of.push(one.workflow.0);
            due_at.push(time.due_at);
            missed.push(i32::try_from(time.missed).unwrap_or(i32::MAX));
        }
    }
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 8] =
        [&workflows, &of(|one| one.was), &of(|one| one.last_at), &next_at, &ids, &times_of, &due_at, &missed];
    Ok(session.query(&START_TIMES, &values).await?.len())
}
