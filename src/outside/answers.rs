//! What came back: how much of it is kept, and what it means for the delivery.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::masks::Masks;
use crate::domain::delivery::DeliveryError;
use crate::domain::retry::Trouble;

/// Of an answer so much is kept; the rest is not even read.
const MOST_BYTES: usize = 64 * 1024;
/// Headers of an answer that later nodes see.
const KEPT_HEADERS: &[&str] =
    &["content-type", "location", "retry-after", "etag", "last-modified", "x-request-id", "idempotency-key"];
const MOST_HEADER_BYTES: usize = 1_000;
/// Of a refusal so many letters are told.
const MOST_TOLD: usize = 200;

/// An answer that is none of success.
pub(super) fn judged(
    peer: String,
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &Value,
) -> DeliveryError {
    let said = match body {
        Value::Null => String::new(),
        Value::String(text) => format!(": {}", text.chars().take(MOST_TOLD).collect::<String>()),
        json => format!(": {}", json.to_string().chars().take(MOST_TOLD).collect::<String>()),
    };
    let reason = format!("it answered {status}{said}");
    let trouble = match status.as_u16() {
        408 | 504 => Trouble::Timeout,
        425 | 429 => Trouble::Throttled,
        500.. => Trouble::Server,
        300..400 => {
            return DeliveryError::Refused { peer, reason: format!("{reason} (redirects are not followed)") };
        }
        410 => {
            let reason = format!("{reason} (it is gone for good: take it out of the workflow)");
            return DeliveryError::Refused { peer, reason };
        }
        _ => return DeliveryError::Refused { peer, reason },
    };
    DeliveryError::Transient { peer, trouble, retry_after, source: reason.into() }
}

/// In seconds, or until an instant by the other side's own clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let wanted = text(RETRY_AFTER.as_str())?.trim();
    if let Ok(seconds) = wanted.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let instant = |text: &str| chrono::DateTime::parse_from_rfc2822(text).ok();
    let wait = instant(wanted)? - instant(text("date")?)?;
    wait.to_std().ok()
}

pub(super) fn kept(headers: &HeaderMap, masks: &Masks) -> Map<String, Value> {
    let kept = KEPT_HEADERS.iter().filter_map(|name| {
        let value = headers.get(*name)?.to_str().ok().filter(|value| value.len() <= MOST_HEADER_BYTES)?;
        Some(((*name).to_owned(), json!(masks.text(value.to_owned()))))
    });
    kept.collect()
}

/// JSON as such, else text, without secrets; of what is longer than [`MOST_BYTES`] the beginning, as text. The rest is not
/// even read. Null if there is nothing.
pub(super) async fn body_of(mut answer: Response, masks: &Masks) -> reqwest::Result<Value> {
    let is_json = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json = is_json.is_some_and(|ty| ty.to_lowercase().contains("json"));
    let mut bytes = Vec::new();
    // A secret across the cut would leave its beginning there: it is read to its end.
    let enough = MOST_BYTES + masks.longest();
    while bytes.len() <= enough
        && let Some(chunk) = answer.chunk().await?
    {
        bytes.extend_from_slice(&chunk[..chunk.len().min(enough + 1 - bytes.len())]);
    }
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    if bytes.len() <= MOST_BYTES
        && is_json
        && let Ok(json) = serde_json::from_slice::<Value>(&bytes)
    {
        return Ok(storable_json(masks.json(json)));
    }
    let is_cut = bytes.len() > MOST_BYTES;
    let mut text = masks.text(storable(&String::from_utf8_lossy(&bytes)));
    if is_cut {
        let end = (0..=MOST_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
    }
    Ok(json!(text))
}

/// PostgreSQL holds every letter but this one.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn storable_json(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(storable(&text)),
        Value::Array(items) => items.into_iter().map(storable_json).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (storable(&name), storable_json(value))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_sorted() {
        let sort = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            match judged("shop".into(), status, None, &json!({"error": "no"})) {
                DeliveryError::Transient { trouble, .. } => Some(trouble),
                _ => None,
            }
        };
        assert_eq!(sort(429), Some(Trouble::Throttled));
        assert_eq!(sort(500), Some(Trouble::Server));
        assert_eq!(sort(503), Some(Trouble::Server));
        assert_eq!(sort(408), Some(Trouble::Timeout));
        assert_eq!([sort(301), sort(400), sort(404), sort(410)], [None; 4]);
    }

    #[test]
    fn retry_after_is_seconds_or_an_instant() {
        let headers = |pairs: &[(&'static str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
                .collect::<HeaderMap>()
        };
        assert_eq!(retry_after(&headers(&[("retry-after", "120")])), Some(Duration::from_secs(120)));
        let instant =
            [("date", "Wed, 21 Oct 2026 07:28:00 GMT"), ("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT")];
        assert_eq!(retry_after(&headers(&instant)), Some(Duration::from_secs(30)));
        for odd in ["-1", "soon", ""] {
            assert_eq!(retry_after(&headers(&[("retry-after", odd)])), None);
        }
    }

    #[test]
    fn what_can_not_be_stored_is_replaced() {
        assert_eq!(storable_json(json!({"a\0": ["\0"]})), json!({"a\u{fffd}": ["\u{fffd}"]}));
    }
}
