//! Housekeeping: partitions made ahead, statistics refreshed. On a pooled connection, for some of it takes minutes.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::domain::settings::Maintenance;
use crate::store::maintenance::{prepare_partitions, refresh_page_view_stats};

const LOOK_EVERY: Duration = Duration::from_secs(60);
/// They are made for months ahead: a try that meets a lock may fail for days.
const PARTITIONS_EVERY: Duration = Duration::from_secs(3600);

/// Keeps house until `shutdown`.
pub async fn run(pool: PgPool, settings: Maintenance, shutdown: CancellationToken) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut partitions_made: Option<Instant> = None;
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = shutdown.cancelled() => return,
        }
        let due = partitions_made.is_none_or(|then| then.elapsed() >= PARTITIONS_EVERY);
        let work = async {
            if due {
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
            let every = Duration::from_secs(settings.page_view_stats_every_s);
            match refresh_page_view_stats(&pool, every).await {
                Ok(true) => tracing::debug!("page view statistics refreshed"),
                Ok(false) => {}
                Err(error) => warn(&error, "page view statistics could not be refreshed"),
            }
        };
        tokio::select! {
            () = work => {}
            () = shutdown.cancelled() => return,
        }
    }
}

fn warn(error: &sqlx::Error, what: &str) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}
