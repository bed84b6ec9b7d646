//! Flow control at work in daemons: once, when all is quiet, so many at once, so many in so long, and no flood.

use std::time::Instant;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Shop, branch, connect, edge, node, until};
use crate::waiting::elsewhere;

fn start(kind: &str, flow: &Value) -> Value {
    node("start", "trigger", json!({"triggerType": kind, "config": {}, "flow": flow}))
}

fn points(id: &str) -> Value {
    node(id, "action", json!({"actionType": "award_points", "config": {"points": 1}}))
}

fn delay(id: &str, span: &str) -> Value {
    node(id, "control", json!({"controlType": "delay", "config": {"for": span}}))
}

/// A trigger and points.
fn points_with(kind: &str, flow: &Value) -> Value {
    json!({"nodes": [start(kind, flow), points("points")], "edges": [edge("start", "points")]})
}

/// A trigger, a rest, and points.
fn slow_with(flow: &Value, span: &str) -> Value {
    json!({"nodes": [start("order_created", flow), delay("wait", span), points("points")],
        "edges": [edge("start", "wait"), edge("wait", "points")]})
}

async fn orders(shop: &Shop, count: i32) {
    let sql = "insert into orders (customer_id, total) select $1, g from generate_series(1, $2::integer) g";
    shop.db.execute(sql, &[&shop.customer, &count]).await.expect("orders");
}

async fn ended(shop: &Shop) -> i64 {
    shop.number("select count(*) from workflow_executions where status = 'succeeded'", &[]).await
}

/// Executions that ran at the same time, of one workflow; from their first step to their last.
const OVERLAPS: &str = "with ran as (select id, event_at, (steps -> 0 ->> 'at')::timestamptz as since, (steps -> -1 ->> 'at')::timestamptz as until
        from workflow_executions)
    select count(*) from ran a join ran b on a.id < b.id and a.since < b.until and b.since < a.until";

#[tokio::test]
async fn once_is_once_whoever_does_it() {
    let shop = Shop::open().await;
    let (_first, _second) = (shop.daemon().await, shop.daemon().await);
    shop.publishes("once", &points_with("order_created", &json!({"once": {"per": "customer"}}))).await;
    // As one statement, and from several connections at once. (Each order has its own lane only by its customer.)
    orders(&shop, 100).await;
    for _ in 0..100 {
        shop.places_order(5).await;
    }
    let other = shop.welcomes("grace@example.com").await;
    shop.db
        .execute("insert into orders (customer_id, total) values ($1, 1)", &[&other])
        .await
        .expect("an order");
    shop.has_settled().await;
    assert_eq!(shop.count("workflow_executions").await, 2, "nothing is left of the others");
    assert_eq!(shop.count("loyalty_ledger").await, 2);
}

#[tokio::test]
async fn once_holds_across_lanes_and_its_window_is_of_events() {
    let shop = Shop::open().await;
    // By the currency: the orders of forty customers, in as many lanes.
    for n in 0..40 {
        shop.welcomes(&format!("c{n}@example.com")).await;
    }
    let flow = json!({"once": {"per": "{{ order.currency }}", "within": "2s"}});
    let daemon = shop.daemon().await;
    shop.publishes("once", &points_with("order_created", &flow)).await;
    daemon.dies();
    let sql =
        "insert into orders (customer_id, total) select c.id, g from customers c, generate_series(1, 5) g";
    shop.db.execute(sql, &[]).await.expect("orders");
    // What happened later starts again, though both are worked off at once.
    shop.db.batch_execute("select pg_sleep(2.1)").await.expect("time goes by");
    shop.db.execute(sql, &[]).await.expect("orders");
    let (_first, _second) = (shop.daemon().await, shop.daemon().await);
    shop.has_settled().await;
    assert_eq!(shop.count("workflow_executions").await, 2);
}

#[tokio::test]
async fn of_many_quick_changes_the_last_one_counts() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let told = json!({"actionType": "send_email", "config": {"to": "a@example.com", "subject": "s", "text": "{{ order.total }}"}});
    let flow = json!({"debounce": {"for": "2s"}});
    let workflow = json!({"nodes": [start("order_updated", &flow), node("tell", "action", told)], "edges": [edge("start", "tell")]});
    shop.publishes("quiet", &workflow).await;
    let (one, two) = (shop.places_order(1).await, shop.places_order(1).await);
    for total in 1..=50i64 {
        for order in [one, two] {
            let sql = "update orders set total = $2 where id = $1";
            shop.db.execute(sql, &[&order, &(total * 100)]).await.expect("changed");
        }
    }
    until("both have been told of", || async { ended(&shop).await == 2 }).await;
    shop.has_settled().await;
    let said = "select count(*) from workflow_deliveries where payload ->> 'text' = '5000'";
    assert_eq!((shop.number(said, &[]).await, shop.count("workflow_deliveries").await), (2, 2));
    // Quiet is counted from the last event on.
    let early = "select count(*) from workflow_executions where (steps -> 0 ->> 'at')::timestamptz < event_at + interval '2 seconds'";
    assert_eq!(shop.number(early, &[]).await, 0);
}

