use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::effect::Effect;
use crate::kinds::catalogue;
use crate::workflow::compile::compile;
use crate::workflow::context::tests::order_event;

pub fn id() -> ExecutionId {
    ExecutionId(uuid::Uuid::from_u128(42))
}

pub fn now() -> DateTime<Utc> {
    order_event(json!({})).at
}

pub fn plan(nodes: &[(&str, Value)], edges: &[&str]) -> Plan {
    let trigger = json!({"id": "t", "data": {"triggerType": "order_created"}});
    let nodes = nodes.iter().map(|(id, data)| json!({"id": id, "data": data}));
    let edges = edges.iter().map(|edge| {
        let (ends, branch) = edge.split_once(':').map_or((*edge, Value::Null), |(ends, b)| (ends, b.into()));
        let (source, target) = ends.split_once('>').expect("an arrow");
        json!({"source": source, "target": target, "sourceHandle": branch})
    });
    let file = json!({"nodes": std::iter::once(trigger).chain(nodes).collect::<Vec<_>>(), "edges": edges.collect::<Vec<_>>()});
    let compiled = compile(&file, &catalogue());
    compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
}

pub fn points() -> Value {
    json!({"actionType": "award_points", "config": {"points": 5}})
}

fn mail(text: &str) -> Value {
    json!({"actionType": "send_email", "config": {"to": "a@b.c", "subject": "s", "text": text}})
}

fn when(expression: &str) -> Value {
    json!({"conditionType": "condition", "config": {"expression": expression}})
}

/// Answers every request with "done" until the execution rests or ends; gives the nodes in the order they asked.
pub fn finish(run: &mut Run, plan: &Plan) -> Vec<String> {
    let mut asked = Vec::new();
    loop {
        let requests = run.advance(plan, now());
        if requests.is_empty() {
            return asked;
        }
        for request in requests {
            asked.push(request.node.to_string());
            let result = json!({"points": 5, "balance": 5});
            run.answer(
                plan,
                &request.node,
                &request.item,
                Answer::Done { result, changes: Vec::new(), why: String::new() },
                now(),
            );
        }
    }
}

pub fn start(plan: &Plan) -> Run {
    Run::start(id(), plan, &order_event(json!({})), now())
}

pub fn outcomes(run: &Run) -> Vec<String> {
    let word = |outcome| {
        serde_json::to_value(outcome).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    };
    run.steps().iter().map(|step| format!("{} {}", step.node, word(step.outcome))).collect()
}

