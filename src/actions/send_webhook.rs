//! `send_webhook`: tell another system what happened, signed, as Standard Webhooks has it.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::requests;
use crate::domain::effect::{Effect, EffectKind, HttpRequest};
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::secrets::SecretTemplate;
use crate::workflow::shape::{Shape, Texts};
use crate::workflow::span::Span;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "send_webhook",
        label: "Send webhook",
        docs: "Posts `{type, timestamp, data}` to another system, signed as Standard Webhooks has it: `webhook-id` is the same \
               for each attempt, `webhook-timestamp` and `webhook-signature` are made anew. Any status but 200 to 299 is a \
               failure; 410 says that nobody wants it any more. Only servers of the public internet are reached, and those \
               that the setting `http.allow` names.",
        icon: "webhook",
        example: r#"{"url": "https://example.com/hooks", "secret": "crm_signing", "type": "order.created", "data": {"order": "{{ order.id }}", "total": "{{ order.total }}"}}"#,
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

/// Headers that say what the standard says.
const OWN: &[&str] = &["content-type", "webhook-id", "webhook-timestamp", "webhook-signature"];
const MAX_TYPE_BYTES: usize = 200;
const MAX_BODY_BYTES: usize = 256 * 1024;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Where: `https://…`.
    url: SecretTemplate,
    /// The name of the stored secret that signs it, `whsec_…`; never the secret itself.
    secret: String,
    /// What happened: `order.created`. Without it, the event's type.
    #[serde(rename = "type")]
    of: Option<Template>,
    /// What is told: JSON, whose texts are templates. One that is exactly one `{{ … }}` keeps its type.
    data: Value,
    /// Names and templates, beside those of the standard.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Time for one attempt, up to 2 minutes.
    timeout: Option<Span>,
}

#[derive(Debug)]
struct SendWebhook {
    url: SecretTemplate,
    secret: String,
    of: Option<Template>,
    data: Shape,
    headers: BTreeMap<String, SecretTemplate>,
    timeout_ms: Option<u64>,
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let Settings { url, secret, of, data, headers, timeout } = reader.read::<Settings>()?;
    reader.secret_name(&secret, "secret");
    let headers = requests::headers_of(reader, headers, OWN);
    let timeout_ms = requests::timeout_of(reader, timeout);
    let data = Shape::read(reader, &data, "data", Texts::Plain)?;
    Some(Box::new(SendWebhook { url, secret, of, data, headers, timeout_ms }))
}

impl Action for SendWebhook {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let url = requests::url_of(&self.url, context)?;
        let of = match &self.of {
            Some(template) => template.render(context).map_err(|error| PlanError::of("type", &error))?,
            None => context.event().kind.to_string(),
        };
        let of = of.trim();
        if of.is_empty() || of.len() > MAX_TYPE_BYTES {
            return Err(PlanError(format!("type: it has 1 to {MAX_TYPE_BYTES} bytes")));
        }
        let timestamp = context.event().at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let data = self.data.value("data", context)?;
        let body = json!({ "type": of, "timestamp": timestamp, "data": data }).to_string();
        if body.len() > MAX_BODY_BYTES {
            return Err(PlanError(format!("data: it gives more than {} KiB", MAX_BODY_BYTES / 1024)));
        }
        let mut headers = requests::rendered(&self.headers, context)?;
        headers.insert("content-type".into(), "application/json".into());
        Ok(Effect::HttpRequest(HttpRequest {
            method: "POST".into(),
            url,
            headers,
            body: Some(body.into()),
            signed_with: Some(self.secret.clone()),
            embeds: None,
            timeout_ms: self.timeout_ms,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::catalogue::Catalogue;
    use crate::workflow::context::tests::order_context;
    use crate::workflow::scope::Scope;

    fn built(config: Value) -> Result<Box<dyn Action>, Vec<String>> {
        let (schema, scope) = ((KIND.about.schema)(), Scope::default());
        let mut reader = Reader::new("n", &config, "/c", &schema, &scope, &Catalogue::EMPTY);
        let built = build(&mut reader);
        let path = |fault: &crate::workflow::diagnostics::Diagnostic| fault.path.clone().unwrap_or_default();
        let faults = reader.faults.iter().filter(|fault| !fault.code.starts_with("unknown-name"));
        let faults: Vec<String> = faults.map(|fault| format!("{} {}", fault.code, path(fault))).collect();
        if faults.is_empty() { Ok(built.expect("no fault")) } else { Err(faults) }
    }

    #[test]
    fn it_tells_type_time_and_data_and_holds_no_secret() {
        let config = json!({"url": "https://example.com/hooks", "secret": "crm", "data": {
            "id": "{{ order.id }}", "total": "{{ order.total }}", "note": "Hi {{ customer.name }}", "list": [1, "{{ order.note }}", null]}});
        let context = order_context(json!({"note": "a \"b\""}));
        let Ok(Effect::HttpRequest(request)) = built(config).expect("builds").plan(&context) else {
            panic!("fails")
        };
        assert_eq!((request.method.as_str(), request.signed_with.as_deref()), ("POST", Some("crm")));
        let body: Value =
            serde_json::from_str(&request.body.and_then(|body| body.plain()).expect("a body")).expect("JSON");
        assert_eq!(body["type"], "order_created");
        assert_eq!(body["timestamp"], json!(context.event().at));
        assert_eq!(body["data"]["total"], 25_000);
        assert_eq!(body["data"]["note"], "Hi Ada");
        assert_eq!(body["data"]["list"], json!([1, "a \"b\"", null]));
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let fault = |more: Value| {
            let mut config = json!({"url": "https://example.com", "secret": "crm", "data": {}});
            config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            built(config).map(|_| ()).expect_err("a fault")
        };
        assert_eq!(
            fault(json!({"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})),
            ["invalid-secret-name /c/secret"]
        );
        assert_eq!(fault(json!({"headers": {"Webhook-Id": "1"}})), ["invalid-name /c/headers/Webhook-Id"]);
        assert_eq!(fault(json!({"data": {"a": ["{{ secret('crm') }}"]}})), ["misplaced-secret /c/data/a/0"]);
        assert_eq!(fault(json!({"data": {"a": [{"b~c": "{{ "}]}})), ["template-syntax /c/data/a/0/b~0c"]);
        assert_eq!(fault(json!({"data": vec![1; 501]})), ["out-of-range /c/data"]);
        assert_eq!(fault(json!({"timeout": "1h"})), ["out-of-range /c/timeout"]);
    }

    #[test]
    fn too_much_is_refused() {
        let note = "{{ order.note }}".repeat(4);
        let config = json!({"url": "https://example.com", "secret": "crm", "data": [note, note]});
        let context = order_context(json!({"note": "x".repeat(60_000)}));
        let error = built(config).expect("builds").plan(&context).expect_err("too much");
        assert!(error.0.contains("256 KiB"), "{error}");
    }
}
