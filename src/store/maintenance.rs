//! What the daemons do from time to time. The database knows when it was last done, so several share the work.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::types::PgInterval;

/// Refreshes the page views' statistics if nobody did within `at_least_every`. Whether it did. Takes as long as it takes,
/// up to 15 minutes, and holds up neither readers nor writers.
///
/// # Errors
/// When the database can't be asked.
pub async fn refresh_page_view_stats(pool: &PgPool, at_least_every: Duration) -> sqlx::Result<bool> {
    let at_least_every = interval(at_least_every);
    let mut transaction = pool.begin().await?;
    sqlx::query("set local statement_timeout = '15min'").execute(&mut *transaction).await?;
    let done = sqlx::query_scalar("select public.refresh_page_view_stats($1)")
        .bind(at_least_every)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(done)
}

/// Takes points away that have expired, from at most `most` customers. How many it looked at.
///
/// # Errors
/// When the database can't be asked.
pub async fn expire_points(pool: &PgPool, most: i32) -> sqlx::Result<i32> {
    sqlx::query_scalar("select public.expire_points($1)").bind(most).fetch_one(pool).await
}

/// Makes the partitions of this month and the two next ones, where they are missing. How many.
///
/// # Errors
/// When the database can't be asked.
pub async fn prepare_partitions(pool: &PgPool) -> sqlx::Result<i32> {
    sqlx::query_scalar("select public.prepare_partitions(2)").fetch_one(pool).await
}

/// Whether the caller is to do `task` now: no daemon took this turn within `at_least_every`.
///
/// # Errors
/// When the database can't be asked.
pub async fn take_turn(pool: &PgPool, task: &str, at_least_every: Duration) -> sqlx::Result<bool> {
    sqlx::query_scalar("select public.take_turn($1, $2)")
        .bind(task)
        .bind(interval(at_least_every))
        .fetch_one(pool)
        .await
}

/// What is kept for a number of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// `workflow_events`.
    Events,
    /// `workflow_executions`.
    Executions,
    /// `workflow_deliveries` that are finished.
    Deliveries,
    /// `workflow_dead_letters`.
    DeadLetters,
    /// `workflow_effects`.
    Effects,
    /// `marketing_mails`.
    MarketingMails,
    /// `stripe_objects` that could not be read.
    Unread,
}

impl Kept {
    /// The table.
    pub fn table(self) -> &'static str {
        match self {
            Self::Events => "workflow_events",
            Self::Executions => "workflow_executions",
            Self::Deliveries => "workflow_deliveries",
            Self::DeadLetters => "workflow_dead_letters",
            Self::Effects => "workflow_effects",
            Self::MarketingMails => "marketing_mails",
            Self::Unread => "stripe_objects",
        }
    }
}

/// What became of a try to detach a month.
#[derive(Debug, PartialEq, Eq)]
pub enum Detached {
    /// This month's partition is apart, and can be dropped.
    Month(String),
    /// The table is in use: another time.
    InUse,
    /// There is none that is old enough and that nobody needs.
    Nothing,
}

/// Detaches the oldest month of events or executions that is wholly older than `days`.
///
/// # Errors
/// When the database can't be asked.
pub async fn detach_expired(pool: &PgPool, kept: Kept, days: u32) -> sqlx::Result<Detached> {
    let month: Option<String> = sqlx::query_scalar("select public.detach_expired($1, $2)")
        .bind(kept.table())
        .bind(interval(in_days(days)))
        .fetch_one(pool)
        .await?;
    Ok(match month {
        Some(month) if month.is_empty() => Detached::InUse,
        Some(month) => Detached::Month(month),
        None => Detached::Nothing,
    })
}

/// Drops a month that was detached: its table's name. `None` if there is none, or it is in use.
///
/// # Errors
/// When the database can't be asked.
pub async fn drop_detached(pool: &PgPool) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("select public.drop_detached()").fetch_one(pool).await
}

/// Deletes up to `most` rows older than `days`, of events and executions those in no month. How many.
///
/// # Errors
/// When the database can't be asked.
pub async fn delete_expired(pool: &PgPool, kept: Kept, days: u32, most: u32) -> sqlx::Result<u32> {
    let deleted: i32 = sqlx::query_scalar("select public.delete_expired($1, $2, $3)")
        .bind(kept.table())
        .bind(interval(in_days(days)))
        .bind(i32::try_from(most).unwrap_or(i32::MAX))
        .fetch_one(pool)
        .await?;
    Ok(u32::try_from(deleted).unwrap_or(0))
}

/// Removes up to about `most` lines of the audit that are older than so many days (0: none), and sessions and links that
/// ended long ago. How many.
///
/// # Errors
/// When the database can't be asked.
pub async fn prune_api(pool: &PgPool, audit_days: u32, most: u32) -> sqlx::Result<u32> {
    let pruned: i32 = sqlx::query_scalar("select public.prune_api($1, $2)")
        .bind(i32::try_from(audit_days).unwrap_or(i32::MAX))
        .bind(i32::try_from(most).unwrap_or(i32::MAX))
        .fetch_one(pool)
        .await?;
    Ok(u32::try_from(pruned).unwrap_or(0))
}

/// Forgets what flow control kept of what has passed, `most` rows at most. How many.
///
/// # Errors
/// When the database can't be asked.
pub async fn prune_flow(pool: &PgPool, most: u32) -> sqlx::Result<u64> {
    let pruned = sqlx::query(super::flow::PRUNE_FLOW.text).bind(i64::from(most)).execute(pool).await?;
    Ok(pruned.rows_affected())
}

fn in_days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}

fn interval(of: Duration) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: i64::try_from(of.as_micros()).unwrap_or(i64::MAX) }
}
