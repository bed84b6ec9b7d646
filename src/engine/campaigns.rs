//! Campaigns: those that are due are started, those under way are fed, a few mails ahead of what the deliverers send. The
//! daemons share them: who is first feeds.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::wake::Wake;
use crate::store::campaigns::{Campaign, feed, start, to_tend};

/// Mails of one campaign that are with the deliverers at once: as many as two daemons send in a quarter of a second, and few
/// enough for a pause to be one.
const MOST_OUT: i32 = 1_000;
/// How often a campaign under way is fed.
const BETWEEN_MEALS: Duration = Duration::from_millis(200);
/// How often new ones are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const MOST_CAMPAIGNS: i64 = 100;

/// Tends all campaigns until `shutdown`.
pub async fn run(pool: PgPool, wake: Arc<Wake>, shutdown: CancellationToken) {
    loop {
        let tended = tokio::select! {
            tended = tend_all(&pool, &wake) => tended,
            () = shutdown.cancelled() => return,
        };
        let rest = match tended {
            Ok(true) => BETWEEN_MEALS,
            Ok(false) => LOOK_EVERY,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "campaigns could not be tended");
                LOOK_EVERY
            }
        };
        tokio::select! {
            () = wake.campaigns.notified() => {}
            () = tokio::time::sleep(rest) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Whether one of them is under way.
async fn tend_all(pool: &PgPool, wake: &Wake) -> sqlx::Result<bool> {
    let mut is_busy = false;
    for Campaign { id, starts } in to_tend(pool, MOST_CAMPAIGNS).await? {
        if starts {
            match start(pool, id).await? {
                None => tracing::info!(campaign = %id, "a campaign starts"),
                Some(fault) => tracing::warn!(campaign = %id, fault, "a campaign could not start"),
            }
        }
        let fed = feed(pool, id, MOST_OUT).await?;
        if fed.handed > 0 {
            wake.deliverers.notify_one();
        }
        let status = fed.status.as_deref();
        is_busy |= fed.is_out > 0 || status == Some("sending");
        if status == Some("sent") {
            tracing::info!(campaign = %id, "a campaign is sent");
        }
    }
    Ok(is_busy)
}
