//! Random workflows, run by the engine and by a small interpreter that says nothing but what docs/semantics.md says.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{id, now, start};
use super::*;
use crate::domain::execution::StepOutcome;
use crate::kinds::catalogue;
use crate::workflow::compile::compile;

#[derive(Debug, Clone)]
enum Kind {
    Action,
    Condition,
    Delay,
    FirstOf,
    Loop(Box<Part>),
}

/// A region: nodes, edges from smaller to larger numbers with a pick of branch, and which nodes are disabled.
#[derive(Debug, Clone)]
struct Part {
    kinds: Vec<Kind>,
    edges: Vec<(usize, usize, u8)>,
    disabled: Vec<bool>,
}

fn parts(depth: u32) -> BoxedStrategy<Part> {
    let leaf = prop_oneof![
        4 => Just(Kind::Action), 2 => Just(Kind::Condition), 1 => Just(Kind::Delay), 1 => Just(Kind::FirstOf)
    ];
    let kind: BoxedStrategy<Kind> = match depth {
        0 => leaf.boxed(),
        _ => {
            prop_oneof![5 => leaf, 1 => parts(depth - 1).prop_map(|part| Kind::Loop(Box::new(part)))].boxed()
        }
    };
    let most = if depth == 2 { 8 } else { 4 };
    prop::collection::vec(kind, 1..most)
        .prop_flat_map(|kinds| {
            let count = kinds.len();
            let edge = (0..count, 0..count, any::<u8>());
            let disabled = prop::collection::vec(prop::bool::weighted(0.1), count);
            (Just(kinds), prop::collection::vec(edge, 0..2 * count), disabled)
        })
        .prop_map(|(kinds, edges, disabled)| {
            let mut edges: Vec<_> = edges.into_iter().filter(|(from, to, _)| from < to).collect();
            edges.sort_unstable();
            edges.dedup_by_key(|(from, to, _)| (*from, *to));
            Part { kinds, edges, disabled }
        })
        .boxed()
}

fn pick(what: &impl Hash, of: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish() % of
}

fn name(prefix: &str, at: usize) -> String {
    format!("{prefix}n{at}")
}

fn branch(kind: &Kind, pick: u8) -> Option<&'static str> {
    let choices: &[Option<&str>] = match kind {
        Kind::Condition => &[Some("true"), Some("false"), Some("true"), Some("false"), Some("error")],
        Kind::Loop(_) => &[Some("after"), Some("after"), Some("error")],
        _ => &[None, None, Some("error")],
    };
    choices[usize::from(pick) % choices.len()].map(|name| match name {
        "true" => "true",
        "false" => "false",
        "after" => "after",
        _ => "error",
    })
}

fn items_of(node: &str) -> u32 {
    u32::try_from(pick(&("items", node), 4)).expect("small")
}

/// Whether a condition holds: told by its name, or by the item's number.
fn expression(node: &str, in_loop: bool) -> String {
    if in_loop { "index % 2 == 0".into() } else { (pick(&("holds", node), 2) == 0).to_string() }
}

/// Draws a part; nodes to which nothing leads follow `from` by `by`.
fn draw(
    part: &Part,
    prefix: &str,
    (from, by): (&str, Option<&str>),
    nodes: &mut Vec<Value>,
    edges: &mut Vec<Value>,
) {
    let mut draw_edge = |source: &str, target: &str, branch: Option<&str>| {
        edges.push(json!({"source": source, "target": target, "sourceHandle": branch}));
    };
    for (at, kind) in part.kinds.iter().enumerate() {
        let id = name(prefix, at);
        if !part.edges.iter().any(|(_, to, _)| *to == at) {
            draw_edge(from, &id, by);
        }
        let mut data = match kind {
            Kind::Action => json!({"actionType": "award_points", "config": {"points": 1}}),
            Kind::Condition => {
                json!({"conditionType": "condition", "config": {"expression": expression(&id, !prefix.is_empty())}})
            }
            Kind::Delay => json!({"controlType": "delay", "config": {"for": "1h"}}),
            Kind::FirstOf => json!({"controlType": "join", "config": {"mode": "any"}}),
            Kind::Loop(_) => {
                let items: Vec<u32> = (0..items_of(&id)).collect();
                let at_once = 1 + pick(&("at once", &id), 3);
                json!({"controlType": "for_each", "config": {"items": format!("{{{{ {items:?} }}}}"), "at_once": at_once}})
            }
        };
        data["enabled"] = (!part.disabled[at]).into();
        nodes.push(json!({"id": id, "data": data}));
    }
    for (from, to, pick) in &part.edges {
        draw_edge(&name(prefix, *from), &name(prefix, *to), branch(&part.kinds[*from], *pick));
    }
    for (at, kind) in part.kinds.iter().enumerate() {
        if let Kind::Loop(body) = kind {
            let id = name(prefix, at);
            draw(body, &format!("{id}."), (&id, Some("each")), nodes, edges);
        }
    }
}

