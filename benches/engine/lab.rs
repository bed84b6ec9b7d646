//! The bench's private server, its databases and daemons, and how figures are told.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};
use thendo::database::server::{Options, PrivateServer};
use tokio_postgres::Client;

use crate::Outcome;

/// Server, folder and the figures so far.
pub struct Lab {
    server: PrivateServer,
    folder: tempfile::TempDir,
    figures: Vec<Figure>,
    /// The disk's mood when it was asked last: median of a write with fdatasync, in ms.
    disk_ms: f64,
    made: usize,
}

/// What is asked of a figure.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// At least so much.
    AtLeast(f64),
    /// At most so much.
    AtMost(f64),
    /// Nothing: it is there to compare with.
    Context,
}

/// One line of the table.
#[derive(Debug, Serialize)]
struct Figure {
    block: &'static str,
    what: String,
    value: f64,
    wanted: Bound,
    beside: String,
    disk_ms: f64,
}

impl Figure {
    fn is_met(&self) -> Option<bool> {
        match self.wanted {
            Bound::AtLeast(least) => Some(self.value >= least),
            Bound::AtMost(most) => Some(self.value <= most),
            Bound::Context => None,
        }
    }
}

impl Lab {
    /// A server with durability on, as a user's would be.
    pub fn open() -> Outcome<Self> {
        let folder = tempfile::tempdir_in("/tmp")?;
        let mut settings = vec![
            ("max_connections", "200"),
            ("shared_buffers", "1GB"),
            ("max_wal_size", "4GB"),
            // So that it can be said when what was committed.
            ("track_commit_timestamp", "on"),
        ];
        if counts_statements() {
            settings.push(("shared_preload_libraries", "pg_stat_statements"));
        }
        let server = PrivateServer::start(&Options {
            data_dir: folder.path().join("data"),
            bin_dir: None,
            settings: settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        })?;
        Ok(Self { server, folder, figures: Vec::new(), disk_ms: 0.0, made: 0 })
    }

    /// Stops the server; before, says where its time went, if `BENCH_STATEMENTS` asks for it (which costs some of it).
    pub async fn close(mut self) -> Outcome<()> {
        if counts_statements() {
            let db = connect(&self.server.url("postgres")).await?;
            db.batch_execute("create extension if not exists pg_stat_statements").await?;
            let sql = "select (total_exec_time + total_plan_time)::float8, calls, rows, left(regexp_replace(query, '\\s+', ' ', 'g'), 110)
                from pg_stat_statements order by 1 desc limit 25";
            println!("\n{:>9} {:>8} {:>9}  statement", "ms", "calls", "rows");
            for row in db.query(sql, &[]).await? {
                let (ms, calls, rows): (f64, i64, i64) = (row.get(0), row.get(1), row.get(2));
                println!("{ms:>9.0} {calls:>8} {rows:>9}  {}", row.get::<_, &str>(3));
            }
        }
        self.server.stop();
        Ok(())
    }

    /// A new, empty database: its URL.
    pub async fn database(&mut self) -> Outcome<String> {
        self.made += 1;
        let name = format!("shop{}", self.made);
        let admin = connect(&self.server.url("postgres")).await?;
        admin.batch_execute(&format!("create database {name}")).await?;
        Ok(self.server.url(&name))
    }

    /// Gets rid of one: its dirty pages would be written while others are measured.
    pub async fn drop_database(&self, url: &str) -> Outcome<()> {
        let config: tokio_postgres::Config = url.parse()?;
        let name = config.get_dbname().ok_or("no name")?;
        let admin = connect(&self.server.url("postgres")).await?;
        Ok(admin.batch_execute(&format!("drop database if exists {name} with (force)")).await?)
    }

    /// A new migrated database with 1,000 customers and one workflow: points for half of the orders.
    pub async fn shop(&mut self) -> Outcome<(Client, String)> {
        self.shop_with(&[("points".into(), workflow())]).await
    }

    /// The same with other workflows.
    pub async fn shop_with(&mut self, workflows: &[(String, Value)]) -> Outcome<(Client, String)> {
        let url = self.database().await?;
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
        let sql = "insert into workflows (name, status, definition) values ($1, 'published', $2)";
        for (name, workflow) in workflows {
            db.execute(sql, &[name, workflow]).await?;
        }
        Ok((db, url))
    }

