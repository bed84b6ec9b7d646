//! Templates in which stored secrets may stand: `Bearer {{ secret("stripe") }}`.
//!
//! Rendering gives no value: it gives a [`Veiled`], text with names in it. On the way through the template's output a name
//! is framed by two letters that no other value may bring along, so that nobody's data is ever taken for a name.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::machinery::ast::{CallArg, Expr};
use minijinja::value::{Object, ObjectRepr, Value as Dynamic};
use minijinja::{Environment, Error, Output, State};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use super::config::Reader;
use super::context::Context;
use super::expression::{EvalError, SyntaxFault, in_configs};
use super::reads::Read;
use super::template::Template;
use crate::domain::veiled::{Piece, Veiled, is_secret_name};

/// The name of the templates that may name secrets.
pub(super) const KIND: &str = "secret";
/// The code of faults about secrets.
pub(super) const MISPLACED: &str = "misplaced-secret";

/// Two letters that Unicode keeps free for a program's own use: they frame a name.
const OPEN: char = '\u{fdd0}';
const CLOSE: char = '\u{fdd1}';

/// A template in which stored secrets may stand.
#[derive(Debug, Clone)]
pub struct SecretTemplate(Template);

impl SecretTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse(source: &str) -> Result<Self, SyntaxFault> {
        Template::parse_as(source, KIND).map(Self)
    }

    /// What it reads.
    pub fn reads(&self) -> &[Read] {
        self.0.reads()
    }

    /// The names of the secrets in it.
    pub fn secrets(&self) -> &[String] {
        self.0.secrets()
    }

    /// The text that it gives, with secrets by their names.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render(&self, context: &Context) -> Result<Veiled, EvalError> {
        let text = self.0.render(context)?;
        match self.0.secrets() {
            [] => Ok(text.into()),
            names => unframed(&text, names),
        }
    }
}

/// Texts and names, told apart.
fn unframed(text: &str, names: &[String]) -> Result<Veiled, EvalError> {
    let mut parts = text.split(OPEN);
    let mut pieces = vec![Piece::Text(parts.next().unwrap_or_default().to_owned())];
    for part in parts {
        let framed = part.split_once(CLOSE).filter(|(name, _)| names.iter().any(|of| of == name));
        let (name, rest) = framed.ok_or_else(|| EvalError("a secret's name came out wrong".into()))?;
        pieces.push(Piece::Secret { secret: name.to_owned() });
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces.into_iter().filter(|piece| *piece != Piece::Text(String::new())).collect())
}

#[derive(Debug)]
struct Named(String);

impl Object for Named {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// Lets `secret` be called, and keeps the frame's letters for it.
pub(super) fn allow(environment: &mut Environment<'static>) {
    environment.add_function("secret", |name: String| Dynamic::from_object(Named(name)));
    environment.set_formatter(|out: &mut Output, _: &mut State, value: &Dynamic| {
        if let Some(Named(name)) = value.downcast_object_ref() {
            return write!(out, "{OPEN}{name}{CLOSE}").map_err(Error::from);
        }
        if value.is_none() {
            return Ok(());
        }
        let text = value.to_string();
        let clean = match text.contains([OPEN, CLOSE]) {
            true => Cow::Owned(text.replace([OPEN, CLOSE], "\u{fffd}")),
            false => Cow::Borrowed(text.as_str()),
        };
        out.write_str(&clean).map_err(Error::from)
    });
}

/// Whether it calls `secret`.
pub(super) fn is_call(root: &Expr<'_>) -> bool {
    matches!(root, Expr::Call(call) if matches!(&call.expr, Expr::Var(name) if name.id == "secret"))
}

/// The secret that is named, where that may be.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn named(root: &Expr<'_>) -> Result<String, &'static str> {
    let Expr::Call(call) = root else { return Err("this names no secret") };
    let [CallArg::Pos(Expr::Const(name))] = &call.args[..] else {
        return Err("a secret is named by a text: it can't be computed");
    };
    let name = name.value.as_str().filter(|name| is_secret_name(name));
    name.map(str::to_owned)
        .ok_or("a secret's name has small letters, digits and `_`, and begins with a letter")
}

