//! What the database has, for those who check workflows against it: its tables, and the versions that run on them.

use sqlx::{AssertSqlSafe, Connection, Executor, FromRow, PgConnection};
use uuid::Uuid;

use super::session::Sql;

/// A table or view of the schema `public`.
#[derive(Debug, FromRow)]
pub struct Table {
    /// Without its schema.
    pub name: String,
    /// The operations that are recorded as events: `insert`.
    pub recorded: Vec<String>,
    /// Whether `event_tables` says that they are to be.
    pub listed: bool,
    /// Its primary key, if that is one column.
    pub key: Option<String>,
    /// The columns that the setting rows.allow names, if it names the table.
    pub allowed: Option<Vec<String>>,
    /// What row level security lets the engine's role do: `select`, `insert`, `update`.
    pub admits: Vec<String>,
}

/// A column of such a table.
#[derive(Debug, FromRow)]
pub struct Column {
    /// The table, without its schema.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Its type, domains looked through: `bigint`.
    pub kind: String,
    /// What the engine's role has a right to: `select`, `insert`, `update`.
    pub granted: Vec<String>,
    /// It must not be null, and neither a default nor a trigger gives it a value.
    pub needed: bool,
}

/// All tables and views. To be asked where thendo's own are.
///
/// # Errors
/// When the database can't be asked.
pub async fn tables(connection: &mut PgConnection) -> sqlx::Result<Vec<Table>> {
    sqlx::query_as(
        "select c.relname::text as name,
                array(select o.name from (values ('insert', 4), ('delete', 8), ('update', 16)) as o (name, bit)
                       where exists (select from pg_catalog.pg_trigger g join pg_catalog.pg_proc p on p.oid = g.tgfoid
                             where g.tgrelid = c.oid and p.pronamespace = c.relnamespace and p.proname = 'record_event'
                               and g.tgenabled in ('O', 'A') and g.tgtype::int & o.bit <> 0)) as recorded,
                exists (select from public.event_tables e where e.table_name = c.relname and e.recorded <> 'none') as listed,
                (select a.attname::text from pg_catalog.pg_index i
                   join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
                  where i.indrelid = c.oid and i.indisprimary and i.indnkeyatts = 1) as key,
                (select r.columns from public.workflow_rows r where r.table_name = c.relname) as allowed,
                array(select o.name from (values ('select', 'r'), ('insert', 'a'), ('update', 'w')) as o (name, command)
                       where not c.relrowsecurity or engine.rolsuper or engine.rolbypassrls
                          or (not c.relforcerowsecurity and pg_catalog.pg_has_role(engine.oid, c.relowner, 'usage'))
                          or exists (select from pg_catalog.pg_policy p
                             where p.polrelid = c.oid and p.polpermissive and p.polcmd::text in (o.command, '*')
                               and exists (select from unnest(p.polroles) as r (role)
                                    where r.role = 0 or pg_catalog.pg_has_role(engine.oid, r.role, 'usage')))) as admits
           from pg_catalog.pg_class c cross join pg_catalog.pg_roles engine
          where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
            and engine.rolname = 'thendo_engine'
          limit 100000",
    )
    .fetch_all(connection)
    .await
}

/// The columns of all tables and views. To be asked where thendo's own are.
///
/// # Errors
/// When the database can't be asked.
pub async fn columns(connection: &mut PgConnection) -> sqlx::Result<Vec<Column>> {
    sqlx::query_as(
        "select c.relname::text as table, a.attname::text as name,
                format_type(case t.typtype when 'd' then t.typbasetype else t.oid end, null) as kind,
                array(select o.name from (values ('select'), ('insert'), ('update')) as o (name)
                       where pg_catalog.has_column_privilege('thendo_engine', c.oid, a.attnum, o.name)) as granted,
                a.attnotnull and not a.atthasdef and a.attidentity = '' and t.typdefault is null and not exists (
                    -- Which of its table's columns a trigger fills in is known from its text alone.
                    select from pg_catalog.pg_trigger g join pg_catalog.pg_proc p on p.oid = g.tgfoid
                      join pg_catalog.pg_language l on l.oid = p.prolang
                     where g.tgrelid = c.oid and g.tgenabled in ('O', 'A') and g.tgtype::int & 7 = 7
                       and (l.lanname <> 'plpgsql' or position(a.attname::text in p.prosrc) > 0)) as needed
           from pg_catalog.pg_class c
           join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           join pg_catalog.pg_type t on t.oid = a.atttypid
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
    /// The tables and views that the statement names itself, without their schema. (What functions use is theirs.)
    pub fn tables(&self) -> impl Iterator<Item = &'static str> + use<> {
        let said = self.text.lines().filter_map(|line| line.split("--").next());
        let names =
            said.flat_map(|line| line.split("public.").skip(1)).map(|rest| rest.split_at(name_ends(rest)));
        names.filter(|(name, behind)| !name.is_empty() && !behind.starts_with('(')).map(|(name, _)| name)
    }

    /// Those of them whose rows it sees: more than adding to them.
    pub fn sees(&self) -> impl Iterator<Item = &'static str> + use<> {
        let text = self.text;
        let uses = move |lead: &str, name: &str| {
            let words = format!("{lead}public.{name}");
            let found = text.match_indices(&words);
            found.filter(|(at, found)| name_ends(&text[at + found.len()..]) == 0).count()
        };
        self.tables().filter(move |name| uses("", name) > uses("insert into ", name))
    }

    /// The tables whose rows the statement changes itself.
    pub fn changes(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.text.split("update public.").skip(1).map(|rest| rest.split_at(name_ends(rest)).0)
    }

    /// The tables that the statement adds rows to, with the columns that it gives values to.
    pub fn adds(&self) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> + use<> {
        self.text.split("insert into public.").skip(1).filter_map(|rest| {
            let (table, behind) = rest.split_at(name_ends(rest));
            // Maybe with a name of its own: `as d`.
            let (between, listed) = behind.split_once('(')?;
            let is_list = between.split_whitespace().all(|word| !matches!(word, "select" | "values"));
            let columns = listed.split_once(')')?.0.split(',').map(str::trim).collect();
            is_list.then_some((table, columns))
        })
    }
}

