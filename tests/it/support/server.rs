//! The private servers that all tests of a run share, one of each PostgreSQL: the first test to come starts it,
//! and it stops itself when nobody is connected any more. Every test process keeps a connection for as long
//! as it lives.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use super::connect;

/// Which PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The one that thendo itself finds on this machine.
    Usual,
    /// The one that `scripts/newer-postgres` gets: 18, with pgvector. Tests on it are marked
    /// `#[ignore = "needs a newer PostgreSQL: make test"]`, so that they are seen to be left out without it.
    Newer,
}

/// Starting is done once for all test processes; in each, the URL is found out once.
static USUAL: OnceLock<String> = OnceLock::new();
static NEWER: OnceLock<String> = OnceLock::new();

/// The built binary.
pub fn thendo() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thendo"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("THENDO_") || name == "DATABASE_URL" {
            command.env_remove(name);
        }
    }
    command
}

impl Server {
    /// A copy of the migrated template, and its URL.
    pub async fn create_database(self, name: &str) -> String {
        self.create(name, &format!("template {}", template())).await
    }

    /// A database with nothing in it, and its URL. `with`: what else `create database` shall say.
    pub async fn create(self, name: &str, with: &str) -> String {
        let base = self.url().await;
        let admin = connect(&base).await;
        // Others copy the template too: that takes what it takes.
        admin.batch_execute("set lock_timeout = 0; set statement_timeout = 0").await.expect("patience");
        // A template can't be copied while someone is connected to it; a look at it is short.
        for _ in 0..100 {
            match admin.batch_execute(&format!("create database {name} {with}")).await {
                Ok(()) => return of(&base, name),
                Err(error) if error.code().is_some_and(|c| c.code() == "55006") => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => panic!("no database: {error:?}"),
            }
        }
        panic!("the template is always in use");
    }

    /// Drops it, from wherever a shop ends.
    pub fn drop_database(self, name: &str) {
        let (Some(base), name) = (self.cell().get().cloned(), name.to_owned()) else { return };
        let _ = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let admin = connect(&base).await;
                let _ = admin.batch_execute(&format!("drop database if exists {name} with (force)")).await;
            });
        })
        .join();
    }

    /// Its own database `postgres`, as superuser. Starts the server if need be.
    pub async fn url(self) -> String {
        tokio::task::spawn_blocking(move || self.cell().get_or_init(|| self.shared()).clone())
            .await
            .expect("a server")
    }

    fn cell(self) -> &'static OnceLock<String> {
        match self {
            Self::Usual => &USUAL,
            Self::Newer => &NEWER,
        }
    }

    fn shared(self) -> String {
        let user = rustix::process::geteuid().as_raw();
        let (folder, bin_dir) = match self {
            Self::Usual => (format!("/tmp/thendo-tests-{user}"), None),
            Self::Newer => (format!("/tmp/thendo-tests-{user}-newer"), Some(newer())),
        };
        let folder = PathBuf::from(folder);
        std::fs::create_dir_all(&folder).expect("a folder for the server");
        let lock = File::create(folder.join("starting")).expect("a lock");
        lock.lock().expect("the lock");
        let url = running(&folder).unwrap_or_else(|| start(&folder, bin_dir.as_deref()));
        prepare_template(&url);
        hold(&url);
        url
    }
}

/// Where the newer PostgreSQL's programs are. Who asked for a test on it gets it or hears why not.
fn newer() -> String {
    let told = std::env::var("TEST_NEWER_POSTGRES").ok().filter(|dir| !dir.is_empty());
    told.unwrap_or_else(|| {
        panic!(
            "this test needs a newer PostgreSQL: TEST_NEWER_POSTGRES=$(scripts/newer-postgres), or make test"
        )
    })
}

/// The URL of another database on the same server.
pub fn of(base: &str, name: &str) -> String {
    base.replacen(":///postgres?", &format!(":///{name}?"), 1)
}

