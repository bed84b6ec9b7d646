//! `publish_page`: make a page, a post or an entry of the changelog public.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::given::line_of;
use crate::domain::effect::{Effect, EffectKind, Key, Rows, Target};
use crate::domain::event::Operation;
use crate::workflow::catalogue::{
    About, Action, ActionKind, Need, PlanError, RetryClass, Write, action, schema,
};
use crate::workflow::context::Context;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "publish_page",
        label: "Publish",
        docs: "Makes a page, a post of the blog or an entry of the changelog public. For a later time put a `wait_until` before it.",
        icon: "world-up",
        example: r#"{"what": "post", "row": "{{ post.id }}"}"#,
        schema: schema::<PublishPage>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("set_published"),
    writes: WRITES,
    needs: NEEDS,
    result: RESULT,
    build: action::<PublishPage>,
};

pub(super) const WRITES: &[Write] = &[
    Write::to("pages", Operation::Update),
    Write::to("blog_posts", Operation::Update),
    Write::to("changelog_entries", Operation::Update),
];
pub(super) const NEEDS: &[Need] = &[Need::unless("row", "page.id|post.id|changelog.id")];
pub(super) const RESULT: &[Field] = &[
    Field::new("id", FieldType::Id),
    Field::new("slug", FieldType::Text),
    Field::new("status", FieldType::Text),
    Field::new("former", FieldType::Text),
    Field::new("published_at", FieldType::Time),
];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishPage {
    /// What kind of row it is. Without it, what the event is about.
    what: Option<What>,
    /// Its id or its slug. Without it, the event's row.
    row: Option<Template>,
}

/// Rows that can be public.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum What {
    Page,
    Post,
    Changelog,
}

/// Gives such a row that status.
pub(super) fn becomes(
    status: &str,
    what: Option<What>,
    row: Option<&Template>,
    context: &Context,
) -> Result<Effect, PlanError> {
    let subject = context.subject();
    let (what, table) = match (what, subject) {
        (Some(What::Page), _) | (None, "page") => ("page", "pages"),
        (Some(What::Post), _) | (None, "post") => ("post", "blog_posts"),
        (Some(What::Changelog), _) | (None, "changelog") => ("changelog", "changelog_entries"),
        (None, other) => {
            return Err(PlanError(format!("what: the event is about a {other}; say which kind of row")));
        }
    };
    let row = match row {
        Some(row) => line_of("row", row, context, 300)?,
        None if what == subject => context.row_key(),
        None => return Err(PlanError(format!("row: the event is about a {subject}; say which {what}"))),
    };
    // One row has two names, its id and its slug: two of a table are never judged at once.
    let all = Uuid::new_v5(&Uuid::NAMESPACE_URL, what.as_bytes());
    let rows = Rows::new("set_published", json!({ "what": what, "row": row, "status": status }));
    let rows = rows.judging(Target::Published, all);
    Ok(Effect::Rows(match row.parse() {
        Ok(id) => rows.writing(table, Key::Of(id)),
        Err(_) => rows,
    }))
}

impl Action for PublishPage {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        becomes("published", self.what, self.row.as_ref(), context)
    }
}
