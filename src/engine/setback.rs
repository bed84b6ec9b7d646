//! A setback: what a worker makes of a batch that was rolled back.

use std::time::Duration;

use super::apply::{Fault, Manner};
use super::aside;
use super::batch::BatchError;
use super::daemons::Hand;
use super::figures::list;
use super::health::Health;
use super::pace::Pace;
use super::worker::Shared;
use crate::database::limits;
use crate::store::queue::{Claimed, Due};
use crate::store::session::{ErrorClass, Session, StoreError};

/// Why a row is set aside that runs into the limit of time again and again.
const TOO_LONG: &str = "a statement took longer than the engine's statements may, again and again";

/// After a batch that was rolled back. An error ends the connection.
pub(super) async fn after_failure(
    shared: &Shared,
    session: &Session,
    pace: &mut Pace,
    hand: &Hand<'_>,
    error: BatchError,
    took: Duration,
) -> Result<(), BatchError> {
    if after_death(shared, session, pace, hand, &error).await? {
        return Ok(());
    }
    metrics::counter!(list::ROLLED_BACK).increment(1);
    if shared.failing.failed(&error.rows) {
        Health::set(&shared.health.working, false);
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "batches fail one after the other; nothing is lost, and they are tried again"
        );
    }
    match &error.source {
        Fault::Suspects | Fault::TooSoon | Fault::Deadly | Fault::Unsaid(_) => {}
        Fault::TooLong => pace.be_modest(error.rows.len()),
        Fault::Store(fault) => match fault.class() {
            ErrorClass::Disconnected => {
                let without_a_word = fault.source.code().is_none();
                let BatchError { rows, source } = error;
                pace.lost_connection(rows, without_a_word);
                return Err(BatchError { rows: Vec::new(), source });
            }
            ErrorClass::Transient => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a batch is done again");
                // Who cancels a statement by hand, or all of them, says the same and is quicker.
                let timed_out = fault.is_timeout() && took >= limits::longest_statement();
                pace.be_modest(error.rows.len());
                if timed_out {
                    pace.took_too_long(error.rows);
                    set_aside_condemned(shared, session, pace, TOO_LONG).await?;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            ErrorClass::Other => match error.rows.as_slice() {
                [row] if pace.order(1).manner == Manner::OneByOne => {
                    let reason = fault.reason();
                    let aside = set_aside(shared, session, row, &reason).await;
                    aside.map_err(|fault| BatchError { rows: Vec::new(), source: fault.into() })?;
                }
                rows => {
                    // One of them is at fault: go through them one by one. A claim that failed as a whole has
                    // none, and is tried again as it was.
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        rows = rows.len(),
                        "a batch failed; its rows are taken one by one"
                    );
                    pace.be_careful(rows.len());
                    if rows.is_empty() {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            },
        },
    }
    Ok(())
}

/// Sets aside what the pace says is to be, if anything.
async fn set_aside_condemned(
    shared: &Shared,
    session: &Session,
    pace: &mut Pace,
    reason: &str,
) -> Result<(), BatchError> {
    let Some(row) = pace.condemned() else { return Ok(()) };
    let aside = set_aside(shared, session, &row, reason).await;
    aside.map_err(|fault| BatchError { rows: Vec::new(), source: fault.into() })
}

/// What a daemon that died has to do with it. False for all other failures.
async fn after_death(
    shared: &Shared,
    session: &Session,
    pace: &mut Pace,
    hand: &Hand<'_>,
    error: &BatchError,
) -> Result<bool, BatchError> {
    match (&error.source, error.rows.as_slice()) {
        (Fault::Suspects, rows) => pace.be_careful(rows.len()),
        (Fault::Deadly, [row]) => {
            let aside = async {
                set_aside(shared, session, row, "the daemon died again and again while it worked on this")
                    .await?;
                hand.forget(session, row).await
            };
            aside.await.map_err(|fault| BatchError { rows: Vec::new(), source: fault.into() })?;
        }
        // Other lanes go on meanwhile.
        (Fault::TooSoon | Fault::Deadly, _) => tokio::time::sleep(Duration::from_millis(20)).await,
        (Fault::Unsaid(fault), _) => {
            tracing::debug!(error = fault as &dyn std::error::Error, "a batch is done again");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Takes a row off the queue that no batch survives.
pub(super) async fn set_aside(
    shared: &Shared,
    session: &Session,
    row: &Claimed,
    reason: &str,
) -> Result<(), StoreError> {
    // The reason may quote the row: it is recorded with the executions, and not logged.
    match &row.what {
        Due::Event(event) | Due::Unreadable(event, _) => {
            tracing::error!(event = %event.id, lane = row.lane, "a queue row was set aside");
        }
        Due::Execution(id) | Due::Offer(id, _) => {
            tracing::error!(execution = %id, lane = row.lane, "a queue row was set aside");
        }
        Due::Gone(id) => tracing::error!(event = %id, lane = row.lane, "a queue row was set aside"),
    }
    aside::set_aside(session, (&shared.plans, &shared.changes), row, reason).await?;
    shared.wake.alerts.notify_one();
    metrics::counter!(list::SET_ASIDE).increment(1);
    Ok(())
}
