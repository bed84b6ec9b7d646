//! `order_created`: somebody placed an order.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::MADE;
use crate::domain::event::Event;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::ORDER;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "order_created",
        label: "Order created",
        docs: "Starts when an order is placed.",
        icon: "shopping-cart",
        example: "{}",
        schema: schema::<OrderCreated>,
    },
    sources: SOURCES,
    build: trigger::<OrderCreated>,
};

const SOURCES: &[Source] = &[Source::of(&ORDER, MADE)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderCreated {}

impl Trigger for OrderCreated {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, _event: &Event) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{counts, made, removed, updated};
    use super::*;

    #[test]
    fn new_rows_count_only() {
        let row = json!({"id": "x"});
        assert!(counts(&KIND, json!({}), &made("orders", row.clone())));
        assert!(!counts(&KIND, json!({}), &updated("orders", row.clone(), json!({"status": "x"}))));
        assert!(!counts(&KIND, json!({}), &removed("orders", row)));
    }
}
