//! Opens connections: a pool of sqlx for lists and migrations, single ones of tokio-postgres for the engine.
//!
//! `sslmode` means the same for both: `disable`; `prefer` (the default) encrypts where the server can,
//! without asking who it is; `require`, `verify-ca` and `verify-full` encrypt and check the certificate
//! and the host's name, against the system's authorities or those in `sslrootcert`.

use std::fmt::Write;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;

use super::limits::{self, CONTROL, HOME};
use super::query::{append, decoded};
use super::role::{self, Role};
use super::tls::{self, Checked};
use crate::domain::settings::mask_url;

/// The half of a connection that must be driven: `await` it in a task, or poll it for notifications.
pub type Connection =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

const PATIENCE: Duration = Duration::from_secs(10);
/// Who asks the API is told soon that others are before them.
pub const PATIENCE_OF_API: Duration = Duration::from_secs(2);

/// Why there is no connection. Never shows a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No connection string.
    #[error("`{shown}` is no connection string: {reason}")]
    BadUrl {
        /// Without its password.
        shown: String,
        /// What is wrong.
        reason: String,
    },
    /// The authorities' certificates can't be used.
    #[error("can't prepare TLS for {shown}: {reason}")]
    Tls {
        /// Without its password.
        shown: String,
        /// What is wrong.
        reason: String,
    },
    /// Nobody answers, or the server refuses.
    #[error("can't connect to {shown}: {reason}")]
    Failed {
        /// Without its password.
        shown: String,
        /// The server's or the system's words.
        reason: String,
        /// Whether the server itself answered.
        answered: bool,
    },
}

impl ConnectError {
    /// Whether the server is there, and refuses.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Failed { answered: true, .. })
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::BadUrl { .. } => "write it as postgres://USER:PASSWORD@HOST:5432/DATABASE; special characters \
                                    in the password are percent-encoded"
                .into(),
            Self::Tls { .. } => "name a readable PEM file in sslrootcert, or install the system's ca-certificates".into(),
            Self::Failed { reason, .. } if reason.contains("certificate") => {
                "name the server's authority with sslrootcert=FILE (Supabase offers it under Database settings, \
                 SSL), or use sslmode=prefer to encrypt without checking"
                    .into()
            }
            Self::Failed { reason, .. } if role::help(reason).is_some() => role::help(reason).unwrap_or_default(),
            Self::Failed { answered: true, .. } => "check user, password and database name".into(),
            Self::Failed { .. } => "check that the server runs and that host and port are right".into(),
        }
    }
}

/// One connection for the engine, with its session set. The caller drives the second half.
///
/// `purpose` is shown in `pg_stat_activity` as `thendo PURPOSE`.
///
/// # Errors
/// [`ConnectError`] after at most about 10 s.
pub async fn connect(
    url: &SecretString,
    purpose: &str,
    role: Role,
) -> Result<(Client, Connection), ConnectError> {
    with(url, purpose, &limits::engine(role)).await
}

/// As [`connect`], with other settings.
pub(super) async fn with(
    url: &SecretString,
    purpose: &str,
    settings: &str,
) -> Result<(Client, Connection), ConnectError> {
    let target = Target::read(url)?;
    let mut config = target.config.clone();
    config.application_name(format!("thendo {purpose}").trim());
    let tls = tls::connector(&target.checked).map_err(|reason| target.tls(reason))?;
    let opened = tokio::time::timeout(PATIENCE, async {
        let (client, mut connection) = config.connect(tls).await?;
        {
            let setting = client.batch_execute(settings);
            tokio::pin!(setting);
            tokio::select! {
                done = &mut setting => done?,
                ended = &mut connection => {
                    ended?;
                    setting.await?;
                }
            }
        }
        Ok((client, connection))
    });
    match opened.await {
        Ok(opened) => opened.map_err(|fault| target.failed(&fault)),
        Err(_) => Err(target.silent()),
    }
}

/// As [`connect`], as the user that the string names, with the second half driven by a task of its own.
///
/// # Errors
/// As [`connect`].
pub async fn connect_driven(url: &SecretString, purpose: &str) -> Result<Client, ConnectError> {
    let (client, connection) = connect(url, purpose, Role::Login).await?;
    tokio::spawn(drive(connection));
    Ok(client)
}

/// Drives a connection whose notifications nobody wants, until it ends or the answer is dropped.
pub fn drive_in_background(connection: Connection) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(drive(connection)))
}

