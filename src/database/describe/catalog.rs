//! Asks the catalog. The questions are in `sql/`; each answers with whole statements.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use super::{Block, Kind, Schema};

const RELATIONS: &str = include_str!("sql/relations.sql");
const BEFORE_TABLES: &str = include_str!("sql/before_tables.sql");
const FUNCTIONS: &str = include_str!("sql/functions.sql");
const TABLES: &str = include_str!("sql/tables.sql");
const ROWS: &str = include_str!("sql/rows.sql");
const BESIDE_TABLES: &str = include_str!("sql/beside_tables.sql");
const AFTER_TABLES: &str = include_str!("sql/after_tables.sql");
const VIEWS: &str = include_str!("sql/views.sql");

/// The server writes names and constants as the session would read them: this one reads nothing by itself.
const SESSION: &str = "set local search_path = ''; set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; \
     set local intervalstyle = 'postgres'; set local bytea_output = 'hex'; set local quote_all_identifiers = off";

/// Describes the schema `public` of the database. `with_rows`: with all rows of all tables, which is meant
/// for a database that has only those that the migrations put in.
///
/// # Errors
/// When the database can't be asked.
pub async fn describe(connection: &mut PgConnection, with_rows: bool) -> Result<Schema, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    transaction.execute(SESSION).await?;
    let mut blocks = vec![Block {
        kind: Kind::Settings,
        of: String::new(),
        name: String::new(),
        sql: "set check_function_bodies = off;".into(),
    }];
    blocks.extend(ask(&mut transaction, BEFORE_TABLES).await?);
    let mut functions = ask(&mut transaction, FUNCTIONS).await?;
    let first_late = functions.iter().position(|block| block.kind == Kind::FunctionOfRows);
    let late = functions.split_off(first_late.unwrap_or(functions.len()));
    blocks.extend(functions);

    let mut beside: HashMap<String, Vec<Block>> = HashMap::new();
    let rows = if with_rows { rows(&mut transaction).await? } else { Vec::new() };
    for block in rows.into_iter().chain(ask(&mut transaction, BESIDE_TABLES).await?) {
        beside.entry(block.of.clone()).or_default().push(block);
    }
    blocks.extend(with_families(ask(&mut transaction, TABLES).await?, &mut beside));
    let after = ask(&mut transaction, AFTER_TABLES).await?;
    let (policies, keys): (Vec<_>, Vec<_>) = after.into_iter().partition(|block| block.kind == Kind::Policy);
    blocks.extend(keys);
    blocks.extend(with_families(ask(&mut transaction, VIEWS).await?, &mut beside));
    blocks.extend(late);
    blocks.extend(policies);
    transaction.rollback().await?;
    Ok(Schema { blocks })
}

/// Each table or view followed by what belongs to it.
fn with_families(heads: Vec<Block>, beside: &mut HashMap<String, Vec<Block>>) -> Vec<Block> {
    let mut all = Vec::new();
    for head in heads {
        let mut family = beside.remove(&head.of).unwrap_or_default();
        family.sort_by_key(|block| block.kind);
        all.push(head);
        all.extend(family);
    }
    all
}

async fn ask(connection: &mut PgConnection, question: &str) -> Result<Vec<Block>, sqlx::Error> {
    let whole = AssertSqlSafe(format!("{RELATIONS}{question}"));
    let rows = sqlx::query(whole).persistent(false).fetch_all(connection).await?;
    rows.into_iter()
        .map(|row| {
            let word: String = row.try_get("kind")?;
            let kind = Kind::read(&word).ok_or_else(|| sqlx::Error::Protocol(word))?;
            let sql = row.try_get("text")?;
            Ok(Block { kind, of: row.try_get("of")?, name: row.try_get("name")?, sql })
        })
        .collect()
}

async fn rows(connection: &mut PgConnection) -> Result<Vec<Block>, sqlx::Error> {
    let whole = AssertSqlSafe(format!("{RELATIONS}{ROWS}"));
    let tables: Vec<(String, String)> = sqlx::query_as(whole).fetch_all(&mut *connection).await?;
    let mut blocks = Vec::new();
    for (of, question) in tables {
        let written = sqlx::query_scalar(AssertSqlSafe(question)).persistent(false);
        if let Some(sql) = written.fetch_optional(&mut *connection).await? {
            blocks.push(Block { kind: Kind::Rows, of, name: String::new(), sql });
        }
    }
    Ok(blocks)
}
