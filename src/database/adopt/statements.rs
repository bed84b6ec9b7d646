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

/// A table that was there, and its columns of other types than thendo's: names and types.
struct Other {
    table: String,
    columns: Vec<(String, String)>,
}

/// Of which column only the type is taken as it is in the shop: the table's place and the column's.
type Only = Option<(usize, usize)>;

impl Adoption<'_> {
    pub(super) async fn check_statements(&mut self, statements: &[Named<'_>]) -> Result<(), sqlx::Error> {
        let other = self.tables_of_other_types();
        for (name, text) in statements {
            let about: Vec<&Other> =
                other.iter().filter(|other| replaced(text, &other.table, "") != *text).collect();
            let found = shape(self.connection, text).await?;
            if about.is_empty() {
                if let Err(reason) = found {
                    self.stand_in_the_way(name, reason, &[]);
                }
                continue;
            }
            let wanted = self.shape_beside(text, &about, None).await?;
            let reason = match (&found, &wanted) {
                (Err(reason), _) => Some(reason.clone()),
                (Ok(found), Ok(wanted)) => found.differs_from(wanted),
                // What can't be prepared beside thendo's own tables tells nothing.
                (Ok(_), Err(_)) => None,
            };
            if let Some(reason) = reason {
                let culprits = self.culprits(text, &about, wanted.ok().as_ref()).await?;
                self.stand_in_the_way(name, reason, &culprits);
            }
        }
        self.check_left_out_columns(statements);
        Ok(())
    }

    fn tables_of_other_types(&self) -> Vec<Other> {
        let tables = self.expected.blocks.iter().filter(|block| block.kind == Kind::Table);
        let pairs = tables.filter_map(|block| Some((block, self.found.find(Kind::Table, &block.of, "")?)));
        let all = pairs.map(|(expected, found)| {
            let wanted = lines(&expected.sql).0;
            let other = lines(&found.sql).0.into_iter().filter(|column| {
                wanted.iter().any(|wanted| wanted.name == column.name && wanted.kind != column.kind)
            });
            let columns = other.map(|column| (column.name.to_owned(), column.kind.to_owned())).collect();
            Other { table: expected.of.clone(), columns }
        });
        all.filter(|other| !other.columns.is_empty()).collect()
    }

    /// The columns that alone make the statement another one: as differences name them, and their types.
    async fn culprits(
        &mut self,
        text: &str,
        about: &[&Other],
        wanted: Option<&Shape>,
    ) -> Result<Vec<(String, String)>, sqlx::Error> {
        let (mut all, mut guilty) = (Vec::new(), Vec::new());
        for (n, other) in about.iter().enumerate() {
            for (m, (column, kind)) in other.columns.iter().enumerate() {
                let named = (format!("{}.{column}", other.table), kind.clone());
                let alone = self.shape_beside(text, about, Some((n, m))).await?;
                if alone.ok().as_ref() != wanted {
                    guilty.push(named.clone());
                }
                all.push(named);
            }
        }
        Ok(if guilty.is_empty() { all } else { guilty })
    }

    fn stand_in_the_way(&mut self, name: &str, reason: String, culprits: &[(String, String)]) {
        let mut mends: Vec<&str> = Vec::new();
        for difference in &mut self.report.differences {
            let is =
                |(object, kind): &(String, String)| *object == difference.object && *kind == difference.there;
            if culprits.iter().any(is) {
                difference.weight = Weight::Blocks;
                mends.push(&difference.mend);
            }
        }
        let mend = match mends.is_empty() {
            true => "make what it names as thendo expects it (schema.sql)".into(),
            false => mends.join("; "),
        };
        let about = culprits.iter().map(|(object, _)| object.clone()).collect();
        self.report.obstacles.push(Obstacle { statement: name.into(), reason, about, mend });
    }

    /// The statement's shape beside tables as thendo makes them, but for the type of one column.
    async fn shape_beside(
        &mut self,
        text: &str,
        about: &[&Other],
        only: Only,
    ) -> Result<Result<Shape, String>, sqlx::Error> {
        let mut point = self.connection.begin().await?;
        let mut sent = (*text).to_owned();
        for (n, other) in about.iter().enumerate() {
            let Some(block) = self.expected.find(Kind::Table, &other.table, "") else { continue };
            let bare = format!("pg_temp.{}", other.table.trim_start_matches("public."));
            let odd = only.filter(|(table, _)| *table == n).and_then(|(_, column)| other.columns.get(column));
            let columns = lines(&block.sql).0.into_iter().map(|column| {
                let kind = odd.filter(|(name, _)| name == column.name).map_or(column.kind, |(_, kind)| kind);
                format!("{} {kind}", column.name)
            });
            let made = format!("create table {bare} ({})", columns.collect::<Vec<_>>().join(", "));
            sqlx::raw_sql(AssertSqlSafe(made)).execute(&mut *point).await?;
            sent = replaced(&sent, &other.table, &bare);
        }
        let shape = parsed(&mut point, &sent).await?;
        point.rollback().await?;
        Ok(shape)
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

/// The shape of a statement that can be planned, or the server's words against it. Parsing does not yet ask for
/// the unique key that an `on conflict` is about.
async fn shape(connection: &mut PgConnection, text: &str) -> Result<Result<Shape, String>, sqlx::Error> {
    let mut point = connection.begin().await?;
    let mut answer = parsed(&mut point, text).await?;
    if let Ok(shape) = &answer {
        let values = vec!["null"; shape.given.len()].join(", ");
        let values = if values.is_empty() { values } else { format!("({values})") };
        let plan = format!("prepare thendo_adopts as {text}; explain execute thendo_adopts{values}");
        let planned = sqlx::raw_sql(AssertSqlSafe(plan)).execute(&mut *point).await;
        answer = match planned {
            Ok(_) => answer,
            Err(sqlx::Error::Database(refused)) => Err(refused.message().to_owned()),
            Err(fault) => return Err(fault),
        };
    }
    point.rollback().await?;
    // Prepared statements outlive a rollback.
    connection.execute("deallocate all").await?;
    Ok(answer)
}

async fn parsed(connection: &mut PgConnection, text: &str) -> Result<Result<Shape, String>, sqlx::Error> {
    // The same text may mean another table by now.
    connection.clear_cached_statements().await?;
    let mut point = connection.begin().await?;
    let prepared = (&mut *point).prepare(AssertSqlSafe(text.to_owned()).into_sql_str()).await;
    let answer = match prepared {
        Ok(statement) => {
            let given = match statement.parameters() {
                Some(Either::Left(types)) => types.iter().map(|kind| carried(kind.name())).collect(),
                _ => Vec::new(),
            };
            let gives = statement.columns().iter();
            let gives = gives.map(|c| (c.name().to_owned(), carried(c.type_info().name()))).collect();
            Ok(Shape { given, gives })
        }
        Err(sqlx::Error::Database(refused)) => Err(refused.message().to_owned()),
        Err(fault) => return Err(fault),
    };
    point.rollback().await?;
    Ok(answer)
}

/// The type as the driver carries it: all texts are one.
fn carried(kind: &str) -> String {
    if matches!(kind, "VARCHAR" | "CHAR" | "NAME") { "TEXT".into() } else { kind.into() }
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
