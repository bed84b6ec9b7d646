//! Invariant 9, the second half: a batch that killed its process is run again one by one, and what kills a second time
//! is set aside.

use std::time::Instant;

use crate::support::daemon::Daemon;
use crate::support::{PATIENCE, Shop, points_and_deposit, until};

/// As running out of memory would, at an order with this note (builds for tests only).
const DEADLY: &[(&str, &str)] = &[("TEST_DIES_AT_NOTE", "deadly")];

async fn served(shop: &Shop) -> i64 {
    shop.number("select count(*) from workflow_executions where status = 'succeeded'", &[]).await
}

/// A daemon that is started again whenever it dies, until `done`. How often it died.
pub async fn deaths_until<F: Future<Output = bool>>(shop: &Shop, done: impl Fn() -> F) -> (usize, Daemon) {
    let (began, mut deaths) = (Instant::now(), 0);
    let mut daemon = Daemon::launch(&shop.url, shop.folder.path(), DEADLY);
    while !done().await {
        assert!(began.elapsed() < 2 * PATIENCE, "after {deaths} deaths: {}", daemon.logged());
        if daemon.has_ended() {
            deaths += 1;
            // As systemd does: at once, the server may not have noticed yet that nobody is there.
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            daemon = Daemon::launch(&shop.url, shop.folder.path(), DEADLY);
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    (deaths, daemon)
}

#[tokio::test]
async fn what_kills_the_daemon_is_set_aside_and_all_others_are_served() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    assert!(daemon.stops().success());
    assert_eq!(shop.count("workflow_daemons").await, 0, "one that ended in order leaves nothing");
    let other = shop.welcomes("grace@example.com").await;
    shop.db
        .execute(
            "insert into orders (customer_id, total, note)
             select case when g % 2 = 0 then $1::uuid else $2::uuid end, 20000, case when g = 25 then 'deadly' end
             from generate_series(1, 60) g",
            &[&shop.customer, &other],
        )
        .await
        .expect("orders");
    let failed = || async {
        shop.number("select count(*) from workflow_executions where status = 'failed'", &[]).await == 1
    };
    let (deaths, daemon) = deaths_until(&shop, failed).await;
    shop.has_settled().await;
    assert!((2..=3).contains(&deaths), "{deaths} deaths");
    assert_eq!(served(&shop).await, 59);
    let sql = "select x.error, e.row_data ->> 'note' from workflow_executions x join workflow_events e on e.id = x.event_id
               where x.status = 'failed'";
    let row = shop.db.query_one(sql, &[]).await.expect("one failure");
    let (error, note): (String, Option<String>) = (row.get(0), row.get(1));
    assert_eq!(note.as_deref(), Some("deadly"));
    assert!(error.contains("set aside: the daemon died again and again"), "{error}");
    assert_eq!(shop.count("loyalty_ledger").await, 59);
    assert_eq!(shop.alarms("set_aside").await, 1);
    assert!(shop.alarms("daemon_died").await >= 1, "somebody is told that daemons die");
    for table in ["workflow_strikes", "workflow_hands"] {
        assert_eq!(shop.count(table).await, 0, "{table}");
    }
    // It works on as ever.
    shop.places_order(200_00).await;
    until("it is served", || async { served(&shop).await == 60 }).await;
    assert!(daemon.stops().success());
}

#[tokio::test]
async fn two_that_kill_are_both_found() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    assert!(daemon.stops().success());
    for note in [None, Some("deadly"), None, Some("deadly"), None] {
        let sql = "insert into orders (customer_id, total, note) values ($1, 20000, $2)";
        shop.db.execute(sql, &[&shop.customer, &note]).await.expect("an order");
    }
    let (deaths, _daemon) =
        deaths_until(&shop, || async { shop.count("workflow_executions").await == 5 }).await;
    assert!(deaths <= 5, "{deaths} deaths");
    assert_eq!(served(&shop).await, 3);
}

#[tokio::test]
async fn while_nobody_dies_nothing_is_written_down() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    let second = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    for _ in 0..50 {
        shop.places_order(200_00).await;
    }
    shop.has_settled().await;
    assert_eq!(shop.count("workflow_daemons").await, 2);
    assert!(daemon.stops().success());
    assert!(second.stops().success());
    // Statistics come late; of sessions that have ended they are there.
    until("statistics have come", || async {
        shop.number("select n_tup_ins from pg_stat_user_tables where relname = 'workflow_executions' or relname like 'workflow_executions_2%' order by 1 desc limit 1", &[]).await >= 50
    })
    .await;
    assert_eq!(shop.number("select sum(n_tup_ins) from pg_stat_user_tables where relname in ('workflow_hands', 'workflow_strikes')", &[]).await, 0);
    assert_eq!(shop.count("workflow_daemons").await, 0);
}
