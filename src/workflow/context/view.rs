//! The context as templates see it: converted field by field, when one is asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectExt, Value as Dynamic};
use minijinja::{Error, ErrorKind};
use serde_json::Value;

use super::{Context, time};
use crate::domain::event::Row;
use crate::domain::ids::NodeId;
use crate::domain::mail::UNSUBSCRIBE_MARK;
use crate::workflow::guarded::size_of;

/// A field of a row that is larger than this can't be read by templates.
const MAX_FIELD_BYTES: usize = 64 * 1024;

/// The context as templates see it.
pub(super) fn of(context: &Context) -> Dynamic {
    Dynamic::from_object(View { context: context.clone(), rows: Default::default() })
}

#[derive(Debug)]
struct View {
    context: Context,
    /// `customer`, `old`, `vars`, the row, the awaited one and `values`, as far as they were asked for.
    rows: [OnceLock<Dynamic>; 6],
}

impl Object for View {
    fn get_value(self: &Arc<Self>, key: &Dynamic) -> Option<Dynamic> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Dynamic> {
        let context = &self.context;
        let row = |at: usize, fields: &Arc<Row>| self.rows[at].get_or_init(|| row(fields)).clone();
        Some(match key {
            "event" => {
                let head = &context.event;
                Dynamic::from_pairs([
                    ("id", Dynamic::from(head.id.to_string())),
                    ("type", Dynamic::from(&*head.kind)),
                    ("at", dynamic(&time(head.at))),
                ])
            }
            // Ours, so that HTML need not escape it.
            "unsubscribe_url" => Dynamic::from_safe_string(UNSUBSCRIBE_MARK.into()),
            "now" => dynamic(&time(context.now)),
            "steps" => Dynamic::from_object(Steps(context.steps.clone())),
            "customer" => row(0, context.customer.as_ref()?),
            "old" => row(1, &context.old),
            "vars" => row(2, &context.vars),
            "item" => bounded("item", &context.item.as_ref()?.value),
            "index" => Dynamic::from(context.item.as_ref()?.index),
            "awaited" => row(4, context.awaited.as_ref()?),
            "values" => row(5, context.values.as_ref()?),
            name if name == &*context.subject => row(3, &context.row),
            _ => return None,
        })
    }
}

fn row(fields: &Arc<Row>) -> Dynamic {
    Dynamic::from_object(Fields { row: fields.clone(), large: Mutex::default() })
}

fn dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::from(()),
        Value::Bool(flag) => Dynamic::from(*flag),
        Value::String(text) => Dynamic::from(text.as_str()),
        Value::Number(number) => number
            .as_i64()
            .map(Dynamic::from)
            .or_else(|| number.as_u64().map(Dynamic::from))
            .unwrap_or_else(|| Dynamic::from(number.as_f64().unwrap_or(f64::NAN))),
        Value::Array(items) => items.iter().map(dynamic).collect(),
        Value::Object(map) => {
            Dynamic::from_pairs(map.iter().map(|(key, value)| (key.as_str(), dynamic(value))))
        }
    }
}

/// The value, or, if it is larger than a template may work with, the error of reading it.
fn bounded(name: &str, value: &Value) -> Dynamic {
    let value = dynamic(value);
    if size_of(&value, MAX_FIELD_BYTES) <= MAX_FIELD_BYTES {
        return value;
    }
    let most = MAX_FIELD_BYTES / 1024;
    let message = format!("`{name}` is larger than the {most} KiB that templates can read");
    Dynamic::from(Error::new(ErrorKind::InvalidOperation, message))
}

#[derive(Debug)]
struct Fields {
    row: Arc<Row>,
    /// What is dear to convert is converted once, however often a loop reads it.
    large: Mutex<BTreeMap<String, Dynamic>>,
}

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Dynamic) -> Option<Dynamic> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Dynamic> {
        let value = self.row.get(key)?;
        let small = match value {
            Value::String(text) => text.len() < 256,
            Value::Array(_) | Value::Object(_) => false,
            _ => true,
        };
        if small {
            return Some(dynamic(value));
        }
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        Some(large.entry(key.to_owned()).or_insert_with(|| bounded(key, value)).clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| Box::new(this.row.keys().map(|key| Dynamic::from(key.as_str()))))
    }

    /// A whole row as text is of no use to anyone, and may be long.
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{…}")
    }
}

#[derive(Debug)]
struct Steps(Arc<BTreeMap<NodeId, Value>>);

impl Object for Steps {
    fn get_value(self: &Arc<Self>, key: &Dynamic) -> Option<Dynamic> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Dynamic> {
        self.0.get(&NodeId::from(key)).map(dynamic)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| Box::new(this.0.keys().map(|id| Dynamic::from(id.as_str()))))
    }
}
