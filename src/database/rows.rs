//! The setting `rows.allow`, taken over by the database: grants to the engine's role, made by who owns the tables.

use std::collections::BTreeMap;

use secrecy::SecretString;
use sqlx::PgPool;

use super::connect;

/// Tables, each with its columns.
pub type Allowed = BTreeMap<String, Vec<String>>;

/// The setting names what can't be allowed, or the database can't be asked.
#[derive(Debug, thiserror::Error)]
#[error("the setting rows.allow can't be taken over")]
pub struct RowsError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Grants what is allowed, and takes back what is not any more. One transaction.
///
/// # Errors
/// [`RowsError`]; nothing is changed then.
pub async fn allow(url: &SecretString, wanted: &Allowed) -> Result<(), RowsError> {
    let mut connection = connect::single(url, "rows").await.map_err(|error| RowsError(error.into()))?;
    let wanted = sqlx::types::Json(wanted);
    let taken = sqlx::query("select public.allow_rows($1)").bind(wanted).execute(&mut connection).await;
    taken.map(|_| ()).map_err(|error| RowsError(error.into()))
}

/// Whether the database allows what the setting says, and nothing else.
///
/// # Errors
/// When the database can't be asked.
pub async fn is_taken_over(pool: &PgPool, wanted: &Allowed) -> sqlx::Result<bool> {
    let sql = "select coalesce(jsonb_object_agg(r.table_name, to_jsonb(r.columns)), '{}') from public.workflow_rows r";
    let sqlx::types::Json(found) =
        sqlx::query_scalar::<_, sqlx::types::Json<Allowed>>(sql).fetch_one(pool).await?;
    Ok(found == *wanted)
}
