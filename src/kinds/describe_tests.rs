use serde_json::{Value, json};

use super::catalogue;
use crate::workflow::catalogue::Kind;
use crate::workflow::compile::compile;
use crate::workflow::describe::{describe, describe_all, schema_of};
use crate::workflow::diagnostics::{Diagnostic, any_error};

/// A small workflow of one trigger and perhaps one node, both with their examples.
fn small(trigger: &str, other: Option<&Kind<'_>>) -> Value {
    let node = |id: &str, kind: &Kind<'_>| {
        let about = describe(kind);
        json!({"id": id, "type": about.role, "data": {format!("{}Type", about.role): about.name, "config": about.example}})
    };
    let trigger = catalogue().find(trigger).expect("a trigger");
    let mut nodes = vec![node("start", &trigger)];
    let mut edges = Vec::new();
    if let Some(other) = other {
        nodes.push(node("it", other));
        edges.push(json!({"source": "start", "target": "it"}));
    }
    json!({"nodes": nodes, "edges": edges})
}

#[test]
fn every_example_compiles_in_a_small_workflow() {
    let catalogue = catalogue();
    let mut tried = 0;
    for kind in catalogue.kinds() {
        let about = kind.about();
        let example: Value = serde_json::from_str(about.example)
            .unwrap_or_else(|fault| panic!("{}: the example is no JSON: {fault}", about.name));
        assert!(example.is_object(), "{}: settings are an object", about.name);
        let faults = |file: &Value| -> Vec<Diagnostic> { compile(file, &catalogue).diagnostics };
        tried += 1;
        if matches!(kind, Kind::Trigger(_)) {
            let found = faults(&small(about.name, None));
            assert!(!any_error(&found), "{}: {found:#?}", about.name);
            continue;
        }
        // It may need what only some triggers give.
        let all = catalogue.triggers.iter().map(|trigger| faults(&small(trigger.about.name, Some(&kind))));
        let best = all.min_by_key(|found| usize::from(any_error(found)) * (1 + found.len()));
        let best = best.expect("there are triggers");
        assert!(!any_error(&best), "{}: its example compiles behind no trigger: {best:#?}", about.name);
    }
    assert!(tried >= 8, "only {tried} kinds");
}

#[test]
fn editors_are_told_everything() {
    for kind in describe_all(&catalogue()) {
        let name = kind.name;
        assert!(
            kind.schema["properties"].is_object()
                || kind.schema["anyOf"].is_array()
                || kind.schema["oneOf"].is_array()
                || kind.schema["type"] == "object",
            "{name}: {}",
            kind.schema
        );
        assert_eq!(kind.gives.is_some(), kind.role == "trigger", "{name}");
        assert_eq!(kind.retry.is_some(), kind.role == "action", "{name}");
        assert!(
            !kind.icon.is_empty() && kind.icon.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "{name}"
        );
        let json = serde_json::to_value(&kind).expect("serialises");
        assert!(json["schema"].is_object(), "{name}");
        let ways = kind.branches_from.is_some() || !kind.branches.is_empty();
        assert!(ways || kind.role != "condition", "{name}: a condition's ways are known");
        assert_eq!(json["error_branch"] == "error", kind.role != "trigger", "{name}");
    }
    let from = |name: &str| describe(&catalogue().find(name).expect("a kind")).branches_from;
    assert_eq!([from("split"), from("switch"), from("condition")], [Some("branches"), Some("cases"), None]);
    let order = describe(&catalogue().find("order_created").expect("a kind"));
    let gives = order.gives.expect("it is a trigger");
    assert_eq!((gives[0].subject, gives[0].operations.as_slice()), ("order", ["insert"].as_slice()));
    assert!(gives[0].fields.iter().any(|field| field.name == "total"));
    for kind in catalogue().kinds() {
        let has_filter = schema_of(&kind)["properties"]["filter"].is_object();
        let is_trigger = matches!(kind, Kind::Trigger(_));
        assert!(has_filter || !is_trigger, "{}: every trigger takes a filter", kind.about().name);
    }
}
