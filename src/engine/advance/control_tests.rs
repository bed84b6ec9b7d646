//! Controls at work: time, events, an admin's word, loops that are long.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::tests::{finish, id, now, outcomes, plan, points, start};
use super::*;
use crate::domain::event::Operation;
use crate::domain::execution::Status;
use crate::domain::execution::StepOutcome;
use crate::workflow::context::tests::order_event;
use crate::workflow::control::{Key, Wake};

fn control(kind: &str, config: Value) -> Value {
    json!({"controlType": kind, "config": config})
}

fn later(hours: i64) -> DateTime<Utc> {
    now() + TimeDelta::hours(hours)
}

/// As it is after it was stored and read again.
fn stored(run: &Run, plan: &Plan, at: DateTime<Utc>) -> Run {
    let text = serde_json::to_string(&run.save()).expect("serialises");
    Run::restore(id(), plan, serde_json::from_str(&text).expect("reads"), at).expect("fits")
}

fn of_customer(fields: Value) -> Event {
    let mut event = order_event(fields);
    event.id = crate::domain::ids::EventId(uuid::Uuid::from_u128(8));
    event
}

#[test]
fn a_delay_rests_and_goes_on_when_it_is_time() {
    let plan = plan(&[("d", control("delay", json!({"for": "2h"}))), ("p", points())], &["t>d", "d>p"]);
    let mut run = start(&plan);
    assert!(run.advance(&plan, now()).is_empty());
    assert_eq!((run.status, run.rests().due), (Status::Waiting, Some(later(2))));
    assert_eq!((run.queues(), run.queues()), (Some(later(2)), None), "it is queued once");
    let mut run = stored(&run, &plan, later(1));
    assert!(run.advance(&plan, later(1)).is_empty(), "too early");
    assert_eq!((run.status, run.queues()), (Status::Waiting, None), "still queued");
    let mut run = stored(&run, &plan, later(2));
    assert_eq!(run.advance(&plan, later(2)).len(), 1);
    assert_eq!(outcomes(&run), ["t done", "d done"]);
}

#[test]
fn an_instant_that_is_past_is_not_waited_for() {
    let until = |config: Value| {
        let plan = plan(&[("w", control("wait_until", config)), ("p", points())], &["t>w", "w>p"]);
        let mut run = start(&plan);
        run.advance(&plan, now());
        (run.rests().due, run.steps()[1].why.clone().unwrap_or_default())
    };
    let order = "{{ order.created_at }}";
    assert_eq!(until(json!({"until": order})).0, None);
    assert_eq!(until(json!({"until": order, "after": "7d"})).0, Some(later(7 * 24)));
    assert_eq!(until(json!({"until": "2026-11-30", "before": "1d"})).0, Some(later(14 + 6 * 24)));
    assert!(until(json!({"until": "{{ order.status }}"})).1.ends_with("\"new\" is not an instant"));
    assert!(until(json!({"until": "3026-01-01"})).1.contains("ten years"));
}

#[test]
fn outside_of_the_hours_it_rests_until_they_begin() {
    // It is 10:00 in UTC, a Sunday.
    let rests = |from: &str, to: &str, days: Value| {
        let hours = json!({"from": from, "to": to, "weekdays": days, "time_zone": "Europe/Berlin"});
        let plan = plan(&[("w", control("time_window", hours)), ("p", points())], &["t>w", "w>p"]);
        let mut run = start(&plan);
        run.advance(&plan, now());
        run.rests().due.map(|due| (due - now()).num_hours())
    };
    assert_eq!(rests("09:00", "20:00", json!([])), None, "it is 11:00 in Berlin");
    assert_eq!(rests("09:00", "11:00", json!([])), Some(22));
    assert_eq!(rests("22:00", "06:00", json!([])), Some(11));
    assert_eq!(rests("09:00", "20:00", json!(["tue"])), Some(46));
}

