//! A shop to test with: a database of its own on one shared private server, and daemons of the built binary.

pub mod daemon;
pub mod hooks;
pub mod look;
pub mod pooler;
pub mod server;
pub mod sink;
pub mod supabase;
pub mod wire;

use std::future::Future;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use daemon::Daemon;
use server::Server;

/// Nothing in these tests takes longer on a slow machine; what does is stuck.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A migrated database of its own, with one customer.
pub struct Shop {
    /// A connection as the shop's own backend.
    pub db: Client,
    /// Where it is.
    pub url: String,
    /// The customer who orders unless another is named.
    pub customer: Uuid,
    /// Mailbox, logs and all that a daemon leaves; gone with the shop.
    pub folder: tempfile::TempDir,
    name: String,
    server: Server,
}

impl Shop {
    /// A new one, copied from the migrated template.
    pub async fn open() -> Self {
        Self::open_on(Server::Usual).await
    }

    /// As [`Shop::open`], on the newer PostgreSQL. For tests that are marked as [`Server::Newer`] says.
    pub async fn open_on_newer() -> Self {
        Self::open_on(Server::Newer).await
    }

    async fn open_on(server: Server) -> Self {
        let name = new_name();
        let url = server.create_database(&name).await;
        Self::in_database(server, name, url).await
    }

    /// In a database that is migrated and ours to drop; `url` says as whom.
    async fn in_database(server: Server, name: String, url: String) -> Self {
        let db = connect(&url).await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut shop = Self { db, url, customer: Uuid::nil(), folder, name, server };
        shop.customer = shop.welcomes("ada@example.com").await;
        shop
    }

    /// One whose database has nothing in it but the imitated `auth`, and nothing of thendo's.
    pub async fn without_thendo() -> Self {
        let (name, server) = (new_name(), Server::Usual);
        let url = server.create(&name, "template template0").await;
        let db = connect(&url).await;
        db.batch_execute(include_str!("../../../migrations/shim/auth.sql")).await.expect("auth");
        let folder = tempfile::tempdir().expect("a folder");
        Self { db, url, customer: Uuid::nil(), folder, name, server }
    }

    /// Takes away the months that migrating made, and what they hold: the default partitions alone are there.
    pub async fn has_no_months(&self) {
        let sql = r"do $$ declare month regclass; begin
            for month in select inhrelid from pg_inherits where inhrelid::regclass::text ~ '^workflow_.*_[0-9]{4}_[0-9]{2}$'
            loop execute format('drop table %s', month); end loop; end $$";
        self.db.batch_execute(sql).await.expect("dropped");
    }

    /// Runs the binary on this shop's database: exit code, standard output, standard error.
    pub async fn thendo(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut command = server::thendo();
        command.args(args).args(["--database-url", &self.url]).stdin(std::process::Stdio::null());
        let said = tokio::task::spawn_blocking(move || command.output().expect("the binary")).await;
        let said = said.expect("no panic");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (said.status.code(), text(&said.stdout), text(&said.stderr))
    }

    /// A daemon on this shop's database, ready.
    pub async fn daemon(&self) -> Daemon {
        self.daemon_with(&[]).await
    }

    /// As [`Shop::daemon`], with settings as environment variables.
    pub async fn daemon_with(&self, settings: &[(&str, &str)]) -> Daemon {
        Daemon::start(&self.url, self.folder.path(), settings).await
    }

    /// A new customer.
    pub async fn welcomes(&self, email: &str) -> Uuid {
        let sql = "insert into customers (email, name) values ($1, 'Ada') returning id";
        self.db.query_one(sql, &[&email]).await.expect("a customer").get(0)
    }

    /// An order of the shop's customer. `total` in minor units.
    pub async fn places_order(&self, total: i64) -> Uuid {
        let sql = "insert into orders (customer_id, total) values ($1, $2) returning id";
        self.db.query_one(sql, &[&self.customer, &total]).await.expect("an order").get(0)
    }

    /// Writes a published workflow as an admin's own editor would; does not wait for a daemon.
    pub async fn writes_workflow(&self, name: &str, definition: &Value) -> Uuid {
        let sql =
            "insert into workflows (name, status, definition) values ($1, 'published', $2) returning id";
        self.db.query_one(sql, &[&name, definition]).await.expect("a workflow").get(0)
    }

    /// Writes a published workflow and waits until a daemon put it in force.
    pub async fn publishes(&self, name: &str, definition: &Value) -> Uuid {
        let id = self.writes_workflow(name, definition).await;
        until("the workflow is in force", || async {
            self.number("select coalesce(live_version, 0) from workflows where id = $1", &[&id]).await == 1
        })
        .await;
        id
    }

    /// The first column of the first row as a number.
    pub async fn number(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> i64 {
        let sql = format!("select (({sql}))::bigint");
        self.db.query_one(&sql, values).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0)
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        self.number(&format!("select count(*) from {table}"), &[]).await
    }

    /// How many alarms of a kind were raised.
    pub async fn alarms(&self, kind: &str) -> i64 {
        self.number("select count(*) from workflow_alerts where kind = $1", &[&kind]).await
    }

    /// Waits until the queue is empty and nothing rests.
    pub async fn has_settled(&self) {
        until("the queue is empty and nothing rests", || async {
            self.count("workflow_queue").await == 0 && self.count("workflow_waiting").await == 0
        })
        .await;
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.server.drop_database(&self.name);
    }
}

/// Of a database that nobody else uses.
fn new_name() -> String {
    format!("shop_{}", Uuid::new_v4().simple())
}

/// A connection whose other half runs by itself.
pub async fn connect(url: &str) -> Client {
    thendo::database::connect::connect_driven(&SecretString::from(url.to_owned()), "test")
        .await
        .expect("a connection")
}

/// Looks again and again until `holds`; panics with `what` when it never does.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// order_created → total >= 100.00 → points, then a deposit.
pub fn points_and_deposit() -> Value {
    json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
            node("big", "condition", json!({ "conditionType": "condition", "config":
                { "combinator": "and", "rules": [{ "field": "order.total", "operator": ">=", "value": 10000 }] } })),
            node("points", "action", json!({ "actionType": "award_points", "config":
                { "points": "{{ order.total // 100 }}" } })),
            node("deposit", "action", json!({ "actionType": "create_deposit", "config":
                { "percent": 50, "due_in_days": 7 } })),
        ],
        "edges": [edge("start", "big"), branch("big", "true", "points"), edge("points", "deposit")],
    })
}

/// order_created → a mail.
pub fn mail_on_order() -> Value {
    json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
            node("thanks", "action", json!({ "actionType": "send_email", "config": {
                "to": "{{ customer.email }}", "subject": "Thank you, {{ customer.name }}",
                "text": "Your order over {{ order.total | money }} is in." } })),
        ],
        "edges": [edge("start", "thanks")],
    })
}

/// A node as React Flow saves it.
pub fn node(id: &str, family: &str, data: Value) -> Value {
    json!({ "id": id, "type": family, "position": { "x": 0, "y": 0 }, "data": data })
}

/// A plain edge.
pub fn edge(source: &str, target: &str) -> Value {
    json!({ "id": format!("{source}-{target}"), "source": source, "target": target })
}

/// An edge that leaves by a handle.
pub fn branch(source: &str, handle: &str, target: &str) -> Value {
    json!({ "id": format!("{source}-{target}"), "source": source, "sourceHandle": handle, "target": target })
}