#[tokio::test]
async fn slots_are_handed_on_at_the_commit_though_others_are_checked_at_once() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("slow", &slow_with(&json!({"concurrency": {"limit": 1}}), "1h")).await;
    orders(&shop, 2).await;
    let slots = async || {
        let count = async |of| {
            shop.number(&format!("select count(*) from workflow_waiting where {of} is not null"), &[]).await
        };
        (count("slot").await, count("wants_slot").await)
    };
    until("one rests, and the other waits", || async { slots().await == (1, 1) }).await;
    daemon.dies();
    let holder = "select id from workflow_waiting where slot is not null";
    let first: Uuid = shop.db.query_one(holder, &[]).await.expect("one").get(0);
    // Taken out of its rest and laid back, as a batch does with one that goes on: it keeps its slot.
    shop.does("begin; select check_constraints_at_once(); create temp table taken as select * from workflow_waiting where slot is not null;
               delete from workflow_waiting where slot is not null; insert into workflow_waiting select * from taken; commit").await;
    assert_eq!(slots().await, (1, 1));
    assert_eq!(shop.db.query_one(holder, &[]).await.expect("one").get::<_, Uuid>(0), first);
    // One that ends hands it on.
    shop.does(
        "begin; select check_constraints_at_once(); delete from workflow_waiting where slot is not null",
    )
    .await;
    assert_eq!(slots().await, (0, 1), "not before the commit");
    shop.does("commit").await;
    assert_eq!(slots().await, (1, 0));
    assert_ne!(shop.db.query_one(holder, &[]).await.expect("one").get::<_, Uuid>(0), first);
}

#[tokio::test]
async fn one_at_a_time_in_their_order_though_the_daemon_dies() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("slow", &slow_with(&json!({"concurrency": {"per": "customer", "limit": 1}}), "1s")).await;
    let other = shop.welcomes("grace@example.com").await;
    orders(&shop, 6).await;
    shop.db
        .execute("insert into orders (customer_id, total) values ($1, 1)", &[&other])
        .await
        .expect("an order");
    until("one of each rests, and the others wait", || async {
        shop.number("select count(*) from workflow_waiting where slot is not null", &[]).await == 2
            && shop.number("select count(*) from workflow_waiting where wants_slot is not null", &[]).await
                == 5
    })
    .await;
    daemon.dies();
    let (_first, _second) = (shop.daemon().await, shop.daemon().await);
    until("two have ended", || async { ended(&shop).await >= 2 }).await;
    // One that waits is taken away by hand, and so is the one that all wait for.
    let sql = "delete from workflow_waiting where id = (select id from workflow_waiting where wants_slot is not null order by event_at desc, id limit 1)";
    assert_eq!(shop.db.execute(sql, &[]).await.expect("cancelled"), 1);
    shop.db.execute("delete from workflow_waiting where slot is not null", &[]).await.expect("cancelled");
    shop.has_settled().await;
    assert!(ended(&shop).await >= 5, "{} have ended: at most two were taken away", ended(&shop).await);
    let mixed = OVERLAPS.replace("a.id < b.id and", "a.id < b.id and a.customer = b.customer and").replace(
        "from workflow_executions)",
        "from workflow_executions x join lateral (select row_data ->> 'customer_id' as customer from workflow_events e where e.at = x.event_at and e.id = x.event_id) e on true)",
    ).replace("select id, event_at,", "select x.id, x.event_at, e.customer,");
    assert_eq!(shop.number(&mixed, &[]).await, 0, "two at once");
    let order = "with ran as (select event_at, event_id, row_number() over (order by (steps -> 0 ->> 'at')::timestamptz) as began,
            row_number() over (order by event_at, event_id) as came from workflow_executions x
            where exists (select from workflow_events e where e.at = x.event_at and e.id = x.event_id and e.row_data ->> 'customer_id' = $1::uuid::text))
        select count(*) from ran where began <> came";
    assert_eq!(shop.number(order, &[&shop.customer]).await, 0, "out of order");
}

