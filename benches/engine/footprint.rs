//! The daemon at rest: start to ready on an existing database, memory, processor time, queries.

use std::time::Duration;

use crate::Outcome;
use crate::lab::{Bound, Lab, median, publish};

const REST: Duration = Duration::from_secs(40);

/// Starts it a few times, then leaves it alone for a while.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    let (db, url) = lab.shop().await?;
    publish(lab, &db, &url).await?;
    lab.probe()?;
    let mut starts = Vec::new();
    for _ in 0..5 {
        starts.push(lab.daemon(&url).await?.ready_after.as_secs_f64());
    }
    let daemon = lab.daemon(&url).await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let statements = "select sum(xact_commit + xact_rollback)::bigint from pg_stat_database where datname = current_database()";
    let (cpu, queries): (f64, i64) = (daemon.cpu_seconds()?, db.query_one(statements, &[]).await?.get(0));
    tokio::time::sleep(REST).await;
    let cpu = (daemon.cpu_seconds()? - cpu) / REST.as_secs_f64() * 100.0;
    let queries =
        // One of them was the question before.
        (db.query_one(statements, &[]).await?.get::<_, i64>(0) - queries - 1) as f64 / REST.as_secs_f64();
    let (start, memory) = (median(&mut starts), daemon.memory_mib("VmRSS")?);
    let at_rest = || format!("over {} s with nothing to do", REST.as_secs());
    lab.notes("footprint", "s from start to ready", start, Bound::AtMost(0.5), "median of 5".into());
    lab.notes("footprint", "MiB at rest", memory, Bound::AtMost(40.0), at_rest());
    lab.notes("footprint", "% of a core at rest", cpu, Bound::AtMost(0.5), at_rest());
    lab.notes("footprint", "transactions/s at rest", queries, Bound::AtMost(1.0), at_rest());
    Ok(())
}