    /// A daemon of the built binary on that database, ready, its workflows in force.
    pub async fn daemon(&self, url: &str) -> Outcome<Daemon> {
        self.daemon_with(url, &[]).await
    }

    /// The same with settings of its own.
    pub async fn daemon_with(&self, url: &str, settings: &[(&str, &str)]) -> Outcome<Daemon> {
        Daemon::start(url, self.folder.path(), settings).await
    }

    /// Says something on the way.
    pub fn says(&self, block: &str, text: &str) {
        println!("{block:<10} {text}");
    }

    /// Notes a line of the table.
    pub fn notes(&mut self, block: &'static str, what: &str, value: f64, wanted: Bound, beside: String) {
        self.says(block, &format!("{what}: {value:.2} ({beside})"));
        let disk_ms = self.disk_ms;
        self.figures.push(Figure { block, what: what.to_owned(), value, wanted, beside, disk_ms });
    }

    /// The table of all figures; how many of them are not met.
    pub fn table(&self) -> usize {
        let wide = self.figures.iter().map(|figure| figure.what.chars().count()).max().unwrap_or(0);
        println!("\n{:<10} {:<wide$} {:>9} {:>9}    {:>7}  beside", "", "", "figure", "wanted", "disk ms");
        for figure in &self.figures {
            let wanted = match figure.wanted {
                Bound::AtLeast(least) => format!(">= {least}"),
                Bound::AtMost(most) => format!("<= {most}"),
                Bound::Context => String::new(),
            };
            let met = match figure.is_met() {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "",
            };
            println!(
                "{:<10} {:<wide$} {:>9.2} {wanted:>9} {met:<3} {:>7.2}  {}",
                figure.block, figure.what, figure.value, figure.disk_ms, figure.beside
            );
        }
        self.figures.iter().filter(|figure| figure.is_met() == Some(false)).count()
    }

    /// All of it, for machines.
    pub fn json(&self) -> Outcome<String> {
        Ok(serde_json::to_string_pretty(&self.figures)?)
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
        self.disk_ms = p50;
        self.says("disk", &format!("a write with fdatasync: p50 {p50:.2} ms, p99 {p99:.2} ms"));
        std::io::stdout().flush()?;
        Ok(())
    }
}

fn counts_statements() -> bool {
    std::env::var_os("BENCH_STATEMENTS").is_some()
}

/// `thendo serve`, ended when dropped.
pub struct Daemon {
    child: Child,
    /// Where it answers.
    pub http: String,
    /// From exec to `/readyz`.
    pub ready_after: Duration,
}

impl Daemon {
    async fn start(url: &str, folder: &std::path::Path, settings: &[(&str, &str)]) -> Outcome<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = File::options().create(true).append(true).open(folder.join("daemon.log"))?;
        let began = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_thendo"))
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--database-url", url, "--data-dir"])
            .arg(folder)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let http = format!("http://127.0.0.1:{port}");
        let ready = format!("{http}/readyz");
        let mut daemon = Self { child, http, ready_after: Duration::ZERO };
        while !reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()) {
            if began.elapsed() > Duration::from_secs(20) {
                return Err("the daemon is not ready".into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        daemon.ready_after = began.elapsed();
        Ok(daemon)
    }

    /// Ends it at once, without a goodbye.
    pub fn dies(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        std::mem::forget(self);
    }

    /// A line of `/proc/PID/status`, in MiB.
    pub fn memory_mib(&self, field: &str) -> Outcome<f64> {
        memory_mib(self.child.id(), field)
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
        // With a goodbye: after one that died, the next takes events one by one for a while.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// A line of `/proc/PID/status`, in MiB.
pub fn memory_mib(pid: u32, field: &str) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(field)).ok_or("no such line")?;
    let kib: f64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
    Ok(kib / 1024.0)
}

/// Leaves no unfinished business of the server's to the measurement.
pub async fn settle(db: &Client) -> Outcome<()> {
    // Autovacuum may be at a table: it is waited for.
    db.batch_execute("set lock_timeout = 0").await?;
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
pub fn workflow() -> Value {
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
