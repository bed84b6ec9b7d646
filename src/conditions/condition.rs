//! `condition`: go on by `true` or `false`, by rules or one expression.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::workflow::catalogue::{About, Condition, ConditionKind, Decision, PlanError, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::expression::Expression;
use crate::workflow::rules::test::Test;

/// The kind.
pub const KIND: ConditionKind = ConditionKind {
    about: About {
        name: "condition",
        label: "Condition",
        docs: "Goes on by `true` or by `false`, as rules or an expression say.",
        icon: "git-branch",
        example: r#"{"combinator": "and", "rules": [{"field": "order.total", "operator": ">=", "value": 10000}]}"#,
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
struct ByTest(Test);

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Condition>> {
    let test = Test::read(reader, reader.value, reader.path)?;
    Some(Box::new(ByTest(test)))
}

impl Condition for ByTest {
    fn branches(&self) -> Vec<&str> {
        BRANCHES.to_vec()
    }

    fn decide(&self, context: &Context) -> Result<Decision, PlanError> {
        let verdict = self.0.decide(context)?;
        Ok(Decision { branch: if verdict.holds { "true" } else { "false" }.to_owned(), why: verdict.why })
    }

    fn always(&self) -> Option<&str> {
        self.0.always().map(|holds| if holds { "true" } else { "false" })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conditions::tests::built;

    #[test]
    fn what_asks_nothing_always_goes_one_way() {
        let always = |config: Value| built(&KIND, &config).always().map(str::to_owned);
        assert_eq!(always(json!({"rules": []})), Some("true".into()));
        assert_eq!(always(json!({"rules": [{"rules": []}], "not": true})), Some("true".into()));
        assert_eq!(always(json!({"expression": "2 > 3 or 'a' == 'b'"})), Some("false".into()));
        assert_eq!(always(json!({"expression": "order.total > 3"})), None);
        assert_eq!(always(json!({"rules": [{"field": "order.total", "operator": "notNull"}]})), None);
    }
}
