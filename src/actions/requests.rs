//! What the actions that make requests share: URLs, headers, times.

use std::collections::BTreeMap;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use crate::domain::veiled::{Piece, Veiled};
use crate::workflow::catalogue::PlanError;
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::diagnostics::segment;
use crate::workflow::secrets::SecretTemplate;
use crate::workflow::span::Span;

const MOST_HEADERS: usize = 50;
const MAX_HEADER_BYTES: usize = 8 * 1024;
const MAX_URL_BYTES: usize = 4 * 1024;
const MOST_SECONDS: i64 = 120;
/// Headers that are not the workflow's to say.
const RESERVED: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "idempotency-key",
];

/// Reads headers and tells their faults; `own` are those that the action says itself.
pub(super) fn headers_of(
    reader: &mut Reader<'_>,
    given: BTreeMap<String, String>,
    own: &[&str],
) -> BTreeMap<String, SecretTemplate> {
    if given.len() > MOST_HEADERS {
        reader.fault_at("out-of-range", "headers", format!("at most {MOST_HEADERS} headers can be given"));
    }
    let mut headers = BTreeMap::new();
    let path = format!("{}/headers", reader.path);
    for (name, value) in given {
        let lower = name.to_lowercase();
        if HeaderName::from_bytes(lower.as_bytes()).is_err() {
            reader.fault_below(&path, "invalid-name", &name, "this is no name of a header");
        } else if RESERVED.contains(&lower.as_str()) || own.contains(&lower.as_str()) {
            reader.fault_below(&path, "invalid-name", &name, format!("`{lower}` is set by thendo itself"));
        }
        if let Some(template) = reader.secret_text(&value, &format!("{path}/{}", segment(&name))) {
            headers.insert(lower, template);
        }
    }
    headers
}

/// Time for one attempt in milliseconds; tells if it is too long or too short.
pub(super) fn timeout_of(reader: &mut Reader<'_>, timeout: Option<Span>) -> Option<u64> {
    if timeout.is_some_and(|timeout| !(1..=MOST_SECONDS).contains(&timeout.0.num_seconds())) {
        reader.fault_at("out-of-range", "timeout", format!("this is from 1 to {MOST_SECONDS} seconds"));
    }
    timeout.and_then(|timeout| u64::try_from(timeout.0.num_milliseconds()).ok())
}

/// The headers, rendered.
pub(super) fn rendered(
    headers: &BTreeMap<String, SecretTemplate>,
    context: &Context,
) -> Result<BTreeMap<String, Veiled>, PlanError> {
    let mut values = BTreeMap::new();
    for (name, template) in headers {
        let value = template.render(context).map_err(|error| PlanError::of(name, &error))?.trimmed();
        let shape = value.with_secrets_as("x");
        // It may be a secret: it is not told.
        if HeaderValue::from_str(&shape).is_err() || shape.len() > MAX_HEADER_BYTES {
            return Err(PlanError(format!("{name}: its value is no value of a header")));
        }
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// A rendered URL, in its one canonical form if that is known, if it is such that a request can be made to it.
pub(super) fn url_of(template: &SecretTemplate, context: &Context) -> Result<Veiled, PlanError> {
    let url = template.render(context).map_err(|error| PlanError::of("url", &error))?.trimmed();
    readable(url).map_err(|fault| PlanError(format!("url: {fault}")))
}

fn readable(url: Veiled) -> Result<Veiled, String> {
    // One that is a secret from its beginning is judged when its value is known.
    if matches!(url.pieces(), [Piece::Secret { .. }, ..]) {
        return Ok(url);
    }
    let text = url.with_secrets_as("x");
    if text.len() > MAX_URL_BYTES {
        return Err(format!("it is longer than {MAX_URL_BYTES} bytes"));
    }
    let mut parsed = Url::parse(&text).map_err(|error| error.to_string())?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(format!("`{}` is neither http nor https", parsed.scheme()));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("it has a user or a password: send a header instead".into());
    }
    parsed.set_fragment(None);
    Ok(if url.names().is_empty() { String::from(parsed).into() } else { url })
}

/// JSON, or plain text.
pub(super) fn content_type(body: &Veiled) -> &'static str {
    match serde_json::from_str::<serde::de::IgnoredAny>(&body.with_secrets_as("x")) {
        Ok(_) => "application/json",
        Err(_) => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(source: &str) -> Result<String, String> {
        let template = SecretTemplate::parse(source).expect("a template");
        let context = crate::workflow::context::tests::order_context(serde_json::json!({}));
        url_of(&template, &context).map(|url| url.to_string()).map_err(|fault| fault.0)
    }

    #[test]
    fn urls_may_hold_secrets_and_are_judged_as_far_as_they_are_known() {
        assert_eq!(url(" https://EXAMPLE.com/a b#c "), Ok("https://example.com/a%20b".into()));
        let kept = r#"https://example.com/{{ secret("a") }}?k={{ secret("b") }}"#;
        assert_eq!(url(kept), Ok(kept.into()));
        assert_eq!(url("{{ secret('a') }}"), Ok(r#"{{ secret("a") }}"#.into()));
        assert!(url("ftp://example.com/{{ secret('a') }}").is_err());
        assert!(url("https://{{ secret('a') }}@example.com/").expect_err("a user").contains("header"));
        assert!(url("https://ada:{{ secret('a') }}@example.com/").is_err());
    }

    #[test]
    fn a_body_with_secrets_is_json_as_it_is_without() {
        let ty = |source: &str| {
            let template = SecretTemplate::parse(source).expect("a template");
            let context = crate::workflow::context::tests::order_context(serde_json::json!({}));
            content_type(&template.render(&context).expect("renders"))
        };
        assert_eq!(ty(r#"{"key": "{{ secret("a") }}"}"#), "application/json");
        assert_eq!(ty(r#"key={{ secret("a") }}"#), "text/plain; charset=utf-8");
    }
}
