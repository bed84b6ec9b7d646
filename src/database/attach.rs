//! The triggers that tell the daemon what happens in the shop: put on and taken off.

use std::pin::pin;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool};

/// Putting on holds up a table's writers, taking off its readers too: those who come while we wait, wait behind us.
/// Below the server's `deadlock_timeout`, so that in a deadlock it is we who give way.
const PATIENCE: &str = "set local lock_timeout = '800ms'";

/// So often; between two of them the shop works undisturbed.
const TRIES: u32 = 4;

const PAUSE: Duration = Duration::from_millis(700);

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

/// Why the triggers are as they were.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// Somebody uses a table all the time.
    #[error("nothing was changed: {0}")]
    Held(Holder),
    /// The database failed otherwise.
    #[error("nothing was changed: the database refused")]
    Database(#[from] sqlx::Error),
}

impl AttachError {
    /// What to do about it, if more is known than the database says.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Held(Holder(Some(held))) => Some(format!(
                "run it again when that has ended; to end it: select pg_terminate_backend({})",
                held.pid
            )),
            Self::Held(Holder(None)) => Some("run it again when the shop has less to do".into()),
            Self::Database(_) => None,
        }
    }
}

/// Who keeps a table, if it could be seen in time.
#[derive(Debug)]
pub struct Holder(Option<Held>);

#[derive(Debug, sqlx::FromRow)]
struct Held {
    table: String,
    pid: i32,
    user: String,
    program: String,
    seconds: i64,
    query: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(Held { table, pid, user, program, seconds, query }) = &self.0 else {
            return write!(f, "a table is in use all the time");
        };
        write!(f, "table {table} is in use by process {pid} of user {user}")?;
        if !program.is_empty() {
            write!(f, " ({program})")?;
        }
        write!(f, ", in a transaction for {seconds} s; its last statement: {query}")
    }
}

/// The triggers that are there now: those that record events, and those that mirror Medusa's rows.
///
/// # Errors
/// When the database can't be asked.
pub async fn triggers(pool: &PgPool) -> Result<Vec<Trigger>, sqlx::Error> {
    triggers_on(&mut *pool.acquire().await?).await
}

async fn triggers_on(connection: &mut PgConnection) -> Result<Vec<Trigger>, sqlx::Error> {
    let sql = "select c.relname::text as table, t.tgname::text as name
      from pg_trigger t
      join pg_class c on c.oid = t.tgrelid
      join pg_proc p on p.oid = t.tgfoid
     where not t.tgisinternal and p.pronamespace = 'public'::regnamespace
       and p.proname in ('record_event', 'mirror_medusa_order', 'mirror_medusa_fulfilment',
                         'mirror_medusa_stock')
     order by c.relname, t.tgname";
    sqlx::query_as(sql).fetch_all(connection).await
}

/// Takes them off; says which.
///
/// # Errors
/// When a table is in use all the time, the database can't be reached, or its schema is too old.
pub async fn detach(pool: &PgPool) -> Result<Vec<Trigger>, AttachError> {
    let (before, after) = change(pool, &["public.detach_events()", "public.detach_medusa()"]).await?;
    Ok(before.into_iter().filter(|trigger| !after.contains(trigger)).collect())
}

/// Puts them on again; says which, and how many are on then.
///
/// # Errors
/// As [`detach`].
pub async fn attach(pool: &PgPool) -> Result<(Vec<Trigger>, usize), AttachError> {
    // In this order: the mirrors stay off while no table records events.
    let (before, after) = change(pool, &["public.attach_events()", "public.attach_medusa()"]).await?;
    let on = after.len();
    Ok((after.into_iter().filter(|trigger| !before.contains(trigger)).collect(), on))
}

/// The triggers before and after; all is done or nothing.
async fn change(pool: &PgPool, calls: &[&'static str]) -> Result<(Vec<Trigger>, Vec<Trigger>), AttachError> {
    let mut seen = None;
    for tried in 0..TRIES {
        if tried > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let mut transaction = pool.begin().await?;
        let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut *transaction).await?;
        transaction.execute(PATIENCE).await?;
        let before = triggers_on(&mut transaction).await?;
        let done = {
            let mut calling = pin!(async {
                for call in calls {
                    transaction.execute(AssertSqlSafe(format!("select {call}"))).await?;
                }
                Ok(())
            });
            loop {
                tokio::select! {
                    done = &mut calling => break done,
                    // A look that fails only leaves the holder unnamed.
                    found = holder(pool, pid) => seen = found.ok().flatten().or(seen),
                }
            }
        };
        match done {
            Ok(()) => {
                let after = triggers_on(&mut transaction).await?;
                transaction.commit().await?;
                return Ok((before, after));
            }
            Err(fault) if !is_held(&fault) => return Err(fault.into()),
            Err(_) => transaction.rollback().await?,
        }
    }
    Err(AttachError::Held(Holder(seen)))
}

/// The lock was not to be had in time, or the server saw a deadlock.
fn is_held(fault: &sqlx::Error) -> bool {
    let code = fault.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}

/// Looks, after a moment, for whom the server process `pid` waits.
async fn holder(pool: &PgPool, pid: i32) -> Result<Option<Held>, sqlx::Error> {
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sql = "select w.relation::regclass::text as table, a.pid, coalesce(a.usename::text, '?') as user,
                      coalesce(a.application_name, '') as program,
                      coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::bigint as seconds,
                      coalesce(left(regexp_replace(a.query, '[[:space:][:cntrl:]]+', ' ', 'g'), 120), '?') as query
                 from pg_locks w
                cross join unnest(pg_blocking_pids(w.pid)) as by (pid)
                 join pg_stat_activity a on a.pid = by.pid
                where w.pid = $1 and not w.granted and w.locktype = 'relation'
                order by a.xact_start limit 1";
    sqlx::query_as(sql).bind(pid).fetch_optional(pool).await
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
