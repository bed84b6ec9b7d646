//! `award_points`: add points to the balance of a customer.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::given::{Whole, customer_of, line_of, order_of_event};
use crate::domain::effect::{Effect, EffectKind};
use crate::domain::event::Operation;
use crate::workflow::build::CUSTOMER_OF_EVENT;
use crate::workflow::catalogue::{
    About, Action, ActionKind, Need, PlanError, RetryClass, Write, action, schema,
};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::span::Span;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "award_points",
        label: "Award points",
        docs: "Adds points to the balance of a customer: a fixed number, as many as a template says, or some for each part of \
               an amount of money. None are awarded for an amount that is too small.",
        icon: "gift",
        example: r#"{"per_amount": {"points": 1, "per": 100, "currency": "EUR"}, "reason": "Thank you for your order", "expires_after": "365d"}"#,
        schema: schema::<AwardPoints>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::AwardPoints,
    writes: &WRITES,
    needs: &[Need::unless("customer", CUSTOMER_OF_EVENT)],
    result: &[Field::new("points", FieldType::Integer), Field::new("balance", FieldType::Integer)],
    build: action::<AwardPoints>,
};

/// What every change of a balance writes.
pub(super) const WRITES: [Write; 3] = [
    Write::to("loyalty_ledger", Operation::Insert),
    Write::to("loyalty_points", Operation::Insert),
    Write::to("loyalty_points", Operation::Update),
];
pub(super) const MOST_POINTS: i64 = 1_000_000_000;
/// The longest reason, in letters.
pub(super) const LONGEST_REASON: usize = 500;

/// What an admin sets on the node: `points`, or `per_amount`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwardPoints {
    /// How many: a whole number from 1, or a template that gives one, such as `{{ order.total // 100 }}`.
    points: Option<Whole>,
    /// So many for each part of an amount of money.
    per_amount: Option<PerAmount>,
    /// Whose balance: the id of a customer, such as `{{ customer.referred_by }}`. Without it, the event's customer.
    customer: Option<Template>,
    /// What the customer reads beside them. Without it, the event's type.
    reason: Option<Template>,
    /// What is not spent after so long expires. Without it, never.
    expires_after: Option<Span>,
}

/// Points by an amount of money.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PerAmount {
    /// So many points …
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    points: i64,
    /// … for each of so many minor units: 100 is 1.00.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    per: i64,
    /// Which currency: money in another one fails the step.
    currency: String,
    /// What is spent, in minor units. Without it, the total of the order.
    amount: Option<Whole>,
    /// The currency of `amount`. Without it, the order's.
    amount_currency: Option<Template>,
    /// What to do with a part of a point.
    #[serde(default)]
    round: Round,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Round {
    #[default]
    Down,
    Nearest,
    Up,
}

fn one() -> i64 {
    1
}

impl Action for AwardPoints {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let customer = customer_of(self.customer.as_ref(), context)?;
        let points = match (&self.points, &self.per_amount) {
            (Some(points), _) => points.within("points", context, 0, MOST_POINTS)?,
            (None, Some(per_amount)) => per_amount.points(context)?,
            (None, None) => 0,
        };
        let reason = reason_of(self.reason.as_ref(), context)?;
        let order = order_of_event(context);
        let expires = self.expires_after.map(|span| span.after(context.now()));
        Ok(Effect::AwardPoints { customer, order, points, reason, expires })
    }

    fn check(&self, reader: &mut Reader<'_>) {
        match (&self.points, &self.per_amount) {
            (None, None) => reader.fault_at("missing-field", "", "neither `points` nor `per_amount` is set"),
            (Some(_), Some(_)) => {
                reader.fault_at(
                    "conflicting-settings",
                    "points",
                    "`points` and `per_amount` exclude each other",
                );
            }
            _ => {}
        }
        let is_currency = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
        if let Some(PerAmount { currency, .. }) =
            self.per_amount.as_ref().filter(|of| !is_currency(&of.currency))
        {
            let path = format!("{}/per_amount", reader.path);
            let message = format!("`{currency}` is no currency: write three capital letters, such as `EUR`");
            reader.fault_below(&path, "unknown-value", "currency", message);
        }
    }
}

