//! The table of docs/conditions.md, tried on the decider.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::operator::Operator;
use super::{decide, read};
use crate::domain::ids::ExecutionId;
use crate::workflow::anchor;
use crate::workflow::catalogue::Catalogue;
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::context::tests::order_event;
use crate::workflow::index::Index;
use crate::workflow::scope::Scope;
use crate::workflow::subjects::{Field, FieldType, Subject};

/// A row with one field of each type, named after it.
pub(super) static ROW: Subject = Subject {
    name: "row",
    table: "rows",
    open: false,
    fields: &[
        Field::new("text", FieldType::Text),
        Field::new("id", FieldType::Id),
        Field::new("integer", FieldType::Integer),
        Field::new("number", FieldType::Number),
        Field::new("money", FieldType::Money),
        Field::new("boolean", FieldType::Boolean),
        Field::new("time", FieldType::Time),
        Field::new("list", FieldType::List),
        Field::new("json", FieldType::Json),
    ],
};

/// The answer to a test about such a row; else the codes of its faults.
pub(super) fn ask(
    test: &Value,
    row: &Map<String, Value>,
    old: &Map<String, Value>,
) -> Result<bool, Vec<&'static str>> {
    let mut event = order_event(json!({}));
    (event.row, event.old) = (row.clone().into(), old.clone().into());
    let scope = Scope { subjects: vec![&ROW], ..Scope::default() };
    let mut reader = Reader::new("c", test, "", &Value::Null, &scope, &Catalogue::EMPTY);
    let group = read::group(&mut reader, test, "");
    let group = group.ok_or_else(|| reader.faults.iter().map(|fault| fault.code).collect::<Vec<_>>())?;
    let context = Context::new(&event, "row_changed", "row", ExecutionId::default(), event.at);
    let verdict = decide::group(&group, &context);
    assert!(!verdict.why.is_empty());
    assert_eq!(decide::holds(&group, &context), verdict.holds, "with and without words: {test}");
    let index = Index::new(&[anchor::of_rules(&group)], "row");
    let found = [index.of_event(row, old), index.of_customer(event.customer.as_deref())].concat();
    assert!(!verdict.holds || !found.is_empty(), "it holds and is not found: {test}");
    Ok(verdict.holds)
}

struct Line<'t> {
    asks: &'t str,
    of: Vec<&'t str>,
    value: Option<Value>,
    holds: &'t str,
    fails: &'t str,
    nothing: &'t str,
}

fn spans(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn lines(docs: &str) -> Vec<Line<'_>> {
    let table = docs.split("| asks | of | value |").nth(1).expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [asks, of, value, holds, fails, nothing] = cells[..] else { panic!("six cells: {row}") };
        let [asks] = spans(asks)[..] else { panic!("one operator: {row}") };
        let value = spans(value).first().map(|text| parsed(text));
        Line { asks, of: of.split(", ").collect(), value, holds, fails, nothing }
    })
    .collect()
}

fn rule(line: &Line<'_>, ty: &str) -> Value {
    let mut rule = json!({"field": format!("row.{ty}")});
    match line.asks.strip_prefix("match ") {
        Some(mode) => {
            let (mode, threshold) = mode.split_once(' ').unwrap_or((mode, "0"));
            rule["match"] = json!({"mode": mode, "threshold": parsed(threshold)});
            for (key, value) in line.value.as_ref().and_then(Value::as_object).expect("the rest of the rule")
            {
                rule[key] = value.clone();
            }
        }
        None => {
            rule["operator"] = line.asks.into();
            rule["value"] = line.value.clone().unwrap_or_default();
        }
    }
    json!({"rules": [rule]})
}

/// Rows and former values: `"new" → "paid"` is a change.
fn samples(cell: &str, ty: &str) -> Vec<(Map<String, Value>, Map<String, Value>)> {
    let field = |text: &str| Map::from_iter([(ty.to_owned(), parsed(text))]);
    let sample = |text: &&str| match text.split_once(" → ") {
        Some((old, new)) => (field(new), field(old)),
        None => (field(text), Map::new()),
    };
    spans(cell).iter().map(sample).collect()
}

#[test]
fn every_cell_of_the_table_is_true() {
    let lines = lines(include_str!("../../../docs/conditions.md"));
    let (mut tried, mut wrong) = (0, Vec::new());
    for line in &lines {
        for ty in &line.of {
            let test = rule(line, ty);
            let mut expect = |row: &Map<String, Value>, old: &Map<String, Value>, holds: bool| {
                tried += 1;
                let said = ask(&test, row, old);
                if said != Ok(holds) {
                    wrong.push(format!("{test} on {row:?} (was {old:?}): {said:?}, not {holds}"));
                }
            };
            if matches!(line.holds, "unfit-operator" | "unreadable-value") {
                tried += 1;
                let said = ask(&test, &Map::new(), &Map::new());
                if said != Err(vec![line.holds]) {
                    wrong.push(format!("{test}: {said:?}, not {}", line.holds));
                }
                continue;
            }
            samples(line.holds, ty).iter().for_each(|(row, old)| expect(row, old, true));
            samples(line.fails, ty).iter().for_each(|(row, old)| expect(row, old, false));
            let nothing = match line.nothing {
                "yes" => true,
                "no" => false,
                other => panic!("{}: `{other}` is neither yes nor no", line.asks),
            };
            expect(&Map::new(), &Map::new(), nothing);
            expect(&Map::from_iter([((*ty).to_owned(), Value::Null)]), &Map::new(), nothing);
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 500, "{tried}");
}

#[test]
fn the_table_has_every_operator_on_every_type_and_every_mode() {
    let lines = lines(include_str!("../../../docs/conditions.md"));
    let found: BTreeSet<(&str, &str)> =
        lines.iter().flat_map(|line| line.of.iter().map(|ty| (line.asks, *ty))).collect();
    for field in ROW.fields {
        for operator in Operator::ALL {
            assert!(
                found.contains(&(operator.as_str(), field.name)),
                "{} on {}",
                operator.as_str(),
                field.name
            );
        }
    }
    let unfit = |line: &&Line<'_>| line.holds == "unfit-operator";
    for line in lines.iter().filter(|line| !unfit(line)) {
        let also = lines
            .iter()
            .filter(unfit)
            .find(|other| other.asks == line.asks && other.of.iter().any(|ty| line.of.contains(ty)));
        assert!(also.is_none(), "{} both suits and does not", line.asks);
    }
    for mode in ["all", "some", "none", "atLeast", "atMost", "exactly"] {
        let is_mode = |asks: &str| asks.split(' ').nth(1) == Some(mode);
        let of_objects =
            |line: &&Line<'_>| line.value.as_ref().is_some_and(|value| value["value"].is_object());
        let modes: Vec<_> = lines.iter().filter(|line| is_mode(line.asks)).collect();
        assert!(modes.iter().any(|line| line.of.contains(&"list")), "{mode} on a list of scalars");
        assert!(modes.iter().copied().any(|line| of_objects(&line)), "{mode} on a list of objects");
    }
}
