//! `delay`: rest for a while.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::workflow::catalogue::{About, ControlKind, PlanError, control, schema};
use crate::workflow::context::Context;
use crate::workflow::control::{Control, Next, Wants};
use crate::workflow::span::Span;

/// The kind.
pub const KIND: ControlKind = ControlKind {
    about: About {
        name: "delay",
        label: "Delay",
        docs: "Rests for a while, then goes on. The execution survives restarts meanwhile.",
        icon: "clock-pause",
        example: r#"{"for": "2d"}"#,
        schema: schema::<Delay>,
    },
    branches: &[],
    result: &[],
    build: control::<Delay>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// How long: `30m`, `12h`, `7d`.
    #[serde(rename = "for")]
    span: Span,
}

impl Control for Delay {
    fn enter(&self, context: &Context) -> Result<Next, PlanError> {
        let until = Some(self.span.after(context.now()));
        Ok(Next::Rest { until, wants: Wants::Time, why: format!("rests for {}", self.span) })
    }
}
