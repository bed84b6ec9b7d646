//! Failed executions: kept so that they can be tried again, and told to workflows that begin with that.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::executions::Identity;
use super::json::Readable;
use super::session::{Session, Sql, StoreError};
use crate::domain::ids::ExecutionId;

pub(super) static KEEP_DEAD: Sql = Sql {
    name: "keep_dead_letters",
    text: "insert into public.workflow_dead_letters
               (id, root, attempt, event_at, event_id, workflow_id, version, lane, state, reason)
           select i.id, i.root, i.attempt, i.event_at, i.event_id, i.workflow_id, i.version, i.lane, i.state, i.reason
           from unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::timestamptz[], $5::uuid[], $6::uuid[],
                       $7::integer[], $8::smallint[], $9::jsonb[], $10::text[])
               as i (id, root, attempt, event_at, event_id, workflow_id, version, lane, state, reason)
           on conflict (id) do nothing",
};
pub(super) static TAKE_DEAD: Sql = Sql {
    name: "take_dead_letters",
    text: "delete from public.workflow_dead_letters where id = any ($1::uuid[])
           returning id, root, attempt, event_at, event_id, workflow_id, version, lane, state",
};
pub(super) static TELL_FAILURES: Sql =
    Sql { name: "tell_failures", text: "select public.tell_failures($1, $2, $3)" };

/// A failed execution as it is kept.
#[derive(Debug)]
pub struct Dead<'a> {
    /// Which.
    pub identity: &'a Identity,
    /// As when it is laid to rest.
    pub state: Value,
    /// Why it failed.
    pub reason: String,
}

/// Keeps failed executions, each once.
///
/// # Errors
/// [`StoreError`].
pub async fn keep(session: &Session, dead: &[Dead<'_>]) -> Result<(), StoreError> {
    if dead.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = dead.iter().map(|d| d.identity.id.0).collect();
    let roots: Vec<_> = dead.iter().map(|d| d.identity.root.0).collect();
    let attempts: Vec<_> = dead.iter().map(|d| d.identity.attempt).collect();
    let event_ats: Vec<_> = dead.iter().map(|d| d.identity.event_at).collect();
    let events: Vec<_> = dead.iter().map(|d| d.identity.event.0).collect();
    let workflows: Vec<_> = dead.iter().map(|d| d.identity.workflow.0).collect();
    let versions: Vec<_> = dead.iter().map(|d| d.identity.version).collect();
    let lanes: Vec<_> = dead.iter().map(|d| d.identity.lane).collect();
    let states: Vec<_> = dead.iter().map(|d| &d.state).collect();
    let reasons: Vec<_> = dead.iter().map(|d| d.reason.as_str()).collect();
    session
        .execute(
            &KEEP_DEAD,
            &[&ids, &roots, &attempts, &event_ats, &events, &workflows, &versions, &lanes, &states, &reasons],
        )
        .await
        .map(|_| ())
}

/// Takes failed executions out, for another try: identity and state, or why that can't be read.
///
/// # Errors
/// [`StoreError`].
pub async fn take(
    session: &Session,
    ids: &[ExecutionId],
    now: DateTime<Utc>,
) -> Result<Vec<(Identity, Result<Value, String>)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let rows = session.query(&TAKE_DEAD, &[&ids]).await?;
    Ok(rows.iter().map(|row| (Identity::of(row, now), row.get::<_, Readable>("state").0)).collect())
}

/// That an execution failed, as an event.
#[derive(Debug)]
pub struct Failure {
    /// `{workflow, execution, node, reason, failed_at, event}`.
    pub row: Value,
    /// Which.
    pub execution: ExecutionId,
    /// The depth of its event.
    pub depth: i16,
}

/// Tells that executions failed.
///
/// # Errors
/// [`StoreError`].
pub async fn tell(session: &Session, failures: &[Failure]) -> Result<(), StoreError> {
    if failures.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = failures.iter().map(|failure| &failure.row).collect();
    let causes: Vec<_> = failures.iter().map(|failure| failure.execution.0).collect();
    let depths: Vec<_> = failures.iter().map(|failure| failure.depth.saturating_add(1)).collect();
    session.execute(&TELL_FAILURES, &[&rows, &causes, &depths]).await.map(|_| ())
}
