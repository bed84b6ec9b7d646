//! Workflows and their versions, as the engine needs them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::json::Readable;
use super::session::{Session, Sql, StoreError};
use crate::domain::ids::WorkflowId;

pub(super) static VERSIONS_IN_FORCE: Sql = Sql {
    name: "versions_in_force",
    text: "select v.workflow_id, v.number, v.definition, v.active_from, v.active_to
           from public.workflow_versions v
           where v.active_to is null or v.active_to > $1
           order by v.workflow_id, v.number",
};
pub(super) static ONE_VERSION: Sql = Sql {
    name: "one_version",
    text: "select definition from public.workflow_versions where workflow_id = $1 and number = $2",
};
pub(super) static PLAN_EPOCH: Sql = Sql {
    name: "plan_epoch",
    text: "select epoch, clock_timestamp() as now from public.workflow_plan_epoch limit 1",
};
pub(super) static UNCHECKED: Sql = Sql {
    name: "unchecked_workflows",
    text: "select id, revision, name, status, definition, live_version from public.workflows
           where health = 'unchecked' and ($1::uuid is null or id > $1) order by id limit 100",
};
pub(super) static PUT_IN_FORCE: Sql =
    Sql { name: "put_in_force", text: "select public.put_in_force($1, $2, $3, $4, $5) as number" };
pub(super) static MARK_CHECKED: Sql =
    Sql { name: "mark_checked", text: "select public.mark_checked($1, $2, $3, $4) as marked" };

/// The number that changes whenever another version is in force, and the database's clock.
///
/// # Errors
/// [`StoreError`].
pub async fn plan_epoch(session: &Session) -> Result<(i64, DateTime<Utc>), StoreError> {
    let rows = session.query(&PLAN_EPOCH, &[]).await?;
    Ok(rows.first().map_or((0, DateTime::UNIX_EPOCH), |row| (row.get("epoch"), row.get("now"))))
}

/// A version and when it is in force.
#[derive(Debug, Clone)]
pub struct Version {
    /// Of which workflow.
    pub workflow: WorkflowId,
    /// From 1.
    pub number: i32,
    /// React Flow JSON, or why it can't be read.
    pub definition: Result<Value, String>,
    /// For events from this instant on …
    pub active_from: DateTime<Utc>,
    /// … and before this one.
    pub active_to: Option<DateTime<Utc>>,
}

/// A row of `workflows` that was edited since it was last checked.
#[derive(Debug)]
pub struct Edited {
    /// Which.
    pub id: WorkflowId,
    /// Which edit of it.
    pub revision: i64,
    /// For messages.
    pub name: String,
    /// `draft`, `published`, `paused` or `archived`.
    pub status: String,
    /// React Flow JSON, or why it can't be read.
    pub definition: Result<Arc<Value>, String>,
    /// The version in force, if one is.
    pub live_version: Option<i32>,
}

/// All versions in force now or for events since `since`.
///
/// # Errors
/// [`StoreError`].
pub async fn versions_in_force(session: &Session, since: DateTime<Utc>) -> Result<Vec<Version>, StoreError> {
    let rows = session.query(&VERSIONS_IN_FORCE, &[&since]).await?;
    Ok(rows
        .iter()
        .map(|row| Version {
            workflow: WorkflowId(row.get("workflow_id")),
            number: row.get("number"),
            definition: row.get::<_, Readable>("definition").0,
            active_from: row.get("active_from"),
            active_to: row.get("active_to"),
        })
        .collect())
}

/// The definition of one version, for an execution that is pinned to it. `None` if it is gone or unreadable.
///
/// # Errors
/// [`StoreError`].
pub async fn definition_of(
    session: &Session,
    workflow: WorkflowId,
    number: i32,
) -> Result<Option<Value>, StoreError> {
    let rows = session.query(&ONE_VERSION, &[&workflow.0, &number]).await?;
    Ok(rows.first().and_then(|row| row.get::<_, Readable>("definition").0.ok()))
}

/// Up to 100 workflows that were edited since they were last checked, those after `last` (all without one).
///
/// # Errors
/// [`StoreError`].
pub async fn unchecked(session: &Session, last: Option<&Edited>) -> Result<Vec<Edited>, StoreError> {
    let last: Option<Uuid> = last.map(|last| last.id.0);
    let rows = session.query(&UNCHECKED, &[&last]).await?;
    Ok(rows
        .iter()
        .map(|row| Edited {
            id: WorkflowId(row.get("id")),
            revision: row.get("revision"),
            name: row.get("name"),
            status: row.get("status"),
            definition: row.get::<_, Readable>("definition").0.map(Arc::new),
            live_version: row.get("live_version"),
        })
        .collect())
}

/// Makes a compiled revision the version in force for later events, its `parts` (as the plan gives them) those that
/// `workflow_triggers` and its sisters show. Its number; `None` if the row was
/// edited meanwhile or is being edited.
///
/// # Errors
/// [`StoreError`].
pub async fn put_in_force(
    session: &Session,
    workflow: &Edited,
    hash: &str,
    diagnostics: &Value,
    parts: &Value,
) -> Result<Option<i32>, StoreError> {
    let rows = session
        .query(&PUT_IN_FORCE, &[&workflow.id.0, &workflow.revision, &hash, diagnostics, parts])
        .await?;
    Ok(rows.first().and_then(|row| row.get("number")))
}

/// Writes the compiler's word to the row and takes one that is not published out of force. False if it was
/// edited meanwhile or is being edited.
///
/// # Errors
/// [`StoreError`].
pub async fn mark_checked(
    session: &Session,
    workflow: &Edited,
    valid: bool,
    diagnostics: &Value,
) -> Result<bool, StoreError> {
    let health = if valid { "valid" } else { "broken" };
    let rows =
        session.query(&MARK_CHECKED, &[&workflow.id.0, &workflow.revision, &health, diagnostics]).await?;
    Ok(rows.first().is_some_and(|row| row.get::<_, Option<bool>>("marked").is_some()))
}
