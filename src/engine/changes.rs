//! What changes, for whoever watches: each daemon tells what it did with the commit that did it, through NOTIFY, and only
//! while somebody watches; each hears of all. What was heard is kept for a while, so that who was away misses nothing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::store::changes::{self, ASKS, WATCHES};
use crate::store::session::Session;

/// How often daemons are told that somebody watches.
const AGAIN: Duration = Duration::from_secs(10);
/// For how long they believe it.
const BELIEVED: Duration = Duration::from_secs(30);
/// What a batch that did not know of it yet may take to its commit.
const SETTLES: Duration = Duration::from_secs(1);
/// What an answer to whether somebody watches may take.
const ANSWERS: Duration = Duration::from_secs(2);
/// So long what changes is kept for who was the last to go.
const KEPT_FOR: Duration = Duration::from_secs(300);
/// Most that is kept …
const MOST_KEPT: usize = 4096;
/// … and most bytes of it.
const LARGEST_KEPT: usize = 2 << 20;

/// What there is to tell of.
const TOPICS: [&str; 5] = ["executions", "workflows", "campaigns", "alerts", BACKTESTS];
/// Changes of these may be work for whoever hears of them.
const BACKTESTS: &str = "backtests";

/// Something that changed.
#[derive(Debug)]
pub struct Change {
    /// Its place among all.
    pub number: u64,
    /// What of: `executions`, `workflows`, `campaigns`, `alerts`, `backtests`.
    pub topic: String,
    /// `{changed: [{id, …}], more}`, as JSON.
    pub data: String,
}

/// What a notification says.
#[derive(Serialize, Deserialize)]
struct Told<'a> {
    topic: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// What one daemon knows of what changes.
#[derive(Debug)]
pub struct Changes {
    began: Instant,
    /// In ms since then: until when somebody is believed to watch. Whoever hears nothing believes that somebody does.
    watched_until_ms: AtomicI64,
    heard: Mutex<Heard>,
    /// Counts up with whatever there is to look at.
    news: watch::Sender<u64>,
    watchers: AtomicUsize,
    /// That one came, or that somebody asks whether there are any.
    asked: Notify,
    /// Wakes whoever works off backtests.
    pub backtests: Arc<Notify>,
}

#[derive(Debug)]
struct Heard {
    /// Another one whenever something may have been missed.
    epoch: String,
    /// The number of the next.
    next: u64,
    kept: VecDeque<Arc<Change>>,
    bytes: usize,
    /// Nothing that others do is missed.
    whole: bool,
    /// Our own word that somebody watches has come back.
    echo: bool,
    /// When the last watcher went.
    alone_since: Option<Instant>,
}

impl Default for Changes {
    fn default() -> Self {
        let heard = Heard {
            epoch: new_epoch(),
            next: 1,
            kept: VecDeque::new(),
            bytes: 0,
            whole: false,
            echo: false,
            alone_since: None,
        };
        Self {
            began: Instant::now(),
            watched_until_ms: AtomicI64::new(i64::MAX),
            heard: Mutex::new(heard),
            news: watch::Sender::new(0),
            watchers: AtomicUsize::new(0),
            asked: Notify::new(),
            backtests: Arc::default(),
        }
    }
}

fn new_epoch() -> String {
    Uuid::new_v4().simple().to_string()[..12].to_owned()
}

impl Heard {
    /// What is there by now is not all.
    fn lose(&mut self) {
        (self.epoch, self.whole, self.echo) = (new_epoch(), false, false);
        self.kept.clear();
        self.bytes = 0;
    }
}

impl Changes {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn in_ms(&self, time: Duration) -> i64 {
        self.now_ms().saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
    }

    /// Whether what is done is to be told.
    pub(super) fn is_watched(&self) -> bool {
        self.watched_until_ms.load(Ordering::Relaxed) > self.now_ms()
    }

    /// Takes a notification on the channel of watching.
    pub(super) fn hear_of_watching(&self, payload: &str) {
        match payload {
            ASKS => self.asked.notify_one(),
            _ => {
                self.watched_until_ms.store(self.in_ms(BELIEVED), Ordering::Relaxed);
                self.heard().echo = true;
                self.tell_news();
            }
        }
    }

