//! `order_created`: somebody placed an order.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::event::{Event, Operation};
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

const SOURCES: &[Source] = &[Source::of(&ORDER, &[Operation::Insert])];

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
