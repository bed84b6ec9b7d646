//! What the shop's own writers meet: invariant 5 and the gate.

use std::time::{Duration, Instant};

use crate::support::{Shop, connect, points_and_deposit, until};

#[tokio::test]
async fn a_customer_role_that_sees_no_outbox_can_still_order() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    let role = format!("customer_{}", uuid::Uuid::new_v4().simple());
    shop.db
        .batch_execute(&format!(
            "create role {role}; grant insert on orders to {role};
             create policy theirs on orders for insert to {role} with check (true); set role {role};"
        ))
        .await
        .expect("a role");
    let outbox = shop.db.query("select 1 from workflow_events", &[]).await;
    assert_eq!(outbox.expect_err("closed").code().expect("a code").code(), "42501");
    let queue = shop.db.execute("delete from workflow_queue", &[]).await;
    assert_eq!(queue.expect_err("closed").code().expect("a code").code(), "42501");
    let sql = "insert into orders (customer_id, total) values ($1, 25000)";
    shop.db.execute(sql, &[&shop.customer]).await.expect("an order");
    shop.db.batch_execute("reset role").await.expect("reset");
    shop.has_settled().await;
    assert_eq!(shop.count("loyalty_ledger").await, 1);
    shop.db.batch_execute(&format!("drop owned by {role}; drop role {role}")).await.expect("dropped");
}

async fn an_idle_writer_holds_up_nobody(daemons: usize) {
    let shop = Shop::open().await;
    let mut running = Vec::new();
    for _ in 0..daemons {
        running.push(shop.daemon().await);
    }
    shop.publishes("points", &points_and_deposit()).await;
    // An order written and not committed: it holds the gate's shared lock if the engine slept.
    let mut writer = connect(&shop.url).await;
    writer.batch_execute("set idle_in_transaction_session_timeout = 0").await.expect("patience");
    let open = writer.transaction().await.expect("a transaction");
    let sql = "insert into orders (customer_id, total) values ($1, 25000) returning id";
    let held: uuid::Uuid = open.query_one(sql, &[&shop.customer]).await.expect("an order").get(0);
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut placed = 0;
    // Bursts close the gate, pauses open it: both meet the idle writer.
    while began.elapsed() < Duration::from_secs(60) {
        let mut last = uuid::Uuid::nil();
        for _ in 0..30 {
            last = shop.places_order(250_00).await;
            placed += 1;
        }
        let committed = Instant::now();
        until("the last order has its points", || async {
            shop.number("select count(*) from loyalty_ledger where order_id = $1", &[&last]).await == 1
        })
        .await;
        slowest = slowest.max(committed.elapsed());
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    assert!(slowest < Duration::from_secs(2), "an order waited {slowest:?} for somebody else's");
    assert_eq!(shop.count("loyalty_ledger").await, placed);
    open.commit().await.expect("committed");
    let committed = Instant::now();
    until("the idle writer's order has its points", || async {
        shop.number("select count(*) from loyalty_ledger where order_id = $1", &[&held]).await == 1
    })
    .await;
    assert!(committed.elapsed() < Duration::from_secs(6), "took {:?}", committed.elapsed());
}

#[tokio::test]
async fn a_writer_idle_in_its_transaction_holds_up_no_other_order() {
    an_idle_writer_holds_up_nobody(1).await;
}

#[tokio::test]
async fn a_writer_idle_in_its_transaction_holds_up_no_other_order_with_two_daemons() {
    an_idle_writer_holds_up_nobody(2).await;
}

#[tokio::test]
async fn writers_notify_only_while_the_engine_sleeps() {
    let shop = Shop::open().await;
    let asked = "select exists (select from pg_locks where locktype = 'advisory' and classid = 1952998511
                 and objid = 0 and mode = 'ExclusiveLock' and granted
                 and database = (select oid from pg_database where datname = current_database()))::int";
    let daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    let mut closed = false;
    let before = daemon.metric("thendo_notifications_total").await;
    for _ in 0..40 {
        let sql = "insert into orders (customer_id, total) select $1, 20000 from generate_series(1, 400)";
        shop.db.execute(sql, &[&shop.customer]).await.expect("orders");
        closed |= shop.number(asked, &[]).await == 1;
    }
    assert!(closed, "the gate was never closed under load");
    assert!(daemon.metric("thendo_notifications_total").await - before < 40.0, "every statement notified");
    shop.has_settled().await;
    until("the gate is open again", || async { shop.number(asked, &[]).await == 0 }).await;
    drop(daemon);
}

