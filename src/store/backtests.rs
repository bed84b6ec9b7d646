//! Backtests as jobs: asked for, taken up by a daemon, told from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

/// Most that wait.
pub const MOST_WAITING: i64 = 5;

/// A backtest that was asked for.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = ListedBacktest)]
pub struct Listed {
    /// Its identity.
    pub id: Uuid,
    /// `queued`, `running`, `done`, `failed`, `cancelled`, or `lost`: the daemon that ran it is gone.
    pub status: String,
    /// The workflow's name.
    pub workflow: String,
    /// The stored workflow that it belongs to.
    pub workflow_id: Option<Uuid>,
    /// Which edition of it.
    pub version: String,
    /// The version that it is compared with.
    pub against: Option<String>,
    /// Events from this instant on …
    pub since: DateTime<Utc>,
    /// … and before this one.
    pub until: DateTime<Utc>,
    /// Effects are applied by the database, and rolled back.
    pub in_database: bool,
    /// Differences that are told in full.
    pub differences: i32,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
    /// By whom.
    pub asked_by: String,
    /// When it was taken up.
    pub began_at: Option<DateTime<Utc>>,
    /// When it ended, in whatever way.
    pub ended_at: Option<DateTime<Utc>>,
    /// Events that were looked at.
    pub events: i64,
    /// How much of the time is done, from 0 to 1. How many events are in it, nobody counts.
    pub share: f64,
    /// For how long it has run, or did.
    pub seconds: f64,
    /// Why it failed.
    pub error: Option<String>,
}

/// What is to be tried, with its drawings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Drawings {
    /// The version's number; 0 if it is none.
    pub number: i32,
    /// What it draws.
    pub drawing: Value,
    /// The other version's number and drawing.
    pub against: Option<(i32, Value)>,
}

/// What a backtest is asked for.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The workflow's name.
    pub workflow: &'a str,
    /// Its id, if it is stored.
    pub workflow_id: Option<Uuid>,
    /// Which edition.
    pub version: &'a str,
    /// The version that it is compared with.
    pub against: Option<&'a str>,
    /// Events from this instant on …
    pub since: DateTime<Utc>,
    /// … and before this one.
    pub until: DateTime<Utc>,
    /// Differences that are told in full.
    pub differences: i32,
    /// Effects are applied by the database.
    pub in_database: bool,
    /// What is tried.
    pub drawings: &'a Value,
    /// Who asks.
    pub by: &'a str,
}

/// One that was taken up.
#[derive(Debug, FromRow)]
pub struct Job {
    /// Its identity.
    pub id: Uuid,
    /// The stored workflow that it belongs to.
    pub workflow_id: Option<Uuid>,
    /// Which edition.
    pub version: String,
    /// The version that it is compared with.
    pub against: Option<String>,
    /// Events from this instant on …
    pub since: DateTime<Utc>,
    /// … and before this one.
    pub until: DateTime<Utc>,
    /// Differences that are told in full.
    pub differences: i32,
    /// Effects are applied by the database.
    pub in_database: bool,
    /// What is tried.
    pub drawings: Value,
}

/// How one ended.
#[derive(Debug, Default)]
pub struct Ended<'a> {
    /// `done`, `failed`, `lost`.
    pub status: &'a str,
    /// What came out.
    pub outcome: Option<&'a Value>,
    /// Why it did not.
    pub error: Option<&'a str>,
}

// One that is silent is lost, whether or not somebody has written that down.
macro_rules! listed {
    ($where:literal) => {
        concat!(
            "select b.id, case when s.silent then 'lost' else b.status end as status, b.called as workflow, b.workflow_id, b.version,
                    b.against, b.since, b.until, b.in_database, b.differences, b.asked_at, b.asked_by, b.began_at,
                    case when s.silent then b.beat_at else b.ended_at end as ended_at, b.events,
                    case when b.status = 'done' then 1::float8 when b.reached is null then 0::float8
                         else least(1, greatest(0, extract(epoch from b.reached - b.since)
                                / greatest(extract(epoch from b.until - b.since), 0.001)))::float8 end as share,
                    coalesce(extract(epoch from coalesce(b.ended_at, case when s.silent then b.beat_at end, clock_timestamp())
                                - b.began_at), 0)::float8 as seconds,
                    case when s.silent then 'the daemon that ran it is gone' else b.error end as error
               from workflow_backtests b
               cross join lateral (
                   select b.status = 'running' and b.beat_at < clock_timestamp() - interval '15 seconds' as silent) s ",
            $where
        )
    };
}

/// Asks for one. `None` if too many wait already.
///
/// # Errors
/// When the database can't be written.
pub async fn ask(connection: &mut PgConnection, asked: &Asked<'_>) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar(
        "insert into workflow_backtests (called, workflow_id, version, against, since, until, differences, in_database, drawings, asked_by)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
          where (select count(*) from (select from workflow_backtests where status = 'queued' limit $11) q) < $11
         returning id",
    )
    .bind(asked.workflow)
    .bind(asked.workflow_id)
    .bind(asked.version)
    .bind(asked.against)
    .bind(asked.since)
    .bind(asked.until)
    .bind(asked.differences)
    .bind(asked.in_database)
    .bind(asked.drawings)
    .bind(asked.by)
    .bind(MOST_WAITING)
    .fetch_optional(connection)
    .await
}

