//! `order_updated`: something about an order changed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{CHANGED, changed_any};
use super::settings::of_columns;
use crate::domain::event::Event;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::ORDER;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "order_updated",
        label: "Order updated",
        docs: "Starts when an order changes: in any column, or in those chosen.",
        icon: "edit",
        example: r#"{"columns": ["note"]}"#,
        schema: || of_columns(schema::<OrderUpdated>(), "columns", &ORDER),
    },
    sources: SOURCES,
    build: trigger::<OrderUpdated>,
};

const SOURCES: &[Source] = &[Source::of(&ORDER, CHANGED)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderUpdated {
    /// Which columns must have changed, one of them at least; empty: any.
    #[serde(default)]
    columns: Vec<String>,
}

impl Trigger for OrderUpdated {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        changed_any(event, &ORDER, &self.columns)
    }

    fn columns(&self) -> Vec<&str> {
        self.columns.iter().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made, removed, updated};
    use super::*;

    #[test]
    fn changes_of_the_chosen_columns_count() {
        let row = json!({"note": "b", "total": "b"});
        let event = updated("orders", row.clone(), json!({"note": "a"}));
        assert!(counts(&KIND, json!({}), &event));
        assert!(counts(&KIND, json!({"columns": ["total", "note"]}), &event));
        assert!(!counts(&KIND, json!({"columns": ["total"]}), &event));
        assert!(
            counts(&KIND, json!({"columns": ["id"]}), &updated("orders", json!({}), json!({}))),
            "cut short"
        );
        assert!(!counts(&KIND, json!({}), &made("orders", row.clone())));
        assert!(!counts(&KIND, json!({}), &removed("orders", row)));
        assert_eq!(
            built(&KIND, json!({"columns": ["notex"]})).err(),
            Some(vec!["unknown-value /columns/0".into()])
        );
    }
}
