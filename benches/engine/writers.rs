//! 32 writers that each commit one order at a time while the daemon is awake: with our triggers, with the
//! same inserts without any NOTIFY, and with an unconditional NOTIFY.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::Outcome;
use crate::lab::{Bound, Lab, connect, median, publish, settle};

const WRITERS: usize = 32;
const ROUNDS: usize = 3;
const SPAN: Duration = Duration::from_secs(4);
const GATED: &str = "if recorded > 0 and pg_try_advisory_xact_lock_shared(1952998511, 0) and pg_notification_queue_usage() < 0.5 then";

/// Alternates the three, the daemon at work in each, and tells the medians of the ratios.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    let ways = [("ours", GATED), ("silent", "if false then"), ("always", "if recorded > 0 then")];
    let (db, url) = lab.shop().await?;
    publish(lab, &db, &url).await?;
    // The server may be vacuuming what is truncated.
    db.batch_execute("set lock_timeout = '20s'").await?;
    let source: String =
        db.query_one("select pg_get_functiondef('record_event'::regproc)", &[]).await?.get(0);
    if !source.contains(GATED) {
        return Err("the trigger function reads otherwise now: this bench would measure nothing".into());
    }
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        lab.probe()?;
        for n in 0..ways.len() {
            let n = (n + round) % ways.len();
            db.batch_execute(&source.replace(GATED, ways[n].1)).await?;
            db.batch_execute("truncate workflow_queue, workflow_events, workflow_executions").await?;
            settle(&db).await?;
            let daemon = lab.daemon(&url).await?;
            let rate = write(&url).await?;
            drop(daemon);
            lab.says("writers", &format!("{}: {rate:.0} commits/s", ways[n].0));
            rates[n].push(rate);
        }
    }
    let ratios = |of: &[f64], to: &[f64]| of.iter().zip(to).map(|(a, b)| a / b).collect::<Vec<_>>();
    let mut to_silent = ratios(&rates[0], &rates[1]);
    let mut to_always = ratios(&rates[0], &rates[2]);
    let (to_silent, to_always) = (median(&mut to_silent), median(&mut to_always));
    let of = [median(&mut rates[0]), median(&mut rates[1]), median(&mut rates[2])];
    let beside = format!("{WRITERS} connections: {:.0} commits/s, {:.0} without", of[0], of[1]);
    lab.notes("writers", "beside the daemon, to no NOTIFY", to_silent, Bound::AtLeast(0.75), beside);
    let beside = format!("{:.0} commits/s with one in each commit", of[2]);
    lab.notes("writers", "beside the daemon, to a NOTIFY each", to_always, Bound::AtLeast(3.0), beside);
    Ok(())
}

async fn write(url: &str) -> Outcome<f64> {
    let mut writers: Vec<Client> = Vec::new();
    for _ in 0..WRITERS {
        writers.push(connect(url).await?);
    }
    let (stop, commits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut tasks = Vec::new();
    for (n, db) in writers.into_iter().enumerate() {
        let (stop, commits) = (stop.clone(), commits.clone());
        tasks.push(tokio::spawn(async move {
            let offset = i64::try_from(n * 31)?;
            let customer: uuid::Uuid = db
                .query_one("select id from customers order by id offset $1 limit 1", &[&offset])
                .await?
                .get(0);
            let order = db.prepare("insert into orders (customer_id, total) values ($1, $2)").await?;
            let mut total = 0i64;
            while !stop.load(Ordering::Relaxed) {
                total = (total + 4_999) % 20_000;
                db.execute(&order, &[&customer, &total]).await?;
                commits.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
        }));
    }
    // The first moments belong to waking up.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (before, began) = (commits.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(SPAN).await;
    let rate = (commits.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    Ok(rate)
}
