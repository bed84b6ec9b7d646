//! What the compiler says of a drawing that is stored nowhere.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{DRAWING_BODY, compiled, missing_mails};
use crate::operations::{Asked, Context, Nothing, Operation, Refusal, Verb};
use crate::workflow::diagnostics::{Diagnostic, any_error};
use crate::workflow::mails::sent_by;

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
    const ABOUT: &'static str = "What the compiler says of a drawing, and whether the stored mails are there that it sends. Nothing is stored.";
    const LARGEST_BODY: usize = DRAWING_BODY;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ToValidate;
    type Output = Verdict;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Verdict, Refusal> {
        let outcome = compiled(asked.body.definition).await?.1;
        let mut diagnostics = outcome.diagnostics;
        if let Some(plan) = outcome.plan.filter(|plan| sent_by(plan).next().is_some()) {
            let mut connection = context.pool.acquire().await?;
            diagnostics.extend(missing_mails(&mut connection, &plan).await?);
        }
        Ok(Verdict { valid: !any_error(&diagnostics), diagnostics })
    }
}
