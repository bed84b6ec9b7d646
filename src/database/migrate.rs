//! Brings the schema up to date, and says how far it is.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use sqlx::migrate::{Migrate, MigrateError as SqlxMigrateError, Migration, Migrator};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::adopt;
use super::connect::{self, ConnectError};
use super::describe::Schema;
use super::role;
use super::server::binaries::LEAST_MAJOR;

/// Built into the binary; the build script has it rebuilt when a file changes.
pub(super) static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

const AUTH_SHIM: &str = include_str!("../../migrations/shim/auth.sql");

pub(super) const TABLE: &str = "_sqlx_migrations";

/// The last migration that makes roles, by its name.
const ENGINE_ROLE: &str = "engine role";

/// Where one migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// In the database.
    Applied,
    /// Not yet in the database.
    Pending,
    /// In the database, but its file is another by now.
    Changed,
    /// In the database, and unknown to this build: a newer thendo was here.
    Unknown,
}

/// One migration and where it stands.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Standing {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: State,
}

/// What is told while migrations are applied.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Another process is at it; we wait for it.
    Waiting,
    /// Supabase's `auth` was not there and was imitated.
    AuthShim,
    /// One migration was applied.
    Applied {
        /// Which.
        standing: &'a Standing,
        /// How long it took.
        took: Duration,
    },
    /// An optional part that the server offers by now was taken in.
    PickedUp {
        /// `vectors`.
        name: &'a str,
    },
}

/// Why the schema can't be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server is too old.
    #[error("the server is PostgreSQL {0}; thendo needs {LEAST_MAJOR} or newer")]
    TooOld(String),
    /// A newer thendo was here.
    #[error("the database is ahead: it has migrations that this thendo does not know: {0}")]
    Ahead(String),
    /// Applied files changed.
    #[error("migrations changed after they were applied: {0}")]
    Changed(String),
    /// Tables of ours are there, and no migration is recorded.
    #[error("the database has tables of thendo's schema already, but no migrations of thendo: {0}")]
    Occupied(String),
    /// The roles that the schema needs can't be had.
    #[error("nothing was changed: {about}")]
    Roles {
        /// Who lacks what.
        about: String,
        /// What to do.
        help: String,
    },
    /// A migration failed; it left nothing.
    #[error("migration {version} ({name}) failed")]
    Failed {
        /// Its number.
        version: i64,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: SqlxMigrateError,
    },
    /// The imitation of `auth` failed; it left nothing.
    #[error("the schema `auth` can't be made")]
    Auth(#[source] sqlx::Error),
    /// The database failed otherwise.
    #[error("the database failed while migrating")]
    Database(#[from] sqlx::Error),
    /// The list of migrations can't be read.
    #[error("the list of applied migrations can't be read or written")]
    List(#[from] SqlxMigrateError),
}

impl MigrateError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Connect(fault) => fault.help(),
            Self::TooOld(_) => format!("use a server of version {LEAST_MAJOR} or newer"),
            Self::Ahead(_) => "use the newer thendo that made them".into(),
            Self::Changed(_) => "use the thendo that applied them; before the first release migrations may \
                                 change: then start with an empty database"
                .into(),
            Self::Occupied(_) => "an existing shop is taken in by `thendo migrate --adopt`; \
                                  `thendo migrate --adopt --dry-run` says what that would do"
                .into(),
            Self::Roles { help, .. } => help.clone(),
            Self::Failed { .. } => "nothing of it was kept; mend the cause and run it again".into(),
            Self::Auth(_) => "connect as a user who may create roles (on Supabase: `postgres`), or have a superuser create the roles anon, authenticated and service_role beforehand".into(),
            Self::Database(_) | Self::List(_) => "run it again; it goes on where it stopped".into(),
        }
    }
}

/// Where every migration stands, those unknown to this build included.
///
/// # Errors
/// [`MigrateError`] if the database can't be asked.
pub async fn status(url: &SecretString) -> Result<Vec<Standing>, MigrateError> {
    let mut connection = connect::single(url, "migrate").await?;
    standings(&mut connection).await
}

/// The schema of the database as it is; see [`describe::describe`](super::describe::describe).
///
/// # Errors
/// [`MigrateError`] if the database can't be asked.
pub async fn describe(url: &SecretString, with_rows: bool) -> Result<Schema, MigrateError> {
    let mut connection = connect::single(url, "describe").await?;
    Ok(super::describe::describe(&mut connection, with_rows).await?)
}

