//! `unpublish_page`: take a page, a post or an entry of the changelog back.

use schemars::JsonSchema;
use serde::Deserialize;

use super::publish_page::{NEEDS, RESULT, WRITES, What, becomes};
use crate::domain::effect::{Effect, EffectKind};
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, action, schema};
use crate::workflow::context::Context;
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "unpublish_page",
        label: "Unpublish",
        docs: "Takes a page, a post of the blog or an entry of the changelog back: only admins see it then.",
        icon: "world-down",
        example: r#"{"what": "page", "row": "summer-sale"}"#,
        schema: schema::<UnpublishPage>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("set_published"),
    writes: WRITES,
    needs: NEEDS,
    result: RESULT,
    build: action::<UnpublishPage>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnpublishPage {
    /// What kind of row it is. Without it, what the event is about.
    what: Option<What>,
    /// Its id or its slug. Without it, the event's row.
    row: Option<Template>,
    /// What it becomes.
    #[serde(default)]
    to: To,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum To {
    #[default]
    Draft,
    Archived,
}

impl Action for UnpublishPage {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let status = match self.to {
            To::Draft => "draft",
            To::Archived => "archived",
        };
        becomes(status, self.what, self.row.as_ref(), context)
    }
}