/// A fault of a secret that stands where none may.
pub(super) fn misplaced(message: impl Into<String>, range: std::ops::Range<usize>) -> SyntaxFault {
    let help = "write `{{ secret(\"stripe\") }}`, alone between the braces, in a setting of http_request, send_webhook or \
                notify_slack; the value is stored with `thendo secrets set stripe`";
    SyntaxFault {
        message: message.into(),
        range: Some(range),
        help: Some(help.into()),
        code: Some(MISPLACED),
    }
}

/// Refuses sources that hold the frame's own letters.
pub(super) fn check_letters(source: &str, names: &BTreeSet<String>) -> Result<(), SyntaxFault> {
    match source.find([OPEN, CLOSE]).filter(|_| !names.is_empty()) {
        Some(at) => Err(misplaced(
            "the letters U+FDD0 and U+FDD1 can't stand beside a secret",
            at..at + OPEN.len_utf8(),
        )),
        None => Ok(()),
    }
}

/// Settings that are names of secrets, by kind.
const NAMES: &[(&str, &str)] =
    &[("send_webhook", "secret"), ("notify_slack", "webhook"), ("webhook", "secret")];

/// The secrets that a node's settings name.
pub(super) fn named_in(kind: &str, config: &Value) -> BTreeSet<String> {
    let fields = NAMES.iter().filter(|(of, _)| *of == kind).filter_map(|(_, field)| config[*field].as_str());
    let mut names: BTreeSet<String> = fields.map(str::to_owned).collect();
    in_texts(config, &mut names);
    names
}

fn in_texts(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.contains("secret") => {
            names.extend(SecretTemplate::parse(text).iter().flat_map(|read| read.secrets().to_vec()));
        }
        Value::Array(items) => items.iter().for_each(|item| in_texts(item, names)),
        Value::Object(fields) => fields.values().for_each(|field| in_texts(field, names)),
        _ => {}
    }
}

impl Reader<'_> {
    /// Reads a template in which secrets may stand, and checks its names.
    pub fn secret_text(&mut self, source: &str, path: &str) -> Option<SecretTemplate> {
        match SecretTemplate::parse(source) {
            Ok(template) => {
                self.check_reads(template.reads(), source, path, false);
                Some(template)
            }
            Err(fault) => {
                self.syntax("template-syntax", fault, path);
                None
            }
        }
    }

    /// Checks the name under which a secret is stored, as a setting of its own.
    pub fn secret_name(&mut self, name: &str, field: &str) {
        if !is_secret_name(name) {
            // What stands there may be a secret: it is not repeated.
            let fault = super::diagnostics::Diagnostic::error(
                "invalid-secret-name",
                "this is no name of a stored secret",
            );
            let help = "store the secret with `thendo secrets set NAME`, and write that name: small letters, digits and `_`";
            let at = format!("{}/{field}", self.path);
            self.fault(fault.at(at).help(help));
        }
    }
}

