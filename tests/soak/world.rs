//! Where it all happens: a server of its own, three daemons each behind a wire of its own, a mail server, a webhook.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;
use thendo::database::server::{Options, PrivateServer};
use tokio_postgres::Client;

use crate::drawings::{NAMES, drawing};
use crate::net::Wire;
use crate::outside::Outside;
use crate::plan::{DAEMONS, Kind};
use crate::support::daemon::Daemon;
use crate::support::server::thendo;
use crate::support::{connect, until};

pub struct World {
    /// Of the database, by the server's own socket.
    pub url: String,
    pub server: tokio::sync::Mutex<Option<PrivateServer>>,
    pub wires: Vec<Wire>,
    /// Empty for the moment in which one makes room for the next.
    pub daemons: Vec<Mutex<Option<Daemon>>>,
    pub mail: Outside,
    pub hook: Outside,
    pub began: Instant,
    /// What disturbed, from when to when since the beginning.
    pub troubles: Mutex<Vec<(Kind, Duration, Duration)>>,
    /// What was done, and what went otherwise than it should.
    pub said: Mutex<Vec<String>>,
    pub folder: tempfile::TempDir,
}

impl World {
    /// Everything, with the workflows in force.
    pub async fn open() -> Self {
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        let settings = [
            // Daemons and servers crash here, never the machine.
            ("fsync", "off"),
            ("max_connections", "200"),
            // The order of events is judged by when they could be seen.
            ("track_commit_timestamp", "on"),
        ];
        let options = Options {
            data_dir: folder.path().join("data"),
            bin_dir: None,
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        let server = tokio::task::spawn_blocking(move || PrivateServer::start(&options).expect("a server"));
        let server = server.await.expect("no panic");
        let url = server.url("thendo");
        let migrated = thendo().args(["migrate", "--database-url", &url]).output().expect("the built binary");
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        let db = connect(&url).await;
        let mut wires = Vec::new();
        for number in 0..DAEMONS {
            // By its user it is known whose a connection is.
            let user = format!("create role daemon{number} superuser login");
            db.batch_execute(&user).await.expect("a user");
            wires.push(Wire::open(&url, &format!("daemon{number}")).await);
        }
        let (mail, hook) = (Outside::mail().await, Outside::hook().await);
        let world = Self {
            url,
            server: tokio::sync::Mutex::new(Some(server)),
            wires,
            daemons: (0..DAEMONS).map(|_| Mutex::default()).collect(),
            mail,
            hook,
            began: Instant::now(),
            troubles: Mutex::default(),
            said: Mutex::default(),
            folder,
        };
        for number in 0..DAEMONS {
            world.launches(number);
        }
        world.publishes_all(&db).await;
        world
    }

    async fn publishes_all(&self, db: &Client) {
        for name in NAMES {
            let sql = "insert into workflows (name, status, definition) values ($1, 'published', $2)";
            let drawn = drawing(name, 0, &self.hook.address);
            db.execute(sql, &[&name, &drawn]).await.expect("a workflow");
        }
        let in_force = async || {
            let sql = "select name, health, live_version is not null, diagnostics from workflows where live_version is null";
            db.query(sql, &[]).await.expect("a look")
        };
        for row in in_force().await {
            let name: String = row.get(0);
            until(&format!("{name} is in force"), async || {
                let left = in_force().await;
                if let Some(broken) = left.iter().find(|row| row.get::<_, String>(1) == "broken") {
                    panic!("{}: {}", broken.get::<_, String>(0), broken.get::<_, Value>(3));
                }
                left.iter().all(|row| row.get::<_, String>(0) != name)
            })
            .await;
        }
    }

    /// Starts a daemon in the place of one that is gone.
    pub fn launches(&self, number: usize) {
        let (smtp, hook) = (format!("smtp://{}", self.mail.address), self.hook.address.clone());
        let settings = [
            ("THENDO_MAIL__SMTP_URL", smtp.as_str()),
            ("THENDO_HTTP__ALLOW", hook.as_str()),
            ("THENDO_DELIVERIES__TIMEOUT_MS", "5000"),
            ("THENDO_DELIVERIES__BACKOFF_MS", "500"),
            ("THENDO_MAIL__BACKOFF_MS", "500"),
            ("THENDO_LOG__LEVEL", "info"),
        ];
        let daemon = Daemon::launch(&self.wires[number].url, self.folder.path(), &settings);
        *self.daemons[number].lock().expect("no panic") = Some(daemon);
    }

    /// Starts those again that ended by themselves, which none should; says so.
    pub fn looks_after_daemons(&self) -> usize {
        let mut ended = 0;
        for number in 0..DAEMONS {
            let gone = self.daemons[number]
                .lock()
                .expect("no panic")
                .as_mut()
                .and_then(|daemon| daemon.has_ended().then(|| daemon.logged()));
            if let Some(log) = gone {
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                self.says(format!("daemon {number} ended by itself: {last:#?}"));
                self.launches(number);
                ended += 1;
            }
        }
        ended
    }

    pub fn says(&self, what: String) {
        println!("{:7.2} s  {what}", self.began.elapsed().as_secs_f64());
        self.said.lock().expect("no panic").push(what);
    }

    /// A connection as the shop's own backend, as soon as there is one.
    pub async fn connects(&self) -> Client {
        loop {
            let url = secrecy::SecretString::from(self.url.clone());
            if let Ok(db) = thendo::database::connect::connect_driven(&url, "test").await {
                let patient = "set lock_timeout = 0; set statement_timeout = 0; set idle_in_transaction_session_timeout = 0";
                if db.batch_execute(patient).await.is_ok() {
                    return db;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
