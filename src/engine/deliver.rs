//! Deliveries: after commit, concurrently, outside any transaction, each under a lease.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

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
use crate::store::session::{Session, StoreError};

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

/// Delivers until `shutdown`, then lets the messages under way end.
pub async fn run(
    side: Side,
    mailer: Mailer,
    settings: settings::Deliveries,
    wake: Arc<Wake>,
    shutdown: CancellationToken,
) {
    let (reports, incoming) = mpsc::channel(1024);
    let reporter = tokio::spawn(write_reports(side.clone(), incoming, wake.clone()));
    let mut deliverer = Deliverer {
        side,
        mailer: Arc::new(mailer),
        settings,
        reports,
        sending: JoinSet::new(),
        leases: HashMap::new(),
    };
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
    sending: JoinSet<EffectId>,
    leases: HashMap<EffectId, Uuid>,
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
                Some(ended) = self.sending.join_next() => self.ended(ended),
                _ = looks.tick() => self.rescue(&session, wake).await,
                _ = renewals.tick() => {
                    self.keep_leases(&session).await;
                    more = false;
                }
                () = shutdown.cancelled() => return,
            }
            while let Some(ended) = self.sending.try_join_next() {
                self.ended(ended);
            }
            if more && let Err(error) = self.take_more(&session).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "deliveries could not be leased");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }

    fn ended(&mut self, ended: Result<EffectId, tokio::task::JoinError>) {
        match ended {
            Ok(id) => drop(self.leases.remove(&id)),
            // Its lease runs out, and the rescue says what that means.
            Err(error) => tracing::error!(%error, "a delivery stopped unexpectedly"),
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
            self.leases.insert(delivery.id, delivery.token);
            let (mailer, settings) = (self.mailer.clone(), self.settings.clone());
            let reports = self.reports.clone();
            self.sending.spawn(async move {
                let id = delivery.id;
                let report = attempt(&mailer, &settings, delivery).await;
                let _ = reports.send(report).await;
                id
            });
        }
        Ok(())
    }

    async fn keep_leases(&self, session: &Session) {
        let mut tokens: Vec<Uuid> = self.leases.values().copied().collect();
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

/// Sends one message and sorts what came of it.
async fn attempt(mailer: &Mailer, settings: &settings::Deliveries, delivery: Leased) -> Report {
    let Leased { id, token, payload, attempt } = delivery;
    let began = Instant::now();
    let finish = |status: &'static str, result: Value| {
        metrics::counter!("thendo_deliveries_total", "status" => status).increment(1);
        Report::Finished(Finished { id, token, status, result })
    };
    let email: Email = match serde_json::from_value(payload) {
        Ok(email) => email,
        Err(error) => {
            return finish("refused", json!({ "reason": format!("its payload can't be read: {error}") }));
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
            let reason = format!("{peer}: {source}");
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

/// Writes reports down, many at once under load, and wakes the workers for the executions that go on.
/// A report is kept until it is written: a message that was sent must not be forgotten with a connection.
async fn write_reports(mut side: Side, mut incoming: mpsc::Receiver<Report>, wake: Arc<Wake>) {
    let mut reports = Vec::new();
    while incoming.recv_many(&mut reports, 500).await > 0 {
        let (mut finished, mut postponed) = (Vec::new(), Vec::new());
        for report in reports.drain(..) {
            match report {
                Report::Finished(report) => finished.push(report),
                Report::Postponed(report) => postponed.push(report),
            }
        }
        loop {
            let session = super::side_session(&mut side).await;
            let written = async {
                if !finished.is_empty() {
                    deliveries::finish(&session, &finished).await?;
                }
                if !postponed.is_empty() {
                    deliveries::postpone(&session, &postponed).await?;
                }
                Ok::<_, StoreError>(())
            };
            match written.await {
                Ok(()) => break,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "results of deliveries are not written yet"
                    );
                    sleep(Duration::from_millis(200)).await;
                }
            }
        }
        wake.workers.notify_one();
    }
}
