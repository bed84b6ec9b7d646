//! `update_row`: change columns of a row, in tables that the settings allow.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::given::line_of;
use crate::domain::effect::{Effect, EffectKind, Key, Rows};
use crate::domain::event::Operation;
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, Write, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::diagnostics::segment;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "update_row",
        label: "Update row",
        docs: "Changes columns of one row, found by its primary key. Only tables and columns that the setting `rows.allow` names \
               can be written; what the row was before is in the step.",
        icon: "table-options",
        example: r#"{"table": "quotes", "row": "{{ order.note }}", "set": {"status": "accepted"}}"#,
        schema: schema::<UpdateRow>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("update_row"),
    writes: &[],
    needs: &[],
    result: &[Field::new("row", FieldType::Text), Field::new("changed", FieldType::Boolean)],
    build: |reader| {
        let read: UpdateRow = reader.read()?;
        let set = templates(reader, &read.table, &read.set);
        Some(Box::new(Update { table: read.table, row: read.row, set }))
    },
};

const MOST_COLUMNS: usize = 50;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRow {
    /// The table, without its schema.
    table: String,
    /// The row's primary key.
    row: Template,
    /// Columns and what they become: values, or templates; one `{{ … }}` keeps its type.
    set: BTreeMap<String, Value>,
}

#[derive(Debug)]
struct Update {
    table: String,
    row: Template,
    set: Columns,
}

/// Columns, each with a value or a template.
pub(super) type Columns = BTreeMap<String, Given>;

#[derive(Debug)]
pub(super) enum Given {
    Value(Value),
    Template(Template),
}

/// Reads what columns are given, and checks their names.
pub(super) fn templates(reader: &mut Reader<'_>, table: &str, set: &BTreeMap<String, Value>) -> Columns {
    reader.table(table);
    if set.is_empty() || set.len() > MOST_COLUMNS {
        reader.fault_at("out-of-range", "set", format!("1 to {MOST_COLUMNS} columns can be set"));
    }
    let mut columns = Columns::new();
    for (column, value) in set {
        let path = format!("{}/set/{}", reader.path, segment(column));
        reader.column(table, column, path.clone());
        let given = match value {
            Value::String(text) => reader.text(text, &path).map(Given::Template),
            value => Some(Given::Value(value.clone())),
        };
        columns.extend(given.map(|given| (column.clone(), given)));
    }
    columns
}

/// The columns' values.
pub(super) fn values(columns: &Columns, context: &Context) -> Result<Map<String, Value>, PlanError> {
    let value = |(column, given): (&String, &Given)| match given {
        Given::Value(value) => Ok((column.clone(), value.clone())),
        Given::Template(template) => {
            let value = template
                .evaluate(context)
                .map_err(|error| PlanError::of(&format!("set.{column}"), &error))?;
            Ok((column.clone(), value))
        }
    };
    columns.iter().map(value).collect()
}

impl Action for Update {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let row = line_of("row", &self.row, context, 1_000)?;
        let input = json!({ "table": self.table, "row": row, "set": values(&self.set, context)? });
        let rows = Rows::new("update_row", input);
        Ok(Effect::Rows(rows.of_table(&self.table, row.parse().ok().map(Key::Of))))
    }

    fn writes(&self) -> Vec<Write> {
        vec![Write { table: self.table.clone().into(), operation: Operation::Update }]
    }

    fn sets(&self) -> Vec<&str> {
        self.set.keys().map(String::as_str).collect()
    }
}
