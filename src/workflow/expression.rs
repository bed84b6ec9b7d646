//! Templates and expressions: minijinja in a sandbox, parsed once, evaluated often.
//!
//! One language for both. Undefined names are failures that name the path; null prints as nothing and takes
//! the value of `default`. Steps, output and recursion are bounded.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use std::ops::Range;
use std::sync::Arc;

use minijinja::value::Value as Dynamic;
use minijinja::{Error, ErrorKind};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use super::anchor::{self, Anchors};
use super::bounds::{Factor, MAX_EXPRESSION_BYTES, check_expression, deep};
use super::context::Context;
use super::filters;
use super::guarded::size_of;
use super::reads::{self, Read};
use super::spelling;
use super::storable::first_unstorable;

/// Instructions that one evaluation may take.
pub const FUEL: u64 = 3_000;
/// Bytes that one evaluation may write.
pub const MAX_OUTPUT_BYTES: usize = 256 * 1024;

/// Why a template or an expression can't be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxFault {
    /// In words.
    pub message: String,
    /// Where in the source, in bytes.
    pub range: Option<Range<usize>>,
    /// The mend, where it is known.
    pub help: Option<String>,
    /// The diagnostic's code, if it is a special one.
    pub code: Option<&'static str>,
}

/// Why an evaluation gave nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(pub String);

pub(super) type Parsed = minijinja::Expression<'static, 'static>;

/// What is known of a source once it is read: reading it again would take a deep stack again.
#[derive(Debug, Clone, Default)]
pub(super) struct Reads {
    pub(super) all: Arc<[Read]>,
    pub(super) factors: Arc<[Factor]>,
    /// The path that the source is, if it is nothing else.
    pub(super) lone: Option<Arc<[String]>>,
    /// What an expression is anchored in.
    pub(super) anchors: Arc<[Anchors]>,
}

/// One expression, without braces: `order.total >= 10000`.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    parsed: Arc<Parsed>,
    reads: Reads,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse(source: &str) -> Result<Self, SyntaxFault> {
        let read = deep(source, MAX_EXPRESSION_BYTES, || parse_expression(source));
        let (parsed, reads) = read.map_err(|fault| match source.contains("{{") {
            true => SyntaxFault { help: Some("write it without braces".into()), ..fault },
            false => fault,
        })?;
        Ok(Self { source: source.into(), parsed: Arc::new(parsed), reads })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it reads.
    pub fn reads(&self) -> &[Read] {
        &self.reads.all
    }

    /// What it is anchored in: of each entry one anchor must hold, or it does not.
    pub fn anchors(&self) -> &[Anchors] {
        &self.reads.anchors
    }

    /// The paths that it reads, each once.
    pub fn names(&self) -> Vec<String> {
        names_of(self.reads())
    }

    /// Whether it is true: empty texts, zero and null are not.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn holds(&self, context: &Context) -> Result<bool, EvalError> {
        evaluate(&self.parsed, &self.source, &self.reads, context).map(|value| value.is_true())
    }

    /// The value that it gives.
    ///
    /// # Errors
    /// As [`Template::evaluate`].
    pub fn value(&self, context: &Context) -> Result<Value, EvalError> {
        to_json(&evaluate(&self.parsed, &self.source, &self.reads, context)?)
    }

    /// Whether it is true, if it reads nothing and so is always the same.
    pub fn constant(&self) -> Option<bool> {
        let alone = self.reads.all.is_empty().then(|| self.parsed.eval(()).ok()).flatten();
        alone.filter(|value| !value.is_undefined()).map(|value| value.is_true())
    }
}

pub(super) fn to_json(value: &Dynamic) -> Result<Value, EvalError> {
    if size_of(value, MAX_OUTPUT_BYTES) > MAX_OUTPUT_BYTES {
        return Err(too_long());
    }
    let value = serde_json::to_value(value).map_err(|error| EvalError(error.to_string()))?;
    first_unstorable(&value).map_or(Ok(value), |_| Err(unstorable()))
}

