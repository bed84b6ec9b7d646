//! `order_fulfilled`: all of an order was sent.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::changes::{WRITTEN, before, stepped_into};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::ORDER;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "order_fulfilled",
        label: "Order fulfilled",
        docs: "Starts when all of an order was sent: its fulfillment_status becomes `fulfilled` or, at once, `delivered`.",
        icon: "package",
        example: "{}",
        schema: schema::<OrderFulfilled>,
    },
    sources: SOURCES,
    build: trigger::<OrderFulfilled>,
};

const SOURCES: &[Source] = &[Source::of(&ORDER, WRITTEN)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderFulfilled {}

impl Trigger for OrderFulfilled {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        let was_sent = before(event, "fulfillment_status").and_then(Value::as_str) == Some("returned");
        let sent = |state: &str| matches!(state, "fulfilled" | "delivered");
        stepped_into(event, "fulfillment_status", sent) && !was_sent
    }

    fn anchors(&self) -> Vec<Anchor> {
        Vec::from_iter(Anchor::texts("fulfillment_status", ["fulfilled", "delivered"]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{counts, counts_the_step_only, updated};
    use super::*;

    #[test]
    fn only_the_step_into_it_counts() {
        counts_the_step_only(&KIND, "orders", "fulfillment_status", ("fulfilled", "partially_fulfilled"));
        counts_the_step_only(&KIND, "orders", "fulfillment_status", ("delivered", "unfulfilled"));
        for was in ["fulfilled", "returned"] {
            let row = json!({"fulfillment_status": "delivered"});
            assert!(
                !counts(&KIND, json!({}), &updated("orders", row, json!({"fulfillment_status": was}))),
                "{was}"
            );
        }
    }
}
