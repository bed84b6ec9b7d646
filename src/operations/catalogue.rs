//! What can be drawn: every kind of node, with the form of its settings.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Asked, Context, Nothing, Operation, Refusal, Verb};
use crate::kinds;
use crate::workflow::describe::describe_all;

/// A kind of node: its words, its branches, the schema of its settings.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NodeKind, value_type = Object)]
#[serde(transparent)]
pub struct Described(pub Value);

/// Lists kinds.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/catalogue";
    const NAME: &'static str = "listKinds";
    const ABOUT: &'static str = "Every kind of node that a workflow can have, with the schema of its settings, as `thendo catalog --format json`.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Vec<Described>;

    async fn run(_context: &Context, _asked: Asked<Self>) -> Result<Vec<Described>, Refusal> {
        let told = describe_all(&kinds::catalogue())
            .into_iter()
            .map(|kind| serde_json::to_value(kind).map(Described));
        Ok(told.collect::<Result<_, _>>().map_err(anyhow::Error::from)?)
    }
}