#[test]
fn an_event_wakes_or_the_time_does() {
    let waits = control(
        "wait_for_event",
        json!({"event": "order_created", "of": "customer", "timeout": "7d",
        "match": {"expression": "awaited.total >= order.total"}}),
    );
    let plan =
        plan(&[("w", waits), ("yes", points()), ("no", points())], &["t>w", "w>yes:event", "w>no:timeout"]);
    let mut run = start(&plan);
    run.advance(&plan, now());
    assert!(matches!(&run.rests().events[..], [(_, Key::Customer(_))]));
    let mut run = stored(&run, &plan, later(1));
    assert!(!run.offer(&plan, &of_customer(json!({"total": 1})), later(1)), "too small");
    let other = of_customer(json!({"customer_id": "00000000-0000-7000-8000-0000000000ff"}));
    assert!(!run.offer(&plan, &other, later(1)), "another's");
    let mut deleted = of_customer(json!({}));
    deleted.operation = Operation::Delete;
    assert!(!run.offer(&plan, &deleted, later(1)), "something else");
    let mut timed_out = run.clone();
    assert!(run.offer(&plan, &of_customer(json!({"total": 30_000})), later(1)));
    assert_eq!(run.advance(&plan, later(1)).iter().map(|r| r.node.as_str()).collect::<Vec<_>>(), ["yes"]);
    assert_eq!(run.context().get(&["steps", "w", "row", "total"]).as_deref(), Some(&json!(30_000)));
    assert!(!run.offer(&plan, &of_customer(json!({})), later(1)), "it waits no more");
    assert_eq!(
        timed_out.advance(&plan, later(7 * 24)).iter().map(|r| r.node.as_str()).collect::<Vec<_>>(),
        ["no"]
    );
}

#[test]
fn an_event_ends_the_execution() {
    let ends = control("cancel_on", json!({"event": "order_created", "of": "customer"}));
    let nodes = [("c", ends), ("d", control("delay", json!({"for": "1d"}))), ("p", points())];
    let plan = plan(&nodes, &["t>c", "c>d", "d>p"]);
    let mut run = start(&plan);
    run.advance(&plan, now());
    let mut run = stored(&run, &plan, later(1));
    assert_eq!(run.cancels().len(), 1);
    assert!(run.offer(&plan, &of_customer(json!({})), later(1)));
    assert_eq!(run.status, Status::Cancelled);
    assert!(run.advance(&plan, later(48)).is_empty());
}

#[test]
fn an_admin_says_yes_or_no() {
    let asks = control("approval", json!({"question": "Ship {{ order.total }}?", "timeout": "3d"}));
    let plan = plan(
        &[("a", asks), ("yes", points()), ("no", points()), ("late", points())],
        &["t>a", "a>yes:approved", "a>no:refused", "a>late:timeout"],
    );
    let word = |granted| Wake::Approval { granted, by: "boss".into(), comment: "fine".into() };
    let spot = Spot { node: "a".into(), item: Vec::new() };
    for (granted, next) in [(true, "yes"), (false, "no")] {
        let mut run = start(&plan);
        run.advance(&plan, now());
        assert_eq!(run.rests().approvals, std::slice::from_ref(&spot));
        let mut run = stored(&run, &plan, later(1));
        assert!(run.decide(&plan, &spot, &word(granted), later(1)));
        assert!(!run.decide(&plan, &spot, &word(!granted), later(1)), "it is said");
        assert_eq!(run.advance(&plan, later(1))[0].node.as_str(), next);
    }
    let mut run = start(&plan);
    run.advance(&plan, now());
    assert_eq!(run.advance(&plan, later(72))[0].node.as_str(), "late");
}

#[test]
fn variables_are_an_item_s_own_in_a_loop() {
    let sets = |value: &str| control("set", json!({"vars": {"x": value}}));
    let each = control("for_each", json!({"items": "{{ [10, 20, 30] }}", "at_once": 3}));
    let wants = |points: &str| json!({"actionType": "award_points", "config": {"points": points}});
    let nodes = [
        ("s", sets("{{ 1 }}")),
        ("f", each),
        ("i", sets("{{ item + vars.x }}")),
        ("p", wants("{{ vars.x }}")),
        ("q", wants("{{ vars.x }}")),
    ];
    let plan = plan(&nodes, &["t>s", "s>f", "f>i:each", "i>p", "f>q:after"]);
    let mut run = start(&plan);
    let requests = run.advance(&plan, now());
    let points = |requests: &[Request]| -> Vec<i64> {
        let of = |request: &Request| match request.effect {
            crate::domain::effect::Effect::AwardPoints { points, .. } => points,
            _ => 0,
        };
        requests.iter().map(of).collect()
    };
    assert_eq!(points(&requests), [11, 21, 31]);
    let ids: std::collections::HashSet<_> = requests.iter().map(|request| request.id).collect();
    assert_eq!(ids.len(), 3, "each item's effect has a key of its own");
    for request in requests {
        let done = Answer::Done { result: json!({}), changes: Vec::new(), why: String::new() };
        run.answer(&plan, &request.node, &request.item, done, now());
    }
    assert_eq!(points(&run.advance(&plan, now())), [1]);
}

