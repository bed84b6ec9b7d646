//! Drawings as editors save them: how their parts are read, and what is said where they are not.

use serde_json::{Value, json};

use super::catalogue;
use super::compile_tests::{codes, condition, flow, plan, points, rule, trigger};
use crate::workflow::compile::{MAX_EDGES, MAX_NODES, compile};
use crate::workflow::diagnostics::{Diagnostic, Severity};

const NONE: [&str; 0] = [];

fn each(id: &str) -> Value {
    json!({"id": id, "data": {"controlType": "for_each", "config": {"items": "{{ event.id }}"}}})
}

fn faults(file: &Value) -> Vec<Diagnostic> {
    compile(file, &catalogue()).diagnostics
}

/// The only fault as `code path help`.
fn one(file: &Value) -> String {
    let faults = faults(file);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{} {} {}", faults[0].code, text(&faults[0].path), text(&faults[0].help))
}

#[test]
fn saves_of_react_flow_9_have_one_list() {
    let new = flow(&[trigger("order_created"), points("a"), points("b")], &["t>a", "a>b"]);
    let (nodes, edges) = (&new["nodes"], &new["edges"]);
    let old = json!({"position": [0, 0], "zoom": 1, "elements": [nodes[0], edges[0], nodes[1], edges[1], nodes[2]]});
    assert_eq!(codes(&old), NONE);
    assert_eq!(plan(&old).hash(), plan(&new).hash());
    let mut wrong = old.clone();
    wrong["elements"][2]["data"]["config"] = json!({"points": []});
    wrong["elements"][3]["target"] = json!("c");
    let told: Vec<_> = faults(&wrong).into_iter().map(|fault| fault.path.unwrap_or_default()).collect();
    assert_eq!(told, ["/elements/2/data/config/points", "/elements/3", "/elements/4"]);
    let many = |element: Value, count: usize| json!({"elements": vec![element; count]});
    assert_eq!(codes(&many(points("a"), MAX_NODES + 1)), ["too-large"]);
    assert_eq!(codes(&many(edges[0].clone(), MAX_EDGES + 1)), ["too-large"]);
    assert!(!codes(&many(points("a"), MAX_NODES)).contains(&"too-large"));
}

#[test]
fn edges_that_are_called_otherwise_are_not_lost_in_silence() {
    for key in ["edge", "links", "connections"] {
        let mut file = flow(&[trigger("order_created")], &[]);
        let map = file.as_object_mut().expect("an object");
        let edges = map.remove("edges").expect("edges");
        map.insert(key.into(), edges);
        assert_eq!(one(&file), format!("no-edges /{key} did you mean `edges`?"));
    }
    assert_eq!(codes(&json!({"nodes": [trigger("order_created")], "viewport": {}})), NONE);
    assert_eq!(codes(&json!({"nodes": [trigger("order_created")], "edges": null, "links": []})), NONE);
}

#[test]
fn nodes_are_switched_off_by_true_and_false_only() {
    let with = |data: Value| {
        let mut node = points("a");
        for (key, value) in data.as_object().expect("an object") {
            node["data"][key] = value.clone();
        }
        flow(&[trigger("order_created"), node], &["t>a"])
    };
    let enabled = |data: Value| {
        let plan = plan(&with(data));
        plan.graph().node_weights().find(|node| node.id.as_str() == "a").expect("it is there").enabled
    };
    assert!(enabled(json!({})) && enabled(json!({"enabled": true})) && enabled(json!({"enabled": null})));
    assert!(enabled(json!({"disabled": false})) && enabled(json!({"disabled": null})));
    assert!(enabled(json!({"enabled": true, "disabled": false})));
    assert!(!enabled(json!({"enabled": false})) && !enabled(json!({"enabled": false, "disabled": true})));
    assert!(!enabled(json!({"disabled": true})) && !enabled(json!({"enabled": null, "disabled": true})));
    for (key, odd) in [
        ("enabled", json!("false")),
        ("enabled", json!(0)),
        ("disabled", json!("true")),
        ("disabled", json!([])),
    ] {
        assert_eq!(one(&with(json!({key: odd}))), format!("wrong-type /nodes/1/data/{key} "));
    }
    let both = one(&with(json!({"enabled": true, "disabled": true})));
    assert_eq!(both, "conflicting-settings /nodes/1/data/disabled keep `enabled`");
    let mut off = trigger("order_created");
    off["data"]["disabled"] = true.into();
    assert_eq!(one(&flow(&[off], &[])), "disabled-trigger /nodes/0/data/disabled ");
}

