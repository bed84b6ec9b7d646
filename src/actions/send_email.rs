//! `send_email`: send one mail to one address, of a stored template or written in the node.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::effect::{Effect, EffectKind, Email};
use crate::domain::mail::Consent;
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, action, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::diagnostics::Diagnostic;
use crate::workflow::expression::EvalError;
use crate::workflow::mails::MailFault;
use crate::workflow::scope::Scope;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::{HtmlTemplate, Template};

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "send_email",
        label: "Send e-mail",
        docs: "Sends one mail to one address: a template of `email_templates` by its name, or what is written here, as text, \
               HTML or both. A stored template may read whatever this node may, and `values`; it is looked up when the node \
               takes its turn.",
        icon: "mail",
        example: r#"{"to": "{{ customer.email }}", "subject": "Thank you", "text": "Dear {{ customer.name|default('customer') }}, …"}"#,
        schema: schema::<SendEmail>,
    },
    retry: RetryClass::Once,
    effect: EffectKind::Delivery,
    writes: &[],
    needs: &[],
    result: &[
        Field::new("message_id", FieldType::Text),
        Field::new("to", FieldType::Text),
        Field::new("status", FieldType::Text),
    ],
    build,
};

/// What marketing mails to the blog's subscribers are about.
const OF_BLOG: &[&str] = &["post", "changelog", "subscriber"];
const MAX_ADDRESS_BYTES: usize = 254;
const MAX_SUBJECT_BYTES: usize = 900;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendEmail {
    /// One address, such as `{{ customer.email }}`; without it the customer's whom the event belongs to.
    #[schemars(extend("x-wants" = "email"))]
    to: Option<Template>,
    /// The name of a row of `email_templates`, instead of subject, text and html.
    template: Option<String>,
    /// More values for the stored template, which reads them as `values.NAME`.
    #[serde(default)]
    values: BTreeMap<String, Template>,
    /// One line.
    subject: Option<Template>,
    /// The mail as plain text.
    text: Option<Template>,
    /// The mail as HTML; values are escaped.
    html: Option<HtmlTemplate>,
    /// Whether the mail is part of what was bought, or marketing: that goes only to those who agreed. A stored template says
    /// it itself.
    consent: Option<Consent>,
}

/// As any action, but that its templates see `unsubscribe_url`.
fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let scope = Scope { in_mail: true, ..reader.scope.clone() };
    let mut own =
        Reader::new(reader.node, reader.value, reader.path, reader.schema, &scope, reader.catalogue);
    let built = action::<SendEmail>(&mut own);
    let Reader { faults, names, certain, .. } = own;
    reader.faults.extend(faults);
    reader.names.extend(names);
    reader.certain.extend(certain);
    built
}

impl Action for SendEmail {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let to = self.address(context)?;
        let mut email = match &self.template {
            Some(name) => self.stored(name, to, context)?,
            None => self.written(to, context)?,
        };
        email.of_blog = !email.consent.is_transactional() && OF_BLOG.contains(&context.subject());
        email.subject = email.subject.trim().to_owned();
        if email.subject.chars().any(char::is_control) {
            return Err(PlanError("subject: it must be one line, without control characters".into()));
        }
        if email.subject.len() > MAX_SUBJECT_BYTES {
            return Err(PlanError(format!("subject: it is longer than {MAX_SUBJECT_BYTES} bytes")));
        }
        Ok(Effect::SendEmail(email))
    }

    fn check(&self, reader: &mut Reader<'_>) {
        let inline = [
            ("subject", self.subject.is_some()),
            ("text", self.text.is_some()),
            ("html", self.html.is_some()),
            ("consent", self.consent.is_some()),
        ];
        if self.template.is_some() {
            for (field, _) in inline.iter().filter(|(_, there)| *there) {
                let message =
                    format!("`{field}` is the template's: a node has either `template` or its own text");
                reader.fault_at("invalid-config", field, message);
            }
        } else {
            if self.subject.is_none() {
                reader.fault_at("missing-field", "", "the mail has neither `template` nor `subject`");
            } else if self.text.is_none() && self.html.is_none() {
                reader.fault_at("missing-field", "", "the mail has neither `text` nor `html`");
            }
            if !self.values.is_empty() {
                let message = "`values` are for a stored template, and this node names none";
                reader.fault_at("invalid-config", "values", message);
            }
        }
        let of_customer = ["customer", "email"];
        match reader.scope.resolve(&of_customer) {
            // Nobody knows yet what a stored template reads: the customer's row must be there for it.
            Ok(_) if self.to.is_none() || self.template.is_some() => {
                reader.names.insert(of_customer.map(str::to_owned).to_vec());
            }
            Err(fault) if self.to.is_none() => {
                let path = reader.path.to_owned();
                let told = Diagnostic::error("missing-field", format!("`to` is missing: {}", fault.message));
                reader.fault(told.at(path).help("say in `to` who gets the mail"));
            }
            _ => {}
        }
    }

    fn template(&self) -> Option<&str> {
        self.template.as_deref()
    }
}

impl SendEmail {
    fn address(&self, context: &Context) -> Result<String, PlanError> {
        let to = match &self.to {
            Some(to) => to.render(context).map_err(part("to"))?.trim().to_owned(),
            None => {
                let of_customer = context.get(&["customer", "email"]);
                let address = of_customer.as_deref().and_then(serde_json::Value::as_str).map(str::trim);
                let missing = "to: the event has no customer with an address; say in `to` who gets the mail";
                address.ok_or_else(|| PlanError(missing.into()))?.to_owned()
            }
        };
        match is_address(&to) {
            true => Ok(to),
            false => Err(PlanError(format!("to: `{}` is not one e-mail address", shown(&to)))),
        }
    }

    fn stored(&self, name: &str, to: String, context: &Context) -> Result<Email, PlanError> {
        let of_template = |fault: MailFault| PlanError(format!("template: {fault}"));
        let mail = context.mails().to_send(name).map_err(of_template)?;
        let mut values = serde_json::Map::new();
        for (name, value) in &self.values {
            let value =
                value.evaluate(context).map_err(|error| PlanError::of(&format!("values.{name}"), &error))?;
            values.insert(name.clone(), value);
        }
        mail.render(name, to, &context.with_values(values)).map_err(of_template)
    }

    fn written(&self, to: String, context: &Context) -> Result<Email, PlanError> {
        let subject = self.subject.as_ref().map(|subject| subject.render(context)).transpose();
        let subject = subject.map_err(part("subject"))?.unwrap_or_default();
        let text = self.text.as_ref().map(|text| text.render(context)).transpose().map_err(part("text"))?;
        let html = self.html.as_ref().map(|html| html.render(context)).transpose().map_err(part("html"))?;
        let (text, consent) = (text.unwrap_or_default(), self.consent.unwrap_or_default());
        Ok(Email { to, subject, text, html, consent, template: None, of_blog: false, tracks: false })
    }
}

fn part(name: &'static str) -> impl Fn(EvalError) -> PlanError {
    move |error| PlanError::of(name, &error)
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
                ..Email::default()
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
