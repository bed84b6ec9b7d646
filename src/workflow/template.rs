//! Templates: text with `{{ … }}` in it.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use minijinja::Environment;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use super::bounds::{MAX_TEMPLATE_BYTES, check_template, deep};
use super::context::Context;
use super::expression::{
    EvalError, MAX_OUTPUT_BYTES, Parsed, Reads, SyntaxFault, eval_error, evaluate, in_configs, names_of,
    parse_expression, syntax_fault, to_json, too_long, unstorable,
};
use super::filters;
use super::reads::{self, Read};
use super::storable::storable;
use super::{secrets, slack};

#[derive(Clone)]
enum Form {
    Literal,
    Expression(Arc<Parsed>),
    Mixed(Arc<Environment<'static>>),
}

/// Text with `{{ … }}` in it. Exactly one `{{ … }}` keeps its type where a type is wanted.
///
/// One that comes out of settings is read when it is first used: the compiler has read it already to check it, and most
/// templates of most workflows wait for a branch that is rarely taken.
#[derive(Clone)]
pub struct Template {
    source: Arc<str>,
    name: &'static str,
    read: Arc<OnceLock<Result<Parts, SyntaxFault>>>,
}

struct Parts {
    form: Form,
    reads: Reads,
    /// The secrets that it names.
    secrets: Arc<[String]>,
}

/// What is known of the value of a template before it is evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gives<'a> {
    /// This very text.
    Literal(&'a str),
    /// A text.
    Text,
    /// What is at this path.
    Path(&'a [String]),
    /// Nothing is known.
    Unknown,
}

/// A template whose values are escaped for HTML.
#[derive(Debug, Clone)]
pub struct HtmlTemplate(Template);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`SyntaxFault`], with its place in the source where that is known.
    pub fn parse(source: &str) -> Result<Self, SyntaxFault> {
        Self::parse_as(source, "text")
    }

    pub(super) fn parse_as(source: &str, name: &'static str) -> Result<Self, SyntaxFault> {
        let template = Self::unread(source, name);
        match template.read() {
            Ok(_) => Ok(template),
            Err(fault) => Err(fault.clone()),
        }
    }

    /// One that is read when it is first used: what is wrong with it is said then.
    pub fn later(source: &str) -> Self {
        Self::unread(source, "text")
    }

    pub(super) fn unread(source: &str, name: &'static str) -> Self {
        Self { source: source.into(), name, read: Arc::default() }
    }

    fn read(&self) -> Result<&Parts, &SyntaxFault> {
        let read = || deep(&self.source, MAX_TEMPLATE_BYTES, || Self::read_here(&self.source, self.name));
        self.read.get_or_init(read).as_ref()
    }

    fn usable(&self) -> Result<&Parts, EvalError> {
        self.read().map_err(|fault| EvalError(fault.message.clone()))
    }

