//! `points_balance_reached`: a customer has so many points.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{WRITTEN, rose_to};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::POINTS;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "points_balance_reached",
        label: "Points balance reached",
        docs: "Starts when the balance of a customer rises to the given points or above them. It must have been below them before.",
        icon: "trophy",
        example: r#"{"points": 1000}"#,
        schema: schema::<PointsBalanceReached>,
    },
    sources: SOURCES,
    build: trigger::<PointsBalanceReached>,
};

const SOURCES: &[Source] = &[Source::of(&POINTS, WRITTEN)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointsBalanceReached {
    /// The balance to be reached, from 1.
    #[schemars(range(min = 1))]
    points: i64,
}

impl Trigger for PointsBalanceReached {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        rose_to(event, "balance", self.points)
    }

    fn anchors(&self) -> Vec<Anchor> {
        vec![Anchor::at_least("balance", self.points)]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made, updated};
    use super::*;

    #[test]
    fn only_the_way_up_counts() {
        let tries = |event| counts(&KIND, json!({"points": 100}), &event);
        let balance =
            |is: i64, was: i64| updated("loyalty_points", json!({"balance": is}), json!({"balance": was}));
        assert!(
            tries(balance(100, 99))
                && tries(balance(500, 0))
                && tries(made("loyalty_points", json!({"balance": 100})))
        );
        assert!(
            !tries(balance(99, 98))
                && !tries(balance(150, 100))
                && !tries(balance(99, 100))
                && !tries(balance(100, 120))
        );
        assert!(
            !tries(updated("loyalty_points", json!({"balance": 100}), json!({"created_by": null}))),
            "it was there"
        );
        assert!(
            !tries(made("loyalty_points", json!({"balance": 99})))
                && !tries(made("loyalty_points", json!({})))
        );
        assert_eq!(built(&KIND, json!({})).err(), Some(vec!["missing-field ".into()]));
        assert_eq!(built(&KIND, json!({"points": 0})).err(), Some(vec!["out-of-range /points".into()]));
    }
}
