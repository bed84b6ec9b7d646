//! `cart_abandoned`: somebody left a cart alone.

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::changes::WRITTEN;
use crate::domain::event::{Event, Operation};
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema};
use crate::workflow::config::Reader;
use crate::workflow::span::Span;
use crate::workflow::subjects::CART;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "cart_abandoned",
        label: "Cart abandoned",
        docs: "Starts when nothing has happened to an open cart for so long. Each change of the cart begins the time \
               anew; a cart that was bought or deleted meanwhile is not abandoned.",
        icon: "shopping-cart-pause",
        example: r#"{"idle": "24h"}"#,
        schema: schema::<CartAbandoned>,
    },
    sources: SOURCES,
    build,
};

const SOURCES: &[Source] = &[Source::of(&CART, WRITTEN)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CartAbandoned {
    /// How long nothing must have happened: `30m`, `24h`; a minute to 90 days.
    #[serde(default = "a_day")]
    idle: Span,
}

fn a_day() -> Span {
    Span(TimeDelta::days(1))
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Trigger>> {
    let read = reader.read::<CartAbandoned>()?;
    if !(TimeDelta::minutes(1)..=TimeDelta::days(90)).contains(&read.idle.0) {
        reader.fault_at("out-of-range", "idle", "a cart is idle for a minute to 90 days");
    }
    Some(Box::new(read))
}

/// With a time in one of these, a cart is over.
const CLOSED: &[&str] = &["completed_at", "deleted_at"];

fn is_open(row: &Map<String, Value>) -> bool {
    CLOSED.iter().all(|column| row.get(*column).is_none_or(Value::is_null))
}

impl Trigger for CartAbandoned {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        event.operation != Operation::Delete && is_open(&event.row)
    }

    fn starts_at(&self, event: &Event) -> Option<DateTime<Utc>> {
        event.at.checked_add_signed(self.idle.0)
    }

    fn still(&self, row: &Map<String, Value>) -> bool {
        is_open(row)
    }

    fn columns(&self) -> Vec<&str> {
        CLOSED.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made, removed, updated};
    use super::*;

    #[test]
    fn it_starts_after_the_idle_time_of_an_open_cart() {
        let cart = json!({"id": "cart_1", "completed_at": null});
        let event = made("cart", cart.clone());
        let trigger = built(&KIND, json!({"idle": "30m"})).expect("builds");
        assert!(counts(&KIND, json!({}), &event));
        assert_eq!(trigger.starts_at(&event), Some(event.at + TimeDelta::minutes(30)));
        let usual = built(&KIND, json!({})).expect("builds");
        assert_eq!(usual.starts_at(&event), Some(event.at + TimeDelta::days(1)));
        assert!(counts(&KIND, json!({}), &updated("cart", cart.clone(), json!({"email": null}))));
        assert!(!counts(&KIND, json!({}), &removed("cart", cart.clone())));
        for column in ["completed_at", "deleted_at"] {
            let mut over = cart.clone();
            over[column] = json!("2026-11-22T10:00:00Z");
            assert!(
                !counts(&KIND, json!({}), &updated("cart", over.clone(), json!({column: null}))),
                "{column}"
            );
            assert!(!trigger.still(over.as_object().expect("a row")), "{column}");
        }
        assert!(trigger.still(cart.as_object().expect("a row")));
    }

    #[test]
    fn idle_times_are_spans_within_bounds() {
        let fault = |idle: Value| built(&KIND, json!({"idle": idle})).map(|_| ()).expect_err("a fault");
        assert_eq!(fault(json!("soon")), ["bad-span /idle"]);
        assert_eq!(fault(json!(30)), ["wrong-type /idle"]);
        assert_eq!(fault(json!("30s")), ["out-of-range /idle"]);
        assert_eq!(fault(json!("91d")), ["out-of-range /idle"]);
        assert_eq!(fault(json!("9999999999999999w")), ["bad-span /idle"]);
    }
}
