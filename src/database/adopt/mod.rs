//! `thendo migrate --adopt`: a shop that has tables of the schema already is taken in as it is.
//!
//! All in one transaction: what is missing is added, what is there is compared and never changed, and the
//! migrations are written down as applied. What the engine could not work with rolls everything back.

mod constraints;
mod doors;
mod events;
mod ready;
mod report;
mod statements;
mod table;
mod tables;
mod walk;

use std::time::Duration;

use secrecy::SecretString;
use sqlx::migrate::Migrate;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::describe::{self, EXPECTED, Kind, Schema};
use super::migrate::{self, MIGRATOR, MigrateError, State, TABLE};
use super::role;

pub use report::{Difference, Obstacle, Report, Weight};

/// Tables that Medusa makes: where they are there already, they are Medusa's, and left alone.
pub const MEDUSAS: &[&str] = &[
    "public.product",
    "public.product_variant",
    "public.\"order\"",
    "public.order_item",
    "public.order_fulfillment",
    "public.cart",
    "public.payment",
    "public.customer",
];

/// A statement that the engine will send: its name and its text.
pub type Named<'a> = (&'a str, &'a str);

/// How often it is tried, where others hold the tables.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// What is told while a database is adopted.
#[derive(Debug)]
pub enum Step<'a> {
    /// As with any migration.
    Migrate(migrate::Progress<'a>),
    /// What begins now.
    Phase(&'a str),
    /// A table that was there is compared and completed.
    Table(&'a str),
    /// Others held a table for too long; all is tried once more.
    Again(&'a str),
}

/// Why a database was not adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// As with any migration.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// It has been adopted or migrated before.
    #[error("this database is thendo's already: {applied} of its migrations are recorded")]
    Recorded {
        /// How many.
        applied: usize,
    },
    /// Others hold the tables, and did not let go of them.
    #[error("nothing was changed: other sessions hold what adopting must lock: {held}")]
    Locked {
        /// Which sessions hold which tables.
        held: String,
    },
    /// The database failed.
    #[error("the database failed while it was adopted; nothing of it was changed")]
    Database(#[source] sqlx::Error),
    /// The engine could not work with what is there.
    #[error("the database can't be adopted as it is; nothing of it was changed: {what}")]
    Obstacles {
        /// Which statements, tables and columns.
        what: String,
        /// What to do about them.
        mend: String,
    },
}

impl AdoptError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Migrate(MigrateError::Database(_) | MigrateError::List(_)) | Self::Database(_) => {
                "mend what the server says and adopt again; it begins anew each time".into()
            }
            Self::Migrate(fault) => fault.help(),
            Self::Locked { .. } => {
                "end those sessions, or let their transactions end, and adopt again: best \
                                    while the shop is quiet; `select pg_terminate_backend(PID)` ends one"
                    .into()
            }
            Self::Recorded { .. } => "run `thendo migrate` for what is pending".into(),
            Self::Obstacles { mend, .. } => {
                format!("{mend}; then look with `thendo migrate --adopt --dry-run` and adopt again")
            }
        }
    }
}

impl From<sqlx::Error> for AdoptError {
    fn from(fault: sqlx::Error) -> Self {
        Self::Database(fault)
    }
}

/// What is being adopted.
struct Adoption<'c> {
    connection: &'c mut PgConnection,
    /// What the migrations make.
    expected: Schema,
    /// What was there when it began.
    found: Schema,
    report: Report,
    /// Tables that stay without row level security, because others than thendo's roles work with them.
    open: Vec<String>,
    /// Tables, views and functions that could not be added: what belongs to them is not tried.
    failed: Vec<String>,
    tell: &'c mut dyn FnMut(Step<'_>),
}

