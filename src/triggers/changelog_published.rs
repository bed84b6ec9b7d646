//! `changelog_published`: an entry of the changelog went public.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{WRITTEN, became};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::CHANGELOG;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "changelog_published",
        label: "Changelog entry published",
        docs: "Starts when the status of an entry of the changelog becomes `published`. Only the step into it counts, never a change that leaves it there.",
        icon: "list-check",
        example: "{}",
        schema: schema::<ChangelogPublished>,
    },
    sources: SOURCES,
    build: trigger::<ChangelogPublished>,
};

const SOURCES: &[Source] = &[Source::of(&CHANGELOG, WRITTEN)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangelogPublished {}

impl Trigger for ChangelogPublished {
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
        counts_the_step_only(&KIND, "changelog_entries", "status", ("published", "draft"));
    }
}
