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
               `webhook.headers` what came with it. With a secret, only requests that are signed with it count.",
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
    /// The name of the stored secret that signs the requests; never the secret itself.
    #[serde(default)]
    secret: Option<String>,
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
    if let Some(secret) = &read.secret {
        reader.secret_name(secret, "secret");
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
    fn paths_are_slugs_and_secrets_are_names() {
        for path in ["", "/a", "a/", "a//b", "A", "a b", "ä", "../a", &"a".repeat(101)] {
            assert_eq!(
                built(&KIND, json!({"path": path})).err(),
                Some(vec!["invalid-path /path".into()]),
                "{path}"
            );
        }
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
