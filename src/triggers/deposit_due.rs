//! `deposit_due`: the day of a deposit is near, there or past.

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::changes::{WRITTEN, became, changed, now};
use crate::domain::event::{Event, Operation};
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema};
use crate::workflow::config::Reader;
use crate::workflow::rules::value::instant;
use crate::workflow::span::Span;
use crate::workflow::subjects::DEPOSIT;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "deposit_due",
        label: "Deposit due",
        docs: "Starts when a deposit is due and still not paid, or so long before or after. A deposit that is asked for \
               when that time is past already starts at once. A new due date begins anew.",
        icon: "calendar-dollar",
        example: r#"{"before": "2d"}"#,
        schema: schema::<DepositDue>,
    },
    sources: SOURCES,
    build,
};

const SOURCES: &[Source] = &[Source::of(&DEPOSIT, WRITTEN)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DepositDue {
    /// So long before the due date: `2d`.
    #[serde(default)]
    before: Option<Span>,
    /// So long after the due date: `1d`.
    #[serde(default)]
    after: Option<Span>,
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Trigger>> {
    let read = reader.read::<DepositDue>()?;
    if read.before.is_some() && read.after.is_some() {
        reader.fault_at("conflicting-settings", "after", "it is either `before` or `after` the due date");
    }
    Some(Box::new(read))
}

fn is_pending(row: &Map<String, Value>) -> bool {
    row.get("status").and_then(Value::as_str).is_none_or(|status| status == "pending")
}

impl Trigger for DepositDue {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    /// What leaves both the date and the state as they were must not remind a second time.
    fn matches(&self, event: &Event) -> bool {
        let news = match event.operation {
            Operation::Insert => true,
            Operation::Update => changed(event, &DEPOSIT, "due_date") || became(event, "status", "pending"),
            Operation::Delete => false,
        };
        news && is_pending(&event.row) && self.starts_at(event).is_some()
    }

    fn starts_at(&self, event: &Event) -> Option<DateTime<Utc>> {
        let due = now(event, "due_date").and_then(Value::as_str).and_then(instant)?;
        let shift = match (self.before, self.after) {
            (Some(before), _) => -before.0,
            (None, after) => after.map_or(TimeDelta::zero(), |after| after.0),
        };
        due.checked_add_signed(shift)
    }

    fn still(&self, row: &Map<String, Value>) -> bool {
        is_pending(row)
    }

    fn columns(&self) -> Vec<&str> {
        vec!["due_date", "status"]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made, removed, updated};
    use super::*;

    fn deposit(status: &str) -> Value {
        json!({"status": status, "due_date": "2026-11-29T10:00:00+00:00"})
    }

    #[test]
    fn it_starts_around_the_due_date() {
        let event = made("deposits", deposit("pending"));
        let starts = |config: Value| {
            let at = built(&KIND, config).expect("builds").starts_at(&event);
            at.expect("a time").to_rfc3339()
        };
        assert_eq!(starts(json!({})), "2026-11-29T10:00:00+00:00");
        assert_eq!(starts(json!({"before": "2d"})), "2026-11-27T10:00:00+00:00");
        assert_eq!(starts(json!({"after": "12h", "before": null})), "2026-11-29T22:00:00+00:00");
        let both = built(&KIND, json!({"before": "2d", "after": "1d"}));
        assert_eq!(both.err(), Some(vec!["conflicting-settings /after".into()]));
        assert_eq!(built(&KIND, json!({"before": "2 moons"})).err(), Some(vec!["bad-span /before".into()]));
    }

    #[test]
    fn only_a_new_date_or_state_counts() {
        let tries = |event| counts(&KIND, json!({}), &event);
        assert!(tries(made("deposits", deposit("pending"))) && !tries(made("deposits", deposit("paid"))));
        assert!(tries(updated(
            "deposits",
            deposit("pending"),
            json!({"due_date": "2026-11-24T10:00:00+00:00"})
        )));
        assert!(tries(updated("deposits", deposit("pending"), json!({"status": "waived"}))));
        assert!(!tries(updated("deposits", deposit("pending"), json!({"amount": 3}))));
        assert!(!tries(updated("deposits", deposit("paid"), json!({"status": "pending"}))));
        assert!(!tries(removed("deposits", deposit("pending"))));
        assert!(!tries(made("deposits", json!({"status": "pending", "due_date": "soon"}))));
        assert!(!tries(made("deposits", json!({"status": "pending"}))));
        let trigger = built(&KIND, json!({})).expect("builds");
        assert!(trigger.still(deposit("pending").as_object().expect("a row")));
        assert!(!trigger.still(deposit("paid").as_object().expect("a row")));
    }
}
