//! The engine: claims what is due, runs it, records it. (A stand-in that only waits.)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::SecretString;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::domain::settings::Settings;

/// What the engine needs.
#[derive(Debug)]
pub struct Setup {
    /// The shop's database.
    pub url: SecretString,
    /// Everything that can be set.
    pub settings: Arc<Settings>,
    /// For the control plane.
    pub pool: PgPool,
    /// Where it tells how it is.
    pub health: Arc<Health>,
}

/// How the engine is.
#[derive(Debug, Default)]
pub struct Health {
    /// Whether it claims what is due.
    pub ready: AtomicBool,
    /// Whether notifications arrive.
    pub listening: AtomicBool,
}

impl Health {
    /// Whether the engine works.
    ///
    /// # Errors
    /// What it lacks, in words.
    pub fn ready(&self) -> Result<(), String> {
        if self.ready.load(Ordering::Relaxed) { Ok(()) } else { Err("the engine is not ready".into()) }
    }
}

/// Works until `shutdown`.
///
/// # Errors
/// When it can't go on.
pub async fn run(setup: Setup, shutdown: CancellationToken) -> anyhow::Result<()> {
    setup.health.ready.store(true, Ordering::Relaxed);
    setup.health.listening.store(true, Ordering::Relaxed);
    shutdown.cancelled().await;
    setup.health.ready.store(false, Ordering::Relaxed);
    Ok(())
}
