//! Deliveries: after commit, concurrently, outside any transaction, each under a lease.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::listen::Side;
use super::wake::Wake;
use crate::domain::effect::Email;
use crate::domain::ids::EffectId;
use crate::domain::settings;
use crate::mail::transport::{DeliveryError, Mailer};
use crate::store::deliveries::{self, Finished, Leased, Postponed};
use crate::store::session::{ErrorClass, Session, StoreError};

/// Without a wake-up deliveries that others handed over, or that are due again, are found this often.
const POLL: Duration = Duration::from_secs(5);
/// On shutdown messages under way get so long; what is not done by then keeps its lease until it runs out.
const DRAIN: Duration = Duration::from_secs(8);
/// The longest pause between two attempts.
const LONGEST_BACKOFF_MS: u64 = 3_600_000;

/// What one attempt came to.
enum Report {
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
type Leases = Arc<Mutex<HashMap<EffectId, Uuid>>>;

/// Delivers until `shutdown`, then lets the messages under way end.
pub async fn run(
    side: Side,
    mailer: Mailer,
    settings: settings::Deliveries,
    wake: Arc<Wake>,
    shutdown: CancellationToken,
) {
    let (reports, incoming) = mpsc::channel(1024);
    let leases = Leases::default();
    let reporter = tokio::spawn(write_reports(side.clone(), incoming, leases.clone(), wake.clone()));
    let mut deliverer =
        Deliverer { side, mailer: Arc::new(mailer), settings, reports, sending: JoinSet::new(), leases };
    deliverer.deliver(&wake, &shutdown).await;
    if timeout(DRAIN, async { while deliverer.sending.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!(left = deliverer.sending.len(), "messages were still under way at shutdown");
    }
    drop(deliverer);
    let _ = timeout(Duration::from_secs(1), reporter).await;
}

struct Deliverer {
    side: Side,
    mailer: Arc<Mailer>,
    settings: settings::Deliveries,
    reports: mpsc::Sender<Report>,
    sending: JoinSet<()>,
    leases: Leases,
}

impl Deliverer {
    async fn deliver(&mut self, wake: &Wake, shutdown: &CancellationToken) {
        let every = |period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let mut renewals = every(Duration::from_millis((self.settings.lease_ms / 3).max(10)));
        let mut looks = every(POLL.min(Duration::from_millis(self.settings.lease_ms)));
        loop {
            let mut side = self.side.clone();
            let session = tokio::select! {
                session = super::side_session(&mut side) => session,
                () = shutdown.cancelled() => return,
            };
            let mut more = true;
            tokio::select! {
                () = wake.deliverers.notified() => {}
                Some(_) = self.sending.join_next() => {}
                _ = looks.tick() => self.rescue(&session, wake).await,
                _ = renewals.tick() => {
                    self.keep_leases(&session).await;
                    more = false;
                }
                () = shutdown.cancelled() => return,
            }
            while self.sending.try_join_next().is_some() {}
            if more && let Err(error) = self.take_more(&session).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "deliveries could not be leased");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }

    async fn take_more(&mut self, session: &Session) -> Result<(), StoreError> {
        let free = (self.settings.concurrency as usize).saturating_sub(self.sending.len());
        if free == 0 {
            return Ok(());
        }
        let leased =
            deliveries::lease(session, free, self.settings.lease_ms, self.mailer.repeatable()).await?;
        for delivery in leased {
            self.leases.lock().unwrap_or_else(PoisonError::into_inner).insert(delivery.id, delivery.token);
            let (mailer, settings) = (self.mailer.clone(), self.settings.clone());
            let reports = self.reports.clone();
            self.sending.spawn(async move {
                let (id, token) = (delivery.id, delivery.token);
                let report = AssertUnwindSafe(attempt(&mailer, &settings, delivery)).catch_unwind().await;
                let _ = reports.send(report.unwrap_or_else(|_| fell_over(id, token))).await;
            });
        }
        Ok(())
    }

    async fn keep_leases(&self, session: &Session) {
        let mut tokens: Vec<Uuid> =
            self.leases.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect();
        tokens.sort_unstable();
        tokens.dedup();
        if !tokens.is_empty()
            && let Err(error) = deliveries::renew(session, &tokens, self.settings.lease_ms).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "leases could not be renewed");
        }
    }

