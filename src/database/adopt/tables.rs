//! A table that is there: its columns and constraints, beside those that are expected.

use super::table::{Column, Constraint, lines};
use super::{Adoption, Difference, Weight};
use crate::database::describe::{Block, Kind};

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
                Some(other) => self.compare_column(&block.of, column, other),
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

    fn compare_column(&mut self, table: &str, expected: &Column<'_>, found: &Column<'_>) {
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
            differ(found.kind, expected.kind, Weight::Warns, change_of_type(table, expected, found));
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
        let empty_ones = !column.may_be_left_out() && self.has_rows(table).await?;
        let not_null = if column.not_null && !empty_ones { " not null" } else { "" };
        let sql = format!("alter table {table} add column {name} {kind}{not_null} {filled}");
        let added = self.add(format!("column {table}.{name}"), sql.trim_end(), Weight::Blocks).await?;
        if added && empty_ones {
            self.report.differ(Difference {
                object: format!("{table}.{name}"),
                there: "added, null in the rows that are there".into(),
                expected: "not null".into(),
                weight: Weight::Warns,
                mend: format!("fill it, then: alter table {table} alter column {name} set not null"),
            });
        }
        Ok(())
    }

    /// A constraint of a table that is there. Rows that break a new one stay: it then holds for new rows only.
    pub(super) async fn meet_constraint(
        &mut self,
        table: &str,
        expected: &Constraint<'_>,
        have: &[(String, String)],
    ) -> Result<(), sqlx::Error> {
        let Constraint { name, definition } = *expected;
        if have.iter().any(|(_, there)| there == definition) {
            return Ok(());
        }
        let object = format!("constraint {table} {name}");
        if let Some((_, there)) = have.iter().find(|(there, _)| there == name) {
            self.report.differ(Difference {
                object,
                there: there.clone(),
                expected: definition.into(),
                weight: Weight::Warns,
                mend: "it was kept; see that it allows what thendo writes".into(),
            });
            return Ok(());
        }
        let add = format!("alter table {table} add constraint {name} {definition}");
        if !definition.starts_with("CHECK") && !definition.starts_with("FOREIGN KEY") {
            return self.add(object, &add, Weight::Warns).await.map(drop);
        }
        if !self.add(object.clone(), &format!("{add} not valid"), Weight::Warns).await? {
            return Ok(());
        }
        let validate = format!("alter table {table} validate constraint {name}");
        if self.attempt(&validate).await?.is_some() {
            let breaking = self.breaking(table, definition).await?;
            let until = if definition.starts_with("CHECK") {
                "mend them (until then none of them can be updated as it is)"
            } else {
                "mend them"
            };
            self.report.differ(Difference {
                object,
                there: format!("{breaking} it; it holds for rows that are written from now on"),
                expected: definition.into(),
                weight: Weight::Warns,
                mend: format!("{until}, then: {validate}"),
            });
        }
        Ok(())
    }

    /// How many rows break a check or a foreign key of one column.
    async fn breaking(&mut self, table: &str, definition: &str) -> Result<String, sqlx::Error> {
        let asked = if let Some(check) = definition.strip_prefix("CHECK ") {
            Some(format!("select count(*) from {table} where not {check}"))
        } else {
            referenced(definition).map(|(column, other, key)| {
                format!(
                    "select count(*) from {table} as x where x.{column} is not null \
                     and not exists (select from {other} as y where y.{key} = x.{column})"
                )
            })
        };
        Ok(match asked {
            Some(sql) => match self.number(sql).await? {
                1 => "1 row breaks".into(),
                many => format!("{many} rows break"),
            },
            None => "some rows break".into(),
        })
    }
}

/// `FOREIGN KEY (a) REFERENCES public.t(b)…`: a, public.t and b; nothing for several columns.
fn referenced(definition: &str) -> Option<(&str, &str, &str)> {
    let (column, rest) = definition.strip_prefix("FOREIGN KEY (")?.split_once(") REFERENCES ")?;
    let (other, rest) = rest.split_once('(')?;
    let (key, _) = rest.split_once(')')?;
    (!column.contains(',')).then_some((column, other, key))
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
        (was, "bigint") if was.starts_with("numeric") || was == "money" || was.starts_with("double") => {
            format!(
                "thendo counts money in minor units, 250.00 as 25000; if yours is in major ones: \
             {change} using round({name}::numeric * 100)::bigint"
            )
        }
        _ => format!("{change} using {name}::{kind} (rewrites the table)"),
    }
}

fn or_nothing(text: &str) -> String {
    if text.is_empty() { "nothing".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_foreign_key_points_to_is_read() {
        let read = referenced("FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE");
        assert_eq!(read, Some(("customer_id", "public.customers", "id")));
        assert_eq!(referenced("FOREIGN KEY (a, b) REFERENCES public.x(a, b)"), None);
    }
}
