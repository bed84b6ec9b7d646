//! The API: pages of executions among very many, and how soon a change is told to who watches.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value;
use thendo::operations::cursor;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::Outcome;
use crate::lab::{Bound, Daemon, Lab, connect, percentile, publish, settle};

const MANY: i64 = 10_000_000;
const FEW: i64 = 10_000;
const REQUESTS: usize = 4_000;
const AT_ONCE: usize = 4;
const WORKFLOWS: i64 = 200;
const ORDERS: usize = 500;

/// Pages of the list, anywhere in it and of every filter, among ten million and among ten thousand.
pub async fn lists(lab: &mut Lab) -> Outcome<()> {
    lab.probe()?;
    let few = pages(lab, FEW).await?;
    let many = pages(lab, MANY).await?;
    let beside = format!("p50 {:.1} ms; {AT_ONCE} at once, {REQUESTS} pages of 50", many.p50_ms);
    lab.notes("lists", "pages/s among 10,000,000 executions", many.rate, Bound::Context, beside);
    let beside = format!("among 10,000: {:.1} ms, {:.0} pages/s", few.p99_ms, few.rate);
    lab.notes("lists", "p99 of a page among 10,000,000, ms", many.p99_ms, Bound::Context, beside);
    let ratio = few.rate / many.rate;
    let beside = format!("{:.0} to {:.0} pages/s", few.rate, many.rate);
    lab.notes("lists", "10,000,000 to 10,000, a page", ratio, Bound::Context, beside);
    Ok(())
}

struct Pages {
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
}

async fn pages(lab: &mut Lab, rows: i64) -> Outcome<Pages> {
    let (db, url) = lab.shop_with(&[]).await?;
    let began = Instant::now();
    fill(&db, &url, rows).await?;
    settle(&db).await?;
    lab.says("lists", &format!("{rows} executions were written in {:.0} s", began.elapsed().as_secs_f64()));
    let daemon = lab.daemon(&url).await?;
    let (key, asked) = (key(&url)?, Arc::new(addresses(&daemon, rows)));
    let (next, client) = (Arc::new(AtomicUsize::new(0)), reqwest::Client::new());
    let began = Instant::now();
    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (next, client, asked, key) = (next.clone(), client.clone(), asked.clone(), key.clone());
        askers.spawn(async move {
            let mut took = Vec::new();
            while let Some(address) = asked.get(next.fetch_add(1, Ordering::Relaxed)) {
                let began = Instant::now();
                let answer = client.get(address).bearer_auth(&key).send().await?.error_for_status()?;
                answer.bytes().await?;
                took.push(began.elapsed().as_secs_f64() * 1e3);
            }
            Ok::<_, reqwest::Error>(took)
        });
    }
    let mut took = Vec::new();
    while let Some(of_one) = askers.join_next().await {
        took.extend(of_one??);
    }
    let rate = REQUESTS as f64 / began.elapsed().as_secs_f64();
    let (p50_ms, p99_ms) = (percentile(&mut took, 0.5), percentile(&mut took, 0.99));
    drop((daemon, db));
    lab.drop_database(&url).await?;
    Ok(Pages { rate, p50_ms, p99_ms })
}

/// Over half a year; 2 of 100 failed or were cancelled, few workflows do most.
async fn fill(db: &Client, url: &str, rows: i64) -> Outcome<()> {
    db.batch_execute(&format!(
        "insert into workflows (name, definition)
         select 'w' || g, '{{\"nodes\": [], \"edges\": []}}' from generate_series(1, {WORKFLOWS}) g;
         do $$ declare m timestamptz; begin
             for m in select generate_series(date_trunc('month', now() - interval '6 months'),
                                             now() - interval '1 month', interval '1 month') loop
                 perform make_partition('workflow_executions', 'event_at', 'workflow_executions_' || to_char(m, 'YYYY_MM'), m::date);
             end loop; end $$"
    ))
    .await?;
    let halves = [(1, rows / 2), (rows / 2 + 1, rows)].map(|(from, to)| async move {
        let db = connect(url).await?;
        db.batch_execute(&format!(
            "set synchronous_commit = off; set statement_timeout = 0;
             insert into workflow_executions (id, event_at, event_id, workflow_id, version, status, steps, started_at, finished_at)
             select (lpad(to_hex((extract(epoch from x.at) * 1000)::bigint), 12, '0') || substr(md5(x.g::text), 13))::uuid,
                    x.at, gen_random_uuid(), w.ids[1 + ((random() ^ 3) * ({WORKFLOWS} - 1))::int], 1,
                    case when x.g % 67 = 0 then 'failed' when x.g % 199 = 0 then 'cancelled' else 'succeeded' end,
                    '[{{\"node\": \"start\", \"outcome\": \"done\"}}, {{\"node\": \"points\", \"outcome\": \"done\", \"result\": {{\"points\": 250}}}}]',
                    x.at, x.at
               from (select g, now() - interval '180 days' * (1 - g::float8 / {rows}) as at from generate_series({from}, {to}) g) x,
                    (select array_agg(id order by id) as ids from workflows) w"
        ))
        .await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    });
    for half in futures_util::future::join_all(halves).await {
        half?;
    }
    Ok(())
}

