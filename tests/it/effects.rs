//! What effects write, and that a dry run writes nothing.

use serde_json::{Value, json};

use crate::support::{Shop, points_and_deposit};

#[tokio::test]
async fn points_and_a_deposit_are_as_the_workflow_says() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    let order = shop.places_order(249_99).await;
    shop.places_order(99_99).await; // Too small: no points.
    shop.has_settled().await;
    let row = shop
        .db
        .query_one(
            "select amount, currency, status, extract(epoch from due_date - created_at)::float8 from deposits where order_id = $1",
            &[&order],
        )
        .await
        .expect("a deposit");
    assert_eq!(row.get::<_, i64>(0), 125_00, "half, rounded up");
    assert_eq!((row.get::<_, &str>(1), row.get::<_, &str>(2)), ("EUR", "pending"));
    let days = row.get::<_, f64>(3) / 86_400.0;
    assert!((days - 7.0).abs() < 0.01, "due in {days} days");
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 249);
    assert_eq!(shop.count("deposits").await, 1);

    let steps: Value = shop
        .db
        .query_one("select steps from workflow_executions where steps::text like '%249%'", &[])
        .await
        .expect("the record")
        .get(0);
    let changes: Vec<&str> = steps
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|step| step["changes"].as_array().into_iter().flatten())
        .filter_map(|change| change["table"].as_str())
        .collect();
    assert_eq!(changes, ["loyalty_ledger", "loyalty_points", "deposits"]);
    let points = steps.as_array().expect("a list").iter().find(|s| s["node"] == "points").expect("its step");
    assert_eq!(points["result"], json!({ "points": 249, "balance": 249 }));
    assert_eq!(points["changes"][1]["before"], json!({ "balance": 0 }));
}

#[tokio::test]
async fn balances_add_up_when_many_awards_meet_in_few_customers() {
    let shop = Shop::open().await;
    let _one = shop.daemon_with(&[("THENDO_ENGINE__WORKERS", "3")]).await;
    let _two = shop.daemon_with(&[("THENDO_ENGINE__WORKERS", "3")]).await;
    shop.publishes("points", &points_and_deposit()).await;
    // The entity orders the events, the balance is somebody else's: batches meet in three rows.
    shop.db
        .batch_execute(
            "insert into customers (email) select 'c' || g || '@example.com' from generate_series(1, 3) g;
             alter table orders disable trigger record_insert;
             create trigger by_row after insert on orders referencing new table as new_rows
                 for each statement execute function record_event('orders', 'id');",
        )
        .await
        .expect("customers");
    for _ in 0..10 {
        shop.db
            .execute(
                "insert into orders (customer_id, total)
                 select c.id, 10000 from generate_series(1, 100) g, customers c where c.email like 'c%'",
                &[],
            )
            .await
            .expect("orders");
    }
    shop.has_settled().await;
    assert_eq!(shop.number("select count(*) from loyalty_points where balance = 100 * 1000", &[]).await, 3);
    assert_eq!(
        shop.number("select count(*) from workflow_executions where status <> 'succeeded'", &[]).await,
        0
    );
}

#[tokio::test]
async fn one_entity_s_executions_start_in_the_order_of_its_events() {
    let shop = Shop::open().await;
    let first = shop.daemon_with(&[("THENDO_ENGINE__WORKERS", "3"), ("THENDO_ENGINE__BATCH", "7")]).await;
    shop.publishes("points", &points_and_deposit()).await;
    let _second = shop.daemon_with(&[("THENDO_ENGINE__WORKERS", "3"), ("THENDO_ENGINE__BATCH", "5")]).await;
    for total in 0..300 {
        shop.places_order(10_000 + total).await;
    }
    shop.has_settled().await;
    drop(first);
    // The balance after each award tells in which order they were made.
    let out_of_order = shop
        .number(
            "select count(*) from (
                select balance, lag(balance) over (order by at, id) as former from (
                    select e.at, e.id, (s -> 'result' ->> 'balance')::bigint as balance
                    from workflow_executions x join workflow_events e on e.id = x.event_id,
                         jsonb_array_elements(x.steps) s where s ->> 'node' = 'points') t) u
             where balance <= former",
            &[],
        )
        .await;
    assert_eq!(out_of_order, 0);
    assert_eq!(shop.count("workflow_executions").await, 300);
}
