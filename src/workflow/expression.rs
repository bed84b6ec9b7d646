//! Templates and expressions: minijinja in a sandbox, parsed once, evaluated often.
//!
//! One language for both. Undefined names are failures that name the path; null prints as nothing and takes
//! the value of `default`. Steps, output and recursion are bounded.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use minijinja::value::Value as Dynamic;
use minijinja::{Environment, Error, ErrorKind};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use super::context::Context;
use super::filters;

/// Instructions that one evaluation may take.
pub const FUEL: u64 = 50_000;
/// Bytes that one evaluation may write.
pub const MAX_OUTPUT_BYTES: usize = 256 * 1024;
/// Functions that expressions may call, beside filters.
const FUNCTIONS: &[&str] = &["range", "dict", "namespace", "loop", "self", "super"];

/// Why a template or an expression can't be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxFault {
    /// In words.
    pub message: String,
    /// Where in the source, in bytes.
    pub range: Option<Range<usize>>,
}

/// Why an evaluation gave nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(pub String);

type Parsed = minijinja::Expression<'static, 'static>;

#[derive(Clone)]
enum Form {
    Literal,
    Expression(Arc<Parsed>),
    Mixed(Arc<Environment<'static>>),
}

/// Text with `{{ … }}` in it. Exactly one `{{ … }}` keeps its type where a type is wanted.
#[derive(Clone)]
pub struct Template {
    source: Arc<str>,
    form: Form,
}

/// A template whose values are escaped for HTML.
#[derive(Debug, Clone)]
pub struct HtmlTemplate(Template);

/// One expression, without braces: `order.total >= 10000`.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    parsed: Arc<Parsed>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`SyntaxFault`], with its place in the source where that is known.
    pub fn parse(source: &str) -> Result<Self, SyntaxFault> {
        Self::parse_as(source, "text")
    }

    fn parse_as(source: &str, name: &'static str) -> Result<Self, SyntaxFault> {
        let shared: Arc<str> = source.into();
        if !["{{", "{%", "{#"].iter().any(|mark| source.contains(mark)) {
            return Ok(Self { source: shared, form: Form::Literal });
        }
        if name == "text"
            && let Some((inner, from)) = lone_expression(source)
        {
            let parsed = parse_expression(inner).map_err(|mut fault| {
                fault.range = fault.range.map(|range| range.start + from..range.end + from);
                fault
            })?;
            return Ok(Self { source: shared, form: Form::Expression(Arc::new(parsed)) });
        }
        let mut environment = filters::BASE.clone();
        environment
            .add_template_owned(name, source.to_owned())
            .map_err(|error| syntax_fault(&error, source))?;
        Ok(Self { source: shared, form: Form::Mixed(Arc::new(environment)) })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The dotted paths that it reads.
    pub fn names(&self) -> Vec<String> {
        match &self.form {
            Form::Literal => Vec::new(),
            Form::Expression(parsed) => own_names(parsed.undeclared_variables(true)),
            Form::Mixed(environment) => environment
                .templates()
                .flat_map(|(_, template)| own_names(template.undeclared_variables(true)))
                .collect(),
        }
    }

    /// The text that it gives.
    ///
    /// # Errors
    /// An undefined value, a filter that refuses, or a bound that is passed.
    pub fn render(&self, context: &Context) -> Result<String, EvalError> {
        match &self.form {
            Form::Literal => Ok(self.source.to_string()),
            Form::Expression(parsed) => {
                let value = evaluate(parsed, &self.source, context)?;
                let text = if value.is_none() { String::new() } else { value.to_string() };
                if text.len() > MAX_OUTPUT_BYTES { Err(too_long()) } else { Ok(text) }
            }
            Form::Mixed(environment) => render_mixed(environment, &self.source, context),
        }
    }

    /// The value that it gives: with its type when it is exactly one `{{ … }}`, else its text.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn evaluate(&self, context: &Context) -> Result<Value, EvalError> {
        match &self.form {
            Form::Expression(parsed) => {
                let value = evaluate(parsed, &self.source, context)?;
                serde_json::to_value(&value).map_err(|error| EvalError(error.to_string()))
            }
            _ => self.render(context).map(Value::String),
        }
    }
}

