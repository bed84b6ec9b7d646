//! `payment_captured`: money was taken.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{WRITTEN, appeared};
use crate::domain::event::Event;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::PAYMENT;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "payment_captured",
        label: "Payment captured",
        docs: "Starts when a payment is captured: its captured_at is set for the first time. The amount is in the major unit, as Medusa keeps it.",
        icon: "cash-banknote",
        example: "{}",
        schema: schema::<PaymentCaptured>,
    },
    sources: SOURCES,
    build: trigger::<PaymentCaptured>,
};

const SOURCES: &[Source] = &[Source::of(&PAYMENT, WRITTEN)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentCaptured {}

impl Trigger for PaymentCaptured {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        appeared(event, "captured_at")
    }

    fn columns(&self) -> Vec<&str> {
        vec!["captured_at"]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{counts, made, removed, updated};
    use super::*;

    #[test]
    fn the_first_capture_counts() {
        let row = json!({"captured_at": "2026-11-22T10:00:00Z"});
        assert!(counts(&KIND, json!({}), &made("payment", row.clone())));
        assert!(counts(&KIND, json!({}), &updated("payment", row.clone(), json!({"captured_at": null}))));
        assert!(!counts(
            &KIND,
            json!({}),
            &updated("payment", row.clone(), json!({"captured_at": "2026-11-21T10:00:00Z"}))
        ));
        assert!(!counts(&KIND, json!({}), &updated("payment", row.clone(), json!({"amount": 3}))));
        assert!(!counts(&KIND, json!({}), &made("payment", json!({"captured_at": null}))));
        assert!(!counts(&KIND, json!({}), &removed("payment", row)));
    }
}
