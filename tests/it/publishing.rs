//! A row of `workflows` is a full way in: published, versioned, in force; broken ones harm nobody.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::loyalty::one_action;
use crate::support::{Shop, node, points_and_deposit, until};

fn broken() -> Value {
    json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
            node("points", "action", json!({ "actionType": "award_points", "config": { "points": "{{ order.totl }}" } })),
        ],
        "edges": [crate::support::edge("start", "points")],
    })
}

async fn health(shop: &Shop, name: &str) -> (String, Value, Option<i32>) {
    let sql = "select health, diagnostics, live_version from workflows where name = $1";
    let row = shop.db.query_one(sql, &[&name]).await.expect("the workflow");
    (row.get(0), row.get(1), row.get(2))
}

#[tokio::test]
async fn a_row_is_in_force_within_a_second_and_only_for_later_events() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.places_order(250_00).await;
    let began = Instant::now();
    shop.publishes("points", &points_and_deposit()).await;
    assert!(began.elapsed() < Duration::from_secs(1), "took {:?}", began.elapsed());
    let order = shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(shop.count("loyalty_ledger").await, 1, "the earlier order is not its business");
    assert_eq!(shop.number("select count(*) from loyalty_ledger where order_id = $1", &[&order]).await, 1);
    assert_eq!(health(&shop, "points").await, ("valid".into(), json!([]), Some(1)));
}

#[tokio::test]
async fn an_event_uses_the_version_in_force_at_its_own_time() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    let id = shop.publishes("points", &points_and_deposit()).await;
    let mut doubled = points_and_deposit();
    doubled["nodes"][2]["data"]["config"]["points"] = json!("{{ order.total // 50 }}");
    // Written, but not committed, before the edit; committed after it.
    let mut late = crate::support::connect(&shop.url).await;
    let late = late.transaction().await.expect("a transaction");
    let sql = "insert into orders (customer_id, total) values ($1, 10000)";
    late.execute(sql, &[&shop.customer]).await.expect("an order");
    shop.db
        .execute("update workflows set definition = $2 where id = $1", &[&id, &doubled])
        .await
        .expect("edited");
    until("version 2 is in force", || async { health(&shop, "points").await.2 == Some(2) }).await;
    late.commit().await.expect("committed");
    shop.places_order(100_00).await;
    shop.has_settled().await;
    let awards = "select string_agg(points::text, ' ' order by points) from loyalty_ledger";
    let awards: String = shop.db.query_one(awards, &[]).await.expect("awards").get(0);
    assert_eq!(awards, "100 200");
    // A box that was only moved makes no new version.
    doubled["nodes"][0]["position"] = json!({ "x": 77, "y": 7 });
    shop.db
        .execute("update workflows set definition = $2 where id = $1", &[&id, &doubled])
        .await
        .expect("moved");
    until("it is checked", || async { health(&shop, "points").await.0 == "valid" }).await;
    assert_eq!(shop.count("workflow_versions").await, 2);
    drop(daemon);
}

#[tokio::test]
async fn a_broken_workflow_is_marked_and_stops_nobody() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.writes_workflow("broken", &broken()).await;
    shop.publishes("points", &points_and_deposit()).await;
    until("it is marked", || async { health(&shop, "broken").await.0 == "broken" }).await;
    let (_, diagnostics, version) = health(&shop, "broken").await;
    assert_eq!(version, None);
    let fault = &diagnostics[0];
    assert_eq!((&fault["node"], &fault["severity"]), (&json!("points"), &json!("error")), "{diagnostics}");
    assert!(fault.to_string().contains("total"), "no nearest name in {fault}");
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(shop.count("loyalty_ledger").await, 1);
}

#[tokio::test]
async fn an_edit_that_breaks_a_published_workflow_leaves_its_last_version_in_force() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let id = shop.publishes("points", &points_and_deposit()).await;
    let sql = "update workflows set definition = $2 where id = $1";
    shop.db.execute(sql, &[&id, &broken()]).await.expect("edited");
    until("it is marked", || async { health(&shop, "points").await.0 == "broken" }).await;
    assert_eq!(health(&shop, "points").await.2, Some(1));
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(shop.count("loyalty_ledger").await, 1);
}

#[tokio::test]
async fn a_workflow_taken_back_to_draft_starts_nothing_more() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let id = shop.publishes("points", &points_and_deposit()).await;
    shop.db.execute("update workflows set status = 'draft' where id = $1", &[&id]).await.expect("drafted");
    until("it is out of force", || async { health(&shop, "points").await.2.is_none() }).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(shop.count("workflow_executions").await, 0);
}

#[tokio::test]
async fn two_daemons_publish_one_version() {
    let shop = Shop::open().await;
    let _one = shop.daemon().await;
    let _two = shop.daemon().await;
    for n in 0..5 {
        shop.publishes(&format!("points {n}"), &points_and_deposit()).await;
    }
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(shop.count("workflow_versions").await, 5);
    assert_eq!(shop.count("loyalty_ledger").await, 5, "one award for each workflow");
}

#[tokio::test]
async fn an_editor_that_sends_back_a_stale_row_changes_nothing_of_the_daemon_s() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let id = shop.publishes("points", &points_and_deposit()).await;
    let stale =
        "update workflows set status = 'draft', live_version = null, health = 'broken', diagnostics = '[1]'
                 where id = $1";
    shop.db.execute(stale, &[&id]).await.expect("edited");
    until("it is out of force", || async {
        health(&shop, "points").await == ("valid".into(), json!([]), None)
    })
    .await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(shop.count("workflow_executions").await, 0);
}

#[tokio::test]
async fn a_deleted_workflow_starts_nothing_more() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    shop.db.execute("delete from workflows", &[]).await.expect("deleted");
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(shop.count("workflow_executions").await, 1);
}

#[tokio::test]
async fn what_publishing_would_do_is_told_first_and_nothing_is_published() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.places_order(25_000).await;
    let few = one_action("order_created", "award_points", json!({ "points": 1 }));
    let draws = "insert into workflows (name, definition) values ('thanks', $1)";
    shop.db.execute(draws, &[&few]).await.expect("drawn");
    let versions = || shop.count("workflow_versions");
    // A new one has nothing to be compared with.
    let tries = ["workflow", "publish", "thanks", "--dry-run", "--backtest", "30d"];
    let (code, out, said) = shop.thendo(&tries).await;
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("nothing was published"), "{out}");
    assert_eq!(versions().await, 0);
    let (code, ..) = shop.thendo(&["workflow", "publish", "thanks"]).await;
    assert_eq!((code, versions().await), (Some(0), 1));
    let more = one_action("order_created", "award_points", json!({ "points": 2 }));
    shop.db.execute("update workflows set draft = $1", &[&more]).await.expect("drawn");
    let (code, out, said) = shop.thendo(&tries).await;
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("1 do something else") && out.contains("Against v1"), "{out}");
    assert_eq!(versions().await, 1);
    drop(daemon);
}
