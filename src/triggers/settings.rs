//! What settings of several kinds have in common: choices of states and of columns.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::workflow::subjects::Subject;

/// One text, or several of which any will do; nothing or an empty list: any at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice(Vec<String>);

impl Choice {
    /// Whether the value is among them.
    pub fn admits(&self, value: Option<&Value>) -> bool {
        self.0.is_empty()
            || value.and_then(Value::as_str).is_some_and(|value| self.0.iter().any(|one| one == value))
    }

    /// All of them; none if any will do.
    pub fn all(&self) -> &[String] {
        &self.0
    }

    /// The only one, if there is only one.
    pub fn only(&self) -> Option<&str> {
        match self.0.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            One(String),
            Several(Vec<String>),
        }
        Ok(match Option::<Written>::deserialize(deserializer)? {
            None => Self::default(),
            Some(Written::One(one)) => Self(vec![one]),
            Some(Written::Several(several)) => Self(several),
        })
    }
}

impl JsonSchema for Choice {
    fn schema_name() -> Cow<'static, str> {
        "Choice".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]})
    }
}

/// The schema, with the states that [`Choice`]s may name.
pub fn of_states(mut schema: Value, settings: &[&str], states: &[&str]) -> Value {
    for setting in settings {
        let choices = &mut schema["properties"][setting]["anyOf"];
        choices[0]["enum"] = json!(states);
        choices[1]["items"]["enum"] = json!(states);
    }
    schema
}

/// The schema, with the columns that a list may name.
pub fn of_columns(mut schema: Value, setting: &str, subject: &Subject) -> Value {
    let names: Vec<&str> = subject.fields.iter().map(|field| field.name).collect();
    schema["properties"][setting]["items"]["enum"] = json!(names);
    schema
}
