//! Hits on their way into the database: kept in bounded memory, written by one task, many at a time. When the database is away
//! they wait, as many as there is room for.

use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::engine::figures::list;
use crate::store::tracking::{Hit, record};

/// Hits that may wait to be written.
const ROOM: usize = 10_000;
/// Hits in one statement …
const LARGEST_BATCH: usize = 500;
/// … which are gathered for so long.
const GATHER: Duration = Duration::from_millis(200);
/// One statement.
const LONGEST_WRITE: Duration = Duration::from_secs(5);
const BETWEEN_TRIES: Duration = Duration::from_millis(500);
/// What the database itself refuses so often is given up: others wait behind it.
const MOST_REFUSALS: u32 = 3;
/// At the end what is left gets so long.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// Takes hits. Never waits.
#[derive(Clone, Debug)]
pub struct Hits(Sender<Hit>);

impl Hits {
    /// Notes one; when there is no room it is counted as lost.
    pub(super) fn note(&self, hit: Hit) {
        if self.0.try_send(hit).is_err() {
            lost(1);
        }
    }
}

/// Where hits are put in and come out.
pub fn queue() -> (Hits, Receiver<Hit>) {
    let (hits, incoming) = mpsc::channel(ROOM);
    (Hits(hits), incoming)
}

/// Writes hits until all who note them are gone, and what is left then, in bounded time.
pub async fn write(pool: PgPool, mut incoming: Receiver<Hit>, shutdown: CancellationToken) {
    let mut batch = Vec::with_capacity(LARGEST_BATCH);
    loop {
        let more = incoming.recv_many(&mut batch, LARGEST_BATCH).await > 0;
        if !more {
            return;
        }
        gather(&mut incoming, &mut batch, &shutdown).await;
        if !written(&pool, &batch, &shutdown).await {
            lost(batch.len());
        }
        batch.clear();
    }
}

/// Waits for more, but not long.
async fn gather(incoming: &mut Receiver<Hit>, batch: &mut Vec<Hit>, shutdown: &CancellationToken) {
    let deadline = Instant::now() + GATHER;
    while batch.len() < LARGEST_BATCH && !shutdown.is_cancelled() {
        let room = LARGEST_BATCH - batch.len();
        if !matches!(timeout_at(deadline, incoming.recv_many(batch, room)).await, Ok(1..)) {
            return;
        }
    }
}

/// Tries until they are written. False: they are given up.
async fn written(pool: &PgPool, batch: &[Hit], shutdown: &CancellationToken) -> bool {
    let mut refusals = 0;
    let mut is_told = false;
    let at_the_end = async {
        shutdown.cancelled().await;
        sleep(LAST_WRITES).await;
    };
    tokio::pin!(at_the_end);
    loop {
        let attempt = async { timeout(LONGEST_WRITE, record(pool, batch)).await };
        let attempt = tokio::select! {
            attempt = attempt => attempt,
            () = &mut at_the_end => return false,
        };
        let fault = match attempt {
            Ok(Ok(written)) => {
                metrics::counter!(list::HITS).increment(written);
                return true;
            }
            Ok(Err(fault)) => {
                // A recipient that went in between, or a fault of ours; else nobody was there to refuse.
                refusals += u32::from(fault.as_database_error().is_some());
                fault.to_string()
            }
            Err(_) => format!("no answer within {} s", LONGEST_WRITE.as_secs()),
        };
        if refusals >= MOST_REFUSALS || !std::mem::replace(&mut is_told, true) {
            tracing::warn!(fault, hits = batch.len(), "opens and clicks could not be written");
        }
        if refusals >= MOST_REFUSALS {
            return false;
        }
        tokio::select! {
            () = sleep(BETWEEN_TRIES) => {}
            () = &mut at_the_end => return false,
        }
    }
}

fn lost(hits: usize) {
    metrics::counter!(list::HITS_LOST).increment(hits as u64);
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn noting_never_waits_and_memory_has_a_bound() {
        let (hits, mut incoming) = queue();
        let hit = || Hit {
            recipient: Uuid::now_v7(),
            url: None,
            user_agent: None,
            is_proxy: false,
            at: std::time::Instant::now(),
        };
        (0..ROOM * 2).for_each(|_| hits.note(hit()));
        assert_eq!(incoming.len(), ROOM);
        let mut batch = Vec::new();
        incoming.recv_many(&mut batch, 1).await;
        gather(&mut incoming, &mut batch, &CancellationToken::new()).await;
        assert_eq!(batch.len(), LARGEST_BATCH);
        // None follows: it does not wait for ever.
        while incoming.try_recv().is_ok() {}
        batch.truncate(1);
        timeout(GATHER * 10, gather(&mut incoming, &mut batch, &CancellationToken::new()))
            .await
            .expect("an end");
    }
}