    async fn rescue(&self, session: &Session, wake: &Wake) {
        match deliveries::rescue(session).await {
            Ok((unknown, again)) => {
                if !unknown.is_empty() {
                    tracing::error!(deliveries = ?unknown, "nobody knows whether these mails arrived: their sender died");
                    metrics::counter!("thendo_deliveries_total", "status" => "unknown")
                        .increment(unknown.len() as u64);
                    wake.workers.notify_one();
                }
                if again > 0 {
                    tracing::warn!(again, "deliveries of a dead sender are tried again");
                }
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "lost leases could not be looked for"
                );
            }
        }
    }
}

/// A fault of our own while it was being sent: nobody knows how far it came.
fn fell_over(id: EffectId, token: Uuid) -> Report {
    tracing::error!(delivery = %id, "sending fell over");
    let result = json!({ "reason": "an internal fault while it was being sent: it may have arrived" });
    Report::Finished(Finished { id, token, status: "unknown", result })
}

/// Sends one message and sorts what came of it.
async fn attempt(mailer: &Mailer, settings: &settings::Deliveries, delivery: Leased) -> Report {
    let Leased { id, token, payload, attempt } = delivery;
    let began = Instant::now();
    let finish = |status: &'static str, mut result: Value| {
        if let Some(reason) = result.get_mut("reason") {
            *reason = json!(printable(reason.as_str().unwrap_or_default()));
        }
        metrics::counter!("thendo_deliveries_total", "status" => status).increment(1);
        Report::Finished(Finished { id, token, status, result })
    };
    let email: Email = match payload
        .and_then(|payload| serde_json::from_value(payload).map_err(|fault| fault.to_string()))
    {
        Ok(email) => email,
        Err(fault) => {
            return finish("refused", json!({ "reason": format!("its payload can't be read: {fault}") }));
        }
    };
    let sent = timeout(Duration::from_millis(settings.timeout_ms), mailer.send(id, &email)).await;
    let sent = sent.unwrap_or_else(|_| {
        let within = format!("the mail server, within {} ms", settings.timeout_ms);
        Err(if mailer.repeatable() {
            DeliveryError::Transient { peer: within, source: "timed out".into() }
        } else {
            DeliveryError::Unknown { peer: within }
        })
    });
    metrics::histogram!("thendo_delivery_seconds").record(began.elapsed().as_secs_f64());
    match sent {
        Ok(result) => finish("sent", result),
        Err(error @ DeliveryError::Refused { .. }) => {
            tracing::warn!(delivery = %id, %error, "a mail was refused");
            finish("refused", json!({ "reason": error.to_string() }))
        }
        Err(error @ DeliveryError::Unknown { .. }) => {
            tracing::error!(delivery = %id, %error, "a mail's fate is unknown");
            finish("unknown", json!({ "reason": error.to_string() }))
        }
        Err(DeliveryError::Transient { peer, source }) => {
            let reason = printable(&format!("{peer}: {source}"));
            let attempts = u16::try_from(attempt).unwrap_or(u16::MAX);
            if attempts >= settings.attempts {
                return finish(
                    "refused",
                    json!({ "reason": format!("given up after {attempt} attempts: {reason}") }),
                );
            }
            tracing::warn!(delivery = %id, attempt, reason, "a mail is tried again later");
            let delay = settings.backoff_ms.saturating_mul(1 << (attempts.saturating_sub(1)).min(20));
            let delay_ms = i64::try_from(delay.min(LONGEST_BACKOFF_MS)).unwrap_or(i64::MAX);
            Report::Postponed(Postponed { id, token, delay_ms, reason: json!({ "reason": reason }) })
        }
    }
}

/// A peer's words as they can be stored and shown: without control characters, and not without end.
fn printable(words: &str) -> String {
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1000).collect()
}

/// Writes reports down, many at once under load, and wakes the workers for the executions that go on.
/// A report is kept until it is written, and its lease with it: a message that was sent must not be
/// forgotten with a connection.
async fn write_reports(
    mut side: Side,
    mut incoming: mpsc::Receiver<Report>,
    leases: Leases,
    wake: Arc<Wake>,
) {
    let mut reports = Vec::new();
    while incoming.recv_many(&mut reports, 500).await > 0 {
        loop {
            let session = super::side_session(&mut side).await;
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
        let mut leases = leases.lock().unwrap_or_else(PoisonError::into_inner);
        for report in reports.drain(..) {
            leases.remove(&report.id());
        }
        drop(leases);
        wake.workers.notify_one();
    }
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
        let written = deliveries::finish(session, &finished).await?;
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
