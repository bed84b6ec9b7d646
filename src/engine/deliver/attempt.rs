//! One attempt at a delivery, and what comes of it.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::Ways;
use super::embed;
use super::report::Report;
use super::unveil::unveil;
use crate::domain::delivery::{DeliveryError, Reply};
use crate::domain::ids::EffectId;
use crate::domain::retry::{Policy, Trouble};
use crate::domain::settings;
use crate::engine::figures::list;
use crate::engine::listen::Side;
use crate::store::deliveries::{Finished, Leased, Postponed};
use crate::store::mails::Bounced;

/// The longest pause between two attempts, unless a node says otherwise.
const LONGEST_PAUSE_MS: u64 = 3_600_000;
/// The same, where a mail server says later.
const LONGEST_PAUSE_OF_MAIL_MS: u64 = 3 * 3_600_000;
/// Beyond its own time a request gets so long before it is broken off from outside.
const GRACE: Duration = Duration::from_secs(2);

/// Makes one attempt and sorts what came of it.
pub(super) async fn attempt(
    ways: &Ways,
    side: Side,
    settings: &settings::Deliveries,
    delivery: Leased,
) -> Report {
    let Leased { id, token, of, kind, payload, attempt, retry, since_first_ms, .. } = delivery;
    // Whom it is for, if it is a mail.
    let to = payload.as_ref().ok().and_then(|payload| payload.get("to")?.as_str().map(str::to_owned));
    let attempts = policy(ways, settings, &kind, Trouble::Timeout).with(&retry).attempts;
    let finish = |status: &'static str, mut result: Value, bounced: Option<Bounced>| {
        if attempt > 1
            && let Some(result) = result.as_object_mut()
        {
            result.insert("attempt".into(), attempt.into());
        }
        metrics::counter!(list::DELIVERIES, "kind" => kind.clone(), "status" => status).increment(1);
        tracing::debug!(kind, attempt, status, "a delivery is finished");
        Report::Finished(Finished { id, token, of, status, result, bounced })
    };
    // What the other side says may name people: it is kept with the delivery, and not logged.
    let given_up = |error: &str, reason: String, reply: Option<Reply>| {
        tracing::warn!(attempt, error, "a delivery is given up; `thendo executions show` says why");
        let reason = printable(&reason);
        let reason = match attempt {
            1 => reason,
            _ => format!("given up after {attempt} attempts: {reason}"),
        };
        let bounced = bounced(reply.as_ref(), to.clone());
        let mut result = json!({ "reason": reason });
        if let Some(reply) = reply {
            result["code"] = reply.code.into();
            result["enhanced"] = reply.enhanced.into();
            result["bounced"] = bounced.is_some().into();
        }
        finish("refused", result, bounced)
    };
    if attempt > attempts {
        return finish(
            "refused",
            json!({ "reason": format!(
            "given up after {} attempts: the daemon died while it was being sent", attempt - 1) }),
            None,
        );
    }
    let began = Instant::now();
    let sent = match payload {
        Ok(payload) if kind == "http" => request(ways, side, settings, id, payload).await,
        Ok(payload) => mail(ways, side, settings, id, payload).await,
        Err(fault) => Err(unreadable(&fault)),
    };
    let took = began.elapsed();
    metrics::histogram!(list::DELIVERY_SECONDS, "kind" => kind.clone()).record(took.as_secs_f64());
    let Setback { trouble, asked_ms, reason, reply } = match sorted(sent) {
        Ok(result) => return finish("sent", result, None),
        Err(Ended::Unknown(reason)) => return finish("unknown", json!({ "reason": reason }), None),
        Err(Ended::Setback(setback)) => setback,
    };
    let since = since_first_ms.saturating_add(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let policy = policy(ways, settings, &kind, trouble).with(&retry);
    let Some(pause_ms) = policy.pause_ms(id, attempt, since, trouble, asked_ms) else {
        return given_up(trouble.as_str(), reason, reply);
    };
    let reason = printable(&reason);
    metrics::counter!(list::DELIVERY_RETRIES, "error" => trouble.as_str()).increment(1);
    tracing::warn!(attempt, error = trouble.as_str(), pause_ms, "a delivery is tried again later");
    let delay_ms = i64::try_from(pause_ms).unwrap_or(i64::MAX);
    Report::Postponed(Postponed { id, token, delay_ms, reason: json!({ "reason": reason }) })
}

/// The address, if the server says that there is no such mailbox.
fn bounced(reply: Option<&Reply>, to: Option<String>) -> Option<Bounced> {
    let (reply, address) = reply.filter(|reply| reply.no_mailbox()).zip(to)?;
    let detail = printable(&format!("{} {}", reply.code, reply.words));
    Some(Bounced { address, reason: "bounced", detail })
}

