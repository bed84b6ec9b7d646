//! The daemon at rest: start to ready on an existing database, memory, processor time, queries.

use std::time::Duration;

use serde_json::json;

use crate::Outcome;
use crate::lab::{Lab, median, publish};

const REST: Duration = Duration::from_secs(20);

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
        (db.query_one(statements, &[]).await?.get::<_, i64>(0) - queries) as f64 / REST.as_secs_f64();
    let (start, memory) = (median(&mut starts), daemon.memory_mib("VmRSS")?);
    lab.say(
        "footprint",
        &format!(
            "start to ready {start:.3} s (at most 0.5 wanted); at rest {memory:.1} MiB (at most 40 wanted), \
             {cpu:.2} % of a core, {queries:.1} transactions/s"
        ),
        json!({ "start_s": start, "rest_mib": memory, "cpu_percent": cpu, "transactions_per_s": queries }),
    );
    Ok(())
}
