//! A data-plane connection with its prepared statements.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

/// One static statement of the data plane.
#[derive(Debug)]
pub struct Sql {
    /// What it does; unique.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// What can go wrong with the database; the caller decides by [`StoreError::class`].
/// It is logged, and PostgreSQL's own words may hold what stands in rows: so it shows only words that can't, and what is
/// behind it is no `source()` of it. [`StoreError::reason`] has the words.
#[derive(Debug)]
pub struct StoreError {
    /// The statement.
    pub name: &'static str,
    /// What PostgreSQL or the connection said.
    pub source: tokio_postgres::Error,
}

impl std::error::Error for StoreError {}

impl fmt::Display for StoreError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(db) = self.source.as_db_error() else {
            return write!(to, "{} failed: {}", self.name, self.source);
        };
        let code = db.code().code();
        write!(to, "{} failed: {code}", self.name)?;
        if speaks_of_no_row(code) {
            return write!(to, " {}", db.message());
        }
        for (what, named) in [("table", db.table()), ("column", db.column()), ("constraint", db.constraint())]
        {
            if let Some(named) = named {
                write!(to, ", {what} {named}")?;
            }
        }
        Ok(())
    }
}

/// Whether the server's message for such a code names objects and resources only. Those about data quote it, and what a
/// function of the shop's raises may be anything.
fn speaks_of_no_row(code: &str) -> bool {
    ["08", "25", "28", "40", "42", "53", "54", "55", "57", "58"].iter().any(|class| code.starts_with(class))
}

/// What to do about a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The connection is gone: connect again.
    Disconnected,
    /// The batch met another transaction or a short trouble of the server: do it again, nobody is to blame.
    Transient,
    /// Something in the batch itself.
    Other,
}

impl StoreError {
    /// Sorts the error.
    pub fn class(&self) -> ErrorClass {
        let Some(code) = self.source.code() else { return ErrorClass::Disconnected };
        match code.code() {
            // 25P02: what came behind it in the pipeline failed first, and its error got lost behind this one.
            "40001" | "40P01" | "55P03" | "57014" | "25P02" => ErrorClass::Transient,
            "57P01" | "57P02" | "57P03" | "25P03" => ErrorClass::Disconnected,
            // Out of disk, memory, connections or locks: the server's trouble, not the batch's.
            code if code.starts_with("53") || code.starts_with("58") => ErrorClass::Transient,
            code if code.starts_with("08") => ErrorClass::Disconnected,
            _ => ErrorClass::Other,
        }
    }

    /// The statement took longer than statements may, or somebody cancelled it.
    pub fn is_timeout(&self) -> bool {
        self.source.code() == Some(&SqlState::QUERY_CANCELED)
    }

    /// For who asked over the API: the server's words where they help to mend a workflow, else no word of the server's, which may
    /// name its roles, hosts and statements.
    pub fn told(&self) -> String {
        match self.source.as_db_error() {
            Some(db) => told_of(db),
            None => "the connection to the database ended, or its answer can't be read; the daemon's log says more".into(),
        }
    }

    /// The cause in the server's words, which may hold what stands in rows: for a step, never for the log.
    pub fn reason(&self) -> String {
        self.source.as_db_error().map_or_else(|| self.source.to_string(), |db| db.message().to_owned())
    }
}

/// As [`StoreError::told`], of what the server said.
pub fn told_of(db: &DbError) -> String {
    let code = db.code().code();
    if is_of_data(code) {
        return db.message().to_owned();
    }
    let table = db.table().map_or_else(String::new, |table| format!(", at the table `{table}`"));
    format!("the database refused ({code}{table}); the daemon's log says more")
}

/// Data that does not fit, a rule that is broken, and what a function raises: the author of a workflow mends it by the message.
pub fn is_of_data(code: &str) -> bool {
    ["22", "23", "P0"].iter().any(|class| code.starts_with(class))
}

/// A connection and the statements prepared on it. Calls made together are sent together.
pub struct Session {
    client: Client,
    prepared: Mutex<HashMap<&'static str, Statement>>,
}

impl Session {
    /// Takes over a connected client, whose connection someone drives.
    pub fn new(client: Client) -> Self {
        Self { client, prepared: Mutex::new(HashMap::new()) }
    }

    /// The client, for LISTEN, locks and the like.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Prepares `statements` ahead, so that later calls go out without a pause between them.
    ///
    /// # Errors
    /// [`StoreError`] of the first that can't be prepared.
    pub async fn prepare_all(&self, statements: &[&'static Sql]) -> Result<(), StoreError> {
        for sql in statements {
            self.statement(sql).await?;
        }
        Ok(())
    }

    async fn statement(&self, sql: &'static Sql) -> Result<Statement, StoreError> {
        if let Some(known) = self.lock().get(sql.name) {
            return Ok(known.clone());
        }
        let statement =
            self.client.prepare(sql.text).await.map_err(|source| StoreError { name: sql.name, source })?;
        self.lock().insert(sql.name, statement.clone());
        Ok(statement)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, Statement>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a statement that gives rows.
    ///
    /// # Errors
    /// [`StoreError`] with the statement's name.
    pub async fn query(
        &self,
        sql: &'static Sql,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(sql).await?;
        self.client.query(&statement, values).await.map_err(|source| StoreError { name: sql.name, source })
    }

    /// Runs a statement and tells how many rows it touched.
    ///
    /// # Errors
    /// [`StoreError`] with the statement's name.
    pub async fn execute(
        &self,
        sql: &'static Sql,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StoreError> {
        let statement = self.statement(sql).await?;
        self.client.execute(&statement, values).await.map_err(|source| StoreError { name: sql.name, source })
    }

    /// Has all statements planned anew, for the tables as they are by now: what was planned for an empty one may read the whole
    /// of it once it has grown, until the server's next ANALYZE.
    ///
    /// # Errors
    /// [`StoreError`] if the connection is gone.
    pub async fn plan_anew(&self) -> Result<(), StoreError> {
        self.transaction("discard plans").await
    }

    /// `begin`, `commit` or `rollback`. A failed transaction's commit is an error, as it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] named after the word.
    pub async fn transaction(&self, word: &'static str) -> Result<(), StoreError> {
        self.client.batch_execute(word).await.map_err(|source| StoreError { name: word, source })
    }
}
