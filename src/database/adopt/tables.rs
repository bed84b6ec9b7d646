//! A table that is there: its columns and constraints, beside those that are expected.

use super::table::{Column, lines};
use super::{Adoption, Difference, Weight};
use crate::database::describe::{Block, Kind};

const USERS: &str = "
    with recursive used (classid, objid) as (
        select d.classid, d.objid from pg_catalog.pg_depend d
          join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
         where d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = to_regclass($1) and a.attname = $2
        union
        select d.classid, d.objid from used u
          join pg_catalog.pg_rewrite r on u.classid = 'pg_catalog.pg_rewrite'::regclass and r.oid = u.objid
          join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = r.ev_class
    )
    select distinct 'view ' || format('%I.%I', n.nspname, c.relname) as name from used u
      join pg_catalog.pg_rewrite r on u.classid = 'pg_catalog.pg_rewrite'::regclass and r.oid = u.objid
      join pg_catalog.pg_class c on c.oid = r.ev_class
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    union
    select format('policy %I on %s', p.polname, p.polrelid::regclass) from used u
      join pg_catalog.pg_policy p on u.classid = 'pg_catalog.pg_policy'::regclass and p.oid = u.objid
    order by name";

impl Adoption<'_> {
    pub(super) async fn meet_table(&mut self, block: &Block) -> Result<(), sqlx::Error> {
        let Some(there) = self.found.find(Kind::Table, &block.of, "").cloned() else {
            self.report.differ(Difference {
                object: block.of.clone(),
                there: "a view".into(),
                expected: "a table".into(),
                weight: Weight::Blocks,
                mend: "give the view another name".into(),
            });
            return Ok(());
        };
        let (expected, constraints) = lines(&block.sql);
        let (found, have) = lines(&there.sql);
        for column in &expected {
            match found.iter().find(|other| other.name == column.name) {
                Some(other) => {
                    let users = match other.kind == column.kind {
                        true => Vec::new(),
                        false => self.users_of(&block.of, column.name).await?,
                    };
                    self.compare_column(&block.of, column, other, &users);
                }
                None => self.add_column(&block.of, column).await?,
            }
        }
        if let (Some(wanted), Some(has)) = (partition_key(&block.sql), partition_key(&there.sql))
            && wanted != has
        {
            self.report.differ(Difference {
                object: block.of.clone(),
                there: or_nothing(has),
                expected: or_nothing(wanted),
                weight: Weight::Blocks,
                mend: "move the table out of the way under another name".into(),
            });
        }
        let have: Vec<(String, String)> =
            have.iter().map(|there| (there.name.to_owned(), there.definition.to_owned())).collect();
        for constraint in &constraints {
            self.meet_constraint(&block.of, constraint, &have).await?;
        }
        Ok(())
    }

    /// Views that read the column, views that read those, and policies: the server changes no type under them.
    async fn users_of(&mut self, table: &str, column: &str) -> Result<Vec<String>, sqlx::Error> {
        let column = column.trim_matches('"').replace("\"\"", "\"");
        sqlx::query_scalar(USERS).bind(table).bind(column).fetch_all(&mut *self.connection).await
    }

    fn compare_column(&mut self, table: &str, expected: &Column<'_>, found: &Column<'_>, users: &[String]) {
        let name = expected.name;
        let mut differ = |there: &str, wanted: &str, weight: Weight, mend: String| {
            self.report.differ(Difference {
                object: format!("{table}.{name}"),
                there: or_nothing(there),
                expected: or_nothing(wanted),
                weight,
                mend,
            });
        };
        if expected.kind != found.kind {
            let mut mend = change_of_type(table, expected, found);
            if !users.is_empty() {
                let users = users.join(", ");
                mend.push_str(&format!(
                    "; {users} use(s) the column: drop that first, and make it again afterwards as it was"
                ));
            }
            let weight = if loses_fractions(expected, found) { Weight::Blocks } else { Weight::Warns };
            differ(found.kind, expected.kind, weight, mend);
        }
        if expected.not_null && !found.not_null {
            let mend =
                format!("once no row has null there: alter table {table} alter column {name} set not null");
            differ("may be null", "not null", Weight::Note, mend);
        }
        if !expected.not_null && found.not_null {
            let mend =
                format!("if thendo is to write it: alter table {table} alter column {name} drop not null");
            differ("not null", "may be null", Weight::Warns, mend);
        }
        if expected.filled != found.filled {
            let weight = if found.may_be_left_out() { Weight::Note } else { Weight::Warns };
            let mend = match expected.filled.strip_prefix("default ") {
                Some(default) => format!("alter table {table} alter column {name} set default {default}"),
                None => String::new(),
            };
            differ(found.filled, expected.filled, weight, mend);
        }
    }

    async fn add_column(&mut self, table: &str, column: &Column<'_>) -> Result<(), sqlx::Error> {
        let Column { name, kind, filled, .. } = column;
        // The shop's own inserts do not know it: they must not fail for it.
        let may_be_null = !column.may_be_left_out();
        let not_null = if column.not_null && !may_be_null { " not null" } else { "" };
        let sql = format!("alter table {table} add column {name} {kind}{not_null} {filled}");
        let added = self.add(format!("column {table}.{name}"), sql.trim_end(), Weight::Blocks).await?;
        if added && may_be_null {
            let there = match self.has_rows(table).await? {
                true => "added, null in the rows that are there",
                false => "added, may be null: what writes rows by now does not know it",
            };
            self.report.differ(Difference {
                object: format!("{table}.{name}"),
                there: there.into(),
                expected: "not null".into(),
                weight: Weight::Warns,
                mend: format!("fill it, then: alter table {table} alter column {name} set not null"),
            });
        }
        Ok(())
    }
}

fn partition_key(sql: &str) -> Option<&str> {
    let (_, after) = sql.rsplit_once("\n)")?;
    Some(after.trim_end_matches(';').trim())
}

fn change_of_type(table: &str, expected: &Column<'_>, found: &Column<'_>) -> String {
    let (name, kind) = (expected.name, expected.kind);
    let change = format!("alter table {table} alter column {name} type {kind}");
    match (found.kind, kind) {
        ("integer" | "smallint", "bigint") => format!("{change} (rewrites the table)"),
        (_, "bigint") if loses_fractions(expected, found) => format!(
            "thendo counts in whole numbers, and money in minor units, 250.00 as 25000. If yours is in major \
             units: {change} using round({name}::numeric * 100)::bigint (times 1 for yen, 1000 for dinars), and \
             what of yours reads or writes it must count likewise from then on"
        ),
        _ => format!("{change} using {name}::{kind} (rewrites the table)"),
    }
}

/// Whether whole minor units are expected where something with fractions is: 250.00 would be taken for 2.50.
fn loses_fractions(expected: &Column<'_>, found: &Column<'_>) -> bool {
    let fractions = ["numeric", "money", "real", "double"];
    expected.kind == "bigint" && fractions.iter().any(|kind| found.kind.starts_with(kind))
}

fn or_nothing(text: &str) -> String {
    if text.is_empty() { "nothing".into() } else { text.into() }
}
