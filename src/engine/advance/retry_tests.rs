use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Run, Saved};
use crate::domain::effect::{Answer, Request};
use crate::domain::event::{Event, Operation};
use crate::domain::execution::{Status, StepOutcome};
use crate::domain::ids::{EventId, ExecutionId, NodeId};
use crate::kinds::catalogue;
use crate::workflow::compile::compile;
use crate::workflow::plan::Plan;

fn points() -> Value {
    json!({"id": "a", "type": "action", "data": {"actionType": "award_points", "config": {"points": 1}}})
}

fn mail(id: &str) -> Value {
    json!({"id": id, "type": "action", "data": {"actionType": "send_email",
        "config": {"to": "a@b.c", "subject": "s", "text": "t"}}})
}

/// `order_created` → the action `a` → a mail `sorry` if it fails.
fn plan_of(mut action: Value, retry: Value) -> Plan {
    action["data"]["retry"] = retry;
    let start = json!({"id": "t", "type": "trigger", "data": {"triggerType": "order_created"}});
    let file = json!({"nodes": [start, action, mail("sorry")], "edges": [
        {"id": "1", "source": "t", "target": "a"},
        {"id": "2", "source": "a", "sourceHandle": "error", "target": "sorry"},
    ]});
    let compiled = compile(&file, &catalogue());
    compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("in range")
}

fn started(plan: &Plan) -> Run {
    let row = json!({"id": "0194f9a0-0000-7000-8000-0000000000aa", "total": 20000, "status": "pending",
        "customer_id": "0194f9a0-0000-7000-8000-0000000000bb"});
    let event = Event {
        id: EventId(uuid::Uuid::from_u128(1)),
        at: now(),
        table: "orders".into(),
        operation: Operation::Insert,
        row: std::sync::Arc::new(row.as_object().expect("an object").clone()),
        old: Default::default(),
        customer: None,
        cause: None,
        depth: 0,
    };
    Run::start(ExecutionId(uuid::Uuid::from_u128(7)), plan, &event, now())
}

fn refuse(run: &mut Run, plan: &Plan, requests: &[Request], at: DateTime<Utc>) {
    for request in requests {
        let refused = Answer::Refused { reason: "there is no customer".into() };
        run.answer(plan, &request.node, &request.item, refused, at);
    }
}

/// As if the daemon were another by then.
fn stored(run: &Run, plan: &Plan, at: DateTime<Utc>) -> Run {
    let saved: Saved = serde_json::from_value(json!(run.save())).expect("readable");
    Run::restore(run.id, plan, saved, at).expect("of this plan")
}

#[test]
fn a_refused_row_is_tried_again_under_its_id_and_given_up_after_the_last() {
    let plan = plan_of(points(), json!({"attempts": 3, "backoff": "10m"}));
    let (mut run, mut at) = (started(&plan), now());
    let mut ids = Vec::new();
    for attempt in 1..=2u16 {
        let requests = run.advance(&plan, at);
        assert_eq!(requests.len(), 1, "attempt {attempt}");
        ids.push(requests[0].id);
        refuse(&mut run, &plan, &requests, at);
        assert_eq!(run.advance(&plan, at), []);
        assert_eq!(run.status, Status::Waiting);
        let step = run.steps().iter().find(|step| step.node == NodeId::from("a")).expect("a step").clone();
        assert_eq!(step.outcome, StepOutcome::Waiting);
        assert_eq!(step.attempt, (attempt > 1).then_some(attempt));
        let due = run.queues().expect("a time");
        assert!(due > at && due <= at + TimeDelta::minutes(10) * i32::from(attempt), "{due}");
        assert_eq!(run.timers().len(), 1);
        let mut early = stored(&run, &plan, at);
        assert_eq!(early.advance(&plan, due - TimeDelta::seconds(1)), [], "not before its time");
        (run, at) = (stored(&run, &plan, due), due);
    }
    let requests = run.advance(&plan, at);
    ids.push(requests[0].id);
    refuse(&mut run, &plan, &requests, at);
    let requests = run.advance(&plan, at);
    assert_eq!(requests[0].node, NodeId::from("sorry"), "then the error branch");
    assert!(ids.iter().all(|id| *id == ids[0]));
    let step = run.steps().iter().find(|step| step.node == NodeId::from("a")).expect("a step");
    assert_eq!((step.outcome, step.attempt), (StepOutcome::Failed, Some(3)));
    assert_eq!(step.why.as_deref(), Some("given up after 3 attempts: there is no customer"));
}

#[test]
fn a_second_attempt_that_succeeds_says_so() {
    let plan = plan_of(points(), json!({}));
    let mut run = started(&plan);
    let requests = run.advance(&plan, now());
    refuse(&mut run, &plan, &requests, now());
    run.advance(&plan, now());
    let due = run.queues().expect("a time");
    let mut run = stored(&run, &plan, now());
    let requests = run.advance(&plan, due);
    let done = Answer::Done { result: json!({"points": 1}), changes: Vec::new(), why: String::new() };
    run.answer(&plan, &requests[0].node, &[], done, due);
    run.advance(&plan, due);
    assert_eq!(run.status, Status::Succeeded);
    let step = run.steps().iter().find(|step| step.node == NodeId::from("a")).expect("a step");
    assert_eq!((step.outcome, step.attempt), (StepOutcome::Done, Some(2)));
}

#[test]
fn without_a_policy_a_refused_row_fails_at_once() {
    let plan = plan_of(points(), Value::Null);
    let mut run = started(&plan);
    let requests = run.advance(&plan, now());
    refuse(&mut run, &plan, &requests, now());
    assert_eq!(run.advance(&plan, now())[0].node, NodeId::from("sorry"));
    let step = run.steps().iter().find(|step| step.node == NodeId::from("a")).expect("a step");
    assert_eq!((step.outcome, step.attempt), (StepOutcome::Failed, None));
}

#[test]
fn attempts_of_a_delivery_are_told_in_its_step() {
    let plan = plan_of(mail("a"), json!({"attempts": 5, "on": ["refused"]}));
    let mut run = started(&plan);
    let request = run.advance(&plan, now()).remove(0);
    assert_eq!(request.retry.as_ref().and_then(|retry| retry.attempts), Some(5));
    run.answer(&plan, &request.node, &[], Answer::Handed { why: "queued".into() }, now());
    run.advance(&plan, now());
    let refused = Answer::Refused { reason: "nobody here".into() };
    let tried = Answer::Tried { attempts: 5, answer: Box::new(refused) };
    run.answer(&plan, &request.node, &[], tried, now());
    run.advance(&plan, now());
    // The deliverer has kept to the policy already.
    let step = run.steps().iter().find(|step| step.node == NodeId::from("a")).expect("a step");
    assert_eq!((step.outcome, step.attempt), (StepOutcome::Failed, Some(5)));
}
