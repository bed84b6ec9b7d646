//! Who did what, by the API or the command line.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgConnection, PgPool, QueryBuilder};
use utoipa::ToSchema;
use uuid::Uuid;

/// A line of the audit.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
pub struct AuditRow {
    /// Its identity.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Who: `key:deploys`, `account:…`, `link`, `command line:ada`.
    pub who: String,
    /// Their account, if they have one.
    pub account: Option<Uuid>,
    /// What: `workflow.publish`.
    pub act: String,
    /// To what: an id.
    pub target: String,
    /// More.
    #[schema(value_type = Object)]
    pub detail: Value,
}

/// Adds a line; it counts when the transaction does.
///
/// # Errors
/// When the database can't be written.
pub async fn add(
    connection: &mut PgConnection,
    (who, account): (&str, Option<Uuid>),
    act: &str,
    target: &str,
    detail: &Value,
) -> sqlx::Result<()> {
    sqlx::query("insert into api_audit (who, account, act, target, detail) values ($1, $2, $3, $4, $5)")
        .bind(who)
        .bind(account)
        .bind(act)
        .bind(target)
        .bind(detail)
        .execute(connection)
        .await?;
    Ok(())
}

/// Lines, the newest first, from behind a place in the list.
///
/// # Errors
/// When the database can't be asked.
pub async fn list(
    pool: &PgPool,
    (act, target): (Option<&str>, Option<&str>),
    behind: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<AuditRow>> {
    let mut sql =
        QueryBuilder::new("select id, at, who, account, act, target, detail from api_audit where true");
    if let Some(act) = act {
        sql.push(" and act = ").push_bind(act);
    }
    if let Some(target) = target {
        sql.push(" and target = ").push_bind(target);
    }
    if let Some((at, id)) = behind {
        sql.push(" and (at, id) < (").push_bind(at).push(", ").push_bind(id).push(")");
    }
    sql.push(" order by at desc, id desc limit ").push_bind(limit);
    sql.build_query_as().fetch_all(pool).await
}

/// The detail of the line of an act on this, if there is one. Two that ask for the same at once come one after the other, until
/// the first's transaction ends.
///
/// # Errors
/// When the database can't be asked.
pub async fn detail_once(
    connection: &mut PgConnection,
    act: &str,
    target: Uuid,
) -> sqlx::Result<Option<Value>> {
    // A lock of one number is of another kind than those of thendo's namespace.
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(target.as_u64_pair().0.cast_signed())
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar("select detail from api_audit where target = $1 and act = $2 order by at desc limit 1")
        .bind(target.to_string())
        .bind(act)
        .fetch_optional(connection)
        .await
}
