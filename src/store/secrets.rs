//! Stored secrets, as they are encrypted: fetched by name for a delivery; stored, listed and removed from the command line.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, Postgres, Transaction};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::session::{Session, Sql, StoreError};
use crate::domain::keys::Sealed;

pub(super) static USE_SECRETS: Sql = Sql {
    name: "use_secrets",
    text: "select s.name, s.ciphertext, s.nonce, s.key_id,
                  extract(epoch from statement_timestamp())::bigint as seconds
           from (select statement_timestamp()) as now left join public.use_secrets($1::text[]) s on true",
};

/// Most that are listed, and that can be stored.
pub const MOST: i64 = 1_000;

/// What a delivery is handed.
#[derive(Debug)]
pub struct Used {
    /// By name, encrypted. What is not stored is not here.
    pub found: Vec<(String, Sealed)>,
    /// The database's clock, in seconds since 1970.
    pub seconds: i64,
}

/// The secrets of these names, encrypted; notes that they are used.
///
/// # Errors
/// [`StoreError`].
pub async fn use_secrets(session: &Session, names: &[&str]) -> Result<Used, StoreError> {
    let rows = session.query(&USE_SECRETS, &[&names]).await?;
    let found = |row: &Row| {
        let name = row.get::<_, Option<String>>("name")?;
        let (key_id, nonce) = (row.get("key_id"), row.get("nonce"));
        Some((name, Sealed { key_id, nonce, ciphertext: row.get("ciphertext") }))
    };
    let seconds = rows.first().map_or(0, |row| row.get("seconds"));
    Ok(Used { found: rows.iter().filter_map(found).collect(), seconds })
}

/// A stored secret as it may be shown: never its value.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = SecretRow)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Which key encrypted it.
    pub key_id: String,
    /// When a delivery last had it, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was first stored.
    pub created_at: DateTime<Utc>,
    /// The account that first stored it; none: a program, or the command line.
    pub created_by: Option<Uuid>,
}

/// Those that are stored, by name, from behind one.
///
/// # Errors
/// When the database can't be asked.
pub async fn list(
    connection: &mut PgConnection,
    behind: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<Listed>> {
    let sql = "select name, key_id, last_used_at, created_at, created_by from public.workflow_secrets
                where $1::text is null or name > $1 order by name limit $2";
    sqlx::query_as(sql).bind(behind).bind(limit.clamp(0, MOST)).fetch_all(connection).await
}

/// Stores a secret, in place of what was there under the name. Whether something was.
///
/// # Errors
/// When the database refuses.
pub async fn store(connection: &mut PgConnection, name: &str, sealed: &Sealed) -> sqlx::Result<bool> {
    // Neither statement reads what is stored: the API's role may not.
    let replace = "update public.workflow_secrets set ciphertext = $2, nonce = $3, key_id = $4, last_used_at = null where name = $1";
    let add = "insert into public.workflow_secrets (name, ciphertext, nonce, key_id) values ($1, $2, $3, $4)
               on conflict (name) do update set ciphertext = $2, nonce = $3, key_id = $4, last_used_at = null";
    for (sql, was_there) in [(replace, true), (add, false)] {
        let query = sqlx::query(sql).bind(name).bind(&sealed.ciphertext).bind(&sealed.nonce);
        let done = query.bind(&sealed.key_id).execute(&mut *connection).await?;
        if done.rows_affected() > 0 {
            return Ok(was_there);
        }
    }
    Ok(false)
}

/// Removes a secret. Whether it was there.
///
/// # Errors
/// When the database refuses.
pub async fn remove(connection: &mut PgConnection, name: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("delete from public.workflow_secrets where name = $1")
        .bind(name)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Those of these names that are not stored.
///
/// # Errors
/// When the database can't be asked.
pub async fn missing(connection: &mut PgConnection, names: &[String]) -> sqlx::Result<Vec<String>> {
    let sql = "select name from public.missing_secrets($1) as m (name) limit $2";
    sqlx::query_scalar(sql).bind(names).bind(MOST).fetch_all(connection).await
}

/// Those that another key than this encrypted, locked until the transaction ends.
///
/// # Errors
/// When the database refuses.
pub async fn lock_of_other_keys(
    tx: &mut Transaction<'_, Postgres>,
    key_id: &str,
) -> sqlx::Result<Vec<(Uuid, String, Sealed)>> {
    type Found = (Uuid, String, String, Vec<u8>, Vec<u8>);
    let sql = "select id, name, key_id, nonce, ciphertext from public.workflow_secrets
                where key_id <> $1 order by id limit $2 for update";
    let rows: Vec<Found> = sqlx::query_as(sql).bind(key_id).bind(MOST).fetch_all(&mut **tx).await?;
    let row = |(id, name, key_id, nonce, ciphertext)| (id, name, Sealed { key_id, nonce, ciphertext });
    Ok(rows.into_iter().map(row).collect())
}

/// Puts the same secret there, encrypted anew.
///
/// # Errors
/// When the database refuses.
pub async fn seal_anew(tx: &mut Transaction<'_, Postgres>, id: Uuid, sealed: &Sealed) -> sqlx::Result<()> {
    let sql = "update public.workflow_secrets set ciphertext = $2, nonce = $3, key_id = $4 where id = $1";
    let update = sqlx::query(sql).bind(id).bind(&sealed.ciphertext).bind(&sealed.nonce).bind(&sealed.key_id);
    update.execute(&mut **tx).await.map(|_| ())
}
