//! The listener: hears that something was written. Its connection also serves the engine's side jobs
//! (deliveries, publishing), so that a daemon gets by with few connections.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::AsyncMessage;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::changes::Changes;
use super::daemons::Caution;
use super::figures::{InUse, list};
use super::health::Health;
use super::wake::Wake;
use crate::database::connect::{self, Connection};
use crate::database::role::Role;
use crate::store::changes::{CHANGES, WATCHING};
use crate::store::session::Session;
use crate::store::signals;

/// Channels that the triggers use, one for each domain of `event_tables`; and those of who watches.
const CHANNELS: [&str; 12] = [
    "thendo_orders",
    "thendo_billing",
    "thendo_customers",
    "thendo_products",
    "thendo_waitlist",
    "thendo_content",
    "thendo_marketing",
    "thendo_loyalty",
    "thendo_shop",
    WORKFLOWS,
    CHANGES,
    WATCHING,
];
const WORKFLOWS: &str = "thendo_workflows";
/// How long a notification may take before it counts as never arriving.
const PROBE: Duration = Duration::from_secs(2);
/// An idle connection is asked this often whether it still lives.
const PING: Duration = Duration::from_secs(10);

type Lost = Box<dyn std::error::Error + Send + Sync>;

/// The side connection as others see it: there, or not just now.
pub type Side = watch::Receiver<Option<Arc<Session>>>;

/// Listens until `shutdown`, through any number of reconnects.
pub async fn run(
    url: SecretString,
    side: watch::Sender<Option<Arc<Session>>>,
    wake: Arc<Wake>,
    health: Arc<Health>,
    caution: Arc<Caution>,
    changes: Arc<Changes>,
    shutdown: CancellationToken,
) {
    let mut pause = Duration::from_millis(100);
    // Once is enough, however often it connects again.
    let mut warned = false;
    while !shutdown.is_cancelled() {
        let began = Instant::now();
        let ended = tokio::select! {
            ended = listen(&mut warned, &url, &side, &wake, &health, &caution, &changes) => ended,
            () = shutdown.cancelled() => return,
        };
        side.send_replace(None);
        changes.lose();
        Health::set(&health.listening, false);
        Health::set(&health.notified, false);
        if began.elapsed() > Duration::from_secs(30) {
            pause = Duration::from_millis(100);
        }
        match ended {
            Ok(()) => tracing::warn!("the listener's connection ended; connecting again"),
            Err(error) => {
                tracing::warn!(
                    error = &*error,
                    retry_ms = pause.as_millis(),
                    "the listener is not connected"
                );
            }
        }
        tokio::select! {
            () = sleep(pause) => pause = (pause * 2).min(Duration::from_secs(5)),
            () = shutdown.cancelled() => return,
        }
    }
}

async fn listen(
    warned: &mut bool,
    url: &SecretString,
    side: &watch::Sender<Option<Arc<Session>>>,
    wake: &Wake,
    health: &Health,
    caution: &Caution,
    changes: &Changes,
) -> Result<(), Lost> {
    let (client, connection) = connect::connect(url, "listener", Role::Engine).await?;
    let _in_use = InUse::one();
    let probe = format!("thendo_probe_{}", Uuid::new_v4().simple());
    let session = Arc::new(Session::new(client));
    let (heard, mut hears) = watch::channel(false);
    let listening = async {
        // Listen first, then drain: what was written before is found by looking, what comes after is heard.
        for channel in CHANNELS.iter().copied().chain([probe.as_str()]) {
            signals::listen(session.client(), channel).await?;
        }
        let full = caution.report(&session).await?;
        Health::set(&health.listening, true);
        side.send_replace(Some(session.clone()));
        wake.workers.notify_waiters();
        wake.workers.notify_one();
        wake.deliverers.notify_one();
        wake.publisher.notify_one();
        wake.scheduler.notify_one();
        let mut ears = Ears { session: &session, health, probe: &probe, hears: &mut hears };
        if !full && !ears.hear().await? && !*warned {
            *warned = true;
            tracing::warn!(
                "notifications do not arrive on this connection, as behind a transaction-mode pooler: \
                 polling instead. Use a direct or session-mode connection (Supabase: port 5432) to be woken at once"
            );
        }
        tokio::select! {
            ended = ping(ears, caution, changes) => ended,
            ended = changes.keep_asking(&session) => Ok(ended?),
        }
    };
    tokio::select! {
        ended = listening => ended,
        ended = pass_on(connection, &probe, &heard, wake, changes) => ended,
    }
}

/// Tells whether notifications arrive.
struct Ears<'a> {
    session: &'a Session,
    health: &'a Health,
    probe: &'a str,
    hears: &'a mut watch::Receiver<bool>,
}

impl Ears<'_> {
    async fn hear(&mut self) -> Result<bool, Lost> {
        signals::notify(self.session.client(), self.probe).await?;
        let arrived = timeout(PROBE, self.hears.wait_for(|heard| *heard)).await.is_ok();
        signals::stop_listening(self.session.client(), self.probe).await?;
        Health::set(&self.health.notified, arrived);
        Ok(arrived)
    }
}

/// Says again and again that the daemon lives, which also tells whether the connection does; and looks whether the
/// server still takes notifications. While it does not, nobody of ours notifies (`migrations/0097_faults.sql`).
async fn ping(ears: Ears<'_>, caution: &Caution, changes: &Changes) -> Result<(), Lost> {
    let mut ticks = interval(PING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_full = false;
    loop {
        ticks.tick().await;
        let Ok(answered) = timeout(PING, caution.report(ears.session)).await else { return Ok(()) };
        let full = answered?;
        if full && !was_full {
            Health::set(&ears.health.notified, false);
            changes.lose();
            tracing::warn!(
                "the server's queue of notifications is half full, so no write notifies until it empties: polling \
                 instead. A session that listens has its transaction open: look for it in pg_stat_activity and end it"
            );
        } else if was_full && !full {
            tracing::info!("the server's queue of notifications has emptied");
            // Which is told by the next connection.
            return Ok(());
        }
        was_full = full;
    }
}

async fn pass_on(
    mut connection: Connection,
    probe: &str,
    heard: &watch::Sender<bool>,
    wake: &Wake,
    changes: &Changes,
) -> Result<(), Lost> {
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match message? {
            AsyncMessage::Notification(note) if note.channel() == probe => {
                heard.send_replace(true);
            }
            AsyncMessage::Notification(note) if note.channel() == WORKFLOWS => {
                wake.publisher.notify_one();
                // The command line puts them in force by itself.
                wake.scheduler.notify_one();
            }
            AsyncMessage::Notification(note) if note.channel() == CHANGES => changes.hear(note.payload()),
            AsyncMessage::Notification(note) if note.channel() == WATCHING => {
                changes.hear_of_watching(note.payload());
            }
            AsyncMessage::Notification(_) => {
                metrics::counter!(list::NOTIFICATIONS).increment(1);
                wake.workers.notify_one();
            }
            _ => {}
        }
    }
    Ok(())
}
