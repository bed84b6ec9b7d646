//! `reverse_points`: take back what an order or an execution awarded, wholly or in part.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::award_points::{WRITES, reason_of};
use super::given::{Whole, customer_of, id_of, order_of};
use crate::domain::effect::{Effect, EffectKind, Key, Rows, Target};
use crate::workflow::build::CUSTOMER_OF_EVENT;
use crate::workflow::catalogue::{About, Action, ActionKind, Need, PlanError, RetryClass, action, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "reverse_points",
        label: "Reverse points",
        docs: "Takes points back that an order, or an execution, awarded to a customer, and gives back those spent on it: \
               all of them, or as large a part as was refunded. However often it runs, no point is reversed twice. What was \
               spent since can't be taken back: `missing` says how many.",
        icon: "arrow-back-up",
        example: r#"{"part": "refunded", "reason": "Your refund"}"#,
        schema: schema::<ReversePoints>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("reverse_points"),
    writes: &WRITES,
    needs: &[Need::unless("customer", CUSTOMER_OF_EVENT)],
    result: &[
        Field::new("points", FieldType::Integer),
        Field::new("balance", FieldType::Integer),
        Field::new("missing", FieldType::Integer),
    ],
    build: action::<ReversePoints>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReversePoints {
    /// The order that they were for. Without it, the event's order.
    order: Option<Template>,
    /// Instead of an order: the execution that awarded them. `this` is the one that runs.
    execution: Option<Template>,
    /// Whose balance: the id of a customer. Without it, the event's customer.
    customer: Option<Template>,
    /// How much of them.
    #[serde(default)]
    part: Part,
    /// How much of them in percent, instead of `part`.
    percent: Option<Whole>,
    /// Whether points that were spent on it are given back.
    #[serde(default = "yes")]
    give_back: bool,
    /// What the customer reads beside them. Without it, the event's type.
    reason: Option<Template>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Part {
    /// All of them.
    #[default]
    Whole,
    /// As large a part as `order.refunded_total` is of `order.total`: less what was reversed before.
    Refunded,
}

fn yes() -> bool {
    true
}

impl ReversePoints {
    /// How much of how much.
    fn share(&self, context: &Context) -> Result<(i64, i64), PlanError> {
        if let Some(percent) = &self.percent {
            return Ok((percent.within("percent", context, 1, 100)?, 100));
        }
        let Part::Refunded = self.part else { return Ok((1, 1)) };
        let money = |field: &str| {
            let of_row = context.row_field(field).and_then(Value::as_i64);
            of_row.ok_or_else(|| PlanError(format!("part: the {} has no {field}", context.subject())))
        };
        let (refunded, total) = (money("refunded_total")?, money("total")?);
        match refunded > 0 && total > 0 {
            true => Ok((refunded.min(total), total)),
            false => Err(PlanError("part: nothing of the order is refunded".into())),
        }
    }
}

impl Action for ReversePoints {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let customer = customer_of(self.customer.as_ref(), context)?;
        let (part, whole) = self.share(context)?;
        let (order, execution) = match &self.execution {
            Some(template) if template.source().trim() == "this" => (None, Some(context.execution().0)),
            Some(template) => (None, Some(id_of("execution", template, context)?)),
            None => (Some(order_of(self.order.as_ref(), context)?), None),
        };
        let input = json!({ "customer": customer, "order": order, "execution": execution, "part": part, "whole": whole,
            "gives_back": self.give_back, "reason": reason_of(self.reason.as_ref(), context)? });
        let rows = Rows::new("reverse_points", input).judging(Target::Balance, customer);
        Ok(Effect::Rows(rows.writing("loyalty_points", Key::Of(customer))))
    }

    fn check(&self, reader: &mut Reader<'_>) {
        if self.order.is_some() && self.execution.is_some() {
            reader.fault_at(
                "conflicting-settings",
                "execution",
                "`order` and `execution` exclude each other",
            );
        }
        if self.percent.is_some() && matches!(self.part, Part::Refunded) {
            reader.fault_at("conflicting-settings", "percent", "`percent` and `part` exclude each other");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::context::tests::order_context;

    fn input(settings: Value, row: Value) -> Result<Value, PlanError> {
        let action: ReversePoints = serde_json::from_value(settings).expect("settings");
        match action.plan(&order_context(row))? {
            Effect::Rows(rows) => Ok(rows.input),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn as_much_is_reversed_as_was_refunded() {
        let part =
            |settings, row| input(settings, row).map(|input| (input["part"].clone(), input["whole"].clone()));
        let refunded = || json!({"part": "refunded"});
        assert_eq!(part(json!({}), json!({})), Ok((json!(1), json!(1))));
        assert_eq!(part(refunded(), json!({"refunded_total": 5_000})), Ok((json!(5_000), json!(25_000))));
        assert_eq!(part(refunded(), json!({"refunded_total": 30_000})), Ok((json!(25_000), json!(25_000))));
        assert_eq!(part(json!({"percent": 30}), json!({})), Ok((json!(30), json!(100))));
        assert!(part(json!({"percent": "{{ 101 }}"}), json!({})).is_err());
        assert!(part(refunded(), json!({"refunded_total": 0})).is_err());
        assert!(part(refunded(), json!({"refunded_total": 1, "total": 0})).is_err());
    }

    #[test]
    fn an_execution_is_this_one_or_another() {
        let this = input(json!({"execution": "this"}), json!({})).expect("this one");
        assert_eq!((this["order"].is_null(), this["execution"].is_string()), (true, true));
        assert!(input(json!({"execution": "{{ order.note }}"}), json!({"note": "x"})).is_err());
    }
}
