//! What of a request becomes an event: its query, its headers but for those that are secret, its body.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

const MOST_FIELDS: usize = 100;
const MOST_HEADERS: usize = 64;
const MAX_VALUE_BYTES: usize = 4 * 1024;
/// A longer id is known by its hash.
const LONGEST_ID: usize = 200;
/// Whoever's name has one of these holds what nobody else should see.
const SECRET: &[&str] =
    &["authorization", "cookie", "token", "secret", "signature", "password", "api-key", "apikey", "api_key"];

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

/// PostgreSQL holds every letter but this one.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// `a=1&b=2`: secrets are left out, of what comes twice there is a list.
pub(super) fn fields(text: &[u8]) -> Value {
    let mut fields = Map::new();
    for (name, value) in
        url::form_urlencoded::parse(text).take(MOST_FIELDS).filter(|(name, _)| !is_secret(name))
    {
        let value = Value::String(storable(&value));
        match fields.get_mut(&*storable(&name)) {
            None => drop(fields.insert(storable(&name), value)),
            Some(Value::Array(several)) => several.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    Value::Object(fields)
}

/// By name in small letters; those that are secret are left out.
pub(super) fn headers(all: &HeaderMap) -> Value {
    let mut kept = Map::new();
    for name in all.keys().filter(|name| !is_secret(name.as_str())).take(MOST_HEADERS) {
        let values = all.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let value = values.collect::<Vec<_>>().join(", ");
        if value.len() <= MAX_VALUE_BYTES {
            kept.insert(name.as_str().to_owned(), json!(value));
        }
    }
    Value::Object(kept)
}

/// JSON, the fields of a form, or text; null if there is nothing.
///
/// # Errors
/// What is wrong with it.
pub(super) fn body(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, &'static str> {
    let ty = headers.get(CONTENT_TYPE).and_then(|ty| ty.to_str().ok()).unwrap_or_default().to_lowercase();
    let ty = ty.split(';').next().unwrap_or_default().trim();
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    if ty == "application/x-www-form-urlencoded" {
        return Ok(fields(bytes));
    }
    let says_json = ty == "application/json" || ty.ends_with("+json");
    if says_json || ty.is_empty() {
        match serde_json::from_slice::<Value>(bytes) {
            Ok(value) => return Ok(storable_json(value)),
            Err(_) if says_json => return Err("the body is no JSON"),
            Err(_) => {}
        }
    }
    std::str::from_utf8(bytes).map(|text| json!(storable(text))).map_err(|_| "the body is no text")
}

fn storable_json(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(storable(&text)),
        Value::Array(items) => items.into_iter().map(storable_json).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (storable(&name), storable_json(value))).collect()
        }
        other => other,
    }
}

/// How the sender numbers the request, as its scheme has it.
pub(super) fn sender_id(scheme: Option<&str>, headers: &HeaderMap, body: &Value) -> Option<String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let id = match scheme {
        Some("standard") => header("webhook-id"),
        Some("stripe") => body["id"].as_str().map(str::to_owned),
        Some("github") => header("x-github-delivery"),
        _ => header("webhook-id").or_else(|| header("idempotency-key")),
    };
    let id = id.filter(|id| !id.trim().is_empty())?;
    if id.len() <= LONGEST_ID {
        return Some(storable(&id));
    }
    let hash = Sha256::digest(id.as_bytes());
    Some(format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (name.parse().expect("a name"), value.parse().expect("a value"))
        };
        headers.iter().map(pair).collect()
    }

    #[test]
    fn secrets_are_not_kept() {
        let kept = headers(&with(&[
            ("authorization", "Bearer x"),
            ("cookie", "x"),
            ("webhook-signature", "v1,x"),
            ("stripe-signature", "x"),
            ("x-hub-signature-256", "x"),
            ("x-gitlab-token", "x"),
            ("x-api-key", "x"),
            ("content-type", "text/plain"),
            ("x-github-event", "push"),
        ]));
        assert_eq!(kept, json!({"content-type": "text/plain", "x-github-event": "push"}));
        assert_eq!(
            fields(b"a=1&token=x&b=%20&a=2&a=3&access_token=y"),
            json!({"a": ["1", "2", "3"], "b": " "})
        );
    }

    #[test]
    fn a_body_is_json_a_form_or_text() {
        let read = |ty: &str, bytes: &[u8]| body(&with(&[("content-type", ty)]), bytes);
        assert_eq!(read("application/json; charset=utf-8", b"{\"a\": [1]}"), Ok(json!({"a": [1]})));
        assert_eq!(read("application/vnd.x+json", b"[1]"), Ok(json!([1])));
        assert_eq!(read("application/x-www-form-urlencoded", b"a=1"), Ok(json!({"a": "1"})));
        assert_eq!(read("text/plain", b"{}"), Ok(json!("{}")));
        assert_eq!(body(&HeaderMap::new(), b"{}"), Ok(json!({})));
        assert_eq!(body(&HeaderMap::new(), b"hello"), Ok(json!("hello")));
        assert_eq!(read("application/json", b""), Ok(Value::Null));
        assert_eq!(
            read("application/json", b"{\"a\\u0000\": \"b\\u0000\"}"),
            Ok(json!({"a\u{fffd}": "b\u{fffd}"}))
        );
        for (ty, bytes) in [
            ("application/json", &b"{"[..]),
            ("application/json", b"1e999"),
            ("application/json", "[".repeat(10_000).as_bytes()),
            ("text/plain", b"\xff\xfe"),
        ] {
            assert!(read(ty, bytes).is_err());
        }
    }

    #[test]
    fn ids_are_those_of_the_scheme() {
        let all = with(&[("webhook-id", "w"), ("x-github-delivery", "g"), ("idempotency-key", "i")]);
        let id = |scheme| sender_id(scheme, &all, &json!({"id": "evt_1"}));
        assert_eq!(id(Some("standard")).as_deref(), Some("w"));
        assert_eq!(id(Some("github")).as_deref(), Some("g"));
        assert_eq!(id(Some("stripe")).as_deref(), Some("evt_1"));
        assert_eq!(
            sender_id(Some("token"), &with(&[("idempotency-key", "i")]), &Value::Null).as_deref(),
            Some("i")
        );
        assert_eq!(sender_id(None, &with(&[("idempotency-key", " ")]), &Value::Null), None);
        let long =
            sender_id(None, &with(&[("idempotency-key", &"x".repeat(5_000))]), &Value::Null).expect("an id");
        assert!(long.starts_with("sha256:") && long.len() < 100);
    }
}
