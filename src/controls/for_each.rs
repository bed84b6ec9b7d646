//! `for_each`: run what follows for every item of a list.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::workflow::catalogue::{About, ControlKind, PlanError, control, schema};
use crate::workflow::context::Context;
use crate::workflow::control::{Control, Next, Shape};
use crate::workflow::regions::{AFTER, EACH};
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ControlKind = ControlKind {
    about: About {
        name: "for_each",
        label: "For each",
        docs: "Runs what follows its branch `each` for every item of a list, which is `item` there, and goes on by `after` \
               when all items are done.",
        icon: "repeat",
        example: r#"{"items": "{{ customer.preferences.tags }}", "at_once": 10}"#,
        schema: schema::<ForEach>,
    },
    branches: BRANCHES,
    result: &[
        Field::new("items", FieldType::Integer),
        Field::new("succeeded", FieldType::Integer),
        Field::new("failed", FieldType::Integer),
        Field::new("left", FieldType::Integer),
    ],
    build: control::<ForEach>,
};

const BRANCHES: &[&str] = &[EACH, AFTER];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForEach {
    /// A template that gives a list of at most 10,000 items.
    #[schemars(extend("x-wants" = "list"))]
    items: Template,
    /// How many items may be under way at once.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    at_once: usize,
    /// Whether the others still run when something fails for one item.
    #[serde(default)]
    on_failure: OnFailure,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OnFailure {
    #[default]
    GoOn,
    Stop,
}

fn ten() -> usize {
    10
}

impl Control for ForEach {
    fn branches(&self) -> Vec<&str> {
        BRANCHES.to_vec()
    }

    fn enter(&self, context: &Context) -> Result<Next, PlanError> {
        let items = match self.items.evaluate(context).map_err(|error| PlanError::of("items", &error))? {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            other => {
                let what = crate::workflow::config::describe(&other);
                return Err(PlanError(format!("items: this gives {what}, not a list")));
            }
        };
        let stop_on_failure = self.on_failure == OnFailure::Stop;
        Ok(Next::Each { items, at_once: self.at_once, stop_on_failure })
    }

    fn shape(&self) -> Shape {
        Shape::Loop
    }
}
