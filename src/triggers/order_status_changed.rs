//! `order_status_changed`: an order goes from one state to another.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{CHANGED, before, changed, now};
use super::settings::{Choice, of_states};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema};
use crate::workflow::config::Reader;
use crate::workflow::subjects::ORDER;
use crate::workflow::subjects::states::OF_ORDERS;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "order_status_changed",
        label: "Order status changed",
        docs: "Starts when the status of an order changes; `from` and `to` say between which states. A new order has no former state: use `order_created`.",
        icon: "arrows-exchange",
        example: r#"{"from": ["pending", "processing"], "to": "completed"}"#,
        schema: || of_states(schema::<OrderStatusChanged>(), &["from", "to"], OF_ORDERS),
    },
    sources: SOURCES,
    build,
};

const SOURCES: &[Source] = &[Source::of(&ORDER, CHANGED)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderStatusChanged {
    /// What it was before: one state or several; nothing: any.
    #[serde(default)]
    from: Choice,
    /// What it is now: one state or several; nothing: any.
    #[serde(default)]
    to: Choice,
}

impl Trigger for OrderStatusChanged {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        changed(event, &ORDER, "status")
            && self.from.admits(before(event, "status"))
            && self.to.admits(now(event, "status"))
    }

    fn anchors(&self) -> Vec<Anchor> {
        Vec::from_iter(Anchor::texts("status", self.to.all()))
    }

    fn columns(&self) -> Vec<&str> {
        vec!["status"]
    }
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Trigger>> {
    let read = reader.read::<OrderStatusChanged>()?;
    if read.from.only().is_some() && read.from == read.to {
        let message = "`from` and `to` are the same: nothing becomes what it is already";
        reader.fault_at("never-starts", "to", message);
    }
    Some(Box::new(read))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made, updated};
    use super::*;

    #[test]
    fn the_step_from_one_state_into_another_counts() {
        let event = updated("orders", json!({"status": "completed"}), json!({"status": "pending"}));
        for config in [
            json!({}),
            json!({"from": null, "to": []}),
            json!({"from": "pending"}),
            json!({"to": ["refunded", "completed"]}),
        ] {
            assert!(counts(&KIND, config.clone(), &event), "{config}");
        }
        for config in [
            json!({"from": "completed"}),
            json!({"to": "refunded"}),
            json!({"from": ["pending"], "to": "pending"}),
        ] {
            let built = built(&KIND, config.clone());
            assert!(built.is_err() || !built.expect("built").matches(&event), "{config}");
        }
        let still = updated("orders", json!({"status": "completed"}), json!({"updated_at": "x"}));
        assert!(!counts(&KIND, json!({}), &still), "a change that leaves it there");
        assert!(!counts(&KIND, json!({}), &made("orders", json!({"status": "completed"}))));
    }

    #[test]
    fn unknown_states_are_faults() {
        let fault = |config| built(&KIND, config).map(|_| ()).expect_err("a fault");
        assert_eq!(fault(json!({"to": "completedx"})), ["unknown-value /to"]);
        assert_eq!(fault(json!({"from": ["pending", "nowhere"]})), ["unknown-value /from/1"]);
        assert_eq!(fault(json!({"from": 3})), ["wrong-type /from"]);
        assert_eq!(fault(json!({"from": "pending", "to": "pending"})), ["never-starts /to"]);
    }
}
