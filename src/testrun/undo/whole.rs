//! Whether a record is surely whole: of an execution with very many steps those of some items of its loops are left out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::domain::execution::Step;

/// Steps of items are left out only where there would be more than this with them.
const ALWAYS_KEPT: usize = 2_000;

/// Whether no item's steps can have been left out: there are too few steps for that, or each loop's items are all there. What
/// is no item's is always kept. `steps` are those of all attempts.
pub(super) fn surely_whole(steps: &[Step]) -> bool {
    let mut largest: BTreeMap<u32, usize> = BTreeMap::new();
    for first in steps.iter().filter_map(|step| step.item.first()) {
        *largest.entry(*first).or_default() += 1;
    }
    // An item that was left out would have been as large as the largest, about.
    steps.len() + largest.values().max().copied().unwrap_or(0) <= ALWAYS_KEPT || has_all_items(steps)
}

/// Whether each loop says how many items it had, and so many are there. Two loops side by side can't be told apart.
fn has_all_items(steps: &[Step]) -> bool {
    let mut seen: BTreeMap<&[u32], BTreeSet<u32>> = BTreeMap::new();
    for step in steps {
        for depth in 0..step.item.len() {
            seen.entry(&step.item[..depth]).or_default().insert(step.item[depth]);
        }
    }
    let mut told: BTreeMap<&[u32], BTreeSet<(&str, u64)>> = BTreeMap::new();
    for step in steps {
        if let Some(items) = step.result.as_ref().and_then(items_of_loop) {
            told.entry(&step.item).or_default().insert((step.node.as_str(), items));
        }
    }
    let whole = |(spot, items): (&&[u32], &BTreeSet<u32>)| {
        let loops = told.get(*spot).map(|loops| loops.iter().collect::<Vec<_>>()).unwrap_or_default();
        matches!(loops.as_slice(), [(_, told)] if *told == items.len() as u64)
    };
    // One whose items are all missing has told of them nevertheless.
    let none_missing = told
        .iter()
        .all(|(spot, loops)| seen.contains_key(spot) || loops.iter().all(|(_, items)| *items == 0));
    none_missing && seen.iter().all(whole)
}

/// How many items a loop began, if this is the result of one.
fn items_of_loop(result: &Value) -> Option<u64> {
    let number = |name: &str| result.get(name).and_then(Value::as_u64);
    number("left")?;
    (number("items") == Some(number("succeeded")? + number("failed")?)).then_some(number("items")?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(node: &str, item: &[u32], result: Value) -> Step {
        let step = json!({"node": node, "item": item, "outcome": "done", "result": result, "at": "2026-11-22T10:00:00Z"});
        serde_json::from_value(step).expect("a step")
    }

    fn of_loop(items: u32, kept: impl Iterator<Item = u32>) -> Vec<Step> {
        let mut steps: Vec<Step> = kept.map(|n| step("a", &[n], Value::Null)).collect();
        steps.push(step("each", &[], json!({"items": items, "succeeded": items, "failed": 0, "left": 0})));
        steps
    }

    #[test]
    fn a_record_is_whole_if_it_is_short_or_has_all_items() {
        assert!(surely_whole(&of_loop(1_990, 0..1_990)));
        assert!(surely_whole(&of_loop(3_999, 0..3_999)), "failed ones are kept beyond");
        assert!(!surely_whole(&of_loop(5_000, 0..2_000)), "the others are left out");
        assert!(!surely_whole(&of_loop(2_500, (0..2_400).chain(2_450..2_499))));
        let many: Vec<Step> = (0..5_000).map(|n| step(&format!("n{n}"), &[], Value::Null)).collect();
        assert!(surely_whole(&many), "what is no item's is always kept");
    }

    #[test]
    fn a_large_item_may_be_missing_from_a_short_record() {
        let item = |of: u32| (0..1_200).map(move |n| step("b", &[of, n], Value::Null));
        let inner =
            |of: u32| step("inner", &[of], json!({"items": 1200, "succeeded": 1200, "failed": 0, "left": 0}));
        let outer = |items: u32| {
            step("outer", &[], json!({"items": items, "succeeded": items, "failed": 0, "left": 0}))
        };
        let mut steps: Vec<Step> = item(0).chain([inner(0), outer(2)]).collect();
        assert!(!surely_whole(&steps), "the second item would have been too many");
        steps.pop();
        steps.push(outer(1));
        assert!(surely_whole(&steps));
        // Nobody knows how many there were.
        steps.pop();
        assert!(!surely_whole(&steps));
    }
}
