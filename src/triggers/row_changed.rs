//! `row_changed`: a row of any table was made, changed or removed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::changes::changed_any;
use crate::domain::event::{Event, Operation};
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema};
use crate::workflow::config::{Reader, describe};
use crate::workflow::diagnostics::{Diagnostic, nearest, segment};
use crate::workflow::rules::value::Typed;
use crate::workflow::subjects::{ALL, FieldType, ROW, Subject, row_of};

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "row_changed",
        label: "Row changed",
        docs: "Starts when a row of a table is made, changed or removed. `row` is the row. Any table that records its \
               changes will do, the shop's own too.",
        icon: "database-edit",
        example: r#"{"table": "orders", "operations": ["update"], "columns": ["status"],
            "changes": {"status": {"from": "pending", "to": ["processing", "completed"]}}}"#,
        schema: schema::<RowChanged>,
    },
    sources: SOURCES,
    build,
};

const SOURCES: &[Source] = &[Source::of(&ROW, Written::all().0)];
/// Names in PostgreSQL are no longer.
const MOST_COLUMNS: usize = 100;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowChanged {
    /// The table, without its schema: `orders`.
    table: String,
    /// What must be done to the row; empty: anything.
    #[serde(default)]
    operations: Vec<What>,
    /// Which columns an update must have changed, one of them at least; empty: any.
    #[serde(default)]
    columns: Vec<String>,
    /// By column: what it was (`from`) and what it is (`to`), each one value or a list of which one will do. All of
    /// them must hold, and an update must have changed the column.
    #[serde(default)]
    changes: BTreeMap<String, Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum What {
    Insert,
    Update,
    Delete,
}

/// A step of a column from one value to another.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Step {
    /// What it was; nothing: anything. A list may have null in it.
    #[serde(default, deserialize_with = "among")]
    from: Vec<Value>,
    /// What it is; nothing: anything. A list may have null in it.
    #[serde(default, deserialize_with = "among")]
    to: Vec<Value>,
}

fn among<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => Vec::new(),
        Value::Array(values) => values,
        one => vec![one],
    })
}

