//! What a user would pick instead, on the same server in the same minutes, for the same work on the same tables of the shop.
//! Their task is written by hand for this one job; no workflow is interpreted. As their own documentation tunes them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_postgres::config::Host;

use crate::Outcome;
use crate::drain::drain;
use crate::lab::{Bound, Lab, median, percentile, publish, settle};
use crate::latency::measure;

const ORDERS: i64 = 20_000;
const ROUNDS: usize = 2;

struct Peer {
    name: &'static str,
    program: &'static str,
    /// What its users would write into the trigger of the table.
    trigger: &'static str,
    /// How many jobs are left.
    left: &'static str,
    /// Settings for a backlog, and for one order now and then.
    backlog: &'static [(&'static str, &'static str)],
    idle: &'static [(&'static str, &'static str)],
    /// How much quicker the engine is to be.
    at_least: f64,
}

const PEERS: [Peer; 2] = [
    Peer {
        name: "graphile-worker",
        program: "graphile.mjs",
        trigger: "perform graphile_worker.add_job('job', to_json(new));",
        left: "select count(*) from graphile_worker._private_jobs",
        backlog: &[("JOBS", "24"), ("QUEUE", "500"), ("BATCH", "0")],
        idle: &[("JOBS", "10")],
        at_least: 6.0,
    },
    Peer {
        name: "pg-boss",
        program: "boss.mjs",
        // The channel of its version 12 for its usual schema.
        trigger: "insert into pgboss.job (name, data) values ('job', to_jsonb(new));
            perform pg_notify('pgboss_' || left(encode(sha224('pgboss'::bytea), 'hex'), 24), 'job');",
        left: "select count(*) from pgboss.job where name = 'job' and state < 'completed'",
        backlog: &[("JOBS", "2"), ("BATCH", "500")],
        idle: &[("JOBS", "2"), ("BATCH", "500"), ("LISTEN", "1")],
        at_least: 3.0,
    },
];

/// The drain and the idle latency of each, beside ours.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    let found = Command::new("scripts/peers").stderr(Stdio::inherit()).output()?;
    if !found.status.success() {
        lab.says("peers", "SKIPPED: they can't be had here");
        return Ok(());
    }
    let folder = PathBuf::from(String::from_utf8(found.stdout)?.trim());
    let own = own_latency(lab).await?;
    for peer in &PEERS {
        let (mut ours, mut theirs, mut ratios, mut peak) = (Vec::new(), Vec::new(), Vec::new(), 0.0_f64);
        for _ in 0..ROUNDS {
            lab.probe()?;
            let own = drain(lab, ORDERS, 1).await?.rate;
            let (rate, mib) = peer.drain(lab, &folder).await?;
            lab.says("peers", &format!("{}: {rate:.0} events/s, thendo {own:.0}", peer.name));
            ours.push(own);
            theirs.push(rate);
            ratios.push(own / rate);
            peak = peak.max(mib);
        }
        let beside = format!(
            "thendo {:.0} events/s, {} {:.0} and {peak:.0} MiB",
            median(&mut ours),
            peer.name,
            median(&mut theirs)
        );
        let what = format!("{ORDERS} queued, to {}", peer.name);
        lab.notes("peers", &what, median(&mut ratios), Bound::AtLeast(peer.at_least), beside);
        let mut took = peer.latency(lab, &folder).await?;
        for share in [0.5, 0.99] {
            let (own, its) = (percentile(&mut own.clone(), share), percentile(&mut took, share));
            let what = format!("idle p{:.0}, to {}", share * 100.0, peer.name);
            let beside = format!("thendo {own:.2} ms, {} {its:.2} ms", peer.name);
            lab.notes("peers", &what, own / its, Bound::AtMost(1.0), beside);
        }
    }
    Ok(())
}

async fn own_latency(lab: &mut Lab) -> Outcome<Vec<f64>> {
    let (db, url) = lab.shop().await?;
    publish(lab, &db, &url).await?;
    lab.probe()?;
    let daemon = lab.daemon(&url).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let took = measure(&db, &url).await?;
    drop((daemon, db));
    lab.drop_database(&url).await?;
    Ok(took)
}