#[test]
fn a_diamond_joins_once_and_only_when_both_are_through() {
    let plan = plan(&[("a", points()), ("b", points()), ("j", points())], &["t>a", "t>b", "a>j", "b>j"]);
    let mut run = start(&plan);
    let first = run.advance(&plan, now());
    assert_eq!(first.iter().map(|r| r.node.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(first[0].id, EffectId::derive(id(), &"a".into(), &[]));
    let done = || Answer::Done { result: json!({}), changes: Vec::new(), why: String::new() };
    run.answer(&plan, &"a".into(), &[], done(), now());
    assert!(run.advance(&plan, now()).is_empty(), "b is not through");
    assert_eq!(run.status, Status::Running);
    run.answer(&plan, &"b".into(), &[], done(), now());
    assert_eq!(finish(&mut run, &plan), ["j"]);
    assert_eq!(run.status, Status::Succeeded);
    assert_eq!(outcomes(&run), ["t done", "a done", "b done", "j done"]);
}

#[test]
fn a_way_not_taken_is_skipped_to_its_end_and_blocks_no_join() {
    let nodes = [
        ("c", when("order.total > 1")),
        ("yes", points()),
        ("no", points()),
        ("no2", points()),
        ("j", points()),
    ];
    let plan = plan(&nodes, &["t>c", "c>yes:true", "c>no:false", "no>no2", "yes>j", "no2>j"]);
    let mut run = start(&plan);
    assert_eq!(finish(&mut run, &plan), ["yes", "j"]);
    assert_eq!(outcomes(&run), ["t done", "c done", "no skipped", "no2 skipped", "yes done", "j done"]);
    let decided = &run.steps()[1];
    assert_eq!(
        (decided.branch.as_deref(), decided.why.as_deref()),
        (Some("true"), Some("`order.total > 1` is true"))
    );
    assert_eq!(run.steps()[2].why.as_deref(), Some("no way led here"));
}

#[test]
fn a_disabled_node_is_skipped_with_what_follows_it_alone() {
    let mut disabled = points();
    disabled["enabled"] = false.into();
    let plan = plan(&[("a", disabled), ("b", points()), ("c", points())], &["t>a", "a>b", "t>c"]);
    let mut run = start(&plan);
    assert_eq!(finish(&mut run, &plan), ["c"]);
    assert_eq!(outcomes(&run), ["t done", "a skipped", "b skipped", "c done"]);
    assert_eq!(run.steps()[1].why.as_deref(), Some("it is disabled"));
    assert_eq!(run.status, Status::Succeeded);
}

#[test]
fn a_failure_stops_what_depends_on_it_and_nothing_else() {
    let plan = plan(
        &[("a", mail("{{ order.currency|date }}")), ("b", points()), ("c", points())],
        &["t>a", "a>b", "t>c"],
    );
    let mut run = start(&plan);
    assert_eq!(finish(&mut run, &plan), ["c"]);
    assert_eq!(outcomes(&run), ["t done", "a failed", "b skipped", "c done"]);
    assert!(
        run.steps()[1].why.as_deref().is_some_and(|why| why.starts_with("text: ")),
        "{:?}",
        run.steps()[1].why
    );
    assert_eq!(run.status, Status::Failed);
    let mut refused = start(&plan);
    refused.advance(&plan, now());
    refused.answer(&plan, &"c".into(), &[], Answer::Refused { reason: "no such customer".into() }, now());
    refused.advance(&plan, now());
    assert_eq!(refused.status, Status::Failed);
}

#[test]
fn it_rests_until_its_mail_is_sent_and_goes_on_from_storage() {
    let plan = plan(
        &[("m", mail("hi")), ("p", points()), ("after", mail("{{ steps.m.status }}"))],
        &["t>m", "t>p", "m>after"],
    );
    let mut run = start(&plan);
    run.advance(&plan, now());
    run.answer(&plan, &"m".into(), &[], Answer::Handed { why: "queued".into() }, now());
    run.answer(
        &plan,
        &"p".into(),
        &[],
        Answer::Done { result: json!({}), changes: Vec::new(), why: String::new() },
        now(),
    );
    assert!(run.advance(&plan, now()).is_empty());
    assert_eq!(
        (run.status, run.waiting_for()),
        (
            Status::Waiting,
            vec![(EffectId::derive(id(), &"m".into(), &[]), Spot { node: "m".into(), item: vec![] })]
        )
    );
    assert!(run.advance(&plan, now()).is_empty(), "nothing new");

    let stored = serde_json::to_string(&run.save()).expect("serialises");
    let mut run =
        Run::restore(id(), &plan, serde_json::from_str(&stored).expect("reads"), now()).expect("fits");
    let sent = || Answer::Done { result: json!({"status": "sent"}), changes: Vec::new(), why: String::new() };
    run.answer(&plan, &"m".into(), &[], sent(), now());
    assert_eq!(run.status, Status::Running);
    let next = run.advance(&plan, now());
    assert!(matches!(&next[..], [Request { effect: Effect::SendEmail(mail), .. }] if mail.text == "sent"));
    run.answer(&plan, &"m".into(), &[], sent(), now());
    run.answer(&plan, &"after".into(), &[], sent(), now());
    run.advance(&plan, now());
    assert_eq!(run.status, Status::Succeeded);
    assert_eq!(
        outcomes(&run),
        ["t done", "m done", "p done", "after done"],
        "the waiting step became the done one"
    );
    assert!(run.advance(&plan, now()).is_empty(), "an ended execution stays so");
}

#[test]
fn a_cancelled_execution_does_nothing_more() {
    let plan = plan(&[("m", mail("hi")), ("p", points())], &["t>m", "m>p"]);
    let mut run = start(&plan);
    run.advance(&plan, now());
    run.cancel();
    run.answer(
        &plan,
        &"m".into(),
        &[],
        Answer::Done { result: json!({}), changes: Vec::new(), why: String::new() },
        now(),
    );
    assert!(run.advance(&plan, now()).is_empty());
    assert_eq!(run.status, Status::Cancelled);
}

#[test]
fn a_panic_in_a_kind_fails_its_node_only() {
    use crate::workflow::catalogue::{About, Action, ActionKind, Catalogue, PlanError, RetryClass};

    #[derive(Debug)]
    struct Explode;
    impl Action for Explode {
        fn plan(&self, _: &Context) -> Result<Effect, PlanError> {
            panic!("on purpose")
        }
    }
    static EXPLODE: &[ActionKind] = &[ActionKind {
        about: About {
            name: "explode",
            label: "Explode",
            docs: "Panics.",
            icon: "bomb",
            example: "{}",
            schema: || json!({}),
        },
        retry: RetryClass::Database,
        effect: crate::domain::effect::EffectKind::Rows("explode"),
        writes: &[],
        needs: &[],
        result: &[],
        build: |_| Some(Box::new(Explode)),
    }];
    let catalogue = Catalogue { actions: EXPLODE, ..catalogue() };
    let file = json!({
        "nodes": [{"id": "t", "data": {"triggerType": "order_created"}}, {"id": "x", "data": {"actionType": "explode"}}],
        "edges": [{"source": "t", "target": "x"}]
    });
    let plan = compile(&file, &catalogue).plan.expect("compiles");
    let mut run = start(&plan);
    assert!(run.advance(&plan, now()).is_empty());
    assert_eq!(run.status, Status::Failed);
    assert_eq!(run.steps()[1].why.as_deref(), Some("internal fault: this kind of node panicked"));
}

#[test]
fn another_plan_is_refused() {
    let one = plan(&[("a", points())], &["t>a"]);
    let other = plan(&[("b", points())], &["t>b"]);
    let mut run = start(&one);
    finish(&mut run, &one);
    assert_eq!(Run::restore(id(), &other, run.save(), now()).err(), Some(NotOfThisPlan("a".into())));
    run.answer(&other, &"b".into(), &[], Answer::Refused { reason: String::new() }, now());
}

#[test]
fn a_simple_condition_costs_microseconds() {
    let rules = json!({"conditionType": "condition",
        "config": {"rules": [{"field": "order.total", "operator": ">=", "value": 10_000}]}});
    let plan = plan(&[("c", rules), ("p", points())], &["t>c", "c>p:false"]);
    let event = order_event(json!({}));
    let start = std::time::Instant::now();
    for _ in 0..2_000 {
        let mut run = Run::start(id(), &plan, &event, now());
        assert!(run.advance(&plan, now()).is_empty());
    }
    let each = start.elapsed() / 2_000;
    assert!(each.as_micros() < 500, "{each:?} in an unoptimised build");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Random DAGs of actions that are done, wait, or are refused; storing it at any point changes nothing.
    #[test]
    fn storing_keeps_the_meaning(
        edges in prop::collection::vec((0usize..8, 0usize..8), 0..20),
        fates in prop::collection::vec(0u8..3, 8),
    ) {
        let names: Vec<String> = (0..8).map(|n| format!("n{n}")).collect();
        let nodes: Vec<(&str, Value)> = names.iter().map(|name| (name.as_str(), points())).collect();
        let mut lines = vec!["t>n0".to_owned()];
        lines.extend(edges.iter().filter(|(a, b)| a < b).map(|(a, b)| format!("n{a}>n{b}")));
        let plan = plan(&nodes, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        let (mut kept, mut stored) = (start(&plan), start(&plan));
        for _ in 0..40 {
            let requests = kept.advance(&plan, now());
            prop_assert_eq!(&requests, &stored.advance(&plan, now()));
            let mut turns: Vec<(NodeId, u8)> = requests.iter().map(|r| {
                let at: usize = r.node.as_str()[1..].parse().expect("a number");
                (r.node.clone(), fates[at])
            }).collect();
            turns.extend(kept.waiting_for().into_iter().map(|(_, spot)| (spot.node, 0)));
            if turns.is_empty() {
                break;
            }
            for (node, fate) in turns {
                let answer = || match fate {
                    0 => Answer::Done { result: json!({"points": 1}), changes: Vec::new(), why: String::new() },
                    1 => Answer::Handed { why: "later".into() },
                    _ => Answer::Refused { reason: "no".into() },
                };
                kept.answer(&plan, &node, &[], answer(), now());
                stored.answer(&plan, &node, &[], answer(), now());
            }
            let text = serde_json::to_string(&stored.save()).expect("serialises");
            stored = Run::restore(id(), &plan, serde_json::from_str(&text).expect("reads"), now()).expect("fits");
        }
        prop_assert_eq!(kept.save(), stored.save());
        prop_assert!(matches!(kept.status, Status::Succeeded | Status::Failed));
        let mut seen: Vec<&str> = kept.steps().iter().map(|step| step.node.as_str()).collect();
        seen.sort_unstable();
        let all = seen.len();
        seen.dedup();
        prop_assert_eq!(seen.len(), all, "each node has one step");
        prop_assert_eq!(all, plan.len(), "and every node has one");
    }
}
