//! Deliveries: handing over and calling off, within a batch; leasing, finishing, postponing, rescuing, each its own
//! transaction.

use std::collections::HashMap;

use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use super::effects::{Asked, delivered};
use super::json::Readable;
use super::mails::Bounced;
use super::session::{Session, Sql, StoreError};
use crate::domain::effect::{Answer, Effect};
use crate::domain::ids::{EffectId, ExecutionId, WorkflowId};
use crate::domain::retry::Retry;

pub(super) static LEASE: Sql =
    Sql { name: "lease_deliveries", text: include_str!("sql/lease_deliveries.sql") };
pub(super) static FINISH: Sql =
    Sql { name: "finish_deliveries", text: include_str!("sql/finish_deliveries.sql") };
pub(super) static POSTPONE: Sql =
    Sql { name: "postpone_deliveries", text: include_str!("sql/postpone_deliveries.sql") };
pub(super) static RESCUE: Sql =
    Sql { name: "rescue_deliveries", text: include_str!("sql/rescue_deliveries.sql") };
pub(super) static LOOK: Sql = Sql {
    name: "look_at_deliveries",
    text: "select exists (select from public.workflow_deliveries d where d.status = 'pending') as pending,
                  exists (select from public.workflow_deliveries d
                          where d.status = 'sending' and d.lease_until < statement_timestamp()) as lost",
};
pub(super) static RENEW: Sql = Sql {
    name: "renew_leases",
    text: "update public.workflow_deliveries
           set lease_until = clock_timestamp() + $2::bigint * interval '1 millisecond'
           where status = 'sending' and lease_token = any ($1::uuid[])",
};

pub(super) static HAND_OVER: Sql =
    Sql { name: "hand_over_deliveries", text: include_str!("sql/hand_over_deliveries.sql") };
pub(super) static HAND_BACK: Sql =
    Sql { name: "hand_back_deliveries", text: include_str!("sql/hand_back_deliveries.sql") };
pub(super) static CANCEL_PENDING: Sql = Sql {
    name: "cancel_pending_deliveries",
    text: "update public.workflow_deliveries set status = 'cancelled', finished_at = clock_timestamp(), result = null
           -- Not by way of all that are pending.
           where execution_id = any ($1::uuid[]) and status is not distinct from 'pending'",
};

/// The destination of all mails: they go to one server.
const MAIL: &str = "mail";

/// Whose a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whose {
    /// The execution that asked for it.
    pub execution: ExecutionId,
    /// That one's workflow; zero for a delivery older than the column.
    pub workflow: WorkflowId,
}

/// A delivery of which nobody knows whether it arrived, for its sender died.
#[derive(Debug, Clone)]
pub struct Lost {
    /// Which.
    pub id: EffectId,
    /// Whose it is.
    pub of: Whose,
    /// `email` or `http`.
    pub kind: String,
}

/// A delivery under our lease. Its start is committed: from here on it may have happened.
#[derive(Debug)]
pub struct Leased {
    /// Which; also the idempotency key.
    pub id: EffectId,
    /// Proves the lease.
    pub token: Uuid,
    /// Whose it is.
    pub of: Whose,
    /// `email` or `http`.
    pub kind: String,
    /// What to send, or why that can't be read.
    pub payload: Result<Value, String>,
    /// 1 for the first.
    pub attempt: u16,
    /// What its node says of trying again.
    pub retry: Retry,
    /// Who takes it.
    pub destination: String,
    /// Milliseconds since its first attempt began; 0 if this is it.
    pub since_first_ms: u64,
    /// Why its recipient is not to be mailed, as `suppressions` and docs/mails.md spell it.
    pub stop: Option<String>,
}

/// Whose turn it was last: destination and workflow.
pub type Turn = (String, Uuid);

/// What the deliverer has to do and may do.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// At most so many.
    pub limit: usize,
    /// For so long.
    pub lease_ms: u64,
    /// Whether sending a mail again is harmless.
    pub repeatable: bool,
    /// Most under way for one destination.
    pub per_destination: usize,
    /// What is under way, by destination.
    pub under_way: &'a HashMap<String, usize>,
    /// Those behind it come first.
    pub after: &'a Turn,
}

