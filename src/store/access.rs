//! Who may come to the API: keys, links, sessions. All are kept as hashes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

/// A key of the API, without what opens.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
pub struct KeyRow {
    /// Its identity.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its beginning.
    pub prefix: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: String,
    /// Until when it opens; nothing: for ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Since when it opens nothing any more.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A key that opens.
#[derive(Debug, Clone, FromRow)]
pub struct OpenKey {
    /// Its identity.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Until when it opens; nothing: for ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether its last use was noted more than a minute ago.
    pub is_stale: bool,
}

/// A session that counts.
#[derive(Debug, Clone, FromRow)]
pub struct OpenSession {
    /// Whose, in words.
    pub who: String,
    /// Whose account; none: of whoever had the link.
    pub account: Option<Uuid>,
    /// Whether it was last noted more than a minute ago.
    pub is_stale: bool,
}

/// What this transaction writes is the account's doing.
///
/// # Errors
/// When the database can't be asked.
pub async fn act_as(connection: &mut PgConnection, account: Option<Uuid>) -> sqlx::Result<()> {
    if let Some(account) = account {
        sqlx::query("select set_config('request.jwt.claim.sub', $1, true)")
            .bind(account.to_string())
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Keys, the newest first, from behind a place in the list.
///
/// # Errors
/// When the database can't be asked.
pub async fn keys(
    pool: &PgPool,
    behind: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<KeyRow>> {
    let (at, id) = behind.unzip();
    sqlx::query_as(
        "select id, name, prefix, scopes, created_at, created_by, expires_at, last_used_at, revoked_at from api_keys
          where $1::timestamptz is null or (created_at, id) < ($1, $2) order by created_at desc, id desc limit $3",
    )
    .bind(at)
    .bind(id)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// A key to be made.
#[derive(Debug)]
pub struct NewKey<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is known by.
    pub hash: &'a [u8],
    /// Its beginning.
    pub prefix: &'a str,
    /// What it may do.
    pub scopes: &'a [String],
    /// Who makes it.
    pub created_by: &'a str,
    /// Until when it opens.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Adds a key; `None` if one of this name opens already.
///
/// # Errors
/// When the database can't be written.
pub async fn add_key(connection: &mut PgConnection, key: &NewKey<'_>) -> sqlx::Result<Option<KeyRow>> {
    sqlx::query_as(
        "insert into api_keys (name, hash, prefix, scopes, created_by, expires_at) values ($1, $2, $3, $4, $5, $6)
         on conflict (name) where revoked_at is null do nothing
         returning id, name, prefix, scopes, created_at, created_by, expires_at, last_used_at, revoked_at",
    )
    .bind(key.name)
    .bind(key.hash)
    .bind(key.prefix)
    .bind(key.scopes)
    .bind(key.created_by)
    .bind(key.expires_at)
    .fetch_optional(connection)
    .await
}

/// Has a key open nothing any more: the one of this id, else the one of this name. `None` if there is none that opens.
///
/// # Errors
/// When the database can't be written.
pub async fn revoke_key(connection: &mut PgConnection, name_or_id: &str) -> sqlx::Result<Option<KeyRow>> {
    sqlx::query_as(
        "update api_keys set revoked_at = now() where id = (
             select id from api_keys where (name = $1 or id = $2) and revoked_at is null order by id = $2 desc nulls last limit 1)
           and revoked_at is null
         returning id, name, prefix, scopes, created_at, created_by, expires_at, last_used_at, revoked_at",
    )
    .bind(name_or_id)
    .bind(name_or_id.parse::<Uuid>().ok())
    .fetch_optional(connection)
    .await
}

/// The key with this hash, if it opens.
///
/// # Errors
/// When the database can't be asked.
pub async fn open_key(pool: &PgPool, hash: &[u8]) -> sqlx::Result<Option<OpenKey>> {
    sqlx::query_as(
        "select id, name, scopes, expires_at, coalesce(last_used_at < now() - interval '1 minute', true) as is_stale
           from api_keys where hash = $1 and revoked_at is null and (expires_at is null or expires_at > now()) limit 1",
    )
    .bind(hash)
    .fetch_optional(pool)
    .await
}

/// Notes that a key was used. Nobody waits for somebody else to note it.
///
/// # Errors
/// When the database can't be written.
pub async fn note_key(pool: &PgPool, id: Uuid) -> sqlx::Result<()> {
    sqlx::query(
        "update api_keys set last_used_at = now() where id in (
             select id from api_keys where id = $1 and coalesce(last_used_at < now() - interval '1 minute', true)
              for no key update skip locked)",
    )
    .bind(id)
    .execute(pool)
    .await?;
    Ok(())
}

/// Adds a link that opens for so many seconds.
///
/// # Errors
/// When the database can't be written.
pub async fn add_link(
    connection: &mut PgConnection,
    hash: &[u8],
    created_by: &str,
    seconds: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into api_links (hash, created_by, expires_at) values ($1, $2, now() + make_interval(secs => $3))",
    )
    .bind(hash)
    .bind(created_by)
    .bind(seconds as f64)
    .execute(connection)
    .await?;
    Ok(())
}

/// Uses a link up. Who made it; `None` if it opens nothing, or not any more.
///
/// # Errors
/// When the database can't be written.
pub async fn use_link(connection: &mut PgConnection, hash: &[u8]) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "update api_links set used_at = now() where hash = $1 and used_at is null and expires_at > now()
         returning created_by",
    )
    .bind(hash)
    .fetch_optional(connection)
    .await
}

