//! Requests of other systems: which hooks listen at a path, and their events.

use serde_json::Value;
use sqlx::{FromRow, PgPool};

use crate::domain::keys::Sealed;

/// Hooks that may listen at one path.
const MOST: i64 = 100;

/// A hook in force.
#[derive(Debug)]
pub struct Hook {
    /// The method that it wants.
    pub method: String,
    /// How it is verified, and with which secret; none: by nothing.
    pub verify: Option<Verify>,
}

/// How a hook is verified.
#[derive(Debug)]
pub struct Verify {
    /// `standard`, `stripe`, `github` or `token`.
    pub scheme: String,
    /// The name of its secret.
    pub secret: String,
    /// The secret, if it is stored.
    pub sealed: Option<Sealed>,
}

#[derive(FromRow)]
struct Found {
    method: String,
    verify: Option<String>,
    secret: Option<String>,
    ciphertext: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
    key_id: Option<String>,
    seconds: i64,
}

/// The hooks in force at a path, and the database's clock in seconds since 1970.
///
/// # Errors
/// When the database can't be asked.
pub async fn hooks_at(pool: &PgPool, path: &str) -> sqlx::Result<(Vec<Hook>, i64)> {
    let sql = "select h.method, h.verify, h.secret, h.ciphertext, h.nonce, h.key_id,
                      extract(epoch from clock_timestamp())::bigint as seconds
                 from public.hooks_at($1) h limit $2";
    let found: Vec<Found> = sqlx::query_as(sql).bind(path).bind(MOST).fetch_all(pool).await?;
    let seconds = found.first().map_or(0, |found| found.seconds);
    Ok((found.into_iter().map(Found::hook).collect(), seconds))
}

impl Found {
    fn hook(self) -> Hook {
        let sealed = match (self.ciphertext, self.nonce, self.key_id) {
            (Some(ciphertext), Some(nonce), Some(key_id)) => Some(Sealed { key_id, nonce, ciphertext }),
            _ => None,
        };
        let verify = self.verify.zip(self.secret).map(|(scheme, secret)| Verify { scheme, secret, sealed });
        Hook { method: self.method, verify }
    }
}

/// A hook of thendo's own, which no workflow names: whatever it is verified with must be this secret. And the database's
/// clock in seconds since 1970.
///
/// # Errors
/// When the database can't be asked.
pub async fn own_hook(pool: &PgPool, scheme: &str, secret: &str) -> sqlx::Result<(Hook, i64)> {
    let sql =
        "select 'POST' as method, $1::text as verify, $2::text as secret, s.ciphertext, s.nonce, s.key_id,
                      extract(epoch from clock_timestamp())::bigint as seconds
                 from (select 1) as one left join public.use_secrets(array[$2]) s on true limit 1";
    let found: Found = sqlx::query_as(sql).bind(scheme).bind(secret).fetch_one(pool).await?;
    let seconds = found.seconds;
    Ok((found.hook(), seconds))
}

/// Takes in an event of Stripe's. False: it was here before.
///
/// # Errors
/// As [`take`].
pub async fn take_from_stripe(pool: &PgPool, request: &Value, verified: &[String]) -> sqlx::Result<bool> {
    let call = sqlx::query_scalar("select public.take_stripe_event($1, $2)");
    call.bind(request).bind(verified).fetch_one(pool).await
}

/// A request as it is recorded.
#[derive(Debug)]
pub struct Taken<'a> {
    /// Behind `/hooks/`.
    pub path: &'a str,
    /// In capitals.
    pub method: &'a str,
    /// As its sender numbers it.
    pub sender_id: Option<&'a str>,
    /// `query`, `headers` and `body`.
    pub request: Value,
    /// What it was verified with: `standard:crm`.
    pub verified: &'a [String],
}

/// Records a request as an event. False: it was here before.
///
/// # Errors
/// When the database refuses; then nothing is recorded, or the answer was lost: to send it again is right.
pub async fn take(pool: &PgPool, taken: &Taken<'_>) -> sqlx::Result<bool> {
    let call = sqlx::query_scalar("select public.take_webhook($1, $2, $3, $4, $5)");
    let call = call.bind(taken.path).bind(taken.method).bind(taken.sender_id);
    call.bind(&taken.request).bind(taken.verified).fetch_one(pool).await
}
