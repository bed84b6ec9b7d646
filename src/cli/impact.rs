//! What the database's schema, as it is, breaks: statements of the daemon, and workflows that run.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::output::{BAD, GOOD, QUIET, WAIT, one_line, print_line};
use super::validate::{self, Source};
use super::workflow::source_of;
use crate::database::role;
use crate::domain::effect::EffectKind;
use crate::domain::event::Operation;
use crate::kinds;
use crate::store::effects::carried_by;
use crate::store::session::Sql;
use crate::store::shape::{self, Running};
use crate::store::{self, versions};
use crate::workflow::compile::compile_for;
use crate::workflow::diagnostics::{Diagnostic, Severity, any_error};
use crate::workflow::tables::{Column, May, OF_TABLES, Refusal, Table, Tables};

/// What the schema breaks, and what it only makes doubtful.
#[derive(Debug, Default)]
pub(super) struct Impact {
    /// Whether the schema is this release's, so that tables and statements tell something.
    is_ours: bool,
    /// How many versions run.
    versions: usize,
    /// Those with something to say of.
    told: Vec<(Running, Source, Vec<Diagnostic>)>,
    /// Statements that the database can't carry out, and why.
    statements: Vec<Refused>,
}

/// A statement of the daemon that the database can't carry out.
#[derive(Debug)]
struct Refused {
    statement: &'static Sql,
    why: Refusal,
}

/// Why tables are not looked at beside a schema that is not this release's …
const UNCHECKED: &str =
    "the tables and the daemon's statements were not checked: the schema is not this release's";
/// … and what to do.
const CHECK_A_COPY: &str =
    "run `thendo migrate` on a copy of the database, and `thendo migrate --check` there";

/// Compiles every version that runs for the tables as they are, and has the database plan every statement of the daemon.
/// Beside a schema that is not this release's, tables tell nothing: then only whether this release compiles them.
///
/// # Errors
/// When the database can't be asked.
pub(super) async fn of_schema(connection: &mut PgConnection, is_ours: bool) -> anyhow::Result<Impact> {
    let mut impact = Impact { is_ours, ..Impact::default() };
    let mut tables = None;
    if is_ours {
        let found = found_tables(connection).await?;
        impact.statements = refused(connection, &found).await?;
        tables = Some(Tables::new(found, effects_without(&impact.statements)));
    }
    let catalogue = kinds::catalogue();
    let mut page = shape::running(connection, None).await?;
    while let Some(last) = page.pop() {
        let next = shape::running(connection, Some(&last)).await?;
        for version in page.into_iter().chain([last]) {
            impact.versions += 1;
            let (drawing, mut found) = match versions::read(&version.definition) {
                Ok(drawing) => {
                    let found = compile_for(&drawing, &catalogue, tables.as_ref()).diagnostics;
                    (drawing, found)
                }
                Err(reason) => (Value::Null, vec![Diagnostic::error("not-json", reason)]),
            };
            // What else could be said of it was said when it was published.
            found.retain(|fault| fault.severity == Severity::Error || OF_TABLES.contains(&fault.code));
            if !found.is_empty() {
                let name = format!("{} (version {})", version.name, version.number);
                impact.told.push((version, source_of(&name, drawing), found));
            }
        }
        page = next;
    }
    Ok(impact)
}

async fn found_tables(connection: &mut PgConnection) -> sqlx::Result<BTreeMap<String, Table>> {
    let may = |words: &[String]| {
        let has = |word| words.iter().any(|of| of == word);
        May { read: has("select"), insert: has("insert"), update: has("update") }
    };
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for found in shape::tables(connection).await? {
        let recorded = found.recorded.iter().filter_map(|name| Operation::from_text(name)).collect();
        let (listed, key, allowed, admits) = (found.listed, found.key, found.allowed, may(&found.admits));
        tables.insert(found.name, Table { columns: BTreeMap::new(), recorded, listed, key, allowed, admits });
    }
    for found in shape::columns(connection).await? {
        let Some(table) = tables.get_mut(&found.table) else { continue };
        let (kind, may, needed) = (found.kind, may(&found.granted), found.needed);
        table.columns.insert(found.name, Column { kind, may, needed });
    }
    Ok(tables)
}

/// The daemon's statements that can't be planned, that see no row, or whose new rows would lack a value.
async fn refused(
    connection: &mut PgConnection,
    tables: &BTreeMap<String, Table>,
) -> sqlx::Result<Vec<Refused>> {
    let planned = shape::refused(connection, store::statements()).await?;
    let mut refused = Vec::new();
    for statement in store::statements() {
        let why = match planned.iter().find(|of| of.statement.name == statement.name) {
            Some(found) => Some(Refusal {
                reason: found.reason.clone(),
                help: if found.lacks_right { rights_again(statement, &found.reason, tables) } else { None },
            }),
            None => kept_out(statement, tables).or_else(|| lacking_value(statement, tables)),
        };
        refused.extend(why.map(|why| Refused { statement, why }));
    }
    Ok(refused)
}

