//! A database's tables as they are: whether what a workflow is started by, reads and writes is still there.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{Source, Trigger};
use super::compile::{Compiler, written};
use super::diagnostics::{Diagnostic, did_you_mean, nearest};
use super::plan::Work;
use super::react_flow::DrawnNode;
use super::resolve::Resolved;
use super::scope::{NameFault, Scope};
use super::subjects::{FieldType, is_stored};

/// The tables of a database, by their names without the schema.
#[derive(Debug, Clone, Default)]
pub struct Tables(BTreeMap<String, Table>);

/// A table as it is.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The types of its columns, by the columns' names: `bigint`.
    pub columns: BTreeMap<String, String>,
    /// Its changes are recorded as events.
    pub recorded: bool,
    /// Why the daemon can't write its rows, if it can't.
    pub unwritable: Option<String>,
}

const MEND: &str = "bring it back, or change the workflow and publish that";

impl Tables {
    /// From each table's name.
    pub fn new(tables: BTreeMap<String, Table>) -> Self {
        Self(tables)
    }

    /// What is wrong where a table must be: it is not there.
    fn without(&self, table: &str) -> Option<NameFault> {
        if !is_stored(table) || self.0.contains_key(table) {
            return None;
        }
        let help = did_you_mean(table, self.0.keys().map(String::as_str));
        let message = format!("this database has no table `{table}`");
        Some(gone("gone-table", message, help.filter(|help| help.starts_with("did"))))
    }

    /// What is wrong where rows of a table are written: it is not there, or not as the daemon writes it.
    fn unwritable(&self, table: &str) -> Option<NameFault> {
        let Some(reason) = self.0.get(table).and_then(|table| table.unwritable.as_ref()) else {
            return self.without(table);
        };
        let message = format!("`{table}` can't be written as it is in this database: {reason}");
        Some(gone("unwritable-table", message, None))
    }

    /// Whether the table is there, and its changes are no events.
    fn is_silent(&self, table: &str) -> bool {
        self.0.get(table).is_some_and(|table| !table.recorded)
    }

    /// What is wrong with reading or writing a column, as that type if one is expected. Nothing where the table itself is
    /// gone: that is said of its node.
    pub(super) fn lacks(&self, table: &str, column: &str, ty: Option<FieldType>) -> Option<NameFault> {
        let known = self.0.get(table)?;
        let Some(kind) = known.columns.get(column) else {
            let renamed = nearest(column, known.columns.keys().map(String::as_str));
            let help = renamed.map(|name| format!("was it renamed `{name}`?"));
            return Some(gone(
                "gone-column",
                format!("`{table}` has no column `{column}` in this database"),
                help,
            ));
        };
        let ty = ty.filter(|ty| !is_read_as(kind, *ty))?;
        let message = format!(
            "`{table}.{column}` is `{kind}` in this database: it can't be read as {}",
            ty.described()
        );
        Some(gone("other-type", message, None))
    }
}

impl Compiler<'_> {
    /// Says which tables that start it are not there, or tell nothing.
    pub(super) fn started_by(
        &mut self,
        node: &DrawnNode,
        sources: &[Source],
        trigger: Option<&dyn Trigger>,
        scope: &Scope<'_>,
    ) {
        let Some(tables) = self.tables else { return };
        let mut told = BTreeSet::new();
        for source in sources.iter().filter(|source| told.insert(&source.table)) {
            if let Some(fault) = tables.without(&source.table) {
                self.diagnostics.push(fault.of_node(node));
            } else if tables.is_silent(&source.table) {
                let message = format!("changes of `{}` are no events: nothing starts", source.table);
                let fault = Diagnostic::warning("silent-table", message).node(&node.id).at(&node.path);
                self.diagnostics.push(fault.help("`thendo attach` has its changes recorded"));
            }
            let anchors = trigger.map(Trigger::anchors).unwrap_or_default();
            let mut columns: Vec<_> = anchors.iter().filter_map(|anchor| anchor.path.first()).collect();
            columns.dedup();
            let lacking = columns.into_iter().filter_map(|column| scope.lacks(source.subject, column));
            self.diagnostics.extend(lacking.map(|fault| fault.of_node(node)));
        }
    }

    /// Says which columns an action needs that are not there; any of `choices` will do.
    pub(super) fn needed_columns(&mut self, node: &DrawnNode, choices: &[&str], scope: &Scope<'_>) {
        let lacks = |choice: &&str| {
            let (of, column) = choice.split_once('.')?;
            let mut subjects = scope.subjects.iter().filter(|subject| of == "*" || of == subject.name);
            subjects.find_map(|subject| scope.lacks(subject, column))
        };
        let faults: Vec<_> = choices.iter().filter_map(lacks).collect();
        if faults.len() == choices.len() {
            self.diagnostics.extend(faults.into_iter().next().map(|fault| fault.of_node(node)));
        }
    }

    /// Says which tables that nodes write are not there, or not as they are written.
    pub(super) fn written_tables(&mut self, resolved: &Resolved<'_>, works: &[Option<Work>]) {
        let Some(tables) = self.tables else { return };
        for ((node, kind), work) in resolved.nodes.iter().zip(works) {
            let written = kind.as_ref().map_or_else(Vec::new, |kind| written(kind, work.as_ref()));
            let mut gone: Vec<_> =
                written.iter().filter_map(|write| tables.unwritable(&write.table)).collect();
            gone.dedup();
            self.diagnostics.extend(gone.into_iter().map(|fault| fault.of_node(node)));
        }
    }
}

impl NameFault {
    /// The same, said of a node as a whole.
    pub(super) fn of_node(self, node: &DrawnNode) -> Diagnostic {
        Diagnostic::error(self.code, self.message).node(&node.id).at(&node.path).maybe_help(self.help)
    }
}

fn gone(code: &'static str, message: String, help: Option<String>) -> NameFault {
    NameFault { code, message, help: Some(help.unwrap_or_else(|| MEND.to_owned())) }
}

/// Whether values of a database's type are what a field of that type is read from.
fn is_read_as(kind: &str, ty: FieldType) -> bool {
    match ty {
        FieldType::Json => true,
        FieldType::Id | FieldType::Text => {
            !matches!(kind, "boolean" | "json" | "jsonb") && !kind.ends_with("[]")
        }
        FieldType::Money | FieldType::Integer => matches!(kind, "smallint" | "integer" | "bigint"),
        FieldType::Number => {
            matches!(kind, "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision")
        }
        FieldType::Boolean => kind == "boolean",
        FieldType::Time => kind.starts_with("timestamp") || kind == "date",
        FieldType::List => kind.ends_with("[]") || matches!(kind, "json" | "jsonb"),
    }
}
