//! Points: earned, spent, taken back, expired; never below zero, never twice, always the sum of their lines.

use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::{Shop, connect, edge, node, until};

/// A trigger, and one action after it.
pub fn one_action(trigger: &str, kind: &str, config: Value) -> Value {
    json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": trigger, "config": {} })),
            node("act", "action", json!({ "actionType": kind, "config": config })),
        ],
        "edges": [edge("start", "act")],
    })
}

/// The step of the node `act` in a workflow's latest execution.
pub async fn act(shop: &Shop, workflow: Uuid) -> Value {
    step(shop, workflow, "desc").await
}

/// In its first one: what it wrote may have started it again.
pub async fn first_act(shop: &Shop, workflow: Uuid) -> Value {
    step(shop, workflow, "asc").await
}

async fn step(shop: &Shop, workflow: Uuid, order: &str) -> Value {
    let sql = format!(
        "select s from workflow_executions x, jsonb_array_elements(x.steps) s
         where x.workflow_id = $1 and s ->> 'node' = 'act' order by x.event_at {order} limit 1"
    );
    shop.db.query_one(&sql, &[&workflow]).await.expect("its step").get(0)
}

async fn balance(shop: &Shop) -> i64 {
    shop.number(
        "select coalesce((select balance from loyalty_points where customer_id = $1), 0)",
        &[&shop.customer],
    )
    .await
}

async fn is_exact(shop: &Shop) {
    assert_eq!(shop.number("select count(*) from audit_loyalty()", &[]).await, 0, "balances and lines");
}

#[tokio::test]
async fn points_by_amount_are_counted_in_their_currency() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let by_amount =
        json!({"per_amount": {"points": 2, "per": 100, "currency": "EUR"}, "expires_after": "30d"});
    let awards = shop.publishes("awards", &one_action("order_created", "award_points", by_amount)).await;
    shop.places_order(249_99).await;
    shop.places_order(49).await;
    shop.has_settled().await;
    assert_eq!(balance(&shop).await, 499);
    let lines = "select count(*) from loyalty_ledger where kind = 'earned' and expires_at between now() + interval '29 days' and now() + interval '31 days'";
    assert_eq!(shop.number(lines, &[]).await, 1, "nothing is entered for an amount that is too small");
    shop.db
        .execute(
            "insert into orders (customer_id, total, currency) values ($1, 5000, 'USD')",
            &[&shop.customer],
        )
        .await
        .expect("an order");
    shop.has_settled().await;
    let step = act(&shop, awards).await;
    assert_eq!(
        (&step["outcome"], &step["why"]),
        (&json!("failed"), &json!("per_amount: the amount is in USD, not in EUR"))
    );
    is_exact(&shop).await;
}

#[tokio::test]
async fn more_than_there_are_can_not_be_spent_however_many_try() {
    let shop = Shop::open().await;
    let _one = shop.daemon_with(&[("THENDO_ENGINE__WORKERS", "3")]).await;
    let _two = shop.daemon_with(&[("THENDO_ENGINE__WORKERS", "3")]).await;
    shop.db
        .execute(
            "insert into loyalty_ledger (customer_id, points, reason) values ($1, 1000, 'a gift')",
            &[&shop.customer],
        )
        .await
        .expect("points");
    let redeem = one_action(
        "order_created",
        "redeem_points",
        json!({"points": 70, "customer": "{{ order.customer_id }}"}),
    );
    shop.publishes("spends", &redeem).await;
    // The orders are many entities, the balance is one.
    shop.does(
        "alter table orders disable trigger record_insert;
         create trigger by_row after insert on orders referencing new table as new_rows
             for each statement execute function record_event('orders', 'id');
         insert into orders (customer_id, total) select id, 100 from customers, generate_series(1, 60)",
    )
    .await;
    shop.has_settled().await;
    assert_eq!(balance(&shop).await, 1000 % 70);
    let done = |status: &str| format!("select count(*) from workflow_executions where status = '{status}'");
    assert_eq!(shop.number(&done("succeeded"), &[]).await, 14);
    assert_eq!(shop.number(&done("failed"), &[]).await, 46);
    assert_eq!(
        shop.number("select count(*) from workflow_effects", &[]).await,
        14,
        "what was refused may be tried again"
    );
    is_exact(&shop).await;
}