/// Asks the server to give up what `client` waits for. It may be done by then all the same.
///
/// # Errors
/// [`ConnectError`]: cancelling takes a connection of its own.
pub async fn cancel(url: &SecretString, client: &Client) -> Result<(), ConnectError> {
    let target = Target::read(url)?;
    let tls = tls::connector(&target.checked).map_err(|reason| target.tls(reason))?;
    match tokio::time::timeout(PATIENCE, client.cancel_token().cancel_query(tls)).await {
        Ok(asked) => asked.map_err(|fault| target.failed(&fault)),
        Err(_) => Err(target.silent()),
    }
}

pub(super) async fn drive(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(fault) = connection.await {
        tracing::debug!(%fault, "a connection ended");
    }
}

/// A pool for the control plane. One connection is made before, so that a wrong URL, or a role that can't be taken, is known
/// now: the pool would try again and again, and then say only that its time is up.
///
/// # Errors
/// [`ConnectError`] after at most about 10 s; at once if the server refuses.
pub async fn pool(url: &SecretString, most: u32, role: Role) -> Result<PgPool, ConnectError> {
    let mut first = single(url, "control").await?;
    let target = Target::read(url)?;
    let set = format!("{CONTROL}{}", role.taken());
    sqlx::Executor::execute(&mut first, AssertSqlSafe(set))
        .await
        .map_err(|fault| target.failed_sqlx(&fault))?;
    let mut options = target.sqlx_options("control")?;
    if role == Role::Login {
        // Who runs a command sees that it is slow.
        options = options.disable_statement_logging();
    }
    let pool = PgPoolOptions::new()
        .max_connections(most.max(1))
        .acquire_timeout(if role == Role::Api { PATIENCE_OF_API } else { PATIENCE })
        .idle_timeout(Duration::from_secs(60))
        .after_connect(move |connection, _| {
            Box::pin(async move {
                let set = format!("{CONTROL}{}", role.taken());
                sqlx::Executor::execute(connection, AssertSqlSafe(set)).await.map(|_| ())
            })
        })
        .connect_lazy_with(options);
    // It said what it was asked for; how it ends is of no interest.
    let _ended = sqlx::Connection::close(first).await;
    Ok(pool)
}

/// One plain connection of sqlx, without limits on its statements: for migrations.
///
/// # Errors
/// [`ConnectError`] after at most about 10 s.
pub async fn single(url: &SecretString, purpose: &str) -> Result<sqlx::PgConnection, ConnectError> {
    let target = Target::read(url)?;
    // Whole tables are rewritten and read here: that a statement takes its time is no news.
    let options = target.sqlx_options(purpose)?.disable_statement_logging();
    let opened = tokio::time::timeout(PATIENCE, async {
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect_with(&options).await?;
        sqlx::Executor::execute(&mut connection, HOME).await?;
        Ok(connection)
    });
    match opened.await {
        Ok(opened) => opened.map_err(|fault| target.failed_sqlx(&fault)),
        Err(_) => Err(target.silent()),
    }
}

/// A connection string, read.
struct Target {
    config: Config,
    checked: Checked,
    /// For sqlx: with `sslmode` as it is meant here.
    url: SecretString,
    shown: String,
}