impl Adoption<'_> {
    /// Whether the table, view or function was there before.
    fn was_there(&self, of: &str) -> bool {
        self.found.blocks.iter().any(|block| {
            block.of == of
                && matches!(
                    block.kind,
                    Kind::Table | Kind::View | Kind::MaterializedView | Kind::Function | Kind::FunctionOfRows
                )
        })
    }

    /// Does it under a savepoint; gives the server's words if it refuses.
    async fn attempt(&mut self, sql: &str) -> Result<Option<String>, sqlx::Error> {
        let mut point = self.connection.begin().await?;
        match sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *point).await {
            Ok(_) => point.commit().await.map(|()| None),
            Err(fault) if is_locked(&fault) => Err(fault),
            Err(sqlx::Error::Database(refused)) => {
                point.rollback().await?;
                let detail = refused
                    .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
                    .and_then(|said| said.detail())
                    .map_or_else(String::new, |detail| format!(" ({detail})"));
                Ok(Some(format!("{}{detail}", refused.message())))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Adds what is missing. What can't be added becomes a difference of that weight.
    async fn add(&mut self, what: String, sql: &str, weight: Weight) -> Result<bool, sqlx::Error> {
        match self.attempt(sql).await? {
            None => {
                self.report.added.push(what);
                Ok(true)
            }
            Some(refused) => {
                self.report.differ(Difference {
                    object: what,
                    there: format!("can't be added: {refused}"),
                    expected: one_line(sql),
                    weight,
                    mend: "mend what stands in the way, then run the statement yourself".into(),
                });
                Ok(false)
            }
        }
    }

    async fn number(&mut self, sql: String) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false).fetch_one(&mut *self.connection).await
    }

    /// As [`number`](Self::number); nothing if the server refuses.
    async fn number_if_any(&mut self, sql: String) -> Result<Option<i64>, sqlx::Error> {
        let mut point = self.connection.begin().await?;
        let asked = sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false).fetch_one(&mut *point).await;
        point.rollback().await?;
        match asked {
            Ok(number) => Ok(Some(number)),
            Err(sqlx::Error::Database(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn has_rows(&mut self, table: &str) -> Result<bool, sqlx::Error> {
        Ok(self.number(format!("select count(*) from (select from {table} limit 1) as one")).await? > 0)
    }
}

/// Adopts the database, or with `dry_run` only says what would be done.
///
/// `statements`: what the engine sends; each must fit the schema that results.
///
/// # Errors
/// [`AdoptError`]; then nothing was changed. Obstacles are no error of a dry run: they are in its report.
pub async fn run(
    url: &SecretString,
    dry_run: bool,
    statements: &[Named<'_>],
    mut tell: impl FnMut(Step<'_>),
) -> Result<Report, AdoptError> {
    let mut connection =
        migrate::open(url, &mut |progress: migrate::Progress<'_>| tell(Step::Migrate(progress))).await?;
    let standings = migrate::standings(&mut connection).await?;
    let applied = standings.iter().filter(|standing| standing.state != State::Pending).count();
    if applied > 0 {
        return Err(AdoptError::Recorded { applied });
    }
    let mut tries = 0;
    let report = loop {
        tries += 1;
        match once(&mut connection, dry_run, statements, &mut tell).await {
            Err(AdoptError::Database(fault)) if is_locked(&fault) => {
                let held = ready::holders(&mut connection).await?;
                let held = if held.is_empty() { fault.to_string() } else { held };
                if tries == TRIES {
                    return Err(AdoptError::Locked { held });
                }
                tell(Step::Again(&held));
                tokio::time::sleep(PAUSE).await;
            }
            done => break done?,
        }
    };
    // It did what it was opened for.
    let _ended = connection.close().await;
    Ok(report)
}

/// Tries it once, from the first lock to the last record.
async fn once(
    connection: &mut PgConnection,
    dry_run: bool,
    statements: &[Named<'_>],
    tell: &mut dyn FnMut(Step<'_>),
) -> Result<Report, AdoptError> {
    let mut transaction = connection.begin().await?;
    // Who waits for a table keeps everybody after it waiting too.
    transaction.execute("set local lock_timeout = '2s'; set local check_function_bodies = off").await?;
    let mut report = Report { dry_run, ..Report::default() };
    if ready::may_see_auth(&mut transaction, &mut report).await? {
        report.auth_imitated = migrate::shim_auth(&mut transaction).await.map_err(MigrateError::Auth)?;
    }
    let expected = Schema::read(EXPECTED);
    let there = ready::tables(&mut transaction, &expected).await?;
    ready::check(&mut transaction, &there, &mut report).await?;
    if report.is_blocked() {
        transaction.rollback().await?;
        return Ok(report);
    }
    if let Some((about, help)) = role::lacking(&mut transaction).await? {
        return Err(MigrateError::Roles { about, help }.into());
    }
    tell(Step::Phase("locking the tables that are there; the shop waits from now on"));
    ready::lock(&mut transaction, &there).await?;
    tell(Step::Phase("reading what is there"));
    let found = describe::describe(&mut transaction, false).await?;
    let (open, failed) = (Vec::new(), Vec::new());
    let mut adoption = Adoption { connection: &mut transaction, expected, found, report, open, failed, tell };
    adoption.walk().await?;
    adoption.attach_events().await?;
    (adoption.tell)(Step::Phase("checking the engine's statements"));
    adoption.check_statements(statements).await?;
    if !adoption.report.is_blocked() {
        adoption.pick_up().await?;
    }
    let mut report = adoption.report;
    report.sort();
    if !report.is_blocked() {
        report.recorded = record(&mut transaction).await?;
    }
    if dry_run || report.is_blocked() {
        transaction.rollback().await?;
    } else {
        transaction.commit().await?;
        report.adopted = true;
    }
    Ok(report)
}

/// Writes all migrations down as applied.
async fn record(connection: &mut PgConnection) -> Result<usize, MigrateError> {
    connection.ensure_migrations_table(TABLE).await?;
    let mut recorded = 0;
    for migration in MIGRATOR.iter() {
        let sql = format!(
            "insert into {TABLE} (version, description, success, checksum, execution_time) \
             values ($1, $2, true, $3, 0)"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(migration.version)
            .bind(&*migration.description)
            .bind(&*migration.checksum)
            .execute(&mut *connection)
            .await?;
        recorded += 1;
    }
    Ok(recorded)
}

/// The tables of ours that are there, Medusa's left out.
///
/// # Errors
/// When the database can't be asked.
pub(super) async fn tables_of_ours(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let expected = Schema::read(EXPECTED);
    let tables = expected.blocks.iter().filter(|block| block.kind == Kind::Table).map(|block| &*block.of);
    let ours: Vec<&str> = tables.filter(|table| !MEDUSAS.contains(table)).collect();
    sqlx::query_scalar("select t from unnest($1::text[]) as t where to_regclass(t) is not null order by t")
        .bind(ours)
        .fetch_all(connection)
        .await
}

/// Whether somebody else held a lock for too long.
fn is_locked(fault: &sqlx::Error) -> bool {
    let code = fault.as_database_error().and_then(|said| said.code());
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}

fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}
