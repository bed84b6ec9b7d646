//! `review_approved`: a review goes public.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::changes::{WRITTEN, became, now};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::REVIEW;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "review_approved",
        label: "Review approved",
        docs: "Starts when the status of a review becomes `approved`. Only the step into it counts.",
        icon: "star",
        example: r#"{"min_rating": 4}"#,
        schema: schema::<ReviewApproved>,
    },
    sources: SOURCES,
    build: trigger::<ReviewApproved>,
};

const SOURCES: &[Source] = &[Source::of(&REVIEW, WRITTEN)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewApproved {
    /// Only with so many stars or more, 1 to 5.
    #[serde(default)]
    #[schemars(range(min = 1, max = 5))]
    min_rating: Option<u8>,
}

impl Trigger for ReviewApproved {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        let rating = now(event, "rating").and_then(Value::as_i64);
        let enough = self.min_rating.is_none_or(|least| rating.is_some_and(|rating| rating >= least.into()));
        enough && became(event, "status", "approved")
    }

    fn anchors(&self) -> Vec<Anchor> {
        Vec::from_iter(Anchor::texts("status", ["approved"]))
    }

    fn columns(&self) -> Vec<&str> {
        if self.min_rating.is_some() { vec!["rating"] } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, counts_the_step_only, updated};
    use super::*;

    #[test]
    fn only_the_step_into_it_counts() {
        counts_the_step_only(&KIND, "reviews", "status", ("approved", "pending"));
        let with = |rating: Value| {
            updated("reviews", json!({"status": "approved", "rating": rating}), json!({"status": "pending"}))
        };
        assert!(counts(&KIND, json!({"min_rating": 4}), &with(json!(4))));
        assert!(!counts(&KIND, json!({"min_rating": 4}), &with(json!(3))));
        assert!(!counts(&KIND, json!({"min_rating": 1}), &with(json!(null))));
        assert_eq!(
            built(&KIND, json!({"min_rating": 6})).err(),
            Some(vec!["out-of-range /min_rating".into()])
        );
    }
}
