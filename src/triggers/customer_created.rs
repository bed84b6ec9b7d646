//! `customer_created`: the shop has a new customer.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::MADE;
use crate::domain::event::Event;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::CUSTOMER;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "customer_created",
        label: "Customer created",
        docs: "Starts when a customer is new to the shop. `customer` is the one.",
        icon: "user-plus",
        example: "{}",
        schema: schema::<CustomerCreated>,
    },
    sources: SOURCES,
    build: trigger::<CustomerCreated>,
};

const SOURCES: &[Source] = &[Source::of(&CUSTOMER, MADE)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerCreated {}

impl Trigger for CustomerCreated {
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
        assert!(counts(&KIND, json!({}), &made("customers", row.clone())));
        assert!(!counts(&KIND, json!({}), &updated("customers", row.clone(), json!({"status": "x"}))));
        assert!(!counts(&KIND, json!({}), &removed("customers", row)));
    }
}
