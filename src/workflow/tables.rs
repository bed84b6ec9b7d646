//! A database's tables as they are: what of them is not there, tells nothing, or takes no rows of workflows.

use std::collections::BTreeMap;

use super::catalogue::{Source, Trigger, Write};
use super::diagnostics::{Diagnostic, did_you_mean, nearest};
use super::scope::NameFault;
use super::subjects::{FieldType, is_stored};
use crate::domain::effect::EffectKind;
use crate::domain::event::Operation;

/// What is said of a database's tables only: docs/diagnostics.md.
pub const OF_TABLES: &[&str] = &["gone-table", "gone-column", "other-type", "refused-effect", "silent-table"];

/// The tables of a database, by their names without the schema, and what it refuses.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    tables: BTreeMap<String, Table>,
    refused: BTreeMap<EffectKind, Refusal>,
}

/// Why effects of a kind can't be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In words.
    pub reason: String,
    /// The mend, if it is known.
    pub help: Option<String>,
}

/// A table as it is.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// By their names.
    pub columns: BTreeMap<String, Column>,
    /// Which changes are recorded as events.
    pub recorded: Vec<Operation>,
    /// They are to be recorded, as `event_tables` says.
    pub listed: bool,
    /// Its primary key, if that is one column: the name.
    pub key: Option<String>,
    /// The columns that the setting rows.allow names; nothing if it does not name the table.
    pub allowed: Option<Vec<String>>,
    /// What row level security lets the daemon do with rows.
    pub admits: May,
}

/// A column as it is.
#[derive(Debug, Clone, Default)]
pub struct Column {
    /// Its type: `bigint`.
    pub kind: String,
    /// What the daemon may do with its values.
    pub may: May,
    /// A new row can't do without it: it must not be null, and nothing else gives it a value.
    pub needed: bool,
}

/// What the daemon may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct May {
    /// See it.
    pub read: bool,
    /// Write it into new rows.
    pub insert: bool,
    /// Change it.
    pub update: bool,
}

impl May {
    /// All of it.
    pub const ALL: Self = Self { read: true, insert: true, update: true };

    fn write(self, operation: Operation) -> bool {
        match operation {
            Operation::Insert => self.insert,
            Operation::Update => self.update,
            Operation::Delete => false,
        }
    }
}

const MEND: &str = "bring it back, or change the workflow and publish that";
const TAKE_OVER: &str =
    "`thendo migrate` gives the daemon the rights again that the setting rows.allow names";

impl Tables {
    /// From each table's name, and by kind the effects that can't be carried out.
    pub fn new(tables: BTreeMap<String, Table>, refused: BTreeMap<EffectKind, Refusal>) -> Self {
        Self { tables, refused }
    }

    /// What is wrong where a table must be: it is not there.
    pub(super) fn without(&self, table: &str) -> Option<NameFault> {
        if !is_stored(table) || self.tables.contains_key(table) {
            return None;
        }
        let help = did_you_mean(table, self.tables.keys().map(String::as_str));
        let message = format!("this database has no table `{table}`");
        Some(gone("gone-table", message, help.filter(|help| help.starts_with("did"))))
    }

    /// What is wrong with effects of a kind: the database can't carry them out.
    pub(super) fn refuses(&self, effect: EffectKind) -> Option<NameFault> {
        let Refusal { reason, help } = self.refused.get(&effect)?;
        Some(gone(
            "refused-effect",
            format!("the database can't carry this out as it is: {reason}"),
            help.clone(),
        ))
    }

    /// What is wrong with reading or writing a column, as that type if one is expected. Nothing where the table itself is
    /// gone: that is said of its node.
    pub(super) fn lacks(&self, table: &str, column: &str, ty: Option<FieldType>) -> Option<NameFault> {
        let known = self.tables.get(table)?;
        let Some(found) = known.columns.get(column) else {
            let renamed = nearest(column, known.columns.keys().map(String::as_str));
            let help = renamed.map(|name| format!("was it renamed `{name}`?"));
            let message = format!("`{table}` has no column `{column}` in this database");
            return Some(gone("gone-column", message, help));
        };
        let ty = ty.filter(|ty| !is_read_as(&found.kind, *ty))?;
        let (kind, described) = (&found.kind, ty.described());
        let message =
            format!("`{table}.{column}` is `{kind}` in this database: it can't be read as {described}");
        Some(gone("other-type", message, None))
    }