#[test]
fn a_long_loop_rests_between_its_parts() {
    let items = "{{ range(0, 1000) | list }}";
    let each = control("for_each", json!({"items": items, "at_once": 100}));
    let plan = plan(&[("f", each), ("p", points()), ("q", points())], &["t>f", "f>p:each", "f>q:after"]);
    let mut run = start(&plan);
    let (mut asked, mut parts) = (0, 0);
    while matches!(run.status, Status::Running | Status::Waiting) {
        parts += 1;
        asked += finish(&mut run, &plan).len();
        if run.status == Status::Waiting {
            assert_eq!(run.queues(), Some(now()), "it goes on at once");
            run = stored(&run, &plan, now());
        }
    }
    assert_eq!((asked, parts, run.status), (1_001, 2, Status::Succeeded));
    assert_eq!(run.context().get(&["steps", "f", "succeeded"]).as_deref(), Some(&json!(1_000)));
    assert!(run.steps().len() <= 2 + MAX_STEPS);
}

#[test]
fn stopping_ends_what_waits() {
    let stops = control("stop", json!({"outcome": "failed", "reason": "no {{ order.id }}"}));
    let plan = plan(
        &[("a", points()), ("d", control("delay", json!({"for": "1h"}))), ("s", stops)],
        &["t>a", "t>d", "a>s"],
    );
    let mut run = start(&plan);
    finish(&mut run, &plan);
    assert_eq!(run.status, Status::Failed);
    assert!(run.steps().iter().any(|step| step.why.as_deref().is_some_and(|why| why.starts_with("no 0000"))));
    assert!(run.advance(&plan, later(2)).is_empty());
}

#[test]
fn a_loop_that_stops_begins_no_more() {
    let each = |on: &str| {
        control("for_each", json!({"items": "{{ [0, 1, 2, 3] }}", "at_once": 1, "on_failure": on}))
    };
    // Only a positive number of points is one.
    let gives = || json!({"actionType": "award_points", "config": {"points": "{{ index - 1 }}"}});
    for (on, left, after) in [("stop", 3, "skipped"), ("go_on", 0, "done")] {
        let plan =
            plan(&[("f", each(on)), ("p", gives()), ("q", points())], &["t>f", "f>p:each", "f>q:after"]);
        let mut run = start(&plan);
        finish(&mut run, &plan);
        assert_eq!(run.status, Status::Failed, "{on}");
        assert_eq!(run.context().get(&["steps", "f", "left"]).as_deref(), Some(&json!(left)));
        assert!(outcomes(&run).contains(&format!("q {after}")), "{on}: {:?}", outcomes(&run));
    }
}

#[test]
fn what_came_before_a_stop_is_done_and_what_it_ends_is_told() {
    let plan1 =
        plan(&[("a", points()), ("b", points()), ("s", control("stop", json!({})))], &["t>a", "a>b", "t>s"]);
    let mut run = start(&plan1);
    assert_eq!(finish(&mut run, &plan1), ["a"], "its turn came first; b's never comes");
    assert_eq!(
        (run.status, outcomes(&run)),
        (Status::Succeeded, vec!["t done".into(), "s done".into(), "a done".into()])
    );
    let each = control("for_each", json!({"items": "{{ [1, 2] }}", "at_once": 2}));
    let waits = control("delay", json!({"for": "1h"}));
    let ends = control("stop", json!({"outcome": "failed", "reason": "because"}));
    let only = json!({"conditionType": "condition", "config": {"expression": "item == 2"}});
    let plan2 = plan(
        &[("f", each), ("d", waits), ("c", only), ("s", ends)],
        &["t>f", "f>d:each", "f>c:each", "c>s:true"],
    );
    let mut run = start(&plan2);
    finish(&mut run, &plan2);
    assert_eq!(run.status, Status::Failed);
    let why =
        run.steps().iter().find(|step| step.node.as_str() == "s" && step.outcome == StepOutcome::Failed);
    assert_eq!(why.and_then(|step| step.why.as_deref()), Some("because"), "{:?}", outcomes(&run));
    let mut cancelled = start(&plan(
        &[
            ("f", control("for_each", json!({"items": "{{ [1] }}"}))),
            ("d", control("delay", json!({"for": "1h"}))),
        ],
        &["t>f", "f>d:each"],
    ));
    cancelled.advance(
        &plan(
            &[
                ("f", control("for_each", json!({"items": "{{ [1] }}"}))),
                ("d", control("delay", json!({"for": "1h"}))),
            ],
            &["t>f", "f>d:each"],
        ),
        now(),
    );
    cancelled.cancel();
    assert_eq!(outcomes(&cancelled), ["t done", "d waiting"]);
}

