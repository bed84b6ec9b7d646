//! Cases in files beside workflows, and what a CI reads of them.

use serde_json::{Value, json};

use crate::loyalty::one_action;
use crate::support::Shop;
use crate::testruns::{Folder, order};

#[tokio::test]
async fn cases_beside_workflows_pass_fail_and_are_written_anew() {
    let shop = Shop::open().await;
    let folder = Folder::with(
        &one_action("order_created", "award_points", json!({ "points": "{{ order.total // 100 }}" })),
        &order(700),
    );
    folder.write(
        "expected.json",
        &json!({ "outcome": "succeeded", "steps": [{}, { "result": { "points": 7 } }] }),
    );
    let case = |points: i64| {
        json!({ "about": "Larger.", "event": order(100_000), "settings": { "branches": {} },
        "expect": { "outcome": "succeeded", "steps": [{ "node": "start" }, { "result": { "points": points } }] } })
    };
    folder.write("cases/large.json", &case(1_000));
    let off = json!({ "event": order(1), "settings": { "branches": { "act": "error" } }, "expect": { "outcome": "failed" } });
    folder.write("cases/off.json", &off);
    let dir = folder.path("");
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(folder.path(name)).expect("read")).expect("JSON")
    };
    let (code, said, warned) = shop.thendo(&["test", &dir]).await;
    assert!(code == Some(0) && said.contains("3 of 3 as expected"), "{said}{warned}");
    assert_eq!(shop.count("workflow_executions").await, 0, "no note either");
    folder.write("cases/large.json", &case(999));
    folder.write("cases/broken.json", &json!({ "event": order(1), "expected": {} }));
    let (code, said, _) = shop.thendo(&["test", &dir, "--format", "json"]).await;
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((code, &said["passed"], &said["failed"]), (Some(1), &json!(2), &json!(2)), "{said:#}");
    let large = said["cases"]
        .as_array()
        .expect("cases")
        .iter()
        .find(|case| case["name"].as_str().is_some_and(|name| name.ends_with("/large")));
    let differs = json!([{ "at": "/steps/1/result/points", "expected": 999, "seen": 1000 }]);
    assert_eq!(large.expect("it")["differences"], differs);
    let (_, said, _) = shop.thendo(&["test", &dir, "--update"]).await;
    assert!(said.contains("is no case"), "{said}");
    assert_eq!(read("cases/large.json"), case(1_000), "the rest of the file stays");
    let (code, _, said) = shop.thendo(&["test", &folder.path("cases")]).await;
    assert!(code == Some(1) && said.contains("there are no cases"), "{said}");
}

#[tokio::test]
async fn the_cases_of_the_examples_pass() {
    let shop = Shop::open().await;
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/workflows-examples");
    let (code, said, warned) = shop.thendo(&["test", examples, "--jobs", "8"]).await;
    assert!(code == Some(0) && said.contains("welcome-points/small-order"), "{said}{warned}");
}