/// As people and programs ask: from the beginning, from anywhere, of a workflow, of those that failed.
fn addresses(daemon: &Daemon, rows: i64) -> Vec<String> {
    let base = format!("{}/api/v1/executions?limit=50", daemon.http);
    let mut dice = fastrand::Rng::with_seed(u64::try_from(rows).unwrap_or(1));
    let filters = [
        "",
        "&status=failed",
        "&status=succeeded",
        "&workflow=W",
        "&workflow=W&status=cancelled",
        "&workflow=W&status=succeeded",
    ];
    (0..REQUESTS)
        .map(|n| {
            let filter = filters[n % filters.len()].replace('W', &format!("w{}", dice.i64(1..=WORKFLOWS)));
            let from = match dice.bool() {
                true => String::new(),
                false => {
                    let at: DateTime<Utc> = Utc::now() - chrono::Duration::seconds(dice.i64(0..180 * 86_400));
                    format!("&cursor={}", cursor::write(&(at, Uuid::max())))
                }
            };
            format!("{base}{filter}{from}")
        })
        .collect()
}

fn key(url: &str) -> Outcome<String> {
    let made = Command::new(env!("CARGO_BIN_EXE_thendo"))
        .args(["keys", "create", "bench", "--scope", "read", "--format", "json", "--database-url", url])
        .stderr(Stdio::null())
        .output()?;
    let made: Value = serde_json::from_slice(&made.stdout)?;
    Ok(made["key"].as_str().ok_or("no key")?.to_owned())
}

/// One order after the other: from the commit of its execution to the event at who watches.
pub async fn live(lab: &mut Lab) -> Outcome<()> {
    lab.probe()?;
    let (db, url) = lab.shop().await?;
    publish(lab, &db, &url).await?;
    let daemon = lab.daemon(&url).await?;
    let asked = reqwest::Client::new().get(format!("{}/api/v1/live", daemon.http)).bearer_auth(key(&url)?);
    let mut stream = asked.send().await?.error_for_status()?;
    let mut unread = String::new();
    told(&mut stream, &mut unread, "event: anew").await?;
    let mut took = Vec::new();
    for _ in 0..ORDERS {
        db.batch_execute("insert into orders (customer_id, total) select id, 25000 from customers limit 1")
            .await?;
        let heard = told(&mut stream, &mut unread, "event: executions").await?;
        let sql = "select max(pg_xact_commit_timestamp(xmin)) from workflow_executions
            where event_at > now() - interval '1 minute'";
        let committed: DateTime<Utc> = db.query_one(sql, &[]).await?.get(0);
        took.push((heard - committed).num_microseconds().unwrap_or(0) as f64 / 1e3);
    }
    let p50 = percentile(&mut took, 0.5);
    let beside = format!("{ORDERS} orders, one after the other; p50 {p50:.2} ms");
    lab.notes(
        "live",
        "p99 from commit to who watches, ms",
        percentile(&mut took, 0.99),
        Bound::Context,
        beside,
    );
    drop((daemon, db));
    lab.drop_database(&url).await
}

/// When something like this was told.
async fn told(stream: &mut reqwest::Response, unread: &mut String, what: &str) -> Outcome<DateTime<Utc>> {
    let began = Instant::now();
    loop {
        if let Some((_, rest)) = unread.split_once(what) {
            *unread = rest.to_owned();
            return Ok(Utc::now());
        }
        if began.elapsed() > Duration::from_secs(20) {
            return Err("nothing was told".into());
        }
        let chunk =
            tokio::time::timeout(Duration::from_secs(20), stream.chunk()).await??.ok_or("it ended")?;
        unread.push_str(std::str::from_utf8(&chunk)?);
    }
}