/// What a look for due deliveries gave.
#[derive(Debug)]
pub struct Found {
    /// Under our lease now.
    pub leased: Vec<Leased>,
    /// Others were quicker with some: another look may give more.
    pub met_others: bool,
    /// Turns are left that were not looked at.
    pub has_more: bool,
    /// Where the next look begins.
    pub next: Turn,
}

/// What became of a delivery.
#[derive(Debug)]
pub struct Finished {
    /// Which.
    pub id: EffectId,
    /// Proves the lease.
    pub token: Uuid,
    /// Whose it is.
    pub of: Whose,
    /// `sent`, `refused`, `unknown` or `suppressed`.
    pub status: &'static str,
    /// What later nodes see, or `{"reason": …}`.
    pub result: Value,
    /// Its address is not to be mailed again.
    pub bounced: Option<Bounced>,
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

/// Hands mails and requests over, within the caller's transaction. The answers by effect.
///
/// # Errors
/// [`StoreError`].
pub async fn hand_over(session: &Session, asked: &[Asked]) -> Result<HashMap<EffectId, Answer>, StoreError> {
    let mut ids: Vec<Uuid> = Vec::new();
    let (mut executions, mut workflows, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut kinds, mut destinations, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut payloads, mut retries) = (Vec::<Value>::new(), Vec::new());
    for Asked { execution, workflow, lane, request, .. } in asked {
        let (kind, destination, payload) = match &request.effect {
            Effect::SendEmail(email) => ("email", MAIL.to_owned(), serde_json::to_value(email)),
            Effect::HttpRequest(http) => {
                ("http", destination(&http.url.to_string()), serde_json::to_value(http))
            }
            _ => continue,
        };
        ids.push(request.id.0);
        executions.push(execution.0);
        workflows.push(workflow.0);
        nodes.push(request.node.as_str());
        kinds.push(kind);
        destinations.push(destination);
        lanes.push(*lane);
        payloads.push(payload.unwrap_or_default());
        retries.push(request.retry.as_ref().map(Json));
    }
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let values: [&(dyn ToSql + Sync); 9] =
        [&ids, &executions, &workflows, &nodes, &kinds, &destinations, &lanes, &payloads, &retries];
    let rows = session.query(&HAND_OVER, &values).await?;
    let answer = |row: &Row| {
        let result = row.get::<_, Option<Readable>>("result").map(Readable::or_null);
        (EffectId(row.get("id")), delivered(row.get("status"), result))
    };
    Ok(rows.iter().map(answer).collect())
}

/// `scheme://host:port` of a URL.
fn destination(url: &str) -> String {
    // A URL that is a secret altogether: its name is the destination.
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let port = if has_port {
        ""
    } else if scheme == "http" {
        ":80"
    } else {
        ":443"
    };
    format!("{scheme}://{host}{port}")
}

/// Calls off what these executions have not begun to send, within the caller's transaction. Tells how many there were.
///
/// # Errors
/// [`StoreError`].
pub async fn cancel_pending(session: &Session, executions: &[ExecutionId]) -> Result<u64, StoreError> {
    if executions.is_empty() {
        return Ok(0);
    }
    let ids: Vec<Uuid> = executions.iter().map(|id| id.0).collect();
    session.execute(&CANCEL_PENDING, &[&ids]).await
}

/// Leases due deliveries under one new token; destinations and workflows take turns.
///
/// # Errors
/// [`StoreError`]; nothing is leased, or the lease runs out unused.
pub async fn lease(session: &Session, wanted: Wanted<'_>) -> Result<Found, StoreError> {
    let token = Uuid::new_v4();
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let (limit, most) = (number(wanted.limit), number(wanted.per_destination));
    let lease_ms = i64::try_from(wanted.lease_ms).unwrap_or(i64::MAX);
    let (busy, counts): (Vec<&str>, Vec<i64>) =
        wanted.under_way.iter().map(|(of, count)| (of.as_str(), number(*count))).unzip();
    let (destination, workflow) = wanted.after;
    let values: [&(dyn ToSql + Sync); 9] =
        [&limit, &token, &lease_ms, &wanted.repeatable, &most, &busy, &counts, destination, workflow];
    let rows = session.query(&LEASE, &values).await?;
    let place = |row: &Row| (row.get("destination"), row.get("workflow_id"));
    // The last row tells how far the look came, if there was more to look at than it may.
    let (far, chosen) = match rows.split_last() {
        Some((far, chosen)) if far.get::<_, Option<Uuid>>("id").is_none() => (Some(place(far)), chosen),
        _ => (None, &rows[..]),
    };
    let ours = || chosen.iter().filter(|row| row.get("leased"));
    Ok(Found {
        met_others: ours().count() < chosen.len(),
        has_more: far.is_some(),
        next: ours().last().map(place).or(far).unwrap_or_default(),
        leased: ours().map(|row| leased(row, token)).collect(),
    })
}

fn whose(row: &Row) -> Whose {
    Whose { execution: ExecutionId(row.get("execution_id")), workflow: WorkflowId(row.get("workflow_id")) }
}

fn leased(row: &Row, token: Uuid) -> Leased {
    let retry = row.get::<_, Option<Readable>>("retry").and_then(|retry| retry.0.ok());
    Leased {
        id: EffectId(row.get("id")),
        token,
        of: whose(row),
        kind: row.get("kind"),
        payload: row.get::<_, Readable>("payload").0,
        attempt: u16::try_from(row.get::<_, i16>("attempt")).unwrap_or(u16::MAX),
        retry: retry.and_then(|retry| serde_json::from_value(retry).ok()).unwrap_or_default(),
        destination: row.get("destination"),
        since_first_ms: u64::try_from(row.get::<_, i64>("since_first_ms")).unwrap_or(0),
        stop: row.get("stop"),
    }
}

/// Puts deliveries back at once: id, token, and whether it had begun.
///
/// # Errors
/// [`StoreError`]; then their leases run out.
pub async fn hand_back(session: &Session, all: &[(EffectId, Uuid, bool)]) -> Result<(), StoreError> {
    let ids: Vec<_> = all.iter().map(|(id, ..)| id.0).collect();
    let tokens: Vec<_> = all.iter().map(|(_, token, _)| *token).collect();
    let begun: Vec<_> = all.iter().map(|(.., begun)| *begun).collect();
    session.execute(&HAND_BACK, &[&ids, &tokens, &begun]).await.map(|_| ())
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
    let rows = session.query(&FINISH, &[&ids, &tokens, &statuses, &results]).await?;
    Ok(rows.first().map_or(0, |row| u64::try_from(row.get::<_, i64>("written")).unwrap_or(0)))
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

/// Whether there is anything to do.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Some wait, though perhaps until later.
    pub pending: bool,
    /// A lease has run out.
    pub lost: bool,
}

/// Whether there is anything to lease or to rescue: at rest that is asked alone.
///
/// # Errors
/// [`StoreError`].
pub async fn look(session: &Session) -> Result<Seen, StoreError> {
    let rows = session.query(&LOOK, &[]).await?;
    let is = |name| rows.first().is_none_or(|row| row.get(name));
    Ok(Seen { pending: is("pending"), lost: is("lost") })
}

/// Takes deliveries away from senders that died. Tells which became unknown and how many are tried again.
///
/// # Errors
/// [`StoreError`].
pub async fn rescue(session: &Session) -> Result<(Vec<Lost>, usize), StoreError> {
    let rows = session.query(&RESCUE, &[]).await?;
    let unknown: Vec<_> = rows
        .iter()
        .filter(|row| row.get::<_, &str>("status") == "unknown")
        .map(|row| Lost { id: EffectId(row.get("id")), of: whose(row), kind: row.get("kind") })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_a_server() {
        for (url, expected) in [
            ("https://example.com/a?b#c", "https://example.com:443"),
            ("http://example.com", "http://example.com:80"),
            ("http://example.com:8080/x:1", "http://example.com:8080"),
            ("http://[::1]/", "http://[::1]:80"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
            ("{{ secret(\"slack\") }}", "{{ secret(\"slack\") }}"),
            ("https://example.com?a://b:1", "https://example.com:443"),
        ] {
            assert_eq!(destination(url), expected);
        }
    }
}
