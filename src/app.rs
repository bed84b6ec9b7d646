//! The only place that wires and spawns: pool, HTTP and engine, and their common end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::SecretString;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::database::connect::ConnectError;
use crate::database::migrate::{self, State};
use crate::database::role::Role;
use crate::database::{connect, pooler, rows, server};
use crate::domain::keys::Keys;
use crate::domain::settings::Settings;
use crate::engine::changes::Changes;
use crate::engine::connections::{Connections, WITH_API};
use crate::engine::{self, Health, figures};
use crate::http;
use crate::http::door::{Door, Entrance, no_role, too_few};
use crate::kinds;
use crate::mail::tracking::Tracking;
use crate::mail::unsubscribe::WayOut;
use crate::operations::{DataPlane, backtests};

/// A clean end takes at most so long.
const LONGEST_END: Duration = Duration::from_secs(10);

/// The schema is not the one this build works with.
#[derive(Debug, thiserror::Error)]
#[error("the database's schema is not this thendo's: {}", self.words())]
pub struct WrongSchema {
    pending: usize,
    changed: usize,
    unknown: usize,
}

impl WrongSchema {
    fn words(&self) -> String {
        [(self.pending, "pending"), (self.changed, "changed"), (self.unknown, "unknown")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word} migration{}", if count == 1 { "" } else { "s" }))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        let what = if self.unknown > 0 {
            "a newer thendo migrated this database: use that one"
        } else if self.changed > 0 {
            "use the thendo that applied them; before the first release migrations may change: then start with an \
             empty database"
        } else {
            "run `thendo migrate`"
        };
        format!("{what}; `thendo migrate --status` lists all migrations")
    }
}

/// The parts of a running daemon.
#[derive(Debug)]
pub struct App {
    /// Where it answers HTTP.
    pub address: SocketAddr,
    /// How its engine is.
    pub health: Arc<Health>,
    /// For the control plane.
    pub pool: PgPool,
    tasks: JoinSet<anyhow::Result<()>>,
    shutdown: CancellationToken,
}

impl App {
    /// Starts HTTP and the engine. They work until `shutdown`.
    ///
    /// # Errors
    /// When the database can't be reached or its schema is another.
    pub async fn start(
        settings: Arc<Settings>,
        keys: Arc<Keys>,
        url: SecretString,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("the address that was bound")?;
        pooler::refuse_shared_sessions(&url).await?;
        check_schema(&url).await?;
        let connections = Connections::of(&settings);
        let pool = connect::pool(&url, connections.lists, Role::Engine).await?;
        if !rows::is_taken_over(&pool, &settings.rows.allow).await? {
            tracing::warn!(
                "the database allows other rows than the setting rows.allow says; `thendo migrate` takes that over"
            );
        }
        let health = Arc::new(Health::default());
        let changes = Arc::new(Changes::default());
        let entrance = entrance(&settings, &url, &connections, (&health, &changes)).await?;
        let data = entrance.data().cloned();
        let live = http::live::Live::new(Arc::clone(&changes), shutdown.clone());
        let mut tasks = JoinSet::new();
        let (hits, incoming) = http::tracking::hits::queue();
        let state = http::Shared {
            pool: pool.clone(),
            entrance,
            live,
            health: Arc::clone(&health),
            metrics: recorder(),
            settings: Arc::clone(&settings),
            asked: Arc::default(),
            keys: Arc::clone(&keys),
            way_out: WayOut::from_settings(&settings, Arc::clone(&keys)),
            tracking: Arc::new(Tracking::from_settings(&settings, &keys)),
            hits,
        };
        tasks.spawn(http::serve(listener, state, shutdown.clone()));
        if let Some(data) = data.filter(DataPlane::has_room_for_jobs) {
            tasks.spawn(work_off_backtests(pool.clone(), data, shutdown.clone()));
        }
        let (pool_of_hits, stop) = (pool.clone(), shutdown.clone());
        tasks.spawn(async move {
            http::tracking::hits::write(pool_of_hits, incoming, stop).await;
            Ok(())
        });
        let housekeeping = Arc::clone(&settings);
        let setup = engine::Setup {
            url,
            pool: pool.clone(),
            settings,
            keys,
            catalogue: kinds::catalogue(),
            health: Arc::clone(&health),
            changes,
        };
        let stop = shutdown.clone();
        tasks.spawn(async move { engine::run(setup, stop).await.context("the engine stopped") });
        let (pool_of_house, stop) = (pool.clone(), shutdown.clone());
        tasks.spawn(async move {
            engine::maintain::run(pool_of_house, housekeeping, stop).await;
            Ok(())
        });
        tasks.spawn(keep_metrics_small(shutdown.clone()));
        Ok(Self { address, health, pool, tasks, shutdown })
    }

