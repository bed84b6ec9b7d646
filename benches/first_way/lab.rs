//! The bench's private server, its databases and daemons, and how figures are told.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde_json::{Value, json};
use thendo::database::server::{Options, PrivateServer};
use tokio_postgres::Client;

use crate::Outcome;

/// Server, folder and the figures so far.
pub struct Lab {
    server: PrivateServer,
    folder: tempfile::TempDir,
    /// Everything that was said, for machines.
    pub figures: Vec<Value>,
    made: usize,
}

impl Lab {
    /// A server with durability on, as a user's would be.
    pub fn open() -> Outcome<Self> {
        let folder = tempfile::tempdir_in("/tmp")?;
        let settings = [("max_connections", "200"), ("shared_buffers", "1GB"), ("max_wal_size", "4GB")];
        let server = PrivateServer::start(&Options {
            data_dir: folder.path().join("data"),
            bin_dir: None,
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        })?;
        Ok(Self { server, folder, figures: Vec::new(), made: 0 })
    }

    /// Stops the server.
    pub fn close(mut self) {
        self.server.stop();
    }

    /// A new migrated database with 1,000 customers and the one workflow of all benches.
    pub async fn shop(&mut self) -> Outcome<(Client, String)> {
        self.made += 1;
        let name = format!("shop{}", self.made);
        let admin = connect(&self.server.url("postgres")).await?;
        admin.batch_execute(&format!("create database {name}")).await?;
        let url = self.server.url(&name);
        let migrated = Command::new(env!("CARGO_BIN_EXE_thendo"))
            .args(["migrate", "--database-url", &url])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        if !migrated.success() {
            return Err("the migrations failed".into());
        }
        let db = connect(&url).await?;
        db.batch_execute(
            "insert into customers (email) select 'c' || g || '@example.com' from generate_series(1, 1000) g",
        )
        .await?;
        db.execute(
            "insert into workflows (name, status, definition) values ('points', 'published', $1)",
            &[&workflow()],
        )
        .await?;
        Ok((db, url))
    }

    /// A daemon of the built binary on that database, ready, its workflow in force.
    pub async fn daemon(&self, url: &str) -> Outcome<Daemon> {
        Daemon::start(url, self.folder.path()).await
    }

    /// Says a figure, to people and to the file.
    pub fn say(&mut self, name: &str, text: &str, figures: Value) {
        println!("{name:<12} {text}");
        self.figures.push(json!({ "name": name, "text": text, "figures": figures }));
    }

    /// Probes the disk: 60 writes of 8 KiB, each with fdatasync.
    pub fn probe(&mut self) -> Outcome<()> {
        let path = self.folder.path().join("fsync_probe");
        let file = File::create(&path)?;
        let block = [b'x'; 8192];
        let mut took = Vec::new();
        for _ in 0..60 {
            let began = Instant::now();
            file.write_all_at(&block, 0)?;
            file.sync_data()?;
            took.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let (p50, p99) = (percentile(&mut took, 0.5), percentile(&mut took, 0.99));
        self.say(
            "disk",
            &format!("fsync p50 {p50:.2} ms, p99 {p99:.2} ms"),
            json!({ "p50_ms": p50, "p99_ms": p99 }),
        );
        std::io::stdout().flush()?;
        Ok(())
    }
}

/// `thendo serve`, killed when dropped.
pub struct Daemon {
    child: Child,
    /// From exec to `/readyz`.
    pub ready_after: Duration,
}

impl Daemon {
    async fn start(url: &str, folder: &std::path::Path) -> Outcome<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = File::create(folder.join("daemon.log"))?;
        let began = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_thendo"))
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--database-url", url, "--data-dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let ready = format!("http://127.0.0.1:{port}/readyz");
        let mut daemon = Self { child, ready_after: Duration::ZERO };
        while !reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()) {
            if began.elapsed() > Duration::from_secs(20) {
                return Err("the daemon is not ready".into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        daemon.ready_after = began.elapsed();
        Ok(daemon)
    }

    /// A line of `/proc/PID/status`, in MiB.
    pub fn memory_mib(&self, field: &str) -> Outcome<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(field)).ok_or("no such line")?;
        let kib: f64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
        Ok(kib / 1024.0)
    }

    /// Processor seconds so far.
    pub fn cpu_seconds(&self) -> Outcome<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit_once(')').ok_or("no name")?.1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Leaves no unfinished business of the server's to the measurement.
pub async fn settle(db: &Client) -> Outcome<()> {
    db.batch_execute("vacuum analyze").await?;
    db.batch_execute("checkpoint").await?;
    Ok(())
}

/// Lets a daemon put the workflow in force.
pub async fn publish(lab: &Lab, db: &Client, url: &str) -> Outcome<()> {
    let _daemon = lab.daemon(url).await?;
    let began = Instant::now();
    while db
        .query_one("select count(*) from workflows where live_version is null", &[])
        .await?
        .get::<_, i64>(0)
        > 0
    {
        if began.elapsed() > Duration::from_secs(20) {
            return Err("the workflow is not in force".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// A connection that drives itself.
pub async fn connect(url: &str) -> Outcome<Client> {
    Ok(thendo::database::connect::connect_driven(&SecretString::from(url.to_owned()), "bench").await?)
}

/// The value below which `share` of them lie.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() as f64 * share) as usize).min(values.len() - 1)]
}

/// The middle one.
pub fn median(values: &mut [f64]) -> f64 {
    percentile(values, 0.5)
}

/// order_created → total >= 100.00 → a point for each 1.00.
fn workflow() -> Value {
    json!({
        "nodes": [
            { "id": "start", "type": "trigger", "position": { "x": 0, "y": 0 },
              "data": { "triggerType": "order_created", "config": {} } },
            { "id": "big", "type": "condition", "position": { "x": 0, "y": 0 },
              "data": { "conditionType": "condition", "config": { "combinator": "and",
                "rules": [{ "field": "order.total", "operator": ">=", "value": 10000 }] } } },
            { "id": "points", "type": "action", "position": { "x": 0, "y": 0 },
              "data": { "actionType": "award_points", "config": { "points": "{{ order.total // 100 }}" } } },
        ],
        "edges": [
            { "id": "a", "source": "start", "target": "big" },
            { "id": "b", "source": "big", "sourceHandle": "true", "target": "points" },
        ],
    })
}
