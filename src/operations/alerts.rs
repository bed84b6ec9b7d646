//! Alarms: what somebody should know.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{Asked, Context, Nothing, Operation, Page, Refusal, Verb, cursor, page_size};
use crate::store::alerts::{self, Listed};

/// Which of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only of this kind: `dead_letters`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only those that come after this one in the list; `cursor` does the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Uuid>,
    /// Most items: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Lists alarms.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/alerts";
    const NAME: &'static str = "listAlerts";
    const ABOUT: &'static str = "Alarms, the newest first.";
    type Path = Nothing;
    type Query = Filter;
    type Body = Nothing;
    type Output = Page<Listed>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<Listed>, Refusal> {
        let Filter { kind, before, limit, cursor } = asked.query;
        let limit = page_size(limit)?;
        let before = cursor::read(cursor.as_deref())?.or(before);
        let found = alerts::list(&context.pool, kind.as_deref(), before, limit + 1).await?;
        Ok(Page::cut(found, limit, |alert| alert.id))
    }
}