#[test]
fn ids_of_edges_are_not_shared() {
    let nodes = [trigger("order_created"), points("a"), points("b")];
    let mut file = flow(&nodes, &["t>a", "t>b"]);
    file["edges"][1]["id"] = "e_t>a".into();
    let told = faults(&file);
    assert_eq!((told[0].code, told[0].severity), ("duplicate-edge-id", Severity::Warning));
    assert_eq!((told.len(), told[0].path.as_deref()), (1, Some("/edges/1")));
    let twice = flow(&nodes, &["t>a", "t>b", "t>a"]);
    assert_eq!(codes(&twice), NONE, "the same edge once more is no other edge");
}

#[test]
fn a_group_that_is_gone_is_no_trouble() {
    let mut node = points("a");
    node["parentId"] = "gone".into();
    assert_eq!(codes(&flow(&[trigger("order_created"), node], &["t>a"])), NONE);
}

#[test]
fn ways_back_are_told_what_to_do_instead() {
    let nodes = [trigger("order_created"), each("loop"), points("a")];
    let told = faults(&flow(&nodes, &["t>loop", "loop>a:each", "a>loop"]));
    let cycle = told.iter().find(|fault| fault.code == "cycle").expect("a cycle");
    let help = "a loop's body needs no way back: remove the edge that leads to `loop`";
    assert_eq!(cycle.help.as_deref(), Some(help));
    let plain = faults(&flow(&[trigger("order_created"), points("a"), points("b")], &["t>a", "a>b", "b>a"]));
    assert_eq!(plain[0].help.as_deref(), Some("remove one of the edges"));
    let own = one(&flow(&[trigger("order_created"), points("a")], &["t>a", "a>a"]));
    assert_eq!(
        own,
        "self-loop /edges/1 remove the edge; to do something several times, draw the loop `for_each`"
    );
}

#[test]
fn ways_by_which_nothing_would_go_are_told() {
    let nodes = [trigger("order_created"), points("a"), points("b")];
    for name in ["error", "Error", "failed"] {
        let told = faults(&flow(&nodes, &[&format!("t>a:{name}"), "a>b"]));
        assert_eq!(
            (told.len(), told[0].code, told[0].severity),
            (1, "unknown-branch", Severity::Error),
            "{name}"
        );
        assert_eq!(told[0].path.as_deref(), Some("/edges/0/sourceHandle"));
    }
    for name in ["failure", "errors", "failed", "catch", "onError"] {
        let told = faults(&flow(&nodes, &["t>a", &format!("a>b:{name}")]));
        assert_eq!(
            (told.len(), told[0].code, told[0].severity),
            (1, "unknown-branch", Severity::Warning),
            "{name}"
        );
        assert_eq!(told[0].help.as_deref(), Some("did you mean `error`?"));
    }
    for name in ["error", "ERROR", "bottom", "success"] {
        assert_eq!(codes(&flow(&nodes, &["t>a", &format!("a>b:{name}")])), NONE, "{name}");
    }
    let asks = condition("a", rule("order.total", ">", json!(1)));
    let told = faults(&flow(&[trigger("order_created"), asks, points("b")], &["t>a", "a>b:failed"]));
    assert_eq!((told[0].code, told[0].severity), ("unknown-branch", Severity::Error));
}
