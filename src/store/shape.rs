//! What the database has, for those who check workflows against it: its tables, and the versions that run on them.

use sqlx::{AssertSqlSafe, Executor, FromRow, PgConnection, SqlSafeStr};
use uuid::Uuid;

use super::session::Sql;

/// A column of a table of the schema `public`.
#[derive(Debug, FromRow)]
pub struct Column {
    /// The table, without its schema.
    pub table: String,
    /// Whether the table's changes are recorded as events.
    pub recorded: bool,
    /// Its name; nothing for a table without columns.
    pub name: Option<String>,
    /// Its type, domains looked through: `bigint`.
    pub kind: Option<String>,
}

/// All tables and views, column by column.
///
/// # Errors
/// When the database can't be asked.
pub async fn columns(connection: &mut PgConnection) -> sqlx::Result<Vec<Column>> {
    sqlx::query_as(
        "select c.relname::text as table, a.attname::text as name,
                format_type(case t.typtype when 'd' then t.typbasetype else t.oid end, null) as kind,
                exists (select from pg_catalog.pg_trigger g join pg_catalog.pg_proc p on p.oid = g.tgfoid
                         where g.tgrelid = c.oid and p.proname = 'record_event' and g.tgenabled in ('O', 'A')) as recorded
           from pg_catalog.pg_class c
           left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           left join pg_catalog.pg_type t on t.oid = a.atttypid
          where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
          limit 1000000",
    )
    .fetch_all(connection)
    .await
}

/// A version that is in force, or that executions under way are pinned to.
#[derive(Debug, FromRow)]
pub struct Running {
    /// Of which workflow.
    pub id: Uuid,
    /// The workflow's name.
    pub name: String,
    /// From 1.
    pub number: i32,
    /// Whether new executions start with it.
    pub in_force: bool,
    /// React Flow JSON, as text.
    pub definition: String,
}

/// Up to 100 versions that run, behind this one. None where thendo's tables are not there yet.
///
/// # Errors
/// When the database can't be asked.
pub async fn running(connection: &mut PgConnection, last: Option<&Running>) -> sqlx::Result<Vec<Running>> {
    let there = "select count(to_regclass('public.workflow_waiting')) = 1";
    if !sqlx::query_scalar::<_, bool>(there).fetch_one(&mut *connection).await? {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "select w.id, w.name, v.number, v.active_to is null as in_force, v.definition::text as definition
           from public.workflow_versions v join public.workflows w on w.id = v.workflow_id
          where (v.active_to is null
                 or exists (select from public.workflow_waiting r where r.workflow_id = v.workflow_id and r.version = v.number))
            and ($1::uuid is null or (v.workflow_id, v.number) > ($1, $2))
          order by v.workflow_id, v.number limit 100",
    )
    .bind(last.map(|last| last.id))
    .bind(last.map(|last| last.number))
    .fetch_all(connection)
    .await
}

impl Sql {
    /// The tables whose rows the statement itself writes, without their schema. (What functions write is theirs.)
    pub fn written(&self) -> impl Iterator<Item = &'static str> + use<> {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        let targets: Vec<&str> = words
            .windows(3)
            .filter_map(|three| match three {
                ["insert" | "merge", "into", table] | ["delete", "from", table] => Some(*table),
                ["update", table, ..] if *table != "set" && *table != "skip" => Some(*table),
                _ => None,
            })
            .collect();
        targets.into_iter().filter_map(|table| table.strip_prefix("public.")?.split(['(', ';']).next())
    }
}

/// Why the database can't take a statement as it stands; nothing if it can.
///
/// # Errors
/// When the database can't be asked.
pub async fn refusal(connection: &mut PgConnection, text: &'static str) -> sqlx::Result<Option<String>> {
    match connection.prepare(AssertSqlSafe(text).into_sql_str()).await {
        Ok(_) => Ok(None),
        Err(sqlx::Error::Database(fault)) => Ok(Some(fault.message().to_owned())),
        Err(fault) => Err(fault),
    }
}
