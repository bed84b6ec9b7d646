//! `schema.sql` is what the migrations make, and it is whole: it makes the same.

use crate::support::connect;
use crate::support::server::{Server, thendo};

const COMMITTED: &str = include_str!("../../schema.sql");
const AUTH_SHIM: &str = include_str!("../../migrations/shim/auth.sql");

fn described(url: &str) -> String {
    let said = thendo()
        .args(["migrate", "--print-schema", "--with-rows", "--database-url", url])
        .output()
        .expect("the binary");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).expect("UTF-8")
}

/// The first lines that differ, with what is around them.
fn same(found: &str, committed: &str, mend: &str) {
    if found == committed {
        return;
    }
    let (found, committed): (Vec<&str>, Vec<&str>) = (found.lines().collect(), committed.lines().collect());
    let at = found.iter().zip(&committed).take_while(|(a, b)| a == b).count();
    let some = |lines: &[&str]| {
        lines
            .iter()
            .skip(at.saturating_sub(3))
            .take(12)
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    };
    panic!(
        "they differ from line {} on. In the database:\n{}in schema.sql:\n{}{mend}",
        at + 1,
        some(&found),
        some(&committed)
    );
}

async fn is_what_the_migrations_make(server: Server) {
    let name = format!("described_{}", uuid::Uuid::new_v4().simple());
    let url = server.create_database(&name).await;
    let found = described(&url);
    server.drop_database(&name);
    same(&found, COMMITTED, "run `make schema` and look at the difference");
}

#[tokio::test]
async fn the_committed_schema_is_what_the_migrations_make() {
    is_what_the_migrations_make(Server::Usual).await;
}

#[tokio::test]
#[ignore = "needs a newer PostgreSQL: make test"]
async fn the_committed_schema_is_what_the_migrations_make_on_a_newer_server_too() {
    is_what_the_migrations_make(Server::Newer).await;
}

#[tokio::test]
async fn the_committed_schema_makes_the_same_by_itself() {
    let name = format!("described_{}", uuid::Uuid::new_v4().simple());
    let url = Server::Usual.create(&name, "template template0").await;
    let db = connect(&url).await;
    db.batch_execute(AUTH_SHIM).await.expect("the shim");
    // The statements of tests may not take long; these are many at once.
    db.batch_execute("set statement_timeout = 0").await.expect("set");
    db.batch_execute(COMMITTED).await.unwrap_or_else(|fault| panic!("schema.sql: {fault:?}"));
    let found = described(&url);
    drop(db);
    Server::Usual.drop_database(&name);
    same(&found, COMMITTED, "the description leaves out something that it needs itself");
}
