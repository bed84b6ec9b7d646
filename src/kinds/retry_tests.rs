use serde_json::{Value, json};

use super::catalogue;
use super::compile_tests::{flow, mail, points, trigger};
use crate::domain::retry::{Retry, Trouble};
use crate::workflow::compile::compile;
use crate::workflow::diff::{NodeChange, diff};

fn with(mut node: Value, retry: Value) -> Value {
    node["data"]["retry"] = retry;
    node
}

fn told(node: Value) -> Vec<String> {
    let compiled = compile(&flow(&[trigger("order_created"), node], &["t>a"]), &catalogue());
    let all = compiled.diagnostics.iter();
    all.map(|fault| format!("{} {}", fault.code, fault.path.as_deref().unwrap_or_default())).collect()
}

#[test]
fn every_part_of_a_policy_is_read() {
    let whole = json!({"attempts": 5, "backoff": "1m", "longest": "1h", "give_up_after": "1d", "on": ["timeout", "throttled"]});
    let nodes = [trigger("order_created"), with(mail("a", "x"), whole)];
    let plan = compile(&flow(&nodes, &["t>a"]), &catalogue()).plan.expect("a plan");
    let node = plan.node(1).expect("the action");
    let expected = Retry {
        attempts: Some(5),
        backoff_ms: Some(60_000),
        longest_ms: Some(3_600_000),
        give_up_after_ms: Some(86_400_000),
        on: Some(vec![Trouble::Timeout, Trouble::Throttled]),
    };
    assert_eq!(node.retry, Some(expected));
    assert_eq!(told(with(mail("a", "x"), json!({}))), [""; 0]);
    assert_eq!(told(with(mail("a", "x"), Value::Null)), [""; 0]);
    for trouble in Trouble::ALL {
        assert_eq!(told(with(mail("a", "x"), json!({"on": [trouble.as_str()]}))), [""; 0]);
    }
}

#[test]
fn faults_of_a_policy_are_told_with_their_place() {
    for (retry, expected) in [
        (json!({"attempt": 3}), "unknown-field /nodes/1/data/retry/attempt"),
        (json!({"attempts": 0}), "out-of-range /nodes/1/data/retry/attempts"),
        (json!({"attempts": 51}), "out-of-range /nodes/1/data/retry/attempts"),
        (json!({"attempts": "3"}), "wrong-type /nodes/1/data/retry/attempts"),
        (json!({"backoff": "soon"}), "bad-span /nodes/1/data/retry/backoff"),
        (json!({"backoff": "0s"}), "out-of-range /nodes/1/data/retry/backoff"),
        (json!({"longest": "31d"}), "out-of-range /nodes/1/data/retry/longest"),
        (json!({"backoff": "1h", "longest": "1m"}), "conflicting-settings /nodes/1/data/retry/longest"),
        (
            json!({"backoff": "1h", "give_up_after": "1m"}),
            "conflicting-settings /nodes/1/data/retry/give_up_after",
        ),
        (json!({"attempts": 1, "backoff": "1m"}), "conflicting-settings /nodes/1/data/retry/backoff"),
        (json!({"on": []}), "conflicting-settings /nodes/1/data/retry/on"),
        (json!({"on": ["tiemout"]}), "unknown-value /nodes/1/data/retry/on/0"),
        (json!(3), "wrong-type /nodes/1/data/retry"),
    ] {
        assert_eq!(told(with(mail("a", "x"), retry.clone())), [expected], "{retry}");
    }
    // Rows are refused or done.
    assert_eq!(told(with(points("a"), json!({"on": ["timeout"]}))), ["unfit-retry /nodes/1/data/retry/on"]);
    assert_eq!(told(with(points("a"), json!({"on": ["refused"]}))), [""; 0]);
    let mut start = trigger("order_created");
    start["data"]["retry"] = json!({"attempts": 3});
    let compiled = compile(&flow(&[start, points("a")], &["t>a"]), &catalogue());
    assert_eq!(compiled.diagnostics.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["ignored-retry"]);
    assert!(compiled.plan.is_some(), "it may be an editor's own");
}

#[test]
fn another_policy_is_another_version_and_a_difference() {
    let file = |retry: Value| flow(&[trigger("order_created"), with(mail("a", "x"), retry)], &["t>a"]);
    let hash = |file: &Value| compile(file, &catalogue()).plan.expect("a plan").hash().to_owned();
    let (none, three) = (file(Value::Null), file(json!({"attempts": 3})));
    assert_ne!(hash(&none), hash(&three));
    assert_eq!(hash(&none), hash(&flow(&[trigger("order_created"), mail("a", "x")], &["t>a"])));
    let found = diff(&three, &file(json!({"attempts": 4})), &catalogue());
    let [NodeChange::Changed { fields, .. }] = &found.nodes[..] else { panic!("{found:?}") };
    assert_eq!(fields.len(), 1);
    assert_eq!(fields[0].path, "retry.attempts");
    assert!(!diff(&none, &three, &catalogue()).is_same());
}
