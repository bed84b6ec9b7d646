use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::catalogue;
use crate::workflow::compile::compile;
use crate::workflow::diagnostics::{Diagnostic, Severity, any_error};
use crate::workflow::plan::Plan;

pub fn trigger(kind: &str) -> Value {
    json!({"id": "t", "type": "trigger", "data": {"triggerType": kind}})
}

fn action(id: &str, kind: &str, config: Value) -> Value {
    json!({"id": id, "type": "action", "data": {"actionType": kind, "config": config}})
}

pub fn mail(id: &str, text: &str) -> Value {
    action(id, "send_email", json!({"to": "a@b.c", "subject": "s", "text": text}))
}

pub fn points(id: &str) -> Value {
    action(id, "award_points", json!({"points": 1}))
}

pub fn condition(id: &str, config: Value) -> Value {
    json!({"id": id, "type": "condition", "data": {"conditionType": "condition", "config": config}})
}

pub fn rule(field: &str, operator: &str, value: Value) -> Value {
    json!({"rules": [{"field": field, "operator": operator, "value": value}]})
}

/// `a>b` is an edge, `a>b:true` one by a branch.
pub fn flow(nodes: &[Value], edges: &[&str]) -> Value {
    let edges: Vec<Value> = edges
        .iter()
        .map(|edge| {
            let (ends, branch) =
                edge.split_once(':').map_or((*edge, Value::Null), |(ends, b)| (ends, b.into()));
            let (source, target) = ends.split_once('>').expect("an arrow");
            json!({"id": format!("e_{edge}"), "source": source, "target": target, "sourceHandle": branch})
        })
        .collect();
    json!({"nodes": nodes, "edges": edges})
}

fn faults(file: &Value) -> Vec<Diagnostic> {
    let compiled = compile(file, &catalogue());
    assert_eq!(compiled.plan.is_some(), !any_error(&compiled.diagnostics), "{:#?}", compiled.diagnostics);
    compiled.diagnostics
}

pub fn codes(file: &Value) -> Vec<&'static str> {
    faults(file).iter().map(|fault| fault.code).collect()
}

/// Compiles one action behind `order_created` and gives its only fault as `code path help`.
fn one(node: Value) -> String {
    let faults = faults(&flow(&[trigger("order_created"), node], &["t>a"]));
    assert_eq!(faults.len(), 1, "{faults:#?}");
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{} {} {}", faults[0].code, text(&faults[0].path), text(&faults[0].help)).trim().to_owned()
}

pub fn plan(file: &Value) -> Plan {
    let compiled = compile(file, &catalogue());
    compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
}

#[test]
fn the_form_of_the_file() {
    for file in [json!(null), json!([]), json!(3), json!("x")] {
        assert_eq!(codes(&file), ["not-an-object"]);
    }
    assert_eq!(codes(&json!({})), ["no-nodes"]);
    assert_eq!(codes(&json!({"nodes": {}})), ["not-a-list"]);
    assert_eq!(codes(&json!({"nodes": [], "edges": 3})), ["not-a-list"]);
    assert_eq!(codes(&json!({"nodes": []})), ["no-trigger"]);
    assert_eq!(codes(&json!({"nodes": [3, {}, trigger("order_created")]})), ["not-a-node", "no-id"]);
}

#[test]
fn triggers() {
    let second = json!({"id": "u", "data": {"triggerType": "waitlist_joined"}});
    assert_eq!(codes(&flow(&[trigger("order_created"), second], &[])), ["several-triggers"]);
    assert_eq!(codes(&flow(&[points("a")], &[])), ["no-trigger"]);
    assert_eq!(codes(&flow(&[json!({"id": "t", "type": "trigger", "data": {}})], &[])), ["missing-kind"]);
    let mut disabled = trigger("order_created");
    disabled["data"]["enabled"] = false.into();
    assert_eq!(codes(&flow(&[disabled], &[])), ["disabled-trigger"]);
    let unknown = faults(&flow(&[trigger("order_craeted")], &[]));
    assert_eq!(unknown[0].code, "unknown-kind");
    assert_eq!(unknown[0].help.as_deref(), Some("did you mean `order_created`?"));
    assert_eq!(unknown[0].path.as_deref(), Some("/nodes/0/data/triggerType"));
    let file = flow(&[trigger("order_created"), points("a")], &["t>a", "a>t"]);
    assert_eq!(codes(&file), ["edge-into-trigger"]);
    let config =
        json!({"id": "t", "data": {"triggerType": "content_published", "config": {"content": "pst"}}});
    let unknown = faults(&flow(&[config], &[]));
    assert_eq!(
        (unknown[0].code, unknown[0].help.as_deref()),
        ("unknown-value", Some("did you mean `post`?"))
    );
}