/// Applies what is pending. Safe with any number of processes at once: one works, the others wait.
///
/// Returns how many were applied.
///
/// # Errors
/// [`MigrateError`]; each migration is in the database wholly or not at all.
pub async fn run(url: &SecretString, mut tell: impl FnMut(Progress<'_>)) -> Result<usize, MigrateError> {
    let mut connection = open(url, &mut tell).await?;
    let found = standings(&mut connection).await?;
    refuse(&found)?;
    let fresh = found.iter().all(|standing| standing.state == State::Pending);
    if fresh {
        let there = adopt::tables_of_ours(&mut connection).await?;
        if !there.is_empty() {
            return Err(MigrateError::Occupied(there.join(", ")));
        }
    }
    if found.iter().any(|s| s.name == ENGINE_ROLE && s.state == State::Pending)
        && let Some((about, help)) = role::lacking(&mut connection).await?
    {
        return Err(MigrateError::Roles { about, help });
    }
    if shim_auth(&mut connection).await.map_err(MigrateError::Auth)? {
        tell(Progress::AuthShim);
    }
    if fresh {
        connection.ensure_migrations_table(TABLE).await?;
    }
    let mut applied = 0;
    for standing in found.iter().filter(|standing| standing.state == State::Pending) {
        let Some(migration) = MIGRATOR.iter().find(|m| m.version == standing.version) else { continue };
        let took = connection.apply(TABLE, migration).await.map_err(|source| MigrateError::Failed {
            version: standing.version,
            name: standing.name.clone(),
            source,
        })?;
        applied += 1;
        tell(Progress::Applied { standing, took });
    }
    for name in pick_up(&mut connection).await? {
        tell(Progress::PickedUp { name: &name });
    }
    connection.close().await?;
    Ok(applied)
}

/// A connection to a server that is new enough, with the lock that migrating takes. The lock ends with it.
pub(super) async fn open(
    url: &SecretString,
    tell: &mut impl FnMut(Progress<'_>),
) -> Result<PgConnection, MigrateError> {
    let mut connection = connect::single(url, "migrate").await?;
    let version: String =
        sqlx::query_scalar("select current_setting('server_version')").fetch_one(&mut connection).await?;
    let number: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(&mut connection)
        .await?;
    if number / 10_000 < LEAST_MAJOR.try_into().unwrap_or(i32::MAX) {
        return Err(MigrateError::TooOld(version));
    }
    lock(&mut connection, tell).await?;
    Ok(connection)
}

/// Has the schema take in what the server or the shop offers by now: extensions, Medusa's tables.
pub(super) async fn pick_up(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let there: bool = sqlx::query_scalar("select to_regprocedure('public.pick_up_optional()') is not null")
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        return Ok(Vec::new());
    }
    sqlx::query_scalar("select name from public.pick_up_optional() as name").fetch_all(connection).await
}

/// Ends with the session. Not sqlx's own lock, which waits without a word.
async fn lock(connection: &mut PgConnection, tell: &mut impl FnMut(Progress<'_>)) -> Result<(), sqlx::Error> {
    let mut told = false;
    loop {
        // 1952998511 is 'thdo', the namespace of thendo's advisory locks; 2 is migrating.
        let ours: bool = sqlx::query_scalar("select pg_try_advisory_lock(1952998511, 2)")
            .fetch_one(&mut *connection)
            .await?;
        if ours {
            return Ok(());
        }
        if !std::mem::replace(&mut told, true) {
            tell(Progress::Waiting);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(super) async fn shim_auth(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let there: bool = sqlx::query_scalar("select to_regclass('auth.users') is not null")
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        let mut transaction = connection.begin().await?;
        transaction.execute(AUTH_SHIM).await?;
        transaction.commit().await?;
    }
    Ok(!there)
}

pub(super) async fn standings(connection: &mut PgConnection) -> Result<Vec<Standing>, MigrateError> {
    let there: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(TABLE)
        .fetch_one(&mut *connection)
        .await?;
    let rows: Vec<(i64, String, Vec<u8>)> = if there {
        let listed = format!("select version, description, checksum from {TABLE} order by version");
        sqlx::query_as(AssertSqlSafe(listed)).fetch_all(&mut *connection).await?
    } else {
        Vec::new()
    };
    Ok(compare(MIGRATOR.iter(), rows))
}

fn compare<'a>(
    known: impl Iterator<Item = &'a Migration>,
    rows: Vec<(i64, String, Vec<u8>)>,
) -> Vec<Standing> {
    let mut applied: BTreeMap<i64, (String, Vec<u8>)> =
        rows.into_iter().map(|(version, name, checksum)| (version, (name, checksum))).collect();
    let mut all: Vec<Standing> = known
        .map(|migration| {
            let state = match applied.remove(&migration.version) {
                None => State::Pending,
                Some((_, checksum)) if checksum == *migration.checksum => State::Applied,
                Some(_) => State::Changed,
            };
            Standing { version: migration.version, name: migration.description.to_string(), state }
        })
        .collect();
    all.extend(applied.into_iter().map(|(version, (name, _))| Standing {
        version,
        name,
        state: State::Unknown,
    }));
    all.sort_by_key(|standing| standing.version);
    all
}

fn refuse(standings: &[Standing]) -> Result<(), MigrateError> {
    let those = |state: State| {
        let named =
            standings.iter().filter(|s| s.state == state).map(|s| format!("{} ({})", s.version, s.name));
        named.collect::<Vec<_>>().join(", ")
    };
    let (ahead, changed) = (those(State::Unknown), those(State::Changed));
    if !ahead.is_empty() {
        return Err(MigrateError::Ahead(ahead));
    }
    if !changed.is_empty() {
        return Err(MigrateError::Changed(changed));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_ahead_or_changed_is_refused() {
        let known: Vec<&Migration> = MIGRATOR.iter().take(2).collect();
        let row = |m: &Migration| (m.version, m.description.to_string(), m.checksum.to_vec());
        let fresh = compare(known.iter().copied(), vec![row(known[0])]);
        assert_eq!(fresh.iter().map(|s| s.state).collect::<Vec<_>>(), [State::Applied, State::Pending]);
        assert!(refuse(&fresh).is_ok());

        let newer = compare(known.iter().copied(), vec![row(known[0]), (99_999, "later".into(), vec![])]);
        assert!(matches!(refuse(&newer), Err(MigrateError::Ahead(which)) if which == "99999 (later)"));

        let edited = compare(known.iter().copied(), vec![(known[0].version, "x".into(), vec![1])]);
        assert!(matches!(refuse(&edited), Err(MigrateError::Changed(_))));
    }

    #[test]
    fn the_shim_is_no_migration() {
        assert!(MIGRATOR.iter().all(|migration| !migration.description.contains("auth.sql")));
        assert!(MIGRATOR.iter().all(|migration| migration.version < 1000));
        assert!(MIGRATOR.iter().any(|migration| migration.description == ENGINE_ROLE));
    }
}
