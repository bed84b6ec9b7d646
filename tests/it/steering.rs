//! Controls at work in a daemon: waits that outlive it, loops, workflows that start others.

use serde_json::{Value, json};

use crate::support::{Shop, edge, node, until};

fn control(id: &str, kind: &str, config: &Value) -> Value {
    node(id, "control", json!({"controlType": kind, "config": config}))
}

fn start(kind: &str) -> Value {
    node("start", "trigger", json!({"triggerType": kind, "config": {}}))
}

fn points(id: &str, points: &Value) -> Value {
    node(id, "action", json!({"actionType": "award_points", "config": {"points": points}}))
}

fn by(source: &str, branch: &str, target: &str) -> Value {
    let mut way = edge(source, target);
    way["sourceHandle"] = branch.into();
    way["id"] = format!("{source}-{branch}-{target}").into();
    way
}

async fn ended(shop: &Shop, status: &str) -> i64 {
    shop.number("select count(*) from workflow_executions where status = $1", &[&status]).await
}

#[tokio::test]
async fn a_delay_outlives_the_daemon() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    let workflow = json!({"nodes": [start("order_created"), control("wait", "delay", &json!({"for": "2s"})), points("points", &json!(5))],
        "edges": [edge("start", "wait"), edge("wait", "points")]});
    shop.publishes("later", &workflow).await;
    shop.places_order(100_00).await;
    until("it rests", || async { shop.count("workflow_waiting").await == 1 }).await;
    assert_eq!(
        shop.number("select count(*) from workflow_queue where execution_id is not null", &[]).await,
        1
    );
    daemon.dies();
    let _second = shop.daemon().await;
    shop.has_settled().await;
    assert_eq!((ended(&shop, "succeeded").await, shop.count("loyalty_ledger").await), (1, 1));
    let waited =
        "select count(*) from workflow_executions where finished_at - started_at >= interval '2 seconds'";
    assert_eq!(shop.number(waited, &[]).await, 1);
}

#[tokio::test]
async fn every_item_of_a_loop_is_done_once_and_what_fails_is_dealt_with() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let each = control("each", "for_each", &json!({"items": "{{ range(0, 700) | list }}", "at_once": 50}));
    // The first item asks for no points at all, which is none of their number.
    let workflow = json!({"nodes": [start("order_created"), each, points("points", &json!("{{ item }}")),
            control("fine", "set", &json!({"vars": {"seen": true}})), points("after", &json!(1_000))],
        "edges": [edge("start", "each"), by("each", "each", "points"), by("points", "error", "fine"), by("each", "after", "after")]});
    shop.publishes("loop", &workflow).await;
    shop.places_order(100_00).await;
    shop.has_settled().await;
    until("it has ended", || async { ended(&shop, "succeeded").await == 1 }).await;
    assert_eq!(shop.count("loyalty_ledger").await, 700, "699 items and what follows");
    let sum: i64 = (1..700).sum::<i64>() + 1_000;
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, sum);
}

#[tokio::test]
async fn a_workflow_starts_another_and_none_for_ever() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let starts = |id: &str, name: &str, input: &Value| {
        control(id, "start_workflow", &json!({"workflow": name, "input": input}))
    };
    let second = json!({"nodes": [start("manual"), control("end", "stop", &json!({"reason": "{{ manual.input.total }} by {{ manual.by }}"}))],
        "edges": [edge("start", "end")]});
    shop.publishes("second", &second).await;
    let endless = json!({"nodes": [start("manual"), starts("again", "endless", &json!({}))], "edges": [edge("start", "again")]});
    shop.publishes("endless", &endless).await;
    let first = json!({"nodes": [start("order_created"), starts("one", "second", &json!({"total": "{{ order.total }}"})),
            starts("two", "endless", &json!({})), starts("three", "nobody", &json!({}))],
        "edges": [edge("start", "one"), edge("one", "two"), edge("two", "three")]});
    shop.publishes("first", &first).await;
    shop.places_order(100_00).await;
    // The first fails by its last node, the endless one where it ends; each other execution succeeds.
    until("all have ended", || async {
        (ended(&shop, "succeeded").await, ended(&shop, "failed").await) == (8, 2)
    })
    .await;
    shop.has_settled().await;
    let said = "select count(*) from workflow_executions, jsonb_array_elements(steps) s where s ->> 'why' like '10000 by execution %'";
    assert_eq!(shop.number(said, &[]).await, 1);
    let limit = "select count(*) from workflow_executions where error like '%8 times in a row%'";
    assert_eq!(shop.number(limit, &[]).await, 1);
    let (code, out, said) = shop.thendo(&["workflow", "start", "second", "--input", "{\"total\": 7}"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("second"), "{out}");
    until("started by hand", || async { ended(&shop, "succeeded").await == 9 }).await;
    let (code, _, said) = shop.thendo(&["workflow", "start", "first"]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("manual"), "{said}");
}

#[tokio::test]
async fn what_starts_later_starts_once_for_each_row_and_only_if_the_row_still_counts() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let due = node("start", "trigger", json!({"triggerType": "deposit_due", "config": {"after": "1s"}}));
    let told = json!({"actionType": "send_email", "config": {"to": "{{ customer.email }}", "subject": "s", "text": "{{ deposit.amount }}"}});
    let workflow = json!({"nodes": [due, node("tell", "action", told)], "edges": [edge("start", "tell")]});
    shop.publishes("due", &workflow).await;
    let order = shop.places_order(100_00).await;
    let asks = "insert into deposits (order_id, amount, due_date) select $1, n, now() + interval '2 seconds' from generate_series(1, 3) n";
    shop.db.execute(asks, &[&order]).await.expect("three deposits");
    until("all rest", || async { shop.count("workflow_waiting").await == 3 }).await;
    // The first is paid, the second is due later, of the third the amount changes twice.
    for change in [
        "update deposits set status = 'paid' where amount = 1",
        "update deposits set due_date = now() + interval '1 hour' where amount = 2",
        "update deposits set amount = 30 where amount = 3",
        "update deposits set amount = 31 where amount = 30",
    ] {
        shop.db.execute(change, &[]).await.expect("changed");
    }
    until("one has ended", || async { shop.count("workflow_executions").await == 1 }).await;
    until("one rests", || async { shop.count("workflow_waiting").await == 1 }).await;
    let said = "select count(*) from workflow_deliveries where payload ->> 'text' = '31' and payload ->> 'to' like '%@%'";
    assert_eq!(shop.number(said, &[]).await, 1, "as it is by now, to whoever placed the order");
    assert_eq!(shop.count("workflow_deliveries").await, 1);
}
