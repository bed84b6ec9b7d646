//! What admins tell executions and workflows: approvals, another try, a stop; and what failures start.

use serde_json::{Value, json};

use crate::support::{Shop, branch, edge, node, until};
use crate::waiting::{control, ended, pays, points, rest, start, waits_for_payment};

#[tokio::test]
async fn an_admin_approves_refuses_and_cancels() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let ask =
        control("ask", "approval", &json!({"question": "Give {{ order.total }} points?", "timeout": "3d"}));
    let workflow = json!({"nodes": [start("order_created"), ask, points("yes", &json!("{{ order.total }}")), points("no", &json!(1))],
        "edges": [edge("start", "ask"), branch("ask", "approved", "yes"), branch("ask", "refused", "no")]});
    shop.publishes("asks", &workflow).await;
    for total in [200, 300, 400] {
        shop.places_order(total).await;
    }
    rest(&shop, 3).await;
    let waiting = |total: i64| {
        let shop = &shop;
        async move {
            let sql = "select w.id::text from workflow_waiting w join workflow_events e on e.id = w.event_id where e.row_data ->> 'total' = $1";
            shop.db.query_one(sql, &[&total.to_string()]).await.expect("rests").get::<_, String>(0)
        }
    };
    let (yes, no, never) = (waiting(200).await, waiting(300).await, waiting(400).await);
    let (_, listed, _) = shop.thendo(&["executions", "approvals"]).await;
    assert!(listed.contains("Give 300 points?") && listed.contains(&no), "{listed}");
    let (code, out, said) = shop.thendo(&["executions", "approve", &yes, "--comment", "well deserved"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    let (code, _, said) = shop.thendo(&["executions", "refuse", &no]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, _, said) = shop.thendo(&["executions", "cancel", &never, "--yes"]).await;
    assert_eq!(code, Some(0), "{said}");
    shop.has_settled().await;
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 201);
    assert_eq!((ended(&shop, "succeeded").await, ended(&shop, "cancelled").await), (2, 1));
    let told = "select count(*) from workflow_executions, jsonb_array_elements(steps) s where s #>> '{result,comment}' = 'well deserved'";
    assert_eq!(shop.number(told, &[]).await, 1);
    let (code, _, said) = shop.thendo(&["executions", "approve", &yes]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("waits for no approval"), "{said}");
}

/// order_created → a point → points of a customer that the order's note names → a point.
fn fails_by_note() -> Value {
    let divides = json!("{{ 100 // (order.note | default('1', true) | int) }}");
    json!({"nodes": [start("order_created"), points("first", &json!(1)), points("fails", &divides), points("last", &json!(1))],
        "edges": [edge("start", "first"), edge("first", "fails"), edge("fails", "last")]})
}

#[tokio::test]
async fn a_failed_execution_is_tried_again_and_repeats_nothing() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let workflow = shop.publishes("fails", &fails_by_note()).await;
    let order = "insert into orders (customer_id, total, note) select id, 100, '0' from customers";
    shop.db.execute(order, &[]).await.expect("an order");
    until("it has failed", || async { ended(&shop, "failed").await == 1 }).await;
    assert_eq!((shop.count("workflow_dead_letters").await, shop.count("loyalty_ledger").await), (1, 1));
    let dead = async || {
        let sql = "select id::text from workflow_dead_letters";
        shop.db.query_one(sql, &[]).await.expect("one").get::<_, String>(0)
    };
    // The version it ran on fails again, and keeps the list as long as it was.
    let first = dead().await;
    let (code, out, said) = shop.thendo(&["executions", "retry", &first]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    until("it has failed twice", || async {
        ended(&shop, "failed").await == 2 && shop.count("workflow_dead_letters").await == 1
    })
    .await;
    assert_ne!(dead().await, first);
    // Mended, on the latest version, from where it failed.
    let mended: Value = serde_json::from_str(
        &fails_by_note().to_string().replace("100 // (order.note | default('1', true) | int)", "7"),
    )
    .expect("JSON");
    shop.db
        .execute("update workflows set definition = $2 where id = $1", &[&workflow, &mended])
        .await
        .expect("mended");
    until("it is in force", || async { shop.number("select live_version from workflows", &[]).await == 2 })
        .await;
    let (code, out, said) =
        shop.thendo(&["executions", "retry", "--workflow", "fails", "--on", "latest", "--yes"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains('1'), "{out}");
    until("it has succeeded", || async { ended(&shop, "succeeded").await == 1 }).await;
    shop.has_settled().await;
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 9, "1 + 7 + 1, each once");
    assert_eq!(shop.count("workflow_dead_letters").await, 0);
    let same = "select count(*) from workflow_executions where root = (select min(root::text)::uuid from workflow_executions) and attempt in (2, 3)";
    assert_eq!(shop.number(same, &[]).await, 2);
    let (code, _, said) = shop.thendo(&["executions", "retry", &first]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("not failed") || said.contains("tried again"), "{said}");
}

