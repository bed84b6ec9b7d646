//! What admins tell executions and workflows: words, holds. What can be told, and to whom.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::word::Word;

/// Executions that are told at once; of more, in turns.
pub const AT_ONCE: i64 = 500;

/// Stands for all workflows.
pub const ALL: Uuid = Uuid::nil();

/// Hands a word to executions; those that could take it.
///
/// # Errors
/// When the database can't be asked.
pub async fn tell(db: impl PgExecutor<'_>, executions: &[Uuid], word: &Word) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar("select t from tell_executions($1, $2) t limit 10000")
        .bind(executions)
        .bind(Json(word))
        .fetch_all(db)
        .await
}

/// What became of an answer to an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is told.
    Told,
    /// Somebody else was first.
    Answered,
    /// Nothing waits there any more.
    Gone,
}

/// Answers the approval of a node, in the items of the loops around it.
///
/// # Errors
/// When the database can't be asked.
pub async fn answer(
    db: impl PgExecutor<'_>,
    execution: Uuid,
    (node, item): (&str, &[i32]),
    word: &Word,
) -> sqlx::Result<Taken> {
    let taken: String = sqlx::query_scalar("select answer_approval($1, $2, $3, $4)")
        .bind(execution)
        .bind(node)
        .bind(item)
        .bind(Json(word))
        .fetch_one(db)
        .await?;
    Ok(match taken.as_str() {
        "told" => Taken::Told,
        "answered" => Taken::Answered,
        _ => Taken::Gone,
    })
}

/// An approval that an execution waits for.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = Approval)]
pub struct Asked {
    /// Which execution.
    pub execution: Uuid,
    /// The node that asks.
    pub node: String,
    /// The places of the items of the loops around it.
    pub item: Vec<i32>,
    /// The workflow's name, if it is still there.
    pub workflow: Option<String>,
    /// What is asked.
    pub question: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// A place in the list of what is asked: behind this one.
pub type AskedPlace = (DateTime<Utc>, Uuid, String, Vec<i32>);

/// What waits for an admin, the oldest first, from behind a place in the list; of one execution, if one is named.
///
/// # Errors
/// When the database can't be asked.
pub async fn asked(
    pool: &PgPool,
    execution: Option<Uuid>,
    behind: Option<AskedPlace>,
    limit: i64,
) -> sqlx::Result<Vec<Asked>> {
    let (since, of, node, item) = match behind {
        Some((since, of, node, item)) => (Some(since), Some(of), Some(node), Some(item)),
        None => (None, None, None, None),
    };
    sqlx::query_as(
        "select a.execution_id as execution, a.node_id as node, a.item, wf.name as workflow, w.waits_since as since,
                -- Of items under way the steps are not yet among the others.
                (select s ->> 'why' from jsonb_path_query(w.state, 'lax $.**.steps[*]') s
                  where s ->> 'node' = a.node_id and s ->> 'outcome' = 'waiting'
                    and coalesce(s -> 'item', '[]') = to_jsonb(a.item) limit 1) as question
           from workflow_awaits a join workflow_waiting w on w.id = a.execution_id
           left join workflows wf on wf.id = a.workflow_id
          where a.table_name = 'thendo.word' and a.operation = 'insert' and a.key = 'approval'
            and ($1::uuid is null or a.execution_id = $1)
            and ($3::timestamptz is null or (w.waits_since, a.execution_id, a.node_id, a.item) > ($3, $4, $5, $6::integer[]))
          order by w.waits_since, a.execution_id, a.node_id, a.item limit $2",
    )
    .bind(execution)
    .bind(limit.clamp(0, super::lists::MOST))
    .bind(since)
    .bind(of)
    .bind(node)
    .bind(item)
    .fetch_all(pool)
    .await
}

/// Which executions are meant.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    /// Of this workflow.
    pub workflow: Option<Uuid>,
    /// Not longer ago than so many seconds.
    pub since_s: Option<i64>,
}

/// Failed executions that can be tried again, up to `limit`, behind `after` in the order of their ids.
///
/// # Errors
/// When the database can't be asked.
pub async fn failed(
    pool: &PgPool,
    chosen: &Chosen,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Uuid>> {
    let sql = "select d.id from workflow_dead_letters d
                where ($1::uuid is null or d.workflow_id = $1) and ($3::uuid is null or d.id > $3)
                  and ($2::bigint is null or d.failed_at >= now() - $2 * interval '1 second')
                order by d.id limit $4";
    sqlx::query_scalar(sql)
        .bind(chosen.workflow)
        .bind(chosen.since_s)
        .bind(after)
        .bind(limit)
        .fetch_all(pool)
        .await
}

/// As [`failed`], those that rest and can be cancelled.
///
/// # Errors
/// When the database can't be asked.
pub async fn resting(
    pool: &PgPool,
    chosen: &Chosen,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Uuid>> {
    let sql = "select w.id from workflow_waiting w
                where ($1::uuid is null or w.workflow_id = $1) and ($3::uuid is null or w.id > $3)
                  and ($2::bigint is null or w.started_at >= now() - $2 * interval '1 second')
                order by w.id limit $4";
    sqlx::query_scalar(sql)
        .bind(chosen.workflow)
        .bind(chosen.since_s)
        .bind(after)
        .bind(limit)
        .fetch_all(pool)
        .await
}

/// Brings a workflow to a stop, or [`ALL`]. False if it is held already.
///
/// # Errors
/// When the database can't be asked.
pub async fn hold(db: impl PgExecutor<'_>, workflow: Uuid, reason: &str, by: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar("select hold_workflow($1, $2, $3)")
        .bind(workflow)
        .bind(reason)
        .bind(by)
        .fetch_one(db)
        .await
}

/// Lets a held workflow go on, or [`ALL`]; how many executions were held. `None` if it was not.
///
/// # Errors
/// When the database can't be asked.
pub async fn release(
    db: impl PgExecutor<'_>,
    workflow: Uuid,
    discard: bool,
    by: &str,
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("select release_workflow($1, $2, $3)")
        .bind(workflow)
        .bind(discard)
        .bind(by)
        .fetch_one(db)
        .await
}

/// A hold.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
pub struct Hold {
    /// Which workflow, or [`ALL`].
    pub workflow_id: Uuid,
    /// Why.
    pub reason: String,
    /// By whom.
    pub held_by: String,
    /// Since when.
    pub held_at: DateTime<Utc>,
}

/// What is held, the oldest first.
///
/// # Errors
/// When the database can't be asked.
pub async fn holds(pool: &PgPool) -> sqlx::Result<Vec<Hold>> {
    let sql = "select workflow_id, reason, held_by, held_at from workflow_holds order by held_at limit 500";
    sqlx::query_as(sql).fetch_all(pool).await
}
