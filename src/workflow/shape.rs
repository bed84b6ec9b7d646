//! JSON whose texts are templates, as settings write it: `{"order": "{{ order.id }}", "lines": [1, 2]}`.

use serde_json::{Map, Value};

use super::catalogue::PlanError;
use super::config::Reader;
use super::context::Context;
use super::diagnostics::segment;
use super::slack::SlackTemplate;
use super::template::Template;

/// Values in one shape.
const MOST_VALUES: usize = 500;
const MAX_DEPTH: usize = 30;

/// JSON whose texts are templates.
#[derive(Debug)]
pub enum Shape {
    /// As it stands.
    Plain(Value),
    /// Its value, with its type if it is exactly one `{{ … }}`.
    Computed(Template),
    /// A text for Slack.
    Slack(SlackTemplate),
    /// Item by item.
    List(Vec<Shape>),
    /// Field by field.
    Object(Vec<(String, Shape)>),
}

/// What its texts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    /// Templates.
    Plain,
    /// Templates whose values are escaped for Slack.
    Slack,
}

impl Shape {
    /// Reads one and tells its faults; `field` is the setting.
    pub fn read(reader: &mut Reader<'_>, value: &Value, field: &str, texts: Texts) -> Option<Self> {
        let path = format!("{}/{field}", reader.path);
        let mut left = MOST_VALUES;
        let read = Self::read_below(reader, value, &path, texts, &mut left, 0);
        if left == 0 {
            let message =
                format!("it has more than {MOST_VALUES} values, or is nested more than {MAX_DEPTH} deep");
            reader.fault_at("out-of-range", field, message);
        }
        read
    }

    fn read_below(
        reader: &mut Reader<'_>,
        value: &Value,
        path: &str,
        texts: Texts,
        left: &mut usize,
        depth: usize,
    ) -> Option<Self> {
        *left = if depth > MAX_DEPTH { 0 } else { left.saturating_sub(1) };
        if *left == 0 {
            return None;
        }
        match value {
            Value::String(source) if texts == Texts::Slack => {
                reader.slack_text(source, path).map(Self::Slack)
            }
            Value::String(source) => reader.text(source, path).map(Self::Computed),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let read = items.map(|(at, item)| {
                    Self::read_below(reader, item, &format!("{path}/{at}"), texts, left, depth + 1)
                });
                read.collect::<Option<_>>().map(Self::List)
            }
            Value::Object(fields) => {
                let read = fields.iter().map(|(name, value)| {
                    let path = format!("{path}/{}", segment(name));
                    let read = Self::read_below(reader, value, &path, texts, left, depth + 1)?;
                    Some((name.clone(), read))
                });
                read.collect::<Option<_>>().map(Self::Object)
            }
            plain => Some(Self::Plain(plain.clone())),
        }
    }

    /// The JSON that it gives.
    ///
    /// # Errors
    /// The first template that gives nothing; the setting is named.
    pub fn value(&self, setting: &str, context: &Context) -> Result<Value, PlanError> {
        let failed = |error| PlanError::of(setting, &error);
        Ok(match self {
            Self::Plain(value) => value.clone(),
            Self::Computed(template) => template.evaluate(context).map_err(failed)?,
            Self::Slack(template) => Value::String(template.render(context).map_err(failed)?),
            Self::List(items) => {
                items.iter().map(|item| item.value(setting, context)).collect::<Result<_, _>>()?
            }
            Self::Object(fields) => {
                let fields =
                    fields.iter().map(|(name, field)| Ok((name.clone(), field.value(setting, context)?)));
                Value::Object(fields.collect::<Result<Map<_, _>, PlanError>>()?)
            }
        })
    }
}
