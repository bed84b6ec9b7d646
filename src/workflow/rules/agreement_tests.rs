//! Agreement with the field: react-querybuilder's own JsonLogic export, run by json-logic-js, case by case.
//!
//! `scripts/json-logic` wrote down what they say. Every difference must have one of the reasons that
//! docs/conditions.md gives, and each reason occurs exactly as often as is written here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::table_tests::{ROW, ask};
use super::value::{Typed, items};
use crate::workflow::subjects::FieldType;

const FIXTURE: &str = include_str!("../../../tests/fixtures/json-logic.json");

/// How often each reason occurs among the cases of rules.
const DIFFERENCES: &[(&str, usize)] = &[
    ("a day is a day", 22),
    ("a list is no text", 8),
    ("an empty list passes all", 9),
    ("either order", 3),
    ("no list", 350),
    ("no value", 620),
    ("not of its type", 454),
    ("nothing in an empty text", 2),
    ("nothing is asked", 51),
    ("one rule turned round", 39),
    ("refused", 3400),
    ("text and number are equal", 83),
    ("text is text", 16),
    ("times are instants", 22),
    ("true is no number", 30),
];

type Row = Map<String, Value>;

fn said(answers: &Value) -> impl Iterator<Item = bool> + '_ {
    answers.as_str().expect("digits").bytes().map(|digit| digit == b'1')
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// One rule of the fixture with the rows it was asked about and what they said.
fn cases<'f>(fixture: &'f Value, of: &'f Value) -> Vec<(&'f Row, bool)> {
    let row = |at: &'f Value| at.as_u64().map_or(at, |at| &fixture["rows"][at as usize]);
    let rows = array(&of["rows"]).iter().map(|at| row(at).as_object().expect("a row"));
    rows.zip(said(&of["says"])).collect()
}

fn field<'v>(row: &'v Row, name: &Value) -> Option<&'v Value> {
    row.get(name.as_str()?.strip_prefix("row.")?).filter(|value| !value.is_null())
}

/// Why ours may differ from theirs for this rule and row.
fn reason(rule: &Value, row: &Row) -> Option<&'static str> {
    let ty = rule["field"]
        .as_str()
        .and_then(|name| ROW.field(name.strip_prefix("row.")?))
        .map(|field| field.ty)?;
    let left = field(row, &rule["field"]);
    if rule["match"].is_object() {
        return reason_of_match(rule, left, ty);
    }
    let right = if rule["valueSource"] == "field" { Some(field(row, &rule["value"])) } else { None };
    match (left, right) {
        (None, _) | (_, Some(None)) => Some("no value"),
        (Some(left), Some(Some(right))) => reason_of_values(&rule["operator"], ty, left, right),
        (Some(left), None) => reason_of_values(&rule["operator"], ty, left, &rule["value"]),
    }
}

fn reason_of_match(rule: &Value, left: Option<&Value>, ty: FieldType) -> Option<&'static str> {
    let Some(elements) = left.and_then(Value::as_array) else { return Some("no list") };
    let group = &rule["value"];
    let inner = array(&group["rules"]);
    match inner {
        [] => return Some("nothing is asked"),
        _ if elements.is_empty() && rule["match"]["mode"] == "all" => {
            return Some("an empty list passes all");
        }
        [only] if group["not"] == true && only["rules"].is_null() => return Some("one rule turned round"),
        _ => {}
    }
    let element_ty = if ty == FieldType::List { FieldType::Text } else { FieldType::Json };
    elements.iter().find_map(|element| reason_in_element(group, element, element_ty))
}

