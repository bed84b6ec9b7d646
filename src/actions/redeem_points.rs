//! `redeem_points`: spend points of a customer's balance.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::award_points::{MOST_POINTS, WRITES, reason_of};
use super::given::{Whole, customer_of, order_of_event};
use crate::domain::effect::{Effect, EffectKind, Key, Rows, Target};
use crate::workflow::build::CUSTOMER_OF_EVENT;
use crate::workflow::catalogue::{About, Action, ActionKind, Need, PlanError, RetryClass, action, schema};
use crate::workflow::context::Context;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "redeem_points",
        label: "Redeem points",
        docs: "Takes points from the balance of a customer. More than the balance holds fails the step, and nothing is taken.",
        icon: "gift-card",
        example: r#"{"points": 500, "reason": "A voucher of 5.00"}"#,
        schema: schema::<RedeemPoints>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("redeem_points"),
    writes: &WRITES,
    needs: &[Need::unless("customer", CUSTOMER_OF_EVENT)],
    result: &[Field::new("points", FieldType::Integer), Field::new("balance", FieldType::Integer)],
    build: action::<RedeemPoints>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemPoints {
    /// How many: a whole number from 1, or a template that gives one.
    points: Whole,
    /// Whose balance: the id of a customer. Without it, the event's customer.
    customer: Option<Template>,
    /// What the customer reads beside them. Without it, the event's type.
    reason: Option<Template>,
}

impl Action for RedeemPoints {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let customer = customer_of(self.customer.as_ref(), context)?;
        let points = self.points.within("points", context, 1, MOST_POINTS)?;
        let input = json!({ "customer": customer, "points": points, "order": order_of_event(context),
            "reason": reason_of(self.reason.as_ref(), context)? });
        let rows = Rows::new("redeem_points", input).judging(Target::Balance, customer);
        Ok(Effect::Rows(
            rows.writing("loyalty_ledger", Key::Own).writing("loyalty_points", Key::Of(customer)),
        ))
    }
}