#[tokio::test]
async fn what_ends_at_once_needs_a_slot_for_no_longer() {
    let shop = Shop::open().await;
    let (_first, _second) = (shop.daemon().await, shop.daemon().await);
    shop.publishes("quick", &points_with("order_created", &json!({"concurrency": {"limit": 3}}))).await;
    orders(&shop, 60).await;
    for n in 0..20 {
        let customer = shop.welcomes(&format!("c{n}@example.com")).await;
        shop.db
            .execute("insert into orders (customer_id, total) values ($1, 1)", &[&customer])
            .await
            .expect("an order");
    }
    until("all have ended", || async { ended(&shop).await == 80 }).await;
    shop.has_settled().await;
}

#[tokio::test]
async fn a_rate_spreads_and_loses_nothing() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("rate", &points_with("order_created", &json!({"rate": {"limit": 10, "every": "2s"}})))
        .await;
    orders(&shop, 30).await;
    until("all have ended", || async { ended(&shop).await == 30 }).await;
    shop.has_settled().await;
    // Ten at once, then one each 200 ms: those within a second are no more than 10 + 5, and one at its edge.
    let most = "select max(n) from (select count(*) over (order by (steps -> 0 ->> 'at')::timestamptz
        range between current row and interval '1 second' following) as n from workflow_executions) t";
    assert!(shop.number(most, &[]).await <= 16, "{} within a second", shop.number(most, &[]).await);
    let took = "select extract(epoch from max((steps -> 0 ->> 'at')::timestamptz) - min(event_at)) from workflow_executions";
    assert!(shop.number(took, &[]).await >= 3, "twenty wait for 200 ms each");
    let order = "select count(*) from (select event_id, lag(event_id) over (order by (steps -> 0 ->> 'at')::timestamptz, event_at, event_id) as former
        from workflow_executions) t where event_id < former";
    assert_eq!(shop.number(order, &[]).await, 0, "out of order");
}

#[tokio::test]
async fn a_flood_is_held_back() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("guard", &points_with("order_created", &json!({"bulk_guard": {"limit": 50}}))).await;
    for n in 0..10 {
        shop.welcomes(&format!("c{n}@example.com")).await;
    }
    let sql =
        "insert into orders (customer_id, total) select c.id, g from customers c, generate_series(1, 20) g";
    shop.db.execute(sql, &[]).await.expect("orders");
    until("all are decided about", || async {
        shop.count("workflow_queue").await == 0 && ended(&shop).await == 50
    })
    .await;
    until("the others rest", || async {
        shop.number(
            "select count(*) from workflow_waiting where state -> 'admission' ->> 'stage' = 'guarded'",
            &[],
        )
        .await
            == 170
    })
    .await;
    assert!(daemon.logged().contains("one statement started more than 50 executions"), "{}", daemon.logged());
    // An admin lets them go.
    let (code, out, said) = shop.thendo(&["workflow", "release", "guard"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("170"), "{out}");
    until("all have ended", || async { ended(&shop).await == 220 }).await;
    shop.has_settled().await;
}

#[tokio::test]
async fn rules_work_together_and_what_passed_is_forgotten() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    let flow = json!({"once": {"per": "customer", "within": "1h"}, "debounce": {"for": "1s", "per": "customer"},
        "concurrency": {"limit": 1}, "rate": {"limit": 100, "every": "1s"}, "bulk_guard": {"limit": 50}});
    shop.publishes("all", &slow_with(&flow, "1s")).await;
    let other = shop.welcomes("grace@example.com").await;
    orders(&shop, 20).await;
    shop.db
        .execute("insert into orders (customer_id, total) values ($1, 1)", &[&other])
        .await
        .expect("an order");
    until("both have ended", || async { ended(&shop).await == 2 }).await;
    shop.places_order(1).await;
    shop.has_settled().await;
    assert_eq!((ended(&shop).await, shop.number(OVERLAPS, &[]).await), (2, 0));
    let last = "select count(*) from workflow_executions x join workflow_events e on e.at = x.event_at and e.id = x.event_id where e.row_data ->> 'total' = '20'";
    assert_eq!(shop.number(last, &[]).await, 1, "the last of the first twenty");
    // Two customers' once and debounce, the workflow's concurrency, rate and guard; the third order came too soon.
    assert_eq!(shop.count("workflow_flow").await, 7);
    daemon.dies();
    let prune = thendo::store::flow::PRUNE_FLOW.text;
    let pruned = || async { shop.db.execute(prune, &[&1_000i64]).await.expect("pruned") };
    assert_eq!(pruned().await, 0);
    shop.does("update workflow_flow set until = until - interval '50 hours'").await;
    assert_eq!(pruned().await, 7, "all but what counts for ever");
}

