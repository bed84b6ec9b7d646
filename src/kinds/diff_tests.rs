use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::catalogue;
use crate::workflow::compile::compile;
use crate::workflow::diff::{Diff, EdgeChange, NodeChange, diff};

fn drawing() -> Value {
    json!({
        "nodes": [
            {"id": "start", "type": "trigger", "position": {"x": 0, "y": 0},
             "data": {"triggerType": "order_created", "config": {}}},
            {"id": "big", "type": "condition", "position": {"x": 0, "y": 100}, "data": {"conditionType": "condition",
             "config": {"combinator": "and", "rules": [{"field": "order.total", "operator": ">=", "value": 10000}]}}},
            {"id": "points", "type": "action", "position": {"x": 0, "y": 200},
             "data": {"actionType": "award_points", "label": "Points", "config": {"points": 5}}},
            {"id": "deposit", "type": "action", "position": {"x": 0, "y": 300},
             "data": {"actionType": "create_deposit", "config": {"percent": 50}}},
        ],
        "edges": [
            {"id": "1", "source": "start", "target": "big"},
            {"id": "2", "source": "big", "sourceHandle": "true", "target": "points"},
            {"id": "3", "source": "points", "target": "deposit"},
        ],
    })
}

fn changed(edit: impl FnOnce(&mut Value)) -> (Diff, bool) {
    let (before, mut after) = (drawing(), drawing());
    edit(&mut after);
    let hash = |drawing: &Value| {
        compile(drawing, &catalogue()).plan.map(|plan| plan.hash().to_owned()).expect("a plan")
    };
    (diff(&before, &after, &catalogue()), hash(&before) == hash(&after))
}

#[test]
fn what_means_the_same_differs_in_nothing() {
    let edits: [fn(&mut Value); 11] = [
        |w| w["edges"][0]["sourceHandle"] = json!("bottom"),
        |w| w["edges"][2]["targetHandle"] = json!("top"),
        |w| w["edges"][1]["sourceHandle"] = json!("yes"),
        |w| {
            let twice = json!({"source": "start", "target": "big", "sourceHandle": "right"});
            w["edges"].as_array_mut().expect("edges").push(twice);
        },
        |w| {
            let rules = &mut w["nodes"][1]["data"]["config"];
            rules["id"] = json!("g-1");
            rules["rules"][0]["id"] = json!("r-1");
        },
        |w| w["nodes"][0]["position"] = json!({"x": 900, "y": -3}),
        |w| w["nodes"].as_array_mut().expect("nodes").reverse(),
        |w| w["edges"].as_array_mut().expect("edges").reverse(),
        |w| w["viewport"] = json!({"zoom": 2}),
        |w| w["edges"][0]["id"] = json!("other"),
        |w| {
            w["nodes"].as_array_mut().expect("nodes").push(json!({"id": "note", "type": "note", "data": {}}));
        },
    ];
    for (at, edit) in edits.into_iter().enumerate() {
        let (diff, same_hash) = changed(edit);
        assert!(diff == Diff::default() && same_hash, "{at}: {diff:?}");
    }
    let (diff, same_hash) = changed(|w| w["nodes"][2]["data"]["label"] = json!("Award"));
    assert!(diff.is_same() && same_hash && diff.captions.len() == 1, "a caption is told apart: {diff:?}");
}

