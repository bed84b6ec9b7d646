//! A backlog of queued orders, half of which match: through the daemon, and through a floor, a program written for this one
//! job that claims, inserts the same rows and commits in batches of 500 over as many connections.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_postgres::Client;

use crate::Outcome;
use crate::floor::by_floor;
use crate::lab::{Bound, Lab, median, publish, settle};

const ROUNDS: usize = 3;
/// Placed by one statement.
const AT_ONCE: i64 = 100_000;

/// What a drain came to.
pub struct Drained {
    /// Events per second.
    pub rate: f64,
    /// The daemon's peak of memory, in MiB.
    pub peak_mib: f64,
}

/// 100,000 queued: daemon and floor in turn, and the median of their ratios.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    let orders = 100_000;
    let (mut ours, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        lab.probe()?;
        let floor = floor(lab, orders).await?;
        let own = drain(lab, orders, 1).await?.rate;
        lab.says("drain", &format!("floor {floor:.0} events/s, thendo {own:.0} events/s"));
        ours.push(own);
        floors.push(floor);
        ratios.push(own / floor);
    }
    let (own, floor, ratio) = (median(&mut ours), median(&mut floors), median(&mut ratios));
    let beside = format!(
        "thendo {own:.0} events/s, floor {floor:.0}; ratios {:.2} to {:.2}",
        ratios[0],
        ratios[ROUNDS - 1]
    );
    lab.notes("drain", "100,000 queued, to the floor", ratio, Bound::AtLeast(0.8), beside);
    Ok(())
}

/// What an event costs with 1,000,000 of them queued, to with 10,000; and the memory that takes.
pub async fn backlog(lab: &mut Lab) -> Outcome<()> {
    let mut few = Vec::new();
    for _ in 0..ROUNDS {
        lab.probe()?;
        few.push(drain(lab, 10_000, 1).await?.rate);
    }
    let some = drain(lab, 100_000, 1).await?.rate;
    lab.probe()?;
    let many = drain(lab, 1_000_000, 1).await?;
    let few = median(&mut few);
    let beside =
        format!("10,000: {few:.0} events/s, 100,000: {some:.0}, 1,000,000: {:.0} events/s", many.rate);
    lab.notes(
        "backlog",
        "an event of 1,000,000, to one of 10,000",
        few / many.rate,
        Bound::AtMost(1.2),
        beside,
    );
    let beside = "the daemon's peak".to_owned();
    lab.notes("backlog", "MiB with 1,000,000 queued", many.peak_mib, Bound::AtMost(120.0), beside);
    Ok(())
}

/// Two daemons beside one another against one.
pub async fn daemons(lab: &mut Lab) -> Outcome<()> {
    let (mut ratios, mut ones, mut twos) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        lab.probe()?;
        let one = drain(lab, 50_000, 1).await?.rate;
        let two = drain(lab, 50_000, 2).await?.rate;
        lab.says("daemons", &format!("one {one:.0} events/s, two {two:.0} events/s"));
        ratios.push(two / one);
        ones.push(one);
        twos.push(two);
    }
    let beside =
        format!("one {:.0} events/s, two {:.0}; effects exact", median(&mut ones), median(&mut twos));
    lab.notes("daemons", "two daemons, to one", median(&mut ratios), Bound::AtLeast(0.95), beside);
    Ok(())
}

/// Places orders and settles; their queue rows are all due at one instant in some seconds, so that a daemon can be up and idle
/// by then, and nothing else is left to be done.
pub async fn place(db: &Client, orders: i64) -> Outcome<DateTime<Utc>> {
    let mut left = orders;
    while left > 0 {
        let some = left.min(AT_ONCE);
        db.execute(
            "insert into orders (customer_id, total)
             select c.id, (random() * 19900)::int + 50 from (select id, row_number() over () as n from customers) c
             join generate_series(1, $1::bigint) g on c.n = 1 + g % 1000",
            &[&some],
        )
        .await?;
        left -= some;
    }
    db.batch_execute("truncate workflow_queue").await?;
    // As long as queueing takes, and then some.
    let ahead = 4.0 + orders as f64 / 40_000.0;
    let due: DateTime<Utc> =
        db.query_one("select clock_timestamp() + make_interval(secs => $1)", &[&ahead]).await?.get(0);
    db.execute(
        "insert into workflow_queue (due_at, lane, event_at, event_id)
         select $1, (hashtextextended(entity, 0) & 63)::smallint, at, id from workflow_events
         where table_name = 'orders' order by at",
        &[&due],
    )
    .await?;
    settle(db).await?;
    if db.query_one("select clock_timestamp() > $1::timestamptz - interval '1 second'", &[&due]).await?.get(0)
    {
        return Err("queueing took longer than was thought".into());
    }
    Ok(due)
}

async fn floor(lab: &mut Lab, orders: i64) -> Outcome<f64> {
    let (db, url) = lab.shop().await?;
    place(&db, orders).await?;
    let took = by_floor(&db, &url).await?;
    check(&db, orders).await?;
    drop(db);
    lab.drop_database(&url).await?;
    Ok(orders as f64 / took)
}

/// Drains so many orders with so many daemons.
pub async fn drain(lab: &mut Lab, orders: i64, daemons: usize) -> Outcome<Drained> {
    let (db, url) = lab.shop().await?;
    publish(lab, &db, &url).await?;
    let due = place(&db, orders).await?;
    let drained = worked_off(lab, &db, &url, due, orders, daemons).await?;
    check(&db, orders).await?;
    drop(db);
    lab.drop_database(&url).await?;
    Ok(drained)
}

/// From the instant at which all is due to the last record, by the database's clock.
pub async fn worked_off(
    lab: &Lab,
    db: &Client,
    url: &str,
    due: DateTime<Utc>,
    orders: i64,
    daemons: usize,
) -> Outcome<Drained> {
    let mut running = Vec::new();
    for _ in 0..daemons {
        running.push(lab.daemon(url).await?);
    }
    while !db.query_one("select clock_timestamp() > $1", &[&due]).await?.get::<_, bool>(0) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    db.batch_execute("notify thendo_orders").await?;
    while db.query_one("select exists (select from workflow_queue)", &[]).await?.get(0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let took = "select extract(epoch from max(finished_at) - $1)::float8 from workflow_executions";
    let took: f64 = db.query_one(took, &[&due]).await?.get(0);
    let mut peak_mib = 0.0_f64;
    for daemon in &running {
        peak_mib = peak_mib.max(daemon.memory_mib("VmHWM")?);
    }
    Ok(Drained { rate: orders as f64 / took, peak_mib })
}

/// Both must have done the same.
async fn check(db: &Client, orders: i64) -> Outcome<()> {
    let row = db
        .query_one(
            "select (select count(*) from workflow_executions), (select count(*) from loyalty_ledger),
                    (select count(*) from orders where total >= 10000), (select count(*) from workflow_queue),
                    (select sum(balance)::bigint from loyalty_points), (select sum(total / 100)::bigint from orders where total >= 10000)",
            &[],
        )
        .await?;
    let of = |n: usize| row.get::<_, i64>(n);
    if of(0) != orders || of(1) != of(2) || of(3) != 0 || of(4) != of(5) {
        return Err(format!("lost or doubled: {} executions, {} of {} awards", of(0), of(1), of(2)).into());
    }
    Ok(())
}
