//! What the compiler says of a drawing that is stored nowhere.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{DRAWING_BODY, compiled};
use crate::operations::{Asked, Context, Nothing, Operation, Refusal, Verb};
use crate::workflow::diagnostics::{Diagnostic, any_error};

/// A drawing to check.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToValidate {
    /// React Flow JSON.
    pub definition: Value,
}

/// What is said of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// Whether it could be published.
    pub valid: bool,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks a drawing.
#[derive(Debug)]
pub struct Validate;

impl Operation for Validate {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/validate";
    const NAME: &'static str = "validate";
    const ABOUT: &'static str = "What the compiler says of a drawing. Nothing is stored.";
    const LARGEST_BODY: usize = DRAWING_BODY;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ToValidate;
    type Output = Verdict;

    async fn run(_context: &Context, asked: Asked<Self>) -> Result<Verdict, Refusal> {
        let diagnostics = compiled(asked.body.definition).await?.1.diagnostics;
        Ok(Verdict { valid: !any_error(&diagnostics), diagnostics })
    }
}
