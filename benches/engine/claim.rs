//! How long a claim takes: with a long transaction open elsewhere against without, and with a long queue against a short
//! one. Rounds in turn; medians.

use std::time::Instant;

use thendo::store::cursors::Cursors;
use thendo::store::queue::claim_due;
use thendo::store::session::Session;
use tokio_postgres::Client;

use crate::Outcome;
use crate::lab::{Bound, Lab, connect, median, percentile, settle};

const ROUNDS: usize = 1;
const BATCH: i64 = 500;
const BATCHES: usize = 200;
/// The engine looks from the beginning every 2 s, or more seldom.
const SWEEP_EACH: usize = 40;

/// What else is going on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Beside {
    Nothing,
    /// A reader with an old snapshot: no dead row can be removed.
    Reader,
    /// One that has written, too: what it wrote may come before what is claimed.
    Writer,
}

const CASES: [(&str, i64, Beside); 4] = [
    ("alone", 10_000, Beside::Nothing),
    ("beside a long reader", 10_000, Beside::Reader),
    ("beside a long writer", 10_000, Beside::Writer),
    ("of 1,000,000", 1_000_000, Beside::Nothing),
];

/// Times of one case, in ms.
#[derive(Default)]
struct Times {
    claims: Vec<f64>,
    sweeps: Vec<f64>,
}

/// A claim of 500 in each case, to one alone.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    let mut times: Vec<Times> = CASES.iter().map(|_| Times::default()).collect();
    for _ in 0..ROUNDS {
        lab.probe()?;
        for ((_, rows, beside), times) in CASES.into_iter().zip(&mut times) {
            let mut one = case(lab, rows, beside).await?;
            times.claims.append(&mut one.claims);
            times.sweeps.append(&mut one.sweeps);
        }
    }
    let alone = median(&mut times[0].claims);
    for ((name, ..), mut times) in CASES.into_iter().zip(times).skip(1) {
        let p50 = median(&mut times.claims);
        let (p99, sweep) = (percentile(&mut times.claims, 0.99), median(&mut times.sweeps));
        let beside =
            format!("p50 {p50:.2} ms of {alone:.2} ms, p99 {p99:.2} ms, from the beginning {sweep:.2} ms");
        lab.notes("claim", &format!("a claim {name}, to one alone"), p50 / alone, Bound::AtMost(1.5), beside);
    }
    Ok(())
}

/// A queue of so many rows, from which as many are claimed as are added.
async fn case(lab: &mut Lab, rows: i64, beside: Beside) -> Outcome<Times> {
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
    drop((session, elsewhere, db));
    lab.drop_database(&url).await?;
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
