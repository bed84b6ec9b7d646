//! Cursors: from where on a claim looks into each lane of the queue.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::queue::Claimed;

/// Lanes there are. Fixed: it is part of `record_event()`.
pub const LANES: usize = 64;

/// What a transaction writes may be due a little before it counts as writing. Every row that is claimed within this time
/// is stepped over once more, dead, while a long transaction keeps the dead from being removed: a second of them tripled
/// the time of a claim. What lies further back, as after a clock was set back, is found by the sweep.
const SLACK: TimeDelta = TimeDelta::milliseconds(20);

/// Where each lane was left, so that a claim need not step over the dead rows before it.
///
/// A cursor stands where the last claim in its lane ended. A transaction that ran then may yet commit an event of an
/// earlier time, and later events of the same entity must not be started before it: each claim is handed the transactions
/// that ran at the one before, each with an instant before which it can have written nothing, and looks from there on once
/// one of them is over. One that runs for hours costs nothing until it ends.
#[derive(Debug, Clone)]
pub struct Cursors {
    lanes: Vec<i16>,
    since: Vec<DateTime<Utc>>,
    /// `since` as it was before the claim at hand.
    before: Vec<DateTime<Utc>>,
    /// Transactions that ran at the last look, each with the last instant at which it had not begun.
    running: BTreeMap<i64, DateTime<Utc>>,
    /// When that was.
    looked: DateTime<Utc>,
}

/// From where on somebody looks into the queue.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    pub(super) lanes: Vec<i16>,
    pub(super) since: Vec<DateTime<Utc>>,
    /// Transactions that may be over by then …
    pub(super) running: Vec<i64>,
    /// … and before when none of their rows is.
    pub(super) before: Vec<DateTime<Utc>>,
}

/// What a claim sees of the lanes.
pub(super) struct Look {
    /// When it looked.
    pub at: DateTime<Utc>,
    /// Transactions that ran.
    pub running: Vec<i64>,
    /// Lanes in which something was due.
    pub ready: Vec<i16>,
}

impl Cursors {
    /// All lanes from the beginning, tried from lane `first` on, so that workers don't meet.
    pub fn from_lane(first: usize) -> Self {
        let lanes = (0..LANES).map(|n| i16::try_from((first + n) % LANES).unwrap_or(0)).collect();
        let beginning = vec![DateTime::UNIX_EPOCH; LANES];
        Self {
            lanes,
            since: beginning.clone(),
            before: beginning,
            running: BTreeMap::new(),
            looked: DateTime::UNIX_EPOCH,
        }
    }

    /// Nothing is due before, for whoever looks now.
    pub fn bounds(&self) -> Bounds {
        let (running, before) = self.running.iter().map(|(xid, since)| (*xid, *since - SLACK)).unzip();
        Bounds { lanes: self.lanes.clone(), since: self.since.clone(), running, before }
    }

    /// Looks from the beginning once.
    pub fn sweep(&mut self) {
        self.since.fill(DateTime::UNIX_EPOCH);
    }

    /// What was claimed last is back in the queue.
    pub fn undo(&mut self) {
        self.since.clone_from(&self.before);
    }

    /// Turns the order of lanes, so that none is always last.
    pub fn turn(&mut self, by: usize) {
        self.lanes.rotate_left(by % LANES);
        self.since.rotate_left(by % LANES);
        self.before.rotate_left(by % LANES);
    }

    /// A claim begins.
    pub(super) fn may_be_undone(&mut self) {
        self.before.clone_from(&self.since);
    }

    /// Takes in what a claim saw. Rows of a transaction that is over are there to be seen, in any lane; and in a lane in
    /// which nothing was due, nothing is before that instant but what still runs will write.
    pub(super) fn observe(&mut self, look: &Look) {
        let before_it_began = self.looked;
        let over = self.running.iter().filter(|(xid, _)| !look.running.contains(xid));
        if let Some(earliest) = over.map(|(_, since)| *since).min() {
            // Also where it goes on if this claim is undone: who is over is not told again.
            let all = self.since.iter_mut().chain(&mut self.before);
            all.for_each(|since| *since = (*since).min(earliest - SLACK));
        }
        let known = std::mem::take(&mut self.running);
        let since = |xid: &i64| known.get(xid).copied().unwrap_or(before_it_began);
        self.running = look.running.iter().map(|xid| (*xid, since(xid))).collect();
        self.looked = look.at;
        for (lane, since) in self.lanes.iter().zip(&mut self.since) {
            if !look.ready.contains(lane) {
                *since = (*since).max(look.at - SLACK);
            }
        }
    }

