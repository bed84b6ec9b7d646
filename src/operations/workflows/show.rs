//! One workflow with its versions, what the compiler says of it, and its drawing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{OfWorkflow, compiled, definition_of, one};
use crate::operations::{Asked, Context, Nothing, Operation, Refusal, Verb};
use crate::store::lists::{MOST, next_time};
use crate::store::versions::{self, InFlight, VersionRow};
use crate::workflow::diagnostics::Diagnostic;

/// Which version's drawing.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OfVersion {
    /// Of this version; else of what is drawn now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
}

/// All that is known of a workflow.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Workflow)]
pub struct Shown {
    /// Its identity.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// `draft`, `published`, `paused`, `archived`.
    pub status: String,
    /// `unchecked`, `valid`, `broken`.
    pub health: String,
    /// The version in force.
    pub live_version: Option<i32>,
    /// Whether a next edition is being drawn.
    pub has_draft: bool,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
    /// Which version's drawing this is; nothing: what is drawn now.
    pub of_version: Option<i32>,
    /// What the compiler says of the drawing.
    pub diagnostics: Vec<Diagnostic>,
    /// Its versions, the newest first, at most 1000.
    pub versions: Vec<VersionRow>,
    /// Executions under way, by version.
    pub in_flight: Vec<InFlight>,
    /// If a schedule starts it: when next.
    pub next_at: Option<DateTime<Utc>>,
    /// What is drawn; nothing if it can't be read.
    #[schema(value_type = Option<Object>)]
    pub definition: Option<Value>,
}

/// Shows a workflow.
#[derive(Debug)]
pub struct Show;

impl Operation for Show {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/workflows/{workflow}";
    const NAME: &'static str = "showWorkflow";
    const ABOUT: &'static str =
        "A workflow with its versions, what the compiler says of it, and its drawing.";
    type Path = OfWorkflow;
    type Query = OfVersion;
    type Body = Nothing;
    type Output = Shown;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Shown, Refusal> {
        let mut connection = context.pool.acquire().await?;
        let head = one(&mut connection, &asked.path.workflow).await?;
        let drawing = match asked.query.version {
            Some(number) => Ok(definition_of(&mut connection, &head, number).await?),
            None => head.drawing(),
        };
        let versions = versions::versions(&mut connection, head.id, None, MOST).await?;
        let in_flight = versions::in_flight(&mut connection, head.id).await?;
        let next_at = next_time(&mut connection, head.id).await?;
        drop(connection);
        let (drawing, diagnostics) = match drawing {
            Ok(drawing) => {
                let (drawing, outcome) = compiled(drawing).await?;
                (Some(drawing), outcome.diagnostics)
            }
            Err(reason) => {
                let fault = format!("this JSON can't be read: {reason}");
                (None, vec![Diagnostic::error("not-json", fault)])
            }
        };
        Ok(Shown {
            versions,
            in_flight,
            next_at,
            has_draft: head.draft.is_some(),
            id: head.id,
            name: head.name,
            description: head.description,
            status: head.status,
            health: head.health,
            live_version: head.live_version,
            updated_at: head.updated_at,
            of_version: asked.query.version,
            diagnostics,
            definition: drawing,
        })
    }
}
