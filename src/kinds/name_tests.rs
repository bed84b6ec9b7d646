//! Names, and what they can't be: what the compiler says of reads that always fail.

use serde_json::{Value, json};

use super::catalogue;
use super::compile_tests::{condition, flow, mail, points, trigger};
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

#[test]
fn settings_that_want_a_type_say_so() {
    let node = |role: &str, kind: &str, config: Value| {
        let data = json!({format!("{role}Type"): kind, "config": config});
        let node = json!({"id": "a", "type": role, "data": data});
        let ways: &[&str] = if kind == "for_each" { &["t>a", "a>p:each"] } else { &["t>a", "a>p"] };
        said(&flow(&[trigger("order_created"), node, points("p")], ways))
    };
    let points_of = |points: &str| node("action", "award_points", json!({"points": points}));
    let items = |items: &str| node("control", "for_each", json!({"items": items}));
    let until = |until: &str| node("control", "wait_until", json!({"until": until}));
    let to = |to: &str| node("action", "send_email", json!({"to": to, "subject": "s", "text": "t"}));
    for (said, found) in [
        (points_of("many"), "a whole number, not this text (write such as `{{ order.total // 100 }}`)"),
        (points_of("{{ order.created_at }}"), "a whole number, not `order.created_at`, a time"),
        (items("abc"), "a list, not this text"),
        (items("{{ order.total }}"), "a list, not `order.total`, an amount of money"),
        (items("{{ order['total'] }}"), "a list, not `order.total`, an amount of money"),
        (
            items("{{ customer.preferences.tags }} "),
            "a list, not a text (write one `{{ … }}`, without blanks",
        ),
        (until("soon"), "a time, not this text (write such as `2026-12-01`)"),
        (until("{{ order.total }}"), "a time, not `order.total`, an amount of money"),
        (to("nobody"), "one e-mail address, not this text (write such as `{{ customer.email }}`)"),
        (to("{{ order.total }}"), "one e-mail address, not `order.total`, an amount of money"),
    ] {
        assert_eq!(said.len(), 1, "{found}: {said:?}");
        assert!(said[0].starts_with(&format!("wrong-type: this must give {found}")), "{said:?}");
    }
    for fine in [
        points_of("250"),
        points_of(" {{ order.total // 100 }}"),
        points_of("{{ order.total }}"),
        items("{{ customer.preferences.tags }}"),
        items("{{ customer.preferences.tags|sort }}"),
        until("2026-12-01"),
        until("{{ order.created_at }}"),
        until("{{ order.created_at|date }}T09:00:00Z"),
        to("a@b.c"),
        to("{{ customer.email }}"),
        to("{{ customer.name }}@b.c"),
    ] {
        assert_eq!(fine, [""; 0]);
    }
}

#[test]
fn filters_and_comparisons_of_another_type() {
    let text = |text: &str| behind(&[], text);
    let takes = |what: &str| [format!("wrong-type: {what}")];
    assert_eq!(
        text("{{ order.status|money }}"),
        takes("`money` takes an amount of money; `order.status` is a text")
    );
    assert_eq!(
        text("{{ order.total }}{{ order.total|date }}"),
        takes("`date` takes a time; `order.total` is an amount of money")
    );
    let filter =
        |expression: &str| with_trigger("order_updated", json!({"filter": {"expression": expression}}), "x");
    let unlike = "unlike-types: `order.total` is an amount of money: it is compared with a text (write the number \
                  without quotes)";
    for expression in ["order.total > 'abc'", "'100' == order.total", "order.note and order.total == '1'"] {
        assert_eq!(filter(expression), [unlike], "{expression}");
    }
    let file = flow(&[trigger("order_created"), mail("a", "{{ order.total > 'abc' }}")], &["t>a"]);
    assert_eq!(compile(&file, &catalogue()).diagnostics[0].code, "unlike-types");
    assert_eq!(
        filter("order.status == 3"),
        ["unlike-types: `order.status` is a text: it is compared with a number (write it in quotes)"]
    );
    for fine in [
        "order.total > 3",
        "order.status == 'new'",
        "order.created_at > '2026-01-01'",
        "order.total|string == '3'",
    ] {
        assert_eq!(filter(fine), [""; 0], "{fine}");
    }
    assert_eq!(text("{{ order.total|money }} {{ order.created_at|date }} {{ order.note|date }}"), [""; 0]);
}

