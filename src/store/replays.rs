//! Events that are asked for once more.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use super::events::EventFilter;

/// Events that are asked for at once; of more, in turns.
pub const AT_ONCE: i64 = 500;
/// More are not counted.
pub const MOST_COUNTED: i64 = 100_000;

/// Which workflows are to start once more, and how.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only this one; none: whatever begins with such an event.
    pub workflow: Option<Uuid>,
    /// Also where flow settings would have it start once only.
    pub lifts_guards: bool,
    /// Also what was replayed before.
    pub again: bool,
    /// Who says so.
    pub by: String,
}

/// Events of one kind that would be replayed.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = CountedEvents)]
pub struct Counted {
    /// The table.
    pub table_name: String,
    /// `insert`, `update`, `delete`.
    pub operation: String,
    /// They were replayed before.
    pub replayed: bool,
    /// How many there are.
    pub count: i64,
}

/// A workflow that begins with some of these events unless its filter objects.
pub type Listener = (Uuid, String);

// What workflows in force listen to, and nothing else: $1 table, $2 operation, $3 entity, $4 since, $5 until, $6 workflow.
macro_rules! chosen {
    () => {
        "from workflow_events e
          where ($1::text is null or e.table_name = $1) and ($2::text is null or e.operation::text = $2)
            and ($3::text is null or e.entity = $3) and e.at >= $4 and e.at < $5
            and exists (select from workflow_triggers t where t.table_name = e.table_name and e.operation::text = any (t.operations)
                          and ($6::uuid is null or t.workflow_id = $6))"
    };
}

/// How many events of each kind would be replayed, counted up to [`MOST_COUNTED`]. The filter has both its bounds.
///
/// # Errors
/// When the database can't be asked.
pub async fn count(pool: &PgPool, filter: &EventFilter, wanted: &Wanted) -> sqlx::Result<Vec<Counted>> {
    sqlx::query_as(concat!(
        "select c.table_name, c.operation, c.replayed, count(*) as count from (
             select e.table_name, e.operation::text as operation, exists (
                 select from workflow_replays r where r.event_at = e.at and r.event_id = e.id
                    and (r.workflow_id is null or $6 is null or r.workflow_id = $6)) as replayed ",
        chosen!(),
        " limit $7) c group by 1, 2, 3 order by 1, 2, 3"
    ))
    .bind(&filter.table)
    .bind(&filter.operation)
    .bind(&filter.entity)
    .bind(filter.since)
    .bind(filter.until)
    .bind(wanted.workflow)
    .bind(MOST_COUNTED)
    .fetch_all(pool)
    .await
}

/// The next events to be replayed, the oldest first, behind `after`.
///
/// # Errors
/// When the database can't be asked.
pub async fn next(
    connection: &mut PgConnection,
    filter: &EventFilter,
    wanted: &Wanted,
    after: Option<(DateTime<Utc>, Uuid)>,
) -> sqlx::Result<Vec<(DateTime<Utc>, Uuid)>> {
    let (after_at, after_id) = after.unzip();
    sqlx::query_as(concat!(
        "select e.at, e.id ",
        chosen!(),
        " and e.at >= coalesce($7, $4) and ($7::timestamptz is null or (e.at, e.id) > ($7, $8::uuid))
          order by e.at, e.id limit $9"
    ))
    .bind(&filter.table)
    .bind(&filter.operation)
    .bind(&filter.entity)
    .bind(filter.since)
    .bind(filter.until)
    .bind(wanted.workflow)
    .bind(after_at)
    .bind(after_id)
    .bind(AT_ONCE)
    .fetch_all(connection)
    .await
}

/// The workflows in force that begin with events of these kinds (tables and operations, pair by pair).
///
/// # Errors
/// When the database can't be asked.
pub async fn listeners(
    pool: &PgPool,
    tables: &[String],
    operations: &[String],
    workflow: Option<Uuid>,
) -> sqlx::Result<Vec<Listener>> {
    sqlx::query_as(
        "select distinct w.id, w.name from workflow_triggers t join workflows w on w.id = t.workflow_id
           join unnest($1::text[], $2::text[]) as k (table_name, operation)
             on k.table_name = t.table_name and k.operation = any (t.operations)
          where $3::uuid is null or w.id = $3 order by w.name, w.id limit 500",
    )
    .bind(tables)
    .bind(operations)
    .bind(workflow)
    .fetch_all(pool)
    .await
}

/// A replay of an event.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = EventReplay)]
pub struct Replay {
    /// The first is 1.
    pub number: i32,
    /// Only this workflow.
    pub workflow_id: Option<Uuid>,
    /// Also where flow settings would have it start once only.
    pub lifts_guards: bool,
    /// Who asked for it.
    pub replayed_by: String,
    /// When.
    pub replayed_at: DateTime<Utc>,
}

/// The replays of an event, the first one first.
///
/// # Errors
/// When the database can't be asked.
pub async fn of_event(pool: &PgPool, id: Uuid, at: DateTime<Utc>) -> sqlx::Result<Vec<Replay>> {
    sqlx::query_as(
        "select number, workflow_id, lifts_guards, replayed_by, replayed_at from workflow_replays
          where event_at = $1 and event_id = $2 order by number limit 500",
    )
    .bind(at)
    .bind(id)
    .fetch_all(pool)
    .await
}

/// The last replay of an event that may be gone: nothing is known of it but its id.
///
/// # Errors
/// When the database can't be asked.
pub async fn of_gone(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<Replay>> {
    sqlx::query_as(
        "select number, workflow_id, lifts_guards, replayed_by, replayed_at from workflow_replays
          where event_id = $1 order by replayed_at desc, number desc limit 1",
    )
    .bind(id)
    .fetch_optional(pool)
    .await
}

/// Queues events once more; those that are, in their order, each with the number of its replay. What was replayed before is
/// left out, unless `again` is asked for.
///
/// # Errors
/// When the database can't be asked.
pub async fn ask(
    connection: &mut PgConnection,
    events: &[(DateTime<Utc>, Uuid)],
    wanted: &Wanted,
) -> sqlx::Result<Vec<(DateTime<Utc>, Uuid, i32)>> {
    let (ats, ids): (Vec<_>, Vec<_>) = events.iter().copied().unzip();
    sqlx::query_as("select event_at, event_id, number from replay_events($1, $2, $3, $4, $5, $6) limit 500")
        .bind(ats)
        .bind(ids)
        .bind(wanted.workflow)
        .bind(wanted.lifts_guards)
        .bind(wanted.again)
        .bind(&wanted.by)
        .fetch_all(connection)
        .await
}