/// How an attempt ended that was no success.
enum Ended {
    /// Nobody knows.
    Unknown(String),
    /// It may be tried again.
    Setback(Setback),
}

struct Setback {
    trouble: Trouble,
    asked_ms: Option<u64>,
    reason: String,
    reply: Option<Reply>,
}

fn sorted(sent: Result<Value, DeliveryError>) -> Result<Value, Ended> {
    let setback =
        |trouble, asked_ms, reason, reply| Ended::Setback(Setback { trouble, asked_ms, reason, reply });
    sent.map_err(|error| match error {
        DeliveryError::Unknown { .. } => Ended::Unknown(printable(&error.to_string())),
        DeliveryError::Rejected { peer, reply } => {
            setback(Trouble::Refused, None, format!("{peer} refused: {reply}"), Some(reply))
        }
        DeliveryError::Refused { .. } => setback(Trouble::Refused, None, error.to_string(), None),
        DeliveryError::Transient { peer, trouble, retry_after, source } => {
            let asked = retry_after.map(|asked| u64::try_from(asked.as_millis()).unwrap_or(u64::MAX));
            setback(trouble, asked, format!("{peer}: {source}"), None)
        }
    })
}

/// What holds unless the node says otherwise. A mail server that says later is asked as RFC 5321 wants it (4.5.4.1): after half an
/// hour, then less often, for days. One that nobody reaches is looked for as any other.
fn policy(ways: &Ways, settings: &settings::Deliveries, kind: &str, trouble: Trouble) -> Policy {
    let usual = Policy {
        attempts: settings.attempts,
        backoff_ms: settings.backoff_ms,
        longest_ms: LONGEST_PAUSE_MS,
        give_up_after_ms: None,
        on: vec![Trouble::Timeout, Trouble::Connection, Trouble::Throttled, Trouble::Server],
    };
    if kind != "email" {
        return usual;
    }
    let settings::Mail { attempts, backoff_ms, give_up_after_h, .. } = ways.mail;
    let mail = Policy { attempts, give_up_after_ms: Some(u64::from(give_up_after_h) * 3_600_000), ..usual };
    match trouble {
        Trouble::Throttled | Trouble::Server => {
            Policy { backoff_ms, longest_ms: LONGEST_PAUSE_OF_MAIL_MS.max(backoff_ms), ..mail }
        }
        _ => mail,
    }
}

async fn mail(
    ways: &Ways,
    side: Side,
    settings: &settings::Deliveries,
    id: EffectId,
    payload: Value,
) -> Result<Value, DeliveryError> {
    let email = match payload.get("campaign") {
        Some(_) => ways.campaigns.mail(side, read(payload)?).await?,
        None => read(payload)?,
    };
    let time = Duration::from_millis(settings.timeout_ms);
    ways.mailer.send(id, &email, time).await
}

async fn request(
    ways: &Ways,
    side: Side,
    settings: &settings::Deliveries,
    id: EffectId,
    payload: Value,
) -> Result<Value, DeliveryError> {
    let request: crate::domain::effect::HttpRequest = read(payload)?;
    let unveiled = match unveil(ways, side.clone(), &request).await? {
        Ok(unveiled) => unveiled,
        // Who has no key has embeddings switched off.
        Err(secret) if request.embeds.is_some() => return Ok(embed::off(&secret)),
        Err(secret) => return Err(not_stored(&secret)),
    };
    let time = Duration::from_millis(request.timeout_ms.unwrap_or(settings.timeout_ms));
    let sent =
        timeout(time + GRACE, ways.requests.send(id, &request, &unveiled)).await.unwrap_or_else(|_| {
            Err(DeliveryError::Transient {
                peer: "the server".into(),
                trouble: Trouble::Timeout,
                retry_after: None,
                source: format!("no answer within {} ms", time.as_millis()).into(),
            })
        })?;
    match request.embeds {
        Some(post) => embed::keep(side, post, &sent).await,
        None => Ok(sent),
    }
}

fn not_stored(secret: &str) -> DeliveryError {
    let help = format!("store it with `thendo secrets set {secret}`");
    DeliveryError::Refused {
        peer: "thendo".into(),
        reason: format!("no secret `{secret}` is stored: {help}"),
    }
}

fn read<T: DeserializeOwned>(payload: Value) -> Result<T, DeliveryError> {
    serde_json::from_value(payload).map_err(|fault| unreadable(&fault.to_string()))
}

fn unreadable(fault: &str) -> DeliveryError {
    DeliveryError::Refused { peer: "thendo".into(), reason: format!("its payload can't be read: {fault}") }
}

/// A peer's words as they can be stored and shown: without control characters, and not without end.
fn printable(words: &str) -> String {
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1000).collect()
}
