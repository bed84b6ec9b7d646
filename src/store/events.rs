//! Recorded events: lists of them, one by its id, and those that are asked for once more.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::lists::{ExecutionRow, MOST};
use super::queue::{Due, event as event_of};
use super::session::{Session, Sql, StoreError};
use super::testing::clock as database_clock;
use crate::domain::event::Event;
use crate::domain::ids::EventId;

pub(super) static FIND_EVENT: Sql = Sql {
    name: "find_event",
    text: "select e.id, e.at as event_at, e.table_name, e.operation::text as operation, e.row_data, e.old_data, e.cause, e.depth
           from public.workflow_events e where e.at >= $2 and e.at < $3 and e.id = $1 limit 1",
};
pub(super) static LOAD_EVENTS: Sql = Sql {
    name: "load_events",
    text: "select i.n, e.id, e.at as event_at, e.table_name, e.operation::text as operation, e.row_data, e.old_data, e.cause, e.depth
           from unnest($1::timestamptz[], $2::uuid[]) with ordinality as i (at, id, n)
           cross join lateral (
               select v.id, v.at, v.table_name, v.operation, v.row_data, v.old_data, v.cause, v.depth
               from public.workflow_events v where v.at = i.at and v.id = i.id limit 1) e",
};

/// Events that are looked at for a page.
const WINDOW: i64 = 20_000;
const LISTED: &str =
    "id, at, table_name, operation::text as operation, row_data ->> 'id' as key, entity, cause, depth";

/// An event whose row can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// The event without its row.
    pub event: Box<Event>,
    /// Why.
    pub reason: String,
}

/// An event, or why its row can't be read.
pub type Loaded = Result<Event, Unreadable>;

/// The event of this id, if it is still kept.
///
/// # Errors
/// [`StoreError`].
pub async fn find_event(session: &Session, id: EventId) -> Result<Option<Loaded>, StoreError> {
    for (from, to) in where_to_look(id.0, database_clock(session).await?) {
        if let Some(row) = session.query(&FIND_EVENT, &[&id.0, &from, &to]).await?.first() {
            return Ok(loaded(row));
        }
    }
    Ok(None)
}

/// Events have no index by their id alone, for every write would pay for it. So one is looked for where it most likely is:
/// from one time to the other, each in turn.
///
/// An id of version 7 begins with the milliseconds in which its statement began to record; one of version 8 is derived from
/// what led to the event, and begins with the time of that. Neither is later than the event, unless a clock was set back.
fn where_to_look(id: Uuid, now: DateTime<Utc>) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
    let ms = id.as_bytes()[..6].iter().fold(0_i64, |ms, byte| (ms << 8) | i64::from(*byte));
    let begins = match id.get_version_num() {
        7 | 8 => DateTime::from_timestamp_millis(ms),
        _ => None,
    };
    let near = begins.map(|at| {
        let behind = [0, 1, 60, 3_600].map(|seconds| at.checked_add_signed(TimeDelta::seconds(seconds)));
        [(behind[0], behind[1]), (behind[1], behind[2]), (behind[2], behind[3])]
    });
    let near = near.into_iter().flatten().filter_map(|(from, to)| Some((from?, to?)));
    // Of one that was recorded by its own statement, which may have taken long: no more than a day from then.
    let is_recorded = id.get_version_num() == 7;
    let around = begins.filter(|_| is_recorded).and_then(|at| {
        let day = TimeDelta::days(1);
        Some([
            (at.checked_add_signed(TimeDelta::hours(1))?, at.checked_add_signed(day)?),
            (at.checked_sub_signed(day)?, at),
        ])
    });
    let [a_day, some_weeks, a_year] = [1, 35, 400].map(|days| now - TimeDelta::days(days));
    let (begin, end) = (DateTime::UNIX_EPOCH, now + TimeDelta::days(36_500));
    let anywhere = [(a_day, end), (some_weeks, a_day), (a_year, some_weeks), (begin, a_year)];
    let is_anywhere = around.is_none();
    near.chain(around.into_iter().flatten()).chain(anywhere.into_iter().filter(move |_| is_anywhere))
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
            *place = loaded(row);
        }
    }
    Ok(found)
}

fn loaded(row: &Row) -> Option<Loaded> {
    match event_of(row, EventId(row.get("id"))) {
        Due::Event(event) => Some(Ok(*event)),
        Due::Unreadable(event, reason) => Some(Err(Unreadable { event, reason })),
        _ => None,
    }
}

/// An event in a list.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = ListedEvent)]
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

/// A place in the list: behind the event of this time and this id.
pub type Place = (DateTime<Utc>, Uuid);

/// A part of the list.
#[derive(Debug)]
pub struct Found<T> {
    /// In order.
    pub rows: Vec<T>,
    /// Where to look on, if it was not looked to the end of the list for as many as were asked for.
    pub further: Option<Place>,
}

/// Events, the newest first, behind `before`.
///
/// # Errors
/// When the database can't be asked.
pub async fn list(
    pool: &PgPool,
    filter: &EventFilter,
    before: Option<Place>,
    limit: i64,
) -> sqlx::Result<Found<EventRow>> {
    page(pool, LISTED, (filter, None), before, limit).await
}