fn name_ends(rest: &str) -> usize {
    rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len())
}

/// What the engine's role may not do or what does not fit is found by having the server plan each statement as that role would
/// have it planned. Nothing is run and all is taken back; what others hold is not waited for long.
const AS_THE_ENGINE: &str = "set local role thendo_engine; set local lock_timeout = '5s'; \
     set local plan_cache_mode = force_generic_plan; set local jit = off; savepoint planned";

/// Why the database can't carry out a statement, in its words.
#[derive(Debug)]
pub struct Refused {
    /// Which.
    pub statement: &'static Sql,
    /// In words.
    pub reason: String,
    /// The engine's role lacks a right.
    pub lacks_right: bool,
}

/// Those of `statements` that the database can't carry out as it is.
///
/// # Errors
/// When the database can't be asked, or the engine's role not be taken.
pub async fn refused(
    connection: &mut PgConnection,
    statements: impl Iterator<Item = &'static Sql>,
) -> sqlx::Result<Vec<Refused>> {
    let mut refused = Vec::new();
    let mut transaction = connection.begin().await?;
    transaction.execute(AS_THE_ENGINE).await?;
    for (n, statement) in statements.enumerate() {
        match planned(&mut transaction, n, statement).await {
            Ok(()) => {}
            Err(sqlx::Error::Database(fault)) if is_refusal(fault.code().as_deref()) => {
                refused.push(Refused {
                    statement,
                    reason: fault.message().to_owned(),
                    lacks_right: fault.code().as_deref() == Some("42501"),
                })
            }
            Err(fault) => return Err(fault),
        }
        // What planning locked is let go.
        transaction.execute("rollback to savepoint planned").await?;
    }
    transaction.rollback().await?;
    Ok(refused)
}

/// Has the `n`th statement planned, under a name of its own: what is prepared outlives the savepoint.
async fn planned(transaction: &mut PgConnection, n: usize, statement: &Sql) -> sqlx::Result<()> {
    let prepare = format!("prepare planned_{n} as {}", statement.text);
    transaction.execute(AssertSqlSafe(prepare)).await?;
    let explain = "select 'explain execute ' || s.name || coalesce('(' || nullif(repeat(', null', cardinality(s.parameter_types)), '') || ')', '')
                     from pg_catalog.pg_prepared_statements s where s.name = $1 limit 1";
    let explain: String =
        sqlx::query_scalar(explain).bind(format!("planned_{n}")).fetch_one(&mut *transaction).await?;
    transaction.execute(AssertSqlSafe(explain.replacen("(, ", "(", 1))).await.map(drop)
}

/// Whether the statement itself is at fault, not the moment or the server.
fn is_refusal(code: Option<&str>) -> bool {
    code.is_some_and(|code| {
        code != "55P03" && !["08", "25", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_name_their_tables_and_the_columns_that_they_add() {
        let sql = Sql {
            name: "x",
            text: "with a as (insert into public.deposits as d (id,\n amount) select $1, $2 from public.orders o -- Not public.pages.
                   returning id)
                   select public.money_text($10, null::public.%I) from public.customers, a",
        };
        assert_eq!(sql.tables().collect::<Vec<_>>(), ["deposits", "orders", "customers"]);
        assert_eq!(
            Sql { name: "y", text: "update public.orders set x = 1" }.changes().collect::<Vec<_>>(),
            ["orders"]
        );
        assert_eq!(sql.adds().collect::<Vec<_>>(), [("deposits", vec!["id", "amount"])]);
    }

    #[test]
    fn every_statement_that_adds_rows_says_to_which_columns() {
        for sql in crate::store::statements() {
            let inserts = sql.text.matches("insert into public.").count();
            assert_eq!(
                sql.adds().filter(|(_, columns)| !columns.is_empty()).count(),
                inserts,
                "{}",
                sql.name
            );
        }
    }
}
