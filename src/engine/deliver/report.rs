//! What became of deliveries is written down: many at once under load, and never forgotten with a connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::sleep;
use uuid::Uuid;

use crate::domain::alert::Kind;
use crate::domain::ids::EffectId;
use crate::engine::alerts::raise_now;
use crate::engine::listen::Side;
use crate::engine::side_session;
use crate::engine::wake::Wake;
use crate::store::deliveries::{self, Finished, Postponed, Whose};
use crate::store::mails::suppress;
use crate::store::session::{ErrorClass, Session, StoreError};

/// What is due again so soon is looked for right then; the rest is found by the next look.
const SOON_MS: i64 = 5_000;

/// What one attempt came to.
pub(super) enum Report {
    Finished(Finished),
    Postponed(Postponed),
}

impl Report {
    fn id(&self) -> EffectId {
        match self {
            Self::Finished(finished) => finished.id,
            Self::Postponed(postponed) => postponed.id,
        }
    }
}

/// The tokens of all that is under way or not yet written down.
pub(super) type Leases = Arc<Mutex<HashMap<EffectId, Uuid>>>;

/// A fault of our own while it was being sent: nobody knows how far it came.
pub(super) fn fell_over(id: EffectId, token: Uuid, of: Whose, repeatable: bool) -> Report {
    tracing::error!("sending fell over");
    let (status, words) = match repeatable {
        true => ("refused", "an internal fault while it was being sent"),
        false => ("unknown", "an internal fault while it was being sent: it may have arrived"),
    };
    Report::Finished(Finished { id, token, of, status, result: json!({ "reason": words }), bounced: None })
}

/// Writes reports down and wakes the workers for the executions that go on. A report is kept until it is written, and its
/// lease with it: a message that was sent must not be forgotten with a connection.
pub(super) async fn write_reports(
    mut side: Side,
    mut incoming: mpsc::Receiver<Report>,
    leases: Leases,
    wake: Arc<Wake>,
) {
    let mut reports = Vec::new();
    while incoming.recv_many(&mut reports, 500).await > 0 {
        loop {
            let session = side_session(&mut side).await;
            let Err(error) = write(&session, &reports).await else { break };
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "results of deliveries are not written yet"
            );
            if error.class() == ErrorClass::Other && reports.len() > 1 {
                // One of them is at fault: the others must not wait for it.
                for report in reports.chunks(1) {
                    if let Err(error) = write(&session, report).await {
                        tracing::error!(delivery = %report[0].id(), error = &error as &dyn std::error::Error,
                            "the result of a delivery can't be written; its lease runs out");
                    }
                }
                break;
            }
            if error.class() == ErrorClass::Other {
                tracing::error!(delivery = %reports[0].id(), "the result of a delivery can't be written; its lease runs out");
                break;
            }
            sleep(Duration::from_millis(200)).await;
        }
        let is_unknown = |report: &Report| matches!(report, Report::Finished(of) if of.status == "unknown");
        let unknown = reports.iter().any(is_unknown);
        let mut leases = leases.lock().unwrap_or_else(PoisonError::into_inner);
        for report in reports.drain(..) {
            leases.remove(&report.id());
            look_then(&report, &wake);
        }
        drop(leases);
        if unknown {
            wake.alerts.notify_one();
        }
        wake.workers.notify_one();
    }
}

/// What is due again soon is not left to the next look.
fn look_then(report: &Report, wake: &Arc<Wake>) {
    let Report::Postponed(Postponed { delay_ms, .. }) = report else { return };
    if let Some(delay) = u64::try_from(*delay_ms).ok().filter(|_| *delay_ms <= SOON_MS) {
        let wake = wake.clone();
        tokio::spawn(async move {
            sleep(Duration::from_millis(delay + 1)).await;
            wake.deliverers.notify_one();
        });
    }
}

/// Somebody should know that nobody knows.
pub(super) async fn alarm(session: &Session, id: EffectId, of: Whose, why: &str) {
    let Whose { execution, workflow } = of;
    // A campaign's mail belongs to no execution.
    let shows = match execution.0 == workflow.0 {
        true => format!("campaigns show {workflow}"),
        false => format!("executions show {execution}"),
    };
    let message = format!(
        "nobody knows whether delivery {id} arrived: {why}. It is not repeated; `thendo {shows}` shows it"
    );
    raise_now(session, Kind::DeliveryUnknown, Some(workflow), &message).await;
}

async fn write(session: &Session, reports: &[Report]) -> Result<(), StoreError> {
    let finished: Vec<&Finished> = reports
        .iter()
        .filter_map(|report| match report {
            Report::Finished(finished) => Some(finished),
            Report::Postponed(_) => None,
        })
        .collect();
    let postponed: Vec<&Postponed> = reports
        .iter()
        .filter_map(|report| match report {
            Report::Postponed(postponed) => Some(postponed),
            Report::Finished(_) => None,
        })
        .collect();
    if !finished.is_empty() {
        // First, so that none is forgotten: it does no harm twice.
        suppress(session, finished.iter().filter_map(|finished| finished.bounced.as_ref())).await?;
        let written = deliveries::finish(session, &finished).await?;
        for unknown in finished.iter().filter(|finished| finished.status == "unknown") {
            alarm(session, unknown.id, unknown.of, "no answer came after it was handed over").await;
        }
        if written < finished.len() as u64 {
            tracing::warn!(
                lost = finished.len() as u64 - written,
                "leases had run out before the results of their deliveries were written"
            );
        }
    }
    if !postponed.is_empty() {
        deliveries::postpone(session, &postponed).await?;
    }
    Ok(())
}
