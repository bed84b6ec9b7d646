//! Statements may be planned on the first day, and used until the next ANALYZE: none may read a table that grows as a whole.

use serde_json::Value;
use thendo::database::role::Role;
use thendo::store::{BESIDE_BATCHES, OF_A_BATCH};

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
    for sql in OF_A_BATCH.iter().chain(BESIDE_BATCHES) {
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
