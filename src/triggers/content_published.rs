//! `content_published`: a page, a section of a page or a post went public.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::event::{Event, Operation};
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::{CONTENT, PAGE, POST};

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "content_published",
        label: "Content published",
        docs: "Starts when a page, a section of a page or a blog post goes public.",
        icon: "news",
        example: r#"{"content": "post"}"#,
        schema: schema::<ContentPublished>,
    },
    sources: SOURCES,
    build: trigger::<ContentPublished>,
};

const WRITTEN: &[Operation] = &[Operation::Insert, Operation::Update];
const SOURCES: &[Source] =
    &[Source::of(&PAGE, WRITTEN), Source::of(&CONTENT, WRITTEN), Source::of(&POST, WRITTEN)];

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
}

impl Trigger for ContentPublished {
    fn sources(&self) -> Vec<Source> {
        let chosen = match self.content {
            Content::Any => return SOURCES.to_vec(),
            Content::Page => &PAGE,
            Content::Section => &CONTENT,
            Content::Post => &POST,
        };
        SOURCES.iter().filter(|source| source.subject == chosen).cloned().collect()
    }

    /// Published now, and not published before.
    fn matches(&self, event: &Event) -> bool {
        let published = |status: Option<&Value>| status.and_then(Value::as_str) == Some("published");
        let now = published(event.row.get("status"));
        match event.operation {
            Operation::Insert => now,
            Operation::Update => {
                now && event.old.contains_key("status") && !published(event.old.get("status"))
            }
            Operation::Delete => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::workflow::context::tests::order_event;

    #[test]
    fn only_the_step_into_public_counts() {
        let trigger = ContentPublished { content: Content::Any };
        let mut event = order_event(serde_json::json!({"status": "published"}));
        assert!(trigger.matches(&event));
        event.operation = Operation::Update;
        assert!(!trigger.matches(&event), "another column changed");
        Arc::make_mut(&mut event.old).insert("status".into(), "draft".into());
        assert!(trigger.matches(&event));
        Arc::make_mut(&mut event.old).insert("status".into(), "published".into());
        assert!(!trigger.matches(&event));
        Arc::make_mut(&mut event.row).insert("status".into(), "archived".into());
        assert!(!trigger.matches(&event));
    }
}
