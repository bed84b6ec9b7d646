//! What only the database knows of how things stand, for a scrape of the figures. Read only, and bounded.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use super::lists::MOST;

/// How things stand. Counts go up to [`MOST`], so that a long queue is not made longer by looking.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = Figures)]
pub struct State {
    /// How long the oldest due row of the queue has been due, in seconds; 0 if none is.
    pub lag_s: f64,
    /// Queue rows that are due.
    pub due: i64,
    /// Executions that rest.
    pub waiting: i64,
    /// Deliveries that are not done.
    pub deliveries: i64,
    /// Failed executions that nobody has tried again.
    pub dead_letters: i64,
    /// Workflows that are held.
    pub held: i64,
    /// Daemons.
    pub daemons: i64,
}

/// How things stand now.
///
/// # Errors
/// When the database can't be asked.
pub async fn ask(pool: &PgPool) -> sqlx::Result<State> {
    sqlx::query_as(
        "select greatest(0, coalesce(extract(epoch from clock_timestamp() - (
                    select min(l.due_at) from generate_series(0, 63) as lanes (lane)
                     cross join lateral (select q.due_at from workflow_queue q where q.lane = lanes.lane
                                          order by q.due_at, q.id limit 1) l)), 0))::float8 as lag_s,
                (select count(*) from (select from workflow_queue where due_at <= clock_timestamp() limit $1) q) as due,
                (select count(*) from (select from workflow_waiting limit $1) w) as waiting,
                (select count(*) from (select from workflow_deliveries where status in ('pending', 'sending')
                                        limit $1) d) as deliveries,
                (select count(*) from (select from workflow_dead_letters limit $1) l) as dead_letters,
                (select count(*) from (select from workflow_holds limit $1) h) as held,
                (select count(*) from (select from workflow_daemons where died_at is null limit $1) d) as daemons",
    )
    .bind(MOST)
    .fetch_one(pool)
    .await
}

/// A daemon that works on the database.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = Daemon)]
pub struct DaemonRow {
    /// New with each start.
    pub id: Uuid,
    /// The machine's name.
    pub host: String,
    /// Its process there.
    pub pid: i32,
    /// Of thendo.
    pub version: String,
    /// Since when it works.
    pub started_at: DateTime<Utc>,
    /// When it last said that it lives.
    pub seen_at: DateTime<Utc>,
}

/// Daemons that nobody has found dead, the oldest first.
///
/// # Errors
/// When the database can't be asked.
pub async fn daemons(pool: &PgPool) -> sqlx::Result<Vec<DaemonRow>> {
    sqlx::query_as(
        "select id, host, pid, version, started_at, seen_at from workflow_daemons where died_at is null
          order by started_at, id limit $1",
    )
    .bind(MOST)
    .fetch_all(pool)
    .await
}
