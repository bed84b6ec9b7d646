//! `quote_accepted`: a customer agreed to a quote.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{WRITTEN, became};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::QUOTE;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "quote_accepted",
        label: "Quote accepted",
        docs: "Starts when the status of a quote becomes `accepted`. Only the step into it counts, never a change that leaves it there.",
        icon: "file-like",
        example: "{}",
        schema: schema::<QuoteAccepted>,
    },
    sources: SOURCES,
    build: trigger::<QuoteAccepted>,
};

const SOURCES: &[Source] = &[Source::of(&QUOTE, WRITTEN)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteAccepted {}

impl Trigger for QuoteAccepted {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        became(event, "status", "accepted")
    }

    fn anchors(&self) -> Vec<Anchor> {
        Vec::from_iter(Anchor::texts("status", ["accepted"]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::changes::tests::counts_the_step_only;
    use super::*;

    #[test]
    fn only_the_step_into_it_counts() {
        counts_the_step_only(&KIND, "quotes", "status", ("accepted", "sent"));
    }
}
