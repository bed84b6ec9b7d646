//! The scheduler: when a time of a schedule has come, it is an event. Each daemon looks when the next one is due, and the
//! first to move a schedule starts its times. Only the database's clock counts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::figures::list;
use super::health::Health;
use super::listen::Side;
use super::wake::Wake;
use crate::store::schedules::{Move, Scheduled, Time, look, start_times};
use crate::store::session::{Session, StoreError};
use crate::triggers::schedule::Schedule;
use crate::workflow::calendar::due::due;

/// Schedules in one look.
const MOST_SCHEDULES: i64 = 200;
/// Times in one statement; those of one schedule stay together.
const MOST_TIMES: usize = 1_000;
/// The clock may have been set, and a wake-up lost.
const LONGEST_REST: Duration = Duration::from_secs(10);
/// The same where nobody is woken by notifications.
const REST_WITHOUT_NOTIFY: Duration = Duration::from_secs(2);
/// Before a schedule that was in other hands is looked at again.
const SHORT_REST: Duration = Duration::from_millis(200);
/// One that this release can't read is left alone so long, for a daemon that can.
const UNREADABLE: TimeDelta = TimeDelta::seconds(60);
/// A schedule that is so far ahead of the clock was moved by a wrong clock: it counts from now.
const AHEAD: TimeDelta = TimeDelta::hours(1);

/// Starts what is due until `shutdown`.
pub async fn run(mut side: Side, wake: Arc<Wake>, health: Arc<Health>, shutdown: CancellationToken) {
    loop {
        let session = tokio::select! {
            session = super::side_session(&mut side) => session,
            () = shutdown.cancelled() => return,
        };
        let longest =
            if health.notified.load(Ordering::Relaxed) { LONGEST_REST } else { REST_WITHOUT_NOTIFY };
        let rest = start_due(&session, &wake).await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "schedules could not be looked at");
            Duration::from_secs(1)
        });
        tokio::select! {
            () = wake.scheduler.notified() => {}
            () = tokio::time::sleep(rest.min(longest)) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Starts what is due now; how long nothing is.
async fn start_due(session: &Session, wake: &Wake) -> Result<Duration, StoreError> {
    loop {
        let found = look(session, MOST_SCHEDULES).await?;
        if found.due.is_empty() {
            let until = found.next_at.map(|next| (next - found.now).to_std().unwrap_or_default());
            // A clock may tick a little slower than another.
            return Ok(until.map_or(LONGEST_REST, |until| until + Duration::from_millis(1)));
        }
        let (now, due) = (found.now, found.due);
        let asked = due.len();
        // After a long absence there is a lot to count.
        let counting = move || due.iter().map(|one| moved(one, now)).collect::<Vec<_>>();
        let Ok(moves) = tokio::task::spawn_blocking(counting).await else { return Ok(LONGEST_REST) };
        let (mut came, mut left) = (0, moves.as_slice());
        while !left.is_empty() {
            let (these, others) = left.split_at(that_go_together(left));
            came += start_times(session, these).await?;
            left = others;
        }
        if moves.iter().any(|one| !one.times.is_empty()) {
            wake.workers.notify_one();
        }
        metrics::counter!(list::SCHEDULES).increment(came as u64);
        if came < asked {
            // Another daemon was first, or somebody publishes.
            return Ok(SHORT_REST);
        }
    }
}

/// How many of them have times for one statement.
fn that_go_together(moves: &[Move]) -> usize {
    let mut times = 0;
    let fit = |one: &&Move| {
        times += one.times.len();
        times <= MOST_TIMES
    };
    moves.iter().take_while(fit).count().max(1)
}

/// Where a schedule goes from here.
fn moved(one: &Scheduled, now: DateTime<Utc>) -> Move {
    let &Scheduled { workflow, last_at, .. } = one;
    let stays = Move { workflow, was: last_at, last_at, next_at: Some(now + UNREADABLE), times: Vec::new() };
    let Some(schedule) = Schedule::of_config(&one.config) else { return unreadable(stays) };
    let Some(calendar) = schedule.calendar() else { return unreadable(stays) };
    let since = if last_at - now > AHEAD {
        tracing::warn!(%workflow, %last_at, %now, "the clock was set back: a schedule counts from now");
        now
    } else {
        last_at
    };
    let found = due(&calendar, &schedule.keeping(workflow), Some(since), now);
    let missed: u32 = found.now.iter().map(|time| time.missed).sum();
    if missed > 0 {
        tracing::info!(%workflow, missed, "times of a schedule were passed over");
    }
    Move {
        last_at: found.now.last().map_or(since, |time| time.due_at),
        next_at: found.next.map(|next| next.starts_at),
        times: found.now.iter().map(|time| Time { due_at: time.due_at, missed: time.missed }).collect(),
        ..stays
    }
}

fn unreadable(stays: Move) -> Move {
    tracing::error!(workflow = %stays.workflow, "a schedule in force can't be read by this release");
    stays
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::WorkflowId;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn scheduled(config: serde_json::Value, last_at: &str) -> Scheduled {
        Scheduled { workflow: WorkflowId(Uuid::from_u128(7)), config, last_at: at(last_at) }
    }

    #[test]
    fn a_clock_that_was_far_ahead_silences_a_schedule_for_an_hour_at_most() {
        let now = at("2026-11-22T10:00:30Z");
        let minutes = |last_at| moved(&scheduled(json!({"cron": "* * * * *"}), last_at), now);
        // By a little: what has started does not start again.
        let little = minutes("2026-11-22T10:05:00Z");
        assert_eq!((little.last_at, little.next_at), (little.was, Some(at("2026-11-22T10:06:00Z"))));
        let far = minutes("2027-11-22T10:05:00Z");
        assert_eq!((far.last_at, far.next_at), (now, Some(at("2026-11-22T10:01:00Z"))));
        assert!(little.times.is_empty() && far.times.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_looked_at_again_and_starts_nothing() {
        let now = at("2026-11-22T10:00:30Z");
        for config in [json!({"cron": "never"}), json!([]), json!({"cron": "@daily", "new": 1})] {
            let left = moved(&scheduled(config, "2026-11-20T00:00:00Z"), now);
            assert_eq!((left.last_at, left.next_at), (left.was, Some(now + UNREADABLE)));
            assert!(left.times.is_empty());
        }
    }

    #[test]
    fn a_statement_is_bounded_and_takes_at_least_one() {
        let one = moved(
            &scheduled(json!({"cron": "* * * * *", "missed": "all"}), "2026-11-20T00:00:00Z"),
            at("2026-11-22T10:00:30Z"),
        );
        assert_eq!(one.times.len(), 100);
        assert_eq!(that_go_together(&vec![one.clone(); 25]), 10);
        assert_eq!(that_go_together(std::slice::from_ref(&one)), 1);
        let large = Move { times: vec![one.times[0]; 2_000], ..one };
        assert_eq!(that_go_together(&[large.clone(), large]), 1);
    }
}
