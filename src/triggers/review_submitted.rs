//! `review_submitted`: a customer wrote a review.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::MADE;
use crate::domain::event::Event;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::REVIEW;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "review_submitted",
        label: "Review submitted",
        docs: "Starts when a review is written, whether or not it is public at once.",
        icon: "message-star",
        example: "{}",
        schema: schema::<ReviewSubmitted>,
    },
    sources: SOURCES,
    build: trigger::<ReviewSubmitted>,
};

const SOURCES: &[Source] = &[Source::of(&REVIEW, MADE)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewSubmitted {}

impl Trigger for ReviewSubmitted {
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
        assert!(counts(&KIND, json!({}), &made("reviews", row.clone())));
        assert!(!counts(&KIND, json!({}), &updated("reviews", row.clone(), json!({"status": "x"}))));
        assert!(!counts(&KIND, json!({}), &removed("reviews", row)));
    }
}
