//! `page_updated`: something about a page changed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{CHANGED, changed_any};
use super::settings::of_columns;
use crate::domain::event::Event;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::PAGE;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "page_updated",
        label: "Page updated",
        docs: "Starts when a page itself changes: in any column, or in those chosen. Its sections have `page_content_changed`.",
        icon: "file-pencil",
        example: r#"{"columns": ["title"]}"#,
        schema: || of_columns(schema::<PageUpdated>(), "columns", &PAGE),
    },
    sources: SOURCES,
    build: trigger::<PageUpdated>,
};

const SOURCES: &[Source] = &[Source::of(&PAGE, CHANGED)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageUpdated {
    /// Which columns must have changed, one of them at least; empty: any.
    #[serde(default)]
    columns: Vec<String>,
}

impl Trigger for PageUpdated {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        changed_any(event, &PAGE, &self.columns)
    }

    fn columns(&self) -> Vec<&str> {
        self.columns.iter().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made, removed, updated};
    use super::*;

    #[test]
    fn changes_of_the_chosen_columns_count() {
        let row = json!({"title": "b", "slug": "b"});
        let event = updated("pages", row.clone(), json!({"title": "a"}));
        assert!(counts(&KIND, json!({}), &event));
        assert!(counts(&KIND, json!({"columns": ["slug", "title"]}), &event));
        assert!(!counts(&KIND, json!({"columns": ["slug"]}), &event));
        assert!(
            counts(&KIND, json!({"columns": ["id"]}), &updated("pages", json!({}), json!({}))),
            "cut short"
        );
        assert!(!counts(&KIND, json!({}), &made("pages", row.clone())));
        assert!(!counts(&KIND, json!({}), &removed("pages", row)));
        assert_eq!(
            built(&KIND, json!({"columns": ["titlex"]})).err(),
            Some(vec!["unknown-value /columns/0".into()])
        );
    }
}
