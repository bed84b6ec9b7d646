//! `content_published`: a page, a section of a page, a post or an entry of the changelog went public.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{WRITTEN, became};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::{CHANGELOG, CONTENT, PAGE, POST};

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "content_published",
        label: "Content published",
        docs: "Starts when a page, a section of a page, a blog post or an entry of the changelog goes public.",
        icon: "news",
        example: r#"{"content": "post"}"#,
        schema: schema::<ContentPublished>,
    },
    sources: SOURCES,
    build: trigger::<ContentPublished>,
};

const SOURCES: &[Source] = &[
    Source::of(&PAGE, WRITTEN),
    Source::of(&CONTENT, WRITTEN),
    Source::of(&POST, WRITTEN),
    Source::of(&CHANGELOG, WRITTEN),
];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentPublished {
    /// Which content counts.
    #[serde(default)]
    content: Content,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Content {
    #[default]
    Any,
    Page,
    Section,
    Post,
    Changelog,
}

impl Trigger for ContentPublished {
    fn sources(&self) -> Vec<Source> {
        let chosen = match self.content {
            Content::Any => return SOURCES.to_vec(),
            Content::Page => &PAGE,
            Content::Section => &CONTENT,
            Content::Post => &POST,
            Content::Changelog => &CHANGELOG,
        };
        SOURCES.iter().filter(|source| source.subject == chosen).cloned().collect()
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
    use serde_json::json;

    use super::super::changes::tests::{counts, counts_the_step_only, made};
    use super::*;

    #[test]
    fn only_the_step_into_public_counts() {
        for table in ["pages", "page_content", "blog_posts", "changelog_entries"] {
            counts_the_step_only(&KIND, table, "status", ("published", "draft"));
        }
    }

    #[test]
    fn only_the_chosen_content_counts() {
        let chosen = |content: &str| {
            let tables = ["pages", "page_content", "blog_posts", "changelog_entries"];
            let row = json!({"status": "published"});
            let counted =
                |table: &&str| counts(&KIND, json!({"content": content}), &made(table, row.clone()));
            tables.into_iter().filter(counted).collect::<Vec<_>>()
        };
        assert_eq!(chosen("page"), ["pages"]);
        assert_eq!(chosen("section"), ["page_content"]);
        assert_eq!(chosen("post"), ["blog_posts"]);
        assert_eq!(chosen("changelog"), ["changelog_entries"]);
        assert_eq!(chosen("any").len(), 4);
    }
}
