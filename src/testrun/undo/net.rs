//! Which changes are to be reversed: what is left of all that the steps of an execution did to each row.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::execution::{Change, Step};

/// The sums of the ledger's lines: they follow.
const BALANCES: &str = "loyalty_points";

/// What is left of all changes of a row, before the first and after the last, and where its place is.
struct Net {
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
    place: usize,
}

/// The changes to be reversed, each row once, in the order in which they are: rows that were added last go first, so that
/// none is deleted that another one refers to.
pub(super) fn to_reverse(steps: &[Step]) -> Vec<Change> {
    let mut rows: BTreeMap<(&str, &str), Net> = BTreeMap::new();
    let all = steps.iter().flat_map(|step| &step.changes).filter(|change| change.table != BALANCES);
    for (place, change) in all.enumerate() {
        let of = |side: &Option<Value>| side.as_ref().and_then(Value::as_object).cloned();
        let (before, after) = (of(&change.before), of(&change.after));
        match rows.get_mut(&(change.table.as_str(), change.key.as_str())) {
            None => {
                rows.insert((&change.table, &change.key), Net { before, after, place });
            }
            Some(net) => net.then(before, after, place),
        }
    }
    let mut rows: Vec<_> = rows.into_iter().filter(|(_, net)| net.is_a_change()).collect();
    rows.sort_by_key(|(_, net)| std::cmp::Reverse(net.place));
    let change = |((table, key), net): ((&str, &str), Net)| Change {
        table: table.to_owned(),
        key: key.to_owned(),
        before: net.before.map(Value::Object),
        after: net.after.map(Value::Object),
    };
    rows.into_iter().map(change).collect()
}

impl Net {
    fn then(&mut self, before: Option<Map<String, Value>>, after: Option<Map<String, Value>>, place: usize) {
        // Of a row that was added there is nothing before it, whatever was written to it later.
        if let (Some(first), Some(before)) = (&mut self.before, before) {
            for (name, value) in before {
                first.entry(name).or_insert(value);
            }
        }
        self.after = after.map(|after| {
            let mut merged = self.after.take().unwrap_or_default();
            merged.extend(after);
            merged
        });
        if self.before.is_some() {
            self.place = place;
        }
    }

    fn is_a_change(&self) -> bool {
        self.before != self.after
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(changes: Value) -> Step {
        let step = json!({"node": "a", "outcome": "done", "changes": changes, "at": "2026-11-22T10:00:00Z"});
        serde_json::from_value(step).expect("a step")
    }

    fn put_back(changes: Value) -> Value {
        serde_json::to_value(to_reverse(&[step(changes)])).expect("JSON")
    }

    #[test]
    fn each_row_goes_back_to_what_it_was_before_all_of_it() {
        let change = |before: Value, after: Value| json!({"table": "orders", "key": "1", "before": before, "after": after});
        let twice = [
            change(json!({"status": "a"}), json!({"status": "b"})),
            change(json!({"status": "b", "note": null}), json!({"status": "c", "note": "x"})),
        ];
        assert_eq!(
            put_back(json!(twice)),
            json!([change(json!({"status": "a", "note": null}), json!({"status": "c", "note": "x"}))])
        );
        let there_and_back = [twice[0].clone(), change(json!({"status": "b"}), json!({"status": "a"}))];
        assert_eq!(put_back(json!(there_and_back)), json!([]));
    }

    #[test]
    fn what_was_added_is_deleted_last_first_and_what_came_and_went_is_nothing() {
        let adds = |key: &str, after: Value| json!({"table": "t", "key": key, "after": after});
        let gone = json!({"table": "t", "key": "3", "before": {"a": 1}});
        let writes = json!({"table": "t", "key": "1", "before": {"a": 1}, "after": {"a": 2}});
        let all = [
            adds("1", json!({"a": 1})),
            adds("2", json!({"of": 1})),
            adds("3", json!({"a": 1})),
            gone,
            writes,
        ];
        assert_eq!(put_back(json!(all)), json!([adds("2", json!({"of": 1})), adds("1", json!({"a": 2}))]));
        // A second attempt tells what the first one did as well.
        let twice: Vec<Value> = all.iter().chain(&all).cloned().collect();
        assert_eq!(put_back(json!(twice)), json!([adds("2", json!({"of": 1})), adds("1", json!({"a": 2}))]));
    }

    #[test]
    fn balances_follow_their_lines() {
        let all = json!([{"table": "loyalty_ledger", "key": "1", "after": {"points": 5}},
            {"table": "loyalty_points", "key": "2", "before": {"balance": 0}, "after": {"balance": 5}}]);
        assert_eq!(put_back(all), json!([{"table": "loyalty_ledger", "key": "1", "after": {"points": 5}}]));
    }
}
