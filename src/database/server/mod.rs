//! A private PostgreSQL in a data directory: reachable by a Unix socket only, durable, ours alone.
//!
//! ```text
//! DATA_DIR/lock           held by the process that runs the server; names its pid
//! DATA_DIR/postgres/      the cluster, owned by the server's user
//! DATA_DIR/postgres.log   what the server says
//! DATA_DIR/socket/        the socket, in a folder closed to others
//! ```

pub mod binaries;
pub mod cluster;
pub mod install;
mod lock;
pub mod owner;
mod postmaster;
pub mod socket;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use binaries::Binaries;
use lock::DirectoryLock;
use owner::Owner;
use postmaster::Postmaster;

/// The database that is made with the cluster.
pub const DATABASE: &str = "thendo";

/// Where the server lives and how it is set.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The folder that holds everything; made if missing.
    pub data_dir: PathBuf,
    /// Folder of PostgreSQL's programs; searched for unless given.
    pub bin_dir: Option<PathBuf>,
    /// More settings, as in `postgresql.conf`.
    pub settings: BTreeMap<String, String>,
}

/// Why the private server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No PostgreSQL on this machine, or none that is new enough.
    #[error("no PostgreSQL {least} or newer on this machine{found}", least = binaries::LEAST_MAJOR)]
    NotInstalled {
        /// What was found instead, in words; empty for nothing.
        found: String,
        /// The exact command that installs it.
        install: String,
    },
    /// The cluster was made by another major version.
    #[error("the data in {} was made by PostgreSQL {data}, and this machine has {installed}", dir.display())]
    OtherVersion {
        /// The cluster.
        dir: PathBuf,
        /// Its major version.
        data: u32,
        /// Those found.
        installed: String,
    },
    /// Another process runs a server on this directory.
    #[error("{} is in use by another thendo{holder}", dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// ` (process 123)`, if known.
        holder: String,
    },
    /// The server's user can't reach the directory.
    #[error("the server runs as user `{user}`, who may not enter {}", folder.display())]
    NotReachable {
        /// Who.
        user: String,
        /// The folder that is closed.
        folder: PathBuf,
    },
    /// Someone else's folder.
    #[error("{} belongs to user {uid}, not to you", dir.display())]
    NotOurs {
        /// Which.
        dir: PathBuf,
        /// Whose.
        uid: u32,
    },
    /// One of PostgreSQL's programs failed.
    #[error("{program} failed: {output}")]
    Program {
        /// `initdb`, `postgres`.
        program: String,
        /// What it said.
        output: String,
    },
    /// The server ended or did not become ready in time.
    #[error("PostgreSQL did not start: {reason}")]
    NotStarted {
        /// Its last words.
        reason: String,
        /// All of them.
        log: PathBuf,
    },
    /// A file or process refused.
    #[error("can't {what} {}", path.display())]
    Io {
        /// `create`, `read` …
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ServerError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::NotInstalled { install, .. } => install.clone(),
            Self::OtherVersion { data, .. } => format!(
                "install PostgreSQL {data} beside the newer one, or move the folder away and start anew \
                 (pg_upgrade keeps the data)"
            ),
            Self::InUse { .. } => {
                "stop that one first, use its database (`thendo url`), or choose another --data-dir".into()
            }
            Self::NotReachable { user, folder } => format!(
                "run `chmod a+x {}`, or choose a --data-dir that `{user}` can reach",
                folder.display()
            ),
            Self::NotOurs { .. } => "run as that user, or choose another --data-dir".into(),
            Self::Program { .. } => "the message above is PostgreSQL's own".into(),
            Self::NotStarted { log, .. } => format!("the whole log is {}", log.display()),
            Self::Io { .. } => "check that the folder is writable and the disk has room".into(),
        }
    }

    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// A running private server. Dropping it stops it.