    /// Takes a notification of what changed.
    pub(super) fn hear(&self, payload: &str) {
        let Ok(told) = serde_json::from_str::<Told<'_>>(payload) else {
            tracing::debug!("a notification of changes can't be read");
            return;
        };
        // Whoever has the database can notify anything.
        if !TOPICS.contains(&&*told.topic) {
            return;
        }
        // How far one is changes nothing for who waits for work.
        if told.topic == BACKTESTS && !told.data.get().contains("\"running\"") {
            self.backtests.notify_one();
        }
        let mut heard = self.heard();
        let change = Change { number: heard.next, topic: told.topic, data: told.data.get().to_owned() };
        heard.next += 1;
        heard.bytes += change.data.len();
        heard.kept.push_back(Arc::new(change));
        while heard.kept.len() > MOST_KEPT || heard.bytes > LARGEST_KEPT {
            let Some(oldest) = heard.kept.pop_front() else { break };
            heard.bytes -= oldest.data.len();
        }
        drop(heard);
        self.tell_news();
    }

    /// Nothing is heard any more; or not all.
    pub(super) fn lose(&self) {
        self.watched_until_ms.store(i64::MAX, Ordering::Relaxed);
        self.heard().lose();
        self.tell_news();
    }

    fn tell_news(&self) {
        self.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn is_wanted(&self) -> bool {
        let alone = self.heard().alone_since;
        self.watchers.load(Ordering::Relaxed) > 0 || alone.is_some_and(|since| since.elapsed() < KEPT_FOR)
    }

    /// Asks whether somebody watches, and as long as somebody watches here, says so to all daemons. Only ends with the
    /// connection.
    pub(super) async fn keep_asking(&self, session: &Session) -> Result<(), tokio_postgres::Error> {
        changes::say(session.client(), ASKS).await?;
        // Whoever watches answers; perhaps has by now.
        let (unsure, until) = (i64::MAX, self.in_ms(ANSWERS));
        let _ = self.watched_until_ms.compare_exchange(unsure, until, Ordering::Relaxed, Ordering::Relaxed);
        loop {
            if self.is_wanted() {
                changes::say(session.client(), WATCHES).await?;
                self.settle().await;
            } else if self.heard().whole {
                self.heard().lose();
            }
            let _ = timeout(AGAIN, self.asked.notified()).await;
        }
    }

    /// From when all daemons know that somebody watches, nothing is missed.
    async fn settle(&self) {
        if self.heard().whole {
            return;
        }
        let mut news = self.news.subscribe();
        let echo = async {
            while !self.heard().echo {
                if news.changed().await.is_err() {
                    return;
                }
            }
        };
        if timeout(SETTLES, echo).await.is_ok() {
            sleep(SETTLES).await;
            let mut heard = self.heard();
            // Until now something may have been missed.
            heard.lose();
            (heard.whole, heard.echo) = (true, true);
            drop(heard);
            self.tell_news();
        }
    }

    /// Begins to watch, behind the change whose name was seen last.
    pub fn watch(self: &Arc<Self>, seen: Option<&str>) -> Watcher {
        self.watchers.fetch_add(1, Ordering::Relaxed);
        self.heard().alone_since = None;
        self.asked.notify_one();
        let place = seen.and_then(|seen| {
            let (epoch, number) = seen.rsplit_once('-')?;
            Some((epoch.to_owned(), number.parse().ok()?))
        });
        Watcher { news: self.news.subscribe(), changes: Arc::clone(self), place }
    }
}

/// Somebody who watches.
#[derive(Debug)]
pub struct Watcher {
    changes: Arc<Changes>,
    news: watch::Receiver<u64>,
    /// The epoch and the number up to which all is known.
    place: Option<(String, u64)>,
}

/// What a watcher learns.
#[derive(Debug)]
pub struct News {
    /// Something was missed, or may have been: what is shown is to be read anew. From here on all is told.
    pub anew: bool,
    /// What changed since.
    pub changes: Vec<Arc<Change>>,
    /// Begins the names of these.
    pub epoch: String,
    /// The number of the last.
    pub last: u64,
}

impl Watcher {
    /// What is new; waits for it. Where nothing can be heard, now and then that all is to be read anew.
    pub async fn next(&mut self) -> News {
        let began = Instant::now();
        loop {
            self.news.mark_unchanged();
            if let Some(news) = self.look(began.elapsed() >= changes::DEAF_FOR) {
                self.place = Some((news.epoch.clone(), news.last));
                return news;
            }
            let left = changes::DEAF_FOR.saturating_sub(began.elapsed()).max(Duration::from_millis(10));
            let _ = timeout(left, self.news.changed()).await;
        }
    }

    fn look(&self, waited: bool) -> Option<News> {
        let heard = self.changes.heard();
        let (epoch, last) = (heard.epoch.clone(), heard.next - 1);
        let seen =
            self.place.as_ref().filter(|(of, number)| *of == epoch && *number <= last).map(|place| place.1);
        let first_kept = heard.kept.front().map_or(heard.next, |change| change.number);
        match seen.filter(|seen| seen + 1 >= first_kept) {
            Some(seen) if seen < last => {
                let changes = heard.kept.iter().filter(|change| change.number > seen).cloned().collect();
                Some(News { anew: false, changes, epoch, last })
            }
            // Nothing new.
            Some(_) if heard.whole => None,
            None if heard.whole => Some(News { anew: true, changes: Vec::new(), epoch, last }),
            _ if waited => Some(News { anew: true, changes: Vec::new(), epoch, last }),
            _ => None,
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if self.changes.watchers.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.changes.heard().alone_since = Some(Instant::now());
        }
    }
}
