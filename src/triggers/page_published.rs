//! `page_published`: a page went public.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{WRITTEN, became};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::PAGE;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "page_published",
        label: "Page published",
        docs: "Starts when the status of a page becomes `published`. Only the step into it counts, never a change that leaves it there.",
        icon: "file-check",
        example: "{}",
        schema: schema::<PagePublished>,
    },
    sources: SOURCES,
    build: trigger::<PagePublished>,
};

const SOURCES: &[Source] = &[Source::of(&PAGE, WRITTEN)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PagePublished {}

impl Trigger for PagePublished {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        became(event, "status", "published")
    }

    fn anchors(&self) -> Vec<Anchor> {
        Vec::from_iter(Anchor::texts("status", ["published"]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::changes::tests::counts_the_step_only;
    use super::*;

    #[test]
    fn only_the_step_into_it_counts() {
        counts_the_step_only(&KIND, "pages", "status", ("published", "draft"));
    }
}
