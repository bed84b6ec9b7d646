//! `create_deposit`: ask the customer of an order for part of its total.

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::effect::Effect;
use crate::domain::event::Operation;
use crate::domain::money::Money;
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, Write, action, schema};
use crate::workflow::context::Context;
use crate::workflow::subjects::{Field, FieldType};

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "create_deposit",
        label: "Create deposit",
        docs: "Asks the customer of an order for part of its total, due in some days.",
        icon: "coins",
        example: r#"{"percent": 50, "due_in_days": 7}"#,
        schema: schema::<CreateDeposit>,
    },
    retry: RetryClass::Database,
    writes: &[Write { table: "deposits", operation: Operation::Insert }],
    needs: &["order.id", "order.total", "order.currency"],
    result: &[
        Field::new("deposit_id", FieldType::Id),
        Field::new("amount", FieldType::Money),
        Field::new("currency", FieldType::Text),
        Field::new("due_date", FieldType::Time),
    ],
    build: action::<CreateDeposit>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDeposit {
    /// Share of the order's total, in percent. 50 asks for half, rounded up.
    #[serde(default = "half")]
    #[schemars(range(min = 1, max = 100))]
    percent: u8,
    /// Days from now until it is due.
    #[serde(default = "a_week")]
    #[schemars(range(min = 0, max = 3650))]
    due_in_days: u16,
}

fn half() -> u8 {
    50
}

fn a_week() -> u16 {
    7
}

impl Action for CreateDeposit {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let missing = |what: &str| PlanError(format!("the {} has no {what}", context.subject()));
        let order = context.row_id("id").ok_or_else(|| missing("id"))?;
        let amount_minor =
            context.row_field("total").and_then(Value::as_i64).ok_or_else(|| missing("total"))?;
        let currency =
            context.row_field("currency").and_then(Value::as_str).ok_or_else(|| missing("currency"))?;
        if amount_minor <= 0 {
            return Err(PlanError("there is nothing to pay: the order's total is not above zero".into()));
        }
        let amount = Money { amount_minor, currency: currency.to_owned() }
            .share_rounded_up(self.percent)
            .ok_or_else(|| PlanError("the share leaves the range of money".into()))?;
        let due = context
            .now()
            .checked_add_signed(TimeDelta::days(self.due_in_days.into()))
            .ok_or_else(|| PlanError("the due date leaves the calendar".into()))?;
        Ok(Effect::CreateDeposit { order, amount, due })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::workflow::context::tests::order_context;

    #[test]
    fn half_is_due_in_a_week_unless_set_otherwise() {
        let action: CreateDeposit = serde_json::from_value(json!({})).expect("settings");
        let context = order_context(json!({"total": 24_999}));
        let Ok(Effect::CreateDeposit { amount, due, .. }) = action.plan(&context) else { panic!("fails") };
        assert_eq!(amount.to_string(), "125.00 EUR");
        assert_eq!(due - context.now(), TimeDelta::days(7));
    }

    #[test]
    fn nothing_to_pay_fails() {
        let action: CreateDeposit = serde_json::from_value(json!({})).expect("settings");
        for row in
            [json!({"total": 0}), json!({"total": -1}), json!({"total": null}), json!({"currency": null})]
        {
            assert!(action.plan(&order_context(row.clone())).is_err(), "{row}");
        }
    }
}
