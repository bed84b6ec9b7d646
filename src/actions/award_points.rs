//! `award_points`: add points to the balance of the customer.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::effect::Effect;
use crate::domain::event::Operation;
use crate::workflow::build::CUSTOMER_OF_EVENT;
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, Write, action, schema};
use crate::workflow::context::Context;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "award_points",
        label: "Award points",
        docs: "Adds points to the balance of the customer whom the event belongs to.",
        icon: "gift",
        example: r#"{"points": "{{ order.total // 100 }}", "reason": "Thank you for your order"}"#,
        schema: schema::<AwardPoints>,
    },
    retry: RetryClass::Database,
    writes: &[
        Write { table: "loyalty_ledger", operation: Operation::Insert },
        Write { table: "loyalty_points", operation: Operation::Insert },
        Write { table: "loyalty_points", operation: Operation::Update },
    ],
    needs: &[CUSTOMER_OF_EVENT],
    result: &[Field::new("points", FieldType::Integer), Field::new("balance", FieldType::Integer)],
    build: action::<AwardPoints>,
};

const MOST_POINTS: i64 = 1_000_000_000;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwardPoints {
    /// How many: a whole number from 1, or a template that gives one, such as `{{ order.total // 100 }}`.
    points: Points,
    /// What the customer reads beside them. Without it, the event's type.
    reason: Option<Template>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Points {
    Fixed(#[schemars(range(min = 1, max = 1_000_000_000))] i64),
    Computed(#[schemars(extend("x-wants" = "integer"))] Template),
}

impl Action for AwardPoints {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let customer = context
            .customer_id()
            .ok_or_else(|| PlanError(format!("the {} belongs to no customer", context.subject())))?;
        let points = match &self.points {
            Points::Fixed(points) => *points,
            Points::Computed(template) => {
                let value = template.evaluate(context).map_err(|error| PlanError::of("points", &error))?;
                whole(&value).ok_or_else(|| PlanError(format!("points: {value} is not a whole number")))?
            }
        };
        if !(1..=MOST_POINTS).contains(&points) {
            return Err(PlanError(format!("points: {points} is not between 1 and {MOST_POINTS}")));
        }
        let reason = match &self.reason {
            Some(template) => template.render(context).map_err(|error| PlanError::of("reason", &error))?,
            None => context.event().kind.replace('_', " "),
        };
        let order = (context.subject() == "order").then(|| context.row_id("id")).flatten();
        Ok(Effect::AwardPoints { customer, order, points, reason })
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15)?;
            Some(float as i64)
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::ids::ExecutionId;
    use crate::workflow::context::tests::{order_context, order_event};

    fn plan(points: Value, row: Value) -> Result<Effect, PlanError> {
        let action: AwardPoints = serde_json::from_value(json!({"points": points})).expect("settings");
        action.plan(&order_context(row))
    }

    #[test]
    fn points_are_counted_from_the_order() {
        for points in
            [json!(250), json!("{{ order.total // 100 }}"), json!("{{ order.total / 100 }}"), json!("250")]
        {
            let Ok(Effect::AwardPoints { points, reason, order, .. }) = plan(points, json!({})) else {
                panic!("fails")
            };
            assert_eq!((points, reason.as_str(), order.is_some()), (250, "order created", true));
        }
    }

    #[test]
    fn what_is_no_number_of_points_fails() {
        for points in
            ["{{ order.total / 300 }}", "{{ order.status }}", "{{ 0 }}", "{{ -5 }}", "{{ order.note }}"]
        {
            assert!(plan(json!(points), json!({})).is_err(), "{points}");
        }
        let nobody = order_event(json!({"customer_id": null}));
        let nobody = crate::domain::event::Event { customer: None, ..nobody };
        let context = Context::new(&nobody, "order_created", "order", ExecutionId::default(), nobody.at);
        let action: AwardPoints = serde_json::from_value(json!({"points": 1})).expect("settings");
        assert_eq!(action.plan(&context), Err(PlanError("the order belongs to no customer".into())));
    }
}
