//! What is due: after downtimes, on days on which clocks are turned, and with jitter.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use uuid::Uuid;

use super::Calendar;
use super::due::{Due, GRACE, Keeping, MOST_AT_ONCE, MOST_MISSED, Missed, due};
use crate::domain::ids::WorkflowId;

fn at(text: &str) -> DateTime<Utc> {
    format!("{text}Z").parse().expect("a time")
}

fn calendar(expression: &str) -> Calendar {
    Calendar::new(expression, Tz::Europe__Berlin).expect("reads")
}

fn keeping(missed: Missed, jitter_seconds: u32) -> Keeping {
    Keeping { workflow: WorkflowId(Uuid::from_u128(7)), jitter_seconds, missed }
}

/// "03-27T08:00 +2" for each that starts now, and after "then" what comes next.
fn told(found: &Due) -> String {
    let one = |one: &super::due::Occurrence| format!("{} +{}", one.due_at.format("%m-%dT%H:%M"), one.missed);
    let now: Vec<String> = found.now.iter().map(one).collect();
    format!("{} then {}", now.join(", "), found.next.as_ref().map_or("never".into(), one))
}

fn look(expression: &str, missed: Missed, last_at: &str, now: &str) -> String {
    told(&due(&calendar(expression), &keeping(missed, 0), Some(at(last_at)), at(now)))
}

#[test]
fn a_time_that_has_come_starts_whatever_becomes_of_missed_ones() {
    for missed in [Missed::Skip, Missed::Once, Missed::All] {
        let look = |last_at, now| look("0 9 * * *", missed, last_at, now);
        assert_eq!(look("2026-11-22T08:00:00", "2026-11-23T07:59:59"), " then 11-23T08:00 +0");
        assert_eq!(look("2026-11-22T08:00:00", "2026-11-23T08:00:00"), "11-23T08:00 +0 then 11-24T08:00 +0");
        assert_eq!(look("2026-11-22T08:00:00", "2026-11-23T08:01:00"), "11-23T08:00 +0 then 11-24T08:00 +0");
        assert_eq!(look("2026-11-23T08:00:00", "2026-11-23T08:00:01"), " then 11-24T08:00 +0", "not again");
        assert_eq!(look("2026-11-25T08:00:00", "2026-11-23T08:00:00"), " then 11-26T08:00 +0", "set back");
        let first = due(&calendar("0 9 * * *"), &keeping(missed, 0), None, at("2026-11-23T08:00:00"));
        assert_eq!(told(&first), " then 11-24T08:00 +0", "it counts from now");
    }
}

#[test]
fn what_was_missed_is_skipped_or_made_up_for_once_or_each() {
    let (last_at, now) = ("2026-11-20T08:00:00", "2026-11-23T10:00:00");
    let look_at = |missed, now| look("0 9 * * *", missed, last_at, now);
    assert_eq!(look_at(Missed::Skip, now), " then 11-24T08:00 +3");
    assert_eq!(look_at(Missed::Once, now), "11-23T08:00 +2 then 11-24T08:00 +0");
    assert_eq!(
        look_at(Missed::All, now),
        "11-21T08:00 +0, 11-22T08:00 +0, 11-23T08:00 +0 then 11-24T08:00 +0"
    );
    // One that is on time makes up for those before it, and tells how many they were.
    let on_time = "2026-11-24T08:00:30";
    assert_eq!(look_at(Missed::Skip, on_time), "11-24T08:00 +3 then 11-25T08:00 +0");
    assert_eq!(look_at(Missed::Once, on_time), "11-24T08:00 +3 then 11-25T08:00 +0");
    let late = look("0 9 * * *", Missed::Skip, last_at, "2026-11-21T08:01:01");
    assert_eq!(late, " then 11-22T08:00 +1", "the grace is over");
    // A slow look is no downtime.
    let seconds = |missed| look("*/20 * * * * *", missed, "2026-11-23T08:00:00", "2026-11-23T08:00:45");
    assert_eq!(seconds(Missed::Skip), "11-23T08:00 +0, 11-23T08:00 +0 then 11-23T08:01 +0");
    assert_eq!(seconds(Missed::Skip), seconds(Missed::All));
}