#[test]
fn kinds_in_all_their_places() {
    let places = [
        json!({"id": "a", "type": "action", "data": {"actionType": "award_points", "config": {"points": 1}}}),
        json!({"id": "a", "type": "customNode", "data": {"config": {"actionType": "award_points", "points": 1}}}),
        json!({"id": "a", "type": "award_points", "data": {"config": {"points": 1}}}),
        json!({"id": "a", "data": {"type": "award_points", "config": {"points": 1}}}),
        json!({"id": "a", "type": "action", "data": {"kind": "award_points", "config": {"points": 1}}}),
    ];
    let hashes: BTreeSet<String> = places
        .iter()
        .map(|node| plan(&flow(&[trigger("order_created"), node.clone()], &["t>a"])).hash().to_owned())
        .collect();
    assert_eq!(hashes.len(), 1, "they mean the same");
    let two = json!({"id": "a", "data": {"actionType": "award_points", "kind": "send_email", "config": {"points": 1}}});
    assert_eq!(one(two), "conflicting-kinds /nodes/1/data/actionType keep one of them");
    let role = json!({"id": "a", "data": {"triggerType": "award_points"}});
    assert_eq!(codes(&flow(&[trigger("order_created"), role], &["t>a"])), ["conflicting-kinds"]);
    let ty = json!({"id": "a", "type": "condition", "data": {"actionType": "award_points", "config": {"points": 1}}});
    assert!(one(ty).starts_with("conflicting-kinds /nodes/1/type"));
    let implied =
        json!({"id": "c", "type": "condition", "data": {"config": rule("order.total", ">", json!(1))}});
    assert_eq!(
        codes(&flow(&[trigger("order_created"), implied, points("a")], &["t>c", "c>a:true"])),
        [""; 0]
    );
}

#[test]
fn nodes_that_mean_nothing() {
    let odd = json!({"id": "x", "type": "award_pionts", "data": {}});
    let warned = faults(&flow(&[trigger("order_created"), odd.clone()], &[]));
    assert_eq!((warned[0].code, warned[0].severity), ("unknown-type", Severity::Warning));
    let refused = faults(&flow(&[trigger("order_created"), odd], &["t>x"]));
    assert_eq!(
        (refused[0].code, refused[0].help.as_deref()),
        ("unknown-type", Some("did you mean `award_points`?"))
    );
    let bare = json!({"id": "x", "position": {"x": 1, "y": 2}});
    assert_eq!(codes(&flow(&[trigger("order_created"), bare.clone()], &[])), ["missing-kind"]);
    assert!(any_error(&faults(&flow(&[trigger("order_created"), bare], &["t>x"]))));
    let note = json!({"id": "n", "type": "group", "data": {"label": "x"}});
    assert_eq!(
        codes(&flow(&[trigger("order_created"), note.clone(), points("a")], &["t>a", "a>n"])),
        [""; 0]
    );
    assert_eq!(
        codes(&flow(&[trigger("order_created"), note, points("a")], &["t>a", "n>a"])),
        ["inert-source"]
    );
}

#[test]
fn ids_and_edges() {
    let twice = flow(&[trigger("order_created"), points("a"), points("a")], &["t>a"]);
    assert_eq!(codes(&twice), ["duplicate-id"]);
    let dangling =
        faults(&flow(&[trigger("order_created"), points("points")], &["t>points", "points>pionts"]));
    assert_eq!(
        (dangling[0].code, dangling[0].help.as_deref()),
        ("dangling-edge", Some("did you mean `points`?"))
    );
    assert_eq!(dangling[0].edge.as_deref(), Some("e_points>pionts"));
    assert_eq!(
        codes(&json!({"nodes": [trigger("order_created")], "edges": [{"source": "t"}, 4]})),
        ["dangling-edge"; 2]
    );
    let looped = flow(&[trigger("order_created"), points("a")], &["t>a", "a>a"]);
    assert_eq!(codes(&looped), ["self-loop"]);
    let lonely = flow(&[trigger("order_created"), points("a"), points("b")], &["t>a"]);
    assert_eq!(codes(&lonely), ["unreachable"]);
    assert_eq!(plan(&lonely).len(), 2, "it is left out");
    let mut doubled = flow(&[trigger("order_created"), points("a")], &["t>a", "t>a"]);
    doubled["edges"][0]["sourceHandle"] = "null".into();
    assert_eq!(codes(&doubled), ["null-handle"]);
    assert_eq!(plan(&doubled).graph().edge_count(), 1);
}