#[tokio::test]
async fn what_was_refunded_is_taken_back_once_and_in_proportion() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let award = one_action("order_created", "award_points", json!({"points": "{{ order.total // 100 }}"}));
    shop.publishes("awards", &award).await;
    let reverse = one_action("order_refunded", "reverse_points", json!({"part": "refunded"}));
    let reverses = shop.publishes("reverses", &reverse).await;
    let order = shop.places_order(249_00).await;
    shop.places_order(10_00).await;
    shop.has_settled().await;
    assert_eq!(balance(&shop).await, 259);
    let spent = "insert into loyalty_ledger (customer_id, order_id, points, reason) values ($1, $2, -100, 'a voucher')";
    shop.db.execute(spent, &[&shop.customer, &order]).await.expect("spent");
    let refund = |sum: i64| {
        let (shop, order) = (&shop, &order);
        async move {
            let sql =
                "update orders set refunded_total = $2, payment_status = 'partially_refunded' where id = $1";
            shop.db.execute(sql, &[order, &sum]).await.expect("refunded");
            shop.has_settled().await;
        }
    };
    shop.db
        .execute("update orders set payment_status = 'paid' where id = $1", &[&order])
        .await
        .expect("paid");
    // A third: 83 of 249 go, 33 of the 100 come back.
    refund(83_00).await;
    assert_eq!(balance(&shop).await, 159 - 83 + 33);
    assert_eq!(act(&shop, reverses).await["result"], json!({"points": -50, "balance": 109, "missing": 0}));
    refund(249_00).await;
    assert_eq!(balance(&shop).await, 10, "what the other order brought");
    let lines = "select count(*) from loyalty_ledger r join loyalty_ledger l on l.id = r.reverses
                 where r.kind = 'reversed' and sign(r.points) = - sign(l.points)";
    assert_eq!(shop.number(lines, &[]).await, 4);
    // Nothing is left of it: once more does nothing.
    let again = shop.publishes("again", &one_action("order_updated", "reverse_points", json!({}))).await;
    shop.db.execute("update orders set note = 'x' where id = $1", &[&order]).await.expect("touched");
    shop.has_settled().await;
    let step = act(&shop, again).await;
    assert_eq!((&step["outcome"], &step["why"]), (&json!("done"), &json!("no points to reverse")));
    is_exact(&shop).await;
}

#[tokio::test]
async fn what_was_spent_since_is_missing_and_asked_for_again() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let award = one_action("order_created", "award_points", json!({"points": 100}));
    shop.publishes("awards", &award).await;
    let reverses =
        shop.publishes("reverses", &one_action("order_updated", "reverse_points", json!({}))).await;
    let order = shop.places_order(100).await;
    shop.has_settled().await;
    let line = |points: i64| {
        let shop = &shop;
        async move {
            let sql = "insert into loyalty_ledger (customer_id, points, reason) values ($1, $2, 'by hand')";
            shop.db.execute(sql, &[&shop.customer, &points]).await.expect("a line");
        }
    };
    line(-70).await;
    let touch = |note: &'static str| {
        let (shop, order) = (&shop, &order);
        async move {
            shop.db
                .execute("update orders set note = $2 where id = $1", &[order, &note])
                .await
                .expect("touched");
            shop.has_settled().await;
        }
    };
    touch("a").await;
    assert_eq!(act(&shop, reverses).await["result"], json!({"points": -30, "balance": 0, "missing": 70}));
    line(50).await;
    touch("b").await;
    assert_eq!(act(&shop, reverses).await["result"], json!({"points": -50, "balance": 0, "missing": 20}));
    is_exact(&shop).await;
}

#[tokio::test]
async fn what_an_execution_awarded_can_be_taken_back_by_it() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let workflow = json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
            node("points", "action", json!({ "actionType": "award_points", "config": { "points": 40 } })),
            node("act", "action", json!({ "actionType": "reverse_points", "config": { "execution": "this", "percent": 50 } })),
        ],
        "edges": [edge("start", "points"), edge("points", "act")],
    });
    let of = shop.publishes("half", &workflow).await;
    shop.places_order(100).await;
    shop.has_settled().await;
    assert_eq!(act(&shop, of).await["result"], json!({"points": -20, "balance": 20, "missing": 0}));
    is_exact(&shop).await;
}

