//! `thendo migrate --adopt`: a shop that has tables of the schema already is taken in as it is.
//!
//! All in one transaction: what is missing is added, what is there is compared and never changed, and the
//! migrations are written down as applied. What the engine could not work with rolls everything back.

mod doors;
mod report;
mod statements;
mod table;
mod tables;
mod walk;

use secrecy::SecretString;
use sqlx::migrate::Migrate;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::describe::{self, EXPECTED, Kind, Schema};
use super::migrate::{self, MIGRATOR, MigrateError, Progress, State, TABLE};

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
            Self::Migrate(fault) => fault.help(),
            Self::Recorded { .. } => "run `thendo migrate` for what is pending".into(),
            Self::Obstacles { mend, .. } => {
                format!("{mend}; then look with `thendo migrate --adopt --dry-run` and adopt again")
            }
        }
    }
}

impl From<sqlx::Error> for AdoptError {
    fn from(fault: sqlx::Error) -> Self {
        Self::Migrate(fault.into())
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
    mut tell: impl FnMut(Progress<'_>),
) -> Result<Report, AdoptError> {
    let mut connection = migrate::open(url, &mut tell).await?;
    let standings = migrate::standings(&mut connection).await?;
    let applied = standings.iter().filter(|standing| standing.state != State::Pending).count();
    if applied > 0 {
        return Err(AdoptError::Recorded { applied });
    }
    let mut transaction = connection.begin().await?;
    // A shop that is open holds its tables for moments only; who holds one longer is not waited for.
    transaction.execute("set local lock_timeout = '30s'; set local check_function_bodies = off").await?;
    let imitated = migrate::shim_auth(&mut transaction).await.map_err(MigrateError::Auth)?;
    let found = describe::describe(&mut transaction, false).await?;
    let report = Report { auth_imitated: imitated, dry_run, ..Report::default() };
    let expected = Schema::read(EXPECTED);
    let mut adoption = Adoption { connection: &mut transaction, expected, found, report };
    adoption.walk().await?;
    adoption.check_statements(statements).await?;
    let mut report = adoption.report;
    report.sort();
    report.recorded = record(&mut transaction).await?;
    report.picked_up = migrate::pick_up(&mut transaction).await?;
    if dry_run || report.is_blocked() {
        transaction.rollback().await?;
    } else {
        transaction.commit().await?;
        report.adopted = true;
    }
    // It did what it was opened for.
    let _ended = connection.close().await;
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

fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}