impl Target {
    fn read(url: &SecretString) -> Result<Self, ConnectError> {
        let text = url.expose_secret();
        let shown = if text.is_empty() { "(nothing)".to_owned() } else { mask_url(text) };
        let bad = |reason: String| ConnectError::BadUrl { shown: shown.clone(), reason };
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(bad("it does not begin with postgres://".into()));
        }
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut plain, mut for_sqlx) = (base.to_owned(), base.to_owned());
        let (mut mode, mut roots) = ("prefer".to_owned(), None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("sslmode", value) => mode = value.to_owned(),
                ("sslrootcert", value) => {
                    roots = Some(decoded(value));
                    append(&mut for_sqlx, pair);
                }
                // Hints for other drivers, found in strings that are copied around.
                ("pgbouncer" | "connection_limit" | "pool_timeout" | "schema" | "gssencmode", _) => {}
                ("channel_binding" | "connect_timeout" | "target_session_attrs", _) => {
                    append(&mut plain, pair)
                }
                _ => {
                    append(&mut plain, pair);
                    append(&mut for_sqlx, pair);
                }
            }
        }
        let (for_tokio, sqlx_mode, checked) = match mode.as_str() {
            "disable" => ("disable", "disable", Checked::Nothing),
            "allow" | "prefer" => ("prefer", "prefer", Checked::Nothing),
            "require" | "verify-ca" | "verify-full" => ("require", "verify-full", Checked::All { roots }),
            other => return Err(bad(format!("`{other}` is no sslmode"))),
        };
        if let Checked::All { roots: Some(file) } = &checked {
            std::fs::File::open(file).map_err(|fault| ConnectError::Tls {
                shown: shown.clone(),
                reason: format!("sslrootcert {file} can't be read: {fault}"),
            })?;
        }
        append(&mut plain, &format!("sslmode={for_tokio}"));
        append(&mut for_sqlx, &format!("sslmode={sqlx_mode}"));
        let mut config = Config::from_str(&plain).map_err(|fault| bad(in_full(&fault)))?;
        config
            .connect_timeout(PATIENCE)
            .keepalives(true)
            .keepalives_idle(PATIENCE)
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(PATIENCE);
        Ok(Self { config, checked, url: for_sqlx.into(), shown })
    }

    fn sqlx_options(&self, purpose: &str) -> Result<PgConnectOptions, ConnectError> {
        let options = PgConnectOptions::from_str(self.url.expose_secret())
            .map_err(|fault| ConnectError::BadUrl { shown: self.shown.clone(), reason: in_full(&fault) })?;
        let on_socket = options.get_socket().is_some();
        let options = if on_socket { options.ssl_mode(PgSslMode::Disable) } else { options };
        Ok(options.application_name(format!("thendo {purpose}").trim()))
    }

    fn tls(&self, reason: String) -> ConnectError {
        ConnectError::Tls { shown: self.shown.clone(), reason }
    }

    fn failed(&self, fault: &tokio_postgres::Error) -> ConnectError {
        let answered = fault.as_db_error().is_some();
        let reason = fault.as_db_error().map_or_else(|| in_full(fault), |said| said.message().to_owned());
        ConnectError::Failed { shown: self.shown.clone(), reason, answered }
    }

    fn failed_sqlx(&self, fault: &sqlx::Error) -> ConnectError {
        let said = fault.as_database_error().map(|said| said.message().to_owned());
        let answered = said.is_some();
        ConnectError::Failed {
            shown: self.shown.clone(),
            reason: said.unwrap_or_else(|| in_full(fault)),
            answered,
        }
    }

    fn silent(&self) -> ConnectError {
        let reason = "no answer within 10 seconds".into();
        ConnectError::Failed { shown: self.shown.clone(), reason, answered: false }
    }
}

/// An error with its sources, each once.
pub(crate) fn in_full(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut source = fault.source();
    while let Some(inner) = source {
        let said = inner.to_string();
        if !text.contains(&said) {
            let _infallible = write!(text, ": {said}");
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Target, ConnectError> {
        Target::read(&url.into())
    }

    #[test]
    fn sslmode_means_the_same_for_both_drivers() {
        use tokio_postgres::config::SslMode;
        for (written, tokio, sqlx, checks) in [
            ("", SslMode::Prefer, "sslmode=prefer", false),
            ("?sslmode=disable", SslMode::Disable, "sslmode=disable", false),
            ("?sslmode=require", SslMode::Require, "sslmode=verify-full", true),
            ("?sslmode=verify-full&pgbouncer=true", SslMode::Require, "sslmode=verify-full", true),
        ] {
            let target = read(&format!("postgres://ada:x@db/shop{written}")).expect("reads");
            assert_eq!(target.config.get_ssl_mode(), tokio, "{written}");
            assert!(target.url.expose_secret().ends_with(sqlx), "{written}");
            assert_eq!(target.checked != Checked::Nothing, checks, "{written}");
            assert!(target.sqlx_options("test").is_ok());
        }
    }

    #[test]
    fn what_is_no_connection_string_is_said_without_the_password() {
        for url in [
            "",
            "mysql://ada:s3cret@db/x",
            "host=db password=s3cret",
            "postgres://ada:s3cret@db/x?sslmode=maybe",
            "postgres://ada:s3cret@db:port/x",
        ] {
            let fault = read(url).err().expect("refused");
            assert!(!fault.to_string().contains("s3cret"), "{fault}");
        }
    }

    #[tokio::test]
    async fn who_refuses_is_told_at_once() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let url = format!("postgres://ada:s3cret@{}/shop", free.expect("a free port"));
        let begun = std::time::Instant::now();
        let fault = pool(&url.into(), 2, Role::Login).await.expect_err("nobody is there").to_string();
        assert!(fault.contains("refused") && !fault.contains("s3cret"), "{fault}");
        assert!(begun.elapsed() < Duration::from_secs(2), "after {:?}", begun.elapsed());
    }

    #[test]
    fn a_certificates_path_is_decoded() {
        assert_eq!(decoded("/etc/a%20b.pem"), "/etc/a b.pem");
        assert_eq!(decoded("100%"), "100%");
    }
}
