//! `wait_until`: rest until an instant that the data say.

use chrono::{DateTime, SubsecRound, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::workflow::catalogue::{About, ControlKind, PlanError, control, schema};
use crate::workflow::context::Context;
use crate::workflow::control::{Control, Next, Wants};
use crate::workflow::rules::time::instant;
use crate::workflow::span::Span;
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ControlKind = ControlKind {
    about: About {
        name: "wait_until",
        label: "Wait until",
        docs: "Rests until an instant that the data say, or so long before or after it. One that is past is not waited for.",
        icon: "calendar-time",
        example: r#"{"until": "{{ order.created_at }}", "after": "7d"}"#,
        schema: schema::<WaitUntil>,
    },
    branches: &[],
    result: &[],
    build: control::<WaitUntil>,
};

/// Nobody means to wait longer; a year too many in the data would rest for ever.
const LONGEST: chrono::TimeDelta = chrono::TimeDelta::days(3_660);

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitUntil {
    /// An instant, such as `{{ deposit.due_date }}`, `2026-12-01` or `2026-12-01T09:00:00+01:00`.
    #[schemars(extend("x-wants" = "time"))]
    until: Template,
    /// So long before it.
    before: Option<Span>,
    /// So long after it.
    after: Option<Span>,
}

impl Control for WaitUntil {
    fn enter(&self, context: &Context) -> Result<Next, PlanError> {
        let value = self.until.evaluate(context).map_err(|error| PlanError::of("until", &error))?;
        let named = value.as_str().and_then(instant);
        let named = named.ok_or_else(|| PlanError(format!("until: {} is not an instant", shown(&value))))?;
        let until: DateTime<Utc> = match (self.before, self.after) {
            (Some(span), _) => span.before(named),
            (None, Some(span)) => span.after(named),
            (None, None) => named,
        };
        // As the database keeps instants.
        let until = until.trunc_subsecs(6);
        let told = until.format("%Y-%m-%d %H:%M:%SZ");
        if until <= context.now() {
            return Ok(Next::pass(format!("{told} is past")));
        }
        if until - context.now() > LONGEST {
            return Err(PlanError(format!("until: {told} is more than ten years away")));
        }
        Ok(Next::Rest { until: Some(until), wants: Wants::Time, why: format!("rests until {told}") })
    }
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}
