//! `remove_tag`: take a word away from a customer.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::given::{customer_of, line_of};
use crate::domain::effect::{Effect, EffectKind, Rows, Target};
use crate::domain::event::Operation;
use crate::workflow::build::CUSTOMER_OF_EVENT;
use crate::workflow::catalogue::{
    About, Action, ActionKind, Need, PlanError, RetryClass, Write, action, schema,
};
use crate::workflow::context::Context;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "remove_tag",
        label: "Remove tag",
        docs: "Takes a word away from a customer. One that is not there is no failure.",
        icon: "tag-off",
        example: r#"{"tag": "vip"}"#,
        schema: schema::<RemoveTag>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("remove_tag"),
    writes: &[Write::to("customer_tags", Operation::Delete)],
    needs: &[Need::unless("customer", CUSTOMER_OF_EVENT)],
    result: &[Field::new("tag", FieldType::Text), Field::new("changed", FieldType::Boolean)],
    build: action::<RemoveTag>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveTag {
    /// Up to 100 letters.
    tag: Template,
    /// Who: the id of a customer. Without it, the event's customer.
    customer: Option<Template>,
}

impl Action for RemoveTag {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let customer = customer_of(self.customer.as_ref(), context)?;
        let tag = line_of("tag", &self.tag, context, 100)?;
        let rows = Rows::new("remove_tag", json!({ "customer": customer, "tag": tag }));
        Ok(Effect::Rows(rows.judging(Target::Customer, customer)))
    }
}
