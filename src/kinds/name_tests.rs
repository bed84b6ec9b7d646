//! Names, and what they can't be: what the compiler says of reads that always fail.

use serde_json::{Value, json};

use super::catalogue;
use super::compile_tests::{flow, mail, points, trigger};
use crate::workflow::compile::compile;

/// What is said of a drawing, as `code: message (help)`.
pub fn said(file: &Value) -> Vec<String> {
    let told = compile(file, &catalogue()).diagnostics;
    let help = |help: Option<String>| help.map_or(String::new(), |help| format!(" ({help})"));
    told.into_iter().map(|fault| format!("{}: {}{}", fault.code, fault.message, help(fault.help))).collect()
}

fn behind(nodes: &[Value], text: &str) -> Vec<String> {
    let mut all = vec![trigger("order_created")];
    all.extend(nodes.iter().cloned());
    let mut ways: Vec<String> = Vec::new();
    let mut last = "t".to_owned();
    for node in nodes {
        let id = node["id"].as_str().expect("an id").to_owned();
        ways.push(format!("{last}>{id}"));
        last = id;
    }
    all.push(mail("last mail", text));
    ways.push(format!("{last}>last mail"));
    said(&flow(&all, &ways.iter().map(String::as_str).collect::<Vec<_>>()))
}

#[test]
fn names_behind_subscripts_are_checked() {
    let total = ["unknown-name: `order` has no field `totl` (did you mean `total`?)"];
    for text in [
        r#"{{ order["totl"] }}"#,
        r#"a {{ order['totl']|money }}"#,
        r#"{{ [order]|map(attribute="totl")|join }}"#,
        r#"{{ [1, order["totl"]]|sum }}"#,
        r#"{% for a in [order.totl] %}{% endfor %}"#,
    ] {
        assert_eq!(behind(&[], text), total, "{text}");
    }
    let balance =
        |node: &str| [format!("unknown-name: `{node}` has no field `balanc` (did you mean `balance`?)")];
    for (id, node) in [("node-1", "steps[\"node-1\"]"), ("2", "steps[2]"), ("a.b", "steps[\"a.b\"]")] {
        assert_eq!(behind(&[points(id)], &format!("{{{{ steps['{id}'].balanc }}}}")), balance(node));
        assert_eq!(behind(&[points(id)], &format!("{{{{ steps['{id}']['balance'] }}}}")), [""; 0]);
    }
    assert_eq!(
        behind(&[points("node-1")], "{{ steps.node-1.balance }}"),
        ["unknown-name: there is no node `node` (write `steps[\"node-1\"]`)"]
    );
    for text in [
        "{{ order['total'] }}{{ customer.preferences.tags[0] }}{{ steps['p']['balance'] }}",
        "{% for order in [1] %}{{ order['totl'] }}{% endfor %}",
        "{{ order[event.type]|default('') }}",
        "{{ {'totl': 1}['totl'] }}",
    ] {
        assert_eq!(behind(&[points("p")], text), [""; 0], "{text}");
    }
}

