//! `update_deposit`: a deposit was paid, is waived, or was given back.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::given::id_of;
use crate::domain::effect::{Effect, EffectKind, Key, Rows, Target};
use crate::domain::event::Operation;
use crate::workflow::catalogue::{
    About, Action, ActionKind, Need, PlanError, RetryClass, Write, action, schema,
};
use crate::workflow::context::Context;
use crate::workflow::subjects::states::{MOVES_OF_DEPOSITS, may_become};
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "update_deposit",
        label: "Update deposit",
        docs: "Marks a deposit as paid or waived, if it is pending, or as refunded, if it was paid. Any other move fails the step.",
        icon: "coin",
        example: r#"{"to": "paid", "deposit": "{{ deposit.id }}"}"#,
        schema: schema::<UpdateDeposit>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("update_deposit"),
    writes: &[Write::to("deposits", Operation::Update)],
    needs: &[Need::unless("deposit", "deposit.id")],
    result: &[
        Field::new("deposit_id", FieldType::Id),
        Field::new("status", FieldType::Text),
        Field::new("former", FieldType::Text),
        Field::new("amount", FieldType::Money),
        Field::new("currency", FieldType::Text),
    ],
    build: action::<UpdateDeposit>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateDeposit {
    /// What it becomes.
    to: To,
    /// The id of the deposit, such as `{{ steps.deposit.deposit_id }}`. Without it, the event's deposit.
    deposit: Option<Template>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum To {
    Paid,
    Waived,
    Refunded,
}

impl Action for UpdateDeposit {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let deposit = match &self.deposit {
            Some(template) => id_of("deposit", template, context)?,
            None => context.row_id("id").ok_or_else(|| PlanError("the event has no deposit".into()))?,
        };
        let to = match self.to {
            To::Paid => "paid",
            To::Waived => "waived",
            To::Refunded => "refunded",
        };
        let input = json!({ "row": deposit, "to": to, "from": may_become(MOVES_OF_DEPOSITS, to) });
        let rows = Rows::new("update_deposit", input).judging(Target::Deposit, deposit);
        Ok(Effect::Rows(rows.writing("deposits", Key::Of(deposit))))
    }
}
