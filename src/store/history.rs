//! Executions in lists, the newest event first: each page is found by an index, however many there are. Read only.

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use super::lists::{ExecutionRow, MOST};

/// Executions that are looked at for a page, where no index has only those that are wanted.
pub const WINDOW: i64 = 20_000;
/// Workflows of one name that are looked at.
const NAMESAKES: i64 = 20;
const IN_ORDER: &str = " order by e.event_at desc, e.id desc limit ";
const ENDED: &str =
    "select e.id, e.event_at, e.event_id, e.workflow_id, e.version, e.status, e.error, e.started_at,
        e.finished_at from workflow_executions e where e.mode = 'live'";
const RESTING: &str = "select e.id, e.event_at, e.event_id, e.workflow_id, e.version, 'waiting' as status,
        null::text as error, e.started_at, null::timestamptz as finished_at from workflow_waiting e where true";

/// A place in the list: behind the execution of this event's time and this id.
pub type Place = (DateTime<Utc>, Uuid);

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Name or id of a workflow.
    pub workflow: Option<String>,
    /// `waiting`, `succeeded`, `failed`, `cancelled`.
    pub status: Option<&'static str>,
    /// Only what comes after this one in the list.
    pub before: Option<Place>,
    /// Most rows.
    pub limit: i64,
}

/// A part of the list.
#[derive(Debug)]
pub struct Found {
    /// In order.
    pub rows: Vec<ExecutionRow>,
    /// Where to look on, if it was not looked to the end of the list for as many as were asked for.
    pub further: Option<Place>,
}

/// Executions, those that rest included, the newest event first.
///
/// # Errors
/// When the database can't be asked.
pub async fn executions(pool: &PgPool, filter: &Filter) -> sqlx::Result<Found> {
    let workflows = match &filter.workflow {
        Some(named) => workflows(pool, named).await?.into_iter().map(Some).collect(),
        None => vec![None],
    };
    let limit = filter.limit.clamp(0, MOST);
    let mut rows = Vec::new();
    if !workflows.is_empty() {
        rows = page(filter, &workflows, limit).build_query_as::<ExecutionRow>().fetch_all(pool).await?;
    }
    let is_short = i64::try_from(rows.len()).is_ok_and(|found| found < limit);
    let mut further = None;
    if filter.status == Some("succeeded") && (is_short || workflows.len() > 1) {
        for workflow in &workflows {
            let end: Option<Place> =
                end_of_window(filter, *workflow).build_query_as().fetch_optional(pool).await?;
            further = further.max(end);
        }
    }
    // What lies behind was not looked for in all of them.
    rows.retain(|row| further.is_none_or(|place| (row.event_at, row.id) >= place));
    Ok(Found { rows, further })
}

/// A workflow by its id, be it gone or not; or those of this name.
async fn workflows(pool: &PgPool, named: &str) -> sqlx::Result<Vec<Uuid>> {
    if let Ok(id) = Uuid::parse_str(named) {
        return Ok(vec![id]);
    }
    sqlx::query_scalar("select id from workflows where name = $1 order by id limit $2")
        .bind(named)
        .bind(NAMESAKES)
        .fetch_all(pool)
        .await
}

/// The statement for a page. Each part is cut to size by itself, so that none is read as a whole.
pub fn page(filter: &Filter, workflows: &[Option<Uuid>], limit: i64) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(
        "select e.id, e.event_at, e.event_id, e.workflow_id, e.version, e.status, e.error, e.started_at,
                e.finished_at, w.name as workflow from (",
    );
    let mut is_first = true;
    let mut next = |sql: &mut QueryBuilder<Postgres>| {
        sql.push(if is_first { "(" } else { ") union all (" });
        is_first = false;
    };
    for workflow in workflows {
        if filter.status != Some("waiting") {
            next(&mut sql);
            match filter.status {
                // Most have: there is no index of only those.
                Some("succeeded") => {
                    sql.push(
                        "select e.id, e.event_at, e.event_id, e.workflow_id, e.version, e.status, e.error,
                        e.started_at, e.finished_at from (",
                    );
                    narrowed(&mut sql, ENDED, filter, *workflow, "", WINDOW);
                    sql.push(") e where e.status = 'succeeded'");
                    sql.push(IN_ORDER).push_bind(limit);
                }
                Some("failed") => {
                    narrowed(&mut sql, ENDED, filter, *workflow, " and e.status = 'failed'", limit)
                }
                Some(_) => narrowed(&mut sql, ENDED, filter, *workflow, " and e.status = 'cancelled'", limit),
                None => narrowed(&mut sql, ENDED, filter, *workflow, "", limit),
            }
        }
        if matches!(filter.status, None | Some("waiting")) {
            next(&mut sql);
            narrowed(&mut sql, RESTING, filter, *workflow, "", limit);
        }
    }
    sql.push(
        ")) e left join lateral (select w.name from workflows w where w.id = e.workflow_id limit 1) w on true",
    );
    sql.push(IN_ORDER).push_bind(limit);
    sql
}

/// The place of the last one that is looked at.
fn end_of_window(filter: &Filter, workflow: Option<Uuid>) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("");
    let all = "select e.event_at, e.id from workflow_executions e where e.mode = 'live'";
    narrowed(&mut sql, all, filter, workflow, "", 1);
    sql.push(" offset ").push_bind(WINDOW - 1);
    sql
}

/// Of `all` those of one workflow, in one state, behind a place; in order.
fn narrowed(
    sql: &mut QueryBuilder<Postgres>,
    all: &str,
    filter: &Filter,
    workflow: Option<Uuid>,
    state: &str,
    limit: i64,
) {
    sql.push(all);
    if let Some(workflow) = workflow {
        sql.push(" and e.workflow_id = ").push_bind(workflow);
    }
    sql.push(state);
    if let Some((at, id)) = filter.before {
        sql.push(" and (e.event_at, e.id) < (").push_bind(at).push(", ").push_bind(id).push(")");
    }
    sql.push(IN_ORDER).push_bind(limit);
}
