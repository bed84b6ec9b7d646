//! Latency under load: orders at half of the rate that is kept up with at most, from the commit of each to the commit of its
//! points, by the server's own record of commits.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::Outcome;
use crate::lab::{Bound, Lab, connect, percentile, publish};

const WRITERS: u32 = 8;
const SPAN: Duration = Duration::from_secs(6);
const COMMITTED: &str = "select extract(epoch from pg_xact_commit_timestamp(l.xmin) - pg_xact_commit_timestamp(o.xmin))::float8 * 1000
    from orders o join loyalty_ledger l on l.order_id = o.id";

/// First without a pause, to see how much goes; then at half of that.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    let top = at(lab, None).await?;
    lab.probe()?;
    let half = at(lab, Some(top.done / 2.0)).await?;
    let mut took = half.took;
    let (p50, p99) = (percentile(&mut took, 0.5), percentile(&mut took, 0.99));
    let beside = format!("{:.0} orders/s of at most {:.0}; p50 {p50:.1} ms", half.done, top.done);
    lab.notes("load", "p99 in ms at half of the top rate", p99, Bound::AtMost(50.0), beside);
    Ok(())
}

struct Ran {
    /// Executions per second while orders came.
    done: f64,
    /// Of each order, in ms.
    took: Vec<f64>,
}

/// Orders from several connections, each as quick as it can, or so many in a second together.
async fn at(lab: &mut Lab, rate: Option<f64>) -> Outcome<Ran> {
    let (db, url) = lab.shop().await?;
    publish(lab, &db, &url).await?;
    let daemon = lab.daemon(&url).await?;
    let mut writers = Vec::new();
    for n in 0..WRITERS {
        let db = connect(&url).await?;
        let sql = "select array_agg(id) from customers";
        let customers: Vec<Uuid> = db.query_one(sql, &[]).await?.get(0);
        writers.push(tokio::spawn(async move {
            let order = db.prepare("insert into orders (customer_id, total) values ($1, 15000)").await?;
            let pace = rate.map(|rate| Duration::from_secs_f64(f64::from(WRITERS) / rate));
            let mut ticks = interval(pace.unwrap_or(Duration::from_secs(1)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let (began, mut placed) = (Instant::now(), n as usize);
            while began.elapsed() < SPAN {
                if pace.is_some() {
                    ticks.tick().await;
                }
                placed += 7;
                db.execute(&order, &[&customers[placed % customers.len()]]).await?;
            }
            Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
        }));
    }
    for writer in writers {
        writer.await??;
    }
    let executions: i64 = db.query_one("select count(*) from workflow_executions", &[]).await?.get(0);
    while db.query_one("select exists (select from workflow_queue)", &[]).await?.get(0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let took = db.query(COMMITTED, &[]).await?.iter().map(|row| row.get(0)).collect();
    drop((daemon, db));
    lab.drop_database(&url).await?;
    Ok(Ran { done: executions as f64 / SPAN.as_secs_f64(), took })
}
