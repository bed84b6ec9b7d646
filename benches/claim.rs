//! How long a claim takes: with a long transaction open elsewhere against without, and with a long queue against a short
//! one. All in one run, rounds in turn; medians.
//!
//!     cargo bench --bench claim [-- ROUNDS]

#[path = "first_way/lab.rs"]
#[allow(dead_code, reason = "shared with another bench")]
mod lab;

use std::error::Error;
use std::time::Instant;

use lab::{Lab, connect, median, percentile, settle};
use serde_json::json;
use thendo::store::cursors::Cursors;
use thendo::store::queue::claim_due;
use thendo::store::session::Session;
use tokio_postgres::Client;

/// Anything that goes wrong ends the run.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const BATCH: i64 = 500;
const BATCHES: usize = 300;
/// The engine looks from the beginning every 2 s, or more seldom.
const SWEEP_EACH: usize = 60;

/// What else is going on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Beside {
    Nothing,
    /// A reader with an old snapshot: no dead row can be removed.
    Reader,
    /// One that has written, too: what it wrote may come before what is claimed.
    Writer,
}

/// Times of one round, in ms.
#[derive(Default)]
struct Times {
    claims: Vec<f64>,
    sweeps: Vec<f64>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let rounds = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(3);
    rustls::crypto::aws_lc_rs::default_provider().install_default().map_err(|_| "a TLS provider is there")?;
    let mut lab = Lab::open()?;
    let cases = [
        ("alone", 10_000, Beside::Nothing),
        ("reader", 10_000, Beside::Reader),
        ("writer", 10_000, Beside::Writer),
        ("million", 1_000_000, Beside::Nothing),
    ];
    let mut times: Vec<Times> = cases.iter().map(|_| Times::default()).collect();
    for round in 0..rounds {
        lab.probe()?;
        for (n, (name, rows, beside)) in cases.into_iter().enumerate() {
            let mut one = run(&mut lab, rows, beside).await?;
            println!("round {round}   {name:<8} claim p50 {:.2} ms", median(&mut one.claims));
            times[n].claims.append(&mut one.claims);
            times[n].sweeps.append(&mut one.sweeps);
        }
    }
    let alone = median(&mut times[0].claims);
    for ((name, rows, _), mut times) in cases.into_iter().zip(times) {
        let p50 = median(&mut times.claims);
        let (p99, sweep) = (percentile(&mut times.claims, 0.99), median(&mut times.sweeps));
        lab.say(
            "claim",
            &format!(
                "{name:<8} {rows:>8} rows queued: p50 {p50:.2} ms, p99 {p99:.2} ms, from the beginning {sweep:.2} ms; \
                 ratio {:.2} (at most 1.5 wanted)",
                p50 / alone
            ),
            json!({ "case": name, "p50_ms": p50, "p99_ms": p99, "sweep_ms": sweep, "ratio": p50 / alone }),
        );
    }
    lab.close();
    Ok(())
}

/// A queue of so many rows, from which as many are claimed as are added.
async fn run(lab: &mut Lab, rows: i64, beside: Beside) -> Outcome<Times> {
    let (db, url) = lab.shop().await?;
    db.batch_execute("set statement_timeout = 0").await?;
    add(&db, rows).await?;
    settle(&db).await?;
    let elsewhere = connect(&url).await?;
    match beside {
        Beside::Nothing => {}
        Beside::Reader => stays(&elsewhere, "select count(*) from workflow_plan_epoch").await?,
        Beside::Writer => {
            stays(&elsewhere, "insert into customers (email) values ('slow@example.com')").await?
        }
    }
    let session = Session::new(connect(&url).await?);
    let mut cursors = Cursors::from_lane(0);
    let (mut times, mut left) = (Times::default(), rows);
    for n in 0..BATCHES {
        let sweeps = n % SWEEP_EACH == 0;
        if sweeps {
            cursors.sweep();
        }
        let began = Instant::now();
        let claim = claim_due(&session, &mut cursors, BATCH as usize, 1).await?;
        let took = began.elapsed().as_secs_f64() * 1e3;
        session.transaction("commit").await?;
        cursors.turn(1);
        let claimed = claim.rows.len() as i64;
        if claimed < BATCH / 2 {
            return Err(format!("a batch of {claimed} is no measure").into());
        }
        // The first of all prepares its statements and has no cursors yet.
        match (n, sweeps) {
            (0, _) => {}
            (_, true) => times.sweeps.push(took),
            (_, false) => times.claims.push(took),
        }
        left -= claimed;
        add(&db, rows - left).await?;
        left = rows;
    }
    Ok(times)
}

/// Begins a transaction that does this and then nothing, until its connection is dropped.
async fn stays(db: &Client, sql: &str) -> Outcome<()> {
    db.batch_execute("set idle_in_transaction_session_timeout = 0; begin isolation level repeatable read")
        .await?;
    db.batch_execute(sql).await?;
    Ok(())
}

/// Events of orders that nobody placed, queued.
async fn add(db: &Client, rows: i64) -> Outcome<()> {
    db.execute(
        "with told as (
             insert into workflow_events (id, at, table_name, operation, entity, row_data)
             select gen_random_uuid(), clock_timestamp(), 'orders', 'insert', gen_random_uuid()::text,
                    jsonb_build_object('id', n, 'total', 12300, 'status', 'pending', 'currency_code', 'EUR')
             from generate_series(1, $1::bigint) n
             returning id, at, entity)
         insert into workflow_queue (due_at, lane, event_at, event_id)
         select at, (hashtextextended(entity, 0) & 63)::smallint, at, id from told",
        &[&rows],
    )
    .await?;
    Ok(())
}