    fn read_here(source: &str, name: &'static str) -> Result<Parts, SyntaxFault> {
        if !["{{", "{%", "{#"].iter().any(|mark| source.contains(mark)) {
            return Ok(Parts { form: Form::Literal, reads: Reads::default(), secrets: Arc::default() });
        }
        if name == "text"
            && let Some((inner, from)) = lone_expression(source)
        {
            let moved = |range: Range<usize>| range.start + from..range.end + from;
            let (parsed, mut reads) = parse_expression(inner).map_err(|mut fault| {
                fault.range = fault.range.map(moved);
                fault
            })?;
            reads.all =
                reads.all.iter().map(|r| Read { range: moved(r.range.clone()), ..r.clone() }).collect();
            return Ok(Parts { form: Form::Expression(Arc::new(parsed)), reads, secrets: Arc::default() });
        }
        let mut environment = filters::BASE.clone();
        let root = minijinja::machinery::parse(source, name, environment.syntax().clone());
        let root = root.map_err(|error| syntax_fault(&error, source))?;
        let (factors, named) = check_template(&root, name)?;
        if name == secrets::KIND {
            secrets::check_letters(source, &named)?;
            secrets::allow(&mut environment);
        } else if name == slack::KIND {
            slack::escape(&mut environment);
        }
        let all = reads::of_template(&root).into();
        environment
            .add_template_owned(name, source.to_owned())
            .map_err(|error| syntax_fault(&error, source))?;
        Ok(Parts {
            form: Form::Mixed(Arc::new(environment)),
            reads: Reads { all, factors: factors.into(), ..Reads::default() },
            secrets: named.into_iter().collect(),
        })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it reads.
    pub fn reads(&self) -> &[Read] {
        self.read().map_or(&[], |read| &read.reads.all)
    }

    /// The names of the secrets in it.
    pub fn secrets(&self) -> &[String] {
        self.read().map_or(&[], |read| &read.secrets)
    }

    /// The paths that it reads, each once.
    pub fn names(&self) -> Vec<String> {
        names_of(self.reads())
    }

    /// What kind of value [`Self::evaluate`] gives, as far as the source says.
    pub fn gives(&self) -> Gives<'_> {
        match self.read() {
            Ok(Parts { form: Form::Literal, .. }) => Gives::Literal(&self.source),
            Ok(Parts { form: Form::Mixed(_), .. }) => Gives::Text,
            Ok(Parts { reads: Reads { lone: Some(path), .. }, .. }) => Gives::Path(path),
            _ => Gives::Unknown,
        }
    }

    /// The text that it gives.
    ///
    /// # Errors
    /// An undefined value, a filter that refuses, or a bound that is passed.
    pub fn render(&self, context: &Context) -> Result<String, EvalError> {
        let Parts { form, reads, .. } = self.usable()?;
        let text = match form {
            Form::Literal => self.source.to_string(),
            Form::Expression(parsed) => {
                let value = evaluate(parsed, &self.source, reads, context)?;
                if value.is_none() { String::new() } else { value.to_string() }
            }
            Form::Mixed(environment) => render_mixed(environment, &self.source, reads, context)?,
        };
        if text.len() > MAX_OUTPUT_BYTES {
            return Err(too_long());
        }
        storable(&text).then_some(text).ok_or_else(unstorable)
    }

    /// The value that it gives: with its type when it is exactly one `{{ … }}`, else its text.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn evaluate(&self, context: &Context) -> Result<Value, EvalError> {
        let Parts { form, reads, .. } = self.usable()?;
        let Form::Expression(parsed) = form else { return self.render(context).map(Value::String) };
        to_json(&evaluate(parsed, &self.source, reads, context)?)
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

    /// As [`Template::later`].
    pub fn later(source: &str) -> Self {
        Self(Template::unread(source, "html"))
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// What it reads.
    pub fn reads(&self) -> &[Read] {
        self.0.reads()
    }

    /// The HTML that it gives.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render(&self, context: &Context) -> Result<String, EvalError> {
        self.0.render(context)
    }
}

fn lone_expression(source: &str) -> Option<(&str, usize)> {
    let inner = source.strip_prefix("{{")?.strip_suffix("}}")?;
    let plain = !["{{", "}}", "{%", "{#"].iter().any(|mark| inner.contains(mark));
    (plain && !inner.starts_with(['-', '+']) && !inner.ends_with(['-', '+'])).then_some((inner, 2))
}

fn render_mixed(
    environment: &Environment<'_>,
    source: &str,
    reads: &Reads,
    context: &Context,
) -> Result<String, EvalError> {
    reads.check_factors(context)?;
    let mut out = Bounded { bytes: Vec::with_capacity(source.len()), full: false };
    for (_, template) in environment.templates() {
        let rendered = template.render_captured_to(context.for_templates(), &mut out).map(drop);
        if out.full {
            return Err(too_long());
        }
        rendered.map_err(|error| eval_error(&error, reads, context))?;
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

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.source)
    }
}

in_configs!(Template, |source| Ok(Self::unread(source, "text")), "Template", "template", "text");
in_configs!(
    HtmlTemplate,
    |source| Ok(Self(Template::unread(source, "html"))),
    "HtmlTemplate",
    "template",
    "html"
);
