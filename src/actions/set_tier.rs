//! `set_tier`: move a customer to a tier of the loyalty programme.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::given::{customer_of, line_of};
use crate::domain::effect::{Effect, EffectKind, Key, Rows, Target};
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
        name: "set_tier",
        label: "Set tier",
        docs: "Moves a customer to a tier: the one that is named, or the highest that the balance of points reaches.",
        icon: "stairs-up",
        example: r#"{"only_up": true}"#,
        schema: schema::<SetTier>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("set_tier"),
    writes: &[Write::to("customers", Operation::Update)],
    needs: &[Need::unless("customer", CUSTOMER_OF_EVENT)],
    result: &[
        Field::new("tier", FieldType::Text),
        Field::new("former", FieldType::Text),
        Field::new("changed", FieldType::Boolean),
    ],
    build: action::<SetTier>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTier {
    /// The name of a tier, such as `gold`. Without it, the highest that the balance reaches.
    tier: Option<Template>,
    /// Nobody is moved to a lower one.
    #[serde(default)]
    only_up: bool,
    /// Who: the id of a customer. Without it, the event's customer.
    customer: Option<Template>,
}

impl Action for SetTier {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let customer = customer_of(self.customer.as_ref(), context)?;
        let tier = self.tier.as_ref().map(|tier| line_of("tier", tier, context, 200)).transpose()?;
        let rows =
            Rows::new("set_tier", json!({ "customer": customer, "tier": tier, "only_up": self.only_up }));
        Ok(Effect::Rows(rows.judging(Target::Customer, customer).writing("customers", Key::Of(customer))))
    }
}
