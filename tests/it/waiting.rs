//! Executions that rest for events: found by them, in time, and by nobody else's.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Shop, branch, connect, edge, node, until};

pub fn control(id: &str, kind: &str, config: &Value) -> Value {
    node(id, "control", json!({"controlType": kind, "config": config}))
}

pub fn start(kind: &str) -> Value {
    node("start", "trigger", json!({"triggerType": kind, "config": {}}))
}

pub fn points(id: &str, points: &Value) -> Value {
    node(id, "action", json!({"actionType": "award_points", "config": {"points": points}}))
}

/// order_created → wait for the payment of the same order → 1 point by `event`, 100 by `timeout`.
pub fn waits_for_payment(timeout: &str) -> Value {
    let wait =
        json!({"event": "order_paid", "timeout": timeout, "match": {"expression": "awaited.total > 0"}});
    json!({"nodes": [start("order_created"), control("wait", "wait_for_event", &wait), points("paid", &json!(1)), points("late", &json!(100))],
        "edges": [edge("start", "wait"), branch("wait", "event", "paid"), branch("wait", "timeout", "late")]})
}

pub async fn pays(shop: &Shop, order: Uuid) {
    let sql = "update orders set payment_status = 'paid' where id = $1";
    assert_eq!(shop.db.execute(sql, &[&order]).await.expect("paid"), 1);
}

pub async fn ended(shop: &Shop, status: &str) -> i64 {
    shop.number("select count(*) from workflow_executions where status = $1", &[&status]).await
}

pub async fn rest(shop: &Shop, executions: i64) {
    // Registered and asked for the past: nothing of them is queued any more but their time.
    until("they rest", || async {
        shop.count("workflow_waiting").await == executions
            && shop.number("select count(*) from workflow_queue where due_at <= now()", &[]).await == 0
    })
    .await;
}

#[tokio::test]
async fn an_event_ends_the_wait_of_its_own_execution_only() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("waits", &waits_for_payment("1h")).await;
    let (first, second) = (shop.places_order(100).await, shop.places_order(100).await);
    rest(&shop, 2).await;
    shop.db.execute("update orders set note = 'other' where id = $1", &[&first]).await.expect("touched");
    pays(&shop, second).await;
    until("the second has ended", || async { ended(&shop, "succeeded").await == 1 }).await;
    rest(&shop, 1).await;
    // What it rests for outlives the daemon; what happens meanwhile is not missed.
    daemon.dies();
    pays(&shop, first).await;
    let _next = shop.daemon().await;
    shop.has_settled().await;
    assert_eq!((ended(&shop, "succeeded").await, shop.count("loyalty_ledger").await), (2, 2));
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 2);
    assert_eq!(shop.count("workflow_awaits").await, 0);
}

#[tokio::test]
async fn what_happened_before_the_wait_was_known_counts() {
    let shop = Shop::open().await;
    shop.writes_workflow("waits", &waits_for_payment("1h")).await;
    let daemon = shop.daemon().await;
    until("it is in force", || async { shop.number("select live_version from workflows", &[]).await == 1 })
        .await;
    daemon.dies();
    // All of it is queued when the daemon comes: order, payment, and a payment in the order's own transaction.
    for _ in 0..20 {
        let order = shop.places_order(100).await;
        pays(&shop, order).await;
    }
    shop.db
        .batch_execute(
            "begin; insert into orders (customer_id, total) select id, 100 from customers;
             update orders set payment_status = 'paid' where payment_status <> 'paid'; commit",
        )
        .await
        .expect("at once");
    let (_one, _two) = (shop.daemon().await, shop.daemon().await);
    shop.has_settled().await;
    assert_eq!(ended(&shop, "succeeded").await, 21);
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 21);
}

#[tokio::test]
async fn payments_that_race_with_the_wait_are_never_missed() {
    let shop = Shop::open().await;
    let (_one, _two) = (shop.daemon().await, shop.daemon().await);
    shop.publishes("waits", &waits_for_payment("1h")).await;
    // The event of another customer's row is in another lane than the execution that waits for anyone's.
    let anyone = json!({"event": "customer_created", "of": "anyone", "timeout": "1h"});
    let anyone = json!({"nodes": [start("order_created"), control("wait", "wait_for_event", &anyone), points("seen", &json!(1000))],
        "edges": [edge("start", "wait"), branch("wait", "event", "seen")]});
    shop.publishes("anyone", &anyone).await;
    for n in 0..60 {
        let order = shop.places_order(100).await;
        shop.welcomes(&format!("guest{n}@example.com")).await;
        pays(&shop, order).await;
    }
    shop.has_settled().await;
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 60 * 1001);
}

