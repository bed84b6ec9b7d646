//! `set`: give names to values, for the nodes that follow.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::workflow::catalogue::{About, ControlKind, PlanError, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::control::{Control, Next};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ControlKind = ControlKind {
    about: About {
        name: "set",
        label: "Set variables",
        docs: "Gives names to values: later nodes see them as `vars.NAME`. In the body of a loop they are the item's own.",
        icon: "variable",
        example: r#"{"vars": {"share": "{{ order.total // 10 }}", "greeting": "Dear {{ customer.name }}", "vip": true}}"#,
        schema: schema::<Settings>,
    },
    branches: &[],
    result: &[],
    build,
};

const MOST: usize = 50;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes the settings; they are read by `build`, which names every fault")]
struct Settings {
    /// Names (small letters, digits and `_`) and their values: templates, numbers, true and false, lists, objects.
    vars: BTreeMap<String, Value>,
}

/// A value as it was written.
#[derive(Debug)]
enum Written {
    Plain(Value),
    Computed(Template),
}

#[derive(Debug)]
struct Set(BTreeMap<String, Written>);

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Control>> {
    let settings = reader.read::<Value>()?;
    let vars = settings.get("vars").and_then(Value::as_object)?;
    let path = format!("{}/vars", reader.path);
    if vars.is_empty() || vars.len() > MOST {
        let message = format!("`vars` must have from 1 to {MOST} names");
        reader.fault_at("out-of-range", "vars", message);
        return None;
    }
    let mut set = BTreeMap::new();
    for (name, value) in vars {
        if !is_name(name) {
            let message = format!("`{name}` is no name: use small letters, digits and `_`, a letter first");
            reader.fault_below(&path, "invalid-name", name, message);
            continue;
        }
        let written = match value {
            Value::String(source) => {
                let at = format!("{path}/{name}");
                reader.text(source, &at).map(Written::Computed)
            }
            other => Some(Written::Plain(other.clone())),
        };
        set.extend(written.map(|written| (name.clone(), written)));
    }
    (set.len() == vars.len()).then(|| Box::new(Set(set)) as Box<dyn Control>)
}

fn is_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(known)
}

impl Control for Set {
    fn enter(&self, context: &Context) -> Result<Next, PlanError> {
        let mut vars = Map::new();
        for (name, written) in &self.0 {
            let value = match written {
                Written::Plain(value) => value.clone(),
                Written::Computed(template) => {
                    template.evaluate(context).map_err(|error| PlanError::of(name, &error))?
                }
            };
            vars.insert(name.clone(), value);
        }
        let shown = vars.iter().map(|(name, value)| {
            let value: String = value.to_string().chars().take(60).collect();
            format!("{name} is {value}")
        });
        let why = shown.take(8).collect::<Vec<_>>().join(", ");
        Ok(Next::Set { vars, why })
    }

    fn sets(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}
