use serde_json::{Value, json};

use super::catalogue;
use super::compile_tests::{flow, plan, points, trigger};
use crate::workflow::compile::compile;
use crate::workflow::diff::diff;

fn with(kind: &str, settings: Value) -> Value {
    let mut start = trigger(kind);
    start["data"]["flow"] = settings;
    flow(&[start, points("a")], &["t>a"])
}

/// Faults as `code path`, from the settings on.
fn faults(kind: &str, settings: Value) -> Vec<String> {
    let told = compile(&with(kind, settings), &catalogue()).diagnostics;
    let path = |path: &Option<String>| path.clone().unwrap_or_default().replace("/nodes/0/data/flow", "");
    told.iter().map(|fault| format!("{} {}", fault.code, path(&fault.path))).collect()
}

#[test]
fn all_rules_are_read() {
    let all = json!({"once": {"per": "customer", "within": "30d"}, "debounce": {"per": "row", "for": "10m", "at_most": "1h"},
        "concurrency": {"per": "{{ order.currency }}", "limit": 1}, "rate": {"limit": 100, "every": "1h"}, "bulk_guard": {"limit": 500}});
    let plan = plan(&with("order_created", all));
    let flow = plan.flow().expect("flow control");
    assert!(flow.once.is_some() && flow.debounce.is_some() && flow.concurrency.is_some());
    assert!(flow.rate.is_some() && flow.bulk_guard.is_some());
    assert!(!plan.needs_customer(), "the row's customer_id is enough");
    for nothing in [json!(null), json!({}), json!({"once": null})] {
        assert_eq!(faults("order_created", nothing), [""; 0]);
    }
}

#[test]
fn faults_of_flow_control_are_told_where_they_are() {
    for (settings, fault) in [
        (json!([]), "wrong-type "),
        (json!({"onec": {}}), "unknown-field /onec"),
        (json!({"once": {"every": "1d"}}), "unknown-field /once/every"),
        (json!({"once": {"per": "costumer"}}), "unknown-value /once/per"),
        (json!({"once": {"per": "{{ order.totl }}"}}), "unknown-name /once/per"),
        (json!({"once": {"per": "{{ steps.a.points }}"}}), "unknown-name /once/per"),
        (json!({"once": {"per": "{{ order.total"}}), "template-syntax /once/per"),
        (json!({"once": {"within": "soon"}}), "bad-span /once/within"),
        (json!({"once": {"within": "0s"}}), "out-of-range /once/within"),
        (json!({"debounce": {}}), "missing-field /debounce"),
        (json!({"debounce": {"for": "91d"}}), "out-of-range /debounce/for"),
        (json!({"debounce": {"for": "10m", "at_most": "5m"}}), "out-of-range /debounce/at_most"),
        (json!({"concurrency": {"limit": 0}}), "out-of-range /concurrency/limit"),
        (json!({"rate": {"limit": 10, "every": "367d"}}), "out-of-range /rate/every"),
        (json!({"rate": {"limit": 0.5, "every": "1d"}}), "wrong-type /rate/limit"),
        (json!({"bulk_guard": {"limit": -1}}), "out-of-range /bulk_guard/limit"),
    ] {
        let told = faults("order_created", settings.clone());
        assert_eq!(told, [fault], "{settings}");
    }
    // (A page awards no points to anybody either.)
    let told = faults("page_published", json!({"once": {"per": "customer"}}));
    assert_eq!(told[0], "lacking-field /once/per", "{told:?}");
}

#[test]
fn a_customer_who_is_found_by_the_row_is_loaded() {
    let mut start = trigger("deposit_paid");
    start["data"]["flow"] = json!({"once": {"per": "customer"}});
    let set =
        json!({"id": "a", "type": "control", "data": {"controlType": "set", "config": {"vars": {"x": 1}}}});
    assert!(plan(&flow(&[start, set], &["t>a"])).needs_customer());
}

#[test]
fn it_is_part_of_the_meaning() {
    let (without, with) = (with("order_created", json!(null)), with("order_created", json!({"once": {}})));
    assert_ne!(plan(&without).hash(), plan(&with).hash());
    let told = serde_json::to_value(diff(&without, &with, &catalogue())).expect("JSON");
    assert_eq!(told["nodes"][0]["fields"], json!([{"path": "flow", "to": {"once": {}}}]));
    let mut elsewhere = without.clone();
    elsewhere["nodes"][1]["data"]["flow"] = json!({"once": {}});
    let told = compile(&elsewhere, &catalogue());
    assert_eq!(told.diagnostics.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["flow-elsewhere"]);
    assert_eq!(told.plan.expect("only a warning").hash(), plan(&without).hash());
}

#[test]
fn editors_get_a_form_of_it() {
    let order = crate::workflow::describe::describe(&catalogue().find("order_created").expect("the kind"));
    let schema = order.flow.expect("a trigger has it");
    for rule in ["once", "debounce", "concurrency", "rate", "bulk_guard"] {
        assert!(schema["properties"][rule]["description"].is_string(), "{rule}: {schema:#}");
    }
    assert!(
        crate::workflow::describe::describe(&catalogue().find("award_points").expect("the kind"))
            .flow
            .is_none()
    );
}
