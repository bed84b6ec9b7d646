//! Whether the engine can work with what results: each of its statements is prepared, and where columns have
//! other types, once more beside a table as thendo would have made it. What it reads and binds must be the same.

use sqlx::{
    AssertSqlSafe, Column, Connection, Either, Executor, PgConnection, SqlSafeStr, Statement, TypeInfo,
};

use super::table::lines;
use super::{Adoption, Difference, Named, Obstacle, Weight};
use crate::database::describe::Kind;

/// Types of what a statement is given and of what it gives.
#[derive(Debug, PartialEq, Eq)]
struct Shape {
    given: Vec<String>,
    gives: Vec<(String, String)>,
}

impl Adoption<'_> {
    pub(super) async fn check_statements(&mut self, statements: &[Named<'_>]) -> Result<(), sqlx::Error> {
        let other = self.tables_of_other_types();
        for (name, text) in statements {
            let about: Vec<&(String, Vec<String>)> =
                other.iter().filter(|(table, _)| replaced(text, table, "") != *text).collect();
            let columns: Vec<String> = about.iter().flat_map(|(_, columns)| columns.clone()).collect();
            match shape(self.connection, text).await? {
                Err(reason) => self.stand_in_the_way(name, reason, columns),
                Ok(found) if !about.is_empty() => {
                    if let Some(reason) = self.other_shape(text, &found, &about).await? {
                        self.stand_in_the_way(name, reason, columns);
                    }
                }
                Ok(_) => {}
            }
        }
        self.check_left_out_columns(statements);
        Ok(())
    }

    /// Tables that were there and have columns of other types: those columns with their tables' names.
    fn tables_of_other_types(&self) -> Vec<(String, Vec<String>)> {
        let tables = self.expected.blocks.iter().filter(|block| block.kind == Kind::Table);
        let pairs = tables.filter_map(|block| Some((block, self.found.find(Kind::Table, &block.of, "")?)));
        pairs
            .filter_map(|(expected, found)| {
                let (expected_columns, found_columns) = (lines(&expected.sql).0, lines(&found.sql).0);
                let differs = |name: &str, kind: &str| {
                    expected_columns.iter().any(|column| column.name == name && column.kind != kind)
                };
                let other = found_columns.iter().filter(|column| differs(column.name, column.kind));
                let other: Vec<String> =
                    other.map(|column| format!("{}.{}", expected.of, column.name)).collect();
                (!other.is_empty()).then(|| (expected.of.clone(), other))
            })
            .collect()
    }

    fn stand_in_the_way(&mut self, name: &str, reason: String, about: Vec<String>) {
        for difference in &mut self.report.differences {
            if about.contains(&difference.object) && difference.weight == Weight::Warns {
                difference.weight = Weight::Blocks;
            }
        }
        let mends: Vec<&str> = self
            .report
            .differences
            .iter()
            .filter(|difference| about.contains(&difference.object))
            .map(|difference| &*difference.mend)
            .collect();
        let mend = if mends.is_empty() {
            "make what it names as thendo expects it".into()
        } else {
            mends.join("; ")
        };
        self.report.obstacles.push(Obstacle { statement: name.into(), reason, about, mend });
    }

    /// What is otherwise about a statement than with thendo's own tables.
    async fn other_shape(
        &mut self,
        text: &str,
        found: &Shape,
        about: &[&(String, Vec<String>)],
    ) -> Result<Option<String>, sqlx::Error> {
        let mut point = self.connection.begin().await?;
        let mut sent = (*text).to_owned();
        for (table, _) in about {
            let Some(block) = self.expected.find(Kind::Table, table, "") else { continue };
            let bare = table.trim_start_matches("public.");
            let made =
                block.sql.replacen(&format!("create table {table}"), &format!("create temp table {bare}"), 1);
            sqlx::raw_sql(AssertSqlSafe(made)).execute(&mut *point).await?;
            sent = replaced(&sent, table, &format!("pg_temp.{bare}"));
        }
        let wanted = shape(&mut point, &sent).await?;
        point.rollback().await?;
        // One that can't be prepared this way tells nothing.
        Ok(wanted.ok().and_then(|wanted| found.differs_from(&wanted)))
    }

    /// A column that only the shop knows and that must be given: the engine's inserts would all fail.
    fn check_left_out_columns(&mut self, statements: &[Named<'_>]) {
        for expected in self.expected.blocks.iter().filter(|block| block.kind == Kind::Table) {
            let Some(found) = self.found.find(Kind::Table, &expected.of, "") else { continue };
            let writes = format!("insert into {}", expected.of);
            let Some((name, _)) = statements.iter().find(|(_, text)| replaced(text, &writes, "") != *text)
            else {
                continue;
            };
            let known = lines(&expected.sql).0;
            for column in lines(&found.sql).0.iter().filter(|column| !column.may_be_left_out()) {
                if known.iter().any(|other| other.name == column.name) {
                    continue;
                }
                self.report.differ(Difference {
                    object: format!("{}.{}", expected.of, column.name),
                    there: format!("{} not null, without a default", column.kind),
                    expected: format!("nothing: {name} inserts rows without it"),
                    weight: Weight::Blocks,
                    mend: format!(
                        "give it a default: alter table {} alter column {} set default …",
                        expected.of, column.name
                    ),
                });
            }
        }
    }
}

impl Shape {
    fn differs_from(&self, wanted: &Self) -> Option<String> {
        let given = self.given.iter().zip(&wanted.given).enumerate();
        let mut told: Vec<String> = given
            .filter(|(_, (is, wanted))| is != wanted)
            .map(|(n, (is, wanted))| format!("its value ${} would be {is}, thendo gives {wanted}", n + 1))
            .collect();
        let gives = self.gives.iter().zip(&wanted.gives).filter(|(is, wanted)| is.1 != wanted.1);
        told.extend(
            gives.map(|(is, wanted)| format!("its column {} is {}, thendo reads {}", is.0, is.1, wanted.1)),
        );
        (!told.is_empty()).then(|| told.join(", "))
    }
}

/// The shape of a statement, or the server's words against it.
async fn shape(connection: &mut PgConnection, text: &str) -> Result<Result<Shape, String>, sqlx::Error> {
    let mut point = connection.begin().await?;
    let prepared = (&mut *point).prepare(AssertSqlSafe(text.to_owned()).into_sql_str()).await;
    let answer = match prepared {
        Ok(statement) => {
            let given = match statement.parameters() {
                Some(Either::Left(types)) => types.iter().map(|kind| kind.name().to_owned()).collect(),
                _ => Vec::new(),
            };
            let gives = statement.columns().iter();
            let gives = gives.map(|c| (c.name().to_owned(), c.type_info().name().to_owned())).collect();
            Ok(Shape { given, gives })
        }
        Err(sqlx::Error::Database(refused)) => Err(refused.message().to_owned()),
        Err(fault) => return Err(fault),
    };
    point.rollback().await?;
    Ok(answer)
}

/// The text with another name for a table, where it is that table and not one whose name goes on.
fn replaced(text: &str, table: &str, by: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(table) {
        let (before, after) = rest.split_at(at);
        let after = after.get(table.len()..).unwrap_or_default();
        let goes_on = after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        out.push_str(before);
        out.push_str(if goes_on { table } else { by });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn only_the_whole_name_is_replaced() {
        let text = "select from public.orders o join public.orders_old using (id)";
        assert_eq!(
            replaced(text, "public.orders", "pg_temp.orders"),
            "select from pg_temp.orders o join public.orders_old using (id)"
        );
    }
}