/// Not a test of speed: says how much an event costs, with and without.
#[tokio::test]
#[ignore = "a measurement: --run-ignored only"]
async fn what_flow_control_costs() {
    for (what, flow) in [
        ("none", json!(null)),
        ("none", json!(null)),
        ("once", json!({"once": {"per": "row"}})),
        ("rate", json!({"rate": {"limit": 1_000_000, "every": "1s"}})),
        ("concurrency", json!({"concurrency": {"per": "row", "limit": 1}})),
        ("guard", json!({"bulk_guard": {"limit": 1_000_000}})),
    ] {
        let shop = Shop::open().await;
        let daemon = shop.daemon().await;
        shop.publishes("w", &points_with("order_created", &flow)).await;
        daemon.dies();
        let sql =
            "insert into customers (email) select 'c' || g || '@example.com' from generate_series(1, 1000) g";
        shop.db.execute(sql, &[]).await.expect("customers");
        let sql =
            "insert into orders (customer_id, total) select id, g from customers, generate_series(1, 10) g";
        shop.db.execute(sql, &[]).await.expect("orders");
        let _daemon = shop.daemon().await;
        until("it has begun", || async { ended(&shop).await > 0 }).await;
        let (began, before) = (Instant::now(), ended(&shop).await);
        until("all have ended", || async { ended(&shop).await == 10_010 }).await;
        let each = began.elapsed() / u32::try_from(10_010 - before).expect("some");
        println!("{what}: {each:?} an event, {before} before the clock ran");
    }
}

/// Keeps daemons from a lane as long as its transaction lasts.
async fn holds(shop: &Shop, lane: i16) -> tokio_postgres::Client {
    let holder = connect(&shop.url).await;
    let sql = format!("begin; select pg_advisory_xact_lock(1952998511, 64 + {lane})");
    holder.batch_execute(&sql).await.expect("the lane");
    holder
}

/// The lane of a customer's orders.
async fn lane_of(shop: &Shop, customer: Uuid) -> i16 {
    shop.db.batch_execute("begin").await.expect("begun");
    shop.db
        .execute("insert into orders (customer_id, total) values ($1, 1)", &[&customer])
        .await
        .expect("an order");
    let sql = "select lane from workflow_queue order by id desc limit 1";
    let lane = shop.db.query_one(sql, &[]).await.expect("its lane").get(0);
    shop.db.batch_execute("rollback").await.expect("taken back");
    lane
}

#[tokio::test]
async fn a_wait_that_is_looked_at_again_keeps_its_slot() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let wait =
        json!({"controlType": "wait_for_event", "config": {"event": "order_cancelled", "timeout": "1s"}});
    let flow = json!({"concurrency": {"per": "customer", "limit": 1}});
    let workflow = json!({"nodes": [start("order_created", &flow), node("wait", "control", wait), points("points")],
        "edges": [edge("start", "wait"), branch("wait", "timeout", "points")]});
    shop.publishes("turns", &workflow).await;
    let mine = lane_of(&shop, shop.customer).await;
    let other = elsewhere(&shop, mine).await;
    // From its event on the queue lags: nobody can say that nothing has happened in time.
    let lags = holds(&shop, lane_of(&shop, other).await).await;
    shop.db
        .execute("insert into orders (customer_id, total) values ($1, 1)", &[&other])
        .await
        .expect("an order");
    shop.places_order(1).await;
    until("the first rests", || async { shop.count("workflow_waiting").await == 1 }).await;
    let stops = holds(&shop, mine).await;
    shop.places_order(1).await;
    let due = "select count(*) from workflow_queue where lane = $1 and due_at <= now()";
    until("the first's time is over and the second is queued", || async {
        shop.number(due, &[&mine]).await == 2
    })
    .await;
    stops.batch_execute("rollback").await.expect("let go");
    until("the second rests", || async { shop.count("workflow_waiting").await == 2 }).await;
    assert_eq!(shop.number("select count(slot) from workflow_waiting", &[]).await, 1);
    lags.batch_execute("rollback").await.expect("let go");
    shop.has_settled().await;
    assert_eq!(ended(&shop).await, 3);
}
