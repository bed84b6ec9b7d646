//! What changes, as server-sent events: `GET /api/v1/live`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::api::problem;
use super::door::{Caller, told};
use crate::engine::changes::{Changes, News, Watcher};
use crate::operations::Kind;

/// Streams at the same time …
const MOST: usize = 100;
/// … and of one who comes.
const MOST_OF_ONE: usize = 20;
/// Then a stream ends, and whoever comes again is asked again who they are.
const LONGEST: Duration = Duration::from_secs(120);
/// What browsers wait before they come again.
const PAUSE: Duration = Duration::from_millis(500);
/// So that nothing between takes the connection for dead.
const STILL_THERE: Duration = Duration::from_secs(15);

/// What streams need.
#[derive(Debug, Clone)]
pub struct Live {
    changes: Arc<Changes>,
    places: Arc<Semaphore>,
    open: Arc<Mutex<HashMap<String, usize>>>,
    shutdown: CancellationToken,
}

/// One of somebody's streams; it counts as long as it is there.
struct Counted {
    who: String,
    open: Arc<Mutex<HashMap<String, usize>>>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.who) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.who)),
        }
    }
}

impl Live {
    /// Counts one more of this one's; nothing if they have enough.
    fn count(&self, who: &str) -> Option<Counted> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(who.to_owned()).or_default();
        if *count >= MOST_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Counted { who: who.to_owned(), open: Arc::clone(&self.open) })
    }

    /// Tells of these until `shutdown`.
    pub fn new(changes: Arc<Changes>, shutdown: CancellationToken) -> Self {
        Self { changes, places: Arc::new(Semaphore::new(MOST)), open: Arc::default(), shutdown }
    }
}

/// A stream that is open.
struct Open {
    watcher: Watcher,
    until: Instant,
    shutdown: CancellationToken,
    _place: (OwnedSemaphorePermit, Counted),
}

/// Begins a stream.
pub async fn answer(
    Extension(live): Extension<Live>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    let place = Arc::clone(&live.places).try_acquire_owned().ok();
    let Some(_place) = place.and_then(|place| Some((place, live.count(&caller.who.name)?))) else {
        return problem::of(&told(Kind::Busy, "too-many-watch", "as many as may watch do already"));
    };
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let watcher = live.changes.watch(seen);
    let open = Open { watcher, until: Instant::now() + LONGEST, shutdown: live.shutdown, _place };
    let mut response =
        Sse::new(events(open)).keep_alive(KeepAlive::new().interval(STILL_THERE)).into_response();
    // Proxies are not to gather what is sent.
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn events(open: Open) -> impl Stream<Item = Result<Event, Infallible>> {
    let first = stream::once(async { Event::default().retry(PAUSE).comment("welcome") });
    let rest = stream::unfold(open, |mut open| async {
        let news = tokio::select! {
            news = open.watcher.next() => news,
            () = sleep_until(open.until) => return None,
            () = open.shutdown.cancelled() => return None,
        };
        Some((stream::iter(told_of(&news)), open))
    });
    first.chain(rest.flatten()).map(Ok)
}

fn told_of(news: &News) -> Vec<Event> {
    let named = |number: u64| Event::default().id(format!("{}-{number}", news.epoch));
    if news.anew {
        return vec![named(news.last).event("anew").data("{}")];
    }
    let changes = news.changes.iter();
    changes.map(|change| named(change.number).event(&change.topic).data(&change.data)).collect()
}
