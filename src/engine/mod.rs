//! The engine: listen, gate, claim, match, advance, apply, record, deliver, publish, schedule.

pub mod advance;
mod again;
mod alerts;
pub mod apply;
mod aside;
pub mod batch;
mod blocking;
mod campaigns;
mod cause;
pub mod changes;
pub mod connections;
mod daemons;
mod deliver;
mod failing;
pub mod figures;
mod flow;
mod gate;
pub mod health;
pub mod in_force;
mod listen;
pub mod maintain;
mod offers;
mod pace;
pub mod plans;
mod publish;
mod record;
mod replays;
mod resume;
mod schedule;
mod setback;
mod start;
mod wake;
mod worker;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use health::Health;
pub use start::would_start;

use crate::database::connect;
use crate::database::role::Role;
use crate::domain::keys::Keys;
use crate::domain::settings::Settings;
use crate::mail::transport::Mailer;
use crate::outside::requests::Requests;
use crate::store::daemons as daemons_in_store;
use crate::store::session::Session;
use crate::workflow::catalogue::Catalogue;
use changes::Changes;
use connections::Connections;
use daemons::Caution;
use failing::Failing;
use gate::Gate;
use plans::Plans;
use wake::Wake;

/// What the engine is given.
pub struct Setup {
    /// Where the database is.
    pub url: SecretString,
    /// For what takes longer than a batch.
    pub pool: PgPool,
    /// All settings.
    pub settings: Arc<Settings>,
    /// The installation's key.
    pub keys: Arc<Keys>,
    /// The kinds that workflows are made of.
    pub catalogue: Catalogue,
    /// What `/readyz` tells.
    pub health: Arc<Health>,
    /// What is told to whoever watches.
    pub changes: Arc<Changes>,
}

/// Runs the engine until `shutdown`, then finishes the batches and deliveries at hand.
///
/// # Errors
/// Only settings that can't work. A database that is away is waited for.
pub async fn run(setup: Setup, shutdown: CancellationToken) -> anyhow::Result<()> {
    let Setup { url, pool, settings, keys, catalogue, health, changes } = setup;
    let ways = deliver::Ways {
        mailer: Mailer::from_settings(&settings, keys.clone())?,
        requests: Requests::from_settings(&settings)?,
        campaigns: deliver::Contents::default(),
        mail: settings.mail.clone(),
        keys: keys.clone(),
    };
    let wake = Arc::new(Wake::default());
    let gate = Arc::new(Gate::default());
    let plans = Arc::new(Plans::new(catalogue));
    let caution = Arc::new(Caution::new());
    let alerts = alerts::Teller::from_settings(&settings, keys)?;
    let connections = Connections::of(&settings);

    let mut tasks = JoinSet::new();
    let (side, sees_side) = watch::channel(None);
    // What the deliverers still have to say at the end goes through the listener's connection.
    let delivered = CancellationToken::new();
    tasks.spawn(listen::run(
        url.clone(),
        side,
        wake.clone(),
        health.clone(),
        caution.clone(),
        changes.clone(),
        delivered.clone(),
    ));
    if connections.gate {
        tasks.spawn(gate::keep(gate.clone(), url.clone(), wake.clone(), shutdown.clone()));
    }
    tasks.spawn(publish::run(
        sees_side.clone(),
        plans.clone(),
        wake.clone(),
        health.clone(),
        shutdown.clone(),
    ));
    tasks.spawn(campaigns::run(pool, wake.clone(), shutdown.clone()));
    tasks.spawn(schedule::run(sees_side.clone(), wake.clone(), health.clone(), shutdown.clone()));
    let (of_deliveries, to_wake, stop) = (settings.deliveries.clone(), wake.clone(), shutdown.clone());
    tasks.spawn(alerts::run(sees_side.clone(), alerts, wake.clone(), shutdown.clone()));
    let (done, side_of_deliveries) = (delivered.drop_guard(), sees_side.clone());
    tasks.spawn(async move {
        let _done = done;
        deliver::run(side_of_deliveries, ways, of_deliveries, to_wake, stop).await;
    });
    let shared = Arc::new(worker::Shared {
        url: url.clone(),
        settings: settings.engine.clone(),
        workers: connections.workers as usize,
        plans,
        wake,
        gate,
        health,
        caution: caution.clone(),
        changes,
        failing: Failing::default(),
        beat: Mutex::new(Instant::now()),
        side: sees_side,
    });
    for number in 0..connections.workers as usize {
        tasks.spawn(worker::run(shared.clone(), number, shutdown.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            shutdown.cancel();
            anyhow::bail!("a part of the engine stopped unexpectedly: {error}");
        }
    }
    sign_off(&url, &caution).await;
    Ok(())
}

/// All is done: who looks for daemons that died must not find this one. One that can't say so counts as died, which
/// makes the next one careful.
async fn sign_off(url: &SecretString, caution: &Caution) {
    let farewell = async {
        let (client, connection) = connect::connect(url, "farewell", Role::Engine).await?;
        let _driver = connect::drive_in_background(connection);
        daemons_in_store::sign_off(&client, caution.id()).await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    };
    if !matches!(tokio::time::timeout(Duration::from_secs(2), farewell).await, Ok(Ok(()))) {
        tracing::debug!("the daemon could not sign off");
    }
}

/// Waits until the side connection is there.
async fn side_session(side: &mut listen::Side) -> Arc<Session> {
    loop {
        if let Some(session) = side.borrow_and_update().clone()
            && !session.client().is_closed()
        {
            return session;
        }
        if side.changed().await.is_err() {
            // The listener is gone, so the daemon is going down.
            std::future::pending::<()>().await;
        }
    }
}