    /// What is wrong with a row that a workflow's own settings describe: with the table, its rights, or what it needs.
    pub(super) fn refuses_row(&self, write: &Write, set: &[&str]) -> Option<NameFault> {
        let (name, operation) = (&*write.table, write.operation);
        let table = self.tables.get(name)?;
        let refused =
            |message: String, help: &str| Some(gone("refused-effect", message, Some(help.to_owned())));
        let allowed =
            |column: &&&str| table.allowed.as_ref().is_some_and(|all| all.iter().any(|of| of == *column));
        let foreign = set.iter().find(|column| !allowed(column));
        if let Some(column) = foreign {
            let what =
                if table.allowed.is_none() { format!("`{name}`") } else { format!("`{column}` of `{name}`") };
            let help = "name it in the setting rows.allow, and run `thendo migrate`";
            return refused(format!("workflows may not write {what}"), help);
        }
        let Some(key) = &table.key else {
            let message = format!("`{name}` has no primary key of one column");
            return refused(message, "give it one, or change the workflow and publish that");
        };
        let may = |column: &str, is: fn(May, Operation) -> bool| {
            table.columns.get(column).is_none_or(|known| is(known.may, operation))
        };
        // The daemon gives an id of its own where none is set.
        let makes_key = operation == Operation::Insert
            && !set.contains(&&**key)
            && table.columns.get(key).is_some_and(|key| key.kind == "uuid");
        let written: Vec<&str> = set.iter().copied().chain(makes_key.then_some(&**key)).collect();
        let is_kept_out = !table.admits.read || !table.admits.write(operation);
        if is_kept_out
            || written.iter().any(|column| !may(column, May::write))
            || written.iter().chain([&&**key]).any(|column| !may(column, |may, _| may.read))
        {
            let message = format!(
                "the daemon's role, thendo_engine, has no right or no policy to {} rows of `{name}` any more",
                operation.as_str()
            );
            return refused(message, TAKE_OVER);
        }
        let mut needed =
            table.columns.iter().filter(|(_, column)| column.needed && operation == Operation::Insert);
        let (lacking, _) = needed.find(|(column, _)| !written.contains(&column.as_str()))?;
        let message = format!("`{name}.{lacking}` must have a value by now, and nothing gives it one");
        refused(message, "set it here, or give it a default")
    }

    /// What is wrong with what a trigger hears: tables that are gone or tell nothing, columns that it reads itself.
    pub(super) fn unheard(&self, sources: &[Source], trigger: Option<&dyn Trigger>) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = Vec::new();
        let anchors = trigger.map(Trigger::anchors).unwrap_or_default();
        let mut columns: Vec<&str> =
            anchors.iter().filter_map(|anchor| anchor.path.first()).map(|c| &**c).collect();
        columns.extend(trigger.map(Trigger::columns).unwrap_or_default());
        columns.sort_unstable();
        columns.dedup();
        // Settings that can't be read may not have said which table.
        for source in sources.iter().filter(|source| !source.table.is_empty()) {
            if let Some(fault) = self.without(&source.table) {
                found.push(fault.into());
            }
            found.extend(self.silent(source));
            let lacks = |column: &&str| {
                let ty = source.subject.field(column).map(|field| field.ty);
                self.lacks(&source.table, column, ty)
            };
            found.extend(columns.iter().filter_map(lacks).map(Diagnostic::from));
        }
        found
    }

    /// Says which changes of a table are no events.
    fn silent(&self, source: &Source) -> Option<Diagnostic> {
        let table = self.tables.get(&*source.table)?;
        let lost: Vec<&str> = source
            .operations
            .iter()
            .filter(|operation| !table.recorded.contains(operation))
            .map(|operation| operation.as_str())
            .collect();
        let which = match lost.len() {
            0 => return None,
            _ if table.recorded.is_empty() => "changes".to_owned(),
            _ => format!("{}s", lost.join("s and ")),
        };
        let message = format!("{which} of `{}` are no events: nobody hears of them", source.table);
        let help = match table.listed {
            true => "`thendo attach` has them recorded".to_owned(),
            false => format!(
                "`select record_events_of('{}', 'shop')` has them recorded",
                source.table.replace('\'', "''")
            ),
        };
        Some(Diagnostic::warning("silent-table", message).help(help))
    }
}

impl From<NameFault> for Diagnostic {
    fn from(fault: NameFault) -> Self {
        Self::error(fault.code, fault.message).maybe_help(fault.help)
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
