use serde_json::{Value, json};

use super::super::read;
use super::*;
use crate::domain::ids::ExecutionId;
use crate::workflow::catalogue::Catalogue;
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::context::tests::order_event;
use crate::workflow::scope::Scope;
use crate::workflow::subjects::{ORDER, POST};

fn verdict(config: &Value, row: &Value, old: &Value) -> Verdict {
    let mut event = order_event(row.clone());
    event.old = old.as_object().cloned().unwrap_or_default().into();
    let scope = Scope { subjects: vec![&ORDER, &POST], ..Scope::default() };
    let mut reader = Reader::new("c", config, "", &Value::Null, &scope, &Catalogue::EMPTY);
    let read = read::group(&mut reader, config, "");
    let group = read.unwrap_or_else(|| panic!("{:#?}", reader.faults));
    super::group(&group, &Context::new(&event, "order_created", "order", ExecutionId::default(), event.at))
}

fn rule(field: &str, operator: &str, value: Value) -> Value {
    json!({"rules": [{"field": field, "operator": operator, "value": value}]})
}

fn holds(field: &str, operator: &str, value: Value, row: Value) -> bool {
    verdict(&rule(field, operator, value), &row, &Value::Null).holds
}

#[test]
fn every_operator_on_a_value_and_on_null() {
    // field, operator, value, a row for which it holds, a row for which it does not
    let table = [
        ("order.status", "=", json!("new"), json!({"status": "new"}), json!({"status": "New"})),
        ("order.status", "!=", json!("new"), json!({"status": "paid"}), json!({"status": "new"})),
        ("order.total", "=", json!("100"), json!({"total": 100}), json!({"total": 101})),
        ("order.total", "<", json!(100), json!({"total": 99}), json!({"total": 100})),
        ("order.total", ">", json!(100), json!({"total": 101}), json!({"total": 100})),
        ("order.total", "<=", json!(100), json!({"total": 100}), json!({"total": 101})),
        (
            "order.total",
            ">=",
            json!(9_007_199_254_740_993_i64),
            json!({"total": 9_007_199_254_740_993_i64}),
            json!({"total": 9_007_199_254_740_992_i64}),
        ),
        ("order.note", "contains", json!("gift"), json!({"note": "a gift!"}), json!({"note": "a Gift!"})),
        ("order.note", "beginsWith", json!("a"), json!({"note": "ab"}), json!({"note": "ba"})),
        ("order.note", "endsWith", json!("a"), json!({"note": "ba"}), json!({"note": "ab"})),
        ("order.note", "doesNotContain", json!("x"), json!({"note": "ab"}), json!({"note": "axb"})),
        ("order.note", "doesNotBeginWith", json!("x"), json!({"note": "ab"}), json!({"note": "xb"})),
        ("order.note", "doesNotEndWith", json!("x"), json!({"note": "ab"}), json!({"note": "bx"})),
        ("order.status", "in", json!("new, paid"), json!({"status": "paid"}), json!({"status": "sent"})),
        (
            "order.status",
            "notIn",
            json!(["new", "paid"]),
            json!({"status": "sent"}),
            json!({"status": "paid"}),
        ),
        ("order.total", "between", json!([1, "3"]), json!({"total": 3}), json!({"total": 4})),
        ("order.total", "notBetween", json!("1,3"), json!({"total": 4}), json!({"total": 1})),
        ("order.note", "matches", json!("^A\\d+$"), json!({"note": "A12"}), json!({"note": "B12"})),
        (
            "order.created_at",
            ">",
            json!("2026-11-01"),
            json!({"created_at": "2026-11-02T00:00:00+00:00"}),
            json!({"created_at": "2026-10-31T23:00:00+00:00"}),
        ),
        (
            "order.created_at",
            "within",
            json!("2d"),
            json!({"created_at": "2026-11-21T10:00:00Z"}),
            json!({"created_at": "2026-11-19T10:00:00Z"}),
        ),
    ];
    for (field, operator, value, yes, no) in table {
        assert!(holds(field, operator, value.clone(), yes.clone()), "{field} {operator} {value} on {yes}");
        assert!(!holds(field, operator, value.clone(), no.clone()), "{field} {operator} {value} on {no}");
        let column = field.split('.').nth(1).expect("two parts");
        assert!(!holds(field, operator, value.clone(), json!({column: null})), "{field} {operator} on null");
    }
}

#[test]
fn the_operators_that_ask_for_nothing() {
    let table =
        [("null", [true, false, false]), ("notNull", [false, true, true]), ("isEmpty", [true, true, false])];
    for (operator, expected) in table {
        let seen = [json!(null), json!(""), json!("x")]
            .map(|note| holds("order.note", operator, json!(null), json!({"note": note})));
        assert_eq!(seen, expected, "{operator}");
    }
}

#[test]
fn what_the_event_changed() {
    let asks = |operator, value: Value, old| {
        verdict(&rule("order.status", operator, value), &json!({"status": "paid"}), &old).holds
    };
    assert!(asks("changed", json!(null), json!({"status": "new"})));
    assert!(!asks("changed", json!(null), json!({"total": 1})));
    assert!(asks("changedFrom", json!("new"), json!({"status": "new"})));
    assert!(!asks("changedFrom", json!("sent"), json!({"status": "new"})));
    assert!(asks("changedTo", json!("paid"), json!({"status": "new"})));
    assert!(!asks("changedTo", json!("new"), json!({"status": "x"})));
    assert!(!asks("changedFrom", json!("new"), json!({"status": null})));
}