#[tokio::test]
async fn an_oversized_row_is_recorded_truncated_and_the_write_goes_through() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let sql = "insert into blog_posts (slug, title, status, body)
               select 'big', 'Big', 'published', string_agg(md5(g::text), '') from generate_series(1, 40000) g";
    shop.db.execute(sql, &[]).await.expect("a post of over a megabyte");
    let row = shop
        .db
        .query_one("select truncated, row_data ? 'body', row_data ->> 'title' from workflow_events where table_name = 'blog_posts'", &[])
        .await
        .expect("an event");
    assert_eq!((row.get(0), row.get(1), row.get::<_, &str>(2)), (true, false, "Big"));
}

#[tokio::test]
async fn an_update_that_changes_nothing_is_no_event_and_a_changed_key_is_one() {
    let shop = Shop::open().await;
    let of_orders = "select count(*) from workflow_events where table_name = 'orders'";
    let order = shop.places_order(100_00).await;
    shop.db.execute("update orders set total = total", &[]).await.expect("touched");
    assert_eq!(shop.number(of_orders, &[]).await, 1);
    shop.db.execute("update orders set total = 20000 where id = $1", &[&order]).await.expect("changed");
    let old = "select (old_data ->> 'total')::bigint from workflow_events where operation = 'update'";
    assert_eq!(shop.number(old, &[]).await, 100_00);
    shop.db.execute("update orders set id = gen_random_uuid()", &[]).await.expect("a new key");
    shop.db.execute("delete from orders", &[]).await.expect("deleted");
    assert_eq!(shop.number(of_orders, &[]).await, 4);
    let queued = "select count(*) from workflow_queue q join workflow_events e on e.at = q.event_at and e.id = q.event_id
                   where e.table_name = 'orders'";
    assert_eq!(shop.number(queued, &[]).await, 4);
}

#[tokio::test]
async fn a_writer_who_comes_while_partitions_are_made_waits_and_is_recorded() {
    let shop = Shop::open().await;
    shop.has_no_months().await;
    let maker = connect(&shop.url).await;
    maker.batch_execute("begin; select public.prepare_partitions(2)").await.expect("made, not yet committed");
    let ordered = shop.places_order(100_00);
    let committed = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        maker.batch_execute("commit").await.expect("committed");
    };
    tokio::join!(ordered, committed);
    let homes = "select count(*) from workflow_events where table_name = 'orders'
        and tableoid::regclass::text ~ '^workflow_events_[0-9]{4}_[0-9]{2}$'";
    assert_eq!(shop.number(homes, &[]).await, 1, "the order's event is in its month");
}

#[tokio::test]
async fn partitions_are_left_for_later_while_a_writer_has_not_committed() {
    let shop = Shop::open().await;
    shop.has_no_months().await;
    shop.db.batch_execute("begin").await.expect("begun");
    shop.places_order(100_00).await;
    let maker = connect(&shop.url).await;
    let began = Instant::now();
    let made: i32 = maker.query_one("select public.prepare_partitions(2)", &[]).await.expect("tried").get(0);
    assert_eq!(made, 3, "those of executions");
    assert!(began.elapsed() < Duration::from_secs(5), "one short wait");
    shop.db.batch_execute("commit").await.expect("committed");
    // The month that has begun in the default partition stays there.
    let made: i32 = maker.query_one("select public.prepare_partitions(2)", &[]).await.expect("made").get(0);
    assert_eq!(made, 2);
}

/// Of transactions that run, a snapshot tells only those that began before the last one that is over: in a quiet shop
/// the one slow writer is not among them.
#[tokio::test]
async fn a_slow_writer_is_not_overtaken_though_nobody_else_writes() {
    let shop = Shop::open().await;
    // It looks all the time, and nobody else does anything.
    let settings = [("THENDO_ENGINE__POLL_MS", "10"), ("THENDO_ENGINE__GATE", "false")];
    let _daemon = shop.daemon_with(&settings).await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let order = "insert into orders (customer_id, total) select id, 25000 from customers";
    for _ in 0..10 {
        shop.db.batch_execute("begin").await.expect("begun");
        shop.db.batch_execute(order).await.expect("the first order");
        shop.db.batch_execute("select pg_sleep(0.2); commit").await.expect("committed");
        shop.db.batch_execute(order).await.expect("the second order");
        shop.has_settled().await;
    }
    let overtaken = "select count(*) from (select started_at, lag(started_at) over (order by event_at, event_id) as former
        from workflow_executions) t where started_at < former";
    assert_eq!(shop.number(overtaken, &[]).await, 0);
}
