//! The private server, as a user of `thendo postgres` and of the library meets it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use thendo::database::server::{DATABASE, Options, PrivateServer, ServerError};

/// A folder under /tmp that the server's user may pass through.
fn folder() -> TempDir {
    let dir = tempfile::Builder::new().prefix("thendo-test-").tempdir_in("/tmp").expect("a folder");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("opened");
    dir
}

fn options(dir: &Path) -> Options {
    Options { data_dir: dir.join("data"), ..Options::default() }
}

fn thendo(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thendo"));
    command.arg("--data-dir").arg(dir.join("data")).env_remove("DATABASE_URL").env_remove("THENDO_CONFIG");
    command.current_dir(dir);
    command
}

/// `thendo postgres` in the background, and its connection string.
fn start(dir: &Path, more: &[&str]) -> (Child, String) {
    let mut command = thendo(dir);
    let mut child = command.arg("postgres").args(more).stdout(Stdio::piped()).spawn().expect("starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("piped");
    BufReader::new(out).read_line(&mut line).expect("one line");
    assert!(line.starts_with("postgresql:///thendo?host="), "{line:?}");
    (child, line.trim().to_owned())
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("not 0");
    kill_process(pid, signal).expect("it lives");
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::main(flavor = "current_thread")]
async fn ask(url: &str, sql: &'static str) -> Result<String, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    let asking = async move { client.query_one(sql, &[]).await.map(|row| row.get::<_, String>(0)) };
    let (answer, _) = tokio::join!(asking, connection);
    answer
}

#[test]
fn it_starts_is_durable_and_private_and_a_second_start_goes_on() {
    let dir = folder();
    let mut server = PrivateServer::start(&options(dir.path())).expect("starts");
    assert!(server.is_fresh());
    let url = server.url(DATABASE);
    for (setting, value) in
        [("fsync", "on"), ("listen_addresses", ""), ("data_checksums", "on"), ("server_encoding", "UTF8")]
    {
        let sql: &'static str = Box::leak(format!("select current_setting('{setting}')").into_boxed_str());
        assert_eq!(ask(&url, sql).expect("answers"), value, "{setting}");
    }
    let mode = std::fs::metadata(dir.path().join("data/socket")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    ask(&url, "create table kept as select 'yes'::text as it; ").ok();
    server.crash();
    assert!(ask(&url, "select 'alive'").is_err());
    server.restart().expect("recovers");
    assert_eq!(ask(&url, "select 'alive'").expect("answers"), "alive");
    drop(server);
    assert!(PrivateServer::url_if_running(&dir.path().join("data"), DATABASE).is_none());

    let server = PrivateServer::start(&options(dir.path())).expect("starts again");
    assert!(!server.is_fresh());
    assert_eq!(PrivateServer::url_if_running(&dir.path().join("data"), DATABASE), Some(url));
}

#[test]
fn two_on_one_directory_are_refused_with_the_holders_pid() {
    let dir = folder();
    let (mut first, _) = start(dir.path(), &[]);
    let second = thendo(dir.path()).arg("postgres").output().expect("ran");
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains(&format!("(process {})", first.id())), "{}", stderr(&second));
    assert!(stderr(&second).contains("help: "), "{}", stderr(&second));
    let third = thendo(dir.path()).args(["postgres", "--reuse"]).output().expect("ran");
    assert!(third.status.success(), "{}", stderr(&third));
    signal(&first, Signal::TERM);
    assert!(first.wait().expect("ended").success());
}

#[test]
fn a_killed_run_is_cleared_by_the_next() {
    let dir = folder();
    let (mut first, url) = start(dir.path(), &[]);
    ask(&url, "create table kept as select 'yes'::text as it returning 'x'").ok();
    first.kill().expect("killed");
    first.wait().expect("reaped");
    assert_eq!(ask(&url, "select 'orphan'").expect("the server lives on"), "orphan");
    let (mut second, url) = start(dir.path(), &[]);
    assert_eq!(ask(&url, "select 'again'").expect("answers"), "again");
    signal(&second, Signal::INT);
    assert!(second.wait().expect("ended").success());
    assert!(ask(&url, "select 'gone'").is_err());
}

#[test]
fn a_half_made_cluster_is_made_anew() {
    let dir = folder();
    let unfinished = dir.path().join("data/postgres.unfinished");
    std::fs::create_dir_all(&unfinished).expect("made");
    std::fs::set_permissions(dir.path().join("data"), std::fs::Permissions::from_mode(0o755))
        .expect("opened");
    std::fs::write(unfinished.join("PG_VERSION"), "15").expect("written");
    let server = PrivateServer::start(&options(dir.path())).expect("starts");
    assert!(server.is_fresh() && !unfinished.exists());
}

#[test]
fn it_stops_by_itself_when_nobody_is_connected() {
    let dir = folder();
    let begun = Instant::now();
    let (mut child, _) = start(dir.path(), &["--exit-when-idle", "1"]);
    assert!(child.wait().expect("ended").success());
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn data_of_another_version_and_bad_settings_are_explained() {
    let dir = folder();
    let cluster = dir.path().join("data/postgres");
    std::fs::create_dir_all(&cluster).expect("made");
    std::fs::write(cluster.join("PG_VERSION"), "9\n").expect("written");
    let fault = PrivateServer::start(&options(dir.path())).expect_err("another version");
    assert!(matches!(fault, ServerError::OtherVersion { data: 9, .. }), "{fault}");

    let dir = folder();
    let mut wrong = options(dir.path());
    wrong.settings.insert("shared_buffers".into(), "plenty".into());
    let fault = PrivateServer::start(&wrong).expect_err("no number");
    assert!(fault.to_string().contains("shared_buffers"), "{fault}");
    assert!(fault.help().contains("postgres.log"), "{}", fault.help());
}

#[test]
fn a_long_data_dir_still_gets_a_socket() {
    let dir = folder();
    let mut long = options(dir.path());
    long.data_dir = dir.path().join("a folder, with a comma and a \"quote\"").join("x".repeat(100));
    std::fs::create_dir_all(&long.data_dir).expect("made");
    let server = PrivateServer::start(&long).expect("starts");
    assert_eq!(ask(&server.url(DATABASE), "select 'alive'").expect("answers"), "alive");
    let socket = server.url(DATABASE);
    drop(server);
    let folder = socket.split("host=").nth(1).and_then(|rest| rest.split('&').next()).expect("a folder");
    std::fs::remove_dir(folder).expect("empty after the stop");

    let mut odd = options(dir.path());
    odd.data_dir = dir.path().join("odd, \"name\" & 100%");
    let server = PrivateServer::start(&odd).expect("starts");
    assert_eq!(ask(&server.url(DATABASE), "select 'alive'").expect("answers"), "alive");
}

#[test]
fn without_postgresql_the_command_that_installs_it_is_named() {
    let dir = folder();
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).expect("made");
    let output =
        thendo(dir.path()).env("THENDO_POSTGRES__BIN_DIR", &empty).arg("postgres").output().expect("ran");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no PostgreSQL 15 or newer"), "{}", stderr(&output));
    assert!(!dir.path().join("data/postgres").exists());
}