#[tokio::test]
async fn a_wait_that_is_over_ends_by_timeout_and_an_event_in_time_wins_even_if_seen_late() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("waits", &waits_for_payment("2s")).await;
    let (in_time, late) = (shop.places_order(100).await, shop.places_order(100).await);
    rest(&shop, 2).await;
    daemon.dies();
    pays(&shop, in_time).await;
    until("both times are over", || async {
        shop.number("select count(*) from workflow_queue where due_at <= now() - interval '200 ms'", &[])
            .await
            == 3
    })
    .await;
    pays(&shop, late).await;
    let _next = shop.daemon().await;
    shop.has_settled().await;
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 101, "one paid, one late");
}

#[tokio::test]
async fn an_event_cancels_what_has_not_happened_yet() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let cancel = control("unless", "cancel_on", &json!({"event": "order_cancelled"}));
    let workflow = json!({"nodes": [start("order_created"), cancel, control("wait", "delay", &json!({"for": "2s"})), points("points", &json!(5))],
        "edges": [edge("start", "unless"), edge("unless", "wait"), edge("wait", "points")]});
    shop.publishes("cancels", &workflow).await;
    let (gone, _kept) = (shop.places_order(100).await, shop.places_order(100).await);
    rest(&shop, 2).await;
    shop.db
        .execute("update orders set status = 'cancelled' where id = $1", &[&gone])
        .await
        .expect("cancelled");
    shop.has_settled().await;
    assert_eq!((ended(&shop, "cancelled").await, ended(&shop, "succeeded").await), (1, 1));
    assert_eq!(shop.count("loyalty_ledger").await, 1);
}

#[tokio::test]
async fn a_flood_of_events_wakes_only_those_that_they_are_for() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let wait = json!({"event": "customer_created", "of": "anyone", "timeout": "1h",
        "match": {"expression": "awaited.email == 'for-' ~ order.note ~ '@example.com'"}});
    let workflow = json!({"nodes": [start("order_created"), control("wait", "wait_for_event", &wait), points("seen", &json!(1))],
        "edges": [edge("start", "wait"), branch("wait", "event", "seen")]});
    shop.publishes("anyone", &workflow).await;
    let orders = "insert into orders (customer_id, total, note) select id, 1, g::text from customers, generate_series(1, 100) g";
    shop.db.execute(orders, &[]).await.expect("orders");
    rest(&shop, 100).await;
    let customers =
        "insert into customers (email) select 'c' || g || '@example.com' from generate_series(1, 300) g
        union all select 'for-' || g || '@example.com' from generate_series(1, 50) g";
    shop.db.execute(customers, &[]).await.expect("customers");
    until("fifty have ended", || async { ended(&shop, "succeeded").await == 50 }).await;
    rest(&shop, 50).await;
    // 350 events, and 50 of them once more, each for the one that it is for.
    let queued = shop.number("select coalesce(max(id), 0) from workflow_queue", &[]).await;
    assert!(queued < 5_000, "{queued} rows were queued for 100 executions and 350 events");
}

/// A customer of another lane than `lane`.
pub async fn elsewhere(shop: &Shop, lane: i16) -> Uuid {
    loop {
        shop.db.batch_execute("begin").await.expect("begun");
        let customer = shop.welcomes(&format!("{}@example.com", Uuid::new_v4())).await;
        let of = "select lane from workflow_queue order by id desc limit 1";
        let other = shop.db.query_one(of, &[]).await.expect("its lane").get::<_, i16>(0) != lane;
        shop.db.batch_execute(if other { "commit" } else { "rollback" }).await.expect("ended");
        if other {
            return customer;
        }
    }
}

