use serde_json::{Value, json};

use super::compile_tests::{codes, condition, flow, mail, plan, points, rule, trigger};
use crate::workflow::compile::{MAX_BYTES, MAX_EDGES, MAX_NODES};

#[test]
fn bounds() {
    let many: Vec<Value> = (0..=MAX_NODES).map(|n| points(&n.to_string())).collect();
    assert_eq!(codes(&flow(&many, &[])), ["too-large"]);
    assert_eq!(codes(&flow(&[], &vec!["a>b"; MAX_EDGES + 1])), ["too-large"]);
    assert_eq!(codes(&json!({"nodes": [], "x": "x".repeat(MAX_BYTES)})), ["too-large"]);
}

#[test]
fn a_thousand_nodes_compile_at_once() {
    let mut nodes = vec![trigger("order_created")];
    nodes.extend(
        (1..MAX_NODES).map(|n| mail(&n.to_string(), "{{ order.total|money }} for {{ customer.name }}")),
    );
    let edges: Vec<String> =
        (1..MAX_NODES).map(|n| if n == 1 { "t>1".into() } else { format!("{}>{n}", n - 1) }).collect();
    let file = flow(&nodes, &edges.iter().map(String::as_str).collect::<Vec<_>>());
    let start = std::time::Instant::now();
    assert_eq!(plan(&file).len(), MAX_NODES);
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn a_plan_knows_what_starts_it_and_what_it_reads() {
    let reads = |text| plan(&flow(&[trigger("order_created"), mail("a", text)], &["t>a"])).needs_customer();
    assert!(reads("{{ customer.name }}"));
    assert!(!reads("{{ order.total }}"));
    let rules = condition("c", rule("customer.locale", "=", json!("de")));
    assert!(
        plan(&flow(&[trigger("order_created"), rules, points("a")], &["t>c", "c>a:no"])).needs_customer()
    );
    let plan = plan(&flow(&[trigger("order_created"), points("a")], &["t>a"]));
    assert!(!plan.needs_customer(), "the row's customer_id is enough");
    let mut event = crate::workflow::context::tests::order_event(json!({}));
    assert!(plan.matches(&event));
    event.operation = crate::domain::event::Operation::Update;
    assert!(!plan.matches(&event));
    assert_eq!(plan.sources()[0].subject.table, "orders");
    assert_eq!(plan.trigger_kind(), "order_created");
}

#[test]
fn the_hash_is_of_the_meaning() {
    let file = || {
        flow(
            &[trigger("order_created"), condition("c", json!({"expression": "true"})), points("a")],
            &["t>c", "c>a:true"],
        )
    };
    let hash = |file: &Value| plan(file).hash().to_owned();
    let same: [fn(&mut Value); 6] = [
        |f| f["nodes"][1]["position"] = json!({"x": 5, "y": 9}),
        |f| f["nodes"][2]["data"]["status"] = "running".into(),
        |f| f["nodes"][2]["data"]["label"] = "Points!".into(),
        |f| f["viewport"] = json!({"zoom": 2}),
        |f| f["edges"][0]["id"] = "other".into(),
        |f| f["nodes"].as_array_mut().expect("a list").reverse(),
    ];
    for change in same {
        let mut changed = file();
        change(&mut changed);
        assert_eq!(hash(&changed), hash(&file()), "{changed}");
    }
    let other: [fn(&mut Value); 4] = [
        |f| f["nodes"][2]["data"]["config"]["points"] = 2.into(),
        |f| f["nodes"][2]["data"]["enabled"] = false.into(),
        |f| f["edges"][1]["sourceHandle"] = "false".into(),
        |f| f["nodes"][0]["data"]["triggerType"] = "waitlist_joined".into(),
    ];
    for change in other {
        let mut changed = file();
        change(&mut changed);
        assert_ne!(hash(&changed), hash(&file()), "{changed}");
    }
}
