//! Names, and what they can't be: what the compiler says of reads that always fail.

use serde_json::Value;

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
