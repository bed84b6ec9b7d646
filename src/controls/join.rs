//! `join`: bring several ways together.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::workflow::catalogue::{About, ControlKind, PlanError, control, schema};
use crate::workflow::context::Context;
use crate::workflow::control::{Control, Next, Shape};

/// The kind.
pub const KIND: ControlKind = ControlKind {
    about: About {
        name: "join",
        label: "Join",
        docs: "Brings several ways together and goes on once: when all of them have arrived or can't any more, or at the first.",
        icon: "arrows-join",
        example: r#"{"mode": "any"}"#,
        schema: schema::<Join>,
    },
    branches: &[],
    result: &[],
    build: control::<Join>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// `all`: when every way has arrived or can't any more, and at least one has. `any`: when the first arrives.
    #[serde(default)]
    mode: Mode,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    All,
    Any,
}

impl Control for Join {
    fn enter(&self, _: &Context) -> Result<Next, PlanError> {
        Ok(Next::pass(match self.mode {
            Mode::All => "all ways have arrived or can't any more",
            Mode::Any => "the first way has arrived",
        }))
    }

    fn shape(&self) -> Shape {
        match self.mode {
            Mode::All => Shape::All,
            Mode::Any => Shape::First,
        }
    }
}