fn reason_in_element(group: &Value, element: &Value, ty: FieldType) -> Option<&'static str> {
    array(&group["rules"]).iter().find_map(|rule| {
        if rule["rules"].is_array() {
            return reason_in_element(rule, element, ty);
        }
        let at = |name: &Value| match name.as_str() {
            Some("") => Some(element),
            Some(name) => element.get(name),
            None => None,
        };
        let given = |name: &Value| at(name).filter(|value| !value.is_null());
        let Some(left) = given(&rule["field"]) else { return Some("no value") };
        match rule["valueSource"] == "field" {
            true => match given(&rule["value"]) {
                Some(right) => reason_of_values(&rule["operator"], ty, left, right),
                None => Some("no value"),
            },
            false => reason_of_values(&rule["operator"], ty, left, &rule["value"]),
        }
    })
}

fn reason_of_values(operator: &Value, ty: FieldType, left: &Value, right: &Value) -> Option<&'static str> {
    let operator = operator.as_str().expect("an operator");
    let several = ["in", "notIn", "between", "notBetween"].contains(&operator);
    let operands = if several { items(right).unwrap_or_default() } else { vec![right.clone()] };
    let both = || operands.iter().chain(left.as_array().map_or(std::slice::from_ref(left), Vec::as_slice));
    let is_digits = |value: &Value| value.as_str().is_some_and(|text| text.trim().parse::<f64>().is_ok());
    let mixed = both().any(Value::is_number) && both().any(Value::is_string);
    let wrong_order = || match &operands[..] {
        [low, high] => {
            let read = |value| Typed::read(value, ty).ok();
            read(low)
                .zip(read(high))
                .and_then(|(low, high)| high.compare(&low))
                .is_some_and(|order| order.is_lt())
        }
        _ => false,
    };
    match ty {
        _ if ty != FieldType::List && Typed::read(left, ty).is_err() => Some("not of its type"),
        _ if !several && ty != FieldType::List && Typed::read(right, ty).is_err() => Some("not of its type"),
        FieldType::Json if left.is_object() && operator.to_ascii_lowercase().contains("contain") => {
            Some("not of its type")
        }
        FieldType::Json if !(asks_for_equality(operator) || left.is_string() || left.is_number()) => {
            Some("not of its type")
        }
        FieldType::Json if operator.ends_with("=") && left.is_array() => Some("a list is no text"),
        FieldType::Json if left.is_number() && asks_for_text(operator) => Some("text and number are equal"),
        _ if left == "" && operator.to_ascii_lowercase().contains("contain") => {
            Some("nothing in an empty text")
        }
        FieldType::Time if operands.iter().any(|day| day.as_str().is_some_and(|day| day.len() == 10)) => {
            Some("a day is a day")
        }
        FieldType::Time => Some("times are instants"),
        _ if operator.ends_with("etween") && wrong_order() && !operands.iter().all(Value::is_number) => {
            Some("either order")
        }
        FieldType::Boolean | FieldType::Json if both().any(Value::is_boolean) => Some("true is no number"),
        FieldType::Text if both().any(Value::is_number) || both().all(is_digits) => Some("text is text"),
        FieldType::Text | FieldType::Id => None,
        _ if mixed || both().all(is_digits) => Some("text and number are equal"),
        _ => None,
    }
}

fn asks_for_text(operator: &str) -> bool {
    ["ontain", "ontains", "With"].iter().any(|end| operator.ends_with(end))
}

fn asks_for_equality(operator: &str) -> bool {
    ["=", "!=", "in", "notIn", "contains", "doesNotContain"].contains(&operator)
}

