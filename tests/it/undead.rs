//! Daemons that live and do nothing (trap 8), and effects that break what is checked late or take too long (trap 12).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::daemon::Daemon;
use crate::support::wire::Wire;
use crate::support::{Shop, connect, edge, node, points_and_deposit, until};

/// A ledger that takes its time: whoever writes it can be caught in the middle of a batch.
const SLOW_LEDGER: &str = "create function linger() returns trigger language plpgsql as $$ begin
        perform pg_sleep(0.7); return new; end $$;
     create trigger linger before insert on loyalty_ledger for each row execute function linger()";
const IN_A_BATCH: &str = "select count(*) from pg_stat_activity where datname = current_database()
     and application_name = 'thendo worker' and state = 'active' and query ~ 'loyalty_ledger'";

async fn each_order_has_its_points(shop: &Shop, orders: i64) {
    shop.has_settled().await;
    assert_eq!(shop.count("loyalty_ledger").await, orders);
    assert_eq!(shop.number("select count(distinct order_id) from loyalty_ledger", &[]).await, orders);
    let failed = "select count(*) from workflow_executions where status <> 'succeeded'";
    assert_eq!(shop.number(failed, &[]).await, 0, "failed executions");
}

#[tokio::test]
async fn a_frozen_daemon_s_lanes_are_taken_over_within_fifteen_seconds() {
    let shop = Shop::open().await;
    let frozen = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.db.batch_execute(SLOW_LEDGER).await.expect("a slow ledger");
    shop.places_order(250_00).await;
    until("it is in the middle of a batch", || async { shop.number(IN_A_BATCH, &[]).await > 0 }).await;
    frozen.freezes();
    let began = Instant::now();
    let _second = shop.daemon().await;
    shop.places_order(250_00).await;
    until("the other has taken over", || async { shop.count("loyalty_ledger").await == 2 }).await;
    let took = began.elapsed();
    println!("SIGSTOP in the middle of a batch: taken over after {took:?}");
    assert!(took < Duration::from_secs(15), "taken over after {took:?}");
    frozen.thaws();
    shop.places_order(250_00).await;
    each_order_has_its_points(&shop, 3).await;
    frozen.is_ready().await;
}

#[tokio::test]
async fn a_daemon_behind_a_cable_that_leads_nowhere_is_replaced_and_heals() {
    let shop = Shop::open().await;
    let wire = Wire::open(&shop.url, false).await;
    let behind = Daemon::start(&wire.url, shop.folder.path(), &[]).await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.db.batch_execute(SLOW_LEDGER).await.expect("a slow ledger");
    shop.places_order(250_00).await;
    until("it is in the middle of a batch", || async { shop.number(IN_A_BATCH, &[]).await > 0 }).await;
    wire.stalls(true);
    let began = Instant::now();
    let second = shop.daemon().await;
    until("the other has taken over", || async { shop.count("loyalty_ledger").await == 1 }).await;
    let took = began.elapsed();
    println!("a stalled cable in the middle of a batch: taken over after {took:?}");
    assert!(took < Duration::from_secs(15), "taken over after {took:?}");
    wire.stalls(false);
    drop(second);
    shop.places_order(250_00).await;
    each_order_has_its_points(&shop, 2).await;
    behind.is_ready().await;
}

/// A trigger → for each of so many items: points for it.
fn many_points(items: usize) -> Value {
    let each = json!({"controlType": "for_each", "config": {"items": format!("{{{{ range(1, {}) | list }}}}", items + 1), "at_once": 100, "on_failure": "go_on"}});
    let mut body = edge("each", "points");
    body["sourceHandle"] = "each".into();
    json!({"nodes": [
            node("start", "trigger", json!({"triggerType": "order_created", "config": {}})),
            node("each", "control", each),
            node("points", "action", json!({"actionType": "award_points", "config": {"points": "{{ item }}"}})),
        ], "edges": [edge("start", "each"), body]})
}

#[tokio::test]
async fn hundreds_of_effects_one_by_one_have_few_subtransactions() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    // Each item that is divisible by ten is refused.
    shop.db
        .batch_execute(
            "create function curse() returns trigger language plpgsql as $$ begin
               if new.points % 10 = 0 then raise exception 'the shop says no'; end if; return new; end $$;
             create trigger curse before insert on loyalty_ledger for each row execute function curse();",
        )
        .await
        .expect("a curse");
    shop.publishes("many", &many_points(300)).await;
    shop.places_order(1_00).await;
    shop.has_settled().await;
    assert_eq!(shop.count("loyalty_ledger").await, 270, "those that nobody refuses");
    assert_eq!(
        shop.number("select sum(balance) from loyalty_points", &[]).await,
        300 * 301 / 2 - 10 * 30 * 31 / 2
    );
    // Each row keeps the number of the subtransaction that wrote it.
    let most = shop.number("select count(distinct xmin::text) from loyalty_ledger", &[]).await;
    println!("{most} transactions and subtransactions");
    assert!(most <= 60, "{most} subtransactions: more than 64 slow every snapshot");
}

