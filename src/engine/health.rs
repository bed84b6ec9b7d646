//! What the daemon knows of its own state, for `/readyz`, the page and the tests.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Shared by all parts of the engine.
#[derive(Debug)]
pub struct Health {
    /// A worker is connected and its last batch did not fail.
    pub working: AtomicBool,
    /// The listener is connected.
    pub listening: AtomicBool,
    /// Notifications were seen to arrive; false behind a transaction-mode pooler.
    pub notified: AtomicBool,
    /// Every workflow that was published before the start has been checked.
    pub published: AtomicBool,
    /// Queue rows handled since the start.
    pub handled: AtomicU64,
    started: Instant,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            working: AtomicBool::new(false),
            listening: AtomicBool::new(false),
            notified: AtomicBool::new(false),
            published: AtomicBool::new(false),
            handled: AtomicU64::new(0),
            started: Instant::now(),
        }
    }
}

impl Health {
    /// Whether the daemon can do its work.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn ready(&self) -> Result<(), String> {
        if !self.working.load(Ordering::Relaxed) {
            return Err("no worker is connected to the database".into());
        }
        if !self.listening.load(Ordering::Relaxed) {
            return Err("the listener is not connected to the database".into());
        }
        if !self.published.load(Ordering::Relaxed) {
            return Err("published workflows are still being checked".into());
        }
        Ok(())
    }

    /// Seconds since the daemon started.
    pub fn uptime_seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    pub(super) fn set(flag: &AtomicBool, value: bool) {
        flag.store(value, Ordering::Relaxed);
    }
}
