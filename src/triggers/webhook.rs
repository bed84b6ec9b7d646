//! `webhook`: a request came in.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::changes::{MADE, now};
use crate::domain::event::Event;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema};
use crate::workflow::config::Reader;
use crate::workflow::diagnostics::Diagnostic;
use crate::workflow::subjects::WEBHOOK;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "webhook",
        label: "Webhook",
        docs: "Starts when another system calls the path. `webhook.body` is what it sent, `webhook.query` and \
               `webhook.headers` what came with it. With a secret, only requests that are \
               verified with it count. The daemon listens at `/hooks/PATH`; what its sender sends again starts nothing again.",
        icon: "webhook",
        example: r#"{"path": "new-lead", "method": "POST", "secret": "crm"}"#,
        schema: schema::<Webhook>,
    },
    sources: SOURCES,
    build,
};

const SOURCES: &[Source] = &[Source::of(&WEBHOOK, MADE)];
const LONGEST: usize = 100;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Behind which path it listens: small letters, digits, `-` and `_`; parts are divided by `/`.
    path: String,
    /// The method of the request.
    #[serde(default)]
    method: Method,
    /// The name of the stored secret that requests are verified with; never the secret itself.
    #[serde(default)]
    secret: Option<String>,
    /// How they are verified, if a secret is named: signed as Standard Webhooks (`standard`), Stripe or GitHub have it, or with
    /// the secret itself as `Authorization: Bearer …` or `X-Webhook-Token` (`token`).
    #[serde(default)]
    verify: Option<Verify>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Verify {
    #[default]
    Standard,
    Stripe,
    Github,
    Token,
}

impl Verify {
    fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Stripe => "stripe",
            Self::Github => "github",
            Self::Token => "token",
        }
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Get,
    #[default]
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Trigger>> {
    let read = reader.read::<Webhook>()?;
    let slug = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    };
    if read.path.len() > LONGEST || !read.path.split('/').all(slug) {
        let message =
            format!("a path has up to {LONGEST} small letters, digits, `-`, `_`, and `/` between its parts");
        let fault = Diagnostic::error("invalid-path", message).at(format!("{}/path", reader.path));
        reader.fault(fault.help("write `new-lead` or `crm/new-lead`, without a slash before or behind it"));
    }
    match &read.secret {
        Some(secret) => reader.secret_name(secret, "secret"),
        None if read.verify.is_some() => {
            reader.fault_at("missing-field", "secret", "`verify` needs the name of a stored `secret`");
        }
        None => {}
    }
    Some(Box::new(read))
}

impl Trigger for Webhook {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        let text = |column: &str| now(event, column).and_then(Value::as_str);
        text("path").map(|path| path.trim_matches('/')) == Some(&*self.path)
            && text("method").unwrap_or("POST").eq_ignore_ascii_case(self.method.name())
            && self.is_content_with(now(event, "verified"))
    }
}

impl Webhook {
    /// Whether the request was verified as this hook wants it: another hook at the path may want less. A request that never
    /// came, in a test run, says nothing of it.
    fn is_content_with(&self, verified: Option<&Value>) -> bool {
        let (Some(secret), Some(Value::Array(verified))) = (&self.secret, verified) else { return true };
        let wanted = format!("{}:{secret}", self.verify.unwrap_or_default().name());
        verified.iter().any(|with| with.as_str() == Some(&wanted))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made};
    use super::*;

    #[test]
    fn requests_of_its_path_and_method_count() {
        let event = made("thendo.webhook", json!({"path": "crm/new-lead", "method": "POST"}));
        assert!(counts(&KIND, json!({"path": "crm/new-lead"}), &event));
        assert!(!counts(&KIND, json!({"path": "crm"}), &event));
        assert!(!counts(&KIND, json!({"path": "crm/new-lead", "method": "PUT"}), &event));
        assert!(counts(&KIND, json!({"path": "a"}), &made("thendo.webhook", json!({"path": "/a/"}))));
        assert!(!counts(&KIND, json!({"path": "a"}), &made("thendo.webhook", json!({"path": 3}))));
    }

    #[test]
    fn what_wants_a_secret_does_not_start_for_what_was_verified_otherwise() {
        let came = |verified: Value| made("thendo.webhook", json!({"path": "a", "verified": verified}));
        let signed = json!({"path": "a", "secret": "crm"});
        assert!(counts(&KIND, signed.clone(), &came(json!(["github:x", "standard:crm"]))));
        for other in [json!([]), json!(["standard:x"]), json!(["token:crm"]), json!([null])] {
            assert!(!counts(&KIND, signed.clone(), &came(other.clone())), "{other}");
            assert!(counts(&KIND, json!({"path": "a"}), &came(other)));
        }
        let token = json!({"path": "a", "secret": "crm", "verify": "token"});
        assert!(counts(&KIND, token, &came(json!(["token:crm"]))));
        assert!(counts(&KIND, signed, &made("thendo.webhook", json!({"path": "a"}))), "a test run");
    }

    #[test]
    fn paths_are_slugs_and_secrets_are_names() {
        for path in ["", "/a", "a/", "a//b", "A", "a b", "ä", "../a", &"a".repeat(101)] {
            assert_eq!(
                built(&KIND, json!({"path": path})).err(),
                Some(vec!["invalid-path /path".into()]),
                "{path}"
            );
        }
        let verify = json!({"path": "a", "verify": "stripe"});
        assert_eq!(built(&KIND, verify).err(), Some(vec!["missing-field /secret".into()]));
        let secret = "whsec_c2VjcmV0IQ==";
        assert_eq!(
            built(&KIND, json!({"path": "a", "secret": secret})).err(),
            Some(vec!["invalid-secret-name /secret".into()])
        );
        assert!(built(&KIND, json!({"path": "a", "secret": "crm"})).is_ok());
        assert_eq!(
            built(&KIND, json!({"path": "a", "method": "post"})).err(),
            Some(vec!["unknown-value /method".into()])
        );
    }
}