/// Operations that outlive the settings they come from.
struct Written(&'static [Operation]);

impl Written {
    const fn all() -> Self {
        Self(&[Operation::Insert, Operation::Update, Operation::Delete])
    }

    fn of(chosen: &[What]) -> Self {
        use Operation::{Delete, Insert, Update};
        let has = |what: What| chosen.contains(&what);
        match (has(What::Insert), has(What::Update), has(What::Delete)) {
            (true, false, false) => Self(&[Insert]),
            (false, true, false) => Self(&[Update]),
            (false, false, true) => Self(&[Delete]),
            (true, true, false) => Self(&[Insert, Update]),
            (true, false, true) => Self(&[Insert, Delete]),
            (false, true, true) => Self(&[Update, Delete]),
            (true, true, true) | (false, false, false) => Self::all(),
        }
    }
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Trigger>> {
    let mut read = reader.read::<RowChanged>()?;
    let path = reader.path.to_owned();
    check_table(reader, &read.table);
    let subject = row_of(&read.table);
    if read.columns.len() > MOST_COLUMNS || read.changes.len() > MOST_COLUMNS {
        reader.fault(Diagnostic::error("out-of-range", format!("at most {MOST_COLUMNS} columns")).at(path));
        return None;
    }
    for (at, column) in read.columns.iter().enumerate() {
        reader.column(&read.table, column, format!("{path}/columns/{at}"));
    }
    for (column, step) in &mut read.changes {
        let below = format!("{path}/changes/{}", segment(column));
        reader.column(&read.table, column, below.clone());
        let ty = type_of(subject, column);
        for (name, values) in [("from", &mut step.from), ("to", &mut step.to)] {
            if values.len() > MOST_COLUMNS {
                reader.fault_below(&below, "out-of-range", name, format!("at most {MOST_COLUMNS} values"));
                continue;
            }
            for value in values.iter().filter(|value| !value.is_null()) {
                if let Err(fault) = readable(value, ty) {
                    let fault = Diagnostic::error("wrong-type", fault.0).maybe_help(fault.1);
                    reader.fault(fault.at(format!("{below}/{name}")));
                }
            }
        }
    }
    let updates = Written::of(&read.operations).0.contains(&Operation::Update);
    if !updates && !read.columns.is_empty() {
        let message = "only updates change columns, and updates are not among the operations";
        reader.fault_at("never-starts", "columns", message);
    }
    Some(Box::new(read))
}

fn check_table(reader: &mut Reader<'_>, table: &str) {
    let at = format!("{}/table", reader.path);
    if !reader.table(table) {
        return;
    }
    if table.starts_with("workflow_") || table == "workflows" {
        let message = format!("`{table}` is thendo's own: its changes are no events");
        return reader.fault(Diagnostic::error("no-events", message).at(at));
    }
    let known = || ALL.iter().map(|subject| subject.table);
    if !known().any(|known| known == table)
        && let Some(found) = nearest(table, known())
    {
        let message = format!("`{table}` is no table of the schema; the shop may have one");
        let fault = Diagnostic::warning("unknown-table", message).at(at);
        reader.fault(fault.help(format!("did you mean `{found}`?")));
    }
}

fn type_of(subject: &Subject, column: &str) -> FieldType {
    subject.field(column).map_or(FieldType::Json, |field| field.ty)
}

fn readable(value: &Value, ty: FieldType) -> Result<(), (String, Option<String>)> {
    match ty {
        FieldType::List => Err(("a list is not compared: use a filter".into(), None)),
        _ => Typed::read(value, ty).map(|_| ()).map_err(|fault| {
            let message = format!("{}: this is {}", fault.message, describe(value));
            (message, fault.help)
        }),
    }
}

/// Whether a value is one of those; of none, any is.
fn is_among(value: Option<&Value>, wanted: &[Value], ty: FieldType) -> bool {
    let value = value.filter(|value| !value.is_null());
    let same = |wanted: &Value| match (value, wanted) {
        (None, wanted) => wanted.is_null(),
        (Some(_), Value::Null) => false,
        (Some(value), wanted) => match (Typed::read(value, ty), Typed::read(wanted, ty)) {
            (Ok(value), Ok(wanted)) => value.compare(&wanted) == Some(std::cmp::Ordering::Equal),
            _ => false,
        },
    };
    wanted.is_empty() || wanted.iter().any(same)
}

impl RowChanged {
    fn holds(&self, event: &Event, column: &str, step: &Step) -> bool {
        let ty = type_of(row_of(&self.table), column);
        let is = event.row.get(column);
        match event.operation {
            Operation::Insert => step.from.is_empty() && is_among(is, &step.to, ty),
            Operation::Update => {
                let was = event.old.get(column);
                was.is_some() && is_among(was, &step.from, ty) && is_among(is, &step.to, ty)
            }
            Operation::Delete => step.to.is_empty() && is_among(is, &step.from, ty),
        }
    }
}

impl Trigger for RowChanged {
    fn sources(&self) -> Vec<Source> {
        let table = Cow::Owned(self.table.clone());
        vec![Source { subject: row_of(&self.table), table, operations: Written::of(&self.operations).0 }]
    }

    fn matches(&self, event: &Event) -> bool {
        let columns =
            event.operation != Operation::Update || changed_any(event, row_of(&self.table), &self.columns);
        columns && self.changes.iter().all(|(column, step)| self.holds(event, column, step))
    }

    fn anchors(&self) -> Vec<Anchor> {
        let subject = row_of(&self.table);
        let found =
            |(column, step): (&String, &Step)| Anchor::values(column, type_of(subject, column), &step.to);
        self.changes.iter().filter_map(found).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made, removed, updated};
    use super::*;

    fn orders(more: Value) -> Value {
        let mut config = json!({"table": "orders"});
        config.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        config
    }

    #[test]
    fn operations_and_columns_choose() {
        let row = json!({"id": "x", "status": "completed", "total": 3});
        let (new, gone) = (made("orders", row.clone()), removed("orders", row.clone()));
        let other = updated("orders", row, json!({"status": "pending"}));
        let seen =
            |more: Value| [&new, &other, &gone].map(|event| counts(&KIND, orders(more.clone()), event));
        assert_eq!(seen(json!({})), [true, true, true]);
        assert_eq!(seen(json!({"operations": ["insert"]})), [true, false, false]);
        assert_eq!(seen(json!({"operations": ["update"]})), [false, true, false]);
        assert_eq!(seen(json!({"operations": ["delete"]})), [false, false, true]);
        assert_eq!(seen(json!({"operations": ["insert", "delete"]})), [true, false, true]);
        assert_eq!(seen(json!({"operations": ["insert", "update"]})), [true, true, false]);
        assert_eq!(seen(json!({"operations": ["delete", "update"]})), [false, true, true]);
        assert_eq!(seen(json!({"columns": ["status"]})), [true, true, true]);
        assert_eq!(seen(json!({"columns": ["total"]})), [true, false, true]);
        assert!(!counts(&KIND, json!({"table": "deposits"}), &new));
    }

    #[test]
    fn steps_of_columns_choose() {
        let row = json!({"status": "completed", "total": 300, "note": null, "paid_at": "2026-11-22T10:00:00+00:00"});
        let old = json!({"status": "pending", "total": 200, "note": "x", "paid_at": null});
        let event = updated("orders", row.clone(), old);
        let holds = |changes: Value| counts(&KIND, orders(json!({"changes": changes})), &event);
        for changes in [
            json!({"status": {}}),
            json!({"status": {"from": "pending", "to": "completed"}}),
            json!({"status": {"from": ["x", "pending"]}, "total": {"to": 300}}),
            json!({"total": {"from": "200", "to": ["300"]}}),
            json!({"note": {"to": [null]}}),
            json!({"paid_at": {"from": [null], "to": "2026-11-22T11:00:00+01:00"}}),
        ] {
            assert!(holds(changes.clone()), "{changes}");
        }
        for changes in [
            json!({"status": {"from": "completed"}}),
            json!({"status": {"to": "pending"}}),
            json!({"status": {"from": "pending"}, "total": {"to": 301}}),
            json!({"note": {"from": [null]}}),
            json!({"currency": {}}),
        ] {
            assert!(!holds(changes.clone()), "{changes}");
        }
        let (new, gone) = (made("orders", row.clone()), removed("orders", row));
        let to = orders(json!({"changes": {"status": {"to": "completed"}}}));
        let from = orders(json!({"changes": {"status": {"from": "completed"}}}));
        assert!(counts(&KIND, to.clone(), &new) && !counts(&KIND, from.clone(), &new));
        assert!(counts(&KIND, from, &gone) && !counts(&KIND, to, &gone));
    }

    #[test]
    fn tables_of_the_shop_are_open_and_known_ones_are_checked() {
        let event = updated("things", json!({"size": 3}), json!({"size": 2}));
        assert!(counts(&KIND, json!({"table": "things", "changes": {"size": {"to": 3}}}), &event));
        assert!(!counts(&KIND, json!({"table": "things", "columns": ["colour"]}), &event));
        let trigger = built(&KIND, json!({"table": "things"})).expect("builds");
        assert_eq!((trigger.sources()[0].subject, &*trigger.sources()[0].table), (&ROW, "things"));
        let known = built(&KIND, json!({"table": "deposits"})).expect("builds");
        assert_eq!(known.sources()[0].subject.name, "row");
        assert!(known.sources()[0].subject.field("due_date").is_some());
        assert!(built(&KIND, json!({"table": "ordrs"})).is_ok(), "a warning, no more");
    }

    #[test]
    fn all_faults_are_named() {
        let fault = |more: Value| built(&KIND, orders(more)).map(|_| ()).expect_err("a fault");
        assert_eq!(fault(json!({"columns": ["status", "totl"]})), ["unknown-column /columns/1"]);
        assert_eq!(fault(json!({"changes": {"staus": {}}})), ["unknown-column /changes/staus"]);
        assert_eq!(fault(json!({"changes": {"total": {"to": "2.50"}}})), ["wrong-type /changes/total/to"]);
        assert_eq!(
            fault(json!({"changes": {"total": {"until": 3}}})),
            ["invalid-config /changes/total/until"]
        );
        assert_eq!(fault(json!({"operations": ["upsert"]})), ["unknown-value /operations/0"]);
        assert_eq!(
            fault(json!({"operations": ["insert"], "columns": ["status"]})),
            ["never-starts /columns"]
        );
        assert_eq!(fault(json!({"columns": vec!["status"; 101]})), ["out-of-range "]);
        assert_eq!(
            fault(json!({"changes": {"status": {"to": vec!["x"; 101]}}})),
            ["out-of-range /changes/status/to"]
        );
        assert_eq!(fault(json!({"columns": [""]})), ["invalid-name /columns/0"]);
        for table in ["", "public.orders", &"x".repeat(64)] {
            assert_eq!(fault(json!({"table": table})), ["invalid-name /table"], "{table}");
        }
        assert_eq!(fault(json!({"table": "workflow_events"})), ["no-events /table"]);
    }
}
