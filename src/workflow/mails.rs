//! Stored mails: the templates of `email_templates`, by name. An input of the core, like plans: whoever loads those loads
//! these, so that a test run shows the very mail.

use std::collections::HashMap;
use std::sync::Arc;

use super::context::Context;
use super::diagnostics::Diagnostic;
use super::expression::{EvalError, SyntaxFault};
use super::plan::{Plan, Work};
use super::template::{HtmlTemplate, Template};
use crate::domain::effect::Email;
use crate::domain::ids::NodeId;
use crate::domain::mail::{Consent, MailTemplate};

/// A row of `email_templates`.
#[derive(Debug, Clone)]
pub struct StoredMail {
    subject: Template,
    text: Option<Template>,
    html: Option<HtmlTemplate>,
    /// Who may be sent it.
    pub consent: Consent,
    /// Whether it may be sent at all.
    pub is_active: bool,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Mails(HashMap<String, Arc<StoredMail>>);

/// Why a stored mail could not be rendered, in words that say what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MailFault {
    /// Nothing of that name.
    #[error(
        "there is no template `{0}`: add a row of that name to `email_templates`, or name another on this node"
    )]
    Missing(String),
    /// It was switched off.
    #[error(
        "the template `{0}` is not active: set `is_active` in `email_templates`, or name another on this node"
    )]
    Inactive(String),
    /// One of its parts gives nothing.
    #[error("the {part} of the template `{name}`: {source}; mend it in `email_templates`{help}")]
    Part {
        /// The template.
        name: String,
        /// `subject`, `text` or `html`.
        part: &'static str,
        /// What is wrong.
        source: EvalError,
        /// What else would help.
        help: &'static str,
    },
}

impl StoredMail {
    /// Of a row. What is wrong with its templates is said when they are used: it harms whoever sends it, and nobody else.
    pub fn of(row: &MailTemplate) -> Self {
        Self {
            subject: Template::later(&row.subject),
            text: row.text.as_deref().map(Template::later),
            html: row.html.as_deref().map(HtmlTemplate::later),
            consent: row.consent,
            is_active: row.is_active,
        }
    }

    fn is_of(&self, row: &MailTemplate) -> bool {
        self.subject.source() == row.subject
            && self.text.as_ref().map(Template::source) == row.text.as_deref()
            && self.html.as_ref().map(HtmlTemplate::source) == row.html.as_deref()
            && (self.consent, self.is_active) == (row.consent, row.is_active)
    }

    /// What can't be read of it: the part, and why.
    pub fn faults(&self) -> Vec<(&'static str, SyntaxFault)> {
        let text = |template: &Template| Template::parse(template.source()).err();
        let html = self.html.as_ref().and_then(|html| HtmlTemplate::parse(html.source()).err());
        let faults =
            [("subject", text(&self.subject)), ("text", self.text.as_ref().and_then(text)), ("html", html)];
        faults.into_iter().filter_map(|(part, fault)| Some((part, fault?))).collect()
    }

    /// The mail for one recipient, as far as the context says it.
    ///
    /// # Errors
    /// [`MailFault::Part`].
    pub fn render(&self, name: &str, to: String, context: &Context) -> Result<Email, MailFault> {
        let failed = |part| {
            move |source: EvalError| {
                let is_missing = source.0.ends_with("is undefined");
                let help = if is_missing { ", or give it to the node's `values`" } else { "" };
                MailFault::Part { name: name.to_owned(), part, source, help }
            }
        };
        let subject = self.subject.render(context).map_err(failed("subject"))?;
        let text = self.text.as_ref().map(|text| text.render(context)).transpose().map_err(failed("text"))?;
        let html = self.html.as_ref().map(|html| html.render(context)).transpose().map_err(failed("html"))?;
        let (text, template) = (text.unwrap_or_default(), Some(name.to_owned()));
        Ok(Email { to, subject, text, html, consent: self.consent, template, of_blog: false, tracks: false })
    }
}

impl Mails {
    /// Of these rows. Those that are as they were are taken over, for they have been parsed.
    pub fn load(rows: Vec<MailTemplate>, before: &Self) -> Self {
        let known = |row: &MailTemplate| before.0.get(&row.name).filter(|known| known.is_of(row)).cloned();
        let mails = rows.into_iter().map(|row| {
            let mail = known(&row).unwrap_or_else(|| Arc::new(StoredMail::of(&row)));
            (row.name, mail)
        });
        Self(mails.collect())
    }

    /// The one of that name, whether active or not.
    pub fn find(&self, name: &str) -> Option<&Arc<StoredMail>> {
        self.0.get(name)
    }

    /// The one of that name, to be sent.
    ///
    /// # Errors
    /// [`MailFault::Missing`] and [`MailFault::Inactive`].
    pub fn to_send(&self, name: &str) -> Result<&Arc<StoredMail>, MailFault> {
        match self.find(name) {
            None => Err(MailFault::Missing(name.to_owned())),
            Some(mail) if !mail.is_active => Err(MailFault::Inactive(name.to_owned())),
            Some(mail) => Ok(mail),
        }
    }

