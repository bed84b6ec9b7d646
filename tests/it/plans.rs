//! Statements may be planned on the first day, and used until the next ANALYZE: none may read a table that grows as a whole.

use serde_json::Value;
use thendo::database::role::Role;
use thendo::store::{OF_A_BATCH, history, statements};

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

/// How a page of executions is found: what reads whole tables, or sorts what it has read.
async fn page_is_found(
    shop: &Shop,
    filter: &history::Filter,
    workflows: &[Option<uuid::Uuid>],
) -> Vec<String> {
    let statement = history::page(filter, workflows, 51);
    let (mut wrong, sql) = (Vec::new(), statement.sql());
    // As it is planned once and for all, and for just these.
    for mode in ["force_generic_plan", "force_custom_plan"] {
        shop.db.batch_execute(&format!("set plan_cache_mode = {mode}")).await.expect("set");
        shop.db.batch_execute(&format!("prepare page as {}", sql.as_str())).await.expect("prepared");
        let count = "select cardinality(parameter_types), parameter_types::text[] from pg_prepared_statements where name = 'page'";
        let types: Vec<String> = shop.db.query_one(count, &[]).await.expect("asked").get(1);
        let value = |kind: &String| match kind.as_str() {
            "uuid" => format!("'{}'", workflows[0].unwrap_or(uuid::Uuid::max())),
            "bigint" => "51".into(),
            _ => "now()".into(),
        };
        let values: Vec<String> = types.iter().map(value).collect();
        let explain = format!("explain (format json) execute page({})", values.join(", "));
        let plan: Value = shop.db.query_one(&explain, &[]).await.expect("a plan").get(0);
        shop.db.batch_execute("deallocate page").await.expect("deallocated");
        reads_without_order(&plan[0]["Plan"], &mut wrong);
    }
    wrong
}

fn reads_without_order(plan: &Value, found: &mut Vec<String>) {
    let (kind, table) = (plan["Node Type"].as_str().unwrap_or_default(), plan["Relation Name"].as_str());
    let of_many =
        table.is_some_and(|table| table.starts_with("workflow_executions") || table == "workflow_waiting");
    let rows = plan["Plan Rows"].as_f64().unwrap_or(0.0);
    let filter = plan["Filter"].as_str().unwrap_or_default();
    // A part that is nearly empty may be read in any way.
    let walks = !kind.starts_with("Index") || filter.contains("status") || filter.contains("workflow_id");
    if of_many && walks && rows >= 10.0 || kind.contains("Sort") && rows > 300.0 {
        found.push(format!("{kind} of {table:?} by {filter}, {rows} rows"));
    }
    plan["Plans"].as_array().into_iter().flatten().for_each(|part| reads_without_order(part, found));
}

#[tokio::test]
async fn every_page_of_executions_is_found_by_an_index() {
    let shop = Shop::open().await;
    // All of one instant, as after one statement: the id alone tells them apart.
    shop.does(
        "insert into workflows (name, definition)
         select g::text, '{\"nodes\": [], \"edges\": []}' from generate_series(0, 199) g;
         insert into workflow_executions (id, event_at, event_id, workflow_id, version, status, steps, started_at, finished_at)
         select gen_random_uuid(), now(), gen_random_uuid(), w.id, 1,
                case when g % 97 = 0 then 'failed' when g % 389 = 0 then 'cancelled' else 'succeeded' end, '[]', now(), now()
           from generate_series(1, 40000) g
           join workflows w on w.name = (g % 200)::text;
         insert into workflow_waiting (id, event_at, event_id, workflow_id, version, lane, state, started_at)
         select gen_random_uuid(), now(), gen_random_uuid(), w.id, 1, 1, '{}', now()
           from generate_series(1, 20000) g join workflows w on w.name = (g % 200)::text;
         analyze workflow_executions; analyze workflow_waiting",
    )
    .await;
    let ids: Vec<uuid::Uuid> = shop
        .db
        .query("select id from workflows order by name", &[])
        .await
        .expect("asked")
        .iter()
        .map(|row| row.get(0))
        .collect();
    for status in [None, Some("waiting"), Some("succeeded"), Some("failed"), Some("cancelled")] {
        for before in [None, Some((chrono::Utc::now(), uuid::Uuid::max()))] {
            let filter = history::Filter { status, before, ..history::Filter::default() };
            let each = [vec![None], vec![Some(ids[0])], ids.iter().take(3).copied().map(Some).collect()];
            for workflows in each {
                let wrong = page_is_found(&shop, &filter, &workflows).await;
                assert!(wrong.is_empty(), "{filter:?} of {workflows:?}: {wrong:#?}");
            }
        }
    }
}
