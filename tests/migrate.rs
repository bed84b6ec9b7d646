//! Migrations against a real server: many at once, on one database and on several.

use std::os::unix::fs::PermissionsExt;

use secrecy::{ExposeSecret, SecretString};
use sqlx::Connection;
use thendo::database::migrate::{self, MigrateError, State};
use thendo::database::server::{Options, PrivateServer};
use thendo::database::{connect, server::DATABASE};

/// A server in a folder of its own; both end with it.
fn server() -> (PrivateServer, tempfile::TempDir) {
    let dir = tempfile::Builder::new().prefix("thendo-test-").tempdir_in("/tmp").expect("a folder");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("opened");
    let options = Options { data_dir: dir.path().join("data"), ..Options::default() };
    (PrivateServer::start(&options).expect("starts"), dir)
}

async fn execute(url: &SecretString, sql: &'static str) {
    let mut connection = sqlx::PgConnection::connect(url.expose_secret()).await.expect("connects");
    sqlx::raw_sql(sql).execute(&mut connection).await.expect(sql);
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_applied_once_however_many_try_and_strange_databases_are_refused() {
    let (server, _dir) = server();
    let url = |database: &str| SecretString::from(server.url(database));
    execute(&url("postgres"), "create database second").await;

    let before = migrate::status(&url(DATABASE)).await.expect("asked");
    assert!(before.iter().all(|standing| standing.state == State::Pending));

    // Both databases at once, and so the roles of the whole server twice at once.
    let runs = [DATABASE, DATABASE, DATABASE, "second", "second"].map(|database| {
        let url = url(database);
        tokio::spawn(async move { migrate::run(&url, |_| {}).await })
    });
    let mut applied = 0;
    for run in runs {
        applied += run.await.expect("no panic").expect("migrates");
    }
    assert_eq!(applied, before.len() * 2);

    // The engine's connections and the control plane's reach it the same way.
    let engine = connect::connect_driven(&url(DATABASE), "test").await.expect("connects");
    let row = engine
        .query_one("select current_setting('lock_timeout'), current_setting('jit'), current_setting('application_name')", &[])
        .await
        .expect("answers");
    assert_eq!((row.get(0), row.get(1), row.get(2)), ("300ms", "off", "thendo test"));
    let pool = connect::pool(&url(DATABASE), 2, thendo::database::role::Role::Login).await.expect("connects");
    let roles: i64 = sqlx::query_scalar(
        "select count(*) from pg_roles where rolname in ('anon', 'authenticated', 'service_role') and not rolcanlogin",
    )
    .fetch_one(&pool)
    .await
    .expect("answers");
    assert_eq!(roles, 3);
    let account: Option<uuid::Uuid> =
        sqlx::query_scalar("select auth.uid()").fetch_one(&pool).await.expect("answers");
    assert_eq!(account, None);
    pool.close().await;

    execute(&url(DATABASE), "update _sqlx_migrations set checksum = 'x' where version = 1").await;
    assert!(matches!(migrate::run(&url(DATABASE), |_| {}).await, Err(MigrateError::Changed(_))));
    execute(&url("second"), "insert into _sqlx_migrations values (9999, 'later', now(), true, 'x', 1)").await;
    let fault = migrate::run(&url("second"), |_| {}).await.expect_err("ahead");
    assert!(fault.to_string().contains("9999 (later)"), "{fault}");
}