impl PerAmount {
    fn points(&self, context: &Context) -> Result<i64, PlanError> {
        let lacks = |what: &str| {
            PlanError(format!(
                "per_amount: the {} has no {what}; set `amount` and `amount_currency`",
                context.subject()
            ))
        };
        let amount = match &self.amount {
            Some(amount) => amount.within("per_amount.amount", context, 0, i64::MAX)?,
            None => context.row_field("total").and_then(Value::as_i64).ok_or_else(|| lacks("total"))?,
        };
        let currency = match &self.amount_currency {
            Some(template) => line_of("per_amount.amount_currency", template, context, 3)?,
            None => {
                let currency = context.row_field("currency").and_then(Value::as_str);
                currency.ok_or_else(|| lacks("currency"))?.to_owned()
            }
        };
        if currency != self.currency {
            return Err(PlanError(format!(
                "per_amount: the amount is in {currency}, not in {}",
                self.currency
            )));
        }
        let (parts, per) = (i128::from(amount.max(0)) * i128::from(self.points), i128::from(self.per));
        let points = match self.round {
            Round::Down => parts / per,
            Round::Nearest => (parts * 2 + per) / (per * 2),
            Round::Up => (parts + per - 1) / per,
        };
        let points = i64::try_from(points).ok().filter(|points| *points <= MOST_POINTS);
        points.ok_or_else(|| PlanError(format!("per_amount: these are more than {MOST_POINTS} points")))
    }
}

/// What the customer reads beside a line of the ledger.
pub(super) fn reason_of(reason: Option<&Template>, context: &Context) -> Result<String, PlanError> {
    match reason {
        Some(template) => line_of("reason", template, context, LONGEST_REASON),
        None => Ok(context.event().kind.replace('_', " ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::ids::ExecutionId;
    use crate::workflow::context::tests::{order_context, order_event};

    fn plan(settings: Value, row: Value) -> Result<Effect, PlanError> {
        let action: AwardPoints = serde_json::from_value(settings).expect("settings");
        action.plan(&order_context(row))
    }

    fn points(settings: Value, row: Value) -> i64 {
        match plan(settings, row) {
            Ok(Effect::AwardPoints { points, .. }) => points,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn points_are_counted_from_the_order() {
        for given in
            [json!(250), json!("{{ order.total // 100 }}"), json!("{{ order.total / 100 }}"), json!("250")]
        {
            let Ok(Effect::AwardPoints { points, reason, order, expires, .. }) =
                plan(json!({"points": given}), json!({}))
            else {
                panic!("fails")
            };
            assert_eq!((points, reason.as_str(), order.is_some()), (250, "order created", true));
            assert_eq!(expires, None);
        }
        assert_eq!(points(json!({"points": "{{ 0 }}"}), json!({})), 0, "a small order is no failure");
    }

    #[test]
    fn a_part_of_a_point_is_rounded_as_is_said() {
        for (total, per, round, expected) in [
            (24_999, 100, "down", 249),
            (24_999, 100, "nearest", 250),
            (24_950, 100, "nearest", 250),
            (24_949, 100, "nearest", 249),
            (24_901, 100, "up", 250),
            (99, 100, "down", 0),
            (0, 100, "up", 0),
            (-500, 100, "up", 0),
        ] {
            let settings = json!({"per_amount": {"per": per, "currency": "EUR", "round": round}});
            assert_eq!(points(settings, json!({"total": total})), expected, "{total} {round}");
        }
        let double = json!({"per_amount": {"points": 2, "per": 150, "currency": "EUR"}});
        assert_eq!(points(double, json!({"total": 1_000})), 13);
        let other = json!({"per_amount": {"per": 100, "currency": "EUR"}});
        let mismatch = plan(other, json!({"currency": "USD"})).expect_err("of another currency");
        assert_eq!(mismatch.0, "per_amount: the amount is in USD, not in EUR");
        let most = json!({"per_amount": {"points": 1_000_000, "per": 1, "currency": "EUR"}});
        assert!(plan(most, json!({"total": i64::MAX})).is_err());
    }

    #[test]
    fn what_is_no_number_of_points_fails() {
        for points in ["{{ order.total / 300 }}", "{{ order.status }}", "{{ -5 }}", "{{ order.note }}"] {
            assert!(plan(json!({"points": points}), json!({})).is_err(), "{points}");
        }
        let nobody = order_event(json!({"customer_id": null}));
        let nobody = crate::domain::event::Event { customer: None, ..nobody };
        let context = Context::new(&nobody, "order_created", "order", ExecutionId::default(), nobody.at);
        let action: AwardPoints = serde_json::from_value(json!({"points": 1})).expect("settings");
        assert_eq!(action.plan(&context), Err(PlanError("the order belongs to no customer".into())));
    }
}
