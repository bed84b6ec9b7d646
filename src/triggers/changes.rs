//! What an event did to its row, column by column: what the kinds of trigger have in common.
//!
//! An event of a very large row lacks its long values, in the row and among the former ones.

use serde_json::Value;

use crate::domain::event::{Event, Operation};
use crate::workflow::subjects::Subject;

/// Rows that are made or changed.
pub const WRITTEN: &[Operation] = &[Operation::Insert, Operation::Update];
/// Rows that are made.
pub const MADE: &[Operation] = &[Operation::Insert];
/// Rows that are changed.
pub const CHANGED: &[Operation] = &[Operation::Update];

/// The column's value after the event, if it is not null.
pub fn now<'e>(event: &'e Event, column: &str) -> Option<&'e Value> {
    event.row.get(column).filter(|value| !value.is_null())
}

/// The column's value before the event, if it was not null. A new row had none.
pub fn before<'e>(event: &'e Event, column: &str) -> Option<&'e Value> {
    match event.operation {
        Operation::Insert => None,
        Operation::Update | Operation::Delete => {
            event.old.get(column).or_else(|| event.row.get(column)).filter(|value| !value.is_null())
        }
    }
}

/// Whether the row stepped into a state: it is in it now and was not before. A second change that leaves it there
/// does not count, nor does the row's end.
pub fn stepped_into(event: &Event, column: &str, is: impl Fn(&str) -> bool) -> bool {
    let holds = |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(&is);
    event.operation != Operation::Delete && holds(now(event, column)) && !holds(before(event, column))
}

/// As [`stepped_into`], for one value.
pub fn became(event: &Event, column: &str, state: &str) -> bool {
    stepped_into(event, column, |value| value == state)
}

/// Whether the column has a value now and had none before.
pub fn appeared(event: &Event, column: &str) -> bool {
    event.operation != Operation::Delete && now(event, column).is_some() && before(event, column).is_none()
}

/// Whether an update changed the column. A known column that the row lacks was too long for the event: better told
/// once too often than never.
pub fn changed(event: &Event, subject: &Subject, column: &str) -> bool {
    let cut = || !event.row.contains_key(column) && subject.field(column).is_some();
    event.operation == Operation::Update && (event.old.contains_key(column) || cut())
}

/// Whether an update changed any of the columns; of none, any at all.
pub fn changed_any(event: &Event, subject: &Subject, columns: &[String]) -> bool {
    event.operation == Operation::Update
        && (columns.is_empty() || columns.iter().any(|column| changed(event, subject, column)))
}

/// Whether a number rose to `least` or above it from below.
pub fn rose_to(event: &Event, column: &str, least: i64) -> bool {
    let of = |value: Option<&Value>| value.and_then(Value::as_i64);
    let was = of(before(event, column)).unwrap_or(i64::MIN);
    event.operation != Operation::Delete
        && of(now(event, column)).is_some_and(|is| was < least && least <= is)
}

/// Whether a text is what a setting asks for; without a setting, every one is.
pub fn wanted(setting: Option<&str>, event: &Event, column: &str) -> bool {
    setting.is_none_or(|wanted| now(event, column).and_then(Value::as_str) == Some(wanted))
}

#[cfg(test)]
pub mod tests {
    //! Events to try triggers on.
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::workflow::catalogue::{Catalogue, Trigger, TriggerKind};
    use crate::workflow::config::Reader;
    use crate::workflow::context::tests::order_event;
    use crate::workflow::diagnostics::any_error;
    use crate::workflow::index::Index;
    use crate::workflow::scope::Scope;

    fn event(table: &str, operation: Operation, row: Value, old: Value) -> Event {
        let map = |value: Value| Arc::new(value.as_object().cloned().unwrap_or_default());
        Event { table: table.into(), operation, row: map(row), old: map(old), ..order_event(Value::Null) }
    }

    /// A row was made.
    pub fn made(table: &str, row: Value) -> Event {
        event(table, Operation::Insert, row, Value::Null)
    }

    /// A row was changed: what it is, and what the changed columns were.
    pub fn updated(table: &str, row: Value, old: Value) -> Event {
        event(table, Operation::Update, row, old)
    }

    /// A row was removed.
    pub fn removed(table: &str, row: Value) -> Event {
        event(table, Operation::Delete, row, Value::Null)
    }

    /// The trigger with its settings, or the faults as `code path`.
    pub fn built(kind: &TriggerKind, config: Value) -> Result<Box<dyn Trigger>, Vec<String>> {
        let (schema, scope) = ((kind.about.schema)(), Scope::default());
        let mut reader = Reader::new("t", &config, "", &schema, &scope, &Catalogue::EMPTY);
        let built = (kind.build)(&mut reader);
        let codes = || {
            let path = |path: &Option<String>| path.clone().unwrap_or_default();
            reader.faults.iter().map(|fault| format!("{} {}", fault.code, path(&fault.path))).collect()
        };
        built.filter(|_| !any_error(&reader.faults)).ok_or_else(codes)
    }

    /// Whether the event starts a trigger with these settings.
    pub fn counts(kind: &TriggerKind, config: Value, event: &Event) -> bool {
        let trigger = built(kind, config).expect("settings that work");
        let matches = trigger.matches(event);
        for mut anchor in trigger.anchors() {
            anchor.path.insert(0, "row".into());
            let index = Index::new(&[vec![vec![anchor.clone()]]], "row");
            let found = index.of_event(&event.row, &event.old);
            assert!(!matches || !found.is_empty(), "it matches and is not found by {anchor:?}");
        }
        trigger.sources().iter().any(|source| source.covers(event)) && matches
    }

    /// Tries every way into, within and out of a state: of a column, with one that is in it and one that is not.
    pub fn counts_the_step_only(
        kind: &TriggerKind,
        table: &str,
        column: &str,
        (inside, outside): (&str, &str),
    ) {
        let row = |state: &str| json!({"id": "x", column: state, "title": "T"});
        let tries = |event: &Event| counts(kind, json!({}), event);
        assert!(tries(&updated(table, row(inside), json!({column: outside}))), "into it");
        assert!(tries(&updated(table, row(inside), json!({column: null}))), "out of nothing into it");
        assert!(tries(&made(table, row(inside))), "made in it");
        assert!(!tries(&updated(table, row(inside), json!({"title": "S"}))), "another column");
        assert!(!tries(&updated(table, row(inside), json!({}))), "nothing is known to have changed");
        assert!(!tries(&updated(table, row(outside), json!({column: inside}))), "out of it");
        assert!(!tries(&made(table, row(outside))), "made out of it");
        assert!(!tries(&removed(table, row(inside))), "removed");
        assert!(
            !tries(&made(table, json!({})))
                && !tries(&updated(table, json!({column: 3}), json!({column: []})))
        );
        assert!(!tries(&made("other_table", row(inside))), "of another table");
    }

    #[test]
    fn a_column_that_was_too_long_for_the_event_counts_as_changed() {
        use crate::workflow::subjects::{CONTENT, ROW};
        let cut = updated("page_content", json!({"id": "x"}), json!({}));
        assert!(changed(&cut, &CONTENT, "content") && !changed(&cut, &CONTENT, "id"));
        assert!(!changed(&cut, &ROW, "content"), "a column that nobody knows of");
    }
}
