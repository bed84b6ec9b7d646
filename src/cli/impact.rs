//! What the database's schema, as it is, breaks: statements of the daemon, and workflows that run.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::output::{BAD, GOOD, one_line, print_line};
use super::validate::{self, Source};
use super::workflow::source_of;
use crate::kinds;
use crate::store::session::Sql;
use crate::store::shape::{self, Running};
use crate::store::{self, versions};
use crate::workflow::compile::compile_for;
use crate::workflow::diagnostics::{Diagnostic, any_error};
use crate::workflow::tables::{Table, Tables};

/// What the schema breaks, and what it only makes doubtful.
#[derive(Debug, Default)]
pub(super) struct Impact {
    /// Whether the schema is this release's, so that tables and statements tell something.
    is_ours: bool,
    /// How many versions run.
    versions: usize,
    /// Those with something to say of.
    told: Vec<(Running, Source, Vec<Diagnostic>)>,
    /// Statements that the database can't take, and why.
    statements: Vec<Refused>,
}

/// A statement of the daemon that the database can't take, and why.
type Refused = (&'static Sql, String);

/// Compiles every version that runs for the tables as they are, and has the database read every statement of the daemon.
/// Beside a schema that is not this release's, tables tell nothing: then only whether this release compiles them.
///
/// # Errors
/// When the database can't be asked.
pub(super) async fn of_schema(connection: &mut PgConnection, is_ours: bool) -> anyhow::Result<Impact> {
    let mut impact = Impact { is_ours, ..Impact::default() };
    for statement in store::statements().filter(|_| is_ours) {
        if let Some(reason) = shape::refusal(connection, statement.text).await? {
            impact.statements.push((statement, reason));
        }
    }
    let tables = if is_ours { Some(tables(connection, &impact.statements).await?) } else { None };
    let catalogue = kinds::catalogue();
    let mut page = shape::running(connection, None).await?;
    while let Some(last) = page.pop() {
        let next = shape::running(connection, Some(&last)).await?;
        for version in page.into_iter().chain([last]) {
            impact.versions += 1;
            let (drawing, found) = match versions::read(&version.definition) {
                Ok(drawing) => {
                    let found = compile_for(&drawing, &catalogue, tables.as_ref()).diagnostics;
                    (drawing, found)
                }
                Err(reason) => (Value::Null, vec![Diagnostic::error("not-json", reason)]),
            };
            if !found.is_empty() {
                let name = format!("{} (version {})", version.name, version.number);
                impact.told.push((version, source_of(&name, drawing), found));
            }
        }
        page = next;
    }
    Ok(impact)
}

async fn tables(connection: &mut PgConnection, refused: &[Refused]) -> sqlx::Result<Tables> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for column in shape::columns(connection).await? {
        let table = tables.entry(column.table).or_default();
        table.recorded = column.recorded;
        table.columns.extend(column.name.zip(column.kind));
    }
    for (statement, reason) in refused {
        for table in statement.written() {
            if let Some(table) = tables.get_mut(table) {
                table.unwritable = Some(reason.clone());
            }
        }
    }
    Ok(Tables::new(tables))
}

impl Impact {
    /// Whether something that runs can't run on as it is.
    pub(super) fn breaks(&self) -> bool {
        !self.statements.is_empty() || self.told.iter().any(|(.., found)| any_error(found))
    }

    /// For programs: the versions with something to say of, and the statements.
    pub(super) fn as_json(&self) -> (Value, Value) {
        let workflow = |(version, _, found): &(Running, Source, Vec<Diagnostic>)| {
            json!({"id": version.id, "name": version.name, "version": version.number, "in_force": version.in_force,
                   "breaks": any_error(found), "diagnostics": found})
        };
        let statement = |(sql, reason): &Refused| json!({"statement": sql.name, "reason": reason});
        (self.told.iter().map(workflow).collect(), self.statements.iter().map(statement).collect())
    }

    /// For people.
    pub(super) fn print(&self) -> anyhow::Result<()> {
        for (version, source, found) in &self.told {
            validate::explain(source, found);
            if any_error(found) {
                let rest =
                    if version.in_force { "is broken" } else { "is broken, and executions rest on it" };
                let (name, number) = (one_line(&version.name), version.number);
                print_line(format_args!("{BAD}✗{BAD:#} `{name}`, version {number}, {rest}"))?;
            }
        }
        for (sql, reason) in &self.statements {
            let name = sql.name;
            print_line(format_args!("{BAD}✗{BAD:#} the daemon can't `{name}`: {}", one_line(reason)))?;
        }
        if !self.breaks() && self.is_ours {
            let what = match self.versions {
                0 => "the daemon's statements fit".to_owned(),
                1 => "the daemon's statements and the one workflow that runs fit".to_owned(),
                many => format!("the daemon's statements and the {many} workflows that run fit"),
            };
            print_line(format_args!("{GOOD}●{GOOD:#} {what} the tables as they are"))?;
        }
        Ok(())
    }
}