    /// Works until the shutdown or until one of the parts fails; then ends all of them, in bounded time.
    ///
    /// # Errors
    /// What the part that failed said.
    pub async fn run(mut self) -> anyhow::Result<()> {
        let first = tokio::select! {
            () = self.shutdown.cancelled() => Ok(()),
            Some(ended) = self.tasks.join_next() => ended.context("a part of the daemon broke off").flatten(),
        };
        self.shutdown.cancel();
        let rest = async {
            let mut all = first;
            while let Some(ended) = self.tasks.join_next().await {
                all = all.and(ended.context("a part of the daemon broke off").flatten());
            }
            all
        };
        let outcome = tokio::time::timeout(LONGEST_END, rest).await.unwrap_or_else(|_| {
            tracing::warn!(
                "not everything ended within {} s; what was open is rolled back",
                LONGEST_END.as_secs()
            );
            Ok(())
        });
        let _bounded = tokio::time::timeout(Duration::from_secs(1), self.pool.close()).await;
        outcome
    }
}

/// The daemon, from start to end.
///
/// # Errors
/// As [`App::start`] and [`App::run`], and when the address is taken.
pub async fn serve(
    settings: Arc<Settings>,
    keys: Arc<Keys>,
    url: SecretString,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let listener = http::bind(settings.listen).await?;
    let app = App::start(settings, keys, url, listener, shutdown).await?;
    tracing::info!(address = %app.address, "thendo {} serves", env!("CARGO_PKG_VERSION"));
    app.run().await
}

/// The door of the API; or why nobody comes in: the engine works all the same.
async fn entrance(
    settings: &Arc<Settings>,
    url: &SecretString,
    connections: &Connections,
    (health, changes): (&Arc<Health>, &Changes),
) -> Result<Entrance, ConnectError> {
    let Some(of_api) = connections.api else {
        let most = settings.pool_max;
        tracing::warn!(
            "the API answers 503: `pool_max` is {most}, and it needs {WITH_API} connections in all"
        );
        return Ok(Entrance::Closed(too_few(most, WITH_API)));
    };
    let pools = async {
        let lookups = connect::pool(url, 1, Role::Api).await?;
        Ok::<_, ConnectError>((lookups, connect::pool(url, of_api.operations, Role::Api).await?))
    };
    match pools.await {
        Ok((lookups, operations)) => {
            let data = DataPlane::new(url.clone(), Role::Engine, of_api.sessions as usize)
                .woken_by(Arc::clone(&changes.backtests));
            let (settings, health) = (Arc::clone(settings), Arc::clone(health));
            Ok(Entrance::Open(Arc::new(Door::new((lookups, operations), data, settings, health))))
        }
        // The server answers, and this daemon works; only who comes to the API can't be let in.
        Err(fault) if fault.is_refusal() => {
            let help = format!("{}; then start this daemon again", fault.help());
            tracing::warn!(%fault, "the API answers 503: its role can't be taken; {help}");
            Ok(Entrance::Closed(no_role(help)))
        }
        Err(fault) => Err(fault),
    }
}

