//! How the last executions of workflows ended. Read only.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use super::lists::MOST;

/// How a workflow's last executions ended.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = Outcomes)]
pub struct OutcomesRow {
    /// The workflow.
    pub workflow_id: Uuid,
    /// Its name.
    pub name: String,
    /// `waiting`, `succeeded`, `failed`, `cancelled` of up to 20, the newest event first.
    pub last: Vec<String>,
    /// When the newest of them had its event.
    pub last_at: Option<DateTime<Utc>>,
}

/// Of workflows by name, from behind a place in the list. Each is found by its own index, 20 rows deep.
///
/// # Errors
/// When the database can't be asked.
pub async fn of_workflows(
    pool: &PgPool,
    behind: Option<(String, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<OutcomesRow>> {
    let (name, id) = behind.unzip();
    sqlx::query_as(
        "select w.id as workflow_id, w.name, o.last, o.last_at
           from (select w.id, w.name from workflows w
                  where $1::text is null or (w.name, w.id) > ($1, $2) order by w.name, w.id limit $3) w
           cross join lateral (
                select coalesce(array_agg(e.status order by e.event_at desc, e.id desc), '{}') as last,
                       max(e.event_at) as last_at
                  from (select e.status, e.event_at, e.id from (
                            (select e.status, e.event_at, e.id from workflow_executions e
                              where e.workflow_id = w.id and e.mode = 'live'
                              order by e.event_at desc, e.id desc limit 20)
                            union all
                            (select 'waiting', r.event_at, r.id from workflow_waiting r
                              where r.workflow_id = w.id order by r.event_at desc, r.id desc limit 20)) e
                         order by e.event_at desc, e.id desc limit 20) e) o
          order by w.name, w.id",
    )
    .bind(name)
    .bind(id)
    .bind(limit.clamp(0, MOST))
    .fetch_all(pool)
    .await
}
