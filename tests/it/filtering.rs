//! Filters in a daemon: whoever an event concerns is found by its values, and nobody else starts.

use serde_json::{Value, json};

use crate::support::{Shop, edge, node};

/// Points for orders that a filter lets through.
fn filtered(filter: &Value) -> Value {
    let start =
        node("start", "trigger", json!({"triggerType": "order_created", "config": {"filter": filter}}));
    let points = node("points", "action", json!({"actionType": "award_points", "config": {"points": 1}}));
    json!({"nodes": [start, points], "edges": [edge("start", "points")]})
}

#[tokio::test]
async fn an_event_starts_those_alone_whose_filter_agrees() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let rule =
        |field: &str, value: &str| json!({"rules": [{"field": field, "operator": "=", "value": value}]});
    let filters = [
        ("note", rule("order.note", "mine")),
        ("another note", rule("order.note", "yours")),
        ("de", rule("customer.locale", "de")),
        ("en", rule("customer.locale", "en")),
        ("an expression", json!({"expression": "order.note == 'mine' and order.total >= 100"})),
        ("of the customer", json!({"expression": "customer.locale == 'de'"})),
        ("large", json!({"expression": "order.total > 100000"})),
        (
            "either",
            json!({"combinator": "or", "rules": [{"field": "order.note", "operator": "=", "value": "yours"},
            {"field": "customer.locale", "operator": "=", "value": "de"}]}),
        ),
        (
            "neither",
            json!({"not": true, "rules": [{"field": "order.note", "operator": "=", "value": "mine"}]}),
        ),
    ];
    for (name, filter) in &filters {
        shop.publishes(name, &filtered(filter)).await;
    }
    shop.does(
        "with german as (insert into customers (email, locale) values ('g@example.com', 'de') returning id)
         insert into orders (customer_id, total, note) select id, 500, 'mine' from german",
    )
    .await;
    shop.has_settled().await;
    let started = "select string_agg(w.name, ', ' order by w.name) from workflow_executions x
                   join workflows w on w.id = x.workflow_id";
    let names: String = shop.db.query_one(started, &[]).await.expect("executions").get(0);
    assert_eq!(names, "an expression, de, either, note, of the customer");
}
