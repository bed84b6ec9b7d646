//! A table's block, line by line.

/// A column as the block writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    /// Type, with its collation.
    pub(super) kind: &'a str,
    pub(super) not_null: bool,
    /// `default …` or `generated …`; empty without.
    pub(super) filled: &'a str,
}

impl Column<'_> {
    /// Whether a row can be written without naming it.
    pub(super) fn may_be_left_out(&self) -> bool {
        !self.not_null || !self.filled.is_empty()
    }
}

/// A constraint: its name and its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Constraint<'a> {
    pub(super) name: &'a str,
    pub(super) definition: &'a str,
}

/// Columns and constraints of a table's block.
pub(super) fn lines(sql: &str) -> (Vec<Column<'_>>, Vec<Constraint<'_>>) {
    let (mut columns, mut constraints) = (Vec::new(), Vec::new());
    for line in sql.lines().filter_map(|line| line.strip_prefix("    ")) {
        let line = line.trim_end_matches(',');
        let (name, rest) = name_of(line.strip_prefix("constraint ").unwrap_or(line));
        if line.starts_with("constraint ") {
            constraints.push(Constraint { name, definition: rest.trim_end_matches(" NOT VALID") });
        } else {
            columns.push(column(name, rest));
        }
    }
    (columns, constraints)
}

/// Name and definition of a foreign key's block.
pub(super) fn foreign_key(sql: &str) -> Option<Constraint<'_>> {
    let (_, rest) = sql.split_once("add constraint ")?;
    let (name, definition) = name_of(rest.trim_end_matches(';'));
    Some(Constraint { name, definition: definition.trim_end_matches(" NOT VALID") })
}

fn name_of(text: &str) -> (&str, &str) {
    let end = match text.strip_prefix('"') {
        Some(quoted) => quoted.find("\" ").map(|at| at + 2),
        None => text.find(' '),
    };
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    (name, rest.trim_start())
}

fn column<'a>(name: &'a str, rest: &'a str) -> Column<'a> {
    let ends = [" not null", " default ", " generated "];
    let end = ends.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    let (kind, after) = rest.split_at(end);
    let without = after.strip_prefix(" not null");
    Column { name, kind, not_null: without.is_some(), filled: without.unwrap_or(after).trim_start() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_line_by_line() {
        let (columns, constraints) = lines(
            "create table public.x (\n    \"a b\"  timestamp with time zone not null default now(),\n    \
             n      numeric(10,2),\n    key    bigint not null generated always as identity,\n    \
             constraint x_check CHECK ((n > 0)) NOT VALID\n);",
        );
        let told: Vec<_> = columns.iter().map(|c| (c.name, c.kind, c.not_null, c.filled)).collect();
        assert_eq!(
            told,
            [
                ("\"a b\"", "timestamp with time zone", true, "default now()"),
                ("n", "numeric(10,2)", false, ""),
                ("key", "bigint", true, "generated always as identity"),
            ]
        );
        assert_eq!(constraints, [Constraint { name: "x_check", definition: "CHECK ((n > 0))" }]);
    }
}
