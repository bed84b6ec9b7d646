//! What the compiler says of controls.

use serde_json::{Value, json};

use super::compile_tests::{codes, condition, flow, mail, plan, points, trigger};
use crate::workflow::cycles::{Named, through_database};
use crate::workflow::plan::Plan;

fn control(id: &str, kind: &str, config: Value) -> Value {
    json!({"id": id, "type": "control", "data": {"controlType": kind, "config": config}})
}

fn told(nodes: &[Value], edges: &[&str]) -> Vec<&'static str> {
    let all: Vec<Value> = std::iter::once(trigger("order_created")).chain(nodes.iter().cloned()).collect();
    codes(&flow(&all, edges))
}

fn alone(kind: &str, config: Value) -> Vec<&'static str> {
    told(&[control("c", kind, config), points("p")], &["t>c", "c>p"])
}

const NONE: [&str; 0] = [];

#[test]
fn settings_of_waits() {
    assert_eq!(alone("delay", json!({"for": "2h"})), NONE);
    for (wrong, code) in [
        (json!({"for": "2 moons"}), "bad-span"),
        (json!({"for": "99999d"}), "bad-span"),
        (json!({"for": 2}), "wrong-type"),
        (json!({}), "missing-field"),
        (json!({"for": "2h", "til": "x"}), "unknown-field"),
    ] {
        assert_eq!(alone("delay", wrong.clone()), [code], "{wrong}");
    }
    let hours = |from: &str, zone: &str| {
        alone("time_window", json!({"from": from, "to": "20:00", "time_zone": zone}))
    };
    assert_eq!(hours("09:00", "Europe/Berlin"), NONE);
    assert_eq!(hours("9 o'clock", "Europe/Berlin"), ["bad-time"]);
    assert_eq!(hours("09:00", "Berlin"), ["unknown-time-zone"]);
    assert_eq!(alone("wait_until", json!({"until": "{{ order.creatd_at }}"})), ["unknown-name"]);
    assert_eq!(
        alone("approval", json!({"question": "?"})),
        ["missing-branch"],
        "three ways, and this edge is none"
    );
}

#[test]
fn events_that_are_waited_for() {
    let waits =
        |config: Value| told(&[control("c", "wait_for_event", config), points("p")], &["t>c", "c>p:event"]);
    assert_eq!(waits(json!({"event": "order_created"})), NONE);
    assert_eq!(waits(json!({"event": "order_creatd"})), ["unknown-kind"]);
    assert_eq!(
        waits(json!({"event": "content_published", "config": {"content": "film"}})),
        ["unknown-value"]
    );
    assert_eq!(waits(json!({"event": "content_published", "of": "row"})), ["bad-event"]);
    assert_eq!(waits(json!({"event": "content_published", "of": "customer"})), ["bad-event"]);
    let matching = |expression: &str| json!({"event": "order_created", "match": {"expression": expression}});
    assert_eq!(waits(matching("awaited.total > order.total")), NONE);
    assert_eq!(waits(matching("awaited.totl > order.total")), ["unknown-name"]);
    assert_eq!(waits(json!({"event": "order_created", "timeout": "soon"})), ["bad-span"]);
    assert_eq!(alone("cancel_on", json!({"event": "order_created"})), NONE);
    let of_posts = json!({"event": "content_published", "of": "anyone", "match": {"expression": "awaited.excerpt != ''"}});
    assert_eq!(waits(of_posts), NONE, "one of the rows that it may be has it");
    let outside = told(&[mail("m", "{{ awaited.total }}")], &["t>m"]);
    assert_eq!(outside, ["unknown-name"], "only a match knows the awaited row");
}

