//! `create_changelog_entry`: tell what is new.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::given::{line_of, text_of};
use crate::domain::effect::{Effect, EffectKind, Key, Rows};
use crate::domain::event::Operation;
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, Write, action, schema};
use crate::workflow::context::Context;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "create_changelog_entry",
        label: "Create changelog entry",
        docs: "Writes an entry of the changelog, as a draft or public at once. A slug that is taken fails the step.",
        icon: "list-details",
        example: r#"{"title": "New: {{ post.title }}", "body": "{{ post.excerpt }}", "category": "added", "publish": true}"#,
        schema: schema::<CreateChangelogEntry>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("create_changelog_entry"),
    writes: &[Write::to("changelog_entries", Operation::Insert)],
    needs: &[],
    result: &[
        Field::new("entry_id", FieldType::Id),
        Field::new("slug", FieldType::Text),
        Field::new("status", FieldType::Text),
        Field::new("published_at", FieldType::Time),
    ],
    build: action::<CreateChangelogEntry>,
};

const LONGEST_TITLE: usize = 300;
const LONGEST_SLUG: usize = 80;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateChangelogEntry {
    /// One line.
    title: Template,
    /// What there is to say.
    body: Option<Template>,
    /// Such as `1.4.0`.
    version: Option<Template>,
    /// What kind of news it is.
    #[serde(default)]
    category: Category,
    /// Its place in URLs: small letters, digits and `-`. Without it, made of version and title.
    slug: Option<Template>,
    /// Public at once; else a draft.
    #[serde(default)]
    publish: bool,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Category {
    Added,
    #[default]
    Changed,
    Fixed,
    Removed,
    Security,
}

impl Action for CreateChangelogEntry {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let title = line_of("title", &self.title, context, LONGEST_TITLE)?;
        let version =
            self.version.as_ref().map(|version| line_of("version", version, context, 50)).transpose()?;
        let body = self.body.as_ref().map(|body| text_of("body", body, context)).transpose()?;
        let slug = match &self.slug {
            Some(slug) => line_of("slug", slug, context, LONGEST_SLUG)?,
            None => slug_of(&format!("{} {title}", version.as_deref().unwrap_or_default())),
        };
        if slug.is_empty() || slug_of(&slug) != slug {
            return Err(PlanError(format!(
                "slug: `{slug}` is not made of small letters, digits and single `-`"
            )));
        }
        let status = if self.publish { "published" } else { "draft" };
        let input = json!({ "slug": slug, "version": version, "title": title, "body": body.unwrap_or_default(),
            "category": self.category, "status": status });
        Ok(Effect::Rows(Rows::new("create_changelog_entry", input).writing("changelog_entries", Key::Own)))
    }
}

/// Small letters and digits, one `-` for all that is between them.
fn slug_of(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-");
    slug.chars().take(LONGEST_SLUG).collect::<String>().trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::workflow::context::tests::order_context;

    fn slug(settings: Value) -> Result<String, PlanError> {
        let action: CreateChangelogEntry = serde_json::from_value(settings).expect("settings");
        match action.plan(&order_context(json!({})))? {
            Effect::Rows(rows) => Ok(rows.input["slug"].as_str().expect("a slug").to_owned()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn slugs_are_made_of_what_is_there() {
        assert_eq!(
            slug(json!({"title": "New: Gift  cards!", "version": "1.4"})),
            Ok("1-4-new-gift-cards".into())
        );
        assert_eq!(slug(json!({"title": "x", "slug": "a-b"})), Ok("a-b".into()));
        for wrong in
            [json!({"title": "!"}), json!({"title": "x", "slug": "A b"}), json!({"title": "{{ '' }}"})]
        {
            assert!(slug(wrong.clone()).is_err(), "{wrong}");
        }
        assert_eq!(slug(json!({"title": "a".repeat(299)})).map(|slug| slug.len()), Ok(LONGEST_SLUG));
    }
}
