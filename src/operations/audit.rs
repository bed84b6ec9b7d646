//! The audit: who published, paused, tried again, undid, approved. Written in the transaction of the act itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{Asked, Context, Nothing, Operation, Page, Refusal, Verb, Who, cursor, page_size};
use crate::store::audit::{self, AuditRow};

/// Writes down what was done. It counts when the transaction does.
///
/// # Errors
/// When the database can't be written.
pub async fn note(
    connection: &mut PgConnection,
    who: &Who,
    act: &str,
    target: impl ToString + Send,
    detail: Value,
) -> Result<(), Refusal> {
    Ok(audit::add(connection, (&who.name, who.account), act, &target.to_string(), &detail).await?)
}

/// Which lines.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only this act: `workflow.publish`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<String>,
    /// Only what was done to this: an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Most items: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Lists the audit.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/audit";
    const NAME: &'static str = "listAudit";
    const ABOUT: &'static str = "Who did what, the newest first.";
    type Path = Nothing;
    type Query = Filter;
    type Body = Nothing;
    type Output = Page<AuditRow>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<AuditRow>, Refusal> {
        let Filter { act, target, limit, cursor } = asked.query;
        let limit = page_size(limit)?;
        let behind: Option<(DateTime<Utc>, Uuid)> = cursor::read(cursor.as_deref())?;
        let wanted = (act.as_deref(), target.as_deref());
        let found = audit::list(&context.pool, wanted, behind, limit + 1).await?;
        Ok(Page::cut(found, limit, |line| (line.at, line.id)))
    }
}