impl HtmlTemplate {
    /// Reads a template whose values are escaped.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse(source: &str) -> Result<Self, SyntaxFault> {
        Template::parse_as(source, "html").map(Self)
    }

    /// The dotted paths that it reads.
    pub fn names(&self) -> Vec<String> {
        self.0.names()
    }

    /// The HTML that it gives.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render(&self, context: &Context) -> Result<String, EvalError> {
        self.0.render(context)
    }
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse(source: &str) -> Result<Self, SyntaxFault> {
        Ok(Self { source: source.into(), parsed: Arc::new(parse_expression(source)?) })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The dotted paths that it reads.
    pub fn names(&self) -> Vec<String> {
        own_names(self.parsed.undeclared_variables(true))
    }

    /// Whether it is true: empty texts, zero and null are not.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn holds(&self, context: &Context) -> Result<bool, EvalError> {
        evaluate(&self.parsed, &self.source, context).map(|value| value.is_true())
    }
}

fn lone_expression(source: &str) -> Option<(&str, usize)> {
    let inner = source.strip_prefix("{{")?.strip_suffix("}}")?;
    let plain = !["{{", "}}", "{%", "{#"].iter().any(|mark| inner.contains(mark));
    (plain && !inner.starts_with(['-', '+']) && !inner.ends_with(['-', '+'])).then_some((inner, 2))
}

fn parse_expression(source: &str) -> Result<Parsed, SyntaxFault> {
    filters::BASE.compile_expression_owned(source.to_owned()).map_err(|error| syntax_fault(&error, source))
}

fn own_names(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut own: Vec<String> = names
        .into_iter()
        .filter(|name| !FUNCTIONS.contains(&name.split('.').next().unwrap_or_default()))
        .collect();
    own.sort_unstable();
    own
}

fn evaluate(parsed: &Parsed, source: &str, context: &Context) -> Result<Dynamic, EvalError> {
    let names = || own_names(parsed.undeclared_variables(true));
    let value = parsed.eval(context.for_templates()).map_err(|error| eval_error(&error, names, context))?;
    if value.is_undefined() {
        return Err(undefined(source, &names(), context));
    }
    Ok(value)
}

fn render_mixed(environment: &Environment<'_>, source: &str, context: &Context) -> Result<String, EvalError> {
    let mut out = Bounded { bytes: Vec::with_capacity(source.len()), full: false };
    for (_, template) in environment.templates() {
        let rendered = template.render_captured_to(context.for_templates(), &mut out).map(drop);
        if out.full {
            return Err(too_long());
        }
        let names = || own_names(template.undeclared_variables(true));
        rendered.map_err(|error| eval_error(&error, names, context))?;
    }
    String::from_utf8(out.bytes).map_err(|error| EvalError(error.to_string()))
}

/// Takes no more than [`MAX_OUTPUT_BYTES`].
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT_BYTES {
            self.full = true;
            return Err(io::Error::other("full"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn too_long() -> EvalError {
    EvalError(format!("it gives more than {} KiB", MAX_OUTPUT_BYTES / 1024))
}

fn syntax_fault(error: &Error, source: &str) -> SyntaxFault {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let range = error.range().filter(|range| range.start <= range.end && source.get(range.clone()).is_some());
    SyntaxFault { message, range }
}

fn eval_error(error: &Error, names: impl FnOnce() -> Vec<String>, context: &Context) -> EvalError {
    let place = error.range().zip(error.template_source());
    let part = place.and_then(|(range, source)| source.get(range)).unwrap_or_default().trim();
    EvalError(match error.kind() {
        ErrorKind::UndefinedError => return undefined(part, &names(), context),
        ErrorKind::OutOfFuel => format!("it takes more than {FUEL} steps"),
        kind => {
            let what = error.detail().map_or_else(|| kind.to_string(), str::to_owned);
            if part.is_empty() { what } else { format!("`{part}`: {what}") }
        }
    })
}

/// The library's errors lack the name, so it is computed: a path that is read and not there, best one within the
/// part of the source that failed.
fn undefined(part: &str, names: &[String], context: &Context) -> EvalError {
    let missing = || names.iter().filter(|name| context.get(&name.split('.').collect::<Vec<_>>()).is_none());
    let name = missing().find(|name| part.contains(name.as_str())).or_else(|| missing().next());
    EvalError(format!("`{}` is undefined", name.map_or(part, String::as_str)))
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.source)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

macro_rules! in_configs {
    ($type:ty, $name:literal, $format:literal, $hint:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "format": $format, "x-content": $hint})
            }
        }
    };
}

in_configs!(Template, "Template", "template", "text");
in_configs!(HtmlTemplate, "HtmlTemplate", "template", "html");
in_configs!(Expression, "Expression", "expression", "expression");

#[cfg(test)]
#[path = "expression_tests.rs"]
mod tests;