#[tokio::test]
async fn a_failure_starts_workflows_and_never_in_a_loop() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("fails", &fails_by_note()).await;
    let why = json!({"actionType": "send_email", "config": {"to": "admin@example.com",
        "subject": "{{ failure.workflow_name }}", "text": "{{ failure.node }}: {{ failure.reason }} at {{ 1 // 0 }}"}});
    let tells = json!({"nodes": [start("workflow_failed"), node("tell", "action", why)], "edges": [edge("start", "tell")]});
    shop.publishes("tells", &tells).await;
    shop.db
        .execute("insert into orders (customer_id, total, note) select id, 100, '0' from customers", &[])
        .await
        .expect("an order");
    until("both have failed", || async { ended(&shop, "failed").await == 2 }).await;
    shop.has_settled().await;
    assert_eq!(ended(&shop, "failed").await, 2, "its own failure starts nothing");
    assert_eq!(
        shop.number("select count(*) from workflow_events where table_name = 'thendo.failure'", &[]).await,
        1
    );
}

#[tokio::test]
async fn a_held_workflow_stops_within_a_second_and_loses_nothing() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let simple = |by: i64| json!({"nodes": [start("order_created"), points("points", &json!(by))], "edges": [edge("start", "points")]});
    shop.publishes("held", &simple(1)).await;
    shop.publishes("free", &simple(1000)).await;
    let (code, out, said) = shop.thendo(&["workflow", "hold", "held", "--reason", "wrong points"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    for _ in 0..5 {
        shop.places_order(100).await;
    }
    until("the other one goes on", || async {
        shop.number("select coalesce(sum(balance), 0) from loyalty_points", &[]).await == 5000
    })
    .await;
    assert_eq!(shop.number("select count(*) from workflow_waiting where held", &[]).await, 5);
    let (_, listed, said) = shop.thendo(&["workflow", "list"]).await;
    assert!(listed.contains("held: wrong points"), "{listed}{said}");
    let (code, out, said) = shop.thendo(&["workflow", "release", "held"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains('5'), "{out}");
    shop.has_settled().await;
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 5005);

    // All of them: the queue itself waits.
    let (code, _, said) = shop.thendo(&["workflow", "hold", "--all"]).await;
    assert_eq!(code, Some(0), "{said}");
    for _ in 0..5 {
        shop.places_order(100).await;
    }
    until("they are queued", || async { shop.count("workflow_queue").await == 5 }).await;
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 5005);
    let (code, _, said) = shop.thendo(&["workflow", "release", "--all"]).await;
    assert_eq!(code, Some(0), "{said}");
    shop.has_settled().await;
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 10_010);

    // Or what was held is not wanted any more.
    shop.thendo(&["workflow", "hold", "held"]).await;
    for _ in 0..3 {
        shop.places_order(100).await;
    }
    until("they are held", || async {
        shop.number("select count(*) from workflow_waiting where held", &[]).await == 3
    })
    .await;
    let (code, _, said) = shop.thendo(&["workflow", "release", "held", "--discard", "--yes"]).await;
    assert_eq!(code, Some(0), "{said}");
    shop.has_settled().await;
    assert_eq!(
        (ended(&shop, "cancelled").await, shop.number("select balance from loyalty_points", &[]).await),
        (3, 13_010)
    );
}

#[tokio::test]
async fn nothing_is_overtaken_while_everything_is_held() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let simple = json!({"nodes": [start("order_created"), points("points", &json!(1))], "edges": [edge("start", "points")]});
    shop.publishes("simple", &simple).await;
    shop.thendo(&["workflow", "hold", "--all"]).await;
    let orders =
        "insert into orders (customer_id, total) select id, g from customers, generate_series(1, 40) g";
    shop.db.execute(orders, &[]).await.expect("held");
    shop.thendo(&["workflow", "release", "--all"]).await;
    for _ in 0..30 {
        shop.places_order(1).await;
    }
    shop.has_settled().await;
    let overtaken = "select count(*) from (select event_at, max(event_at) over (order by (steps #>> '{1,result,balance}')::bigint
        rows between unbounded preceding and 1 preceding) as former from workflow_executions) t where event_at < former";
    assert_eq!((ended(&shop, "succeeded").await, shop.number(overtaken, &[]).await), (70, 0));
}