#[test]
fn turned_clocks_neither_lose_nor_double_a_time() {
    let each = |expression, last_at, now| look(expression, Missed::All, last_at, now);
    // 02:30 does not exist on the 28th of March 2027 and comes at 03:00, which is 01:00 UTC.
    assert_eq!(
        each("30 2 * * *", "2027-03-26T01:30:00", "2027-03-29T12:00:00"),
        "03-27T01:30 +0, 03-28T01:00 +0, 03-29T00:30 +0 then 03-30T00:30 +0"
    );
    // It comes twice on the 31st of October: the first time counts.
    assert_eq!(
        each("30 2 * * *", "2027-10-30T00:30:00", "2027-11-01T12:00:00"),
        "10-31T00:30 +0, 11-01T01:30 +0 then 11-02T01:30 +0"
    );
    assert_eq!(
        look("30 2 * * *", Missed::Skip, "2027-10-31T00:30:00", "2027-10-31T01:30:00"),
        " then 11-01T01:30 +0"
    );
    // Intervals go on: 23 and 25 hours.
    let hours = |last_at, now| {
        let found = due(&calendar("0 * * * *"), &keeping(Missed::All, 0), Some(at(last_at)), at(now));
        found.now.len()
    };
    assert_eq!(hours("2027-03-27T23:00:00", "2027-03-28T22:00:00"), 23);
    assert_eq!(hours("2027-10-30T22:00:00", "2027-10-31T23:00:00"), 25);
    assert_eq!(
        look("0 * * * *", Missed::Once, "2027-10-30T22:00:00", "2027-10-31T23:30:00"),
        "10-31T23:00 +24 then 11-01T00:00 +0"
    );
}

#[test]
fn long_downtimes_are_bounded() {
    let last_at = at("2020-01-01T00:00:00");
    for (expression, now) in [
        ("* * * * * *", "2026-11-23T08:00:00"),
        ("* * * * *", "2026-11-23T08:00:00"),
        // Bursts: by the second on one day of the year, around and long after it.
        ("* * * 1 1 *", "2026-01-01T12:00:00"),
        ("* * * * 1 *", "2026-11-23T08:00:00"),
        ("* * 2 * * *", "2027-10-31T08:00:00"),
    ] {
        let (calendar, now) = (calendar(expression), at(now));
        let found = due(&calendar, &keeping(Missed::All, 0), Some(last_at), now);
        let times: Vec<_> = found.now.iter().map(|one| one.due_at).collect();
        assert_eq!(times.len(), MOST_AT_ONCE, "{expression}");
        assert_eq!(
            calendar.between(times[0], now, 1_000),
            times[1..],
            "{expression}: they are the last ones"
        );
        assert_eq!((found.now[0].missed, found.now[1].missed), (MOST_MISSED, 0), "{expression}");
        let once = due(&calendar, &keeping(Missed::Once, 0), Some(last_at), now + GRACE * 100);
        assert!(once.now.last().is_some_and(|one| one.due_at >= times[MOST_AT_ONCE - 1]), "{expression}");
        assert_eq!(once.now[0].missed, MOST_MISSED, "{expression}");
    }
    let hourly =
        due(&calendar("0 * * * *"), &keeping(Missed::All, 0), Some(last_at), at("2020-07-01T00:00:00"));
    assert_eq!((hourly.now.len(), hourly.now[0].missed), (MOST_AT_ONCE, 182 * 24 - 100), "counted exactly");
}

#[test]
fn jitter_is_a_share_of_its_own_for_each_workflow_and_time() {
    let daily = calendar("0 9 * * *");
    let shares = |workflow: u128| -> Vec<i64> {
        let keeping =
            Keeping { workflow: WorkflowId(Uuid::from_u128(workflow)), ..keeping(Missed::All, 3_600) };
        let found = due(&daily, &keeping, Some(at("2026-01-01T12:00:00")), at("2026-04-10T12:00:00"));
        found.now.iter().map(|one| (one.starts_at - one.due_at).num_seconds()).collect()
    };
    let (first, second) = (shares(1), shares(2));
    assert_eq!(first, shares(1), "equal input, equal output");
    assert_eq!((first.len(), first.iter().zip(&second).filter(|(a, b)| a == b).count()), (99, 0));
    assert!(first.iter().all(|share| (0..=3_600).contains(share)));
    let halves = first.iter().chain(&second).filter(|share| **share < 1_800).count();
    assert!((70..=130).contains(&halves), "evenly spread: {halves} of 198 in the first half");
}

