//! Recorded events: lists of them, one by its id, and those that are asked for once more.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{FromRow, PgPool};
use tokio_postgres::Row;
use uuid::Uuid;

use super::json::Readable;
use super::lists::{ExecutionRow, MOST};
use super::session::{Session, Sql, StoreError};
use crate::domain::event::{Event, Operation};
use crate::domain::ids::{EventId, ExecutionId};

pub(super) static FIND_EVENT: Sql = Sql {
    name: "find_event",
    text: "select e.id, e.at, e.table_name, e.operation::text as operation, e.row_data, e.old_data, e.cause, e.depth
           from public.workflow_events e
           where e.at >= statement_timestamp() - $2::integer * interval '1 day'
             and e.at < statement_timestamp() - $3::integer * interval '1 day' and e.id = $1 limit 1",
};
pub(super) static LOAD_EVENTS: Sql = Sql {
    name: "load_events",
    text: "select i.n, e.id, e.at, e.table_name, e.operation::text as operation, e.row_data, e.old_data, e.cause, e.depth
           from unnest($1::timestamptz[], $2::uuid[]) with ordinality as i (at, id, n)
           cross join lateral (
               select v.id, v.at, v.table_name, v.operation, v.row_data, v.old_data, v.cause, v.depth
               from public.workflow_events v where v.at = i.at and v.id = i.id limit 1) e",
};

/// Events have no index by their id alone, for every write would pay for it. So one is looked for where it most likely
/// is: from so many days ago to so many days ago.
const WHERE_TO_LOOK: [(i32, i32); 4] = [(1, -1), (35, 1), (400, 35), (36_500, 400)];

/// An event, or why its row can't be read.
pub type Loaded = Result<Event, String>;

/// The event of this id, if it is still kept.
///
/// # Errors
/// [`StoreError`].
pub async fn find_event(session: &Session, id: EventId) -> Result<Option<Loaded>, StoreError> {
    for (from, to) in &WHERE_TO_LOOK {
        if let Some(row) = session.query(&FIND_EVENT, &[&id.0, from, to]).await?.first() {
            return Ok(Some(loaded(row)));
        }
    }
    Ok(None)
}

/// These events, each by its time and id, in the order asked for; `None` for what is no longer kept.
///
/// # Errors
/// [`StoreError`].
pub async fn load_events(
    session: &Session,
    wanted: &[(DateTime<Utc>, EventId)],
) -> Result<Vec<Option<Loaded>>, StoreError> {
    let (ats, ids): (Vec<_>, Vec<_>) = wanted.iter().map(|(at, id)| (*at, id.0)).unzip();
    let mut found: Vec<Option<Loaded>> = wanted.iter().map(|_| None).collect();
    for row in &session.query(&LOAD_EVENTS, &[&ats, &ids]).await? {
        let at = usize::try_from(row.get::<_, i64>("n") - 1).unwrap_or(usize::MAX);
        if let Some(place) = found.get_mut(at) {
            *place = Some(loaded(row));
        }
    }
    Ok(found)
}

fn loaded(row: &Row) -> Loaded {
    let operation: &str = row.get("operation");
    let members = |name| Readable::members(row.get(name)).map(Arc::<Map<String, Value>>::new);
    Ok(Event {
        id: EventId(row.get("id")),
        at: row.get("at"),
        table: row.get("table_name"),
        operation: Operation::from_text(operation)
            .ok_or_else(|| format!("nobody knows the operation `{operation}`"))?,
        row: members("row_data")?,
        old: members("old_data")?,
        cause: row.get::<_, Option<Uuid>>("cause").map(ExecutionId),
        depth: row.get("depth"),
        customer: None,
    })
}

/// An event in a list.
#[derive(Debug, Clone, Serialize, FromRow)]
pub struct EventRow {
    /// Its identity.
    pub id: Uuid,
    /// When it was written: with the id its place in the list.
    pub at: DateTime<Utc>,
    /// The table, without its schema; `thendo.…` for what is no row of a table.
    pub table_name: String,
    /// `insert`, `update`, `delete`.
    pub operation: String,
    /// The row's id, where it has one.
    pub key: Option<String>,
    /// Whose events are handled in order: the row's customer where it has one, else the row.
    pub entity: String,
    /// The execution that wrote the row; none if somebody of the shop did.
    pub cause: Option<Uuid>,
    /// How many executions stand before it.
    pub depth: i16,
}

