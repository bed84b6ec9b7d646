//! `update_order_status`: an order goes on, by the moves that are allowed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::given::order_of;
use crate::domain::effect::{Effect, EffectKind, Key, Rows, Target};
use crate::domain::event::Operation;
use crate::workflow::catalogue::{
    About, Action, ActionKind, Need, PlanError, RetryClass, Write, action, schema,
};
use crate::workflow::context::Context;
use crate::workflow::subjects::states::{MOVES_OF_ORDERS, may_become};
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "update_order_status",
        label: "Update order status",
        docs: "Moves an order on: from pending to processing, completed or cancelled; from processing to completed, cancelled or \
               refunded; from completed or cancelled to refunded. Any other move fails the step.",
        icon: "truck-delivery",
        example: r#"{"to": "processing"}"#,
        schema: schema::<UpdateOrderStatus>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("update_order_status"),
    writes: &[Write::to("orders", Operation::Update)],
    needs: &[Need::unless("order", "order.id|*.order_id")],
    result: &[
        Field::new("order_id", FieldType::Id),
        Field::new("status", FieldType::Text),
        Field::new("former", FieldType::Text),
    ],
    build: action::<UpdateOrderStatus>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateOrderStatus {
    /// What it becomes.
    to: To,
    /// The id of the order. Without it, the event's order.
    order: Option<Template>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum To {
    Processing,
    Completed,
    Cancelled,
    Refunded,
}

impl Action for UpdateOrderStatus {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let order = order_of(self.order.as_ref(), context)?;
        let to = match self.to {
            To::Processing => "processing",
            To::Completed => "completed",
            To::Cancelled => "cancelled",
            To::Refunded => "refunded",
        };
        let input = json!({ "row": order, "to": to, "from": may_become(MOVES_OF_ORDERS, to) });
        let rows = Rows::new("update_order_status", input).judging(Target::Order, order);
        Ok(Effect::Rows(rows.writing("orders", Key::Of(order))))
    }
}
