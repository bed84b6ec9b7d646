//! Checks, keys and foreign keys of a table that is there. What rows or defaults of the shop break is left out:
//! from then on it would refuse what the shop itself writes.

use super::table::{Column, Constraint, lines};
use super::{Adoption, Difference, Weight};
use crate::database::describe::Kind;

impl Adoption<'_> {
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
            let mend = "it was kept; see that it allows what thendo writes".into();
            self.differ_in(object, there.clone(), definition, mend);
            return Ok(());
        }
        let add = format!("alter table {table} add constraint {name} {definition}");
        if !definition.starts_with("CHECK") && !definition.starts_with("FOREIGN KEY") {
            return self.add(object, &add, Weight::Warns).await.map(drop);
        }
        if let Some(column) = self.breaking_default(table, definition).await? {
            let there = format!("left out: the default of {column} breaks it");
            let mend = format!("once your own rows keep to it: {add}");
            self.differ_in(object, there, definition, mend);
            return Ok(());
        }
        let Some(refused) = self.attempt(&add).await? else {
            self.report.added.push(object);
            return Ok(());
        };
        let there = match self.breaking(table, definition).await? {
            None | Some(0) => format!("can't be added: {refused}"),
            Some(1) => "1 row breaks it: left out, so that what is there can be written as before".into(),
            Some(many) => {
                format!("{many} rows break it: left out, so that what is there can be written as before")
            }
        };
        let mend = format!("mend them and what writes them, then: {add}");
        self.differ_in(object, there, definition, mend);
        Ok(())
    }

    fn differ_in(&mut self, object: String, there: String, expected: &str, mend: String) {
        let (expected, weight) = (expected.to_owned(), Weight::Warns);
        self.report.differ(Difference { object, there, expected, weight, mend });
    }

    /// How many rows break a check or a foreign key of one column; nothing where that can't be asked.
    async fn breaking(&mut self, table: &str, definition: &str) -> Result<Option<i64>, sqlx::Error> {
        let sql = if let Some(check) = definition.strip_prefix("CHECK ") {
            format!("select count(*) from {table} where not {check}")
        } else if let Some((column, other, key)) = referenced(definition) {
            format!(
                "select count(*) from {table} as x where x.{column} is not null \
                 and not exists (select from {other} as y where y.{key} = x.{column})"
            )
        } else {
            return Ok(None);
        };
        self.number_if_any(sql).await
    }

    /// The column whose default, another than thendo's, breaks the check or the foreign key.
    async fn breaking_default(
        &mut self,
        table: &str,
        definition: &str,
    ) -> Result<Option<String>, sqlx::Error> {
        let (expected, found) = (&self.expected, &self.found);
        let both = expected.find(Kind::Table, table, "").zip(found.find(Kind::Table, table, ""));
        let Some((expected, found)) = both else { return Ok(None) };
        let (wanted, there) = (lines(&expected.sql).0, lines(&found.sql).0);
        let is_there = |name: &str| there.iter().find(|column| column.name == name);
        let about: Vec<&Column<'_>> = wanted.iter().filter(|c| mentions(definition, c.name)).collect();
        let others = about.iter().filter_map(|ours| {
            let theirs = is_there(ours.name)?;
            (theirs.filled.starts_with("default ") && theirs.filled != ours.filled).then_some(theirs.name)
        });
        let others = others.collect::<Vec<_>>().join(", ");
        if others.is_empty() {
            return Ok(None);
        }
        let row = about.iter().map(|ours| {
            let Column { name, kind, filled, .. } = is_there(ours.name).unwrap_or(*ours);
            format!("({})::{kind} as {name}", filled.strip_prefix("default ").unwrap_or("null"))
        });
        let row = row.collect::<Vec<_>>().join(", ");
        let sql = if let Some(check) = definition.strip_prefix("CHECK ") {
            format!("select count(*) from (select {row}) as x where not {check}")
        } else if let Some((column, other, key)) = referenced(definition) {
            format!(
                "select count(*) from (select {row}) as x where x.{column} is not null \
                 and not exists (select from {other} as y where y.{key} = x.{column})"
            )
        } else {
            return Ok(None);
        };
        Ok((self.number_if_any(sql).await? == Some(1)).then_some(others))
    }
}

/// `FOREIGN KEY (a) REFERENCES public.t(b)…`: a, public.t and b; nothing for several columns.
fn referenced(definition: &str) -> Option<(&str, &str, &str)> {
    let (column, rest) = definition.strip_prefix("FOREIGN KEY (")?.split_once(") REFERENCES ")?;
    let (other, rest) = rest.split_once('(')?;
    let (key, _) = rest.split_once(')')?;
    (!column.contains(',')).then_some((column, other, key))
}

/// Whether the text has the name in it, as a word of its own.
fn mentions(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = text.split_at(at);
        !before.ends_with(is_part) && !after.get(name.len()..).is_some_and(|after| after.starts_with(is_part))
    })
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

    #[test]
    fn a_name_is_a_word_of_its_own() {
        assert!(mentions("CHECK ((total >= 0))", "total"));
        assert!(!mentions("CHECK ((refunded_total >= 0))", "total"));
        assert!(!mentions("CHECK ((totals >= 0))", "total"));
    }
}