#[test]
fn a_time_waits_for_its_share_and_then_starts_once() {
    let (daily, keeping) = (calendar("0 9 * * *"), keeping(Missed::Skip, 3_600));
    let last_at = Some(at("2026-11-22T08:00:00"));
    let next = due(&daily, &keeping, last_at, at("2026-11-23T07:00:00")).next.expect("it comes");
    assert!(next.starts_at > next.due_at + TimeDelta::seconds(2), "{next:?}");
    let before = next.starts_at - TimeDelta::seconds(1);
    assert_eq!(due(&daily, &keeping, last_at, before), Due { now: vec![], next: Some(next) });
    let then = due(&daily, &keeping, last_at, next.starts_at);
    assert_eq!(then.now, [next]);
    assert_eq!(
        due(&daily, &keeping, Some(next.due_at), next.starts_at),
        Due { now: vec![], next: then.next }
    );
}

#[test]
fn the_calendar_ends() {
    let daily = calendar("0 9 * * *");
    assert_eq!(
        look("0 9 * * *", Missed::All, "2100-12-30T10:00:00", "2100-12-31T10:00:00"),
        "12-31T08:00 +0 then never"
    );
    let last =
        due(&daily, &keeping(Missed::All, 3_600), None, at("2100-12-30T10:00:00")).next.expect("the last");
    assert!(last.starts_at <= last.due_at + TimeDelta::hours(1));
    assert_eq!(due(&daily, &keeping(Missed::Once, 60), None, DateTime::<Utc>::MAX_UTC).next, None);
    let long =
        due(&daily, &keeping(Missed::Once, 60), Some(DateTime::<Utc>::MIN_UTC), DateTime::<Utc>::MAX_UTC);
    assert!(long.next.is_none() && long.now.len() <= 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    /// A daemon that looks at any instants starts each time once, in order, never early, and tells of all others.
    #[test]
    fn however_often_one_looks_each_time_starts_once_or_is_told_as_missed(
        expression in prop_oneof![Just("*/7 * * * *"), Just("30 2 * * *"), Just("0 */5 * * *"), Just("*/40 * * * * *")],
        missed in prop_oneof![Just(Missed::Skip), Just(Missed::Once), Just(Missed::All)],
        jitter in prop_oneof![Just(0_u32), Just(5), Just(3_600)],
        start in 1_800_000_000_i64..1_840_000_000,
        steps in proptest::collection::vec(prop_oneof![3 => Just(None), 2 => (1_i64..7_200).prop_map(Some)], 1..40),
    ) {
        let (calendar, keeping) = (calendar(expression), keeping(missed, jitter));
        let begins = DateTime::from_timestamp(start, 0).expect("in range");
        let (mut now, mut last_at, mut told) = (begins, begins, 0);
        for step in steps {
            let found = due(&calendar, &keeping, Some(last_at), now);
            prop_assert_eq!(&found, &due(&calendar, &keeping, Some(last_at), now));
            for one in &found.now {
                prop_assert!(one.due_at > last_at && one.due_at <= one.starts_at && one.starts_at <= now);
                last_at = one.due_at;
                told += 1 + one.missed as usize;
            }
            let counted = calendar.between(begins, last_at, 100_000).len();
            prop_assert_eq!(told, counted, "those that started and those that were missed are all");
            let next = found.next.expect("it comes");
            prop_assert!(next.starts_at > now && next.due_at > last_at);
            // Sleeps until the next one starts, or is down for some time.
            now = step.map_or(next.starts_at, |seconds| now + TimeDelta::seconds(seconds));
        }
    }
}
