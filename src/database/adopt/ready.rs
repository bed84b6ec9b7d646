//! Before the first change: may all of it be changed, and does nobody else hold it?

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::{Difference, MEDUSAS, Report, Weight};
use crate::database::describe::{Kind, Schema};

/// A table of the schema that is there.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Found {
    name: String,
    owner: String,
    /// Whether who adopts may do what its owner may.
    ours: bool,
}

impl Found {
    fn is_medusas(&self) -> bool {
        MEDUSAS.contains(&&*self.name)
    }
}

pub(super) async fn tables(
    connection: &mut PgConnection,
    expected: &Schema,
) -> Result<Vec<Found>, sqlx::Error> {
    let tables = expected.blocks.iter().filter(|block| block.kind == Kind::Table);
    let tables: Vec<&str> = tables.map(|block| &*block.of).chain(MEDUSAS.iter().copied()).collect();
    let asked = "select distinct format('%I.%I', n.nspname, c.relname) as name,
               pg_catalog.pg_get_userbyid(c.relowner)::text as owner,
               pg_catalog.pg_has_role(c.relowner, 'usage') as ours
          from unnest($1::text[]) as t (name)
          join pg_catalog.pg_class c on c.oid = to_regclass(t.name) and c.relkind in ('r', 'p')
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         order by 1";
    sqlx::query_as(asked).bind(tables).fetch_all(connection).await
}

/// Whether the schema `auth` can be looked into, if it is there.
pub(super) async fn may_see_auth(
    connection: &mut PgConnection,
    report: &mut Report,
) -> Result<bool, sqlx::Error> {
    let asked = "select current_user::text, coalesce((select pg_catalog.has_schema_privilege(n.oid, 'usage')
        from pg_catalog.pg_namespace n where n.nspname = 'auth'), true)";
    let (login, may): (String, bool) = sqlx::query_as(asked).fetch_one(connection).await?;
    if !may {
        report.differ(Difference {
            object: "schema auth".into(),
            there: format!("{login}, who adopts, may not use it"),
            expected: "usage on it, and references on auth.users".into(),
            weight: Weight::Blocks,
            mend: format!(
                "have its owner run: grant usage on schema auth to {login}; grant references on auth.users to {login}"
            ),
        });
    }
    Ok(may)
}

/// Whether who adopts may, and whether what the schema rests on is there.
pub(super) async fn check(
    connection: &mut PgConnection,
    there: &[Found],
    report: &mut Report,
) -> Result<(), sqlx::Error> {
    let login: String = sqlx::query_scalar("select current_user::text").fetch_one(&mut *connection).await?;
    for table in there.iter().filter(|table| !table.ours && !table.is_medusas()) {
        let Found { name, owner, .. } = table;
        report.differ(Difference {
            object: name.clone(),
            there: format!("belongs to {owner}"),
            expected: format!("belongs to {login}, who adopts, or to a role whose member that is"),
            weight: Weight::Blocks,
            mend: format!(
                "have a superuser run: alter table {name} owner to {login}; or: grant {owner} to {login}"
            ),
        });
    }
    let missing: Vec<String> = sqlx::query_scalar(
        "select f from unnest(array['uid', 'role', 'jwt']) with ordinality as t (f, n)
          where not exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
                             where n.nspname = 'auth' and p.proname = f and p.pronargs = 0)
          order by t.n",
    )
    .fetch_all(connection)
    .await?;
    for function in missing {
        report.differ(Difference {
            object: format!("function auth.{function}()"),
            there: "nothing, though auth.users is there".into(),
            expected: "what it is on Supabase: policies ask it who is there".into(),
            weight: Weight::Blocks,
            mend: format!("make auth.{function}() as migrations/shim/auth.sql makes it"),
        });
    }
    Ok(())
}

/// All in one go: what comes after waits for none of them half-way. Medusa's get triggers, so may be read on.
pub(super) async fn lock(connection: &mut PgConnection, there: &[Found]) -> Result<(), sqlx::Error> {
    // New foreign keys point to it. Where it may not be locked beforehand, they wait for it themselves, and not long.
    let accounts = "select pg_catalog.has_table_privilege('auth.users', 'update')";
    if sqlx::query_scalar(accounts).fetch_one(&mut *connection).await? {
        connection.execute("lock table auth.users in share row exclusive mode").await?;
    }
    for (medusas, mode) in [(false, "access exclusive"), (true, "share row exclusive")] {
        let tables = there.iter().filter(|table| table.ours && table.is_medusas() == medusas);
        let names = tables.map(|table| &*table.name).collect::<Vec<_>>().join(", ");
        if !names.is_empty() {
            connection.execute(AssertSqlSafe(format!("lock table {names} in {mode} mode"))).await?;
        }
    }
    Ok(())
}

/// Which sessions hold which tables, those with the oldest transactions first.
pub(super) async fn holders(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    let asked = "select format('%s is held by pid %s (%s, %s, for %s s)', string_agg(distinct l.relation::regclass::text, ', '),
               a.pid, coalesce(nullif(a.application_name, ''), a.usename, 'unnamed'), coalesce(a.state, a.backend_type),
               coalesce(extract(epoch from clock_timestamp() - a.xact_start)::bigint, 0))
          from pg_catalog.pg_locks l
          join pg_catalog.pg_stat_activity a on a.pid = l.pid
          join pg_catalog.pg_class c on c.oid = l.relation and c.relkind in ('r', 'p')
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname in ('public', 'auth')
         where l.granted and l.pid <> pg_catalog.pg_backend_pid()
           and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
         group by a.pid, a.application_name, a.usename, a.state, a.backend_type, a.xact_start
         order by a.xact_start nulls last limit 5";
    let held: Vec<String> = sqlx::query_scalar(asked).fetch_all(connection).await?;
    Ok(held.join("; "))
}
