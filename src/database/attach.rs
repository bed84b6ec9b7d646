//! The triggers that tell the daemon what happens in the shop: put on and taken off.

use sqlx::PgPool;

/// One trigger of thendo's on a table of the shop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, sqlx::FromRow)]
pub struct Trigger {
    /// The table, without its schema.
    pub table: String,
    /// The trigger's name.
    pub name: String,
}

/// What the daemon still has before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, sqlx::FromRow)]
pub struct Remaining {
    /// Events and executions that are due.
    pub queued: i64,
    /// Executions that rest.
    pub waiting: i64,
    /// Deliveries that are not over.
    pub deliveries: i64,
}

/// The triggers that are there now: those that record events, and those that mirror Medusa's rows.
///
/// # Errors
/// When the database can't be asked.
pub async fn triggers(pool: &PgPool) -> Result<Vec<Trigger>, sqlx::Error> {
    let sql = "select c.relname::text as table, t.tgname::text as name
      from pg_trigger t
      join pg_class c on c.oid = t.tgrelid
      join pg_proc p on p.oid = t.tgfoid
      join pg_namespace n on n.oid = p.pronamespace and n.nspname = 'public'
     where not t.tgisinternal and t.tgparentid = 0
       and (p.proname = 'record_event' or p.proname like 'mirror\\_medusa%'
            or obj_description(p.oid, 'pg_proc') ilike '%thendo''s mirror%')
     order by c.relname, t.tgname";
    sqlx::query_as(sql).fetch_all(pool).await
}

/// Takes them off; says how many.
///
/// # Errors
/// When the database can't be reached, or its schema is too old to have the function.
pub async fn detach(pool: &PgPool) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("select public.detach_events()").fetch_one(pool).await
}

/// Puts them on again; says how many.
///
/// # Errors
/// As [`detach`].
pub async fn attach(pool: &PgPool) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("select public.attach_events()").fetch_one(pool).await
}

/// What is still before the daemon.
///
/// # Errors
/// When the database can't be asked.
pub async fn remaining(pool: &PgPool) -> Result<Remaining, sqlx::Error> {
    let sql = "select (select count(*) from public.workflow_queue) as queued,
                      (select count(*) from public.workflow_waiting) as waiting,
                      (select count(*) from public.workflow_deliveries
                        where status in ('pending', 'sending')) as deliveries";
    sqlx::query_as(sql).fetch_one(pool).await
}