#[test]
fn rules_agree_with_the_field_but_for_named_reasons() {
    let fixture: Value = serde_json::from_str(FIXTURE).expect("JSON");
    let (mut count, mut seen, mut unexplained) = (0, BTreeMap::new(), Vec::new());
    for of in array(&fixture["rules"]) {
        let rule = &of["rule"];
        let test = json!({"rules": [rule]});
        for (row, theirs) in cases(&fixture, of) {
            count += 1;
            let reason = match ask(&test, row, &Row::new()) {
                Ok(ours) if ours == theirs => continue,
                Ok(_) => reason(rule, row),
                Err(codes) => {
                    assert!(
                        matches!(codes[..], ["unfit-operator" | "unreadable-value"]),
                        "{rule}: {codes:?}"
                    );
                    Some("refused")
                }
            };
            match reason {
                Some(reason) => *seen.entry(reason).or_insert(0) += 1,
                None => {
                    unexplained.push(format!("{rule} on {}: they say {theirs}", Value::from(row.clone())))
                }
            }
        }
    }
    assert!(unexplained.is_empty(), "{} unexplained\n{}", unexplained.len(), unexplained.join("\n"));
    assert!(count > 5_000, "{count}");
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), DIFFERENCES);
    let docs = include_str!("../../../docs/conditions.md");
    let table = docs.split("| reason | there | here |").nth(1).expect("the table of reasons");
    let named = table.lines().skip(2).filter_map(|line| line.split('|').nth(1)).map(str::trim);
    let mut named: Vec<&str> = named.collect();
    named.sort_unstable();
    assert_eq!(named, DIFFERENCES.iter().map(|(reason, _)| *reason).collect::<Vec<_>>());
}

/// What a tree of rules says, as the rules in it say: `None` if it asks nothing.
fn composed(tree: &Value, leaf: &dyn Fn(usize) -> bool) -> Option<bool> {
    if let Some(at) = tree.as_u64() {
        return Some(leaf(at as usize));
    }
    let inner: Vec<bool> = array(&tree["of"]).iter().filter_map(|tree| composed(tree, leaf)).collect();
    if tree["muted"] == true || inner.is_empty() {
        return None;
    }
    let joined = if tree["c"] == "and" { inner.iter().all(|holds| *holds) } else { inner.contains(&true) };
    Some(joined != (tree["not"] == true))
}

fn query(tree: &Value, rules: &[Value]) -> Value {
    if let Some(at) = tree.as_u64() {
        return rules[at as usize]["rule"].clone();
    }
    let inner: Vec<Value> = array(&tree["of"]).iter().map(|tree| query(tree, rules)).collect();
    json!({"combinator": tree["c"], "not": tree["not"], "muted": tree["muted"], "rules": inner})
}

#[test]
fn groups_differ_from_the_field_only_where_their_rules_do() {
    let fixture: Value = serde_json::from_str(FIXTURE).expect("JSON");
    let rules = array(&fixture["rules"]);
    let (mut count, mut nothing) = (0, 0);
    for of in array(&fixture["groups"]) {
        let test = query(&of["tree"], rules);
        for (row, theirs) in array(&fixture["whole"]).iter().zip(said(&of["says"])) {
            count += 1;
            let row = row.as_object().expect("a row");
            let ours = ask(&test, row, &Row::new()).unwrap_or_else(|codes| panic!("{test}: {codes:?}"));
            let their_leaf = |at: usize| {
                let rule = &rules[at]["rule"];
                let same = |other: &Row| {
                    field(other, &rule["field"]) == field(row, &rule["field"])
                        && (rule["valueSource"] != "field"
                            || field(other, &rule["value"]) == field(row, &rule["value"]))
                };
                let case = cases(&fixture, &rules[at]).into_iter().find(|(other, _)| same(other));
                case.unwrap_or_else(|| panic!("{rule} was not asked about {row:?}")).1
            };
            let our_leaf = |at: usize| {
                ask(&json!({"rules": [rules[at]["rule"]]}), row, &Row::new()).expect("it is read")
            };
            match (composed(&of["tree"], &our_leaf), composed(&of["tree"], &their_leaf)) {
                (Some(our_rules), Some(their_rules)) => {
                    assert_eq!((ours, theirs), (our_rules, their_rules), "{test} on {row:?}");
                }
                _ => {
                    nothing += 1;
                    assert!(ours && !theirs, "{test}");
                }
            }
        }
    }
    assert!(count > 4_000 && nothing < count / 2, "{count} of which {nothing} ask nothing");
}
