//! How a worker goes about its next batch: how much at once, together or one by one, and what it suspects.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::apply::Manner;
use super::batch::{Done, Order};
use crate::store::queue::Claimed;

/// A batch that thinks longer, with its transaction open, is given up and done in smaller parts.
const LONGEST_THOUGHT: Duration = Duration::from_millis(200);
/// What a batch is sized for, so that it ends well before that.
const USUAL_BATCH: Duration = Duration::from_millis(80);
/// A batch of so few rows is not slow for being large: its round trips are, and fewer rows don't shorten them.
const FEW: usize = 64;
/// Rows under suspicion at the same time.
const MOST_SUSPECTS: usize = 64;
/// Event data that a batch is sized for: in memory it takes several times as much.
const USUAL_BYTES: usize = 4 << 20;
/// A row that took its connection with it so often, all by itself, is set aside.
const MOST_STRIKES: u8 = 3;

/// A worker's pace. It outlives the worker's connections.
pub struct Pace {
    most: usize,
    limit: usize,
    /// So many rows are still to be taken one by one, since a batch with them failed.
    careful: usize,
    suspects: Vec<(Claimed, u8)>,
    /// What was in hand when the connection broke last.
    lost: Vec<(i16, DateTime<Utc>, i64)>,
}

impl Pace {
    /// At most `most` rows at once.
    pub fn new(most: usize) -> Self {
        let (suspects, lost) = (Vec::new(), Vec::new());
        Self { most, limit: most, careful: 0, suspects, lost }
    }

    /// What the next batch takes, and how.
    pub fn order(&self, workers: usize) -> Order {
        match self.careful {
            0 => Order { limit: self.limit, workers, manner: Manner::Together(LONGEST_THOUGHT) },
            _ => Order { limit: 1, workers, manner: Manner::OneByOne },
        }
    }

    /// Whether `done` was so much that more is likely.
    pub fn is_full(&self, done: Done) -> bool {
        done.claimed >= self.limit / 2
    }

    /// A batch went well: the next is sized by what this one took.
    pub fn went_well(&mut self, done: Done, took: Duration) {
        if self.careful > 0 {
            self.careful = self.careful.saturating_sub(done.claimed);
            return;
        }
        let rows = done.claimed.max(1);
        let within = |took: Duration| {
            let fits = USUAL_BATCH.as_micros() * rows as u128 / took.as_micros().max(1);
            usize::try_from(fits).unwrap_or(usize::MAX)
        };
        let in_memory = USUAL_BYTES * rows / done.bytes.max(1);
        let fits = within(took).max(FEW).min(within(done.thought)).min(in_memory);
        self.limit = fits.clamp(1, (self.limit * 2).min(self.most));
    }

    /// Nothing was due.
    pub fn ran_dry(&mut self) {
        self.careful = 0;
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

    /// The connection broke with these rows in hand. Connections break; but where some of the rows were in hand the last
    /// time too, they may be why, and all are taken one by one. One that breaks it again and again, all by itself and
    /// without a word of the server (which says so when an operator ends a session, or stops the server), is suspected.
    pub fn lost_connection(&mut self, mut rows: Vec<Claimed>, without_a_word: bool) {
        let keys: Vec<_> = rows.iter().map(|row| (row.lane, row.due_at, row.id)).collect();
        if keys.iter().any(|key| self.lost.contains(key)) {
            self.careful = self.careful.max(rows.len());
        }
        if rows.len() > 1 {
            self.lost = keys;
        } else if without_a_word {
            rows.drain(..).for_each(|row| self.suspect(row));
        }
    }

    /// A row alone, with its effects one by one, took longer than a statement may: one that does so again and again is
    /// suspected too, or it would hold up its lane for ever.
    pub fn took_too_long(&mut self, mut rows: Vec<Claimed>) {
        if self.careful > 0
            && let Some(row) = rows.pop().filter(|_| rows.is_empty())
        {
            self.suspect(row);
        }
    }

    fn suspect(&mut self, row: Claimed) {
        if let Some((_, strikes)) = self.suspects.iter_mut().find(|(former, _)| former.is(&row)) {
            *strikes += 1;
        } else if self.suspects.len() < MOST_SUSPECTS {
            self.suspects.push((row, 1));
        }
    }

    /// A row that is to be set aside before anything else, if there is one.
    pub fn condemned(&mut self) -> Option<Claimed> {
        let n = self.suspects.iter().position(|(_, strikes)| *strikes >= MOST_STRIKES)?;
        Some(self.suspects.swap_remove(n).0)
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

    fn done(claimed: usize, bytes: usize, thought_ms: u64) -> Done {
        Done { claimed, bytes, thought: Duration::from_millis(thought_ms), ..Done::default() }
    }

    #[test]
    fn a_slow_batch_makes_the_next_one_fit() {
        let mut pace = Pace::new(500);
        pace.went_well(done(500, 1000, 400), Duration::from_millis(800));
        assert_eq!(pace.order(2).limit, 64);
        pace.went_well(done(64, 1000, 1), Duration::from_millis(1));
        assert_eq!(pace.order(2).limit, 128, "it grows by steps");
    }

    #[test]
    fn a_server_far_away_makes_no_batch_small() {
        let mut pace = Pace::new(500);
        for _ in 0..20 {
            let claimed = pace.order(2).limit;
            pace.went_well(done(claimed, 1000, 1), Duration::from_millis(300));
        }
        assert_eq!(pace.order(2).limit, 64);
    }

    #[test]
    fn much_thought_makes_the_next_batch_small() {
        let mut pace = Pace::new(500);
        pace.went_well(done(10, 1000, 160), Duration::from_millis(170));
        assert_eq!(pace.order(2).limit, 5);
    }

    #[test]
    fn large_events_make_the_next_batch_small() {
        let mut pace = Pace::new(500);
        pace.went_well(done(500, 500 * 65_536, 1), Duration::from_millis(10));
        assert_eq!(pace.order(2).limit, 64);
    }

    #[test]
    fn only_a_row_that_breaks_the_connection_alone_and_again_is_condemned() {
        let mut pace = Pace::new(500);
        pace.lost_connection(vec![row(1), row(2)], true);
        assert!(matches!(pace.order(2).manner, Manner::Together(_)), "connections break");
        pace.lost_connection(vec![row(3), row(4)], true);
        assert!(matches!(pace.order(2).manner, Manner::Together(_)), "with others in hand");
        pace.lost_connection(vec![row(5), row(4)], true);
        assert_eq!(pace.order(2).manner, Manner::OneByOne);
        for id in [1, 2, 2] {
            pace.lost_connection(vec![row(id)], true);
        }
        for _ in 0..5 {
            pace.lost_connection(vec![row(2)], false);
            pace.ran_dry();
        }
        assert!(pace.condemned().is_none(), "an operator ended it: no row's fault");
        pace.lost_connection(vec![row(2)], true);
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