/// Draws `q` with a branch to `a`, what is around them, and the node `m` that reads.
fn merged(text: &str, edges: &[&str]) -> Vec<String> {
    let ask = |id: &str, from: i64| condition(id, json!({"expression": format!("order.total > {from}")}));
    let data = json!({"controlType": "set", "config": {"vars": {"x": 1}}});
    let set = json!({"id": "s", "type": "control", "data": data});
    let nodes =
        [trigger("order_created"), ask("q", 1), ask("q2", 1), points("a"), points("b"), set, mail("m", text)];
    let used = |node: &Value| {
        let id = node["id"].as_str().expect("an id");
        edges.iter().any(|edge| edge.split([':', '>']).take(2).any(|end| end == id))
    };
    let nodes: Vec<Value> = nodes.into_iter().filter(used).collect();
    said(&flow(&nodes, edges))
}

#[test]
fn what_a_way_leaves_out_may_be_missing() {
    let read = "{{ steps.a.balance }}";
    let missing = |name: &str, of: &str, way: &str| {
        [format!(
            "maybe-missing: `{name}` is not there where {way} (write `{name} if {of} is defined else 0`)"
        )]
    };
    let past = ["t>q", "q>a:true", "a>m", "q>m:false"];
    let by_false = missing("steps.a.balance", "steps.a", "`q` goes on by `false`");
    assert_eq!(merged(read, &past), by_false);
    assert_eq!(merged(read, &["t>q", "q>a:true", "a>m", "t>b", "b>m"]), by_false);
    assert_eq!(
        merged(read, &["t>a", "a>m", "a>m:error"]),
        missing("steps.a.balance", "steps.a", "`a` goes on by `error`")
    );
    assert_eq!(
        merged("{{ vars.x }}", &["t>q", "q>s:true", "s>m", "q>m:false"]),
        missing("vars.x", "vars.x", "`q` goes on by `false`")
    );
    let file = flow(&[trigger("order_created"), points("a"), mail("m", read)], &["t>a", "a>m", "a>m:error"]);
    assert_eq!(compile(&file, &catalogue()).diagnostics[0].code, "maybe-missing");
    for fine in [
        "{{ steps.a.balance|default(0) }}",
        "{{ steps.a.balance if steps.a is defined else 0 }}",
        "{% if steps.a is defined %}{{ steps.a.balance }}{% endif %}",
        "{{ steps.a is defined and steps.a.balance }}",
    ] {
        assert_eq!(merged(fine, &past), [""; 0], "{fine}");
    }
    let both: &[&[&str]] = &[
        &["t>a", "a>m"],
        &["t>a", "t>b", "a>m", "b>m"],
        &["t>q", "q>a:true", "q>a:false", "a>m", "t>b", "b>m"],
        &["t>q", "q>a:true", "a>m", "q>b:false"],
        // The same question has the same answer.
        &["t>q", "q>a:true", "a>b", "q>b:false", "b>q2", "q2>m:true"],
    ];
    for edges in both {
        assert_eq!(merged(read, edges), [""; 0], "{edges:?}");
    }
}

#[test]
fn the_mend_of_what_may_be_missing_works() {
    use crate::workflow::context::tests::order_context;
    use crate::workflow::template::Template;
    let gives = |source: &str| Template::parse(source).expect("parses").render(&order_context(json!({})));
    assert_eq!(gives("{{ steps.a.balance if steps.a is defined else 0 }}"), Ok("0".into()));
    assert!(gives("{{ steps.a.balance|default(0) }}").is_err(), "the node itself is not there");
    assert_eq!(gives("{{ vars.x if vars.x is defined else 0 }}"), Ok("0".into()));
}
