//! `start_workflow`: start another workflow, and go on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::effect::Effect;
use crate::domain::event::MAX_DEPTH;
use crate::workflow::catalogue::{About, ControlKind, PlanError, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::control::{Control, Next};
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ControlKind = ControlKind {
    about: About {
        name: "start_workflow",
        label: "Start workflow",
        docs: "Starts another workflow, one that begins with `manual`, and goes on without waiting for it. What it is given is \
               its `manual.input`.",
        icon: "player-track-next",
        example: r#"{"workflow": "Call the customer", "input": {"order": "{{ order.id }}", "reason": "a large order"}}"#,
        schema: schema::<Settings>,
    },
    branches: &[],
    result: &[Field::new("workflow_id", FieldType::Id), Field::new("event_id", FieldType::Id)],
    build,
};

const MOST_FIELDS: usize = 50;
const MAX_NAME_BYTES: usize = 300;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The other workflow's name, or its id.
    workflow: String,
    /// What it is given: names, and templates or values.
    #[serde(default)]
    input: BTreeMap<String, Value>,
}

#[derive(Debug)]
struct StartWorkflow {
    workflow: String,
    input: BTreeMap<String, Given>,
}

#[derive(Debug)]
enum Given {
    Plain(Value),
    Computed(Template),
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Control>> {
    let settings = reader.read::<Settings>()?;
    let workflow = settings.workflow.trim().to_owned();
    if workflow.is_empty() || workflow.len() > MAX_NAME_BYTES {
        reader.fault_at("invalid-name", "workflow", "this must be the name or the id of a workflow");
        return None;
    }
    if settings.input.len() > MOST_FIELDS {
        reader.fault_at("out-of-range", "input", format!("at most {MOST_FIELDS} fields can be given"));
        return None;
    }
    let path = format!("{}/input", reader.path);
    let mut input = BTreeMap::new();
    for (name, value) in settings.input {
        let given = match &value {
            Value::String(source) => reader.text(source, &format!("{path}/{name}")).map(Given::Computed)?,
            _ => Given::Plain(value),
        };
        input.insert(name, given);
    }
    Some(Box::new(StartWorkflow { workflow, input }))
}

impl Control for StartWorkflow {
    fn enter(&self, context: &Context) -> Result<Next, PlanError> {
        // The event would start nothing (`engine/cause.rs`): better said here, where it can be dealt with.
        if context.depth() >= MAX_DEPTH {
            let message =
                format!("workflows have started each other {MAX_DEPTH} times in a row: this one is not");
            return Err(PlanError(message));
        }
        let mut input = Map::new();
        for (name, given) in &self.input {
            let value = match given {
                Given::Plain(value) => value.clone(),
                Given::Computed(template) => {
                    template.evaluate(context).map_err(|error| PlanError::of(name, &error))?
                }
            };
            input.insert(name.clone(), value);
        }
        Ok(Next::Do(Effect::StartWorkflow { workflow: self.workflow.clone(), input }))
    }

    fn starts(&self) -> Option<&str> {
        Some(&self.workflow)
    }
}
