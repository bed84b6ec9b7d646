//! `waitlist_joined`: somebody waits for a product.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{WRITTEN, became, now, wanted};
use crate::domain::event::{Event, Operation};
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::WAITLIST;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "waitlist_joined",
        label: "Waitlist joined",
        docs: "Starts when somebody joins the waitlist of a product, and when somebody who was told or gave up waits again.",
        icon: "clock-plus",
        example: r#"{"product": "prod_01"}"#,
        schema: schema::<WaitlistJoined>,
    },
    sources: SOURCES,
    build: trigger::<WaitlistJoined>,
};

const SOURCES: &[Source] = &[Source::of(&WAITLIST, WRITTEN)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitlistJoined {
    /// Only the waitlist of this product: prod_….
    #[serde(default)]
    product: Option<String>,
    /// Only the waitlist of this variant: variant_….
    #[serde(default)]
    variant: Option<String>,
}

impl Trigger for WaitlistJoined {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        // A new row that says nothing waits.
        let joined = event.operation == Operation::Insert && now(event, "status").is_none();
        (joined || became(event, "status", "waiting"))
            && wanted(self.product.as_deref(), event, "product_id")
            && wanted(self.variant.as_deref(), event, "variant_id")
    }

    fn anchors(&self) -> Vec<Anchor> {
        let product = Anchor::texts("product_id", self.product.as_deref());
        product.into_iter().chain(Anchor::texts("variant_id", self.variant.as_deref())).collect()
    }

    fn columns(&self) -> Vec<&str> {
        vec!["status"]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{counts, made, updated};
    use super::*;

    #[test]
    fn joining_counts_and_waiting_again() {
        let row = |status: &str| json!({"status": status, "product_id": "prod_1", "variant_id": null});
        let tries = |event| counts(&KIND, json!({}), &event);
        assert!(
            tries(made("product_waitlist", row("waiting"))) && tries(made("product_waitlist", json!({})))
        );
        assert!(!tries(made("product_waitlist", row("converted"))), "an import of what is over");
        assert!(tries(updated("product_waitlist", row("waiting"), json!({"status": "notified"}))), "again");
        assert!(!tries(updated("product_waitlist", row("waiting"), json!({"name": "Ada"}))));
        assert!(!tries(updated("product_waitlist", row("notified"), json!({"status": "waiting"}))));
        let joined = made("product_waitlist", row("waiting"));
        assert!(counts(&KIND, json!({"product": "prod_1"}), &joined));
        assert!(!counts(&KIND, json!({"product": "prod_2"}), &joined));
        assert!(!counts(&KIND, json!({"variant": "variant_1"}), &joined));
    }
}
