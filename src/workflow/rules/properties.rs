//! Whatever is written as rules, and whatever a row holds, there is an answer and no panic.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::operator::Operator;
use super::table_tests::{ROW, ask};

fn word() -> impl Strategy<Value = String> {
    let words = [
        "rules",
        "combinator",
        "and",
        "or",
        "not",
        "field",
        "operator",
        "value",
        "valueSource",
        "match",
        "mode",
        "threshold",
        "muted",
        "timeZone",
        "Europe/Berlin",
        "atLeast",
        "exactly",
        "all",
        "some",
        "none",
        "row.text",
        "row.json",
        "row.list",
        "row.time",
        "row.money",
        "row",
        "2026-11-22",
        "9999-12-31T23:59:59Z",
        "7d",
        "9223372036854775807",
        "-0.5",
        "1e308",
        "NaN",
        "(a+)+$",
        "a,b\\,",
        "",
    ];
    prop_oneof![6 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => ".{0,12}"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-3..3_i64).prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..5)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

fn field() -> impl Strategy<Value = String> {
    proptest::sample::select(ROW.fields).prop_map(|field| format!("row.{}", field.name))
}

/// Rules that are read more often than not.
fn rule() -> impl Strategy<Value = Value> {
    let operator = proptest::sample::select(Operator::ALL).prop_map(Operator::as_str);
    let mode = prop_oneof![
        3 => Just(Value::Null),
        1 => (word(), prop_oneof![Just(0.5), Just(1.0), any::<f64>()])
            .prop_map(|(mode, threshold)| json!({"mode": mode, "threshold": threshold})),
    ];
    let likely =
        [json!(5), json!("5"), json!(true), json!("2026-11-22"), json!("7d"), json!(["1", "2"]), json!("a")];
    let likely = proptest::sample::select(likely.to_vec());
    let value = prop_oneof![1 => any_json(), 4 => likely, 1 => field().prop_map(Value::from)];
    (field(), operator, value, mode, prop::bool::weighted(0.2)).prop_map(|(field, operator, value, matching, of_field)| {
        let source = if of_field { "field" } else { "value" };
        json!({"field": field, "operator": operator, "value": value, "match": matching, "valueSource": source})
    })
}

fn group() -> impl Strategy<Value = Value> {
    let one = rule();
    one.prop_recursive(4, 24, 4, |inner| {
        (prop::collection::vec(inner, 0..4), any::<bool>(), any::<bool>(), any::<bool>(), field()).prop_map(
            |(rules, all, not, of_elements, field)| {
                let combinator = if all { "and" } else { "or" };
                let group = json!({"rules": rules, "combinator": combinator, "not": not});
                match of_elements {
                    false => group,
                    true => {
                        json!({"field": field, "operator": "=", "match": {"mode": "some"}, "value": group})
                    }
                }
            },
        )
    })
}

fn row() -> impl Strategy<Value = Map<String, Value>> {
    let names: Vec<&str> = ROW.fields.iter().map(|field| field.name).collect();
    let fields = prop::collection::vec((proptest::sample::select(names), any_json()), 0..9);
    fields.prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_json_as_rules_is_answered(rules in any_json(), row in row()) {
        let faults = ask(&rules, &row, &Map::new()).err();
        prop_assert!(faults.is_none_or(|faults| !faults.is_empty()));
    }

    #[test]
    fn any_row_is_answered(rules in prop::collection::vec(group(), 1..3), row in row(), old in row()) {
        // `ask` holds the answers with and without words against each other.
        for rule in &rules {
            let _answer = ask(&json!({"rules": [rule]}), &row, &old);
        }
    }

    #[test]
    fn not_turns_what_holds_round(rule in rule(), row in row(), old in row()) {
        let test = json!({"rules": [rule]});
        if let Ok(holds) = ask(&test, &row, &old) {
            prop_assert_eq!(ask(&json!({"not": true, "rules": [rule]}), &row, &old), Ok(!holds));
            prop_assert_eq!(ask(&json!({"rules": [test, {"rules": []}]}), &row, &old), Ok(holds));
            prop_assert_eq!(ask(&json!({"combinator": "or", "rules": [rule, {"muted": true, "rules": [test]}]}), &row, &old), Ok(holds));
        }
    }
}

#[test]
fn what_is_too_much_is_refused() {
    let rule =
        |operator: &str, value: Value| json!({"field": "row.text", "operator": operator, "value": value});
    let asked = |rules: Vec<Value>| ask(&json!({"rules": rules}), &Map::new(), &Map::new());
    assert_eq!(asked(vec![rule("=", json!("a")); 500]), Ok(false));
    assert_eq!(asked(vec![rule("=", json!("a")); 501]), Err(vec!["too-large"]));
    assert_eq!(asked(vec![rule("matches", json!("a")); 20]), Ok(false));
    assert_eq!(asked(vec![rule("matches", json!("a")); 21]), Err(vec!["too-large"]));
    assert_eq!(asked(vec![rule("in", json!(vec!["a"; 1_001]))]), Err(vec!["unreadable-value"]));
    assert_eq!(asked(vec![rule("matches", json!("(a{100}){100}"))]), Err(vec!["unreadable-value"]));
    let asked = |rule: Value| ask(&json!({"rules": [rule]}), &Map::new(), &Map::new());
    assert_eq!(asked(json!("and")), Err(vec!["bad-rule"]));
    assert_eq!(
        asked(json!({"field": "row.text", "operator": "null", "timeZone": "Mars"})),
        Err(vec!["unknown-value"])
    );
    assert_eq!(
        asked(json!({"field": "row.text", "operator": "null", "timeZone": 1})),
        Err(vec!["wrong-type"])
    );
    assert_eq!(
        asked(json!({"field": "row.text", "operator": "null", "muted": "yes"})),
        Err(vec!["wrong-type"])
    );
    for threshold in [json!(-1), json!(1.5), json!("1"), json!(1e300), Value::Null] {
        let matching = json!({"mode": "atLeast", "threshold": threshold});
        let rule = json!({"field": "row.list", "operator": "=", "value": "a", "match": matching});
        assert_eq!(asked(rule), Err(vec!["bad-rule"]), "{threshold}");
    }
}

/// A pattern's worst is bounded by its compiled size and by the letters that it is looked for in. Some 10 ms at most
/// where it is optimised; much more is allowed here, so that a busy machine does not fail it.
#[test]
fn the_dearest_pattern_is_short() {
    let row = Map::from_iter([("text".to_owned(), json!("a".repeat(60_000)))]);
    for pattern in ["(a?){30}b", "(a|a)*b", "(?i)([a-z]+)*[0-9]", "a{0,300}b", "(.*)(.*)(.*)(.*)b"] {
        let test = json!({"rules": [{"field": "row.text", "operator": "matches", "value": pattern}]});
        let begun = std::time::Instant::now();
        let said = ask(&test, &row, &Map::new());
        let took = begun.elapsed();
        println!("{:>8.2} ms {pattern} {said:?}", took.as_secs_f64() * 1e3);
        assert!(took.as_millis() < 5_000, "{pattern}: {took:?}");
    }
}
