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
    let edits: [fn(&mut Value); 6] = [
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