#[test]
fn cycles_are_shown_with_their_way() {
    let file = flow(
        &[trigger("order_created"), points("a"), points("b"), points("c"), points("d")],
        &["t>a", "a>b", "b>c", "c>a", "c>d"],
    );
    let faults = faults(&file);
    assert_eq!(faults.iter().map(|f| f.code).collect::<Vec<_>>(), ["cycle"]);
    assert_eq!(faults[0].message, "these nodes lead back to themselves: a -> b -> c -> a");
    assert_eq!(faults[0].edge.as_deref(), Some("e_c>a"));
}

#[test]
fn settings() {
    let node = |kind, config| action("a", kind, config);
    let path = "/nodes/1/data/config";
    assert!(one(node("redeem_points", json!({}))).starts_with(&format!("missing-field {path} How many")));
    assert!(one(node("award_points", json!({}))).starts_with("missing-field"));
    let both = json!({"points": 1, "per_amount": {"per": 1, "currency": "EUR"}});
    assert_eq!(one(node("award_points", both)), format!("conflicting-settings {path}/points"));
    let euro = json!({"per_amount": {"per": 1, "currency": "euro"}});
    assert_eq!(one(node("award_points", euro)), format!("unknown-value {path}/per_amount/currency"));
    assert_eq!(one(node("award_points", json!({"points": true}))), format!("wrong-type {path}/points"));
    assert_eq!(one(node("award_points", json!({"points": 0}))), format!("out-of-range {path}/points"));
    assert_eq!(one(node("create_deposit", json!({"percent": 101}))), format!("out-of-range {path}/percent"));
    assert_eq!(
        one(node("create_deposit", json!({"percent": "50"}))),
        format!("wrong-type {path}/percent write 50 without quotes")
    );
    let unknown = one(node("create_deposit", json!({"percnt": 5})));
    assert_eq!(unknown, format!("unknown-field {path}/percnt did you mean `percent`?"));
    assert!(one(node("send_email", json!({"to": "a@b.c", "subject": "s"}))).starts_with("missing-field"));
    let seven = json!({"id": "a", "data": {"actionType": "award_points", "config": 7}});
    assert_eq!(codes(&flow(&[trigger("order_created"), seven], &["t>a"])), ["wrong-type", "missing-field"]);
}

#[test]
fn all_faults_of_one_node_at_once() {
    let node =
        action("a", "send_email", json!({"to": "{{ order.totl }}", "subject": 3, "body": "x", "txt": "y"}));
    let codes: Vec<_> = codes(&flow(&[trigger("order_created"), node], &["t>a"]));
    assert_eq!(codes, ["unknown-field", "wrong-type", "unknown-name", "unknown-field"]);
}

