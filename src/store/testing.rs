//! What a test run asks of its own transaction, before that is rolled back.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::json::Readable;
use super::queue::{Due, event};
use super::session::{Session, Sql, StoreError};
use crate::domain::event::Event;
use crate::domain::ids::{EventId, ExecutionId, WorkflowId};

/// Events that one test run tells of.
const MOST_EVENTS: i64 = 1_000;

pub(super) static WRITTEN_EVENTS: Sql = Sql {
    name: "written_events",
    text: "select e.id, e.at as event_at, e.table_name, e.operation::text as operation, e.row_data, e.old_data, e.cause, e.depth
           from public.workflow_events e where e.at >= transaction_timestamp() and e.cause = $1::uuid
           order by e.at, e.id limit $2::bigint",
};
pub(super) static NAMES_OF_WORKFLOWS: Sql = Sql {
    name: "names_of_workflows",
    text: "select w.id, w.name from unnest($1::uuid[]) as i (id)
           cross join lateral (select w.id, w.name from public.workflows w where w.id = i.id limit 1) w",
};
pub(super) static ROW_OF: Sql =
    Sql { name: "row_of", text: "select public.row_by_now($1::text, $2::text) as row" };
pub(super) static LATEST_EVENTS: Sql = Sql {
    name: "latest_events",
    text: "select e.id, e.at as event_at, e.table_name, e.operation::text as operation, e.row_data, e.old_data, e.cause, e.depth
           from (select v.id, v.at, v.table_name, v.operation, v.row_data, v.old_data, v.cause, v.depth from public.workflow_events v
                  where v.at > statement_timestamp() - interval '90 days' order by v.at desc, v.id desc limit 20000) e
           where e.table_name = any ($1::text[]) order by e.at desc, e.id desc limit $2::bigint",
};
/// Names come from the catalog and are quoted there.
pub(super) static LATEST_ROW: Sql = Sql {
    name: "latest_row",
    text: "select format('select t.id::text as id from %s t order by t.created_at desc limit 1', c.oid::regclass) as statement
           from pg_catalog.pg_class c
           where c.oid = to_regclass('public.' || quote_ident($1::text)) and c.relkind in ('r', 'p')
             and (select count(*) from pg_catalog.pg_attribute a
                   where a.attrelid = c.oid and not a.attisdropped and a.attname in ('id', 'created_at')) = 2",
};
pub(super) static CLOCK: Sql = Sql { name: "clock", text: "select clock_timestamp() as now" };

/// A row as its trigger would record it; `None` if there is none, or its table tells nothing.
///
/// # Errors
/// [`StoreError`].
pub async fn row_of(
    session: &Session,
    table: &str,
    id: &str,
) -> Result<Option<Map<String, Value>>, StoreError> {
    let rows = match session.query(&ROW_OF, &[&table, &id]).await {
        // No row has such a key.
        Err(fault) if fault.source.code() == Some(&SqlState::INVALID_TEXT_REPRESENTATION) => return Ok(None),
        rows => rows?,
    };
    Ok(rows.first().and_then(|row| Readable::members(row.get("row")).ok()).filter(|row| !row.is_empty()))
}

/// The latest events of these tables among the last 20,000 of 90 days, the newest first: so many at most.
///
/// # Errors
/// [`StoreError`].
pub async fn latest_events(session: &Session, tables: &[&str], most: i64) -> Result<Vec<Event>, StoreError> {
    Ok(session.query(&LATEST_EVENTS, &[&tables, &most]).await?.iter().filter_map(readable).collect())
}

/// The id of the row of a table that was made last.
///
/// # Errors
/// [`StoreError`]; the statement that the catalog gave can't be run.
pub async fn latest_row(session: &Session, table: &str) -> Result<Option<String>, StoreError> {
    let found = session.query(&LATEST_ROW, &[&table]).await?;
    let Some(statement) = found.first().map(|row| row.get::<_, String>("statement")) else { return Ok(None) };
    let rows = session.client().query(&statement, &[]).await;
    let rows = rows.map_err(|source| StoreError { name: "latest_row", source })?;
    Ok(rows.first().map(|row| row.get("id")))
}

/// The database's clock.
///
/// # Errors
/// [`StoreError`].
pub async fn clock(session: &Session) -> Result<DateTime<Utc>, StoreError> {
    let rows = session.query(&CLOCK, &[]).await?;
    Ok(rows.first().map(|row| row.get("now")).unwrap_or_default())
}

fn readable(row: &Row) -> Option<Event> {
    match event(row, EventId(row.get("id"))) {
        Due::Event(event) => Some(*event),
        _ => None,
    }
}

/// The events that this transaction recorded of what an execution wrote, in their order.
///
/// # Errors
/// [`StoreError`].
pub async fn written_events(session: &Session, cause: ExecutionId) -> Result<Vec<Event>, StoreError> {
    let rows = session.query(&WRITTEN_EVENTS, &[&cause.0, &MOST_EVENTS]).await?;
    Ok(rows.iter().filter_map(readable).collect())
}

/// What workflows are called.
///
/// # Errors
/// [`StoreError`].
pub async fn names_of(
    session: &Session,
    workflows: &[WorkflowId],
) -> Result<Vec<(WorkflowId, String)>, StoreError> {
    let ids: Vec<Uuid> = workflows.iter().map(|id| id.0).collect();
    let rows = session.query(&NAMES_OF_WORKFLOWS, &[&ids]).await?;
    Ok(rows.iter().map(|row| (WorkflowId(row.get("id")), row.get("name"))).collect())
}

/// Somebody who is an admin.
///
/// # Errors
/// [`StoreError`].
pub async fn an_admin(session: &Session) -> Result<Option<Uuid>, StoreError> {
    // None of the engine's statements: that has no business with roles.
    let sql = "select r.user_id from public.user_roles r where r.role = 'admin' order by r.created_at, r.user_id limit 1";
    let found = session.client().query_opt(sql, &[]).await;
    let found = found.map_err(|source| StoreError { name: "an_admin", source })?;
    Ok(found.map(|row| row.get("user_id")))
}
