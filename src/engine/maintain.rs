//! Housekeeping: partitions made ahead, what is old removed, statistics refreshed. On a pooled connection, for some of it
//! takes minutes; in small pieces, so that nobody waits for it. Several daemons share it: each task has turns.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::domain::settings::{Retention, Settings};
use crate::store::backtests;
use crate::store::maintenance::{
    Detached, Kept, delete_expired, detach_expired, drop_detached, expire_points, prepare_partitions,
    prune_api, prune_flow, refresh_page_view_stats, take_turn,
};

const LOOK_EVERY: Duration = Duration::from_secs(60);
/// They are made for months ahead: a try that meets a lock may fail for days.
const PARTITIONS_EVERY: Duration = Duration::from_secs(3600);
/// What is old may stay a little longer.
const REMOVE_EVERY: Duration = Duration::from_secs(3600);
/// A table that is in use is tried again so often in one turn.
const TRIES: u32 = 5;
/// Rows deleted at once: as many as a quarter of a second takes.
const LEAST_ROWS: u32 = 100;
const MOST_ROWS: u32 = 10_000;
/// As many days as `mail.marketing_cap_days` may look back.
const LONGEST_CAP_DAYS: u32 = 366;
/// What backtests came to is kept for so long.
const BACKTESTS_DAYS: i32 = 30;
/// Customers whose points expire in one transaction.
const CUSTOMERS_AT_ONCE: i32 = 200;
const WANTED: Duration = Duration::from_millis(250);

/// Keeps house until `shutdown`.
pub async fn run(pool: PgPool, settings: Arc<Settings>, shutdown: CancellationToken) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut partitions_made: Option<Instant> = None;
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = shutdown.cancelled() => return,
        }
        let work = async {
            if partitions_made.is_none_or(|then| then.elapsed() >= PARTITIONS_EVERY) {
                match prepare_partitions(&pool).await {
                    Ok(made) => {
                        partitions_made = Some(Instant::now());
                        if made > 0 {
                            tracing::info!(made, "partitions made ahead");
                        }
                    }
                    Err(error) => {
                        warn(&error, "partitions could not be made; the default one takes all rows")
                    }
                }
            }
            let every = Duration::from_secs(settings.maintenance.page_view_stats_every_s);
            match refresh_page_view_stats(&pool, every).await {
                Ok(true) => tracing::debug!("page view statistics refreshed"),
                Ok(false) => {}
                Err(error) => warn(&error, "page view statistics could not be refreshed"),
            }
            if let Err(error) = expire(&pool, &settings).await {
                warn(&error, "points could not be expired; it is tried again");
            }
            if let Err(error) = remove_what_is_old(&pool, &settings.retention).await {
                warn(&error, "what is old could not be removed; it is tried again in an hour");
            }
        };
        tokio::select! {
            () = work => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Points that have expired are taken away, some customers at a time.
async fn expire(pool: &PgPool, settings: &Settings) -> sqlx::Result<()> {
    let every = Duration::from_secs(settings.maintenance.expire_points_every_s);
    if !take_turn(pool, "expire_points", every).await? {
        return Ok(());
    }
    while expire_points(pool, CUSTOMERS_AT_ONCE).await? == CUSTOMERS_AT_ONCE {
        sleep(WANTED).await;
    }
    Ok(())
}

/// Nothing if it is no turn of ours.
async fn remove_what_is_old(pool: &PgPool, retention: &Retention) -> sqlx::Result<()> {
    if !take_turn(pool, "remove_what_is_old", REMOVE_EVERY).await? {
        return Ok(());
    }
    let kept = [
        (Kept::Events, retention.events_days),
        (Kept::Executions, retention.executions_days),
        (Kept::Deliveries, retention.deliveries_days),
        // Without the deliveries it would not be known what must not be sent again.
        (Kept::DeadLetters, retention.deliveries_days),
        // Nor what must not be done again.
        (Kept::Effects, retention.deliveries_days),
        (Kept::MarketingMails, LONGEST_CAP_DAYS),
        (Kept::Unread, retention.events_days),
    ];
    for (kept, days) in kept.into_iter().filter(|(_, days)| *days > 0) {
        if matches!(kept, Kept::Events | Kept::Executions) {
            detach_months(pool, kept, days).await?;
        }
        delete_rows(pool, kept, days).await?;
    }
    while prune_api(pool, retention.audit_days, MOST_ROWS).await? >= MOST_ROWS {
        sleep(WANTED).await;
    }
    while backtests::prune(pool, BACKTESTS_DAYS, 100).await? == 100 {
        sleep(WANTED).await;
    }
    while prune_flow(pool, MOST_ROWS).await? == u64::from(MOST_ROWS) {
        sleep(WANTED).await;
    }
    // Those of a daemon that came no further, too.
    while let Some(table) = drop_detached(pool).await? {
        tracing::info!(table, "a month was dropped: it is older than is kept");
    }
    Ok(())
}

async fn detach_months(pool: &PgPool, kept: Kept, days: u32) -> sqlx::Result<()> {
    let mut tries = 0;
    loop {
        match detach_expired(pool, kept, days).await? {
            Detached::Month(month) => tracing::debug!(month, "detached"),
            Detached::Nothing => return Ok(()),
            Detached::InUse if tries < TRIES => {
                tries += 1;
                // Those who queued behind the try go first.
                sleep(Duration::from_secs(1)).await;
            }
            Detached::InUse => {
                tracing::debug!(table = kept.table(), "in use: months that are old stay for another hour");
                return Ok(());
            }
        }
    }
}

async fn delete_rows(pool: &PgPool, kept: Kept, days: u32) -> sqlx::Result<()> {
    let (mut most, mut all) = (1_000, 0_u64);
    loop {
        let began = Instant::now();
        let deleted = delete_expired(pool, kept, days, most).await?;
        all += u64::from(deleted);
        if deleted < most {
            break;
        }
        let took = began.elapsed();
        most = next_batch(most, took);
        // As much time for others as for this.
        sleep(took.min(Duration::from_secs(1))).await;
    }
    if all > 0 {
        tracing::info!(rows = all, table = kept.table(), days, "rows deleted: they are older than is kept");
    }
    Ok(())
}

/// At most twice as many as before.
fn next_batch(before: u32, took: Duration) -> u32 {
    let fit = f64::from(before) * (WANTED.as_secs_f64() / took.as_secs_f64().max(1e-6));
    (fit as u32).min(before.saturating_mul(2)).clamp(LEAST_ROWS, MOST_ROWS)
}

fn warn(error: &sqlx::Error, what: &str) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_take_as_long_as_wanted() {
        assert_eq!(next_batch(1_000, Duration::from_millis(500)), 500);
        assert_eq!(next_batch(1_000, Duration::from_millis(10)), 2_000, "not all at once");
        assert_eq!(next_batch(8_000, Duration::ZERO), MOST_ROWS);
        assert_eq!(next_batch(200, Duration::from_secs(60)), LEAST_ROWS);
    }
}
