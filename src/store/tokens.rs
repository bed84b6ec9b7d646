//! OAuth tokens, encrypted in the database with a key that it never keeps. Key and tokens go there by binary COPY
//! into `token_handover`: so they are in no statement, no parameter and no log, and forgotten with the transaction.

use std::pin::pin;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

/// What a transaction is handed for the functions it calls.
#[derive(Debug)]
pub struct HandOver<'a> {
    /// The key's name, stored beside what it encrypted.
    pub key_id: &'a str,
    /// The key.
    pub key: &'a SecretString,
    /// The key of before, for a rotation.
    pub former_key: Option<&'a SecretString>,
    /// An access token to store.
    pub access_token: Option<&'a SecretString>,
    /// A refresh token to store.
    pub refresh_token: Option<&'a SecretString>,
    /// A client secret to store.
    pub client_secret: Option<&'a SecretString>,
}

impl<'a> HandOver<'a> {
    /// Only a key: to read, or to be filled.
    pub fn of_key(key_id: &'a str, key: &'a SecretString) -> Self {
        Self { key_id, key, former_key: None, access_token: None, refresh_token: None, client_secret: None }
    }
}

/// Tokens of an account's calendar.
#[derive(Debug)]
pub struct CalendarTokens {
    /// To call with.
    pub access: SecretString,
    /// To get a new one with.
    pub refresh: Option<SecretString>,
    /// When the access token ends.
    pub expires_at: DateTime<Utc>,
}

/// What can go wrong. Shows neither key nor token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It encrypted something else.
    #[error("the key does not open what is stored")]
    WrongKey,
    /// Only signed-in accounts and the backend may.
    #[error("this role may not hand over keys and tokens")]
    Refused,
    /// The database refused or is gone.
    #[error("the tokens can't be read or written")]
    Database(#[source] tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for TokenError {
    fn from(source: tokio_postgres::Error) -> Self {
        // pgcrypto's only error of this class is "Wrong key or corrupt data".
        if source.code().is_some_and(|code| code.code() == "39000") {
            return Self::WrongKey;
        }
        Self::Database(source)
    }
}

/// Hands key and tokens to this transaction, instead of what it was handed before.
///
/// # Errors
/// When the database refuses: only signed-in accounts and the backend may hand over.
pub async fn hand_over<'a>(tx: &Transaction<'_>, given: &HandOver<'a>) -> Result<(), TokenError> {
    // Asked before: a COPY that is refused takes the connection with it.
    let may = "select has_table_privilege('public.token_handover', 'insert')";
    if !tx.query_one(may, &[]).await?.get::<_, bool>(0) {
        return Err(TokenError::Refused);
    }
    let sink = tx
        .copy_in(
            "copy public.token_handover (key_id, key, former_key, access_token, refresh_token, client_secret) \
             from stdin (format binary)",
        )
        .await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &[const { Type::TEXT }; 6]));
    let shown = |secret: Option<&'a SecretString>| secret.map(ExposeSecret::expose_secret);
    let row: [&(dyn ToSql + Sync); 6] = [
        &given.key_id,
        &given.key.expose_secret(),
        &shown(given.former_key),
        &shown(given.access_token),
        &shown(given.refresh_token),
        &shown(given.client_secret),
    ];
    writer.as_mut().write(&row).await?;
    writer.finish().await?;
    Ok(())
}

/// Stores the tokens handed over: of `account`, else of who asks.
///
/// # Errors
/// When nothing was handed over, or the account is not one's own.
pub async fn store_google_calendar_tokens(
    tx: &Transaction<'_>,
    account: Option<Uuid>,
    expires_at: DateTime<Utc>,
    scope: Option<&str>,
) -> Result<(), TokenError> {
    let sql = "select public.store_google_calendar_tokens($1, $2, coalesce($3, auth.uid()))";
    tx.execute(sql, &[&expires_at, &scope, &account]).await?;
    Ok(())
}

/// The tokens of `account`, else of who asks, with the key handed over. `None` where there are none to be seen.
///
/// # Errors
/// [`TokenError::WrongKey`]; or when no key was handed over.
pub async fn read_google_calendar_tokens(
    tx: &Transaction<'_>,
    account: Option<Uuid>,
) -> Result<Option<CalendarTokens>, TokenError> {
    let sql = "select access_token, refresh_token, expires_at
                 from public.read_google_calendar_tokens(coalesce($1, auth.uid()))";
    let row = tx.query_opt(sql, &[&account]).await?;
    Ok(row.map(|row| CalendarTokens {
        access: row.get::<_, String>(0).into(),
        refresh: row.get::<_, Option<String>>(1).map(Into::into),
        expires_at: row.get(2),
    }))
}

/// Stores the client secret handed over.
///
/// # Errors
/// When nothing was handed over, or there is no such provider to be seen.
pub async fn store_oauth_client_secret(tx: &Transaction<'_>, provider: &str) -> Result<(), TokenError> {
    tx.execute("select public.store_oauth_client_secret($1)", &[&provider]).await?;
    Ok(())
}

/// A provider's client secret, with the key handed over. `None` where there is none.
///
/// # Errors
/// [`TokenError::WrongKey`]; or when no key was handed over.
pub async fn read_oauth_client_secret(
    tx: &Transaction<'_>,
    provider: &str,
) -> Result<Option<SecretString>, TokenError> {
    let row = tx.query_one("select public.read_oauth_client_secret($1)", &[&provider]).await?;
    Ok(row.get::<_, Option<String>>(0).map(Into::into))
}

/// How many rows each key encrypted.
///
/// # Errors
/// When the database can't be asked.
pub async fn rows_by_key(client: &Client) -> Result<Vec<(String, i64)>, TokenError> {
    let sql = "select k.key_id, count(*) from (
                   select key_id from public.google_calendar_tokens
                   union all select key_id from public.oauth_providers where key_id is not null) k
                group by k.key_id order by k.key_id limit 1000";
    let rows = client.query(sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Encrypts everything anew, from the former key to the new one: all of it or nothing. How many rows.
///
/// # Errors
/// [`TokenError::WrongKey`] if one row is of a third key; then none was changed.
pub async fn rotate_token_key(client: &mut Client, given: &HandOver<'_>) -> Result<u64, TokenError> {
    let tx = client.transaction().await?;
    // Each row costs milliseconds, and all that wants to store something waits.
    tx.batch_execute("set local statement_timeout = 0; set local lock_timeout = '10s'").await?;
    hand_over(&tx, given).await?;
    let rotated: i64 = tx.query_one("select public.rotate_token_key()", &[]).await?.get(0);
    tx.commit().await?;
    Ok(rotated.unsigned_abs())
}
