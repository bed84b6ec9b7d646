//! `send_email`: send one mail to one address.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::effect::{Effect, Email};
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, action, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::expression::EvalError;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::{HtmlTemplate, Template};

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "send_email",
        label: "Send e-mail",
        docs: "Sends one mail to one address, as text, HTML or both.",
        icon: "mail",
        example: r#"{"to": "{{ customer.email }}", "subject": "Thank you", "text": "Dear {{ customer.name|default('customer') }}, …"}"#,
        schema: schema::<SendEmail>,
    },
    retry: RetryClass::Once,
    writes: &[],
    needs: &[],
    result: &[
        Field::new("message_id", FieldType::Text),
        Field::new("to", FieldType::Text),
        Field::new("status", FieldType::Text),
    ],
    build: action::<SendEmail>,
};

const MAX_ADDRESS_BYTES: usize = 254;
const MAX_SUBJECT_BYTES: usize = 900;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendEmail {
    /// One address, such as `{{ customer.email }}`.
    #[schemars(extend("x-wants" = "email"))]
    to: Template,
    /// One line.
    subject: Template,
    /// The mail as plain text.
    text: Option<Template>,
    /// The mail as HTML; values are escaped.
    html: Option<HtmlTemplate>,
}

impl Action for SendEmail {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let part = |name: &'static str| move |error: EvalError| PlanError::of(name, &error);
        let to = self.to.render(context).map_err(part("to"))?.trim().to_owned();
        if !is_address(&to) {
            return Err(PlanError(format!("to: `{}` is not one e-mail address", shown(&to))));
        }
        let subject = self.subject.render(context).map_err(part("subject"))?.trim().to_owned();
        if subject.chars().any(char::is_control) {
            return Err(PlanError("subject: it must be one line, without control characters".into()));
        }
        if subject.len() > MAX_SUBJECT_BYTES {
            return Err(PlanError(format!("subject: it is longer than {MAX_SUBJECT_BYTES} bytes")));
        }
        let text = self.text.as_ref().map(|text| text.render(context)).transpose().map_err(part("text"))?;
        let html = self.html.as_ref().map(|html| html.render(context)).transpose().map_err(part("html"))?;
        Ok(Effect::SendEmail(Email { to, subject, text: text.unwrap_or_default(), html }))
    }

    fn check(&self, reader: &mut Reader<'_>) {
        if self.text.is_none() && self.html.is_none() {
            reader.fault_at("missing-field", "", "the mail has neither `text` nor `html`");
        }
    }
}

/// One `name@host`, nothing around it: no list, no display name, no line break.
fn is_address(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "<>,;:\"()[]\\".contains(c);
    text.len() <= MAX_ADDRESS_BYTES
        && !text.contains(forbidden)
        && text.matches('@').count() == 1
        && text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && is_host(host))
}

fn is_host(host: &str) -> bool {
    host.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    })
}

fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::workflow::context::tests::order_context;

    fn plan(config: Value, row: Value) -> Result<Effect, PlanError> {
        let action: SendEmail = serde_json::from_value(config).expect("settings");
        action.plan(&order_context(row))
    }

    #[test]
    fn a_mail_is_rendered() {
        let config = json!({"to": "{{ customer.email }}", "subject": "Hi {{ customer.name }}",
            "text": "{{ order.note }}", "html": "<p>{{ order.note }}</p>"});
        let mail = plan(config, json!({"note": "a < b"}));
        assert_eq!(
            mail,
            Ok(Effect::SendEmail(Email {
                to: "ada@example.com".into(),
                subject: "Hi Ada".into(),
                text: "a < b".into(),
                html: Some("<p>a &lt; b</p>".into()),
            }))
        );
    }

    #[test]
    fn nobody_slips_in_a_header_or_a_second_address() {
        for to in
            ["a@b.c\nBcc: x@y.z", "a@b.c, d@e.f", "A <a@b.c>", "a@b@c", "@b.c", "a@", "", "a b@c.d", "a@b..c"]
        {
            let config = json!({"to": "{{ order.note }}", "subject": "s", "text": "t"});
            assert!(plan(config, json!({"note": to})).is_err(), "{to}");
        }
        let config = json!({"to": "a@b.c", "subject": "{{ order.note }}", "text": "t"});
        assert!(plan(config, json!({"note": "x\r\nBcc: x@y.z"})).is_err());
    }
}