/// Those that were asked for, the newest first, from behind a place in the list.
///
/// # Errors
/// When the database can't be asked.
pub async fn list(
    pool: &PgPool,
    behind: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<Listed>> {
    let (at, id) = behind.unzip();
    sqlx::query_as(listed!(
        "where $1::timestamptz is null or (b.asked_at, b.id) < ($1, $2) order by b.asked_at desc, b.id desc limit $3"
    ))
    .bind(at)
    .bind(id)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// One of them.
///
/// # Errors
/// When the database can't be asked.
pub async fn one(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Listed>> {
    sqlx::query_as(listed!("where b.id = $1 limit 1")).bind(id).fetch_optional(connection).await
}

/// What came out of one.
///
/// # Errors
/// When the database can't be asked.
pub async fn outcome(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Value>> {
    let found: Option<Option<Value>> =
        sqlx::query_scalar("select outcome from workflow_backtests where id = $1 limit 1")
            .bind(id)
            .fetch_optional(connection)
            .await?;
    Ok(found.flatten())
}

/// Calls one off that has not ended. Whoever runs it stops at its next beat. Whether it was so.
///
/// # Errors
/// When the database can't be written.
pub async fn cancel(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update workflow_backtests set status = 'cancelled', ended_at = clock_timestamp(), drawings = null
          where id = $1 and (status = 'queued' or status = 'running' and beat_at >= clock_timestamp() - interval '15 seconds')",
    )
    .bind(id)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes the one up that has waited longest, if one does.
///
/// # Errors
/// When the database can't be written.
pub async fn take_up(pool: &PgPool, daemon: Uuid) -> sqlx::Result<Option<Job>> {
    sqlx::query_as(
        "update workflow_backtests
            set status = 'running', daemon = $1, began_at = clock_timestamp(), beat_at = clock_timestamp()
          where id = (select b.id from workflow_backtests b where b.status = 'queued' order by b.asked_at, b.id limit 1
                      for update skip locked)
         returning id, workflow_id, version, against, since, until, differences, in_database, drawings",
    )
    .bind(daemon)
    .fetch_optional(pool)
    .await
}

/// Whoever runs it says so, and how far it is. False if it is not theirs any more: it was called off, or taken for lost.
///
/// # Errors
/// When the database can't be written.
pub async fn beat(
    pool: &PgPool,
    (id, daemon): (Uuid, Uuid),
    events: i64,
    reached: Option<DateTime<Utc>>,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update workflow_backtests set beat_at = clock_timestamp(), events = $3, reached = $4
          where id = $1 and daemon = $2 and status = 'running' and beat_at >= clock_timestamp() - interval '15 seconds'",
    )
    .bind(id)
    .bind(daemon)
    .bind(events)
    .bind(reached)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes down how it ended, if it is still theirs.
///
/// # Errors
/// When the database can't be written.
pub async fn end(
    pool: &PgPool,
    (id, daemon): (Uuid, Uuid),
    events: i64,
    ended: &Ended<'_>,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update workflow_backtests
            set status = $3, outcome = $4, error = $5, events = $6, ended_at = clock_timestamp(), drawings = null
          where id = $1 and daemon = $2 and status = 'running' and beat_at >= clock_timestamp() - interval '15 seconds'",
    )
    .bind(id)
    .bind(daemon)
    .bind(ended.status)
    .bind(ended.outcome)
    .bind(ended.error)
    .bind(events)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets somebody else do one that was begun: whoever ran it is stopped.
///
/// # Errors
/// When the database can't be written.
pub async fn put_back(pool: &PgPool, (id, daemon): (Uuid, Uuid)) -> sqlx::Result<()> {
    sqlx::query(
        "update workflow_backtests
            set status = 'queued', daemon = null, began_at = null, beat_at = null, reached = null, events = 0
          where id = $1 and daemon = $2 and status = 'running'",
    )
    .bind(id)
    .bind(daemon)
    .execute(pool)
    .await?;
    Ok(())
}

/// Writes down which are lost: whoever ran them is silent. How many.
///
/// # Errors
/// When the database can't be written.
pub async fn give_up_lost(pool: &PgPool) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "update workflow_backtests
            set status = 'lost', ended_at = beat_at, error = 'the daemon that ran it is gone', drawings = null
          where status = 'running' and beat_at < clock_timestamp() - interval '15 seconds'",
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// Whether one runs in any daemon.
///
/// # Errors
/// When the database can't be asked.
pub async fn one_runs(pool: &PgPool) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select from workflow_backtests where status = 'running' limit 1)")
        .fetch_one(pool)
        .await
}

/// Removes up to `most` that ended more than so many days ago. How many.
///
/// # Errors
/// When the database can't be written.
pub async fn prune(pool: &PgPool, days: i32, most: i64) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "delete from workflow_backtests where id in (
             select b.id from workflow_backtests b
              where b.asked_at < now() - make_interval(days => $1) and b.ended_at < now() - make_interval(days => $1)
              order by b.asked_at limit $2)",
    )
    .bind(days)
    .bind(most)
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}
