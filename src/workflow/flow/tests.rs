use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::decide::{Kept, Quiet};
use super::*;
use crate::workflow::context::tests::order_context;

fn flow(settings: Value) -> Flow {
    serde_json::from_value(settings).expect("settings")
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_341_600 + second, 0).expect("in range")
}

fn id(n: usize) -> Uuid {
    Uuid::from_u128(n as u128 + 1)
}

fn instants() -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::vec(0i64..200, 1..60).prop_map(|mut all| {
        all.sort_unstable();
        all
    })
}

#[test]
fn what_counts_together() {
    let key = |per: &str, fields: Value| {
        let per: Per = serde_json::from_value(json!(per)).expect("a text");
        per.key(&order_context(fields))
    };
    assert_eq!(key("row", json!({})), "order:00000000-0000-7000-8000-00000000000a");
    assert_eq!(key("customer", json!({})), "customer:00000000-0000-7000-8000-00000000000b");
    assert_eq!(key("workflow", json!({})), "workflow");
    let euro = key("{{ order.currency }}", json!({}));
    assert!(euro.starts_with("value:") && !euro.contains("EUR"), "{euro}");
    assert_eq!(euro, key("{{ order.currency }}", json!({"total": 1})));
    assert_ne!(euro, key("{{ order.currency }}", json!({"currency": "USD"})));
    assert_eq!(key("{{ order.nothing.here }}", json!({})), key("row", json!({})), "no value");
    let long = key("row", json!({"id": "x".repeat(5_000)}));
    assert!(long.starts_with("long:") && long.len() <= LONGEST_KEY, "{long}");
    assert!(key("row", json!({"id": null})).starts_with("event:"));
}

#[test]
fn once_for_ever_or_for_a_while() {
    let (ever, mut kept) = (flow(json!({"once": {}})).once.expect("a rule"), Kept::default());
    assert!(ever.starts(&mut kept, at(0)));
    assert!(!ever.starts(&mut kept, at(1_000_000)) && !ever.starts(&mut kept, at(-5)));
    assert_eq!(kept.until, None, "never forgotten");
    let (hour, mut kept) = (flow(json!({"once": {"within": "1h"}})).once.expect("a rule"), Kept::default());
    assert!(hour.starts(&mut kept, at(0)) && !hour.starts(&mut kept, at(3_599)));
    assert!(hour.starts(&mut kept, at(3_600)) && !hour.starts(&mut kept, at(3_601)));
    assert_eq!(kept.until, Some(at(7_200)));
    // Of a lane that is worked off later: long before all others, and only one of these either.
    assert!(!hour.starts(&mut kept, at(-1)) && hour.starts(&mut kept, at(-3_600)));
    assert!(!hour.starts(&mut kept, at(-3_601)) && !hour.starts(&mut kept, at(-1)));
    assert_eq!((kept.at, kept.until), (Some(at(-3_600)), Some(at(7_200))));
}

#[test]
fn lanes_in_any_order_never_start_two_too_near() {
    let rule = flow(json!({"once": {"within": "7s"}})).once.expect("a rule");
    proptest!(|(come in proptest::collection::vec(0i64..100, 1..40))| {
        let (mut kept, mut starts) = (Kept::default(), Vec::<i64>::new());
        for second in come {
            if rule.starts(&mut kept, at(second)) {
                prop_assert!(starts.iter().all(|other| (second - other).abs() >= 7), "{second} and {starts:?}");
                starts.push(second);
            }
        }
        prop_assert!(!starts.is_empty());
    });
}

#[test]
fn the_last_of_several_events_counts() {
    let rule = flow(json!({"debounce": {"for": "10s", "at_most": "25s"}})).debounce.expect("a rule");
    let mut kept = Kept::default();
    assert_eq!(rule.comes(&mut kept, at(0), id(0)), Quiet::Until(at(10), None));
    assert_eq!(rule.comes(&mut kept, at(9), id(1)), Quiet::Until(at(19), Some(id(0))));
    assert_eq!(rule.comes(&mut kept, at(5), id(2)), Quiet::Older, "committed late");
    assert_eq!(rule.comes(&mut kept, at(18), id(3)), Quiet::Until(at(25), Some(id(1))), "no later than that");
    // Someone had the first in hand when another took its place.
    assert!(!rule.is_over(&mut kept, at(19), id(1)));
    // All of that was noticed late: what comes now is another matter, and does not take the place of the last.
    assert_eq!(rule.comes(&mut kept, at(25), id(4)), Quiet::Until(at(35), None));
    assert!(rule.is_over(&mut kept, at(25), id(3)));
    assert!(rule.is_over(&mut kept, at(35), id(4)));
    // One that has begun is nobody's to replace.
    assert_eq!(rule.comes(&mut kept, at(34), id(5)), Quiet::Until(at(44), None));
}