pub(super) fn parse_expression(source: &str) -> Result<(Parsed, Reads), SyntaxFault> {
    let root = minijinja::machinery::parse_expr(source)
        .map_err(|error| SyntaxFault { help: spelling::of(source), ..syntax_fault(&error, source) })?;
    let factors = check_expression(&root)?.into();
    let parsed = filters::BASE.compile_expression_owned(source.to_owned());
    let parsed = parsed.map_err(|error| syntax_fault(&error, source))?;
    let (all, lone) = (reads::of_expression(&root).into(), reads::path(&root).map(Arc::from));
    let anchors = anchor::of_expression(&root).into();
    Ok((parsed, Reads { all, factors, lone, anchors }))
}

pub(super) fn names_of(reads: &[Read]) -> Vec<String> {
    let names: BTreeSet<String> = reads.iter().map(Read::shown).collect();
    names.into_iter().collect()
}

impl Reads {
    /// Refuses what would repeat a text or a list.
    pub(super) fn check_factors(&self, context: &Context) -> Result<(), EvalError> {
        let wrong = |path: &&Factor| {
            context.get(path).is_some_and(|value| value.is_string() || value.is_array() || value.is_object())
        };
        self.factors.iter().find(wrong).map_or(Ok(()), |path| {
            let path = path.join(".");
            Err(EvalError(format!("`{path}` is multiplied, but it is no number: write `{path}|int`")))
        })
    }
}

pub(super) fn evaluate(
    parsed: &Parsed,
    source: &str,
    reads: &Reads,
    context: &Context,
) -> Result<Dynamic, EvalError> {
    reads.check_factors(context)?;
    let value = parsed.eval(context.for_templates()).map_err(|error| eval_error(&error, reads, context))?;
    if value.is_undefined() {
        return Err(undefined(source, reads, context));
    }
    Ok(value)
}

pub(super) fn too_long() -> EvalError {
    EvalError(format!("it gives more than {} KiB", MAX_OUTPUT_BYTES / 1024))
}

pub(super) fn unstorable() -> EvalError {
    EvalError("it gives the letter U+0000, which can't be stored".into())
}

pub(super) fn syntax_fault(error: &Error, source: &str) -> SyntaxFault {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let range = error.range().filter(|range| range.start <= range.end && source.get(range.clone()).is_some());
    SyntaxFault { message, range, help: None, code: None }
}

pub(super) fn eval_error(error: &Error, reads: &Reads, context: &Context) -> EvalError {
    let place = error.range().zip(error.template_source());
    let part = place.and_then(|(range, source)| source.get(range)).unwrap_or_default().trim();
    EvalError(match error.kind() {
        ErrorKind::UndefinedError => return undefined(part, reads, context),
        ErrorKind::OutOfFuel => format!("it takes more than {FUEL} steps"),
        kind => {
            let what = error.detail().map_or_else(|| kind.to_string(), str::to_owned);
            // The library shows values in its messages.
            let what: String = what.replace('\0', "\u{2400}").chars().take(500).collect();
            if part.is_empty() { what } else { format!("`{part}`: {what}") }
        }
    })
}

/// The library's errors lack the name, so it is computed: a path that is read and not there, best one within the
/// part of the source that failed.
fn undefined(part: &str, reads: &Reads, context: &Context) -> EvalError {
    let missing = || reads.all.iter().filter(|read| context.get(&read.path).is_none()).map(Read::shown);
    let name = missing().find(|name| part.contains(name.as_str())).or_else(|| missing().next());
    EvalError(format!("`{}` is undefined", name.as_deref().unwrap_or(part)))
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

/// Reading from settings, and the schema of it there.
macro_rules! in_configs {
    ($type:ty, $read:expr, $name:literal, $format:literal, $hint:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let read: fn(&str) -> Result<Self, SyntaxFault> = $read;
                read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
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

pub(super) use in_configs;

in_configs!(Expression, Self::parse, "Expression", "expression", "expression");

#[cfg(test)]
#[path = "expression_tests.rs"]
mod tests;
