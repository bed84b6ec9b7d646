//! `make soak`: three daemons, many writers, random kills and freezes, then an audit. Bounded; the seed is
//! printed and can be given back: SOAK_SEED=… SOAK_SECONDS=… make soak

#[allow(dead_code)]
#[path = "it/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use support::daemon::Daemon;
use support::{Shop, connect, points_and_deposit, until};

/// A small generator: the same seed, the same faults.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make soak"]
async fn nothing_is_lost_and_nothing_happens_twice_whatever_dies() {
    let seed = setting("SOAK_SEED", u64::from(std::process::id()) * 7919 + 1);
    let span = Duration::from_secs(setting("SOAK_SECONDS", 300));
    println!("SOAK_SEED={seed} SOAK_SECONDS={}", span.as_secs());
    let mut dice = Dice(seed.max(1));
    let shop = Shop::open().await;
    let mut daemons: Vec<Daemon> = Vec::new();
    for _ in 0..3 {
        daemons.push(shop.daemon().await);
    }
    shop.publishes("points", &points_and_deposit()).await;
    for n in 0..50 {
        shop.welcomes(&format!("soak{n}@example.com")).await;
    }
    let url = shop.url.clone();
    let writer = tokio::spawn(async move {
        let db = connect(&url).await;
        let began = Instant::now();
        let mut placed = 0u64;
        while began.elapsed() < span {
            let sql = "insert into orders (customer_id, total)
                       select id, 10000 + (random() * 9000)::int from customers order by random() limit 20";
            placed += db.execute(sql, &[]).await.expect("orders");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        placed
    });
    let (mut killed, mut cut) = (0, 0);
    while !writer.is_finished() {
        tokio::time::sleep(Duration::from_millis(200 + dice.throw(1500))).await;
        if dice.throw(2) == 0 {
            let victim = daemons.swap_remove(dice.throw(3) as usize);
            victim.dies();
            daemons.push(Daemon::launch(&shop.url, shop.folder.path(), &[]));
            killed += 1;
        } else {
            // One of the engine's connections, whichever it is.
            let sql = "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity
                       where datname = current_database() and application_name like 'thendo %'
                         and application_name <> 'thendo test' order by random() limit 1) t";
            cut += shop.number(sql, &[]).await;
        }
    }
    let placed = writer.await.expect("no panic");
    until("every order is served", || async {
        shop.count("workflow_queue").await == 0 && shop.count("workflow_executions").await == placed as i64
    })
    .await;
    let wrong = shop
        .number(
            "select count(*) from orders o where
                 (select count(*) from loyalty_ledger l where l.order_id = o.id) <> 1
              or (select count(*) from deposits d where d.order_id = o.id) <> 1",
            &[],
        )
        .await;
    let failed =
        shop.number("select count(*) from workflow_executions where status <> 'succeeded'", &[]).await;
    println!(
        "{placed} orders, {killed} daemons killed, {cut} connections cut: {wrong} wrong, {failed} failed"
    );
    assert_eq!((wrong, failed), (0, 0));
    assert_eq!(shop.count("orders").await, placed as i64);
}
