//! The gate: an advisory lock held while the engine is awake, so that writers need not NOTIFY.
//!
//! NOTIFY takes a database-wide lock at commit. The trigger tries the gate's shared lock and only notifies
//! if it gets it. Closing waits in the lock's queue, for a waiter already turns new tries away; but nothing
//! ever waits for the gate: a writer that idles in its transaction can hold it up for as long as it lives,
//! and meanwhile workers claim and poll.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::figures::InUse;
use super::wake::Wake;
use crate::database::connect;
use crate::database::role::Role;
use crate::store::signals;

type Lost = Box<dyn std::error::Error + Send + Sync>;

/// Held closed a little longer than the work lasts: writers often come right behind one another.
const LINGER: Duration = Duration::from_millis(10);

/// Tells the keeper whether the engine is awake.
#[derive(Debug)]
pub struct Gate {
    busy: AtomicUsize,
    closed: AtomicBool,
    wanted: watch::Sender<bool>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { busy: AtomicUsize::new(0), closed: AtomicBool::new(false), wanted: watch::Sender::new(false) }
    }
}

impl Gate {
    /// A worker has more to do than one event.
    pub fn close(&self) {
        if self.busy.fetch_add(1, Ordering::Relaxed) == 0 {
            self.wanted.send_replace(true);
        }
    }

    /// Whether writers find it closed, as far as this daemon keeps it.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// A worker that closed the gate has run dry.
    pub fn open(&self) {
        if self.busy.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.wanted.send_replace(false);
        }
    }
}

/// Keeps the gate as it is wanted until `shutdown`, on a connection of its own.
pub async fn keep(gate: Arc<Gate>, url: SecretString, wake: Arc<Wake>, shutdown: CancellationToken) {
    let mut pause = Duration::from_millis(100);
    while !shutdown.is_cancelled() {
        let kept = tokio::select! {
            kept = keep_on_one_connection(&gate, &url, &wake, &mut pause) => kept,
            () = shutdown.cancelled() => return,
        };
        gate.closed.store(false, Ordering::Relaxed);
        if let Err(error) = kept {
            // Without the gate every writer notifies: slower for them, right all the same.
            tracing::debug!(error = &*error, "the gate's connection is gone");
        }
        // Writers may have met a closed gate that nobody tends any more.
        wake.workers.notify_one();
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(5)),
            () = shutdown.cancelled() => return,
        }
    }
}

async fn keep_on_one_connection(
    gate: &Gate,
    url: &SecretString,
    wake: &Wake,
    pause: &mut Duration,
) -> Result<(), Lost> {
    let (client, connection) = connect::connect(url, "gate", Role::Engine).await?;
    let _driver = connect::drive_in_background(connection);
    let _in_use = InUse::one();
    *pause = Duration::from_millis(100);
    let mut wanted = gate.wanted.subscribe();
    loop {
        tokio::select! {
            () = becomes(&mut wanted, true) => {}
            () = closed(&client) => return Ok(()),
        }
        let lock = signals::close_gate(&client);
        tokio::pin!(lock);
        let locked = tokio::select! {
            locked = &mut lock => {
                locked?;
                true
            }
            () = becomes(&mut wanted, false) => {
                // A writer that idles in its transaction: give up waiting, or nobody would ever notify.
                connect::cancel(url, &client).await?;
                match lock.await {
                    Ok(()) => true,
                    Err(error) if error.code().is_some() => false,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        if locked {
            gate.closed.store(true, Ordering::Relaxed);
            while *wanted.borrow() {
                tokio::select! {
                    () = becomes(&mut wanted, false) => {}
                    () = closed(&client) => return Ok(()),
                }
                tokio::time::sleep(LINGER).await;
            }
            gate.closed.store(false, Ordering::Relaxed);
            signals::open_gate(&client).await?;
        }
        // Who wrote while it was closed did not notify.
        wake.workers.notify_one();
    }
}

async fn becomes(wanted: &mut watch::Receiver<bool>, value: bool) {
    let _ = wanted.wait_for(|wanted| *wanted == value).await;
}

/// Ends when the connection does, which tokio-postgres tells only when asked.
async fn closed(client: &tokio_postgres::Client) {
    while !client.is_closed() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
