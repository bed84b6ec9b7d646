//! `insert_row`: add a row, in tables that the settings allow.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::update_row::{Columns, templates, values};
use crate::domain::effect::{Effect, EffectKind, Key, Rows};
use crate::domain::event::Operation;
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, Write, schema};
use crate::workflow::context::Context;
use crate::workflow::subjects::{Field, FieldType};

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "insert_row",
        label: "Insert row",
        docs: "Adds one row. Only tables and columns that the setting `rows.allow` names can be written. `row` is its primary key.",
        icon: "table-plus",
        example: r#"{"table": "quotes", "set": {"customer_id": "{{ customer.id }}", "title": "Follow-up", "amount": 50000}}"#,
        schema: schema::<InsertRow>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("insert_row"),
    writes: &[],
    needs: &[],
    result: &[Field::new("row", FieldType::Text)],
    build: |reader| {
        let read: InsertRow = reader.read()?;
        let set = templates(reader, &read.table, &read.set);
        Some(Box::new(Insert { table: read.table, set }))
    },
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InsertRow {
    /// The table, without its schema.
    table: String,
    /// Columns and their values: values, or templates; one `{{ … }}` keeps its type.
    set: BTreeMap<String, Value>,
}

#[derive(Debug)]
struct Insert {
    table: String,
    set: Columns,
}

impl Action for Insert {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let rows =
            Rows::new("insert_row", json!({ "table": self.table, "set": values(&self.set, context)? }));
        Ok(Effect::Rows(rows.of_table(&self.table, Some(Key::Own))))
    }

    fn writes(&self) -> Vec<Write> {
        vec![Write { table: self.table.clone().into(), operation: Operation::Insert }]
    }

    fn sets(&self) -> Vec<&str> {
        self.set.keys().map(String::as_str).collect()
    }
}
