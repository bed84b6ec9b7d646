//! `order_cancelled`: an order was called off.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{WRITTEN, became};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::ORDER;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "order_cancelled",
        label: "Order cancelled",
        docs: "Starts when the status of an order becomes `cancelled`. Only the step into it counts, never a change that leaves it there.",
        icon: "shopping-cart-off",
        example: "{}",
        schema: schema::<OrderCancelled>,
    },
    sources: SOURCES,
    build: trigger::<OrderCancelled>,
};

const SOURCES: &[Source] = &[Source::of(&ORDER, WRITTEN)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderCancelled {}

impl Trigger for OrderCancelled {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        became(event, "status", "cancelled")
    }

    fn anchors(&self) -> Vec<Anchor> {
        Vec::from_iter(Anchor::texts("status", ["cancelled"]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::changes::tests::counts_the_step_only;
    use super::*;

    #[test]
    fn only_the_step_into_it_counts() {
        counts_the_step_only(&KIND, "orders", "status", ("cancelled", "processing"));
    }
}
