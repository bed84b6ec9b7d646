//! Deliveries and failed executions in lists, the newest first. Read only.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use super::lists::{MOST, masked};

/// A mail or a request in a list, without what it says.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = ListedDelivery)]
pub struct Listed {
    /// Its identity, which begins with the time of its event: its place in the list.
    pub id: Uuid,
    /// The execution, or the campaign, that asked for it.
    pub execution_id: Uuid,
    /// That one's workflow, or the campaign; zero: older than the column.
    pub workflow_id: Uuid,
    /// Which node asked for it.
    pub node_id: String,
    /// `email` or `http`.
    pub kind: String,
    /// `mail`, or `scheme://host:port`.
    pub destination: String,
    /// `pending`, `sending`, `sent`, `refused`, `unknown`, `cancelled`, `suppressed`.
    pub status: String,
    /// How often it was tried.
    pub attempt: i16,
    /// Why it was put off, refused, or is unknown.
    pub reason: Option<String>,
    /// When it may be tried.
    pub due_at: DateTime<Utc>,
    /// When it was handed over.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// All of a delivery.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = ShownDelivery)]
pub struct Shown {
    /// As in a list.
    #[sqlx(flatten)]
    #[serde(flatten)]
    pub row: Listed,
    /// What is sent, with stars for what requests carry of secrets.
    pub payload: Value,
    /// What came of it.
    pub result: Option<Value>,
}

/// Which deliveries.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only in this state.
    pub status: Option<&'static str>,
    /// Only of this kind.
    pub kind: Option<&'static str>,
    /// Only of this execution.
    pub execution: Option<Uuid>,
    /// Only what comes after this one.
    pub behind: Option<Uuid>,
}

/// Deliveries, those of the newest event first.
///
/// # Errors
/// When the database can't be asked.
pub async fn deliveries(pool: &PgPool, filter: &Filter, limit: i64) -> sqlx::Result<Vec<Listed>> {
    // States are written out where few are in them: then the index of those few is used.
    macro_rules! listing {
        ($of:literal) => {
            concat!(
                "select d.id, d.execution_id, d.workflow_id, d.node_id, d.kind, d.destination, d.status, d.attempt,
                        left(d.result ->> 'reason', 1000) as reason, d.due_at, d.created_at, d.finished_at
                   from workflow_deliveries d
                  where d.id < coalesce($1, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
                    and ($2::text is null or d.kind = $2) and ($3::text is null or d.status = $3)
                    and ($4::uuid is null or d.execution_id = $4) and ",
                $of,
                " order by d.id desc limit $5"
            )
        };
    }
    let sql = match (filter.execution, filter.status) {
        (Some(_), _) => listing!("d.execution_id = $4"),
        (None, None | Some("sent")) => listing!("true"),
        (None, Some("pending")) => listing!("d.status = 'pending'"),
        (None, Some("sending")) => listing!("d.status = 'sending'"),
        (None, Some(_)) => {
            listing!("d.status = $3 and d.status in ('refused', 'unknown', 'cancelled', 'suppressed')")
        }
    };
    sqlx::query_as(sql)
        .bind(filter.behind)
        .bind(filter.kind)
        .bind(filter.status)
        .bind(filter.execution)
        .bind(limit.clamp(0, MOST))
        .fetch_all(pool)
        .await
}

/// A delivery, with what it says.
///
/// # Errors
/// When the database can't be asked.
pub async fn delivery(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<Shown>> {
    let found: Option<Shown> = sqlx::query_as(
        "select d.id, d.execution_id, d.workflow_id, d.node_id, d.kind, d.destination, d.status, d.attempt,
                left(d.result ->> 'reason', 1000) as reason, d.due_at, d.created_at, d.finished_at, d.payload, d.result
           from workflow_deliveries d where d.id = $1 limit 1",
    )
    .bind(id)
    .fetch_optional(pool)
    .await?;
    Ok(found.map(|found| Shown { payload: masked(&found.row.kind, found.payload), ..found }))
}

/// A failed execution that nobody has tried again.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = DeadLetter)]
pub struct DeadLetter {
    /// The execution.
    pub id: Uuid,
    /// Its first attempt; itself, if it was the first.
    pub root: Uuid,
    /// Which attempt it was.
    pub attempt: i16,
    /// Its event.
    pub event_id: Uuid,
    /// Its event's time.
    pub event_at: DateTime<Utc>,
    /// Its workflow.
    pub workflow_id: Uuid,
    /// Its workflow's name, if that is still there.
    pub workflow: Option<String>,
    /// Which version ran.
    pub version: i32,
    /// Why it failed.
    pub reason: String,
    /// When.
    pub failed_at: DateTime<Utc>,
}

/// Failed executions that nobody has tried again, the newest failure first; `workflow`, an id or a name, narrows.
///
/// # Errors
/// When the database can't be asked.
pub async fn dead_letters(
    pool: &PgPool,
    workflow: Option<&str>,
    behind: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<DeadLetter>> {
    macro_rules! dead_letters {
        ($of:literal) => {
            concat!(
                "select d.id, d.root, d.attempt, d.event_id, d.event_at, d.workflow_id, w.name as workflow, d.version,
                        left(d.reason, 1000) as reason, d.failed_at
                   from workflow_dead_letters d
                   left join lateral (select w.name from workflows w where w.id = d.workflow_id limit 1) w on true
                  where (d.failed_at, d.id) < (coalesce($1, 'infinity'::timestamptz), coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
                    and ",
                $of,
                " order by d.failed_at desc, d.id desc limit $3"
            )
        };
    }
    let (at, id) = behind.unzip();
    let sql = match workflow {
        Some(_) => {
            dead_letters!(
                "d.workflow_id = any (array(select n.id from workflows n where n.name = $4 or n.id::text = $4))"
            )
        }
        None => dead_letters!("$4::text is null"),
    };
    sqlx::query_as(sql).bind(at).bind(id).bind(limit.clamp(0, MOST)).bind(workflow).fetch_all(pool).await
}