#[tokio::test]
async fn points_expire_that_were_not_spent_before() {
    let shop = Shop::open().await;
    let lines = "insert into loyalty_ledger (customer_id, points, reason, expires_at) values
        ($1, 100, 'first', now() - interval '1 day'), ($1, 50, 'later', now() + interval '1 hour'), ($1, 30, 'for ever', null)";
    shop.db.execute(lines, &[&shop.customer]).await.expect("points");
    // Spent is what expires first.
    let spends = "insert into loyalty_ledger (customer_id, points, reason) values ($1, -60, 'a voucher')";
    shop.db.execute(spends, &[&shop.customer]).await.expect("spent");
    let _daemon = shop.daemon().await;
    until("they expire", async || balance(&shop).await == 80).await;
    let expired = "select count(*) from loyalty_ledger where kind = 'expired' and points = -40";
    assert_eq!(shop.number(expired, &[]).await, 1);
    // What was spent before they were earned does not count for them, and a refund does not take what is lost already.
    let order = shop.places_order(100).await;
    let later = "insert into loyalty_ledger (customer_id, order_id, points, reason, expires_at) values ($1, $2, 500, 'new', now() + interval '1 hour')";
    shop.db.execute(later, &[&shop.customer, &order]).await.expect("points");
    // Time passes.
    shop.does(
        "alter table loyalty_ledger disable trigger user;
         update loyalty_ledger set expires_at = expires_at - interval '2 hours', created_at = created_at - interval '2 hours';
         alter table loyalty_ledger enable trigger user;
         update loyalty_points set next_expiry = next_expiry - interval '2 hours'",
    )
    .await;
    let engine = engine(&shop).await;
    let expires =
        async || engine.query_one("select expire_points(100)", &[]).await.expect("expired").get::<_, i32>(0);
    assert_eq!((expires().await, balance(&shop).await), (1, 30), "what never expires");
    assert_eq!(expires().await, 0);
    is_exact(&shop).await;
    let reverses =
        shop.publishes("reverses", &one_action("order_updated", "reverse_points", json!({}))).await;
    shop.db.execute("update orders set note = 'x' where id = $1", &[&order]).await.expect("touched");
    shop.has_settled().await;
    assert_eq!(act(&shop, reverses).await["why"], "no points to reverse");
    assert_eq!(balance(&shop).await, 30);
    let by_hand = shop.db.query_one("select expire_points(100)", &[]).await;
    assert!(by_hand.is_err(), "the owner's lines would count twice");
}

async fn engine(shop: &Shop) -> Client {
    let db = connect(&shop.url).await;
    db.batch_execute("set role thendo_engine").await.expect("the engine's role");
    db
}

#[tokio::test]
async fn a_tier_is_the_one_named_or_the_one_reached() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.does("insert into loyalty_tiers (name, rank, least_points) values ('bronze', 1, 0), ('silver', 2, 100), ('gold', 3, 1000)").await;
    let reached =
        shop.publishes("reached", &one_action("order_created", "set_tier", json!({"only_up": true}))).await;
    let points = "insert into loyalty_ledger (customer_id, points, reason) values ($1, $2, 'by hand')";
    for (change, tier, changed) in [(150_i64, "silver", true), (900, "gold", true), (-1_000, "gold", false)] {
        shop.db.execute(points, &[&shop.customer, &change]).await.expect("points");
        shop.places_order(100).await;
        shop.has_settled().await;
        let result = &act(&shop, reached).await["result"];
        assert_eq!((&result["tier"], &result["changed"]), (&json!(tier), &json!(changed)));
    }
    // Who reaches none any more keeps theirs, too.
    shop.does("update loyalty_tiers set least_points = least_points + 5000").await;
    shop.places_order(100).await;
    shop.has_settled().await;
    assert_eq!(act(&shop, reached).await["result"]["tier"], "gold");
    let named = json!({"tier": "{{ order.note }}"});
    let named = shop.publishes("named", &one_action("order_updated", "set_tier", named)).await;
    for (note, outcome, why) in [
        ("bronze", "done", "gold → bronze"),
        ("platinum", "failed", "there is no tier `platinum` in loyalty_tiers"),
    ] {
        shop.db
            .execute("update orders set note = $1 where id = (select id from orders limit 1)", &[&note])
            .await
            .expect("noted");
        shop.has_settled().await;
        let step = act(&shop, named).await;
        assert_eq!((&step["outcome"], &step["why"]), (&json!(outcome), &json!(why)));
    }
}
