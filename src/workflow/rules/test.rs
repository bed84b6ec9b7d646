//! A test: a group of rules, or one expression. Conditions, filters and matches are tests.

use serde_json::Value;

use super::value::shorten;
use super::{Group, decide, read};
use crate::workflow::anchor::{self, Anchors};
use crate::workflow::catalogue::PlanError;
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::diagnostics::Diagnostic;
use crate::workflow::expression::Expression;

/// Something that holds or does not.
#[derive(Debug)]
pub enum Test {
    /// One expression.
    Expression(Expression),
    /// Rules.
    Rules(Group),
}

/// Whether a test holds, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Whether it holds.
    pub holds: bool,
    /// What was seen, in words.
    pub why: String,
}

impl Test {
    /// Reads `{"expression": …}` or a group of rules; `None` if it has faults, which are noted in `reader`.
    pub fn read(reader: &mut Reader<'_>, value: &Value, path: &str) -> Option<Self> {
        match value.get("expression") {
            Some(Value::String(source)) => {
                let others = value.as_object().into_iter().flatten().filter(|(key, _)| *key != "expression");
                for (key, _) in others {
                    let message = format!("`{key}` has no effect beside `expression`");
                    reader.fault_below(path, "unknown-field", key, message);
                }
                reader.expression(source, &format!("{path}/expression")).map(Self::Expression)
            }
            None if value.is_string() => {
                let written = shorten(value);
                let fault = Diagnostic::error("wrong-type", "a test must be an object, not a text").at(path);
                reader.fault(
                    fault.help(format!("write {{\"expression\": \"{}\"}}", written.trim_matches('`'))),
                );
                None
            }
            Some(_) => {
                reader.fault_below(path, "wrong-type", "expression", "`expression` must be a text");
                None
            }
            None => read::group(reader, value, path).map(Self::Rules),
        }
    }

    /// As [`Self::read`], for a test that lets events through: one that is the same for all of them is noted.
    pub fn read_filter(reader: &mut Reader<'_>, value: &Value, path: &str, never: &str) -> Option<Self> {
        let test = Self::read(reader, value, path)?;
        let warned = match (test.always(), &test) {
            (Some(false), _) => Some(format!("this never holds: {never}")),
            (Some(true), Self::Expression(_)) => Some("this always holds: it lets everything through".into()),
            _ => None,
        };
        if let Some(message) = warned {
            reader.fault(Diagnostic::warning("constant-condition", message).at(path));
        }
        Some(test)
    }

    /// Whether it holds, without the words: many times cheaper where nobody reads them.
    ///
    /// # Errors
    /// [`PlanError`] where an expression can't be evaluated.
    pub fn holds(&self, context: &Context) -> Result<bool, PlanError> {
        match self {
            Self::Rules(group) => Ok(decide::holds(group, context)),
            Self::Expression(expression) => {
                expression.holds(context).map_err(|error| PlanError(error.to_string()))
            }
        }
    }

    /// What it says whatever happened, if it is such a test: no rules, rules that look for something in an empty
    /// list, or an expression that reads nothing.
    pub fn always(&self) -> Option<bool> {
        match self {
            Self::Rules(group) => group.always(),
            Self::Expression(expression) => expression.constant(),
        }
    }

    /// What it is anchored in: of each entry one anchor must hold, or it does not.
    pub fn anchors(&self) -> Vec<Anchors> {
        match self {
            Self::Rules(group) => anchor::of_rules(group),
            Self::Expression(expression) => expression.anchors().to_vec(),
        }
    }

    /// Whether it holds, and why.
    ///
    /// # Errors
    /// [`PlanError`] where an expression can't be evaluated.
    pub fn decide(&self, context: &Context) -> Result<Verdict, PlanError> {
        match self {
            Self::Rules(group) => {
                let decide::Verdict { holds, why } = decide::group(group, context);
                Ok(Verdict { holds, why })
            }
            Self::Expression(expression) => {
                let holds = expression.holds(context).map_err(|error| PlanError(error.to_string()))?;
                let source: String = expression.source().chars().take(200).collect();
                Ok(Verdict { holds, why: format!("`{source}` is {holds}") })
            }
        }
    }
}
