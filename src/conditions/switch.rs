//! `switch`: go on by the first of several named branches that fits.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::names;
use crate::workflow::catalogue::{About, Condition, ConditionKind, Decision, PlanError, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::expression::Expression;
use crate::workflow::rules::test::Test;
use crate::workflow::rules::value::{compare_json, shorten};

/// The kind.
pub const KIND: ConditionKind = ConditionKind {
    about: About {
        name: "switch",
        label: "Switch",
        docs: "Goes on by the first case that holds, else by `default`. Each case is a branch of its own and has \
            a test, or with `value` the value that it stands for.",
        icon: "arrows-split-2",
        example: r#"{"cases": [{"name": "large", "when": {"rules": [{"field": "order.total", "operator": ">=", "value": 50000}]}}, {"name": "medium", "when": {"expression": "order.total >= 10000"}}]}"#,
        schema: schema::<Settings>,
    },
    branches: &[],
    build,
};

const DEFAULT: &str = "default";

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// What the cases' `equals` are compared with: an expression such as `order.status`. Without it each case has
    /// a test of its own.
    #[serde(default)]
    value: Option<Expression>,
    /// The branches, at most 50, in the order in which they are tried.
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes a case; `build` reads it, which names every fault")]
struct Case {
    /// The name of the branch: what edges' `sourceHandle` says.
    name: String,
    /// Rules, or `{"expression": …}`.
    #[serde(default)]
    when: Option<Value>,
    /// The value that the case stands for: a text, a number, true or false. Numbers are equal by value, and to
    /// texts of them; the case of letters counts.
    #[serde(default)]
    equals: Option<Value>,
}

#[derive(Debug)]
struct Switch {
    names: Vec<String>,
    by: By,
}

#[derive(Debug)]
enum By {
    Tests(Vec<Test>),
    Value(Expression, Vec<Value>),
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Condition>> {
    let settings = reader.read::<Settings>()?;
    debug_assert!(settings.cases.len() < usize::MAX);
    let cases = names::list(reader, reader.value, "cases")?;
    let (mut known, mut tests, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (at, case) in cases.iter().enumerate() {
        let path = format!("{}/cases/{at}", reader.path);
        let name = case.get("name").and_then(Value::as_str).unwrap_or_default();
        known.extend(names::check(reader, name, &known, &[DEFAULT, "error"], &path));
        let given = |name: &str| case.get(name).filter(|value| !value.is_null());
        match (given("when"), given("equals"), settings.value.is_some()) {
            (Some(when), None, false) => tests.extend(Test::read(reader, when, &format!("{path}/when"))),
            (None, Some(value), true) if !value.is_array() && !value.is_object() => {
                values.push(value.clone());
            }
            (None, Some(_), true) => {
                let message = "`equals` must be a text, a number, true or false";
                reader.fault_below(&path, "wrong-type", "equals", message);
            }
            (_, _, true) => {
                let message = "with `value`, each case has `equals`, and no `when`";
                reader.fault_below(&path, "bad-case", "equals", message);
            }
            (_, _, false) => {
                let message = "each case has a test, `when`; `equals` goes with the setting `value`";
                reader.fault_below(&path, "bad-case", "when", message);
            }
        }
    }
    let all = known.len() == cases.len() && tests.len() + values.len() == cases.len();
    let by = settings.value.map_or(By::Tests(tests), |value| By::Value(value, values));
    all.then(|| Box::new(Switch { names: known, by }) as Box<dyn Condition>)
}

impl Switch {
    fn decision(&self, at: Option<usize>, why: String) -> Decision {
        let name = at.and_then(|at| self.names.get(at)).map_or(DEFAULT, String::as_str);
        Decision { branch: name.to_owned(), why }
    }
}

impl Condition for Switch {
    fn branches(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).chain([DEFAULT]).collect()
    }

    fn decide(&self, context: &Context) -> Result<Decision, PlanError> {
        match &self.by {
            By::Tests(tests) => {
                for (at, test) in tests.iter().enumerate() {
                    let fails = |error: PlanError| PlanError(format!("case `{}`: {error}", self.names[at]));
                    if test.holds(context).map_err(fails)? {
                        return Ok(self.decision(Some(at), test.decide(context)?.why));
                    }
                }
                Ok(self.decision(None, "no case holds".into()))
            }
            By::Value(expression, values) => {
                let seen = expression.value(context).map_err(|error| PlanError::of("value", &error))?;
                let at = values
                    .iter()
                    .position(|value| compare_json(&seen, value).is_some_and(|order| order.is_eq()));
                let why = format!("`{}` is {}", expression.source(), shorten(&seen));
                Ok(self.decision(at, why))
            }
        }
    }

    fn always(&self) -> Option<&str> {
        let By::Tests(tests) = &self.by else { return None };
        // Cases that never hold do not count; the first of the others decides if it always does.
        let first = tests.iter().position(|test| test.always() != Some(false));
        match first {
            None => Some(DEFAULT),
            Some(at) => (tests[at].always() == Some(true)).then_some(self.names[at].as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conditions::tests::{built, faults};
    use crate::workflow::context::tests::order_context;

    fn over(total: i64) -> Value {
        json!({"rules": [{"field": "order.total", "operator": ">", "value": total}]})
    }

    #[test]
    fn the_first_case_that_holds_is_the_way() {
        let cases = json!({"cases": [
            {"name": "large", "when": over(50_000)}, {"name": "medium", "when": {"expression": "order.total > 10000"}},
            {"name": "small", "when": over(0)}]});
        let switch = built(&KIND, &cases);
        assert_eq!(switch.branches(), ["large", "medium", "small", "default"]);
        let way = |total: i64| switch.decide(&order_context(json!({"total": total}))).expect("decides");
        assert_eq!(
            way(60_000),
            Decision { branch: "large".into(), why: "600.00 is more than 500.00".into() }
        );
        assert_eq!(way(20_000).why, "`order.total > 10000` is true");
        assert_eq!(way(100).branch, "small");
        assert_eq!(way(0), Decision { branch: "default".into(), why: "no case holds".into() });
        assert_eq!(switch.always(), None);
    }

    #[test]
    fn a_value_is_looked_for() {
        let switch = built(
            &KIND,
            &json!({"value": "order.status", "cases": [
            {"name": "open", "equals": "new"}, {"name": "money", "equals": 7}, {"name": "yes", "equals": true}]}),
        );
        let way = |status: Value| switch.decide(&order_context(json!({"status": status}))).expect("decides");
        assert_eq!(
            way(json!("new")),
            Decision { branch: "open".into(), why: "`order.status` is `new`".into() }
        );
        assert_eq!(way(json!("New")).branch, "default");
        assert_eq!(way(json!("7")).branch, "money");
        assert_eq!(way(json!(true)).branch, "yes");
        assert_eq!(way(json!(null)).branch, "default");
        let lost = built(
            &KIND,
            &json!({"value": "customer.preferences.nope", "cases": [{"name": "a", "equals": 1}]}),
        );
        let fault = lost.decide(&order_context(json!({}))).expect_err("undefined");
        assert_eq!(fault.0, "value: `customer.preferences.nope` is undefined");
    }

    #[test]
    fn what_always_goes_one_way_says_so() {
        let constant = |cases: Value| built(&KIND, &json!({"cases": cases})).always().map(str::to_owned);
        let (yes, no) = (json!({"expression": "1 < 2"}), json!({"expression": "false"}));
        let case = |name: &str, when: &Value| json!({"name": name, "when": when});
        assert_eq!(constant(json!([case("a", &yes), case("b", &over(1))])), Some("a".into()));
        assert_eq!(constant(json!([case("a", &json!({"rules": []}))])), Some("a".into()));
        assert_eq!(constant(json!([case("a", &no), case("b", &yes)])), Some("b".into()));
        assert_eq!(constant(json!([case("a", &no)])), Some("default".into()));
        assert_eq!(constant(json!([case("a", &over(1)), case("b", &yes)])), None);
    }

    #[test]
    fn every_fault_has_its_place() {
        let when = over(1);
        let codes = |config: Value| faults(&KIND, &config);
        assert_eq!(
            codes(
                json!({"cases": [{"name": "a", "when": when}, {"name": "A", "when": when}, {"name": "Default", "when": when},
                {"name": "error", "when": when}, {"name": " x", "when": when}, {"name": "", "when": when},
                {"name": "x".repeat(61), "when": when}, {"name": "a\nb", "when": when}]})
            ),
            [
                "duplicate-branch /cases/1/name",
                "bad-branch-name /cases/2/name",
                "bad-branch-name /cases/3/name",
                "bad-branch-name /cases/4/name",
                "bad-branch-name /cases/5/name",
                "bad-branch-name /cases/6/name",
                "bad-branch-name /cases/7/name"
            ]
        );
        assert_eq!(codes(json!({"cases": []})), ["out-of-range /cases"]);
        let many: Vec<Value> = (0..51).map(|n| json!({"name": format!("c{n}"), "when": when})).collect();
        assert_eq!(codes(json!({"cases": many})), ["out-of-range /cases"]);
        assert_eq!(codes(json!({})), ["missing-field "]);
        assert_eq!(codes(json!({"cases": [{"name": "a"}]})), ["bad-case /cases/0/when"]);
        assert_eq!(codes(json!({"cases": [{"name": "a", "equals": 1}]})), ["bad-case /cases/0/when"]);
        assert_eq!(
            codes(json!({"value": "order.status", "cases": [{"name": "a", "when": when}]})),
            ["bad-case /cases/0/equals"]
        );
        assert_eq!(
            codes(json!({"value": "order.status", "cases": [{"name": "a", "equals": []}]})),
            ["wrong-type /cases/0/equals"]
        );
        assert_eq!(
            codes(json!({"value": "order.totl", "cases": [{"name": "a", "equals": 1}]})),
            ["unknown-name /value"]
        );
        assert_eq!(
            codes(
                json!({"cases": [{"name": "a", "when": {"rules": [{"field": "order.total", "operator": "~"}]}}]})
            ),
            ["unknown-operator /cases/0/when/rules/0/operator"]
        );
    }
}
