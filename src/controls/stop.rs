//! `stop`: end the execution here.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::workflow::catalogue::{About, ControlKind, PlanError, control, schema};
use crate::workflow::context::Context;
use crate::workflow::control::{Control, Next, Shape};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ControlKind = ControlKind {
    about: About {
        name: "stop",
        label: "Stop",
        docs: "Ends the execution: what waits or was not reached does not happen any more.",
        icon: "player-stop",
        example: r#"{"outcome": "failed", "reason": "order {{ order.id }} has no customer"}"#,
        schema: schema::<Stop>,
    },
    branches: &[],
    result: &[],
    build: control::<Stop>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// As what it ends.
    #[serde(default)]
    outcome: Outcome,
    /// Why, for whoever reads the execution.
    reason: Option<Template>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    #[default]
    Succeeded,
    Failed,
}

impl Control for Stop {
    fn enter(&self, context: &Context) -> Result<Next, PlanError> {
        let why = match &self.reason {
            Some(reason) => reason.render(context).map_err(|error| PlanError::of("reason", &error))?,
            None => "the workflow stops here".into(),
        };
        Ok(Next::Stop { failed: self.outcome == Outcome::Failed, why })
    }

    fn shape(&self) -> Shape {
        Shape::End
    }
}
