//! Deliveries: after commit, concurrently, outside any transaction, each under a lease. Destinations and workflows take
//! turns, and no destination gets more than its share.

mod attempt;
mod campaign;
mod embed;
mod judge;
mod report;
mod unveil;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::figures::list;
use super::listen::Side;
use super::wake::Wake;
use crate::domain::ids::EffectId;
use crate::domain::keys::Keys;
use crate::domain::settings;
use crate::mail::transport::Mailer;
use crate::outside::requests::Requests;
use crate::store::deliveries::{self, Leased, Lost, Seen, Turn, Wanted, Whose};
use crate::store::mails::Cap;
use crate::store::session::{Session, StoreError};
use judge::{Judged, judged};
use report::{Leases, Report, write_reports};

/// Without a wake-up deliveries that others handed over, or that are due again, are found this often. With the lease it
/// is how long a dead sender's deliveries wait.
const LOOK: Duration = Duration::from_secs(5);
/// A lease costs much the same for one as for many. So what ends is waited for until half is done, but no longer than this.
const GATHER: Duration = Duration::from_millis(3);
/// Under load plans are made anew so often: deliveries may be many more than when they were made.
const PLANS_LAST: Duration = Duration::from_secs(2);
/// On shutdown deliveries under way get so long.
const DRAIN: Duration = Duration::from_secs(7);
/// Looks for more in a row: others may be quicker, and some turns have nothing due.
const MOST_LOOKS: usize = 8;

pub use campaign::Contents;

/// The ways out.
pub struct Ways {
    /// For mails.
    pub mailer: Mailer,
    /// For requests.
    pub requests: Requests,
    /// What the mails of campaigns say.
    pub campaigns: Contents,
    /// How long mails are tried, and how many a person is sent.
    pub mail: settings::Mail,
    /// For the secrets that requests name.
    pub keys: Arc<Keys>,
}

/// Delivers until `shutdown`, then lets what is under way end.
pub async fn run(
    side: Side,
    ways: Ways,
    settings: settings::Deliveries,
    wake: Arc<Wake>,
    shutdown: CancellationToken,
) {
    let (reports, incoming) = mpsc::channel(1024);
    let leases = Leases::default();
    let reporter = tokio::spawn(write_reports(side.clone(), incoming, leases.clone(), wake.clone()));
    let mut deliverer = Deliverer {
        side,
        settings,
        cap: Cap { most: ways.mail.marketing_cap, days: ways.mail.marketing_cap_days },
        ways: Arc::new(ways),
        unbegun: Vec::new(),
        reports,
        sending: JoinSet::new(),
        under_way: HashMap::new(),
        leases,
        last: Turn::default(),
        begun: 0,
        planned: Instant::now(),
    };
    deliverer.deliver(&wake, &shutdown).await;
    deliverer.drain().await;
    drop(deliverer);
    let _ = timeout(Duration::from_secs(1), reporter).await;
}

struct Deliverer {
    side: Side,
    ways: Arc<Ways>,
    settings: settings::Deliveries,
    /// For marketing mails.
    cap: Cap,
    /// Leased, not begun, and not put back yet, for the connection broke.
    unbegun: Vec<(EffectId, Uuid, bool)>,
    reports: mpsc::Sender<Report>,
    sending: JoinSet<EffectId>,
    under_way: HashMap<EffectId, UnderWay>,
    leases: Leases,
    /// Whose turn it was last.
    last: Turn,
    /// How many were under way when the last ones were begun.
    begun: usize,
    /// When the statements were last planned.
    planned: Instant,
}

struct UnderWay {
    destination: String,
    token: Uuid,
    repeatable: bool,
}

impl Deliverer {
    async fn deliver(&mut self, wake: &Wake, shutdown: &CancellationToken) {
        let mut renewals = every(self.renewal());
        let mut looks = every(LOOK.min(Duration::from_millis(self.settings.lease_ms)));
        loop {
            let mut side = self.side.clone();
            let session = tokio::select! {
                session = super::side_session(&mut side) => session,
                () = shutdown.cancelled() => return,
            };
            let mut more = true;
            tokio::select! {
                () = wake.deliverers.notified() => {}
                Some(ended) = self.sending.join_next() => {
                    self.ended(ended);
                    let _ = timeout(GATHER, self.half_ends()).await;
                }
                _ = looks.tick() => more = self.look(&session, wake).await,
                _ = renewals.tick() => {
                    self.keep_leases(&session).await;
                    more = false;
                }
                () = shutdown.cancelled() => return,
            }
            if more && let Err(error) = self.take_more(&session, shutdown).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "deliveries could not be leased");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }

    fn renewal(&self) -> Duration {
        Duration::from_millis((self.settings.lease_ms / 3).max(10))
    }

    fn ended(&mut self, ended: Result<EffectId, tokio::task::JoinError>) {
        // A task that broke off was aborted by us, at the very end.
        if let Ok(id) = ended {
            self.under_way.remove(&id);
        }
    }

    /// Until half of what was under way has ended.
    async fn half_ends(&mut self) {
        while self.under_way.len() * 2 > self.begun
            && let Some(ended) = self.sending.join_next().await
        {
            self.ended(ended);
        }
    }

