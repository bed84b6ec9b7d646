//! Statements may be planned on the first day, and used until the next ANALYZE: none may read a table that grows as a whole.

use serde_json::Value;
use thendo::database::role::Role;
use thendo::store::{OF_A_BATCH, statements};

use crate::support::Shop;

/// Tables that grow with the shop.
const GROW: &[&str] = &[
    "workflow_queue",
    "workflow_events",
    "workflow_executions",
    "workflow_waiting",
    "workflow_awaits",
    "workflow_deliveries",
    "workflow_dead_letters",
    "workflow_effects",
    "workflow_flow",
    "orders",
    "customers",
    "loyalty_points",
    "loyalty_ledger",
    "deposits",
    "suppressions",
    "consents",
    "subscribers",
    "marketing_mails",
];

/// What is under way, or to be cleared away, is read as a whole: an index has no more than that.
const BOUNDED: &[(&str, &str)] = &[
    ("lease_deliveries", "idx_workflow_deliveries_turns"),
    ("postpone_deliveries", "idx_workflow_deliveries_leased"),
    // Up to the first one.
    ("look_at_deliveries", "idx_workflow_deliveries_turns"),
    ("renew_leases", "idx_workflow_deliveries_leased"),
    ("hand_back_deliveries", "idx_workflow_deliveries_leased"),
    ("prune_flow", ""),
];

/// Nodes that read such a table from end to end.
fn reads_all(name: &str, plan: &Value, found: &mut Vec<String>) {
    let text = |name: &str| plan[name].as_str().unwrap_or_default();
    let table = text("Relation Name");
    let grows = GROW.iter().any(|name| table == *name || table.starts_with(&format!("{name}_")));
    let by_key = ["Index Cond", "Recheck Cond", "TID Cond"].iter().any(|name| plan[*name].is_string());
    let bounded = BOUNDED.contains(&(name, text("Index Name")));
    if grows && text("Node Type").ends_with("Scan") && !by_key && !bounded {
        found.push(format!("{name}: {} of {table} {}", text("Node Type"), text("Index Name")));
    }
    plan["Plans"].as_array().into_iter().flatten().for_each(|part| reads_all(name, part, found));
}

#[tokio::test]
async fn no_statement_is_planned_to_read_a_growing_table_as_a_whole() {
    let shop = Shop::open().await;
    let url = secrecy::SecretString::from(shop.url.clone());
    let (db, connection) =
        thendo::database::connect::connect(&url, "plans", Role::Engine).await.expect("a session");
    let _driver = thendo::database::connect::drive_in_background(connection);
    db.batch_execute("set plan_cache_mode = force_generic_plan").await.expect("set");
    let mut wrong = Vec::new();
    for sql in statements() {
        let count = db.prepare(sql.text).await.expect(sql.name).params().len();
        db.batch_execute(&format!("prepare looked_at as {}", sql.text)).await.expect(sql.name);
        let values = if count == 0 { String::new() } else { format!("({})", vec!["null"; count].join(", ")) };
        let plan: Value = db
            .query_one(&format!("explain (format json) execute looked_at{values}"), &[])
            .await
            .expect(sql.name)
            .get(0);
        db.batch_execute("deallocate looked_at").await.expect(sql.name);
        reads_all(sql.name, &plan[0]["Plan"], &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// What of growing tables `looked_at` would read from end to end.
async fn planned(db: &tokio_postgres::Client) -> Vec<String> {
    let sql = "explain (format json) execute looked_at('{1}', '{2026-11-23}', '{00000000-0000-0000-0000-000000000001}')";
    let plan: Value = db.query_one(sql, &[]).await.expect("a plan").get(0);
    let mut found = Vec::new();
    reads_all("unqueue", &plan[0]["Plan"], &mut found);
    found
}

#[tokio::test]
async fn what_was_planned_for_an_empty_table_is_planned_anew() {
    let shop = Shop::open().await;
    // The server's own ANALYZE must not come to help.
    shop.does("alter table workflow_queue set (autovacuum_enabled = off)").await;
    shop.does("vacuum analyze workflow_queue").await;
    let url = secrecy::SecretString::from(shop.url.clone());
    let (client, connection) =
        thendo::database::connect::connect(&url, "plans", Role::Engine).await.expect("a session");
    let _driver = thendo::database::connect::drive_in_background(connection);
    let session = thendo::store::session::Session::new(client);
    let unqueue = OF_A_BATCH.iter().find(|sql| sql.name == "unqueue").expect("the statement");
    session
        .client()
        .batch_execute(&format!("prepare looked_at as {}", unqueue.text))
        .await
        .expect("prepares");
    assert!(!planned(session.client()).await.is_empty(), "of an empty table any way is as good");
    shop.does(
        "insert into workflow_queue (due_at, lane, execution_id)
         select clock_timestamp(), g % 64, gen_random_uuid() from generate_series(1, 20000) g",
    )
    .await;
    assert!(!planned(session.client()).await.is_empty(), "and so it stays");
    session.plan_anew().await.expect("a connection");
    assert_eq!(planned(session.client()).await, [] as [String; 0]);
}