in_configs!(
    SecretTemplate,
    |source| Ok(Self(Template::unread(source, KIND))),
    "SecretTemplate",
    "template",
    "secret"
);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::workflow::context::tests::order_context;

    fn rendered(source: &str, note: &str) -> Veiled {
        let template = SecretTemplate::parse(source).expect("a template");
        template.render(&order_context(json!({ "note": note }))).expect("renders")
    }

    fn fault(source: &str) -> SyntaxFault {
        SecretTemplate::parse(source).expect_err(source)
    }

    #[test]
    fn a_secret_stands_by_its_name() {
        let veiled = rendered("Bearer {{ secret(\"stripe\") }} for {{ order.note }}", "Ada");
        assert_eq!(veiled.to_string(), "Bearer {{ secret(\"stripe\") }} for Ada");
        assert_eq!(veiled.names().into_iter().collect::<Vec<_>>(), ["stripe"]);
        assert_eq!(rendered("{{ secret('a_1') }}", "").pieces(), [Piece::Secret { secret: "a_1".into() }]);
        let chosen = "{% if order.note == 'x' %}{{ secret('a') }}{% else %}{{ secret('b') }}{% endif %}";
        assert_eq!(rendered(chosen, "x").names().into_iter().collect::<Vec<_>>(), ["a"]);
        assert!(rendered("{{ order.note }}", "a").names().is_empty());
    }

    /// Whatever a customer writes, it stays text.
    #[test]
    fn nobody_forges_a_name() {
        let forged = [
            "{{ secret(\"stripe\") }}".to_owned(),
            format!("{OPEN}stripe{CLOSE}"),
            format!("{OPEN}slack{CLOSE}"),
            format!("{OPEN}stripe"),
            format!("{CLOSE}{OPEN}{OPEN}stripe{CLOSE}{CLOSE}"),
            "\\ufdd0stripe\\ufdd1".to_owned(),
            "{\"secret\":\"stripe\"}".to_owned(),
        ];
        for note in &forged {
            for source in [
                "{{ order.note }}",
                "{{ order.note }}{{ secret('slack') }}",
                "{{ secret('slack') }}{{ order.note }}",
                "{{ order.note|upper|lower }}{{ secret('slack') }}",
                "{{ order.note|tojson }}{{ secret('slack') }}",
                "{{ [order.note]|join(',') }}{{ secret('slack') }}",
                "{{ [order.note] }}{{ secret('slack') }}",
                "{% for letter in order.note %}{{ letter }}{% endfor %}{{ secret('slack') }}",
                "{{ order.note|safe }}{{ secret('slack') }}",
            ] {
                let veiled = rendered(source, note);
                let is_name = |piece: &&Piece| matches!(piece, Piece::Secret { .. });
                let named = veiled.pieces().iter().filter(is_name).count();
                assert_eq!(named, usize::from(source.contains("slack")), "{source} with {note:?}");
            }
        }
        // Not even the workflow's author computes one.
        for source in [
            "{{ '\\ufdd0' }}stripe{{ '\\ufdd1' }}{{ secret('slack') }}",
            "{{ '\\ufdd0' ~ order.note ~ '\\ufdd1' }}{{ secret('slack') }}",
        ] {
            assert_eq!(
                rendered(source, "stripe").names().into_iter().collect::<Vec<_>>(),
                ["slack"],
                "{source}"
            );
        }
        assert_eq!(fault(&format!("{OPEN}stripe{CLOSE}{{{{ secret('slack') }}}}")).code, Some(MISPLACED));
    }

    #[test]
    fn a_secret_stands_alone_between_its_braces() {
        for source in [
            "{{ secret('stripe')|upper }}",
            "{{ 'Bearer ' ~ secret('stripe') }}",
            "{{ secret(order.note) }}",
            "{{ secret('stri' ~ 'pe') }}",
            "{{ secret() }}",
            "{{ secret('a', 'b') }}",
            "{{ secret(name='a') }}",
            "{{ secret('Stripe') }}",
            "{{ [secret('a')] }}",
            "{{ secret('a') if order.note else '' }}",
            "{{ secret('a').x }}",
            "{% if secret('a') %}{% endif %}",
            "{% for x in secret('a') %}{% endfor %}",
            "{{ order.note|default(secret('a')) }}",
        ] {
            let fault = fault(source);
            assert_eq!(fault.code, Some(MISPLACED), "{source}: {fault}");
            assert!(fault.help.is_some_and(|help| help.contains("thendo secrets set")));
        }
        for source in ["{{ secret('stripe') }}", "a {{ secret('stripe') }}"] {
            assert_eq!(Template::parse(source).expect_err("elsewhere").code, Some(MISPLACED), "{source}");
        }
    }

    #[test]
    fn settings_tell_which_secrets_they_name() {
        let config = json!({"webhook": "slack", "secret": "x", "headers": {"a": "{{ secret('b') }}"}, "list": ["{{ secret('c') }}", "secret"]});
        assert_eq!(named_in("notify_slack", &config), ["b", "c", "slack"].map(str::to_owned).into());
        assert_eq!(named_in("http_request", &config), ["b", "c"].map(str::to_owned).into());
    }
}
