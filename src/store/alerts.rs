//! Alarms: raising, telling, listing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgPool};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::session::{Session, Sql, StoreError};
use crate::domain::alert::{Alert, Kind};
use crate::domain::ids::WorkflowId;

pub(super) static RAISE: Sql = Sql {
    name: "raise_alert",
    text: "select public.raise_alert($1, $2, $3) as id, clock_timestamp() as happened_at",
};
pub(super) static RAISE_DEAD_LETTERS: Sql = Sql {
    name: "raise_dead_letters",
    text: "select r.id, r.workflow_id, r.message, clock_timestamp() as happened_at
           from public.raise_dead_letters($1::uuid[]) r",
};
pub(super) static LOOK: Sql = Sql {
    name: "look_for_trouble",
    text: "select l.id, l.kind, l.message, clock_timestamp() as happened_at
           from public.look_for_trouble($1::bigint * interval '1 second') l",
};
/// What is taken is due again after a pause that doubles: a daemon that dies meanwhile told perhaps, and another tells again.
pub(super) static TAKE_UNTOLD: Sql = Sql {
    name: "take_untold_alerts",
    text: "update public.workflow_alerts a
           set attempts = a.attempts + 1, due_at = clock_timestamp() + interval '1 minute' * power(2, a.attempts)
           where a.id = any (array(
               select u.id from public.workflow_alerts u
               where u.told_at is null and u.due_at <= clock_timestamp() and u.attempts < $1::smallint
                 and u.happened_at > clock_timestamp() - interval '6 hours'
               order by u.due_at limit 5 for update skip locked))
           returning a.id, a.kind, a.workflow_id, a.message, a.happened_at, a.told, a.attempts,
                     (select left(w.name, 200) from public.workflows w where w.id = a.workflow_id) as workflow_name",
};
pub(super) static MARK_TOLD: Sql = Sql {
    name: "mark_alert_told",
    text: "update public.workflow_alerts a
           set told = $2::text[], told_at = case when $3::boolean then clock_timestamp() end where a.id = any (array[$1::uuid])",
};

/// Raises an alarm, within the caller's transaction if there is one. `None` if there was one of this kind about this
/// workflow a moment ago. Whoever raises it also announces it, once it is committed.
///
/// # Errors
/// [`StoreError`].
pub async fn raise(
    session: &Session,
    kind: Kind,
    workflow: Option<WorkflowId>,
    message: &str,
) -> Result<Option<Alert>, StoreError> {
    let of = workflow.map(|workflow| workflow.0);
    let rows = session.query(&RAISE, &[&kind.as_str(), &of, &message]).await?;
    Ok(rows.first().and_then(|row| {
        let id: Option<Uuid> = row.get("id");
        let happened_at = row.get("happened_at");
        Some(Alert { id: id?, kind, workflow: of, message: message.to_owned(), happened_at })
    }))
}

/// Raises an alarm for each of these workflows of which too many executions have failed lately, in the caller's
/// transaction.
///
/// # Errors
/// [`StoreError`].
pub async fn raise_dead_letters(session: &Session, workflows: &[Uuid]) -> Result<Vec<Alert>, StoreError> {
    if workflows.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session.query(&RAISE_DEAD_LETTERS, &[&workflows]).await?;
    let alert = |row: &Row| Alert {
        id: row.get("id"),
        kind: Kind::DeadLetters,
        workflow: Some(row.get("workflow_id")),
        message: row.get("message"),
        happened_at: row.get("happened_at"),
    };
    Ok(rows.iter().map(alert).collect())
}

/// Raises alarms for what nobody notices by doing it: lag of more than so many seconds, default partitions that fill.
///
/// # Errors
/// [`StoreError`].
pub async fn look(session: &Session, most_lag_s: u64) -> Result<Vec<Alert>, StoreError> {
    let most = i64::try_from(most_lag_s).unwrap_or(i64::MAX);
    let rows = session.query(&LOOK, &[&most]).await?;
    let alert = |row: &Row| {
        Some(Alert {
            id: row.get("id"),
            kind: Kind::of(row.get("kind"))?,
            workflow: None,
            message: row.get("message"),
            happened_at: row.get("happened_at"),
        })
    };
    Ok(rows.iter().filter_map(alert).collect())
}

/// An alarm that is to be told.
#[derive(Debug)]
pub struct Untold {
    /// What.
    pub alert: Alert,
    /// The workflow's name, if it is about one that is still there.
    pub workflow_name: Option<String>,
    /// Who has been told already: hashes of their addresses.
    pub told: Vec<String>,
    /// 1 for the first.
    pub attempts: i16,
}

/// Takes alarms to tell, committed before anybody is told. Nobody else has them before a while.
///
/// # Errors
/// [`StoreError`].
pub async fn take_untold(session: &Session, most_attempts: i16) -> Result<Vec<Untold>, StoreError> {
    let rows = session.query(&TAKE_UNTOLD, &[&most_attempts]).await?;
    let untold = |row: &Row| {
        let workflow: Uuid = row.get("workflow_id");
        Some(Untold {
            alert: Alert {
                id: row.get("id"),
                kind: Kind::of(row.get("kind"))?,
                workflow: Some(workflow).filter(|id| !id.is_nil()),
                message: row.get("message"),
                happened_at: row.get("happened_at"),
            },
            workflow_name: row.get("workflow_name"),
            told: row.get("told"),
            attempts: row.get("attempts"),
        })
    };
    Ok(rows.iter().filter_map(untold).collect())
}

/// Writes down who has been told, and whether that is everybody.
///
/// # Errors
/// [`StoreError`].
pub async fn mark_told(session: &Session, id: Uuid, told: &[String], all: bool) -> Result<(), StoreError> {
    session.execute(&MARK_TOLD, &[&id, &told, &all]).await.map(|_| ())
}

/// An alarm in a list.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = Alert)]
pub struct Listed {
    /// Its identity.
    pub id: Uuid,
    /// What kind; [`Kind`] lists them.
    pub kind: String,
    /// The workflow that it is about; `None` if it is about none.
    pub workflow_id: Option<Uuid>,
    /// That workflow's name, if it is still there.
    pub workflow: Option<String>,
    /// What happened, and what to do.
    pub message: String,
    /// When.
    pub happened_at: DateTime<Utc>,
    /// When all of `alerts.to` had been told.
    pub told_at: Option<DateTime<Utc>>,
}

/// Alarms, the newest first; `kind` narrows, `before` goes on after the last one of a list.
///
/// # Errors
/// When the database can't be asked.
pub async fn list(
    pool: &PgPool,
    kind: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Listed>> {
    sqlx::query_as(
        "select a.id, a.kind, nullif(a.workflow_id, '00000000-0000-0000-0000-000000000000') as workflow_id,
                w.name as workflow, a.message, a.happened_at, a.told_at
           from workflow_alerts a left join workflows w on w.id = a.workflow_id
          where ($1::text is null or a.kind = $1)
            and ($2::uuid is null
                 or (a.happened_at, a.id) < (select b.happened_at, b.id from workflow_alerts b where b.id = $2))
          order by a.happened_at desc, a.id desc limit $3",
    )
    .bind(kind)
    .bind(before)
    .bind(limit.clamp(0, super::lists::MOST))
    .fetch_all(pool)
    .await
}
