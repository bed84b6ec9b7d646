//! `approval`: rest until an admin says yes or no.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::workflow::catalogue::{About, ControlKind, PlanError, control, schema};
use crate::workflow::context::Context;
use crate::workflow::control::{Control, Next, Wake, Wants};
use crate::workflow::span::Span;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ControlKind = ControlKind {
    about: About {
        name: "approval",
        label: "Approval",
        docs: "Rests until an admin approves or refuses, or until nobody has for too long.",
        icon: "user-check",
        example: r#"{"question": "Ship order {{ order.id }} over {{ order.total|money('EUR') }}?", "timeout": "3d"}"#,
        schema: schema::<Approval>,
    },
    branches: BRANCHES,
    result: &[Field::new("by", FieldType::Text), Field::new("comment", FieldType::Text)],
    build: control::<Approval>,
};

const BRANCHES: &[&str] = &["approved", "refused", "timeout"];
const MAX_QUESTION_BYTES: usize = 4_000;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// What is asked.
    question: Template,
    /// How long the answer may take; then it goes on by `timeout`. Without it, for ever.
    timeout: Option<Span>,
}

impl Control for Approval {
    fn branches(&self) -> Vec<&str> {
        BRANCHES.to_vec()
    }

    fn enter(&self, context: &Context) -> Result<Next, PlanError> {
        let question = self.question.render(context).map_err(|error| PlanError::of("question", &error))?;
        if question.len() > MAX_QUESTION_BYTES {
            return Err(PlanError(format!("question: it is longer than {MAX_QUESTION_BYTES} bytes")));
        }
        let until = self.timeout.map(|timeout| timeout.after(context.now()));
        Ok(Next::Rest { until, wants: Wants::Approval, why: question })
    }

    fn wake(&self, _: &Context, wake: &Wake) -> Result<Next, PlanError> {
        Ok(match wake {
            Wake::Approval { granted, by, comment } => {
                let (branch, word) = if *granted { ("approved", "approved") } else { ("refused", "refused") };
                Next::branch(branch, json!({"by": by, "comment": comment}), format!("{word} by {by}"))
            }
            Wake::Time | Wake::Event(_) => {
                let result = json!({"by": null, "comment": null});
                Next::branch("timeout", result, "nobody has answered in time")
            }
        })
    }
}
