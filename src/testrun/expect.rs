//! What a test run is expected to answer: any part of a report, as far as it is named.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::report::Report;

/// Parts that a report has.
const PARTS: &[&str] =
    &["outcome", "steps", "inputs", "changes", "deliveries", "timers", "would_start", "warnings"];

/// One place where a report is not as expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// A JSON pointer into the expectation: `/steps/1/result/points`.
    pub at: String,
    /// What it says; null if it says nothing.
    pub expected: Value,
    /// What there is; null if there is nothing.
    pub seen: Value,
}

/// Where a report is not as expected. What the expectation leaves out may be anything; lists are as long as it says.
pub fn differences(report: &Report, expected: &Value) -> Vec<Difference> {
    let seen = serde_json::to_value(report).unwrap_or_default();
    let mut found = Vec::new();
    match expected {
        Value::Object(parts) => {
            for (name, part) in parts {
                let at = format!("/{name}");
                match PARTS.contains(&name.as_str()) {
                    true => compare(&at, part, &seen[name], &mut found),
                    false => found.push(Difference { at, expected: part.clone(), seen: Value::Null }),
                }
            }
        }
        other => found.push(Difference { at: String::new(), expected: other.clone(), seen }),
    }
    found
}

fn compare(at: &str, expected: &Value, seen: &Value, found: &mut Vec<Difference>) {
    let differs = || Difference { at: at.to_owned(), expected: expected.clone(), seen: seen.clone() };
    match (expected, seen) {
        (Value::Object(wanted), Value::Object(members)) => {
            for (name, value) in wanted {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                match members.get(name) {
                    Some(seen) => compare(&at, value, seen, found),
                    None => found.push(Difference { at, expected: value.clone(), seen: Value::Null }),
                }
            }
        }
        (Value::Array(wanted), Value::Array(items)) => {
            for (n, pair) in wanted.iter().zip(items).enumerate() {
                compare(&format!("{at}/{n}"), pair.0, pair.1, found);
            }
            let rest = |n: usize, expected: &Value, seen: &Value| Difference {
                at: format!("{at}/{n}"),
                expected: expected.clone(),
                seen: seen.clone(),
            };
            let missing =
                wanted.iter().enumerate().skip(items.len()).map(|(n, value)| rest(n, value, &Value::Null));
            found.extend(missing);
            let more =
                items.iter().enumerate().skip(wanted.len()).map(|(n, value)| rest(n, &Value::Null, value));
            found.extend(more);
        }
        // 25 and 25.0 are one number.
        (Value::Number(wanted), Value::Number(number)) if wanted.as_f64() == number.as_f64() => {}
        (wanted, value) if wanted == value => {}
        _ => found.push(differs()),
    }
}

/// The expectation as the report has it: the same members as before, or, where there was none, what says what happens and
/// stays the same each time.
pub fn updated(report: &Report, former: Option<&Value>) -> Value {
    let seen = serde_json::to_value(report).unwrap_or_default();
    match former {
        Some(Value::Object(parts)) => {
            let known = parts.iter().filter(|(name, _)| PARTS.contains(&name.as_str()));
            Value::Object(known.map(|(name, part)| (name.clone(), as_before(part, &seen[name]))).collect())
        }
        _ => fresh(&seen),
    }
}

/// `seen`, with those members alone that were named.
fn as_before(former: &Value, seen: &Value) -> Value {
    match (former, seen) {
        (Value::Object(named), Value::Object(members)) => {
            let kept = named
                .iter()
                .filter_map(|(name, part)| Some((name.clone(), as_before(part, members.get(name)?))));
            Value::Object(kept.collect())
        }
        (Value::Array(former), Value::Array(items)) => {
            let like = |n: usize| former.get(n).or(former.last());
            let kept = items.iter().enumerate().map(|(n, item)| match like(n) {
                Some(like) => as_before(like, item),
                None => lasting(item),
            });
            Value::Array(kept.collect())
        }
        _ => seen.clone(),
    }
}

fn fresh(seen: &Value) -> Value {
    let mut parts = Map::new();
    parts.insert("outcome".into(), seen["outcome"].clone());
    for name in ["steps", "changes", "deliveries", "timers", "would_start"] {
        if seen[name].as_array().is_some_and(|list| !list.is_empty()) {
            parts.insert(name.into(), lasting(&seen[name]));
        }
    }
    Value::Object(parts)
}

/// Without what is another each time, or long: ids, instants, whole rows.
fn lasting(value: &Value) -> Value {
    const SHORT: &[&str] = &[
        "node",
        "item",
        "outcome",
        "branch",
        "why",
        "table",
        "before",
        "after",
        "kind",
        "to",
        "subject",
        "text",
        "method",
        "url",
        "suppressed",
        "until",
        "workflow",
        "event",
        "points",
        "balance",
        "status",
        "amount",
        "currency",
    ];
    match value {
        Value::Array(items) => items.iter().map(lasting).collect(),
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| SHORT.contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name.clone(), lasting(value))).collect())
        }
        other => json!(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(expected: Value, seen: Value) -> Vec<String> {
        let mut found = Vec::new();
        compare("", &expected, &seen, &mut found);
        found.into_iter().map(|one| one.at).collect()
    }

    #[test]
    fn what_is_left_out_may_be_anything_and_the_rest_may_not() {
        let seen = json!({"a": [{"b": 1, "c": 2}, {"b": 3}], "d/e": "x"});
        assert_eq!(compared(json!({"a": [{"b": 1.0}, {}]}), seen.clone()), [""; 0]);
        assert_eq!(compared(json!({"a": [{"b": 2}]}), seen.clone()), ["/a/0/b", "/a/1"]);
        assert_eq!(compared(json!({"a": [{}, {}, {}], "d/e": "y"}), seen.clone()), ["/a/2", "/d~1e"]);
        assert_eq!(compared(json!({"f": null}), seen), ["/f"]);
    }

    #[test]
    fn an_update_keeps_what_was_named() {
        let former = json!({"steps": [{"node": "a", "result": {"points": 1}}]});
        let seen = json!({"steps": [{"node": "a", "why": "x", "result": {"points": 2, "balance": 3}}, {"node": "b", "at": "now"}]});
        let expected = json!({"steps": [{"node": "a", "result": {"points": 2}}, {"node": "b"}]});
        assert_eq!(as_before(&former, &seen), expected);
    }
}
