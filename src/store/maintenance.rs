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
    let at_least_every = PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(at_least_every.as_micros()).unwrap_or(i64::MAX),
    };
    let mut transaction = pool.begin().await?;
    sqlx::query("set local statement_timeout = '15min'").execute(&mut *transaction).await?;
    let done = sqlx::query_scalar("select public.refresh_page_view_stats($1)")
        .bind(at_least_every)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(done)
}

/// Makes the partitions of this month and the two next ones, where they are missing. How many.
///
/// # Errors
/// When the database can't be asked.
pub async fn prepare_partitions(pool: &PgPool) -> sqlx::Result<i32> {
    sqlx::query_scalar("select public.prepare_partitions(2)").fetch_one(pool).await
}
