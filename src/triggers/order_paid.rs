//! `order_paid`: an order is paid.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::changes::{WRITTEN, became, before};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::ORDER;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "order_paid",
        label: "Order paid",
        docs: "Starts when an order is paid in full for the first time: its payment_status becomes `paid`, having been neither paid nor refunded before.",
        icon: "credit-card",
        example: "{}",
        schema: schema::<OrderPaid>,
    },
    sources: SOURCES,
    build: trigger::<OrderPaid>,
};

const SOURCES: &[Source] = &[Source::of(&ORDER, WRITTEN)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderPaid {}

impl Trigger for OrderPaid {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        let was_paid = before(event, "payment_status")
            .and_then(Value::as_str)
            .is_some_and(|was| matches!(was, "partially_refunded" | "refunded"));
        became(event, "payment_status", "paid") && !was_paid
    }

    fn anchors(&self) -> Vec<Anchor> {
        Vec::from_iter(Anchor::texts("payment_status", ["paid"]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{counts, counts_the_step_only, updated};
    use super::*;

    #[test]
    fn only_the_step_into_it_counts() {
        counts_the_step_only(&KIND, "orders", "payment_status", ("paid", "authorized"));
        let corrected =
            updated("orders", json!({"payment_status": "paid"}), json!({"payment_status": "refunded"}));
        assert!(!counts(&KIND, json!({}), &corrected), "it was paid long since");
    }
}
