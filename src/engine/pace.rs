//! How a worker goes about its next batch: how much at once, together or one by one, and when it complains.

use std::time::{Duration, Instant};

use super::apply::Manner;
use super::batch::{Done, Order};
use crate::store::queue::Claimed;

/// No transaction of the engine is to last longer: then it is given up and done in smaller parts.
const LONGEST_BATCH: Duration = Duration::from_millis(200);
/// What a batch is sized for, so that it ends well before that.
const USUAL_BATCH: Duration = Duration::from_millis(80);
/// Event data that a batch is sized for: in memory it takes several times as much.
const USUAL_BYTES: usize = 4 << 20;
/// A row that took its connection with it so often, all by itself, is set aside.
const MOST_STRIKES: u8 = 3;
/// Batches that fail for longer than this are worth a word, and again each minute.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_secs(60);

/// A worker's pace. It outlives the worker's connections.
pub struct Pace {
    most: usize,
    limit: usize,
    /// So many rows are still to be taken one by one, since a batch with them failed.
    careful: usize,
    suspect: Option<(Claimed, u8)>,
    failing_since: Option<Instant>,
    complained: Option<Instant>,
}

impl Pace {
    /// At most `most` rows at once.
    pub fn new(most: usize) -> Self {
        Self { most, limit: most, careful: 0, suspect: None, failing_since: None, complained: None }
    }

    /// What the next batch takes, and how.
    pub fn order(&self, workers: usize) -> Order {
        let until = Instant::now() + LONGEST_BATCH;
        match self.careful {
            0 => Order { limit: self.limit, workers, manner: Manner::Together(until) },
            _ => Order { limit: 1, workers, manner: Manner::OneByOne },
        }
    }

    /// Whether `done` was so much that more is likely.
    pub fn is_full(&self, done: Done) -> bool {
        done.claimed >= self.limit / 2
    }

    /// A batch went well: the next is sized by what this one took.
    pub fn went_well(&mut self, done: Done, took: Duration) {
        self.failing_since = None;
        self.complained = None;
        self.suspect = None;
        if self.careful > 0 {
            self.careful = self.careful.saturating_sub(done.claimed);
            return;
        }
        let rows = done.claimed.max(1);
        let in_time = USUAL_BATCH.as_micros() * rows as u128 / took.as_micros().max(1);
        let in_memory = USUAL_BYTES * rows / done.bytes.max(1);
        let fits = usize::try_from(in_time).unwrap_or(usize::MAX).min(in_memory);
        self.limit = fits.clamp(1, (self.limit * 2).min(self.most));
    }

    /// Nothing was due.
    pub fn ran_dry(&mut self) {
        self.careful = 0;
        self.suspect = None;
        self.failing_since = None;
        self.complained = None;
    }

    /// The batch met somebody else, or took too long: less at once.
    pub fn be_modest(&mut self, rows: usize) {
        if self.limit == 1 || rows == 1 {
            self.careful = self.careful.max(1);
        }
        self.limit = (self.limit / 2).max(1);
    }

    /// One of these rows is at fault: they are taken one by one.
    pub fn be_careful(&mut self, rows: usize) {
        self.careful = self.careful.max(rows);
    }

    /// The connection broke with these rows in hand. They may be why: one by one, and one that does it
    /// again and again all by itself is suspected.
    pub fn lost_connection(&mut self, mut rows: Vec<Claimed>) {
        self.careful = self.careful.max(rows.len());
        let alone = if rows.len() == 1 { rows.pop() } else { None };
        self.suspect = alone.map(|row| {
            let strikes = match &self.suspect {
                Some((former, strikes)) if (former.id, former.lane) == (row.id, row.lane) => strikes + 1,
                _ => 1,
            };
            (row, strikes)
        });
    }

    /// The row that is to be set aside before anything else, if there is one.
    pub fn condemned(&mut self) -> Option<Claimed> {
        self.suspect.take_if(|(_, strikes)| *strikes >= MOST_STRIKES).map(|(row, _)| row)
    }

    /// Batches fail one after the other: true when that is worth a word now.
    pub fn complains(&mut self) -> bool {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let due = since.elapsed() > PATIENCE && self.complained.is_none_or(|last| last.elapsed() > AGAIN);
        if due {
            self.complained = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::EventId;
    use crate::store::queue::Due;

    fn row(id: i64) -> Claimed {
        Claimed {
            id,
            due_at: chrono::DateTime::UNIX_EPOCH,
            lane: 1,
            what: Due::Gone(EventId(uuid::Uuid::nil())),
        }
    }

    #[test]
    fn a_slow_batch_makes_the_next_one_fit() {
        let mut pace = Pace::new(500);
        pace.went_well(Done { claimed: 500, bytes: 1000, handed: false }, Duration::from_millis(800));
        assert_eq!(pace.order(2).limit, 50);
        pace.went_well(Done { claimed: 50, bytes: 1000, handed: false }, Duration::from_millis(1));
        assert_eq!(pace.order(2).limit, 100, "it grows by steps");
    }

    #[test]
    fn large_events_make_the_next_batch_small() {
        let mut pace = Pace::new(500);
        pace.went_well(Done { claimed: 500, bytes: 500 * 65_536, handed: false }, Duration::from_millis(10));
        assert_eq!(pace.order(2).limit, 64);
    }

    #[test]
    fn only_a_row_that_breaks_the_connection_alone_and_again_is_condemned() {
        let mut pace = Pace::new(500);
        pace.lost_connection(vec![row(1), row(2)]);
        assert_eq!(pace.order(2).manner, Manner::OneByOne);
        pace.lost_connection(vec![row(1)]);
        pace.lost_connection(vec![row(2)]);
        pace.lost_connection(vec![row(2)]);
        assert!(pace.condemned().is_none());
        pace.lost_connection(vec![row(2)]);
        assert_eq!(pace.condemned().map(|row| row.id), Some(2));
        assert!(pace.condemned().is_none());
    }

    #[test]
    fn one_row_that_takes_too_long_in_company_is_taken_alone() {
        let mut pace = Pace::new(2);
        pace.be_modest(2);
        assert_eq!(pace.order(1).limit, 1);
        assert!(matches!(pace.order(1).manner, Manner::Together(_)));
        pace.be_modest(1);
        assert_eq!(pace.order(1).manner, Manner::OneByOne);
    }
}
