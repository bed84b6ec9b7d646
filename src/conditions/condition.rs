//! `condition`: go on by `true` or `false`, by rules or one expression.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::workflow::catalogue::{About, Condition, ConditionKind, Decision, PlanError, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::expression::Expression;
use crate::workflow::rules::{self, Group};

/// The kind.
pub const KIND: ConditionKind = ConditionKind {
    about: About {
        name: "condition",
        label: "Condition",
        docs: "Goes on by `true` or by `false`, as rules or an expression say.",
        schema: schema::<Settings>,
    },
    branches: BRANCHES,
    build,
};

const BRANCHES: &[&str] = &["true", "false"];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes the settings; they are read by `build`, which names every fault")]
enum Settings {
    /// One expression.
    Expression(ByExpression),
    /// A group of rules in the form of react-querybuilder.
    Rules(ByRules),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described only")]
struct ByExpression {
    /// Such as `order.total >= 10000`.
    expression: Expression,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "described only")]
struct ByRules {
    /// `and` or `or`.
    #[serde(default)]
    combinator: Option<String>,
    /// Turn the result round.
    #[serde(default)]
    not: bool,
    /// Rules `{field, operator, value}` and groups.
    rules: Vec<Value>,
}

#[derive(Debug)]
enum Test {
    Expression(Expression),
    Rules(Group),
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Condition>> {
    let test = match reader.value.get("expression") {
        Some(Value::String(source)) => {
            let path = format!("{}/expression", reader.path);
            for key in reader
                .value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, _)| key)
                .filter(|k| *k != "expression")
            {
                reader.fault_at("unknown-field", key, format!("`{key}` has no effect beside `expression`"));
            }
            Test::Expression(reader.expression(source, &path)?)
        }
        Some(_) => {
            reader.fault_at("wrong-type", "expression", "`expression` must be a text");
            return None;
        }
        None => Test::Rules(rules::read::group(reader, reader.value, reader.path)?),
    };
    Some(Box::new(test))
}

impl Condition for Test {
    fn branches(&self) -> Vec<&str> {
        BRANCHES.to_vec()
    }

    fn decide(&self, context: &Context) -> Result<Decision, PlanError> {
        let (holds, why) = match self {
            Self::Rules(group) => {
                let verdict = rules::decide::group(group, context);
                (verdict.holds, verdict.why)
            }
            Self::Expression(expression) => {
                let holds = expression.holds(context).map_err(|error| PlanError(error.to_string()))?;
                let source: String = expression.source().chars().take(200).collect();
                (holds, format!("`{source}` is {holds}"))
            }
        };
        Ok(Decision { branch: if holds { "true" } else { "false" }, why })
    }
}