async fn check_schema(url: &SecretString) -> anyhow::Result<()> {
    let standings = migrate::status(url).await?;
    let count = |state: State| standings.iter().filter(|standing| standing.state == state).count();
    let found = WrongSchema {
        pending: count(State::Pending),
        changed: count(State::Changed),
        unknown: count(State::Unknown),
    };
    if found.words().is_empty() { Ok(()) } else { Err(found.into()) }
}

/// The process's one recorder of metrics.
fn recorder() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    let handle = RECORDER.get_or_init(|| {
        let recorder = figures::builder().unwrap_or_default().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder of metrics is installed; /metrics stays empty");
        }
        figures::begin();
        handle
    });
    handle.clone()
}

async fn work_off_backtests(
    pool: PgPool,
    data: DataPlane,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    backtests::run(pool, data, shutdown).await;
    Ok(())
}

async fn keep_metrics_small(shutdown: CancellationToken) -> anyhow::Result<()> {
    let handle = recorder();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(Duration::from_secs(5)) => handle.run_upkeep(),
        }
    }
}

/// Cancels `shutdown` with the first Ctrl-C, SIGTERM or hang-up. A second Ctrl-C ends the process
/// at once, after `at_once` has run.
///
/// # Errors
/// When the system takes no handlers.
pub fn end_on_signals(
    shutdown: &CancellationToken,
    at_once: impl Fn() + Send + 'static,
) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("can't handle Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("can't handle SIGTERM")?;
    let mut hang_up = signal(SignalKind::hangup()).context("can't handle SIGHUP")?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        loop {
            let interrupted = tokio::select! {
                _ = interrupt.recv() => true,
                _ = terminate.recv() => false,
                _ = hang_up.recv() => false,
            };
            if interrupted && shutdown.is_cancelled() {
                at_once();
                std::process::exit(130);
            }
            shutdown.cancel();
        }
    });
    Ok(())
}

/// Starts the private server away from the async threads, which it would block.
///
/// # Errors
/// As [`server::PrivateServer::start`].
pub async fn start_private_server(settings: &Settings) -> anyhow::Result<server::PrivateServer> {
    let options = server::Options {
        data_dir: settings.data_dir.clone(),
        bin_dir: settings.postgres.bin_dir.clone(),
        settings: settings.postgres.settings.clone(),
    };
    let started = tokio::task::spawn_blocking(move || server::PrivateServer::start(&options)).await;
    Ok(started.context("starting the private server broke off")??)
}

/// Watches the private server until `shutdown`, then stops it.
///
/// # Errors
/// When the server ended by itself; then `shutdown` is cancelled too.
pub async fn watch_private_server(
    mut server: server::PrivateServer,
    stop: CancellationToken,
    tell: CancellationToken,
) -> anyhow::Result<()> {
    let mut failure = None;
    while failure.is_none() && !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(500)) => failure = server.has_ended(),
        }
    }
    tell.cancel();
    tokio::task::spawn_blocking(move || server.stop())
        .await
        .context("stopping the private server broke off")?;
    failure.map_or(Ok(()), |words| Err(anyhow::anyhow!("the private PostgreSQL ended by itself: {words}")))
}

#[cfg(test)]
mod tests {
    use super::WrongSchema;

    #[test]
    fn a_schema_that_is_another_is_answered_by_what_it_is() {
        let told = |pending, changed, unknown| {
            let wrong = WrongSchema { pending, changed, unknown };
            (wrong.words(), wrong.help())
        };
        let (words, help) = told(2, 0, 1);
        assert_eq!(words, "2 pending migrations, 1 unknown migration");
        assert!(help.contains("newer thendo"), "{help}");
        assert!(told(0, 1, 0).1.contains("applied them"));
        assert!(told(1, 0, 0).1.contains("run `thendo migrate`;"));
    }
}