#[tokio::test]
async fn what_happened_before_the_wait_was_known_comes_before_what_is_handed_over() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    // A batch that lasts as long as we like.
    let gate = "create function lingers() returns trigger language plpgsql as $$ begin
            while not pg_try_advisory_xact_lock_shared(7) loop perform pg_sleep(0.01); end loop; return new; end $$;
        create trigger lingers before insert on loyalty_ledger for each row execute function lingers();
        select pg_advisory_lock(7)";
    shop.db.batch_execute(gate).await.expect("a gate");
    let wait = control(
        "wait",
        "wait_for_event",
        &json!({"event": "customer_created", "of": "anyone", "timeout": "1h"}),
    );
    let workflow = json!({"nodes": [start("order_created"), points("points", &json!(1)), wait],
        "edges": [edge("start", "points"), edge("points", "wait")]});
    shop.publishes("waits", &workflow).await;
    shop.places_order(100).await;
    let in_batch =
        "select lane from workflow_queue where event_id is not null and exists (select from pg_stat_activity
        where datname = current_database() and wait_event = 'PgSleep')";
    until("its batch has begun", || async { shop.db.query(in_batch, &[]).await.expect("a look").len() == 1 })
        .await;
    let lane: i16 = shop.db.query_one(in_batch, &[]).await.expect("its lane").get(0);
    let queued = "select count(*) from workflow_queue where lane <> $1";
    // It is claimed while nobody is known to rest for it.
    let first = elsewhere(&shop, lane).await;
    until("the first is claimed", || async { shop.number(queued, &[&lane]).await == 0 }).await;
    // Whoever asks for a lane gets it when the batch ends.
    let holder = connect(&shop.url).await;
    let holds = format!("begin; select pg_advisory_xact_lock(1952998511, 64 + {lane})");
    let asks = "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = (64 + $1::smallint)::oid
        and database = (select oid from pg_database where datname = current_database())";
    let go_on = async {
        until("the lane is asked for", || async { shop.number(asks, &[&lane]).await == 1 }).await;
        shop.db.batch_execute("select pg_advisory_unlock(7)").await.expect("let go");
    };
    let (held, ()) = tokio::join!(holder.batch_execute(&holds), go_on);
    held.expect("the lane");
    assert_eq!(shop.count("workflow_waiting").await, 1);
    elsewhere(&shop, lane).await;
    let offered =
        "select count(*) from workflow_queue where execution_id is not null and event_id is not null";
    until("the second is handed over", || async { shop.number(offered, &[]).await == 1 }).await;
    holder.batch_execute("rollback").await.expect("let go");
    shop.has_settled().await;
    let heard = "select s -> 'result' -> 'row' ->> 'id' from workflow_executions, jsonb_array_elements(steps) s where s ->> 'node' = 'wait'";
    let heard: String = shop.db.query_one(heard, &[]).await.expect("it ended").get(0);
    assert_eq!(heard, first.to_string());
}

#[tokio::test]
async fn events_that_are_recorded_for_listeners_alone_are_heard_by_those_who_wait() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let event = json!({"event": "row_changed", "of": "anyone", "config": {"table": "page_views", "operations": ["insert"]}, "timeout": "1h"});
    let file = json!({"nodes": [start("order_created"), control("wait", "wait_for_event", &event), points("seen", &json!(1))],
        "edges": [edge("start", "wait"), branch("wait", "event", "seen")]});
    let views = "insert into page_views (page_id, visitor) select id, 'v' from pages";
    shop.does("insert into pages (slug, title, status) values ('p', 'P', 'published')").await;
    let recorded = "select count(*) from workflow_events where table_name = 'page_views'";
    shop.does(views).await;
    assert_eq!(shop.number(recorded, &[]).await, 0, "nobody listens");
    let waits = shop.publishes("waits", &file).await;
    shop.places_order(100).await;
    rest(&shop, 1).await;
    // Who rests already goes on listening when the version is replaced by one that does not wait.
    let other =
        json!({"nodes": [start("order_created"), points("a", &json!(5))], "edges": [edge("start", "a")]});
    let edits = "update workflows set definition = $2 where id = $1";
    shop.db.execute(edits, &[&waits, &other]).await.expect("edited");
    until("it is in force", async || shop.count("workflow_awaited_tables").await == 0).await;
    shop.does(views).await;
    until("it has ended", || async { ended(&shop, "succeeded").await == 1 }).await;
    assert_eq!((shop.number(recorded, &[]).await, shop.count("loyalty_ledger").await), (1, 1));
    shop.does(views).await;
    assert_eq!(shop.number(recorded, &[]).await, 1, "nobody listens any more");
}