    async fn take_more(&mut self, session: &Session, shutdown: &CancellationToken) -> Result<(), StoreError> {
        if !self.under_way.is_empty() && self.planned.elapsed() > PLANS_LAST {
            session.plan_anew().await?;
            self.planned = Instant::now();
        }
        self.put_back(session).await?;
        for _ in 0..MOST_LOOKS {
            while let Some(ended) = self.sending.try_join_next() {
                self.ended(ended);
            }
            let free = (self.settings.concurrency as usize).saturating_sub(self.under_way.len());
            if free == 0 || shutdown.is_cancelled() {
                break;
            }
            let mut by_destination: HashMap<String, usize> = HashMap::new();
            for UnderWay { destination, .. } in self.under_way.values() {
                *by_destination.entry(destination.clone()).or_default() += 1;
            }
            let wanted = Wanted {
                limit: free,
                lease_ms: self.settings.lease_ms,
                repeatable: self.ways.mailer.repeatable(),
                per_destination: self.settings.per_destination as usize,
                under_way: &by_destination,
                after: &self.last,
            };
            let found = deliveries::lease(session, wanted).await?;
            self.last = found.next;
            if shutdown.is_cancelled() {
                let unbegun: Vec<_> = found.leased.iter().map(|of| (of.id, of.token, false)).collect();
                return deliveries::hand_back(session, &unbegun).await;
            }
            let (waits, more) =
                (self.begin_all(session, found.leased).await?, found.met_others || found.has_more);
            self.begun = self.under_way.len();
            if !more && !waits {
                break;
            }
        }
        Ok(())
    }

    /// Begins those that may be sent. True if some are to be looked at again.
    async fn begin_all(&mut self, session: &Session, leased: Vec<Leased>) -> Result<bool, StoreError> {
        let Judged { go, suppressed, later } = match judged(session, leased, self.cap).await {
            Ok(judged) => judged,
            Err((error, leased)) => {
                // They would count as lost in the middle, though none has begun.
                self.unbegun.extend(leased.iter().map(|of| (of.id, of.token, false)));
                let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
                leases.extend(leased.iter().map(|of| (of.id, of.token)));
                return Err(error);
            }
        };
        go.into_iter().for_each(|delivery| self.begin(delivery));
        for finished in suppressed {
            let _ = self.reports.send(Report::Finished(finished)).await;
        }
        let waits = !later.is_empty();
        self.unbegun.extend(later);
        self.put_back(session).await?;
        Ok(waits)
    }

    /// Puts back what was leased and not begun.
    async fn put_back(&mut self, session: &Session) -> Result<(), StoreError> {
        if !self.unbegun.is_empty() {
            deliveries::hand_back(session, &self.unbegun).await?;
            let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
            self.unbegun.drain(..).for_each(|(id, ..)| {
                leases.remove(&id);
            });
        }
        Ok(())
    }

    fn begin(&mut self, delivery: Leased) {
        let (id, token, of) = (delivery.id, delivery.token, delivery.of);
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).insert(id, token);
        let repeatable = delivery.kind == "http" || self.ways.mailer.repeatable();
        let destination = delivery.destination.clone();
        self.under_way.insert(id, UnderWay { destination, token, repeatable });
        let (ways, settings, reports) = (self.ways.clone(), self.settings.clone(), self.reports.clone());
        let side = self.side.clone();
        let Whose { execution, workflow } = of;
        let span = tracing::info_span!("delivery", delivery = %id, %execution, %workflow);
        let sending = async move {
            let report =
                AssertUnwindSafe(attempt::attempt(&ways, side, &settings, delivery)).catch_unwind().await;
            let _ =
                reports.send(report.unwrap_or_else(|_| report::fell_over(id, token, of, repeatable))).await;
            id
        };
        self.sending.spawn(sending.instrument(span));
    }

    /// Nothing more is begun. What is under way gets its time; then what may be repeated is put back for others, and the
    /// rest keeps its lease until that runs out.
    async fn drain(&mut self) {
        let deadline = Instant::now() + DRAIN;
        let mut renewals = every(self.renewal());
        while !self.sending.is_empty() {
            let next = async {
                tokio::select! {
                    ended = self.sending.join_next() => ended,
                    _ = renewals.tick() => None,
                }
            };
            let Ok(next) = timeout_at(deadline, next).await else { break };
            match next {
                Some(ended) => self.ended(ended),
                None => {
                    let session = self.side.borrow().clone();
                    if let Some(session) = session {
                        let _ = timeout_at(deadline, self.keep_leases(&session)).await;
                    }
                }
            }
        }
        if self.under_way.is_empty() && self.unbegun.is_empty() {
            return;
        }
        tracing::warn!(left = self.under_way.len(), "deliveries were still under way at shutdown");
        self.sending.shutdown().await;
        let back: Vec<_> = self
            .under_way
            .iter()
            .filter(|(_, of)| of.repeatable)
            .map(|(id, of)| (*id, of.token, true))
            .chain(self.unbegun.drain(..))
            .collect();
        let session = self.side.borrow().clone();
        if let Some(session) = session.filter(|_| !back.is_empty()) {
            let handed = timeout(Duration::from_secs(1), deliveries::hand_back(&session, &back)).await;
            if !matches!(handed, Ok(Ok(()))) {
                tracing::warn!(left = back.len(), "they could not be put back: their leases run out");
            }
        }
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

    /// Whether there may be something to deliver.
    async fn look(&self, session: &Session, wake: &Wake) -> bool {
        let Ok(Seen { pending, lost }) = deliveries::look(session).await else { return true };
        if lost {
            self.rescue(session, wake).await;
        }
        pending || lost
    }

    async fn rescue(&self, session: &Session, wake: &Wake) {
        match deliveries::rescue(session).await {
            Ok((unknown, again)) => {
                if !unknown.is_empty() {
                    for Lost { id, of, kind } in unknown {
                        metrics::counter!(list::DELIVERIES, "kind" => kind, "status" => "unknown")
                            .increment(1);
                        report::alarm(session, id, of, "its sender died").await;
                    }
                    wake.alerts.notify_one();
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

fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
