//! Requests to servers that mean no good: floods, drips, redirects inside, and too much to say.

use std::time::Instant;

use serde_json::json;

use crate::secrets::on_order;
use crate::support::Shop;
use crate::support::hooks::{Hooks, Manner};

const ALLOW: &str = "THENDO_HTTP__ALLOW";

async fn ended(shop: &Shop) -> (String, String) {
    let sql = "select status, coalesce(error, '') || steps::text from workflow_executions order by started_at desc, id limit 1";
    let row = shop.db.query_one(sql, &[]).await.expect("an execution");
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn a_gigabyte_is_cut_off_early_and_kept_nowhere() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::Floods).await;
    let daemon = shop.daemon_with(&[(ALLOW, &hooks.address)]).await;
    shop.publishes("hook", &on_order("http_request", json!({ "url": hooks.url() }))).await;
    let before = daemon.memory_kb();
    assert!(before > 0, "the system does not tell");
    for _ in 0..5 {
        shop.places_order(250_00).await;
    }
    shop.has_settled().await;
    assert_eq!(hooks.calls().len(), 5);
    assert_eq!(ended(&shop).await.0, "succeeded");
    // What stands in the sockets' buffers was said, but not read.
    assert!(hooks.said() < 5 * 32 * 1024 * 1024, "{} bytes were said", hooks.said());
    let grown = daemon.memory_kb().saturating_sub(before);
    assert!(grown < 64 * 1024, "the daemon grew by {grown} kB");
    let sql = "select max(length(result ->> 'body')) from workflow_deliveries";
    assert_eq!(shop.number(sql, &[]).await, 64 * 1024);
}

#[tokio::test]
async fn a_redirect_inside_is_not_followed_and_leads_to_an_error_that_says_so() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::Redirects).await;
    let _daemon = shop.daemon_with(&[(ALLOW, &hooks.address)]).await;
    shop.publishes("hook", &on_order("http_request", json!({ "url": hooks.url() }))).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let (status, said) = ended(&shop).await;
    assert!(status == "failed" && said.contains("302") && said.contains("not followed"), "{said}");
    assert_eq!(hooks.calls().len(), 1, "nor is it tried again");
    // To ask there at once is no better.
    shop.publishes("inside", &on_order("http_request", json!({ "url": "http://169.254.169.254/latest/" })))
        .await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let sql = "select count(*) from workflow_executions where error like '%169.254.169.254%not on the public internet%'";
    assert_eq!(shop.number(sql, &[]).await, 1);
}

#[tokio::test]
async fn a_server_that_drips_has_its_time_and_no_more() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::Drips(std::time::Duration::from_millis(100))).await;
    let settings = [(ALLOW, &*hooks.address), ("THENDO_DELIVERIES__ATTEMPTS", "1")];
    let _daemon = shop.daemon_with(&settings).await;
    shop.publishes("hook", &on_order("http_request", json!({ "url": hooks.url(), "timeout": "1s" }))).await;
    let began = Instant::now();
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let (status, said) = ended(&shop).await;
    assert!(status == "failed" && said.contains(&hooks.address), "{said}");
    assert!(began.elapsed().as_secs() < 8, "it took {:?}", began.elapsed());
}

#[tokio::test]
async fn too_much_to_say_is_an_error_of_its_step_and_harms_nobody_else() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::Answers).await;
    let _daemon = shop.daemon_with(&[(ALLOW, &hooks.address)]).await;
    let config = json!({ "url": hooks.url(), "body": "{{ order.note }}".repeat(6) });
    shop.publishes("hook", &on_order("http_request", config)).await;
    let order = "insert into orders (customer_id, total, note) values ($1, 100, repeat('x', $2))";
    for (bytes, expected) in [(60_000, "256 KiB"), (10_000_000, "note")] {
        shop.db.execute(order, &[&shop.customer, &bytes]).await.expect("an order");
        shop.has_settled().await;
        let (status, said) = ended(&shop).await;
        assert!(
            status == "failed" && said.contains(expected),
            "{}",
            said.chars().take(500).collect::<String>()
        );
    }
    assert_eq!(hooks.calls().len(), 0);
    shop.db.execute(order, &[&shop.customer, &10]).await.expect("an order");
    shop.has_settled().await;
    assert_eq!(hooks.calls()[0].body, "x".repeat(60));
}

#[tokio::test]
async fn what_came_back_is_there_for_later_nodes() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::Answers).await;
    let _daemon = shop.daemon_with(&[(ALLOW, &hooks.address)]).await;
    let mut drawing = on_order("http_request", json!({ "method": "GET", "url": hooks.url() }));
    let then = crate::support::node(
        "then",
        "action",
        json!({ "actionType": "award_points",
        "config": { "points": "{{ steps.does.body.number + steps.does.status }}" } }),
    );
    drawing["nodes"].as_array_mut().expect("nodes").push(then);
    drawing["edges"].as_array_mut().expect("edges").push(crate::support::edge("does", "then"));
    shop.publishes("hook", &drawing).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(shop.number("select points from loyalty_ledger", &[]).await, 201, "{:?}", ended(&shop).await);
}