#[test]
fn an_item_sees_what_was_there_when_it_began() {
    let nodes = [
        ("d", control("delay", json!({"for": "1h"}))),
        ("s", control("set", json!({"vars": {"x": "late"}}))),
        ("j", control("join", json!({"mode": "any"}))),
        ("f", control("for_each", json!({"items": "{{ [1] }}"}))),
        ("w", control("delay", json!({"for": "2h"}))),
        (
            "m",
            json!({"actionType": "send_email", "config": {"to": "a@b.c", "subject": "s", "text": "{{ vars.x|default('none') }}"}}),
        ),
    ];
    let plan = plan(&nodes, &["t>d", "d>s", "s>j", "t>j", "j>f", "f>w:each", "w>m"]);
    let said = |stores: bool| {
        let mut run = start(&plan);
        let mut text = String::new();
        for hours in 0..3 {
            for request in run.advance(&plan, later(hours)) {
                if let crate::domain::effect::Effect::SendEmail(mail) = &request.effect {
                    text.clone_from(&mail.text);
                }
            }
            if stores && run.status == Status::Waiting {
                run = stored(&run, &plan, later(hours));
            }
        }
        text
    };
    assert_eq!((said(false), said(true)), ("none".into(), "none".into()));
}

#[test]
fn what_counts_is_when_it_happened() {
    let waits =
        control("wait_for_event", json!({"event": "order_created", "of": "customer", "timeout": "2h"}));
    let plan1 = plan(&[("w", waits), ("p", points())], &["t>w", "w>p:event"]);
    let mut run = start(&plan1);
    run.advance(&plan1, now());
    let at = |hours: i64| Event { at: later(hours), ..of_customer(json!({})) };
    assert!(!run.offer(&plan1, &at(-1), later(1)), "before it waited");
    assert!(!run.offer(&plan1, &at(3), later(4)), "after its time");
    assert!(run.offer(&plan1, &at(1), later(4)), "in time, told late");
    let hours = json!({"from": "12:00", "to": "14:00"});
    let plan2 = plan(&[("w", control("time_window", hours)), ("p", points())], &["t>w", "w>p"]);
    let mut run = start(&plan2);
    run.advance(&plan2, now());
    assert!(run.advance(&plan2, later(12)).is_empty(), "woken at night");
    assert_eq!(run.rests().due, Some(later(26)));
    assert_eq!(run.advance(&plan2, later(26)).len(), 1);
}

#[test]
fn whatever_is_drawn_stays_bounded() {
    let each = |items: &str| control("for_each", json!({"items": items, "at_once": 100}));
    let hundred = "{{ range(0, 100) | list }}";
    let nodes = [
        ("f", each(hundred)),
        ("g", each(hundred)),
        ("h", each(hundred)),
        ("d", control("delay", json!({"for": "1h"}))),
    ];
    let plan1 = plan(&nodes, &["t>f", "f>g:each", "g>h:each", "h>d:each"]);
    let mut run = start(&plan1);
    for _ in 0..20 {
        run.refresh();
        run.advance(&plan1, now());
    }
    assert!(run.rests().events.is_empty() && run.timers().len() <= 1_300, "{} rest", run.timers().len());
    let long = json!({"vars": {"x": "{{ 'x'|replace('x', order.note) }}"}});
    let doubled = json!({"vars": {"y": "{{ vars.x ~ vars.x ~ vars.x ~ vars.x }}"}});
    let plan2 = plan(&[("a", control("set", long)), ("b", control("set", doubled))], &["t>a", "a>b"]);
    let event = order_event(json!({"note": "n".repeat(60_000)}));
    let mut run = Run::start(id(), &plan2, &event, now());
    run.advance(&plan2, now());
    assert_eq!(outcomes(&run), ["t done", "a done", "b failed"]);
    assert!(run.steps()[2].why.as_deref().is_some_and(|why| why.contains("256 KiB")));
}

#[test]
fn who_deals_with_a_failure_sees_why() {
    let mail = json!({"actionType": "send_email", "config": {"to": "a@b.c", "subject": "s", "text": "{{ steps.p.error }}"}});
    let plan = plan(&[("p", points()), ("m", mail)], &["t>p", "p>m:error"]);
    let mut run = start(&plan);
    let request = run.advance(&plan, now()).remove(0);
    run.answer(&plan, &request.node, &[], Answer::Refused { reason: "no such customer".into() }, now());
    let next = run.advance(&plan, now());
    assert!(
        matches!(&next[0].effect, crate::domain::effect::Effect::SendEmail(mail) if mail.text == "no such customer")
    );
}
