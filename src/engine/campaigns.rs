//! Campaigns: those that are due are started, those under way are fed, a few mails ahead of what the deliverers send. The
//! daemons share them: who is first feeds.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::wake::Wake;
use crate::store::campaigns::{Campaign, fail, feed, start, to_tend};

/// Mails of one campaign that are with the deliverers at once: as many as two daemons send in a quarter of a second, and few
/// enough for a pause to be one.
const MOST_OUT: i32 = 1_000;
/// How often a campaign under way is fed.
const BETWEEN_MEALS: Duration = Duration::from_millis(200);
/// How often new ones are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const MOST_CAMPAIGNS: i64 = 1_000;

/// Tends all campaigns until `shutdown`.
pub async fn run(pool: PgPool, wake: Arc<Wake>, shutdown: CancellationToken) {
    let mut starts = Starts::default();
    loop {
        let tended = tokio::select! {
            tended = tend_all(&pool, &wake, &mut starts) => tended,
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
            () = tokio::time::sleep(rest) => {}
            () = starts.begun.notified() => tokio::time::sleep(BETWEEN_MEALS).await,
            () = shutdown.cancelled() => return,
        }
    }
}

/// New campaigns on their way in, one behind the other: each takes a connection for as long as it takes to freeze who is mailed.
#[derive(Default)]
struct Starts {
    /// One task at most.
    task: JoinSet<()>,
    /// One of them is to be fed.
    begun: Arc<Notify>,
}

/// Whether one of them is under way. What is wrong with one is no trouble of another's, and those under way don't wait for
/// those that start.
async fn tend_all(pool: &PgPool, wake: &Wake, starts: &mut Starts) -> sqlx::Result<bool> {
    while let Some(ended) = starts.task.try_join_next() {
        if let Err(error) = ended {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the start of campaigns broke off; it is tried again"
            );
        }
    }
    let (mut is_busy, mut new) = (false, Vec::new());
    for Campaign { id, starts } in to_tend(pool, MOST_CAMPAIGNS).await? {
        if starts {
            new.push(id);
            continue;
        }
        match tend(pool, wake, id).await {
            Ok(busy) => is_busy |= busy,
            Err(error) => unfit(pool, id, error).await?,
        }
    }
    if starts.task.is_empty() && !new.is_empty() {
        starts.task.spawn(begin_all(pool.clone(), new, starts.begun.clone()));
    }
    Ok(is_busy)
}

async fn begin_all(pool: PgPool, new: Vec<Uuid>, begun: Arc<Notify>) {
    for id in new {
        let unfit = match start(&pool, id).await {
            Ok(None) => {
                begun.notify_one();
                Ok(())
            }
            Ok(Some(fault)) => {
                tracing::warn!(campaign = %id, fault, "a campaign could not start");
                Ok(())
            }
            Err(error) => unfit(&pool, id, error).await,
        };
        if let Err(error) = unfit {
            tracing::warn!(campaign = %id, error = &error as &dyn std::error::Error, "a campaign could not start");
        }
    }
}

async fn tend(pool: &PgPool, wake: &Wake, id: Uuid) -> sqlx::Result<bool> {
    let fed = feed(pool, id, MOST_OUT).await?;
    if fed.handed > 0 {
        wake.deliverers.notify_one();
    }
    let status = fed.status.as_deref();
    if status == Some("sent") {
        tracing::info!(campaign = %id, "a campaign is sent");
    }
    Ok(fed.is_out > 0 || status == Some("sending"))
}

/// A campaign whose own words can't be read fails; whatever else is wrong may pass.
async fn unfit(pool: &PgPool, campaign: Uuid, error: sqlx::Error) -> sqlx::Result<()> {
    let of_data = |code: &str| code.starts_with("22") || code.starts_with("23");
    let Some(fault) =
        error.as_database_error().filter(|fault| fault.code().is_some_and(|code| of_data(&code)))
    else {
        tracing::warn!(%campaign, error = &error as &dyn std::error::Error, "a campaign could not be tended");
        return Ok(());
    };
    tracing::warn!(%campaign, code = fault.code().as_deref(), "a campaign has failed; `thendo campaigns show` says why");
    fail(pool, campaign, fault.message()).await
}
