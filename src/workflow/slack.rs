//! Templates for Slack: what a value brings along is text there. `<!channel>` in a customer's name pings nobody.

use std::borrow::Cow;

use minijinja::value::Value as Dynamic;
use minijinja::{Environment, Error, Output, State};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};

use super::config::Reader;
use super::context::Context;
use super::expression::{EvalError, SyntaxFault, in_configs};
use super::reads::Read;
use super::template::Template;

/// The name of templates for Slack.
pub(super) const KIND: &str = "slack";

/// A template whose values are escaped for Slack. Its own text may hold links and marks: `<https://…|order>`, `*bold*`.
#[derive(Debug, Clone)]
pub struct SlackTemplate(Template);

impl SlackTemplate {
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

    /// The text that it gives.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render(&self, context: &Context) -> Result<String, EvalError> {
        self.0.render(context)
    }
}

/// Escapes every value: what filters call safe is not safe here.
pub(super) fn escape(environment: &mut Environment<'static>) {
    environment.set_formatter(|out: &mut Output, _: &mut State, value: &Dynamic| {
        if value.is_none() {
            return Ok(());
        }
        out.write_str(&value.to_string().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
            .map_err(Error::from)
    });
}

impl Reader<'_> {
    /// Reads a template for Slack and checks its names.
    pub fn slack_text(&mut self, source: &str, path: &str) -> Option<SlackTemplate> {
        match SlackTemplate::parse(source) {
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
}

in_configs!(
    SlackTemplate,
    |source| Ok(Self(Template::unread(source, KIND))),
    "SlackTemplate",
    "template",
    "slack"
);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::workflow::context::tests::order_context;

    #[test]
    fn what_a_value_brings_along_is_text() {
        for source in [
            "{{ order.note }}",
            "New: {{ order.note }}",
            "{{ order.note|safe }}",
            "{{ order.note|escape|safe|replace('&lt;', '<') }}",
            "{% for letter in order.note %}{{ letter }}{% endfor %}",
            "{{ [order.note]|join('') }}",
            "{{ '<' ~ order.note }}",
            "{{ [order.note] }}",
        ] {
            let context = order_context(json!({"note": "<!channel> & <@U1|x>"}));
            let text = SlackTemplate::parse(source).expect("a template").render(&context).expect("renders");
            assert!(!text.contains(['<', '>']) && !text.contains("& "), "{source}: {text}");
        }
        let context = order_context(json!({"note": "a & b"}));
        let own = SlackTemplate::parse("*New* <https://example.com/{{ order.id }}|order> & {{ order.note }}");
        let text = own.expect("a template").render(&context).expect("renders");
        assert!(
            text.starts_with("*New* <https://example.com/") && text.ends_with("|order> & a &amp; b"),
            "{text}"
        );
    }
}
