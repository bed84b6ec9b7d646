//! `product_restocked`: something is to be had again.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{CHANGED, before, rose_to, wanted};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::STOCK;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "product_restocked",
        label: "Product restocked",
        docs: "Starts when a variant that was sold out can be had again: `available` rises from 0 or less. A variant that is new to the stock was not sold out.",
        icon: "package-import",
        example: r#"{"product": "prod_01"}"#,
        schema: schema::<ProductRestocked>,
    },
    sources: SOURCES,
    build: trigger::<ProductRestocked>,
};

const SOURCES: &[Source] = &[Source::of(&STOCK, CHANGED)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductRestocked {
    /// Only this product: prod_….
    #[serde(default)]
    product: Option<String>,
    /// Only this variant: variant_….
    #[serde(default)]
    variant: Option<String>,
}

impl Trigger for ProductRestocked {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        rose_to(event, "available", 1)
            && before(event, "available").is_some()
            && wanted(self.product.as_deref(), event, "product_id")
            && wanted(self.variant.as_deref(), event, "variant_id")
    }

    fn anchors(&self) -> Vec<Anchor> {
        let product = Anchor::texts("product_id", self.product.as_deref());
        product.into_iter().chain(Anchor::texts("variant_id", self.variant.as_deref())).collect()
    }

    fn columns(&self) -> Vec<&str> {
        vec!["available"]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{counts, made, updated};
    use super::*;

    #[test]
    fn only_the_rise_from_nothing_counts() {
        let stock = |available: i64, was: i64| {
            let row = json!({"variant_id": "variant_1", "product_id": "prod_1", "available": available});
            updated("product_stock", row, json!({"available": was}))
        };
        for (available, was, expected) in
            [(3, 0, true), (1, -2, true), (0, -2, false), (3, 1, false), (0, 3, false), (-1, -3, false)]
        {
            assert_eq!(counts(&KIND, json!({}), &stock(available, was)), expected, "{was} -> {available}");
        }
        assert!(!counts(&KIND, json!({}), &made("product_stock", json!({"available": 3}))));
        assert!(!counts(
            &KIND,
            json!({}),
            &updated("product_stock", json!({"available": 3}), json!({"product_id": null}))
        ));
        assert!(!counts(&KIND, json!({}), &updated("product_stock", json!({}), json!({"available": 0}))));
        assert!(counts(&KIND, json!({"product": "prod_1", "variant": "variant_1"}), &stock(3, 0)));
        assert!(!counts(&KIND, json!({"product": "prod_2"}), &stock(3, 0)));
        assert!(!counts(&KIND, json!({"variant": "variant_2"}), &stock(3, 0)));
    }
}
