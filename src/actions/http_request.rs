//! `http_request`: ask a server of somebody else's for something.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::requests;
use crate::domain::effect::{Effect, EffectKind, HttpRequest};
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::secrets::SecretTemplate;
use crate::workflow::span::Span;
use crate::workflow::subjects::{Field, FieldType};

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "http_request",
        label: "HTTP request",
        docs: "Makes one request to a server and keeps its answer. Any status but 200 to 299 is a failure; redirects are not \
               followed. Each attempt carries the same `Idempotency-Key`. Only servers of the public internet are \
               reached, and those that the setting `http.allow` names.",
        icon: "world-upload",
        example: r#"{"method": "POST", "url": "https://example.com/hooks/orders", "headers": {"authorization": "Bearer {{ secret(\"shipping\") }}"}, "body": "{\"order\": {{ order.id|tojson }}}"}"#,
        schema: schema::<Settings>,
    },
    retry: RetryClass::Harmless,
    effect: EffectKind::Delivery,
    writes: &[],
    needs: &[],
    result: &[
        Field::new("status", FieldType::Integer),
        Field::new("headers", FieldType::Json),
        Field::new("body", FieldType::Json),
    ],
    build,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// What is asked for.
    #[serde(default = "post")]
    method: Method,
    /// Where: `https://…`.
    url: SecretTemplate,
    /// Names and templates.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// What is sent. It counts as JSON if it is, unless a header `content-type` says otherwise.
    body: Option<SecretTemplate>,
    /// Time for one attempt, up to 2 minutes.
    timeout: Option<Span>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

fn post() -> Method {
    Method::Post
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

#[derive(Debug)]
struct Request {
    method: Method,
    url: SecretTemplate,
    headers: BTreeMap<String, SecretTemplate>,
    body: Option<SecretTemplate>,
    timeout_ms: Option<u64>,
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let Settings { method, url, headers: given, body, timeout } = reader.read::<Settings>()?;
    let headers = requests::headers_of(reader, given, &[]);
    let timeout_ms = requests::timeout_of(reader, timeout);
    Some(Box::new(Request { method, url, headers, body, timeout_ms }))
}

impl Action for Request {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let url = requests::url_of(&self.url, context)?;
        let mut headers = requests::rendered(&self.headers, context)?;
        let body = self.body.as_ref().map(|body| body.render(context)).transpose();
        let body = body.map_err(|error| PlanError::of("body", &error))?;
        if let Some(body) = &body {
            headers.entry("content-type".into()).or_insert_with(|| requests::content_type(body).into());
        }
        let method = self.method.as_str().to_owned();
        let timeout_ms = self.timeout_ms;
        Ok(Effect::HttpRequest(HttpRequest {
            method,
            url,
            headers,
            body,
            signed_with: None,
            embeds: None,
            timeout_ms,
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::workflow::catalogue::Catalogue;
    use crate::workflow::context::tests::order_context;
    use crate::workflow::scope::Scope;

    fn built(config: Value) -> Result<Box<dyn Action>, Vec<String>> {
        let (schema, scope) = ((KIND.about.schema)(), Scope::default());
        let mut reader = Reader::new("n", &config, "/c", &schema, &scope, &Catalogue::EMPTY);
        let built = build(&mut reader);
        let faults: Vec<String> = reader
            .faults
            .iter()
            .filter(|fault| !fault.code.starts_with("unknown-name"))
            .map(|fault| format!("{} {}", fault.code, fault.path.as_deref().unwrap_or_default()))
            .collect();
        if faults.is_empty() { Ok(built.expect("no fault")) } else { Err(faults) }
    }

    fn plan(config: Value, row: Value) -> Result<HttpRequest, String> {
        let template =
            |name: &str| config[name].as_str().map(|text| SecretTemplate::parse(text).expect("a template"));
        let headers = config["headers"].as_object().cloned().unwrap_or_default();
        let headers = headers.into_iter().map(|(name, value)| {
            (name, SecretTemplate::parse(value.as_str().expect("a text")).expect("a template"))
        });
        let request = Request {
            method: Method::Post,
            url: template("url").expect("a URL"),
            headers: headers.collect(),
            body: template("body"),
            timeout_ms: None,
        };
        match request.plan(&order_context(row)) {
            Ok(Effect::HttpRequest(request)) => Ok(request),
            Ok(_) => Err("another effect".into()),
            Err(error) => Err(error.0),
        }
    }

    #[test]
    fn a_request_is_rendered() {
        let config = json!({"url": "https://example.com/{{ order.note|urlencode }}#top", "headers": {"x-a": "{{ order.note }}"},
            "body": "{\"note\": {{ order.note|tojson }}}"});
        let request = plan(config, json!({"note": "a b?"})).expect("a request");
        assert_eq!(request.url, "https://example.com/a%20b%3F".into());
        assert_eq!(request.headers["x-a"], "a b?".into());
        assert_eq!(request.headers["content-type"], "application/json".into());
        assert_eq!(request.body, Some(r#"{"note": "a b?"}"#.into()));
    }

    #[test]
    fn nobody_slips_in_a_header_another_scheme_or_a_password() {
        let note = |text: &str| json!({"note": text});
        let config = json!({"url": "https://example.com", "headers": {"x-a": "{{ order.note }}"}});
        assert!(plan(config, note("a\r\nx-admin: yes")).is_err());
        for url in
            ["file:///etc/passwd", "ftp://example.com", "https://u:p@example.com", "/path", "", "http://"]
        {
            assert!(plan(json!({"url": "{{ order.note }}"}), note(url)).is_err(), "{url}");
        }
    }

    #[test]
    fn faults_of_settings_are_told_with_their_place() {
        let faults =
            built(json!({"url": "https://example.com", "headers": {"Host": "x", "a b": "y", "x": "{{ "},
            "timeout": "1h"}))
            .expect_err("faults");
        assert_eq!(
            faults,
            [
                "invalid-name /c/headers/Host",
                "invalid-name /c/headers/a b",
                "template-syntax /c/headers/x",
                "out-of-range /c/timeout"
            ]
        );
        let faults =
            built(json!({"url": "https://example.com/{{ secret('a') }}", "body": "{{ secret('a')|upper }}",
            "headers": {"x": "{{ secret(order.note) }}"}}));
        assert_eq!(faults.err(), Some(vec!["misplaced-secret /c/body".into()]));
        let faults =
            built(json!({"url": "https://example.com", "headers": {"x": "{{ secret(order.note) }}"}}));
        assert_eq!(faults.err(), Some(vec!["misplaced-secret /c/headers/x".into()]));
        assert!(built(json!({"url": "https://example.com", "method": "TRACE"})).is_err());
        assert!(built(json!({"url": "https://example.com", "method": "GET", "timeout": "90s"})).is_ok());
    }
}