/// Row level security without a policy for what the daemon does: planning knows nothing of that, and what can't be seen is no
/// error either.
fn kept_out(statement: &'static Sql, tables: &BTreeMap<String, Table>) -> Option<Refusal> {
    let may = |table: &str| tables.get(table).map_or(May::ALL, |table| table.admits);
    let unseen = || statement.sees().find(|table| !may(table).read).map(|table| ("see", table));
    let unmade = || statement.adds().find(|(table, _)| !may(table).insert).map(|(table, _)| ("add", table));
    let unchanged = || statement.changes().find(|table| !may(table).update).map(|table| ("change", table));
    let (what, table) = unseen().or_else(unmade).or_else(unchanged)?;
    let reason = format!(
        "row level security of `{table}` has no policy by which the daemon's role, thendo_engine, may {what} rows"
    );
    let help = rights_again(statement, &reason, tables);
    Some(Refusal { reason, help })
}

fn lacking_value(statement: &'static Sql, tables: &BTreeMap<String, Table>) -> Option<Refusal> {
    statement.adds().find_map(|(table, set)| {
        let mut columns = tables.get(table)?.columns.iter();
        let (column, _) = columns.find(|(name, column)| column.needed && !set.contains(&name.as_str()))?;
        let reason = format!("`{table}.{column}` must have a value by now, and the daemon gives it none");
        Some(Refusal { reason, help: Some("give the column a default, or let it be null".into()) })
    })
}

/// How the daemon's role gets its rights again on the table of a statement that `reason` speaks of.
fn rights_again(statement: &Sql, reason: &str, tables: &BTreeMap<String, Table>) -> Option<String> {
    let is_meant = |name: &&str| reason.split([' ', '`']).any(|word| word == *name);
    let name = statement.tables().find(is_meant)?;
    let rights = role::rights_of_engine(name);
    if rights.is_empty() {
        return None;
    }
    let has_nothing = |column: &Column| column.may == May::default();
    let is_new = tables
        .get(name)
        .is_some_and(|table| table.admits == May::default() || table.columns.values().all(has_nothing));
    Some(match is_new {
        true => format!(
            "a table that was made anew lacks all that thendo had put on it: triggers, policies, grants. Better alter it in place; \
             or give `{name}` again what schema.sql has for it. The daemon's part is: {rights}"
        ),
        false => format!("give the daemon's role its rights on `{name}` again: {rights}"),
    })
}

/// The kinds of effect that can't be carried out, for want of a statement.
fn effects_without(refused: &[Refused]) -> BTreeMap<EffectKind, Refusal> {
    let rows = store::effects::STATEMENTS.iter().map(|sql| EffectKind::Rows(sql.name));
    let kinds = rows.chain([EffectKind::AwardPoints, EffectKind::StartWorkflow, EffectKind::Delivery]);
    let why = |kind| {
        let statements = carried_by(kind);
        let found = refused.iter().find(|of| statements.iter().any(|sql| sql.name == of.statement.name))?;
        Some((kind, found.why.clone()))
    };
    kinds.filter_map(why).collect()
}

impl Impact {
    /// Whether something that runs can't run on as it is.
    pub(super) fn breaks(&self) -> bool {
        !self.statements.is_empty() || self.told.iter().any(|(.., found)| any_error(found))
    }

    /// For programs: added to what is said of the migrations.
    pub(super) fn say(&self, answer: &mut Value) {
        let workflow = |(version, _, found): &(Running, Source, Vec<Diagnostic>)| {
            json!({"id": version.id, "name": version.name, "version": version.number, "in_force": version.in_force,
                   "breaks": any_error(found), "diagnostics": found})
        };
        let statement = |Refused { statement, why }: &Refused| json!({"statement": statement.name, "reason": why.reason, "help": why.help});
        answer["workflows"] = self.told.iter().map(workflow).collect();
        answer["statements"] = self.statements.iter().map(statement).collect();
        answer["tables_checked"] = self.is_ours.into();
        if !self.is_ours {
            answer["tables_unchecked"] = json!({"reason": UNCHECKED, "help": CHECK_A_COPY});
        }
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
        for Refused { statement, why } in &self.statements {
            let (name, reason) = (statement.name, one_line(&why.reason));
            print_line(format_args!("{BAD}✗{BAD:#} the daemon can't `{name}`: {reason}"))?;
        }
        // What mends several is said once.
        let mends: BTreeSet<&str> = self.statements.iter().filter_map(|of| of.why.help.as_deref()).collect();
        for mend in mends {
            print_line(format_args!("  {QUIET}help:{QUIET:#} {}", one_line(mend)))?;
        }
        if !self.is_ours {
            print_line(format_args!("{WAIT}◐{WAIT:#} {UNCHECKED}; {CHECK_A_COPY}"))?;
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