fn drawn(part: &Part) -> Value {
    let mut nodes = vec![json!({"id": "t", "data": {"triggerType": "order_created"}})];
    let mut edges = Vec::new();
    draw(part, "", ("t", None), &mut nodes, &mut edges);
    json!({"nodes": nodes, "edges": edges})
}

fn is_refused(node: &str, item: &[u32]) -> bool {
    pick(&("refused", node, item), 4) == 0
}

type Outcomes = BTreeMap<(String, Vec<u32>), StepOutcome>;

/// The interpreter: each node's end follows from the ends of those that lead to it, whatever the order in time.
/// Gives how many failures nothing followed.
fn interpret(part: &Part, prefix: &str, item: &[u32], outcomes: &mut Outcomes) -> u32 {
    let mut left_by: Vec<Option<Option<&str>>> = Vec::new();
    let mut unhandled = 0;
    for (at, kind) in part.kinds.iter().enumerate() {
        let id = name(prefix, at);
        let mut into = part.edges.iter().filter(|(_, to, _)| *to == at).peekable();
        let live = into.peek().is_none()
            || into.any(|(from, _, pick)| {
                let by = branch(&part.kinds[*from], *pick);
                left_by[*from].is_some_and(|left| {
                    if left == Some("error") { by == left } else { by.is_none() || by == left }
                })
            });
        let errors =
            part.edges.iter().any(|(from, _, pick)| *from == at && branch(kind, *pick) == Some("error"));
        let (outcome, left) = if !live || part.disabled[at] {
            (StepOutcome::Skipped, None)
        } else {
            let (failed, left) = match kind {
                Kind::Action => (is_refused(&id, item), None),
                Kind::Condition if item.is_empty() => {
                    (false, Some(if expression(&id, false) == "true" { "true" } else { "false" }))
                }
                Kind::Condition => {
                    let even = item.last().is_some_and(|index| index % 2 == 0);
                    (false, Some(if even { "true" } else { "false" }))
                }
                Kind::Delay | Kind::FirstOf => (false, None),
                Kind::Loop(body) => {
                    let mut failed = false;
                    for index in 0..items_of(&id) {
                        let inner: Vec<u32> = item.iter().copied().chain([index]).collect();
                        failed |= interpret(body, &format!("{id}."), &inner, outcomes) > 0;
                    }
                    // What follows all items still does, unless something follows the failure.
                    unhandled += u32::from(failed && !errors);
                    (failed && errors, Some("after"))
                }
            };
            unhandled += u32::from(failed && !errors);
            if failed { (StepOutcome::Failed, Some(Some("error"))) } else { (StepOutcome::Done, Some(left)) }
        };
        outcomes.insert((id, item.to_vec()), outcome);
        left_by.push(left);
    }
    unhandled
}

fn answer_to(node: &str, item: &[u32]) -> Answer {
    match is_refused(node, item) {
        true => Answer::Refused { reason: "no".into() },
        false => Answer::Done { result: json!({"points": 1}), changes: Vec::new(), why: String::new() },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever the order in which the world answers, and however often it is stored meanwhile.
    #[test]
    fn the_engine_does_what_the_interpreter_says(part in parts(2), order in prop::collection::vec(any::<u8>(), 64)) {
        let compiled = compile(&drawn(&part), &catalogue());
        prop_assert!(compiled.plan.is_some(), "{:#?}", compiled.diagnostics);
        let plan = compiled.plan.expect("a plan");
        let (mut run, mut clock) = (start(&plan), now());
        let mut open: Vec<(NodeId, Vec<u32>)> = Vec::new();
        for turn in 0..2_000 {
            run.refresh();
            open.extend(run.advance(&plan, clock).into_iter().map(|request| (request.node, request.item)));
            if open.is_empty() {
                let Some(due) = run.rests().due else { break };
                clock = clock.max(due);
                let text = serde_json::to_string(&run.save()).expect("serialises");
                run = Run::restore(id(), &plan, serde_json::from_str(&text).expect("reads"), clock).expect("fits");
                continue;
            }
            let (node, item) = open.remove(usize::from(order[turn % order.len()]) % open.len());
            run.answer(&plan, &node, &item, answer_to(node.as_str(), &item), clock);
        }
        let mut expected = Outcomes::new();
        let unhandled = interpret(&part, "", &[], &mut expected);
        expected.insert(("t".into(), Vec::new()), StepOutcome::Done);
        let steps = run.steps().iter().map(|step| ((step.node.to_string(), step.item.clone()), step.outcome));
        let seen: Outcomes = steps.collect();
        prop_assert_eq!(run.steps().len(), seen.len(), "each turn has one step");
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(run.status, if unhandled > 0 { Status::Failed } else { Status::Succeeded });
    }
}
