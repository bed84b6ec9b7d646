//! What two editions of a workflow do differently.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::{DRAWING_BODY, OfWorkflow, catalogue, definition_of, one, readable};
use crate::operations::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb, aside};
use crate::store::versions::{self, Head};
use crate::workflow::diff::{self, CaptionChange, EdgeChange, NodeChange};

/// What is compared.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = DiffSides)]
#[serde(deny_unknown_fields)]
pub struct Sides {
    /// The older version; without it the one in force, else the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i32>,
    /// The newer version; without it what is drawn now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<i32>,
    /// Instead of `to`: a drawing that is stored nowhere.
    #[schema(value_type = Option<Object>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Value>,
    /// What that drawing is called in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What differs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = WorkflowDiff)]
pub struct Compared {
    /// The workflow's name.
    pub workflow: String,
    /// The older edition.
    pub from: String,
    /// The newer edition.
    pub to: String,
    /// Whether both do the same.
    pub same: bool,
    /// Nodes that came, went or changed.
    pub nodes: Vec<NodeChange>,
    /// Ways that came, went or lead elsewhere.
    pub edges: Vec<EdgeChange>,
    /// Captions.
    pub captions: Vec<CaptionChange>,
}

/// Compares two editions.
#[derive(Debug)]
pub struct Compare;

impl Operation for Compare {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/workflows/{workflow}/diff";
    const NAME: &'static str = "diffWorkflow";
    const ABOUT: &'static str =
        "What two editions of a workflow do differently. Where boxes stand is no difference.";
    const LARGEST_BODY: usize = DRAWING_BODY;
    type Path = OfWorkflow;
    type Query = Nothing;
    type Body = Sides;
    type Output = Compared;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Compared, Refusal> {
        let Sides { from, to, definition, name } = asked.body;
        if to.is_some() && definition.is_some() {
            return Err(Refusal::new(Kind::Malformed, "two-sides", "`to` and `definition` are both given")
                .help("leave one of them out"));
        }
        let mut connection = context.pool.acquire().await?;
        let head = one(&mut connection, &asked.path.workflow).await?;
        let (from_name, from) = before(&mut connection, &head, from).await?;
        let (to_name, to) = match (to, definition) {
            (Some(number), _) => (format!("v{number}"), definition_of(&mut connection, &head, number).await?),
            (None, Some(drawing)) => (name.unwrap_or_else(|| "the drawing".into()), drawing),
            (None, None) => ("the draft".into(), readable(&head.name, head.drawing())?),
        };
        drop(connection);
        let diff = aside(move || diff::diff(&from, &to, catalogue())).await?;
        Ok(Compared {
            workflow: head.name,
            from: from_name,
            to: to_name,
            same: diff.is_same(),
            nodes: diff.nodes,
            edges: diff.edges,
            captions: diff.captions,
        })
    }
}

/// The older side: a version, the one in force, the last one, or what is drawn of one that has none.
async fn before(
    connection: &mut PgConnection,
    head: &Head,
    number: Option<i32>,
) -> Result<(String, Value), Refusal> {
    let number = match number.or(head.live_version) {
        Some(number) => Some(number),
        None => versions::versions(connection, head.id, None, 1).await?.first().map(|version| version.number),
    };
    match number {
        Some(number) => Ok((format!("v{number}"), definition_of(connection, head, number).await?)),
        None => Ok(("the draft".into(), readable(&head.name, head.drawing())?)),
    }
}