#[derive(Debug)]
pub struct PrivateServer {
    options: Options,
    binaries: Binaries,
    owner: Owner,
    socket_dir: PathBuf,
    postmaster: Option<Postmaster>,
    fresh: bool,
    _lock: DirectoryLock,
}

impl PrivateServer {
    /// Makes the cluster if there is none, and starts it. Blocks until it accepts connections.
    ///
    /// What a killed run left (a half-made cluster, an orphaned server) is cleared first.
    ///
    /// # Errors
    /// [`ServerError`]; nothing is left running.
    pub fn start(options: &Options) -> Result<Self, ServerError> {
        let mut options = options.clone();
        options.data_dir =
            std::path::absolute(&options.data_dir).map_err(ServerError::io("find", &options.data_dir))?;
        let dir = &options.data_dir;
        let cluster = cluster_dir(dir);
        let binaries = binaries::find(options.bin_dir.as_deref(), &cluster)?;
        let owner = Owner::of_server(&cluster)?;
        owner.make_data_dir(dir)?;
        let lock = DirectoryLock::take(dir)?;
        postmaster::end_orphan(&cluster)?;
        let fresh = cluster::ensure(&cluster, &binaries, &owner)?;
        let socket_dir = socket::ensure(dir, &owner)?;
        let mut server = Self { binaries, owner, socket_dir, postmaster: None, fresh, _lock: lock, options };
        server.launch()?;
        Ok(server)
    }

    /// The connection string of one of its databases, for psql and every driver.
    pub fn url(&self, database: &str) -> String {
        socket::url(&self.socket_dir, database)
    }

    /// The connection string of the server of `data_dir`, if one runs there now.
    pub fn url_if_running(data_dir: &Path, database: &str) -> Option<String> {
        let data_dir = std::path::absolute(data_dir).ok()?;
        let socket_dir = socket::existing(&data_dir)?;
        std::os::unix::net::UnixStream::connect(socket::file(&socket_dir)).ok()?;
        Some(socket::url(&socket_dir, database))
    }

    /// Whether this start made the cluster.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Full version of the server: `15.18`.
    pub fn version(&self) -> &str {
        &self.binaries.version
    }

    /// The postmaster's process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.postmaster.as_ref().map(Postmaster::pid)
    }

    /// `None` while the server runs; its last words once it has ended by itself.
    pub fn has_ended(&mut self) -> Option<String> {
        let ended = self.postmaster.as_mut()?.has_ended();
        ended.then(|| postmaster::last_words(&log_file(&self.options.data_dir)))
    }

    /// Stops it: open transactions are rolled back, clients disconnected, everything written.
    /// Does nothing if it does not run.
    pub fn stop(&mut self) {
        if let Some(mut postmaster) = self.postmaster.take() {
            postmaster.stop(Duration::from_secs(30));
        }
    }

    /// Stops it and starts it again, or just starts it after [`Self::stop`] or [`Self::crash`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.stop();
        self.launch()
    }

    /// Ends it at once, as a power cut would: nothing is flushed; the next start recovers.
    pub fn crash(&mut self) {
        if let Some(mut postmaster) = self.postmaster.take() {
            postmaster.crash();
        }
    }

    fn launch(&mut self) -> Result<(), ServerError> {
        let dir = &self.options.data_dir;
        self.postmaster = Some(Postmaster::launch(
            &self.binaries,
            &self.owner,
            &cluster_dir(dir),
            &self.socket_dir,
            &log_file(dir),
            &self.options.settings,
        )?);
        Ok(())
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn cluster_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres")
}

fn log_file(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres.log")
}

/// Whether anyone but `client` is connected to its server.
///
/// # Errors
/// The connection is gone.
pub async fn others_are_connected(client: &tokio_postgres::Client) -> Result<bool, tokio_postgres::Error> {
    let row = client
        .query_one(
            "select exists (select from pg_stat_activity
              where backend_type = 'client backend' and pid <> pg_backend_pid())",
            &[],
        )
        .await?;
    Ok(row.get(0))
}