#[test]
fn groups_join_and_turn_round() {
    let (yes, no) = (rule("order.total", ">", json!(0)), rule("order.total", "<", json!(0)));
    let asks = |group: Value| verdict(&group, &json!({}), &Value::Null).holds;
    assert!(asks(json!({"combinator": "and", "rules": [yes, yes]})));
    assert!(!asks(json!({"combinator": "and", "rules": [yes, no]})));
    assert!(asks(json!({"combinator": "or", "rules": [no, yes]})));
    assert!(!asks(json!({"combinator": "or", "rules": [no, no]})));
    assert!(asks(json!({"not": true, "rules": [no]})));
    assert!(asks(json!({"id": "r", "rules": [{"not": true, "combinator": "or", "rules": [no, no]}]})));
    assert!(asks(json!({"rules": []})));
}

#[test]
fn fields_against_fields_and_lists_by_match() {
    let fields = json!({"rules": [{"field": "order.updated_at", "operator": ">=", "valueSource": "field", "value": "order.created_at"}]});
    assert!(verdict(&fields, &json!({}), &Value::Null).holds);
    assert!(!verdict(&fields, &json!({"created_at": null}), &Value::Null).holds);
    // the customer prefers ["vip", "news"]
    let matching = |mode: &str, threshold: u64, value: &str| {
        let rule = json!({"field": "customer.preferences.tags", "operator": "=", "value": value,
            "match": {"mode": mode, "threshold": threshold}});
        verdict(&json!({"rules": [rule]}), &json!({}), &Value::Null).holds
    };
    assert!(matching("some", 0, "vip") && !matching("all", 0, "vip") && matching("none", 0, "x"));
    assert!(matching("atLeast", 1, "vip") && !matching("atLeast", 2, "vip"));
    assert!(
        matching("atMost", 1, "vip") && matching("exactly", 1, "news") && !matching("exactly", 0, "news")
    );
    let nested = json!({"rules": [{"field": "customer.preferences.tags", "operator": "=", "match": {"mode": "all"},
        "value": {"combinator": "or", "rules": [
            {"field": "", "operator": "beginsWith", "value": "v"}, {"field": "", "operator": "=", "value": "news"}]}}]});
    assert!(verdict(&nested, &json!({}), &Value::Null).holds);
    let contains = rule("customer.preferences.tags", "contains", json!("vip"));
    assert!(verdict(&contains, &json!({}), &Value::Null).holds);
}

#[test]
fn the_why_is_in_words() {
    let why = |field, operator, value| verdict(&rule(field, operator, value), &json!({}), &Value::Null).why;
    assert_eq!(why("order.total", ">=", json!(10_000)), "250.00 is at least 100.00");
    assert_eq!(why("order.total", ">=", json!(30_000)), "250.00 is less than 300.00");
    assert_eq!(why("order.status", "=", json!("paid")), "status is `new`, not `paid`");
    assert_eq!(why("order.status", "=", json!("new")), "status is `new`");
    assert_eq!(why("order.note", "contains", json!("x")), "note has no value");
    assert_eq!(
        why("order.created_at", ">=", json!("2026-11-23")),
        "2026-11-22 10:00:00Z is less than the day 2026-11-23"
    );
    assert_eq!(why("order.status", "in", json!("paid,sent")), "`new` is none of `paid`, `sent`");
}

#[test]
fn days_and_local_times_are_those_of_the_time_zone() {
    let asks = |test: Value, at: &str| verdict(&test, &json!({"created_at": at}), &Value::Null).holds;
    let rule = |zone: Value| json!({"field": "order.created_at", "operator": "=", "value": "2026-11-22", "timeZone": zone});
    let before_midnight = "2026-11-21T23:30:00Z";
    assert!(!asks(json!({"rules": [rule(Value::Null)]}), before_midnight));
    assert!(asks(json!({"rules": [rule(json!("Europe/Berlin"))]}), before_midnight));
    let of_group =
        json!({"timeZone": "Europe/Berlin", "rules": [rule(Value::Null), {"rules": [rule(Value::Null)]}]});
    assert!(asks(of_group, before_midnight));
    let nearest =
        json!({"timeZone": "Europe/Berlin", "rules": [{"timeZone": "UTC", "rules": [rule(Value::Null)]}]});
    assert!(!asks(nearest, before_midnight));
    let behind = json!({"combinator": "and", "rules": [{"timeZone": "Europe/Berlin", "rules": [rule(Value::Null)]}, rule(Value::Null)]});
    assert!(!asks(behind, before_midnight), "a group's zone ends with it");
    let local = json!({"rules": [{"field": "order.created_at", "operator": "<", "value": "2026-11-22T00:31",
        "timeZone": "Europe/Berlin"}]});
    assert!(asks(local.clone(), before_midnight) && !asks(local, "2026-11-21T23:31:00Z"));
}

#[test]
fn a_field_of_unknown_type_is_compared_with_a_time() {
    let test = json!({"rules": [{"field": "customer.preferences.since", "operator": "<", "valueSource": "field", "value": "order.created_at"}]});
    let since = |since: &str| {
        let mut event = order_event(json!({}));
        let customer = json!({"preferences": {"since": since}});
        event.customer = Some(customer.as_object().cloned().unwrap_or_default().into());
        let scope = Scope { subjects: vec![&ORDER], ..Scope::default() };
        let mut reader = Reader::new("c", &test, "", &Value::Null, &scope, &Catalogue::EMPTY);
        let group = read::group(&mut reader, &test, "").expect("it is read");
        super::group(
            &group,
            &Context::new(&event, "order_created", "order", ExecutionId::default(), event.at),
        )
        .holds
    };
    // As text both are later than 10:00 of that day.
    assert!(since("2026-11-22T10:30:00+01:00"));
    assert!(!since("2026-11-22T10:30:00Z"));
}