/// The URL of a server that an earlier test process started and that still answers.
fn running(folder: &Path) -> Option<String> {
    let url = std::fs::read_to_string(folder.join("url")).ok()?;
    blocking(async { tokio::time::timeout(Duration::from_secs(5), try_connect(&url)).await.ok()? })?;
    Some(url)
}

fn start(folder: &Path, bin_dir: Option<&str>) -> String {
    let data = folder.join("data");
    let _ = std::fs::remove_dir_all(&data);
    let mut server = thendo()
        .args(["postgres", "--exit-when-idle", "10", "--data-dir"])
        .arg(&data)
        .envs(bin_dir.map(|dir| ("THENDO_POSTGRES__BIN_DIR", dir)))
        // The tests crash daemons and servers, never the machine.
        .env("THENDO_POSTGRES__SETTINGS__FSYNC", "off")
        .env("THENDO_POSTGRES__SETTINGS__MAX_CONNECTIONS", "400")
        .env("THENDO_POSTGRES__SETTINGS__MAX_LOCKS_PER_TRANSACTION", "128")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(folder.join("server.log")).expect("a log"))
        .spawn()
        .expect("the built binary");
    let mut line = String::new();
    let said = BufReader::new(server.stdout.take().expect("piped")).read_line(&mut line);
    let url = line.trim().to_owned();
    std::thread::spawn(move || server.wait());
    if said.is_err() || !url.starts_with("postgres") {
        let log = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
        panic!("the private server did not start: {line}{log}");
    }
    let url = of(&url.replacen(":///thendo?", ":///postgres?", 1), "postgres");
    std::fs::write(folder.join("url"), &url).expect("the url kept");
    url
}

/// Named after what is in it: other migrations are another template, beside those that other checkouts use now.
fn template() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| format!("shop_template_{}", fingerprint_of_migrations().simple()))
}

/// Makes the template unless it is there. Only a finished one has a comment.
fn prepare_template(base: &str) {
    let name = template();
    let there = blocking(async {
        let admin = connect(base).await;
        let sql = "select 1 from pg_database
                   where datname = $1 and shobj_description(oid, 'pg_database') is not null";
        if admin.query_opt(sql, &[&name]).await.expect("a look at the databases").is_some() {
            return true;
        }
        admin.batch_execute(&format!("drop database if exists {name} with (force)")).await.expect("dropped");
        admin.batch_execute(&format!("create database {name}")).await.expect("created");
        false
    });
    if there {
        return;
    }
    let migrated =
        thendo().args(["migrate", "--database-url", &of(base, name)]).output().expect("the built binary");
    assert!(migrated.status.success(), "migrate: {}", String::from_utf8_lossy(&migrated.stderr));
    blocking(async {
        let admin = connect(base).await;
        admin.batch_execute(&format!("comment on database {name} is 'migrated'")).await.expect("commented");
    });
}

fn fingerprint_of_migrations() -> uuid::Uuid {
    let mut whole = env!("CARGO_PKG_VERSION").as_bytes().to_vec();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["migrations", "migrations/shim", "src/database"] {
        let mut files: Vec<_> = std::fs::read_dir(root.join(folder))
            .expect("migrations")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        for file in files {
            whole.extend(file.file_name().expect("a name").as_encoded_bytes());
            whole.extend(std::fs::read(&file).expect("a migration"));
        }
    }
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, &whole)
}

/// Keeps one connection open for as long as this process lives, so that the server stays.
fn hold(url: &str) {
    let url = url.to_owned();
    std::thread::spawn(move || {
        blocking(async {
            let _held = connect(&url).await;
            std::future::pending::<()>().await;
        });
    });
}

async fn try_connect(url: &str) -> Option<()> {
    let url = secrecy::SecretString::from(url.to_owned());
    thendo::database::connect::connect_driven(&url, "test").await.ok().map(drop)
}

fn blocking<T: Send + 'static>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime")
                    .block_on(work)
            })
            .join()
            .expect("no panic")
    })
}
