//! `blog_post_published`: a post of the blog went public.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{WRITTEN, became};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::POST;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "blog_post_published",
        label: "Post published",
        docs: "Starts when the status of a post becomes `published`. Only the step into it counts, never a change that leaves it there.",
        icon: "article",
        example: "{}",
        schema: schema::<BlogPostPublished>,
    },
    sources: SOURCES,
    build: trigger::<BlogPostPublished>,
};

const SOURCES: &[Source] = &[Source::of(&POST, WRITTEN)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlogPostPublished {}

impl Trigger for BlogPostPublished {
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
        counts_the_step_only(&KIND, "blog_posts", "status", ("published", "draft"));
    }
}
