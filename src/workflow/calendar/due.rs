//! What is due of a schedule: which of its times start now, which were missed, and when to look again. Pure: equal
//! input gives equal output, so two daemons that look at once find the same times.

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::Calendar;
use crate::domain::ids::WorkflowId;

/// At most so many start at once; those before them are missed.
pub const MOST_AT_ONCE: usize = 100;
/// More missed times than these are not counted.
pub const MOST_MISSED: u32 = 10_000;
/// What starts no later than this after its instant is on time: a daemon that is started anew misses nothing.
pub const GRACE: TimeDelta = TimeDelta::seconds(60);

/// What becomes of times at which no daemon ran.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "described above: documented variants have another form of schema")]
pub enum Missed {
    Skip,
    #[default]
    Once,
    All,
}

/// How a workflow keeps its times.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    /// Whose schedule it is: workflows with equal times start apart from each other.
    pub workflow: WorkflowId,
    /// Each time starts up to so many seconds later, yet before the next time.
    pub jitter_seconds: u32,
    /// What becomes of times that were missed.
    pub missed: Missed,
}

/// One time of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// The time itself.
    pub due_at: DateTime<Utc>,
    /// When it starts: behind it by its share of the jitter, before the next one is due.
    pub starts_at: DateTime<Utc>,
    /// How many between it and the last one that started were passed over, at most [`MOST_MISSED`].
    pub missed: u32,
}

/// What a look at a schedule finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// What starts now, in order, at most [`MOST_AT_ONCE`].
    pub now: Vec<Occurrence>,
    /// What comes next: look again at its `starts_at`. `None`: the calendar ends.
    pub next: Option<Occurrence>,
}

/// What starts at `now`. `last_at` is the `due_at` of the last one that started, or the instant from which the schedule
/// counts if that is later; without it the schedule counts from `now`.
///
/// Times within [`GRACE`] are on time and start each. Of those before, `skip` starts none, `all` each, and `once` the
/// last one, unless one is on time, which makes up for them. What is skipped moves no `last_at`: the next one that
/// starts tells how many there were.
pub fn due(
    calendar: &Calendar,
    keeping: &Keeping,
    last_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Due {
    let last_at = last_at.unwrap_or(now);
    let (mut times, count) = latest(calendar, last_at, now);
    let come = times.len();
    times.extend(calendar.upcoming(now.max(last_at), 2));
    let occurrence = |at: usize| {
        let due_at = *times.get(at)?;
        let starts_at = starts_at(keeping, due_at, times.get(at + 1).copied());
        Some(Occurrence { due_at, starts_at, missed: 0 })
    };
    let all: Vec<_> = (0..times.len()).filter_map(occurrence).collect();

    // They start in the order of their times, so of those that have come at most the very last waits for its start.
    let ready = all[..come].partition_point(|one| one.starts_at <= now);
    let late = all[..ready].partition_point(|one| now - one.starts_at > GRACE);
    let passed_over = match keeping.missed {
        Missed::All => 0,
        Missed::Once if late == ready => late.saturating_sub(1),
        Missed::Once | Missed::Skip => late,
    };
    let passed_over = passed_over.max(ready.saturating_sub(MOST_AT_ONCE));

    let (mut now, mut next) = (all[passed_over..ready].to_vec(), all.get(ready).copied());
    if let Some(first) = now.first_mut().or(next.as_mut()) {
        first.missed = ((count - come + passed_over) as u32).min(MOST_MISSED);
    }
    Due { now, next }
}

/// The latest times after `since` up to and with `now`, one more than may start at once, and how many there are.
fn latest(calendar: &Calendar, since: DateTime<Utc>, now: DateTime<Utc>) -> (Vec<DateTime<Utc>>, usize) {
    // The last may still wait for its start.
    const MOST: usize = MOST_AT_ONCE + 1;
    const COUNTED: usize = MOST_MISSED as usize + MOST;
    let mut found = calendar.between(since, now, COUNTED);
    let count = found.len();
    if count < COUNTED {
        return (found.split_off(count.saturating_sub(MOST)), count);
    }
    // Too many to walk through. The later one begins to look, the fewer there are, by one a second at most: the last
    // beginning behind which there are enough.
    let (mut enough, mut few) = (since.timestamp(), now.timestamp() + 1);
    while few - enough > 1 {
        let middle = enough + (few - enough) / 2;
        let from = DateTime::from_timestamp(middle, 0).unwrap_or(now);
        let behind = calendar.between(from, now, MOST);
        if behind.len() < MOST { few = middle } else { (enough, found) = (middle, behind) }
    }
    (found, count)
}

/// Its share of the jitter depends on the workflow and the time alone. It ends before the next time is due, so that
/// times start in order.
fn starts_at(keeping: &Keeping, due_at: DateTime<Utc>, following: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let room = following.map_or(i64::MAX, |next| (next - due_at).num_seconds() - 1).max(0) as u64;
    let most = u64::from(keeping.jitter_seconds).min(room);
    let hash = Uuid::new_v5(&keeping.workflow.0, &due_at.timestamp().to_be_bytes()).as_u128();
    // The lowest bits are of the hash; those of the version and the variant are not.
    let share = (hash as u64 & (u64::MAX >> 2)) % (most + 1);
    due_at.checked_add_signed(TimeDelta::seconds(share as i64)).unwrap_or(due_at)
}
