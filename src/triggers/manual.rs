//! `manual`: somebody starts the workflow by hand.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::MADE;
use crate::domain::event::Event;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema};
use crate::workflow::config::Reader;
use crate::workflow::subjects::MANUAL;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "manual",
        label: "Started by hand",
        docs: "Starts when an admin, or another workflow, starts it. What they give is `manual.input`.",
        icon: "hand-click",
        example: r#"{"input": [{"name": "note", "label": "A note for the team", "type": "text"}]}"#,
        schema: schema::<Manual>,
    },
    sources: SOURCES,
    build,
};

const SOURCES: &[Source] = &[Source::of(&MANUAL, MADE)];
const MOST_FIELDS: usize = 50;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manual {
    /// What whoever starts it is asked for.
    #[serde(default)]
    input: Vec<InputField>,
}

/// A field of the form.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the editor draws the form from the drawn settings")]
struct InputField {
    /// The field in `manual.input`: letters, digits and `_`.
    name: String,
    /// What the form says beside it.
    #[serde(default)]
    label: Option<String>,
    /// What it takes.
    #[serde(default, rename = "type")]
    of: InputType,
    /// Whether it must be filled in.
    #[serde(default)]
    required: bool,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum InputType {
    #[default]
    Text,
    Number,
    Boolean,
    Date,
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Trigger>> {
    let read = reader.read::<Manual>()?;
    if read.input.len() > MOST_FIELDS {
        reader.fault_at("out-of-range", "input", format!("a form has at most {MOST_FIELDS} fields"));
        return None;
    }
    for (at, field) in read.input.iter().enumerate() {
        let path = format!("{}/input/{at}", reader.path);
        let starts = field.name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_name = starts && field.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name || field.name.len() > 63 {
            reader.fault_below(&path, "invalid-name", "name", "a name has up to 63 letters, digits and `_`");
        } else if read.input.iter().take(at).any(|other| other.name == field.name) {
            reader.fault_below(
                &path,
                "duplicate-name",
                "name",
                format!("`{}` is asked for twice", field.name),
            );
        }
    }
    Some(Box::new(read))
}

impl Trigger for Manual {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, _event: &Event) -> bool {
        true
    }

    fn is_addressed(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made};
    use super::*;

    #[test]
    fn it_starts_what_it_is_addressed_to() {
        assert!(counts(&KIND, json!({}), &made("thendo.manual", json!({}))));
        assert!(built(&KIND, json!({})).expect("builds").is_addressed());
        assert!(!counts(&KIND, json!({}), &made("thendo.schedule", json!({}))));
    }

    #[test]
    fn fields_have_names_of_their_own() {
        let fault = |input: serde_json::Value| {
            built(&KIND, json!({"input": input})).map(|_| ()).expect_err("a fault")
        };
        assert_eq!(fault(json!([{"name": "a b"}])), ["invalid-name /input/0/name"]);
        assert_eq!(fault(json!([{"name": ""}])), ["invalid-name /input/0/name"]);
        assert_eq!(fault(json!([{"name": "a"}, {"name": "a"}])), ["duplicate-name /input/1/name"]);
        assert_eq!(fault(json!([{"name": "a", "type": "colour"}])), ["unknown-value /input/0/type"]);
        let many: Vec<_> = (0..51).map(|n| json!({"name": format!("f{n}")})).collect();
        assert_eq!(fault(json!(many)), ["out-of-range /input"]);
    }
}