#[test]
fn a_test_run_tells_what_they_would_do() {
    let all = flow(
        json!({"once": {"per": "customer", "within": "30d"}, "debounce": {"for": "10m"}, "concurrency": {"limit": 2},
        "rate": {"limit": 5, "every": "1h"}, "bulk_guard": {"limit": 9}}),
    );
    let told = all.notes(at(0)).join("\n");
    let until = at(600).format("%Y-%m-%d %H:%M:%SZ").to_string();
    for part in
        ["same customer started within 30 days", &until, "same workflow run", "5 in 1 hour", "first 9"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_guard_counts_by_statement_and_by_minute() {
    let rule = flow(json!({"bulk_guard": {"limit": 3}})).bulk_guard.expect("a rule");
    let mut kept = Kept::default();
    let mut beyond = |second, statement: &str| rule.counts(&mut kept, at(second), statement);
    for n in 0..3 {
        assert_eq!(beyond(n * 60, "a"), None);
    }
    assert!(beyond(180, "a").expect("one statement, over minutes").contains("statement"));
    for n in 0..3 {
        assert_eq!(beyond(240 + n, &n.to_string()), None);
    }
    assert!(beyond(243, "x").expect("one minute").contains("minute"));
    assert_eq!(beyond(300, "y"), None);
}

proptest! {
    #[test]
    fn a_rate_spreads_keeps_the_order_and_loses_nothing(limit in 1u32..20, every in 1i64..60, come in instants()) {
        let rule = flow(json!({"rate": {"limit": limit, "every": format!("{every}s")}})).rate.expect("a rule");
        let mut kept = Kept::default();
        let starts: Vec<_> = come.iter().map(|second| rule.starts_at(&mut kept, at(*second))).collect();
        for (start, came) in starts.iter().zip(&come) {
            prop_assert!(*start >= at(*came));
        }
        prop_assert!(starts.is_sorted());
        let apart = TimeDelta::microseconds((every * 1_000_000) / i64::from(limit));
        for from in 0..starts.len() {
            for to in from + limit as usize..starts.len() {
                // Up to the limit at once, each further one after its share of the time.
                let beyond = i32::try_from(to - from + 1).expect("small") - i32::try_from(limit).expect("small");
                prop_assert!(starts[to] - starts[from] >= apart * beyond, "{from} to {to}: {starts:?}");
            }
        }
        // Whoever comes slowly enough never waits.
        let mut kept = Kept::default();
        for n in 0..5 {
            prop_assert_eq!(rule.starts_at(&mut kept, at(n * every)), at(n * every));
        }
    }

    #[test]
    fn once_keeps_starts_apart_and_misses_none(within in 1i64..50, come in instants()) {
        let rule = flow(json!({"once": {"within": format!("{within}s")}})).once.expect("a rule");
        let (mut kept, mut last) = (Kept::default(), None::<i64>);
        for second in come {
            let should = last.is_none_or(|last| second - last >= within);
            prop_assert_eq!(rule.starts(&mut kept, at(second)), should);
            last = if should { Some(second) } else { last };
        }
    }

    #[test]
    fn every_event_is_followed_by_quiet_and_a_start(quiet in 1i64..20, more in 0i64..40, come in instants()) {
        let rule = flow(json!({"debounce": {"for": format!("{quiet}s"), "at_most": format!("{}s", quiet + more)}}));
        let rule = rule.debounce.expect("a rule");
        let mut kept = Kept::default();
        let mut resting: Vec<(usize, DateTime<Utc>)> = Vec::new();
        let mut starts: Vec<(usize, DateTime<Utc>)> = Vec::new();
        for (n, second) in come.iter().enumerate() {
            // Half of the time it is noticed late that one is over.
            if n % 2 == 0 {
                resting.retain(|(of, due)| {
                    let over = *due <= at(*second) && rule.is_over(&mut kept, *due, id(*of));
                    if over { starts.push((*of, *due)); }
                    !over
                });
            }
            match rule.comes(&mut kept, at(*second), id(n)) {
                Quiet::Until(due, other) => {
                    resting.retain(|(of, _)| Some(id(*of)) != other);
                    resting.push((n, due));
                }
                Quiet::Older => prop_assert!(false, "they come in order"),
            }
            prop_assert!(resting.iter().filter(|(_, due)| *due > at(*second)).count() <= 1);
        }
        for (of, due) in resting {
            prop_assert!(rule.is_over(&mut kept, due, id(of)));
            starts.push((of, due));
        }
        for second in &come {
            let followed = starts.iter().any(|(of, due)| {
                come[*of] >= *second && *due >= at(*second) && *due <= at(second + quiet + more)
            });
            prop_assert!(followed, "{second}: {starts:?}");
        }
    }
}