#[tokio::test]
async fn what_happens_while_a_workflow_is_held_counts_when_it_goes_on() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let cancel = control("unless", "cancel_on", &json!({"event": "order_cancelled"}));
    let workflow = json!({"nodes": [start("order_created"), cancel, control("wait", "delay", &json!({"for": "1s"})), points("points", &json!(5))],
        "edges": [edge("start", "unless"), edge("unless", "wait"), edge("wait", "points")]});
    shop.publishes("cancels", &workflow).await;
    shop.thendo(&["workflow", "hold", "cancels"]).await;
    let order = shop.places_order(100).await;
    until("it is held", || async {
        shop.number("select count(*) from workflow_waiting where held", &[]).await == 1
    })
    .await;
    shop.db
        .execute("update orders set status = 'cancelled' where id = $1", &[&order])
        .await
        .expect("cancelled");
    shop.thendo(&["workflow", "release", "cancels"]).await;
    shop.has_settled().await;
    assert_eq!((ended(&shop, "cancelled").await, shop.count("loyalty_ledger").await), (1, 0));

    // One that merely rests is not held by what it is offered, and is not thrown away with what is.
    shop.publishes("waits", &waits_for_payment("1h")).await;
    let order = shop.places_order(100).await;
    until("both rest", || async { shop.count("workflow_awaits").await >= 2 }).await;
    shop.thendo(&["workflow", "hold", "waits"]).await;
    shop.db.execute("update orders set note = 'x' where id = $1", &[&order]).await.expect("touched");
    until("the other is done", || async { ended(&shop, "succeeded").await == 1 }).await;
    let (code, _, said) = shop.thendo(&["workflow", "release", "waits", "--discard", "--yes"]).await;
    assert_eq!(code, Some(0), "{said}");
    pays(&shop, order).await;
    shop.has_settled().await;
    assert_eq!((ended(&shop, "cancelled").await, ended(&shop, "succeeded").await), (1, 2));
}

#[tokio::test]
async fn of_a_loop_only_the_items_that_failed_are_tried_again() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let with = |give: &str| {
        let each = control("each", "for_each", &json!({"items": "{{ [0, 1] }}", "at_once": 2}));
        let ask = control("ask", "approval", &json!({"question": "Item {{ item }}?"}));
        json!({"nodes": [start("order_created"), each, ask, points("give", &json!(give)), points("else", &json!(1000))],
            "edges": [edge("start", "each"), branch("each", "each", "ask"), branch("ask", "approved", "give"), branch("ask", "refused", "else")]})
    };
    let workflow = shop.publishes("loop", &with("{{ 10 // item }}")).await;
    shop.places_order(100).await;
    rest(&shop, 1).await;
    let asked =
        async || shop.number("select count(*) from workflow_awaits where key = 'approval'", &[]).await;
    until("both are asked", || async { asked().await == 2 }).await;
    let execution: String =
        shop.db.query_one("select id::text from workflow_waiting", &[]).await.expect("one").get(0);
    for item in ["0", "1"] {
        let (code, _, said) =
            shop.thendo(&["executions", "approve", &execution, "--node", "ask", "--item", item]).await;
        assert_eq!(code, Some(0), "{said}");
        until("it is taken", || async {
            shop.number("select count(*) from workflow_queue where due_at <= now()", &[]).await == 0
        })
        .await;
    }
    until("it has failed", || async { ended(&shop, "failed").await == 1 }).await;
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 10);
    let mended = with("{{ 7 }}");
    shop.db
        .execute("update workflows set definition = $2 where id = $1", &[&workflow, &mended])
        .await
        .expect("mended");
    until("it is in force", || async { shop.number("select live_version from workflows", &[]).await == 2 })
        .await;
    let (code, _, said) = shop.thendo(&["executions", "retry", "--all", "--on", "latest", "--yes"]).await;
    assert_eq!(code, Some(0), "{said}");
    // What was approved is not asked again, and what was given is not given again.
    shop.has_settled().await;
    assert_eq!((ended(&shop, "succeeded").await, asked().await), (1, 0));
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 17);
}