/// Begins a session that ends after so many seconds, whatever happens.
///
/// # Errors
/// When the database can't be written.
pub async fn add_session(
    connection: &mut PgConnection,
    hash: &[u8],
    who: &str,
    account: Option<Uuid>,
    seconds: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into api_sessions (hash, who, account, expires_at)
         values ($1, $2, $3, now() + make_interval(secs => $4))",
    )
    .bind(hash)
    .bind(who)
    .bind(account)
    .bind(seconds as f64)
    .execute(connection)
    .await?;
    Ok(())
}

/// The session with this hash, if it counts: it has not ended, and was used within so many seconds.
///
/// # Errors
/// When the database can't be asked.
pub async fn open_session(pool: &PgPool, hash: &[u8], idle_s: i64) -> sqlx::Result<Option<OpenSession>> {
    sqlx::query_as(
        "select who, account, seen_at < now() - interval '1 minute' as is_stale from api_sessions
          where hash = $1 and ended_at is null and expires_at > now() and seen_at > now() - make_interval(secs => $2)
          limit 1",
    )
    .bind(hash)
    .bind(idle_s as f64)
    .fetch_optional(pool)
    .await
}

/// Whether there was a session with this hash that has ended.
///
/// # Errors
/// When the database can't be asked.
pub async fn was_session(pool: &PgPool, hash: &[u8]) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select from api_sessions where hash = $1)")
        .bind(hash)
        .fetch_one(pool)
        .await
}

/// Notes that a session was used.
///
/// # Errors
/// When the database can't be written.
pub async fn note_session(pool: &PgPool, hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query(
        "update api_sessions set seen_at = now() where hash in (
             select hash from api_sessions where hash = $1 and seen_at < now() - interval '1 minute'
              for no key update skip locked)",
    )
    .bind(hash)
    .execute(pool)
    .await?;
    Ok(())
}

/// Ends a session.
///
/// # Errors
/// When the database can't be written.
pub async fn end_session(connection: &mut PgConnection, hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query("update api_sessions set ended_at = now() where hash = $1 and ended_at is null")
        .bind(hash)
        .execute(connection)
        .await?;
    Ok(())
}

/// Has the links of this maker open nothing any more, and ends their sessions. How many of these.
///
/// # Errors
/// When the database can't be written.
pub async fn take_back_links(connection: &mut PgConnection, maker: &str, who: &str) -> sqlx::Result<u64> {
    sqlx::query("update api_links set used_at = now() where created_by = $1 and used_at is null")
        .bind(maker)
        .execute(&mut *connection)
        .await?;
    let ended = sqlx::query("update api_sessions set ended_at = now() where who = $1 and ended_at is null")
        .bind(who)
        .execute(connection)
        .await?;
    Ok(ended.rows_affected())
}

/// A session in a list, without what opens it.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = Session)]
pub struct SessionRow {
    /// Its identity.
    pub id: Uuid,
    /// Whose, in the audit's words: `link:…`, `account:…`.
    pub who: String,
    /// Whose account; none: of whoever had the link.
    pub account: Option<Uuid>,
    /// Since when.
    pub began_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub seen_at: DateTime<Utc>,
    /// When it ends, whatever happens.
    pub expires_at: DateTime<Utc>,
    /// When it was ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Sessions, the newest first, from behind a place in the list.
///
/// # Errors
/// When the database can't be asked.
pub async fn sessions(
    pool: &PgPool,
    behind: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<SessionRow>> {
    let (at, id) = behind.unzip();
    sqlx::query_as(
        "select id, who, account, began_at, seen_at, expires_at, ended_at from api_sessions
          where $1::timestamptz is null or (began_at, id) < ($1, $2) order by began_at desc, id desc limit $3",
    )
    .bind(at)
    .bind(id)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// Ends the session of this id. `None` if there is none that has not ended.
///
/// # Errors
/// When the database can't be written.
pub async fn end_session_of(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<SessionRow>> {
    sqlx::query_as(
        "update api_sessions set ended_at = now() where id = $1 and ended_at is null and expires_at > now()
         returning id, who, account, began_at, seen_at, expires_at, ended_at",
    )
    .bind(id)
    .fetch_optional(connection)
    .await
}

/// Whether an account is an admin's, at this moment.
///
/// # Errors
/// When the database can't be asked.
pub async fn is_admin(pool: &PgPool, account: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar("select public.is_admin($1)").bind(account).fetch_one(pool).await
}
