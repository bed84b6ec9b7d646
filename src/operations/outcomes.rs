//! How the last executions of each workflow ended: the shape beside its name.

use uuid::Uuid;

use super::{Asked, Context, Nothing, Operation, Page, Part, Refusal, Verb, cursor, page_size};
use crate::store::outcomes::{self, OutcomesRow};

/// Lists them.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/outcomes";
    const NAME: &'static str = "listOutcomes";
    const ABOUT: &'static str = "For each workflow, in the order of `GET /workflows`, how its last 20 executions ended, the newest first, \
         those that rest included.";
    type Path = Nothing;
    type Query = Part;
    type Body = Nothing;
    type Output = Page<OutcomesRow>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<OutcomesRow>, Refusal> {
        let limit = page_size(asked.query.limit)?;
        let behind: Option<(String, Uuid)> = cursor::read(asked.query.cursor.as_deref())?;
        let found = outcomes::of_workflows(&context.pool, behind, limit + 1).await?;
        Ok(Page::cut(found, limit, |row| (row.name.clone(), row.workflow_id)))
    }
}
