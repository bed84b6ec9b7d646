//! `order_refunded`: money of an order was given back.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::changes::{WRITTEN, before, now};
use crate::domain::event::{Event, Operation};
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::ORDER;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "order_refunded",
        label: "Order refunded",
        docs: "Starts when money of an order is given back: each part of it, and the moment from which all of it is. \
               What tells the same refund in a second change does not count again.",
        icon: "receipt-refund",
        example: r#"{"refund": "full"}"#,
        schema: schema::<OrderRefunded>,
    },
    sources: SOURCES,
    build: trigger::<OrderRefunded>,
};

const SOURCES: &[Source] = &[Source::of(&ORDER, WRITTEN)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRefunded {
    /// Which refunds count: any, those after which all is given back, or those after which some is kept.
    #[serde(default)]
    refund: Refund,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Refund {
    #[default]
    Any,
    Full,
    Partial,
}

/// What an order tells of its refunds.
#[derive(PartialEq)]
struct Told {
    refunded: i64,
    some: bool,
    all: bool,
}

fn told<'e>(of: impl Fn(&str) -> Option<&'e Value>) -> Told {
    let number = |column: &str| of(column).and_then(Value::as_i64).unwrap_or(0);
    let text = |column: &str| of(column).and_then(Value::as_str);
    let (refunded, total) = (number("refunded_total"), number("total"));
    let all = text("payment_status") == Some("refunded")
        || text("status") == Some("refunded")
        || (total > 0 && refunded >= total);
    Told { refunded, some: all || refunded > 0 || text("payment_status") == Some("partially_refunded"), all }
}

impl Trigger for OrderRefunded {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        if event.operation == Operation::Delete {
            return false;
        }
        let (is, was) = (told(|column| now(event, column)), told(|column| before(event, column)));
        let full = is.all && !was.all;
        // The state may be told before the amount: that is one refund.
        let more = is.refunded > was.refunded && (was.refunded > 0 || !was.some);
        let partial = is.some && !is.all && (!was.some || more);
        match self.refund {
            Refund::Any => full || partial,
            Refund::Full => full,
            Refund::Partial => partial,
        }
    }

    fn columns(&self) -> Vec<&str> {
        vec!["refunded_total", "total", "payment_status", "status"]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made, removed, updated};
    use super::*;

    /// Which of the settings count the change.
    fn seen(row: Value, old: Value) -> Vec<&'static str> {
        let event = updated("orders", row, old);
        ["any", "full", "partial"]
            .into_iter()
            .filter(|refund| counts(&KIND, json!({"refund": refund}), &event))
            .collect()
    }

    fn order(payment_status: &str, refunded: i64) -> Value {
        json!({"status": "completed", "payment_status": payment_status, "total": 1_000, "refunded_total": refunded})
    }

    #[test]
    fn each_refund_counts_once_however_it_is_told() {
        let paid = json!({"payment_status": "paid"});
        let paid_all = json!({"payment_status": "paid", "refunded_total": 0});
        assert_eq!(seen(order("refunded", 1_000), paid_all.clone()), ["any", "full"], "all at once");
        assert_eq!(seen(order("partially_refunded", 300), paid_all), ["any", "partial"], "a part");
        assert_eq!(
            seen(order("partially_refunded", 500), json!({"refunded_total": 300})),
            ["any", "partial"]
        );
        let the_rest = json!({"payment_status": "partially_refunded", "refunded_total": 500});
        assert_eq!(seen(order("refunded", 1_000), the_rest), ["any", "full"], "the rest");
        // The state first, the amount later, and the other way round.
        assert_eq!(seen(order("partially_refunded", 0), paid.clone()), ["any", "partial"]);
        assert!(seen(order("partially_refunded", 300), json!({"refunded_total": 0})).is_empty());
        assert_eq!(seen(order("paid", 300), json!({"refunded_total": 0})), ["any", "partial"]);
        assert!(seen(order("partially_refunded", 300), paid.clone()).is_empty());
        assert_eq!(seen(order("paid", 1_000), json!({"refunded_total": 0})), ["any", "full"]);
        assert!(seen(order("refunded", 1_000), paid).is_empty());
        let mut called_off = order("refunded", 1_000);
        called_off["status"] = json!("refunded");
        assert!(seen(called_off, json!({"status": "completed"})).is_empty());
        assert!(seen(order("refunded", 1_000), json!({"note": null})).is_empty());
        assert!(seen(order("paid", 0), json!({"refunded_total": 300})).is_empty(), "taken back");
        assert!(seen(json!({}), json!({})).is_empty());
    }

    #[test]
    fn imports_count_and_what_is_removed_does_not() {
        assert!(counts(&KIND, json!({}), &made("orders", order("refunded", 1_000))));
        assert!(!counts(&KIND, json!({}), &made("orders", order("paid", 0))));
        assert!(!counts(&KIND, json!({}), &removed("orders", order("refunded", 1_000))));
        assert_eq!(built(&KIND, json!({"refund": "half"})).err(), Some(vec!["unknown-value /refund".into()]));
    }
}