#[test]
fn templates_and_expressions() {
    let path = "/nodes/1/data/config/text";
    assert_eq!(one(mail("a", "{{ order.totl }}")), format!("unknown-name {path} did you mean `total`?"));
    assert_eq!(one(mail("a", "{{ ordr.total }}")), format!("unknown-name {path} did you mean `order`?"));
    assert_eq!(one(mail("a", "Hi {{ order.total")), format!("template-syntax {path}"));
    assert_eq!(one(mail("a", "{% if order.total %}")), format!("template-syntax {path}"));
    assert_eq!(
        one(mail("a", "{{ order.total|mony }}")),
        format!("unknown-filter {path} did you mean `money`?")
    );
    assert!(one(mail("a", "{{ vars.x }}")).starts_with(&format!("unknown-name {path} set it before")));
    assert!(
        one(mail("a", "{{ item.x }}")).starts_with(&format!("unknown-name {path} draw this node behind"))
    );
    assert!(one(mail("a", "{{ order.total.cents }}")).starts_with("unknown-name"));
    let fault = &faults(&flow(&[trigger("order_created"), mail("a", "ä {{ order.totl }}")], &["t>a"]))[0];
    assert_eq!(fault.within, Some(6..16));
    for text in
        ["{{ now|date }} {{ old.status }} {{ event.at }} {{ customer.preferences.a.b }}", "{{ steps }}"]
    {
        assert_eq!(codes(&flow(&[trigger("order_updated"), mail("a", text)], &["t>a"])), [""; 0]);
    }
    let expression = |text: &str| {
        flow(
            &[trigger("order_created"), condition("c", json!({"expression": text})), points("a")],
            &["t>c", "c>a:true"],
        )
    };
    assert_eq!(codes(&expression("order.total > 5 and customer.name")), [""; 0]);
    assert_eq!(codes(&expression("order.total >")), ["expression-syntax"]);
    assert_eq!(codes(&expression("order.totl > 5")), ["unknown-name"]);
    assert_eq!(
        codes(&flow(&[trigger("content_published"), mail("a", "{{ customer.name }}")], &["t>a"])),
        ["unknown-name"]
    );
    assert_eq!(
        codes(&flow(&[trigger("content_published"), mail("a", "{{ post.title }}")], &["t>a"])),
        [""; 0]
    );
}

#[test]
fn results_of_steps() {
    let nodes = |text| [trigger("order_created"), points("points"), points("side"), mail("a", text)];
    let with = |text| faults(&flow(&nodes(text), &["t>points", "t>side", "points>a"]));
    assert_eq!(with("{{ steps.points.balance }}"), []);
    let fault = &with("{{ steps.points.balanc }}")[0];
    assert_eq!((fault.code, fault.help.as_deref()), ("unknown-name", Some("did you mean `balance`?")));
    assert_eq!(with("{{ steps.side.balance }}")[0].code, "step-not-before");
    assert_eq!(with("{{ steps.pionts.balance }}")[0].help.as_deref(), Some("did you mean `points`?"));
}

#[test]
fn rules() {
    let file =
        |config| flow(&[trigger("order_created"), condition("c", config), points("a")], &["t>c", "c>a:true"]);
    let one = |config: Value| {
        let faults = faults(&file(config));
        assert_eq!(faults.len(), 1, "{faults:#?}");
        format!(
            "{} {}",
            faults[0].code,
            faults[0].path.as_deref().unwrap_or_default().replace("/nodes/1/data/config", "")
        )
    };
    assert_eq!(one(rule("order.totl", ">", json!(1))), "unknown-name /rules/0/field");
    assert_eq!(one(rule("order.total", "=>", json!(1))), "unknown-operator /rules/0/operator");
    assert_eq!(one(rule("order.total", "contains", json!("1"))), "unfit-operator /rules/0/operator");
    assert_eq!(one(rule("customer.name", "changed", json!(null))), "unfit-operator /rules/0/operator");
    assert_eq!(one(rule("order.total", ">", json!("100.00"))), "unreadable-value /rules/0/value");
    assert_eq!(one(rule("order.created_at", ">", json!("soon"))), "unreadable-value /rules/0/value");
    assert_eq!(one(rule("order.total", "between", json!("1"))), "unreadable-value /rules/0/value");
    assert_eq!(one(rule("order.status", "matches", json!("("))), "unreadable-value /rules/0/value");
    assert_eq!(one(rule("order.created_at", "within", json!("7 moons"))), "unreadable-value /rules/0/value");
    assert_eq!(one(rule("order.total", ">", Value::Null)), "missing-field /rules/0");
    assert_eq!(one(json!({"rules": [{"operator": "null"}]})), "missing-field /rules/0");
    assert_eq!(one(json!({"rules": [{"field": "order.total"}]})), "missing-field /rules/0");
    assert_eq!(one(json!({"rules": [3]})), "bad-rule /rules/0");
    assert_eq!(one(json!({"combinator": "xor", "rules": []})), "bad-rule /combinator");
    assert_eq!(one(json!({"not": 1, "rules": []})), "wrong-type /not");
    assert_eq!(one(json!({})), "bad-rule ");
    assert_eq!(one(json!({"rules": [], "rule": 1})), "unknown-field /rule");
    assert_eq!(one(json!({"expression": 3})), "wrong-type /expression");
    assert_eq!(one(json!({"expression": "true", "rules": []})), "unknown-field /rules");
    let rules = json!({"rules": [{"field": "order.total", "operator": ">", "valueSource": "field", "value": "order.status"}]});
    assert_eq!(one(rules), "unreadable-value /rules/0/value");
    let rules =
        json!({"rules": [{"field": "order.total", "operator": ">", "valueSource": "api", "value": "x"}]});
    assert_eq!(one(rules), "bad-rule /rules/0/valueSource");
    let rules = json!({"rules": [{"field": "order.status", "operator": "=", "value": "x", "match": {"mode": "all"}}]});
    assert_eq!(one(rules), "unfit-operator /rules/0/match");
    let rules = json!({"rules": [{"field": "customer.preferences", "operator": "=", "value": "x", "match": {"mode": "exactly"}}]});
    assert_eq!(one(rules), "bad-rule /rules/0/match");
    let deep = (0..40).fold(json!({"rules": []}), |inner, _| json!({"rules": [inner]}));
    assert!(one(deep).starts_with("too-large"));
    let help = faults(&file(rule("order.total", ">", json!("100.00"))))[0].help.clone();
    assert_eq!(help.as_deref(), Some("money is written in minor units (cents): 10000 for 100.00"));
}

