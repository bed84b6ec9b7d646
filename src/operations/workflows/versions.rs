//! The versions of a workflow: numbered, and never changed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{OfWorkflow, one, one_line, readable};
use crate::operations::{
    Asked, Context, Kind, Nothing, Operation, Page, Part, Refusal, Verb, cursor, page_size,
};
use crate::store::versions::{self, Head, VersionRow};

/// What a version draws.
///
/// # Errors
/// [`Refusal`] that names those there are.
pub async fn definition_of(
    connection: &mut PgConnection,
    head: &Head,
    number: i32,
) -> Result<Value, Refusal> {
    let Some(text) = versions::definition_of(connection, head.id, number).await? else {
        let known = versions::versions(connection, head.id, None, 10).await?;
        let numbers: Vec<String> = known.iter().map(|version| version.number.to_string()).collect();
        let message = format!("`{}` has no version {number}", one_line(&head.name));
        return Err(Refusal::new(Kind::Missing, "no-such-version", message).help(match numbers.is_empty() {
            true => "it was never published: `thendo workflow publish` makes version 1".into(),
            false => format!("the last ones are {}", numbers.join(", ")),
        }));
    };
    readable(&head.name, versions::read(&text))
}

/// Lists versions.
#[derive(Debug)]
pub struct Versions;

impl Operation for Versions {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/workflows/{workflow}/versions";
    const NAME: &'static str = "listVersions";
    const ABOUT: &'static str = "A workflow's versions, the newest first.";
    type Path = OfWorkflow;
    type Query = Part;
    type Body = Nothing;
    type Output = Page<VersionRow>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<VersionRow>, Refusal> {
        let limit = page_size(asked.query.limit)?;
        let below: Option<i32> = cursor::read(asked.query.cursor.as_deref())?;
        let mut connection = context.pool.acquire().await?;
        let head = one(&mut connection, &asked.path.workflow).await?;
        let found = versions::versions(&mut connection, head.id, below, limit + 1).await?;
        Ok(Page::cut(found, limit, |version| version.number))
    }
}

/// Which version of which workflow.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct VersionPath {
    /// Its id, or its name if no other has it.
    pub workflow: String,
    /// The version's number.
    pub number: i32,
}

/// A version and what it draws.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = WorkflowVersion)]
pub struct Version {
    /// Its workflow.
    pub id: Uuid,
    /// Its workflow's name.
    pub workflow: String,
    /// What that is for.
    pub description: Option<String>,
    /// Its number.
    pub number: i32,
    /// What it draws.
    #[schema(value_type = Object)]
    pub definition: Value,
}

/// Shows a version.
#[derive(Debug)]
pub struct ShowVersion;

impl Operation for ShowVersion {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/workflows/{workflow}/versions/{number}";
    const NAME: &'static str = "showVersion";
    const ABOUT: &'static str = "What a version draws.";
    type Path = VersionPath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Version;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Version, Refusal> {
        let mut connection = context.pool.acquire().await?;
        let head = one(&mut connection, &asked.path.workflow).await?;
        let number = asked.path.number;
        let definition = definition_of(&mut connection, &head, number).await?;
        let (id, workflow, description) = (head.id, head.name, head.description);
        Ok(Version { id, workflow, description, number, definition })
    }
}