impl Peer {
    async fn shop(&self, lab: &mut Lab, folder: &Path) -> Outcome<(Client, String)> {
        let (db, url) = lab.shop_with(&[]).await?;
        db.batch_execute(include_str!("../peers/schema.sql")).await?;
        if !self.command(folder, &url, &[("PREPARE", "1")])?.status()?.success() {
            return Err(format!("{} could not make its tables", self.name).into());
        }
        let trigger = format!(
            "create function queue_job() returns trigger language plpgsql as $$ begin {} return null; end $$;
             create trigger queue_job after insert on orders for each row execute function queue_job()",
            self.trigger
        );
        db.batch_execute(&trigger).await?;
        Ok((db, url))
    }

    fn command(&self, folder: &Path, url: &str, settings: &[(&str, &str)]) -> Outcome<Command> {
        let config: tokio_postgres::Config = url.parse()?;
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.to_string_lossy().into_owned(),
            None => return Err("no host".into()),
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let mut command = Command::new(folder.join("node"));
        command.arg(folder.join(self.program)).stdin(Stdio::null()).stdout(Stdio::piped());
        command.env("PGHOST", host).env("PGPORT", port.to_string());
        command.env("PGUSER", config.get_user().unwrap_or("postgres"));
        command.env("PGDATABASE", config.get_dbname().unwrap_or("postgres"));
        command.envs(settings.iter().copied());
        Ok(command)
    }

    fn start(&self, folder: &Path, url: &str, settings: &[(&str, &str)]) -> Outcome<Running> {
        let mut running = Running(self.command(folder, url, settings)?.spawn()?);
        let said = running.0.stdout.take().ok_or("no output")?;
        let ready = BufReader::new(said).lines().map_while(Result::ok).any(|line| line == "READY");
        if ready { Ok(running) } else { Err(format!("{} did not start", self.name).into()) }
    }

    /// Events per second, and its peak of memory in MiB.
    async fn drain(&self, lab: &mut Lab, folder: &Path) -> Outcome<(f64, f64)> {
        let (db, url) = self.shop(lab, folder).await?;
        // A large statement takes graphile-worker's own function very long.
        for _ in 0..ORDERS / 1_000 {
            let sql = "insert into orders (customer_id, total)
                select id, (random() * 19900)::int + 50 from customers limit 1000";
            db.batch_execute(sql).await?;
        }
        settle(&db).await?;
        let running = self.start(folder, &url, self.backlog)?;
        let began = Instant::now();
        while db.query_one(self.left, &[]).await?.get::<_, i64>(0) > 0 {
            if began.elapsed() > Duration::from_secs(120) {
                return Err(format!("{} does not get on", self.name).into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let sql = "select (select count(*) from job_runs), (select count(*) from loyalty_ledger),
            (select count(*) from orders where total >= 10000),
            (select extract(epoch from max(finished_at) - min(started_at))::float8 from job_runs),
            (select sum(points)::bigint from loyalty_ledger), (select sum(balance)::bigint from loyalty_points)";
        let row = db.query_one(sql, &[]).await?;
        let of = |n: usize| row.get::<_, i64>(n);
        if of(0) != ORDERS || of(1) != of(2) || of(4) != of(5) {
            return Err(format!("{} lost or doubled something: {row:?}", self.name).into());
        }
        let peak = crate::lab::memory_mib(running.0.id(), "VmHWM")?;
        drop((running, db));
        lab.drop_database(&url).await?;
        Ok((ORDERS as f64 / row.get::<_, f64>(3), peak))
    }

    async fn latency(&self, lab: &mut Lab, folder: &Path) -> Outcome<Vec<f64>> {
        let (db, url) = self.shop(lab, folder).await?;
        lab.probe()?;
        let running = self.start(folder, &url, self.idle)?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let took = measure(&db, &url).await?;
        drop((running, db));
        lab.drop_database(&url).await?;
        Ok(took)
    }
}

/// Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
