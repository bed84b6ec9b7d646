//! The private PostgreSQL that all tests of a run share: the first to come starts it, and it stops itself
//! when nobody is connected any more. Every test process keeps a connection for as long as it lives.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use super::connect;

/// Starting is done once for all test processes.
static SERVER: OnceLock<String> = OnceLock::new();
const TEMPLATE: &str = "shop_template";

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

/// A copy of the migrated template, and its URL.
pub async fn create_database(name: &str) -> String {
    let base = tokio::task::spawn_blocking(shared_server).await.expect("a server");
    let admin = connect(&base).await;
    // A template can't be copied while someone is connected to it; a look at it is short.
    for _ in 0..100 {
        match admin.batch_execute(&format!("create database {name} template {TEMPLATE}")).await {
            Ok(()) => return of(&base, name),
            Err(error) if error.code().is_some_and(|c| c.code() == "55006") => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("no database: {error:?}"),
        }
    }
    panic!("the template is always in use");
}

/// A database with nothing in it, and its URL.
pub async fn create_empty_database(name: &str) -> String {
    let base = tokio::task::spawn_blocking(shared_server).await.expect("a server");
    let admin = connect(&base).await;
    admin.batch_execute(&format!("create database {name} template template0")).await.expect("a database");
    of(&base, name)
}

/// Drops it, from wherever a shop ends.
pub fn drop_database(name: &str) {
    let (Some(base), name) = (SERVER.get().cloned(), name.to_owned()) else { return };
    let _ = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let admin = connect(&base).await;
            let _ = admin.batch_execute(&format!("drop database if exists {name} with (force)")).await;
        });
    })
    .join();
}

/// The URL of another database on the same server.
fn of(base: &str, name: &str) -> String {
    base.replacen(":///postgres?", &format!(":///{name}?"), 1)
}

fn shared_server() -> String {
    SERVER
        .get_or_init(|| {
            let folder = PathBuf::from(format!("/tmp/thendo-tests-{}", rustix::process::geteuid().as_raw()));
            std::fs::create_dir_all(&folder).expect("a folder for the server");
            let lock = File::create(folder.join("starting")).expect("a lock");
            lock.lock().expect("the lock");
            let url = running(&folder).unwrap_or_else(|| start(&folder));
            prepare_template(&url);
            hold(&url);
            url
        })
        .clone()
}

/// The URL of a server that an earlier test process started and that still answers.
fn running(folder: &std::path::Path) -> Option<String> {
    let url = std::fs::read_to_string(folder.join("url")).ok()?;
    blocking(async { tokio::time::timeout(Duration::from_secs(5), try_connect(&url)).await.ok()? })?;
    Some(url)
}

fn start(folder: &std::path::Path) -> String {
    let data = folder.join("data");
    let _ = std::fs::remove_dir_all(&data);
    let mut server = thendo()
        .args(["postgres", "--exit-when-idle", "10", "--data-dir"])
        .arg(&data)
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

/// Makes the template anew when the migrations are not those that it was made from.
fn prepare_template(base: &str) {
    let wanted = env!("CARGO_PKG_VERSION").to_owned() + &fingerprint_of_migrations();
    let there = blocking(async {
        let admin = connect(base).await;
        let found = admin
            .query_opt(
                "select shobj_description(oid, 'pg_database') from pg_database where datname = $1",
                &[&TEMPLATE],
            )
            .await
            .expect("a look at the databases");
        match found {
            Some(row) if row.get::<_, Option<String>>(0).as_deref() == Some(&wanted) => true,
            _ => {
                admin
                    .batch_execute(&format!("drop database if exists {TEMPLATE} with (force)"))
                    .await
                    .expect("dropped");
                admin.batch_execute(&format!("create database {TEMPLATE}")).await.expect("created");
                false
            }
        }
    });
    if there {
        return;
    }
    let migrated =
        thendo().args(["migrate", "--database-url", &of(base, TEMPLATE)]).output().expect("the built binary");
    assert!(migrated.status.success(), "migrate: {}", String::from_utf8_lossy(&migrated.stderr));
    blocking(async {
        let admin = connect(base).await;
        admin
            .batch_execute(&format!("comment on database {TEMPLATE} is '{wanted}'"))
            .await
            .expect("commented");
    });
}

fn fingerprint_of_migrations() -> String {
    let mut whole = Vec::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    for folder in [root.clone(), root.join("shim")] {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("migrations")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        for file in files {
            whole.extend(file.to_string_lossy().as_bytes());
            whole.extend(std::fs::read(file).expect("a migration"));
        }
    }
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, &whole).to_string()
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
