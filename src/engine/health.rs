//! What the daemon knows of its own state, for `/readyz`, the page and the tests.

use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by all parts of the engine.
#[derive(Debug, Default)]
pub struct Health {
    /// A worker is connected and its last batch did not fail.
    pub working: AtomicBool,
    /// The listener is connected.
    pub listening: AtomicBool,
    /// Notifications were seen to arrive; false behind a transaction-mode pooler.
    pub notified: AtomicBool,
    /// Every workflow that was published before the start has been checked.
    pub published: AtomicBool,
}

impl Health {
    /// Whether the daemon can do its work.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn ready(&self) -> Result<(), String> {
        if !self.working.load(Ordering::Relaxed) {
            return Err(
                "no worker is connected to the database, or its batches keep failing: the log says why"
                    .into(),
            );
        }
        if !self.listening.load(Ordering::Relaxed) {
            return Err("the listener is not connected to the database".into());
        }
        if !self.published.load(Ordering::Relaxed) {
            return Err("published workflows are still being checked".into());
        }
        Ok(())
    }

    pub(super) fn set(flag: &AtomicBool, value: bool) {
        flag.store(value, Ordering::Relaxed);
    }
}