#[test]
fn branches() {
    let always = || condition("c", json!({"expression": "order.total > 0"}));
    let with = |edge: &str| faults(&flow(&[trigger("order_created"), always(), points("a")], &["t>c", edge]));
    for good in ["c>a:true", "c>a:false", "c>a:yes", "c>a:No", "c>a:TRUE"] {
        assert_eq!(with(good), [], "{good}");
    }
    assert_eq!(with("c>a")[0].code, "missing-branch");
    let broken =
        flow(&[trigger("order_created"), condition("c", json!({})), points("a")], &["t>c", "c>a:tru"]);
    assert_eq!(codes(&broken), ["bad-rule", "unknown-branch"]);
    let fault = &with("c>a:tru")[0];
    assert_eq!((fault.code, fault.help.as_deref()), ("unknown-branch", Some("did you mean `true`?")));
    assert_eq!(codes(&flow(&[trigger("order_created"), always()], &["t>c"])), ["leads-nowhere"]);
    let mut labelled = flow(&[trigger("order_created"), always(), points("a")], &["t>c", "c>a:out-1"]);
    labelled["edges"][1]["label"] = "Yes".into();
    let plan = plan(&labelled);
    assert!(plan.graph().edge_weights().any(|branch| branch.as_deref() == Some("true")));
}

#[test]
fn an_action_needs_what_the_trigger_gives() {
    let deposit = action("a", "create_deposit", json!({}));
    let lacking = faults(&flow(&[trigger("waitlist_joined"), deposit], &["t>a"]));
    assert_eq!((lacking.len(), lacking[0].code), (1, "lacking-field"));
    assert_eq!(codes(&flow(&[trigger("waitlist_joined"), points("a")], &["t>a"])), [""; 0]);
    assert_eq!(codes(&flow(&[trigger("content_published"), points("a")], &["t>a"])), ["lacking-field"]);
}

#[test]
fn what_can_not_be_stored_is_said_once_with_its_place() {
    let mut keyed = flow(&[trigger("order_created")], &[]);
    keyed["x\0"] = json!("a\0");
    for (file, path) in [
        (flow(&[trigger("order_created"), mail("m\0", "x")], &[]), "/nodes/1/id"),
        (flow(&[trigger("order_created"), mail("m", "a\0")], &["t>m"]), "/nodes/1/data/config/text"),
        (keyed, "/x\0"),
    ] {
        let found = faults(&file);
        let found: Vec<_> = found.iter().map(|fault| (fault.code, fault.path.as_deref())).collect();
        assert_eq!(found, [("unstorable", Some(path))]);
    }
}

#[test]
fn a_deep_or_long_template_is_a_diagnostic() {
    for text in [format!("{{{{ 1{} }}}}", "+1".repeat(30_000)), "{% if 1 %}".repeat(9_000)] {
        let found = faults(&flow(&[trigger("order_created"), mail("m", &text)], &["t>m"]));
        assert!(found.iter().any(|fault| fault.code == "template-syntax"), "{found:#?}");
    }
}