#[test]
fn what_means_something_else_is_told_with_its_place() {
    let (diff, same_hash) = changed(|w| w["nodes"][1]["data"]["config"]["rules"][0]["value"] = json!(20000));
    let [NodeChange::Changed { node, fields, .. }] = &diff.nodes[..] else { panic!("{diff:?}") };
    assert_eq!((node.as_str(), fields[0].path.as_str()), ("big", "config.rules[0].value"));
    assert_eq!((&fields[0].from, &fields[0].to), (&Some(json!(10000)), &Some(json!(20000))));
    assert!(!same_hash);

    let (diff, _) = changed(|w| {
        let rule = json!({"field": "order.status", "operator": "=", "value": "paid"});
        w["nodes"][1]["data"]["config"]["rules"].as_array_mut().expect("rules").insert(0, rule);
    });
    let [NodeChange::Changed { fields, .. }] = &diff.nodes[..] else { panic!("{diff:?}") };
    assert_eq!((fields.len(), fields[0].path.as_str(), &fields[0].from), (1, "config.rules[0]", &None));

    let (diff, same_hash) = changed(|w| w["nodes"][2]["data"]["enabled"] = json!(false));
    assert!(!diff.is_same() && !same_hash, "{diff:?}");
    let (diff, same_hash) =
        changed(|w| w["nodes"][2]["data"]["config"] = json!({"points": 5, "reason": "x"}));
    assert!(!diff.is_same() && !same_hash, "{diff:?}");
}

#[test]
fn nodes_and_ways_come_go_and_lead_elsewhere() {
    let (diff, _) = changed(|w| {
        let nodes = w["nodes"].as_array_mut().expect("nodes");
        nodes.remove(3);
        nodes.push(json!({"id": "mail", "data": {"actionType": "send_email",
            "config": {"to": "a@example.com", "subject": "s", "text": "t"}}}));
        w["edges"][2]["target"] = json!("mail");
    });
    let words: Vec<String> = diff
        .nodes
        .iter()
        .map(|change| match change {
            NodeChange::Added { node, fields, .. } => format!("+{node} {}", fields.len()),
            NodeChange::Removed { node, .. } => format!("-{node}"),
            NodeChange::Changed { node, .. } => format!("~{node}"),
        })
        .collect();
    assert_eq!(words, ["-deposit", "+mail 3"]);
    let [EdgeChange::Rerouted { from, to }] = &diff.edges[..] else { panic!("{diff:?}") };
    assert_eq!((from.target.as_str(), to.target.as_str()), ("deposit", "mail"));

    let (diff, _) = changed(|w| w["edges"][1]["sourceHandle"] = json!("false"));
    let [EdgeChange::Rerouted { from, to }] = &diff.edges[..] else { panic!("{diff:?}") };
    assert_eq!((from.branch.as_deref(), to.branch.as_deref()), (Some("true"), Some("false")));

    let (diff, _) = changed(|w| {
        w["edges"]
            .as_array_mut()
            .expect("edges")
            .push(json!({"id": "4", "source": "start", "target": "deposit"}));
    });
    assert!(matches!(&diff.edges[..], [EdgeChange::Added { .. }]), "{diff:?}");
}

#[test]
fn what_is_no_drawing_is_no_trouble() {
    for odd in [
        json!(null),
        json!([]),
        json!({"nodes": 7}),
        json!({"nodes": [1, {"id": 5}, {"id": 5}], "edges": [{}]}),
    ] {
        let gone = diff(&drawing(), &odd, &catalogue());
        assert!(gone.nodes.len() >= 4 && !gone.is_same());
        assert!(diff(&odd, &odd, &catalogue()).is_same());
    }
}