#[test]
fn bodies_of_loops_are_closed() {
    let each = |id: &str| control(id, "for_each", json!({"items": "{{ [1, 2] }}"}));
    let item = |id: &str| mail(id, "{{ item }} {{ index }}");
    assert_eq!(told(&[each("f"), item("a"), points("b")], &["t>f", "f>a:each", "f>b:after"]), NONE);
    assert_eq!(
        told(&[each("f"), item("a"), points("b")], &["t>f", "f>a:body", "f>b:done"]),
        NONE,
        "other words"
    );
    let cancels = control("c", "cancel_on", json!({"event": "order_created"}));
    assert_eq!(told(&[each("f"), cancels, points("b")], &["t>f", "f>c:each", "c>b"]), ["misplaced"]);
    assert_eq!(told(&[each("f"), points("b")], &["t>f", "f>b:after"]), ["empty-loop"]);
    assert_eq!(told(&[each("f"), points("b")], &["t>f", "f>b"]), ["empty-loop", "missing-branch"]);
    let leak = ["t>f", "f>a:each", "f>b:after", "b>a"];
    assert_eq!(told(&[each("f"), points("a"), points("b")], &leak), ["loop-leak"]);
    let joined = ["t>f", "t>x", "f>a:each", "a>j", "x>j"];
    let join = control("j", "join", json!({}));
    assert_eq!(told(&[each("f"), points("a"), points("x"), join], &joined), ["loop-leak"]);
    assert_eq!(
        told(&[each("f"), points("a"), item("b")], &["t>f", "f>a:each", "f>b:after"]),
        ["unknown-name"; 2]
    );
    let depth = |most: usize| {
        let mut nodes: Vec<Value> = (0..most).map(|n| each(&format!("f{n}"))).collect();
        nodes.push(points("p"));
        let mut edges: Vec<String> = (1..most).map(|n| format!("f{}>f{n}:each", n - 1)).collect();
        edges.extend(["t>f0".into(), format!("f{}>p:each", most - 1)]);
        told(&nodes, &edges.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(depth(3), NONE);
    assert_eq!(depth(4), ["too-deep"]);
}

#[test]
fn joins_ends_and_errors() {
    let join = |mode: &str| control("j", "join", json!({"mode": mode}));
    assert_eq!(told(&[points("a"), points("b"), join("any")], &["t>a", "t>b", "a>j", "b>j"]), NONE);
    assert_eq!(told(&[points("a"), join("all")], &["t>a", "a>j"]), ["lone-join"]);
    assert_eq!(alone("join", json!({"mode": "most"})), ["unknown-value", "lone-join"][..1]);
    assert_eq!(alone("stop", json!({})), ["edge-after-end"]);
    assert_eq!(told(&[control("c", "stop", json!({}))], &["t>c"]), NONE);
    assert_eq!(
        told(&[points("a"), points("b")], &["t>a", "a>b:error"]),
        NONE,
        "every step has an error branch"
    );
    assert_eq!(told(&[points("a"), points("b")], &["t>a", "t>b:error"]), ["unknown-branch"]);
}

#[test]
fn variables_have_names_that_someone_set() {
    let set = |vars: Value| control("s", "set", json!({"vars": vars}));
    let reads = mail("m", "{{ vars.share }}");
    assert_eq!(
        told(&[set(json!({"share": "{{ order.total // 10 }}"})), reads.clone()], &["t>s", "s>m"]),
        NONE
    );
    assert_eq!(told(&[set(json!({"shar": 1})), reads.clone()], &["t>s", "s>m"]), ["unknown-name"]);
    assert_eq!(told(&[set(json!({"share": 1})), reads], &["t>s", "t>m"]), ["unknown-name"], "not before");
    for (wrong, code) in [
        (json!({}), "out-of-range"),
        (json!({"Share": 1}), "invalid-name"),
        (json!({"a.b": 1}), "invalid-name"),
        (json!({"a": "{{ order.totl }}"}), "unknown-name"),
        (json!({"a": "{{ order.total"}), "template-syntax"),
        (json!([1]), "wrong-type"),
    ] {
        assert_eq!(alone("set", json!({"vars": wrong.clone()})), [code], "{wrong}");
    }
}

#[test]
fn groups_within_each_other() {
    let group = |id: &str, parent: &str| json!({"id": id, "type": "group", "parentId": parent});
    let nodes = |groups: &[Value]| {
        let mut all = vec![trigger("order_created"), points("a")];
        all.extend(groups.iter().cloned());
        codes(&flow(&all, &["t>a"]))
    };
    assert_eq!(nodes(&[group("g", ""), group("h", "g"), group("i", "h"), group("j", "gone")]), NONE);
    assert_eq!(
        nodes(&[group("g", "h"), group("h", "i"), group("i", "g"), group("k", "g")]),
        ["parent-cycle"]
    );
    assert_eq!(nodes(&[group("g", "g"), group("x", "y"), group("y", "x")]), ["parent-cycle"; 2]);
}

#[test]
fn what_is_never_reached_is_told_once() {
    let mut off = points("a");
    off["data"]["enabled"] = false.into();
    assert_eq!(told(&[off.clone(), points("b"), points("c")], &["t>a", "a>b", "b>c"]), ["never-runs"]);
    assert_eq!(
        told(&[off, points("b"), points("c")], &["t>a", "a>b", "t>c", "c>b"]),
        NONE,
        "another way leads there"
    );
}

#[test]
fn conditions_that_know_one_way_only() {
    let always = |config: Value| told(&[condition("c", config), points("b")], &["t>c", "c>b:false"]);
    assert_eq!(always(json!({"expression": "1 > 0"})), ["constant-condition", "never-runs"]);
    assert_eq!(always(json!({"rules": []})), ["constant-condition", "never-runs"]);
    assert_eq!(always(json!({"expression": "order.total > 0"})), NONE);
}

fn published(kind: &str, config: Value, then: &str) -> Plan {
    let start = json!({"id": "t", "type": "trigger", "data": {"triggerType": kind, "config": config}});
    let then = match then {
        "points" => points("a"),
        "mail" => mail("a", "hi"),
        deposit => json!({"id": "a", "type": "action", "data": {"actionType": deposit, "config": {}}}),
    };
    plan(&flow(&[start, then], &["t>a"]))
}

#[test]
fn ways_that_lead_back_through_the_database() {
    let balance = || json!({"points": 100});
    let told = |of: &Plan, others: &[(&str, &Plan)]| -> Vec<String> {
        let others: Vec<Named<'_>> = others.iter().map(|(name, plan)| Named { name, plan }).collect();
        through_database(Named { name: "this", plan: of }, &others)
            .into_iter()
            .map(|fault| fault.message)
            .collect()
    };
    let alone = published("points_balance_reached", balance(), "points");
    let codes: Vec<_> =
        through_database(Named { name: "this", plan: &alone }, &[]).iter().map(|f| f.code).collect();
    assert_eq!(codes, ["cycle-through-database"]);
    let said = told(&alone, &[]);
    assert_eq!(said, ["a cycle through the database: `a` writes loyalty_points, which starts `this`"]);
    assert_eq!(told(&published("points_balance_reached", balance(), "mail"), &[]), [""; 0]);
    let orders = published("order_created", json!({}), "points");
    assert_eq!(told(&orders, &[("other", &alone)]), [""; 0], "the other's own business");
}