    /// Warnings about mails that nodes of `plan` name and that can't be sent as they are.
    pub fn warnings(&self, plan: &Plan) -> Vec<Diagnostic> {
        let mut warnings = Vec::new();
        for (node, name) in sent_by(plan) {
            let mut warn = |message: String| {
                let warning = Diagnostic::warning("mail-not-ready", message).node(node.as_str()).at("");
                warnings
                    .push(warning.help("the workflow runs all the same; this step fails until it is mended"));
            };
            match self.to_send(name) {
                Err(fault) => warn(fault.to_string()),
                Ok(mail) => mail.faults().into_iter().for_each(|(part, fault)| {
                    warn(format!("the {part} of the template `{name}` can't be read: {fault}"));
                }),
            }
        }
        warnings
    }
}

/// The stored mails that nodes of a plan send: node and name.
pub fn sent_by(plan: &Plan) -> impl Iterator<Item = (&NodeId, &str)> {
    let nodes = plan.order().iter().filter_map(|at| plan.graph().node_weight(*at));
    nodes.filter_map(|node| match &node.work {
        Work::Action(action) if node.enabled => Some((&node.id, action.template()?)),
        _ => None,
    })
}

/// What an execution sees of them is no part of what it is: it comes anew with each batch.
impl PartialEq for Mails {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::workflow::context::tests::order_context;

    fn row(subject: &str, html: &str) -> MailTemplate {
        let (name, subject, html) = ("hi".to_owned(), subject.to_owned(), Some(html.to_owned()));
        MailTemplate { name, subject, text: None, html, consent: Consent::Marketing, is_active: true }
    }

    fn one(row: MailTemplate, before: &Mails) -> Mails {
        Mails::load(vec![row], before)
    }

    #[test]
    fn a_mail_sees_the_context_and_its_values_which_are_escaped() {
        let mails = one(row("Hi {{ customer.name }}", "<p>{{ values.code }}</p>"), &Mails::default());
        let values = json!({"code": "<b>"}).as_object().cloned().expect("values");
        let context = order_context(json!({})).with_values(values);
        let mail = mails.to_send("hi").and_then(|mail| mail.render("hi", "a@b.c".into(), &context));
        let mail = mail.expect("a mail");
        assert_eq!((mail.subject.as_str(), mail.html.as_deref()), ("Hi Ada", Some("<p>&lt;b&gt;</p>")));
        assert_eq!((mail.consent, mail.template.as_deref()), (Consent::Marketing, Some("hi")));
    }

    #[test]
    fn what_is_wrong_names_the_template_its_part_and_the_mend() {
        let context = order_context(json!({}));
        let said = |mails: &Mails| {
            let sent = mails.to_send("hi").and_then(|mail| mail.render("hi", "a@b.c".into(), &context));
            sent.expect_err("a fault").to_string()
        };
        let load = |row| one(row, &Mails::default());
        let missing = said(&load(row("Hi", "{{ values.code }}")));
        assert!(missing.contains("html of the template `hi`: `values.code` is undefined"), "{missing}");
        assert!(missing.contains("`values`"), "{missing}");
        let broken = said(&load(row("{{ customer.name", "x")));
        assert!(
            broken.contains("subject of the template `hi`") && broken.contains("email_templates"),
            "{broken}"
        );
        assert!(said(&load(MailTemplate { is_active: false, ..row("Hi", "x") })).contains("is not active"));
        assert!(said(&Mails::default()).contains("there is no template `hi`"));
        let large = "{{ order.currency }}".repeat(60_000);
        assert!(said(&load(row("Hi", &large))).contains("longer than"));
        let endless =
            "{% for a in range(1000) %}{% for b in range(1000) %}xxxxxxxxxx{% endfor %}{% endfor %}";
        let endless = said(&load(row("Hi", endless)));
        assert!(endless.contains("steps") || endless.contains("KiB"), "{endless}");
    }

    #[test]
    fn a_link_to_the_way_out_is_a_link() {
        let html = "<a href=\"{{ unsubscribe_url }}\">out</a> {{ unsubscribe_url|url }}";
        let mails = one(row("Hi", html), &Mails::default());
        let mail =
            mails.to_send("hi").and_then(|mail| mail.render("hi", "a@b.c".into(), &order_context(json!({}))));
        let html = mail.expect("a mail").html.expect("HTML");
        let mark = crate::domain::mail::UNSUBSCRIBE_MARK;
        assert!(html.starts_with(&format!("<a href=\"{mark}\">")), "{html}");
        assert!(
            html.ends_with(mark) || html.ends_with(crate::domain::mail::UNSUBSCRIBE_MARK_IN_HTML),
            "{html}"
        );
    }

    #[test]
    fn what_has_not_changed_is_not_parsed_again() {
        let first = one(row("Hi", "x"), &Mails::default());
        let again = one(row("Hi", "x"), &first);
        assert!(Arc::ptr_eq(first.find("hi").expect("it"), again.find("hi").expect("it")));
        let other = one(row("Hi", "y"), &again);
        assert!(!Arc::ptr_eq(again.find("hi").expect("it"), other.find("hi").expect("it")));
    }
}
