//! `add_tag`: attach a word to a customer.

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
        name: "add_tag",
        label: "Add tag",
        docs: "Attaches a word to a customer, for filters and audiences. One that is there already stays.",
        icon: "tag",
        example: r#"{"tag": "vip"}"#,
        schema: schema::<AddTag>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("add_tag"),
    writes: &[Write::to("customer_tags", Operation::Insert)],
    needs: &[Need::unless("customer", CUSTOMER_OF_EVENT)],
    result: &[Field::new("tag", FieldType::Text), Field::new("changed", FieldType::Boolean)],
    build: action::<AddTag>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddTag {
    /// Up to 100 letters.
    tag: Template,
    /// Who: the id of a customer. Without it, the event's customer.
    customer: Option<Template>,
}

impl Action for AddTag {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let customer = customer_of(self.customer.as_ref(), context)?;
        let tag = line_of("tag", &self.tag, context, 100)?;
        let rows = Rows::new("add_tag", json!({ "customer": customer, "tag": tag }));
        Ok(Effect::Rows(rows.judging(Target::Customer, customer)))
    }
}
