//! `enrollment_created`: somebody takes part in a course.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::MADE;
use crate::domain::event::Event;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::ENROLLMENT;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "enrollment_created",
        label: "Enrollment created",
        docs: "Starts when a customer gets a place in a course or service.",
        icon: "school",
        example: "{}",
        schema: schema::<EnrollmentCreated>,
    },
    sources: SOURCES,
    build: trigger::<EnrollmentCreated>,
};

const SOURCES: &[Source] = &[Source::of(&ENROLLMENT, MADE)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrollmentCreated {}

impl Trigger for EnrollmentCreated {
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
        assert!(counts(&KIND, json!({}), &made("enrollments", row.clone())));
        assert!(!counts(&KIND, json!({}), &updated("enrollments", row.clone(), json!({"status": "x"}))));
        assert!(!counts(&KIND, json!({}), &removed("enrollments", row)));
    }
}
