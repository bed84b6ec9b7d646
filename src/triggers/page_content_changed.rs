//! `page_content_changed`: a page's section changed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::changes::{changed, now};
use crate::domain::event::{Event, Operation};
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::CONTENT;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "page_content_changed",
        label: "Page content changed",
        docs: "Starts when a section is added to a page, its content changes, or it is removed. Going public is `content_published`.",
        icon: "layout-grid",
        example: r#"{"sections": ["hero"]}"#,
        schema: schema::<PageContentChanged>,
    },
    sources: SOURCES,
    build: trigger::<PageContentChanged>,
};

const SOURCES: &[Source] =
    &[Source::of(&CONTENT, &[Operation::Insert, Operation::Update, Operation::Delete])];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageContentChanged {
    /// Only sections of these names; empty: all.
    #[serde(default)]
    sections: Vec<String>,
}

impl Trigger for PageContentChanged {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        let section = now(event, "section").and_then(Value::as_str);
        let wanted =
            self.sections.is_empty() || self.sections.iter().any(|wanted| section == Some(wanted.as_str()));
        wanted && (event.operation != Operation::Update || changed(event, &CONTENT, "content"))
    }

    fn anchors(&self) -> Vec<Anchor> {
        Vec::from_iter(Anchor::texts("section", &self.sections))
    }

    fn columns(&self) -> Vec<&str> {
        vec!["content"]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{counts, made, removed, updated};
    use super::*;

    #[test]
    fn content_counts_and_nothing_else() {
        let row = json!({"section": "hero", "content": {"blocks": []}, "status": "draft"});
        let tries = |config, event| counts(&KIND, config, &event);
        assert!(tries(json!({}), made("page_content", row.clone())));
        assert!(tries(json!({}), removed("page_content", row.clone())));
        assert!(tries(json!({}), updated("page_content", row.clone(), json!({"content": {}}))));
        assert!(
            tries(json!({}), updated("page_content", json!({"section": "hero"}), json!({}))),
            "too long for the event"
        );
        assert!(!tries(json!({}), updated("page_content", row.clone(), json!({"status": "published"}))));
        assert!(tries(json!({"sections": ["a", "hero"]}), made("page_content", row.clone())));
        assert!(!tries(json!({"sections": ["a"]}), made("page_content", row)));
    }
}
