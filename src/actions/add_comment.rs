//! `add_comment`: a note on a project.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::given::{order_of, text_of};
use crate::domain::effect::{Effect, EffectKind, Key, Rows};
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
        name: "add_comment",
        label: "Add comment",
        docs: "Writes a note on the project of an order, which admins see.",
        icon: "message-plus",
        example: r#"{"body": "{{ customer.name }} has ordered {{ order.total|money }}: call back."}"#,
        schema: schema::<AddComment>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("add_comment"),
    writes: &[Write::to("project_comments", Operation::Insert)],
    needs: &[Need::unless("order", "order.id|*.order_id")],
    result: &[Field::new("comment_id", FieldType::Id)],
    build: action::<AddComment>,
};

/// What the column takes.
const LONGEST: usize = 20_000;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddComment {
    /// Up to 20,000 letters.
    body: Template,
    /// The id of the order. Without it, the event's order.
    order: Option<Template>,
}

impl Action for AddComment {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let order = order_of(self.order.as_ref(), context)?;
        let body = text_of("body", &self.body, context)?;
        if body.chars().count() > LONGEST {
            return Err(PlanError(format!("body: it is longer than {LONGEST} letters")));
        }
        let rows = Rows::new("add_comment", json!({ "order": order, "body": body }));
        Ok(Effect::Rows(rows.writing("project_comments", Key::Own)))
    }
}
