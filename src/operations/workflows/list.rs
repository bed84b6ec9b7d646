//! Workflows by name.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::operations::{Asked, Context, Nothing, Operation, Page, Refusal, Verb, cursor, page_size};
use crate::store::lists::{self, Listed};

/// A state of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does not run.
    Draft,
    /// It runs.
    Published,
    /// It starts nothing for now.
    Paused,
    /// It is put aside.
    Archived,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Paused => "paused",
            Self::Archived => "archived",
        }
    }
}

/// Which of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only those in this state.
    #[param(inline)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Most items: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Lists workflows.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/workflows";
    const NAME: &'static str = "listWorkflows";
    const ABOUT: &'static str = "Workflows by name, without their drawings.";
    type Path = Nothing;
    type Query = Filter;
    type Body = Nothing;
    type Output = Page<Listed>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<Listed>, Refusal> {
        let limit = page_size(asked.query.limit)?;
        let behind: Option<(String, Uuid)> = cursor::read(asked.query.cursor.as_deref())?;
        let status = asked.query.status.map(Status::word);
        let found = lists::managed(&context.pool, status, behind, limit + 1).await?;
        Ok(Page::cut(found, limit, |row| (row.name.clone(), row.id)))
    }
}
