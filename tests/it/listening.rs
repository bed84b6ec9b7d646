//! How events reach the engine: woken, reconnected, deaf, through a narrow pool.

use std::time::{Duration, Instant};

use crate::support::wire::Wire;
use crate::support::{Shop, points_and_deposit, until};

/// Milliseconds from commit to points.
async fn latency(shop: &Shop) -> u128 {
    let order = shop.places_order(250_00).await;
    let began = Instant::now();
    until("the points are there", || async {
        shop.number("select count(*) from loyalty_ledger where order_id = $1", &[&order]).await == 1
    })
    .await;
    began.elapsed().as_millis()
}

#[tokio::test]
async fn a_sleeping_engine_is_woken_by_the_order_itself() {
    let shop = Shop::open().await;
    // No poll would come in time.
    let daemon = shop.daemon_with(&[("THENDO_ENGINE__POLL_MS", "600000")]).await;
    shop.publishes("points", &points_and_deposit()).await;
    // The polls after an event come at 1, 2, 4 … ms: let them grow longer than the test looks.
    let before = daemon.metric("thendo_notifications_total").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(latency(&shop).await < 2_000);
    assert!(daemon.metric("thendo_notifications_total").await > before);
}

#[tokio::test]
async fn a_cut_cable_heals_and_nothing_is_missed() {
    let shop = Shop::open().await;
    let wire = Wire::open(&shop.url, false).await;
    let daemon = crate::support::daemon::Daemon::start(&wire.url, shop.folder.path(), &[]).await;
    shop.publishes("points", &points_and_deposit()).await;
    for _ in 0..5 {
        shop.places_order(250_00).await;
        wire.is_cut();
        shop.places_order(250_00).await;
    }
    shop.has_settled().await;
    daemon.is_ready().await;
    assert_eq!(shop.count("loyalty_ledger").await, 10);
    assert!(latency(&shop).await < 5_000);
}

#[tokio::test]
async fn deaf_connections_are_noticed_and_polled_around() {
    let shop = Shop::open().await;
    let wire = Wire::open(&shop.url, true).await;
    let daemon = crate::support::daemon::Daemon::start(
        &wire.url,
        shop.folder.path(),
        &[("THENDO_ENGINE__POLL_WITHOUT_NOTIFY_MS", "200")],
    )
    .await;
    until("the warning is logged", || async { daemon.logged().contains("notifications do not arrive") })
        .await;
    shop.publishes("points", &points_and_deposit()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(latency(&shop).await < 2_000);
    assert_eq!(daemon.logged().matches("notifications do not arrive").count(), 1, "one warning is enough");
}

#[tokio::test]
async fn three_connections_are_enough() {
    let shop = Shop::open().await;
    let daemon = shop.daemon_with(&[("THENDO_POOL_MAX", "3")]).await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.publishes("mail", &crate::support::mail_on_order()).await;
    for _ in 0..20 {
        shop.places_order(250_00).await;
        daemon.answers("/status").await.expect("the page");
        let used = shop
            .number(
                "select count(*) from pg_stat_activity where datname = current_database()
                 and application_name like 'thendo%' and application_name <> 'thendo test'",
                &[],
            )
            .await;
        assert!(used <= 3, "{used} connections");
    }
    shop.has_settled().await;
    assert_eq!(
        shop.number("select count(*) from workflow_executions where status = 'succeeded'", &[]).await,
        40
    );
}

#[tokio::test]
async fn sigterm_finishes_what_is_at_hand_and_ends_well() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    for _ in 0..50 {
        shop.places_order(250_00).await;
    }
    let began = Instant::now();
    assert!(daemon.stops().success());
    assert!(began.elapsed() < Duration::from_secs(10), "took {:?}", began.elapsed());
    let _daemon = shop.daemon().await;
    shop.has_settled().await;
    assert_eq!(shop.count("loyalty_ledger").await, 50);
}

#[tokio::test]
async fn a_broken_database_url_says_so_and_hides_the_password() {
    let run = crate::support::server::thendo()
        .args(["serve", "--database-url", "postgres://shop:geheim@127.0.0.1:1/nowhere"])
        .output();
    let said = String::from_utf8_lossy(&run.expect("the built binary").stderr).into_owned();
    assert!(said.contains("127.0.0.1"), "{said}");
    assert!(!said.contains("geheim"), "{said}");
}