/// Edits that may or may not change what it means: each picks a place and a value.
fn edit(drawing: &mut Value, (what, node, edge, value): (usize, usize, usize, usize)) {
    let handles = ["true", "yes", "false", "no", "Error", "error", "bottom", "right"];
    let handle = json!(handles[value % handles.len()]);
    let data = &mut drawing["nodes"][node]["data"];
    match what {
        0 => data["enabled"] = json!(value % 2 == 0),
        1 => data["disabled"] = json!(value % 2 == 0),
        2 => data["label"] = json!(value),
        3 if node == 1 => data["config"]["rules"][0]["value"] = json!(value),
        3 => data["config"] = [json!({}), json!({"points": 5}), json!({"percent": 50})][value % 3].clone(),
        4 => data["config"]["id"] = json!(value),
        5 if node == 1 => data["config"]["rules"][0]["id"] = json!(value),
        5 => data["config"]["filter"] = json!({"id": value, "rules": []}),
        6 => drawing["edges"][edge]["sourceHandle"] = handle,
        7 => drawing["edges"][edge]["targetHandle"] = handle,
        8 => drawing["edges"][edge]["label"] = handle,
        9 => drawing["edges"][edge]["id"] = json!(value),
        10 => {
            let mut more = drawing["edges"][edge].clone();
            more["sourceHandle"] = handle;
            drawing["edges"].as_array_mut().expect("edges").push(more);
        }
        11 => drawing["edges"][edge]["target"] = json!(["big", "points", "deposit", "note"][value % 4]),
        12 => {
            let more = [
                json!({"id": "note", "type": "note"}),
                json!({"id": "odd", "type": "means-nothing"}),
                json!({"id": "mail", "data": {"actionType": "award_points", "config": {"points": value}}}),
            ];
            drawing["nodes"].as_array_mut().expect("nodes").push(more[value % 3].clone());
        }
        _ => drawing["nodes"][node]["position"] = json!({"x": value, "y": 1}),
    }
}

#[test]
fn drawings_differ_exactly_if_their_hashes_do() {
    let edits = || prop::collection::vec((0..14_usize, 0..4_usize, 0..3_usize, 0..8_usize), 0..3);
    let (mut same, mut other) = (0, 0);
    let mut runner = TestRunner::deterministic();
    for _ in 0..1_500 {
        let mut sides = Vec::new();
        for _ in 0..2 {
            let mut side = drawing();
            let edits = edits().new_tree(&mut runner).expect("edits").current();
            edits.into_iter().for_each(|one| edit(&mut side, one));
            sides.push(side);
        }
        let hash = |side: &Value| compile(side, &catalogue()).plan.map(|plan| plan.hash().to_owned());
        let (Some(first), Some(second)) = (hash(&sides[0]), hash(&sides[1])) else { continue };
        let diff = diff(&sides[0], &sides[1], &catalogue());
        assert_eq!(diff.is_same(), first == second, "{sides:#?} {diff:#?}");
        if first == second { same += 1 } else { other += 1 }
    }
    assert!(same > 100 && other > 100, "{same} are the same, {other} are not");
}

#[test]
fn ids_are_left_out_of_rules_only() {
    let filtered = |id: &str| {
        let mut it = drawing();
        it["nodes"][0]["data"]["config"]["filter"] = json!({"id": id, "rules": [
            {"id": id, "rules": [{"id": id, "field": "order.total", "operator": ">", "value": 1}]}]});
        it
    };
    let (a, b) = (filtered("a"), filtered("b"));
    assert!(diff(&a, &b, &catalogue()).is_same() && !diff(&a, &drawing(), &catalogue()).is_same());
    let set = |id: &str| {
        let mut it = drawing();
        it["nodes"][3]["data"] =
            json!({"controlType": "set", "config": {"vars": {"x": {"id": id, "rules": []}}}});
        it["nodes"][3]["type"] = json!("control");
        it
    };
    assert!(!diff(&set("a"), &set("b"), &catalogue()).is_same(), "here it is a value");
    let switch = |id: &str| {
        let mut it = drawing();
        it["nodes"][1]["data"] = json!({"conditionType": "switch", "config": {"cases": [{"name": "true", "when":
            {"id": id, "rules": [{"id": id, "field": "order.total", "operator": ">", "value": 1}]}}]}});
        it
    };
    assert!(diff(&switch("a"), &switch("b"), &catalogue()).is_same());
    let hash = |it: &Value| compile(it, &catalogue()).plan.expect("a plan").hash().to_owned();
    assert!(
        hash(&switch("a")) == hash(&switch("b"))
            && hash(&a) == hash(&b)
            && hash(&set("a")) != hash(&set("b"))
    );
}
