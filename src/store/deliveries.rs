//! Deliveries: leasing, finishing, postponing, rescuing. Single statements, each its own transaction.

use serde_json::Value;
use uuid::Uuid;

use super::json::Readable;
use super::session::{Session, Sql, StoreError};
use crate::domain::ids::EffectId;

pub(super) static LEASE: Sql =
    Sql { name: "lease_deliveries", text: include_str!("sql/lease_deliveries.sql") };
pub(super) static FINISH: Sql =
    Sql { name: "finish_deliveries", text: include_str!("sql/finish_deliveries.sql") };
pub(super) static POSTPONE: Sql =
    Sql { name: "postpone_deliveries", text: include_str!("sql/postpone_deliveries.sql") };
pub(super) static RESCUE: Sql =
    Sql { name: "rescue_deliveries", text: include_str!("sql/rescue_deliveries.sql") };
pub(super) static RENEW: Sql = Sql {
    name: "renew_leases",
    text: "update public.workflow_deliveries
           set lease_until = clock_timestamp() + $2::bigint * interval '1 millisecond'
           where status = 'sending' and lease_token = any ($1::uuid[])",
};

/// A delivery under our lease. Its start is committed: from here on it may have happened.
#[derive(Debug)]
pub struct Leased {
    /// Which; also the idempotency key.
    pub id: EffectId,
    /// Proves the lease.
    pub token: Uuid,
    /// What to send, or why that can't be read.
    pub payload: Result<Value, String>,
    /// 1 for the first.
    pub attempt: i16,
}

/// What became of a delivery.
#[derive(Debug)]
pub struct Finished {
    /// Which.
    pub id: EffectId,
    /// Proves the lease.
    pub token: Uuid,
    /// `sent`, `refused` or `unknown`.
    pub status: &'static str,
    /// What later nodes see, or `{"reason": …}`.
    pub result: Value,
}

/// A delivery that is to be tried again.
#[derive(Debug)]
pub struct Postponed {
    /// Which.
    pub id: EffectId,
    /// Proves the lease.
    pub token: Uuid,
    /// Not before this many milliseconds.
    pub delay_ms: i64,
    /// `{"reason": …}`.
    pub reason: Value,
}

/// Leases up to `limit` due deliveries under one new token.
///
/// # Errors
/// [`StoreError`]; nothing is leased, or the lease runs out unused.
pub async fn lease(
    session: &Session,
    limit: usize,
    lease_ms: u64,
    repeatable: bool,
) -> Result<Vec<Leased>, StoreError> {
    let token = Uuid::new_v4();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let lease_ms = i64::try_from(lease_ms).unwrap_or(i64::MAX);
    let rows = session.query(&LEASE, &[&limit, &token, &lease_ms, &repeatable]).await?;
    Ok(rows
        .iter()
        .map(|row| Leased {
            id: EffectId(row.get("id")),
            token,
            payload: row.get::<_, Readable>("payload").0,
            attempt: row.get("attempt"),
        })
        .collect())
}

/// Writes what became of deliveries and queues their executions. One whose lease was lost is left alone.
/// Tells how many were still ours.
///
/// # Errors
/// [`StoreError`].
pub async fn finish(session: &Session, finished: &[&Finished]) -> Result<u64, StoreError> {
    let ids: Vec<_> = finished.iter().map(|f| f.id.0).collect();
    let tokens: Vec<_> = finished.iter().map(|f| f.token).collect();
    let statuses: Vec<_> = finished.iter().map(|f| f.status).collect();
    let results: Vec<_> = finished.iter().map(|f| &f.result).collect();
    session.execute(&FINISH, &[&ids, &tokens, &statuses, &results]).await
}

/// Puts deliveries back for a later attempt.
///
/// # Errors
/// [`StoreError`].
pub async fn postpone(session: &Session, postponed: &[&Postponed]) -> Result<(), StoreError> {
    let ids: Vec<_> = postponed.iter().map(|p| p.id.0).collect();
    let tokens: Vec<_> = postponed.iter().map(|p| p.token).collect();
    let delays: Vec<_> = postponed.iter().map(|p| p.delay_ms).collect();
    let reasons: Vec<_> = postponed.iter().map(|p| &p.reason).collect();
    session.execute(&POSTPONE, &[&ids, &tokens, &delays, &reasons]).await.map(|_| ())
}

/// Takes deliveries away from senders that died. Tells which became unknown and how many are tried again.
///
/// # Errors
/// [`StoreError`].
pub async fn rescue(session: &Session) -> Result<(Vec<EffectId>, usize), StoreError> {
    let rows = session.query(&RESCUE, &[]).await?;
    let unknown: Vec<_> = rows
        .iter()
        .filter(|row| row.get::<_, &str>("status") == "unknown")
        .map(|row| EffectId(row.get("id")))
        .collect();
    let again = rows.len() - unknown.len();
    Ok((unknown, again))
}

/// Keeps leases alive while their messages are under way.
///
/// # Errors
/// [`StoreError`].
pub async fn renew(session: &Session, tokens: &[Uuid], lease_ms: u64) -> Result<(), StoreError> {
    let lease_ms = i64::try_from(lease_ms).unwrap_or(i64::MAX);
    session.execute(&RENEW, &[&tokens, &lease_ms]).await.map(|_| ())
}
