//! Whether batches fail one after the other, whichever worker has them in hand.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::cursors::LANES;
use crate::store::queue::Claimed;

/// What fails for longer than this is worth a word, and again each minute.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_secs(60);

/// Of a daemon's workers together. Where a lane fails in the hands of one, another takes it up while that one waits.
#[derive(Default)]
pub struct Failing(Mutex<State>);

/// From its first failure to its last.
#[derive(Clone, Copy)]
struct Streak {
    since: Instant,
    last: Instant,
}

#[derive(Default)]
struct State {
    /// Lanes that failed last.
    since: HashMap<usize, Streak>,
    /// Since when nothing could be claimed at all.
    claims: Option<Instant>,
    said: Option<Instant>,
}

/// The lanes of rows, as bits.
pub fn lanes_of(rows: &[Claimed]) -> u64 {
    rows.iter().filter_map(|row| u32::try_from(row.lane).ok()).fold(0, |lanes, lane| lanes | 1 << (lane % 64))
}

impl Failing {
    /// A batch with these rows failed; true when that is worth a word now.
    pub fn failed(&self, rows: &[Claimed]) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        let lanes = lanes_of(rows);
        let mut longest = Duration::ZERO;
        for lane in (0..LANES).filter(|lane| lanes & 1 << lane != 0) {
            let streak = state.since.entry(lane).or_insert(Streak { since: now, last: now });
            // Others did what it failed at, if it was that long ago.
            if now - streak.last > AGAIN {
                streak.since = now;
            }
            streak.last = now;
            longest = longest.max(now - streak.since);
        }
        if rows.is_empty() {
            longest = now - *state.claims.get_or_insert(now);
        }
        let due = longest > PATIENCE && state.said.is_none_or(|said| now - said > AGAIN);
        if due {
            state.said = Some(now);
        }
        due
    }

    /// A batch with rows of these lanes was done.
    pub fn went_well(&self, lanes: u64) {
        let mut state = self.state();
        state.claims = None;
        state.since.retain(|lane, _| lanes & 1 << lane == 0);
        if state.since.is_empty() {
            state.said = None;
        }
    }

    /// Nothing was due, nor in anyone's hands.
    pub fn ran_dry(&self) {
        *self.state() = State::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::ids::EventId;
    use crate::store::queue::Due;

    fn row(lane: i16) -> Claimed {
        let what = Due::Gone(EventId(uuid::Uuid::nil()));
        Claimed { id: 1, due_at: DateTime::UNIX_EPOCH, lane, what }
    }

    /// As if time had passed.
    fn ages(failing: &Failing, by: Duration) {
        let mut state = failing.state();
        for streak in state.since.values_mut() {
            streak.since = streak.since.checked_sub(by).expect("an earlier instant");
        }
        state.claims = state.claims.and_then(|since| since.checked_sub(by));
        state.said = state.said.and_then(|said| said.checked_sub(by));
    }

    #[test]
    fn a_lane_that_fails_for_long_is_said_once_in_a_while_whatever_others_do() {
        let failing = Failing::default();
        assert!(!failing.failed(&[row(63), row(2)]));
        ages(&failing, PATIENCE + Duration::from_secs(1));
        failing.went_well(lanes_of(&[row(1), row(2)]));
        assert!(!failing.failed(&[row(2)]), "it began again");
        assert!(failing.failed(&[row(63)]));
        assert!(!failing.failed(&[row(63)]), "it is said");
        ages(&failing, AGAIN + Duration::from_secs(1));
        assert!(failing.failed(&[row(63)]), "a minute later");
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let failing = Failing::default();
        assert!(!failing.failed(&[]), "nothing could be claimed");
        ages(&failing, PATIENCE + Duration::from_secs(1));
        assert!(failing.failed(&[]));
        failing.went_well(0);
        assert!(!failing.failed(&[]));
        failing.failed(&[row(5)]);
        ages(&failing, PATIENCE + Duration::from_secs(1));
        failing.ran_dry();
        assert!(!failing.failed(&[row(5)]));
    }
}
