//! Templates and expressions: minijinja in a sandbox, parsed once, evaluated often.
//!
//! One language for both. Undefined names are failures that name the path; null prints as nothing and takes
//! the value of `default`. Steps, output and recursion are bounded.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, Value as Dynamic};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use super::context::Context;

/// Instructions that one evaluation may take.
pub const FUEL: u64 = 50_000;
/// Bytes that one evaluation may write.
pub const MAX_OUTPUT_BYTES: usize = 256 * 1024;
const RECURSION: usize = 100;

static BASE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut base = Environment::new();
    base.set_undefined_behavior(UndefinedBehavior::Strict);
    base.set_fuel(Some(FUEL));
    base.set_recursion_limit(RECURSION);
    base.set_debug(true);
    base.remove_global("debug");
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        base.set_syntax(syntax);
    }
    base.set_auto_escape_callback(|name| if name == "html" { AutoEscape::Html } else { AutoEscape::None });
    base.set_formatter(|out, state, value| {
        if value.is_none() { Ok(()) } else { minijinja::escape_formatter(out, state, value) }
    });
    base.add_filter("default", default);
    base.add_filter("d", default);
    base.add_filter("money", money);
    base.add_filter("date", date);
    base
});

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
        let mut environment = BASE.clone();
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
    BASE.compile_expression_owned(source.to_owned()).map_err(|error| syntax_fault(&error, source))
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
    let value = parsed.eval(context.for_templates()).map_err(|error| eval_error(&error))?;
    if value.is_undefined() {
        let bare = lone_expression(source).map_or(source, |(inner, _)| inner).trim();
        return Err(EvalError(format!("`{bare}` is undefined")));
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
        rendered.map_err(|error| eval_error(&error))?;
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

fn eval_error(error: &Error) -> EvalError {
    let place = error.range().zip(error.template_source());
    let part = place.and_then(|(range, source)| source.get(range)).unwrap_or_default().trim();
    EvalError(match error.kind() {
        ErrorKind::UndefinedError if !part.is_empty() => format!("`{part}` is undefined"),
        ErrorKind::OutOfFuel => format!("it takes more than {FUEL} steps"),
        kind => {
            let what = error.detail().map_or_else(|| kind.to_string(), str::to_owned);
            if part.is_empty() { what } else { format!("`{part}`: {what}") }
        }
    })
}

/// The first filter or test in the source that does not exist, with its place.
pub fn unknown_filter(source: &str, whole: bool) -> Option<(String, Range<usize>)> {
    let mut rest = 0..source.len();
    if whole {
        return unknown_in(source, 0);
    }
    while let Some(open) = ["{{", "{%"].iter().filter_map(|mark| source[rest.clone()].find(mark)).min() {
        let from = rest.start + open + 2;
        let close = ["}}", "%}"].iter().filter_map(|mark| source[from..].find(mark)).min()?;
        if let Some(found) = unknown_in(&source[from..from + close], from) {
            return Some(found);
        }
        rest = from + close + 2..source.len();
    }
    None
}

fn unknown_in(code: &str, offset: usize) -> Option<(String, Range<usize>)> {
    let mut quote = None;
    for (at, letter) in code.char_indices() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), close) if open == close => quote = None,
            (None, '|') => {
                let after = &code[at + 1..];
                let start = at + 1 + (after.len() - after.trim_start().len());
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                let end = code[start..].find(|c| !is_word(c)).map_or(code.len(), |length| start + length);
                let name = &code[start..end];
                if !name.is_empty() && !filter_exists(name) {
                    return Some((name.to_owned(), offset + start..offset + end));
                }
            }
            _ => {}
        }
    }
    None
}

fn filter_exists(name: &str) -> bool {
    let Ok(probe) = BASE.compile_expression_owned(format!("0|{name}")) else { return true };
    !matches!(probe.eval(()), Err(error) if error.kind() == ErrorKind::UnknownFilter)
}

/// Filters worth suggesting.
pub const FILTERS: &[&str] = &[
    "abs", "capitalize", "date", "default", "escape", "first", "float", "int", "join", "last", "length", "list",
    "lower", "map", "max", "min", "money", "replace", "reverse", "round", "safe", "sort", "split", "string", "sum",
    "title", "tojson", "trim", "unique", "upper", "urlencode",
];

fn default(value: &Dynamic, arguments: Rest<Dynamic>) -> Dynamic {
    let other = || arguments.first().cloned().unwrap_or_else(|| Dynamic::from(""));
    let also_empty = arguments.get(1).is_some_and(Dynamic::is_true);
    if value.is_undefined() || value.is_none() || (also_empty && !value.is_true()) { other() } else { value.clone() }
}

/// Minor units as `250.00`, with the currency behind it if one is given.
fn money(_: &State, value: &Dynamic, currency: Option<String>) -> Result<String, Error> {
    let refuse = || Error::new(ErrorKind::InvalidOperation, "money takes whole minor units, such as order.total");
    if !value.is_integer() {
        return Err(refuse());
    }
    let amount_minor = i64::try_from(value.clone()).map_err(|_| refuse())?;
    let text = crate::domain::money::Money { amount_minor, currency: currency.unwrap_or_default() }.to_string();
    Ok(text.trim_end().to_owned())
}

/// A time as `2026-11-29`, or in a strftime form of one's own.
fn date(_: &State, value: &str, form: Option<String>) -> Result<String, Error> {
    use std::fmt::Write as _;
    let refuse = |what: String| Error::new(ErrorKind::InvalidOperation, what);
    let at = super::rules::value::instant(value).ok_or_else(|| refuse(format!("`{value}` is not a time")))?;
    let form: Cow<str> = form.map_or("%Y-%m-%d".into(), Cow::Owned);
    let mut out = String::new();
    write!(out, "{}", at.format(&form)).map_err(|_| refuse(format!("`{form}` is not a form of date")))?;
    Ok(out)
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
