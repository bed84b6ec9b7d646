//! What the editor, the docs and `thendo catalog` know of a kind: all of it, from the catalogue alone.

use serde::Serialize;
use serde_json::{Value, json};

use super::build::FILTER;
use super::catalogue::{Catalogue, Kind, RetryClass};
use super::plan::ERROR;
use super::subjects::Field;

/// A kind, as the editor is told of it.
#[derive(Debug, Clone, Serialize)]
pub struct Described {
    /// `trigger`, `condition`, `control`, `action`.
    pub role: &'static str,
    /// As drawings spell it.
    pub name: &'static str,
    /// As people read it.
    pub label: &'static str,
    /// What it does.
    pub docs: &'static str,
    /// The name of its icon (Tabler's).
    pub icon: &'static str,
    /// The JSON Schema of its settings; a trigger's with its `filter`.
    pub schema: Value,
    /// Settings that work.
    pub example: Value,
    /// Ways out that have names whatever its settings are.
    pub branches: &'static [&'static str],
    /// The setting whose items name further branches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branches_from: Option<&'static str>,
    /// The branch by which it is left when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_branch: Option<&'static str>,
    /// What later nodes see as `steps.NODE`.
    pub result: &'static [Field],
    /// What a trigger's events are about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gives: Option<Vec<Gives>>,
    /// The JSON Schema of `flow`, which a trigger may have beside its settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<Value>,
    /// What an action reads itself, beside its templates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<Vec<&'static str>>,
    /// The rows that an action writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<Vec<Writes>>,
    /// How often an action's effect may be tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryClass>,
    /// The JSON Schema of `retry`, which an action may have beside its settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_schema: Option<Value>,
}

/// Rows whose changes a trigger looks at.
#[derive(Debug, Clone, Serialize)]
pub struct Gives {
    /// What the row is called in settings: `order`.
    pub subject: &'static str,
    /// The table, without its schema.
    pub table: String,
    /// `insert`, `update`, `delete`.
    pub operations: Vec<&'static str>,
    /// Its fields.
    pub fields: &'static [Field],
    /// There may be others, of which nothing is known.
    pub open: bool,
}

/// Rows that an action writes.
#[derive(Debug, Clone, Serialize)]
pub struct Writes {
    /// The table, without its schema.
    pub table: &'static str,
    /// `insert`, `update`, `delete`.
    pub operation: &'static str,
}

/// Every kind, in the order of the lists.
pub fn describe_all(catalogue: &Catalogue) -> Vec<Described> {
    catalogue.kinds().map(|kind| describe(&kind)).collect()
}

/// One kind.
pub fn describe(kind: &Kind<'_>) -> Described {
    let about = kind.about();
    let branches = match kind {
        Kind::Condition(kind) => kind.branches,
        Kind::Control(kind) => kind.branches,
        Kind::Trigger(_) | Kind::Action(_) => &[],
    };
    let gives = match kind {
        Kind::Trigger(kind) => Some(kind.sources.iter().map(|source| Gives {
            subject: source.subject.name,
            table: source.table.clone().into_owned(),
            operations: source.operations.iter().map(|operation| operation.as_str()).collect(),
            fields: source.subject.fields,
            open: source.subject.open,
        })),
        _ => None,
    };
    let action = match kind {
        Kind::Action(kind) => Some(*kind),
        _ => None,
    };
    Described {
        role: kind.role(),
        name: about.name,
        label: about.label,
        docs: about.docs,
        icon: about.icon,
        schema: schema_of(kind),
        // That it is JSON is tested for every kind.
        example: serde_json::from_str(about.example).unwrap_or(Value::Null),
        branches,
        branches_from: branches_from(kind),
        error_branch: (!matches!(kind, Kind::Trigger(_))).then_some(ERROR),
        result: kind.result(),
        gives: gives.map(Iterator::collect),
        flow: matches!(kind, Kind::Trigger(_)).then(super::flow::schema),
        needs: action.map(|kind| kind.needs.iter().map(|need| need.path).collect()),
        writes: action.map(|kind| {
            let writes = kind.writes.iter();
            writes.map(|to| Writes { table: &to.table, operation: to.operation.as_str() }).collect()
        }),
        retry: action.map(|kind| kind.retry),
        retry_schema: action.map(|_| super::retry::retry_schema()),
    }
}

/// Conditions without branches of their own have them from a list of their settings.
fn branches_from(kind: &Kind<'_>) -> Option<&'static str> {
    let Kind::Condition(kind) = kind else { return None };
    let schema = (kind.about.schema)();
    let lists = ["branches", "cases"].into_iter();
    lists.filter(|_| kind.branches.is_empty()).find(|list| schema["properties"][*list].is_object())
}

/// The JSON Schema of a kind's settings. A trigger's has its `filter`, which the compiler reads for all of them.
pub fn schema_of(kind: &Kind<'_>) -> Value {
    let mut schema = (kind.about().schema)();
    if let (Kind::Trigger(_), Some(members)) = (kind, schema.as_object_mut()) {
        let properties = members.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.insert(FILTER.to_owned(), filter_schema());
        }
    }
    schema
}

fn filter_schema() -> Value {
    json!({
        "description": "What else must hold of the event, checked before anything starts: rules, or one expression.",
        "anyOf": [
            {
                "type": "object",
                "properties": {"expression": {
                    "type": "string", "format": "expression", "description": "Such as `order.total >= 10000`."
                }},
                "required": ["expression"],
                "additionalProperties": false,
            },
            {
                "type": "object",
                "properties": {
                    "combinator": {"type": ["string", "null"], "description": "`and` or `or`."},
                    "not": {"type": "boolean", "default": false, "description": "Turn the result round."},
                    "rules": {
                        "type": "array",
                        "items": true,
                        "description": "Rules `{field, operator, value}` and groups."
                    },
                },
                "required": ["rules"],
            },
            {"type": "null"},
        ],
    })
}
