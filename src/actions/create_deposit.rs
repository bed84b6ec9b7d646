//! `create_deposit`: ask the customer of an order for part of its total.

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::given::{Whole, instant_of, order_of};
use crate::domain::effect::{Effect, EffectKind, Key, Rows, Target};
use crate::domain::event::Operation;
use crate::workflow::catalogue::{
    About, Action, ActionKind, Need, PlanError, RetryClass, Write, action, schema,
};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "create_deposit",
        label: "Create deposit",
        docs: "Asks the customer of an order for a share of its total, or for an amount, until a day. Never for more than is \
               owed: what was paid, given back, or asked for by other deposits counts.",
        icon: "coins",
        example: r#"{"percent": 50, "due_in_days": 7}"#,
        schema: schema::<CreateDeposit>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("create_deposit"),
    writes: &[Write::to("deposits", Operation::Insert)],
    needs: &[Need::unless("order", "order.id|*.order_id")],
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
    /// Instead of a share: an amount in minor units, 5000 for 50.00, with its currency.
    amount: Option<Whole>,
    /// The currency of `amount`, such as `EUR`: it must be the order's.
    currency: Option<Template>,
    /// Days from now until it is due.
    #[serde(default = "a_week")]
    #[schemars(range(min = 0, max = 3650))]
    due_in_days: u16,
    /// Instead of days: the day until which it is due.
    #[schemars(extend("x-wants" = "time"))]
    due: Option<Template>,
    /// The id of the order. Without it, the event's order.
    order: Option<Template>,
}

fn half() -> u8 {
    50
}

fn a_week() -> u16 {
    7
}

/// More than that is a mistake.
const MOST_MINOR: i64 = 1_000_000_000_000;

impl CreateDeposit {
    fn due(&self, context: &Context) -> Result<DateTime<Utc>, PlanError> {
        if let Some(due) = &self.due {
            return instant_of("due", due, context);
        }
        let due = context.now().checked_add_signed(TimeDelta::days(self.due_in_days.into()));
        due.ok_or_else(|| PlanError("the due date leaves the calendar".into()))
    }
}

impl Action for CreateDeposit {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let order = order_of(self.order.as_ref(), context)?;
        let amount =
            self.amount.as_ref().map(|amount| amount.within("amount", context, 1, MOST_MINOR)).transpose()?;
        let currency = self.currency.as_ref().map(|currency| currency.render(context)).transpose();
        let currency = currency.map_err(|error| PlanError::of("currency", &error))?;
        let input = json!({ "order": order, "amount": amount, "currency": currency, "due": self.due(context)?,
            "percent": amount.is_none().then_some(self.percent) });
        let rows = Rows::new("create_deposit", input).judging(Target::Order, order);
        Ok(Effect::Rows(rows.writing("deposits", Key::Own)))
    }

    fn check(&self, reader: &mut Reader<'_>) {
        if self.amount.is_some() && self.currency.is_none() {
            reader.fault_at("missing-field", "currency", "`amount` needs its `currency`");
        }
        let both = [("percent", "amount"), ("due_in_days", "due")];
        for (one, other) in both
            .into_iter()
            .filter(|(one, other)| [one, other].iter().all(|name| reader.value.get(name).is_some()))
        {
            reader.fault_at(
                "conflicting-settings",
                other,
                format!("`{one}` and `{other}` exclude each other"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::workflow::context::tests::order_context;

    fn input(settings: Value) -> Result<Value, PlanError> {
        let action: CreateDeposit = serde_json::from_value(settings).expect("settings");
        match action.plan(&order_context(json!({"note": "2026-12-24"})))? {
            Effect::Rows(rows) => Ok(rows.input),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn half_is_due_in_a_week_unless_set_otherwise() {
        let half = input(json!({})).expect("half");
        assert_eq!((&half["percent"], &half["due"]), (&json!(50), &json!("2026-11-29T10:00:00Z")));
        let some = json!({"amount": "{{ order.total // 4 }}", "currency": "EUR", "due": "{{ order.note }}"});
        let some = input(some).expect("some");
        assert_eq!((&some["amount"], &some["percent"]), (&json!(6_250), &json!(null)));
        assert_eq!(some["due"], json!("2026-12-24T00:00:00Z"));
        for wrong in [
            json!({"amount": "{{ 0 }}"}),
            json!({"due": "{{ order.status }}"}),
            json!({"order": "{{ order.note }}"}),
        ] {
            assert!(input(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
