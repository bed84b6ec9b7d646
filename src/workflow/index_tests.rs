//! Who is found. That nobody is missed by rules is asked wherever rules are tried (`rules/table_tests.rs`).

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::workflow::catalogue::Catalogue;
use crate::workflow::config::Reader;
use crate::workflow::context::tests::{order_context, order_event};
use crate::workflow::expression::Expression;
use crate::workflow::rules::test::Test;
use crate::workflow::scope::Scope;
use crate::workflow::subjects::{CUSTOMER, ORDER};

fn ways(test: &Value) -> Vec<Anchors> {
    let scope = Scope { subjects: vec![&ORDER, &CUSTOMER], ..Scope::default() };
    let mut reader = Reader::new("t", test, "", &Value::Null, &scope, &Catalogue::EMPTY);
    let read = Test::read(&mut reader, test, "");
    read.unwrap_or_else(|| panic!("{test}: {:?}", reader.faults)).anchors()
}

fn index(tests: &[Value]) -> Index {
    Index::new(&tests.iter().map(ways).collect::<Vec<_>>(), "order")
}

fn rule(field: &str, operator: &str, value: Value) -> Value {
    json!({"field": field, "operator": operator, "value": value})
}

fn all(rules: &[Value]) -> Value {
    json!({"combinator": "and", "rules": rules})
}

fn any_of(rules: &[Value]) -> Value {
    json!({"combinator": "or", "rules": rules})
}

fn found(index: &Index, row: Value, old: Value) -> Vec<usize> {
    let event = order_event(row);
    index.of_event(&event.row, old.as_object().unwrap_or(&Row::new()))
}

#[test]
fn an_event_finds_those_alone_that_it_may_concern() {
    let large = |least: i64| all(&[rule("order.total", ">=", json!(least))]);
    let index = index(&[
        all(&[rule("order.note", "=", json!("a"))]),
        all(&[rule("order.note", "=", json!("b")), rule("order.total", ">", json!(5))]),
        any_of(&[rule("order.note", "in", json!(["b", "c"])), rule("order.currency", "=", json!("USD"))]),
        large(10_000),
        large(30_000),
        all(&[rule("order.total", "<", json!(20_000))]),
        all(&[rule("order.note", "contains", json!("b"))]),
        json!({"not": true, "combinator": "and", "rules": [rule("order.note", "=", json!("a"))]}),
        json!({"expression": "order.note == 'a' and order.total > 3"}),
        json!({"expression": "'USD' == order.currency or 30000 <= order.total"}),
        all(&[rule("order.note", "changedTo", json!("a"))]),
    ]);
    let of = |row| found(&index, row, json!({}));
    assert_eq!(of(json!({"note": "a"})), [0, 3, 6, 7, 8, 10], "the total is 250.00");
    assert_eq!(of(json!({"note": "b", "total": 100})), [1, 2, 5, 6, 7]);
    assert_eq!(of(json!({"note": "c", "total": 30_000})), [2, 3, 4, 6, 7, 9]);
    assert_eq!(of(json!({"currency": "USD", "total": 20_001})), [2, 3, 6, 7, 9]);
    assert!(!index.asks_for_customer());
}

#[test]
fn what_the_customer_decides_is_asked_when_the_customer_is_known() {
    let index = index(&[
        all(&[rule("customer.locale", "=", json!("en"))]),
        all(&[rule("customer.locale", "=", json!("de"))]),
        any_of(&[rule("customer.locale", "=", json!("fr")), rule("order.note", "=", json!("x"))]),
        all(&[rule("order.note", "=", json!("x"))]),
    ]);
    let ada = order_event(json!({})).customer;
    assert!(index.asks_for_customer());
    assert_eq!(found(&index, json!({"note": "x"}), json!({})), [2, 3]);
    assert_eq!(index.of_customer(ada.as_deref()), [0]);
    assert_eq!(index.of_customer(None), [] as [usize; 0], "rules about nobody hold for nobody");
    assert_eq!(index.of_any_customer(), [0, 1, 2]);
}

#[test]
fn the_rarest_of_several_facts_is_looked_up() {
    let both = |n: usize| {
        all(&[rule("order.currency", "=", json!("EUR")), rule("order.note", "=", json!(n.to_string()))])
    };
    let index = index(&(0..50).map(both).collect::<Vec<_>>());
    assert_eq!(found(&index, json!({"note": "7"}), json!({})), [7], "all ask for EUR");
}

#[test]
fn former_values_find() {
    let index = index(&[
        all(&[rule("old.status", "=", json!("new"))]),
        json!({"expression": "old.status == 'done'"}),
    ]);
    assert_eq!(found(&index, json!({}), json!({"status": "new"})), [0]);
    assert_eq!(found(&index, json!({}), json!({"status": "done"})), [1]);
}

/// Expressions about two fields of the order, as people write them and otherwise.
fn expression() -> impl Strategy<Value = String> {
    let path = proptest::sample::select(vec![
        "order.note",
        "order.total",
        "order['total']",
        "customer.locale",
        "old.note",
    ]);
    let constant = proptest::sample::select(vec!["'a'", "'5'", "5", "6", "-1", "5.0", "true", "none", "''"]);
    let op = proptest::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let listed = proptest::sample::select(vec!["['a', '5']", "[5, 6]", "['a', 5.0]", "[]"]);
    let leaf = prop_oneof![
        4 => (path.clone(), op.clone(), constant.clone(), any::<bool>()).prop_map(|(path, op, constant, turned)| {
            if turned { format!("{constant} {op} {path}") } else { format!("{path} {op} {constant}") }
        }),
        1 => (path.clone(), listed).prop_map(|(path, listed)| format!("{path} in {listed}")),
        1 => (path.clone(), op, path).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        (inner.clone(), inner, proptest::sample::select(vec!["and", "or", "not"])).prop_map(
            |(a, b, joined)| {
                if joined == "not" { format!("not ({a})") } else { format!("({a}) {joined} ({b})") }
            },
        )
    })
}

fn value() -> impl Strategy<Value = Value> {
    let values = [
        json!("a"),
        json!("5"),
        json!(5),
        json!(6),
        json!(-1),
        json!(5.0),
        json!(5.5),
        json!(true),
        json!(null),
        json!([]),
        json!(""),
    ];
    proptest::sample::select(values.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_expression_that_holds_is_found(source in expression(), note in value(), total in value()) {
        let parsed = Expression::parse(&source).expect("it can be read");
        let fields = json!({"note": note, "total": total});
        let (event, context) = (order_event(fields.clone()), order_context(fields));
        let index = Index::new(&[parsed.anchors().to_vec()], "order");
        let found = [index.of_event(&event.row, &event.old), index.of_customer(event.customer.as_deref())].concat();
        prop_assert!(!parsed.holds(&context).unwrap_or(false) || !found.is_empty(), "{source}");
    }
}
