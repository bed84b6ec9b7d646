//! Schedules in force: which workflow starts when.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Asked, Context, Nothing, Operation, Page, Part, Refusal, Verb, cursor, page_size};
use crate::store::lists::{self, ScheduleRow};

/// Lists schedules.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/schedules";
    const NAME: &'static str = "listSchedules";
    const ABOUT: &'static str = "Workflows in force that a schedule starts, the next to start first; those whose calendar has ended last.";
    type Path = Nothing;
    type Query = Part;
    type Body = Nothing;
    type Output = Page<ScheduleRow>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<ScheduleRow>, Refusal> {
        let limit = page_size(asked.query.limit)?;
        let behind: Option<(Option<DateTime<Utc>>, Uuid)> = cursor::read(asked.query.cursor.as_deref())?;
        let found = lists::schedules(&context.pool, behind, limit + 1).await?;
        Ok(Page::cut(found, limit, |row| (row.next_at, row.workflow_id)))
    }
}