/// An event of a list with its row, for who looks closer.
#[derive(Debug, Clone, FromRow)]
pub struct Looked {
    /// As in a list.
    #[sqlx(flatten)]
    pub event: EventRow,
    /// The row as JSON, which may hold what this program can't read.
    pub row: String,
    /// Former values, likewise.
    pub old: Option<String>,
}

/// As [`list`], of these tables and operations: each a table, a blank and an operation.
///
/// # Errors
/// When the database can't be asked.
pub async fn list_of_kind(
    pool: &PgPool,
    filter: &EventFilter,
    kinds: &[String],
    before: Option<Place>,
    limit: i64,
) -> sqlx::Result<Found<Looked>> {
    let columns = format!("{LISTED}, row_data::text as row, old_data::text as old");
    page(pool, &columns, (filter, Some(kinds)), before, limit).await
}

/// A page of the list. Only its order has an index, for every write would pay for another: so it is looked for what is
/// wanted among so many, however few there are.
async fn page<T>(
    pool: &PgPool,
    columns: &str,
    (filter, kinds): (&EventFilter, Option<&[String]>),
    before: Option<Place>,
    limit: i64,
) -> sqlx::Result<Found<T>>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let mut sql = QueryBuilder::new("select ");
    sql.push(columns).push(" from (");
    let stored = "id, at, table_name, operation, row_data, old_data, entity, cause, depth";
    in_order(&mut sql, stored, filter, before, WINDOW);
    sql.push(") e where true");
    if let Some(table) = &filter.table {
        sql.push(" and table_name = ").push_bind(table.clone());
    }
    if let Some(operation) = &filter.operation {
        sql.push(" and operation::text = ").push_bind(operation.clone());
    }
    if let Some(entity) = &filter.entity {
        sql.push(" and entity = ").push_bind(entity.clone());
    }
    if let Some(kinds) = kinds {
        sql.push(" and (table_name || ' ' || operation::text) = any (").push_bind(kinds.to_vec()).push(")");
    }
    sql.push(" order by at desc, id desc limit ").push_bind(limit.clamp(0, MOST));
    let rows: Vec<T> = sql.build_query_as().fetch_all(pool).await?;
    if i64::try_from(rows.len()).is_ok_and(|found| found >= limit) {
        return Ok(Found { rows, further: None });
    }
    let mut sql = QueryBuilder::new("");
    in_order(&mut sql, "at, id", filter, before, 1);
    sql.push(" offset ").push_bind(WINDOW - 1);
    let further = sql.build_query_as().fetch_optional(pool).await?;
    Ok(Found { rows, further })
}

fn in_order(
    sql: &mut QueryBuilder<Postgres>,
    columns: &str,
    filter: &EventFilter,
    before: Option<Place>,
    limit: i64,
) {
    sql.push("select ").push(columns).push(" from workflow_events where true");
    if let Some(since) = filter.since {
        sql.push(" and at >= ").push_bind(since);
    }
    if let Some(until) = filter.until {
        sql.push(" and at < ").push_bind(until);
    }
    if let Some((at, id)) = before {
        // The first is for the partitions: a comparison of rows leaves out none.
        sql.push(" and at <= ").push_bind(at);
        sql.push(" and (at, id) < (").push_bind(at).push(", ").push_bind(id).push(")");
    }
    sql.push(" order by at desc, id desc limit ").push_bind(limit);
}

/// An event with all that is known of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = RecordedEvent)]
pub struct EventDetail {
    /// As in a list.
    #[serde(flatten)]
    pub event: EventRow,
    /// The row after the operation; before it, for a delete. Null if it can't be read.
    #[schema(value_type = Option<Object>)]
    pub row: Value,
    /// Former values of the columns that an update changed.
    #[schema(value_type = Option<Object>)]
    pub old: Option<Value>,
    /// The row was too large: its long values are missing.
    pub truncated: bool,
    /// Why the row can't be read: no workflow could, either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// One event by its id.
///
/// # Errors
/// When the database can't be asked.
pub async fn event(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<EventDetail>> {
    #[derive(FromRow)]
    struct Stored {
        #[sqlx(flatten)]
        looked: Looked,
        truncated: bool,
    }
    for (from, to) in where_to_look(id, clock(pool).await?) {
        let found: Option<Stored> = sqlx::query_as(
            "select id, at, table_name, operation::text as operation, row_data ->> 'id' as key, entity, cause, depth,
                    row_data::text as row, old_data::text as old, truncated
               from workflow_events where at >= $2 and at < $3 and id = $1 limit 1",
        )
        .bind(id)
        .bind(from)
        .bind(to)
        .fetch_optional(pool)
        .await?;
        if let Some(Stored { looked: Looked { event, row, old }, truncated }) = found {
            // The database holds numbers and nestings that this program can't.
            let read = |text: &String| serde_json::from_str::<Value>(text).map_err(|fault| fault.to_string());
            let (row, old) = (read(&row), old.as_ref().map(read).transpose());
            let unreadable = row.as_ref().err().or(old.as_ref().err()).cloned();
            let (row, old) = (row.unwrap_or_default(), old.unwrap_or_default());
            return Ok(Some(EventDetail { event, row, old, truncated, unreadable }));
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