#[test]
fn the_place_of_a_name_is_the_place_where_it_is_written() {
    let text = r#"Größe {{ order.total }}: {{ order["totl"] }}"#;
    let file = flow(&[trigger("order_created"), mail("a", text)], &["t>a"]);
    let fault = compile(&file, &catalogue()).diagnostics.remove(0);
    assert_eq!(&text[fault.within.expect("a place")], r#"order["totl"]"#);
    let file = flow(&[trigger("order_created"), mail("a", "{{ order.totl }}")], &["t>a"]);
    let fault = compile(&file, &catalogue()).diagnostics.remove(0);
    assert_eq!(fault.within, Some(3..13));
}

fn with_trigger(kind: &str, config: Value, text: &str) -> Vec<String> {
    let mut trigger = trigger(kind);
    trigger["data"]["config"] = config;
    said(&flow(&[trigger, mail("a", text)], &["t>a"]))
}

#[test]
fn a_new_row_has_no_former_values() {
    let fault = "unknown-name: `old` is always empty here: no event of this trigger changes a row (leave it out, or \
                 start with a trigger of changes, such as `order_updated`)";
    assert_eq!(with_trigger("order_created", json!({}), "{{ old.total }}"), [fault]);
    assert_eq!(with_trigger("order_created", json!({}), "{{ old is defined }}"), [""; 0]);
    assert_eq!(with_trigger("order_updated", json!({}), "{{ old.total|default('') }}"), [""; 0]);
    let filter = json!({"filter": {"expression": "old.total > 3"}});
    assert_eq!(with_trigger("order_created", filter.clone(), "x"), [fault]);
    assert_eq!(with_trigger("order_updated", filter, "x"), [""; 0]);
}

#[test]
fn tests_that_are_the_same_for_every_event() {
    let filter = |filter: Value| with_trigger("order_created", json!({"filter": filter}), "x");
    let never = ["constant-condition: this never holds: this workflow never starts"];
    assert_eq!(filter(json!({"expression": "1 > 2"})), never);
    assert_eq!(
        filter(json!({"expression": "true"})),
        ["constant-condition: this always holds: it lets everything through"]
    );
    let none = json!({"field": "order.status", "operator": "in", "value": []});
    let some = json!({"field": "order.status", "operator": "=", "value": "new"});
    let empty = "constant-condition: nothing is in an empty list: this rule never holds";
    assert_eq!(filter(json!({"rules": [none, some]})), [never[0], empty]);
    assert_eq!(filter(json!({"combinator": "or", "rules": [none, some]})), [empty]);
    assert_eq!(filter(json!({"rules": [{"rules": [none], "not": true}, some]})), [empty]);
    for fine in [json!({"rules": []}), json!({"rules": [some]}), json!({"expression": "order.total > 1"})] {
        assert_eq!(filter(fine.clone()), [""; 0], "{fine}");
    }
    let wait = |config: Value| {
        let data = json!({"controlType": "wait_for_event", "config": config});
        let node = json!({"id": "w", "type": "control", "data": data});
        said(&flow(&[trigger("order_created"), node, points("p")], &["t>w", "w>p:event"]))
    };
    assert_eq!(
        wait(json!({"event": "order_paid", "timeout": "2d", "match": {"expression": "false"}})),
        ["constant-condition: this never holds: no event is ever the one that is waited for"]
    );
    assert_eq!(
        wait(json!({"event": "order_paid", "timeout": "2d", "config": {"filter": {"rules": []}}})),
        ["unknown-field: there is no setting `filter` (write it in `match`, beside `config`)"]
    );
}

#[test]
fn what_other_languages_write_is_mended() {
    let help = |expression: &str| {
        let filter = json!({"filter": {"expression": expression}});
        let said = with_trigger("order_updated", filter, "x");
        assert_eq!(said.len(), 1, "{said:?}");
        said[0].rsplit_once(" (").map_or(String::new(), |(_, help)| help.trim_end_matches(')').to_owned())
    };
    for (expression, mend) in [
        ("order.status = 'new'", "write `==` in place of `=`"),
        ("order.total > 1 && order.total != 3", "write `and` in place of `&&`"),
        ("order.total > 1 || order.status == '&&'", "write `or` in place of `||`"),
        ("!order.note", "write `not` in place of `!`"),
        ("order.total => 3", "write `>=` in place of `=>`"),
        ("order.note == null", "write `none` in place of `null`"),
        ("{{ order.total > 3 }}", "write it without braces"),
        ("{{ order.total }} > 3", "write it without braces"),
    ] {
        assert_eq!(help(expression), mend, "{expression}");
    }
    assert_eq!(
        with_trigger("order_updated", json!({"filter": "order.total > 3"}), "x"),
        ["wrong-type: a test must be an object, not a text (write {\"expression\": \"order.total > 3\"})"]
    );
    let awarded = |points: Value| {
        let data = json!({"actionType": "award_points", "config": {"points": 1, "reason": points}});
        said(&flow(&[trigger("order_created"), json!({"id": "a", "data": data})], &["t>a"]))
    };
    assert_eq!(awarded(json!(["x"])), ["wrong-type: this must be a template, not a list"]);
}