#[tokio::test]
async fn an_effect_that_breaks_a_deferred_constraint_fails_its_own_step_only() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.db
        .batch_execute(
            "create function audit() returns trigger language plpgsql as $$ begin
               raise exception 'the books do not balance'; end $$;
             create constraint trigger audit after insert on deposits deferrable initially deferred
               for each row execute function audit();",
        )
        .await
        .expect("an audit at the commit");
    shop.publishes("points", &points_and_deposit()).await;
    let only = json!({"nodes": [
            node("start", "trigger", json!({"triggerType": "order_created", "config": {}})),
            node("points", "action", json!({"actionType": "award_points", "config": {"points": 7}})),
        ], "edges": [edge("start", "points")]});
    shop.publishes("neighbour", &only).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let row = shop.db.query_one("select error from workflow_executions where status = 'failed'", &[]).await;
    let error: String = row.expect("one failed").get(0);
    assert!(error.starts_with("deposit: the books do not balance"), "{error}");
    // Its own points stay, and its neighbour of the same event is not touched.
    assert_eq!(shop.number("select sum(balance) from loyalty_points", &[]).await, 250 + 7);
    assert_eq!(shop.count("workflow_executions").await, 2);
}

#[tokio::test]
async fn an_admin_who_waits_for_a_batch_that_hangs_holds_up_nobody() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    let held = shop.publishes("held", &points_and_deposit()).await;
    shop.db.execute("select hold_workflow($1, 'a look', 'an admin')", &[&held]).await.expect("held");
    // As a daemon that froze in the middle of its batch.
    let hangs = connect(&shop.url).await;
    hangs.batch_execute("begin; select pg_advisory_xact_lock_shared(1952998511, 1)").await.expect("a batch");
    let admin = connect(&shop.url).await;
    admin.batch_execute("set lock_timeout = 0").await.expect("patience");
    let released = tokio::spawn(async move {
        admin.query_one("select release_workflow($1, false, 'an admin')", &[&held]).await.map(|_| ())
    });
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and query like 'select release_workflow%' and state = 'active'";
    until("the admin waits", || async { shop.number(waits, &[]).await == 1 }).await;
    for orders in 1..=2 {
        shop.places_order(250_00).await;
        until("the others go on", || async { shop.count("loyalty_ledger").await == orders }).await;
    }
    assert!(!released.is_finished(), "it has not waited");
    hangs.batch_execute("rollback").await.expect("parted");
    released.await.expect("no panic").expect("released");
}

#[tokio::test]
async fn whose_statements_an_operator_cancels_is_not_set_aside() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.db.batch_execute(SLOW_LEDGER).await.expect("a slow ledger");
    shop.places_order(250_00).await;
    // More often than a row alone may run out of time; each attempt once, and while it sleeps: a statement that is
    // only being prepared ignores it.
    let cancels = IN_A_BATCH.replace("count(*)", "max(xact_start) filter (where pg_cancel_backend(pid))");
    let cancels = format!("{cancels} and wait_event = 'PgSleep' and xact_start > $1");
    let last = std::cell::Cell::new(chrono::DateTime::UNIX_EPOCH);
    for _ in 0..8 {
        until("its batch is cancelled", || async {
            let row = shop.db.query_one(&cancels, &[&last.get()]).await.expect("a look");
            row.get::<_, Option<_>>(0).is_some_and(|begun| {
                last.set(begun);
                true
            })
        })
        .await;
    }
    each_order_has_its_points(&shop, 1).await;
    assert_eq!(shop.alarms("set_aside").await, 0);
}

#[tokio::test]
async fn what_takes_longer_than_a_statement_may_is_set_aside_and_holds_up_nobody() {
    let shop = Shop::open().await;
    let daemon = shop.daemon_with(&[("TEST_STATEMENT_MS", "700")]).await;
    shop.publishes("points", &points_and_deposit()).await;
    let cursed = shop.welcomes("cursed@example.com").await;
    shop.db
        .batch_execute(&format!(
            "create function dream() returns trigger language plpgsql as $$ begin
               if new.customer_id = '{cursed}' then perform pg_sleep(60); end if; return new; end $$;
             create trigger dream before insert on loyalty_ledger for each row execute function dream();"
        ))
        .await
        .expect("a dream");
    // One after the other in the lane of the first.
    let sql = "insert into orders (customer_id, total) select case when g = 3 then $1::uuid else $2::uuid end, 20000
               from generate_series(1, 20) g";
    shop.db.execute(sql, &[&cursed, &shop.customer]).await.expect("orders");
    shop.has_settled().await;
    assert_eq!(shop.count("loyalty_ledger").await, 19);
    let row = shop.db.query_one("select error from workflow_executions where status = 'failed'", &[]).await;
    let error: String = row.expect("one failed").get(0);
    assert!(error.contains("took longer than"), "{error}");
    daemon.is_ready().await;
}