/// Which events are meant.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this table.
    pub table: Option<String>,
    /// `insert`, `update`, `delete`.
    pub operation: Option<String>,
    /// Of this customer, or of a row without one.
    pub entity: Option<String>,
    /// From then on.
    pub since: Option<DateTime<Utc>>,
    /// Before then.
    pub until: Option<DateTime<Utc>>,
}

/// The database's clock.
///
/// # Errors
/// When the database can't be asked.
pub async fn clock(pool: &PgPool) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar("select clock_timestamp()").fetch_one(pool).await
}

/// Events, the newest first, behind `before`.
///
/// # Errors
/// When the database can't be asked.
pub async fn list(
    pool: &PgPool,
    filter: &EventFilter,
    before: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<EventRow>> {
    let (before_at, before_id) = before.unzip();
    sqlx::query_as(
        "select id, at, table_name, operation::text as operation, row_data ->> 'id' as key, entity, cause, depth
           from workflow_events
          where ($1::text is null or table_name = $1) and ($2::text is null or operation::text = $2)
            and ($3::text is null or entity = $3)
            and at >= coalesce($4::timestamptz, '-infinity') and at < coalesce($5::timestamptz, 'infinity')
            and at <= coalesce($6::timestamptz, 'infinity') and ($6::timestamptz is null or (at, id) < ($6, $7::uuid))
          order by at desc, id desc limit $8",
    )
    .bind(&filter.table)
    .bind(&filter.operation)
    .bind(&filter.entity)
    .bind(filter.since)
    .bind(filter.until)
    .bind(before_at)
    .bind(before_id)
    .bind(limit.clamp(0, MOST))
    .fetch_all(pool)
    .await
}

/// An event with all that is known of it.
#[derive(Debug, Clone, Serialize, FromRow)]
pub struct EventDetail {
    /// As in a list.
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub event: EventRow,
    /// The row after the operation; before it, for a delete.
    pub row: Value,
    /// Former values of the columns that an update changed.
    pub old: Option<Value>,
    /// The row was too large: its long values are missing.
    pub truncated: bool,
}

/// One event by its id.
///
/// # Errors
/// When the database can't be asked.
pub async fn event(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<EventDetail>> {
    for (from, to) in WHERE_TO_LOOK {
        let found = sqlx::query_as(
            "select id, at, table_name, operation::text as operation, row_data ->> 'id' as key, entity, cause, depth,
                    row_data as row, old_data as old, truncated
               from workflow_events where at >= now() - $2 * interval '1 day' and at < now() - $3 * interval '1 day' and id = $1 limit 1",
        )
        .bind(id)
        .bind(from)
        .bind(to)
        .fetch_optional(pool)
        .await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The executions that an event started, its replays' too, those that rest included.
///
/// # Errors
/// When the database can't be asked.
pub async fn started_by(pool: &PgPool, id: Uuid, at: DateTime<Utc>) -> sqlx::Result<Vec<ExecutionRow>> {
    // Ids of executions begin with the milliseconds of their event.
    let mut first = [0u8; 16];
    first[..6].copy_from_slice(&at.timestamp_millis().to_be_bytes()[2..]);
    let mut last = [0xff; 16];
    last[..6].copy_from_slice(&first[..6]);
    sqlx::query_as(
        "select e.id, e.event_at, e.event_id, e.workflow_id, e.version, e.status, e.error, e.started_at, e.finished_at, w.name as workflow
           from workflow_executions e left join workflows w on w.id = e.workflow_id
          where e.event_at = $1 and e.event_id = $2 and e.mode = 'live'
         union all
         select r.id, r.event_at, r.event_id, r.workflow_id, r.version, 'waiting', null, r.started_at, null, w.name
           from workflow_waiting r left join workflows w on w.id = r.workflow_id
          where r.id between $3 and $4 and r.event_id = $2
          order by started_at, id limit $5",
    )
    .bind(at)
    .bind(id)
    .bind(Uuid::from_bytes(first))
    .bind(Uuid::from_bytes(last))
    .bind(MOST)
    .fetch_all(pool)
    .await
}