    /// Moves the cursors of the lanes that rows were taken from, oldest first: what is left there is later.
    pub(super) fn advance(&mut self, claimed: &[Claimed]) {
        for row in claimed {
            if let Some(n) = self.lanes.iter().position(|lane| *lane == row.lane) {
                self.since[n] = row.due_at.min(self.looked).max(DateTime::UNIX_EPOCH + SLACK) - SLACK;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::EventId;
    use crate::store::queue::Due;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + second, 0).expect("in range")
    }

    fn row(lane: i16, second: i64) -> Claimed {
        Claimed { id: 1, due_at: at(second), lane, what: Due::Gone(EventId(Uuid::nil())) }
    }

    fn looks(cursors: &mut Cursors, second: i64, running: &[i64]) {
        let ready = cursors.lanes.clone();
        cursors.observe(&Look { at: at(second), running: running.to_vec(), ready });
    }

    #[test]
    fn a_transaction_that_runs_holds_no_cursor_back_until_it_is_over() {
        let mut cursors = Cursors::from_lane(0);
        looks(&mut cursors, 0, &[]);
        // Transaction 70 began between seconds 0 and 10 and runs on.
        looks(&mut cursors, 10, &[70]);
        cursors.advance(&[row(3, 9), row(4, 9)]);
        looks(&mut cursors, 20, &[70, 80]);
        cursors.advance(&[row(3, 18), row(3, 19)]);
        assert_eq!(cursors.since[3], at(19) - SLACK);
        // It is over: what it wrote, at second 0 at the earliest, is there now, also in lanes that nothing was taken from.
        looks(&mut cursors, 30, &[80]);
        assert_eq!((cursors.since[3], cursors.since[4]), (at(0) - SLACK, at(0) - SLACK));
        cursors.advance(&[row(3, 29)]);
        // The other one began after second 10.
        looks(&mut cursors, 40, &[]);
        assert_eq!((cursors.since[3], cursors.since[4]), (at(10) - SLACK, at(0) - SLACK));
    }

    #[test]
    fn a_cursor_never_passes_the_look_at_who_runs() {
        let mut cursors = Cursors::from_lane(0);
        looks(&mut cursors, 10, &[]);
        // Taken by a statement that came later: a transaction may have begun in between.
        cursors.advance(&[row(3, 12)]);
        assert_eq!(cursors.since[3], at(10) - SLACK);
    }

    #[test]
    fn a_lane_in_which_nothing_is_due_is_passed_and_one_in_other_hands_is_not() {
        let mut cursors = Cursors::from_lane(0);
        cursors.observe(&Look { at: at(10), running: Vec::new(), ready: vec![5] });
        assert_eq!((cursors.since[3], cursors.since[5]), (at(10) - SLACK, DateTime::UNIX_EPOCH));
        cursors.sweep();
        assert_eq!(cursors.since[3], DateTime::UNIX_EPOCH);
    }

    #[test]
    fn a_claim_that_took_part_of_what_came_late_goes_on_behind_that_part() {
        let mut cursors = Cursors::from_lane(0);
        looks(&mut cursors, 0, &[]);
        cursors.advance(&[row(3, 9)]);
        looks(&mut cursors, 10, &[]);
        // Rows of seconds 3, 4 and 5 were committed late; the limit let one through.
        cursors.advance(&[row(3, 3)]);
        assert_eq!(cursors.since[3], at(3) - SLACK);
    }

    #[test]
    fn a_claim_that_was_rolled_back_moves_nothing() {
        let mut cursors = Cursors::from_lane(0);
        looks(&mut cursors, 30, &[]);
        cursors.advance(&[row(3, 9)]);
        cursors.may_be_undone();
        cursors.advance(&[row(3, 19)]);
        cursors.undo();
        assert_eq!(cursors.since[3], at(9) - SLACK);
    }

    #[test]
    fn who_is_over_is_not_forgotten_with_a_claim_that_was_rolled_back() {
        let mut cursors = Cursors::from_lane(0);
        looks(&mut cursors, 0, &[]);
        looks(&mut cursors, 10, &[70]);
        cursors.advance(&[row(3, 9)]);
        cursors.may_be_undone();
        looks(&mut cursors, 20, &[]);
        cursors.advance(&[row(3, 15)]);
        cursors.undo();
        assert_eq!(cursors.since[3], at(0) - SLACK);
    }
}
