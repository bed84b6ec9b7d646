//! Requests: to servers of the public internet, within bounds of time and size, without following redirects.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::{Map, Value, json};

use super::guard::{NotPublic, PublicOnly, is_public};
use crate::domain::delivery::DeliveryError;
use crate::domain::effect::HttpRequest;
use crate::domain::ids::EffectId;
use crate::domain::retry::Trouble;
use crate::domain::settings::Settings;

/// Of an answer so much is kept; the rest is not even read.
const MOST_BYTES: usize = 64 * 1024;
/// Headers of an answer that later nodes see.
const KEPT_HEADERS: &[&str] =
    &["content-type", "location", "retry-after", "etag", "last-modified", "x-request-id", "idempotency-key"];
const MOST_HEADER_BYTES: usize = 1_000;
/// Of a refusal so many letters are told.
const MOST_TOLD: usize = 200;

/// The way out for requests.
pub struct Requests {
    /// Reaches public addresses only.
    guarded: Client,
    /// Reaches all; for hosts that the settings name.
    open: Client,
    allowed: HashSet<String>,
    timeout_ms: u64,
}

impl Requests {
    /// As the settings say.
    ///
    /// # Errors
    /// When the client can't be made: no certificates, for example.
    pub fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        let builder = || {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                // A proxy would resolve names by itself.
                .no_proxy()
                .connect_timeout(Duration::from_secs(10))
                .user_agent(concat!("thendo/", env!("CARGO_PKG_VERSION")))
        };
        let failed = "the HTTP client can't be made";
        Ok(Self {
            guarded: builder().dns_resolver(PublicOnly).build().context(failed)?,
            open: builder().build().context(failed)?,
            allowed: settings.http.allow.iter().map(|host| host.trim().to_lowercase()).collect(),
            timeout_ms: settings.deliveries.timeout_ms,
        })
    }

    /// Makes one request. What later nodes see as the step's result: `status`, `headers`, `body`.
    ///
    /// # Errors
    /// [`DeliveryError`]: everything but an answer of 200 to 299.
    pub async fn send(&self, id: EffectId, request: &HttpRequest) -> Result<Value, DeliveryError> {
        let refused = |peer: &str, reason: String| DeliveryError::Refused { peer: peer.to_owned(), reason };
        let url = Url::parse(&request.url).map_err(|error| refused("thendo", format!("the URL: {error}")))?;
        let peer = peer_of(&url);
        let client = self.client_for(&url).map_err(|reason| refused("thendo", reason))?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| refused("thendo", "the method is none".into()))?;
        let timeout = Duration::from_millis(request.timeout_ms.unwrap_or(self.timeout_ms));
        let mut asked = client.request(method, url).timeout(timeout);
        for (name, value) in &request.headers {
            asked = asked.header(name, value);
        }
        asked = asked.header("idempotency-key", id.0.to_string());
        if let Some(body) = &request.body {
            asked = asked.body(body.clone());
        }
        let answer = asked.send().await.map_err(|error| sorted(&peer, error))?;
        let (status, asked_pause) = (answer.status(), retry_after(answer.headers()));
        let headers = kept(answer.headers());
        let body = body_of(answer).await.map_err(|error| sorted(&peer, error))?;
        if status.is_success() {
            return Ok(json!({ "status": status.as_u16(), "headers": headers, "body": body }));
        }
        Err(judged(peer, status, asked_pause, &body))
    }

    /// The client for a URL's host: literal addresses are judged here, names when they are resolved.
    fn client_for(&self, url: &Url) -> Result<&Client, String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{}` is neither http nor https", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL has a user or a password: send a header instead".into());
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err("the URL has no host".into());
        };
        if self.allowed.contains(&format!("{host}:{port}")) {
            return Ok(&self.open);
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match literal {
            Ok(address) if !is_public(address) => Err(NotPublic(format!("{host}:{port}")).to_string()),
            _ => Ok(&self.guarded),
        }
    }
}

fn peer_of(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}{port}", url.host_str().unwrap_or("the server"))
}

/// An answer that is none of success.
fn judged(peer: String, status: StatusCode, retry_after: Option<Duration>, body: &Value) -> DeliveryError {
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
        _ => return DeliveryError::Refused { peer, reason },
    };
    DeliveryError::Transient { peer, trouble, retry_after, source: reason.into() }
}

fn sorted(peer: &str, error: reqwest::Error) -> DeliveryError {
    let peer = peer.to_owned();
    let causes = || std::iter::successors(Some(&error as &dyn std::error::Error), |cause| cause.source());
    if let Some(not_public) = causes().find_map(|cause| cause.downcast_ref::<NotPublic>()) {
        return DeliveryError::Refused { peer: "thendo".into(), reason: not_public.to_string() };
    }
    if error.is_builder() {
        let reason = causes().last().map_or_else(String::new, ToString::to_string);
        return DeliveryError::Refused {
            peer: "thendo".into(),
            reason: format!("it is no request: {reason}"),
        };
    }
    let trouble = if error.is_timeout() { Trouble::Timeout } else { Trouble::Connection };
    // The innermost says it best; those around it repeat the URL, which may hold a secret.
    let source = causes().last().map_or_else(|| "it broke off".to_owned(), ToString::to_string);
    DeliveryError::Transient { peer, trouble, retry_after: None, source: source.into() }
}

/// In seconds, or until an instant by the other side's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let wanted = text(RETRY_AFTER.as_str())?.trim();
    if let Ok(seconds) = wanted.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let instant = |text: &str| chrono::DateTime::parse_from_rfc2822(text).ok();
    let wait = instant(wanted)? - instant(text("date")?)?;
    wait.to_std().ok()
}

fn kept(headers: &HeaderMap) -> Map<String, Value> {
    let kept = KEPT_HEADERS.iter().filter_map(|name| {
        let value = headers.get(*name)?.to_str().ok().filter(|value| value.len() <= MOST_HEADER_BYTES)?;
        Some(((*name).to_owned(), json!(value)))
    });
    kept.collect()
}

/// JSON as such, else text; at most [`MOST_BYTES`] are read. Null if there is nothing.
async fn body_of(mut answer: Response) -> reqwest::Result<Value> {
    let is_json = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json = is_json.is_some_and(|ty| ty.to_lowercase().contains("json"));
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST_BYTES {
            bytes.truncate(MOST_BYTES);
            let text = String::from_utf8_lossy(&bytes);
            return Ok(json!(storable(text.trim_end_matches(char::REPLACEMENT_CHARACTER))));
        }
    }
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    if is_json && let Ok(json) = serde_json::from_slice::<Value>(&bytes) {
        return Ok(storable_json(json));
    }
    Ok(json!(storable(&String::from_utf8_lossy(&bytes))))
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

    fn requests(allow: &[&str]) -> Requests {
        let mut settings = Settings::default();
        settings.http.allow = allow.iter().map(|host| (*host).to_owned()).collect();
        Requests::from_settings(&settings).expect("a client")
    }

    #[tokio::test]
    async fn nobody_reaches_the_inside() {
        let requests = requests(&["127.0.0.1:1"]);
        let to = |url: &str| HttpRequest {
            method: "GET".into(),
            url: url.into(),
            headers: Default::default(),
            body: None,
            timeout_ms: Some(2_000),
        };
        for url in [
            "http://127.0.0.1/",
            "http://localhost/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]:8080/",
            "http://[::ffff:127.0.0.1]/",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "http://ada:geheim@example.com/",
            "http://127.0.0.1:2/",
        ] {
            let error = requests.send(EffectId::default(), &to(url)).await.expect_err(url);
            assert!(matches!(error, DeliveryError::Refused { .. }), "{url}: {error:?}");
            assert!(!error.to_string().contains("geheim"));
        }
        // What the settings name is reached, and found to be away.
        let error = requests.send(EffectId::default(), &to("http://127.0.0.1:1/")).await.expect_err("away");
        assert!(matches!(error, DeliveryError::Transient { trouble: Trouble::Connection, .. }), "{error:?}");
    }

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
