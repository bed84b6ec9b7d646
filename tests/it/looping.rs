//! The loop guard (DESIGN.md, trap 9): cause and depth go with every row that a workflow writes, and a loop ends.

use serde_json::{Value, json};

use crate::support::{Shop, edge, node, until};

fn workflow(trigger: &str, nodes: &[Value]) -> Value {
    let start = node("start", "trigger", json!({"triggerType": trigger, "config": {}}));
    let ids: Vec<&str> =
        std::iter::once("start").chain(nodes.iter().filter_map(|n| n["id"].as_str())).collect();
    let edges: Vec<Value> = ids.windows(2).map(|pair| edge(pair[0], pair[1])).collect();
    json!({"nodes": std::iter::once(start).chain(nodes.iter().cloned()).collect::<Vec<_>>(), "edges": edges})
}

/// As [`workflow`], when a row of a table is new or changed.
fn on_row(table: &str, operations: &[&str], nodes: &[Value]) -> Value {
    let mut drawn = workflow("row_changed", nodes);
    drawn["nodes"][0]["data"]["config"] = json!({"table": table, "operations": operations});
    drawn
}

fn points(n: i64) -> Value {
    node("points", "action", json!({"actionType": "award_points", "config": {"points": n}}))
}

fn starts(name: &str) -> Value {
    node(
        "starts",
        "control",
        json!({"controlType": "start_workflow", "config": {"workflow": name, "input": {}}}),
    )
}

async fn ended(shop: &Shop, status: &str) -> i64 {
    shop.number("select count(*) from workflow_executions where status = $1", &[&status]).await
}

async fn text(shop: &Shop, sql: &str) -> String {
    shop.db.query_one(sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0)
}

const FAILURES: &str =
    "select coalesce(string_agg(error, e'\\n'), '') from workflow_executions where status = 'failed'";

/// Every row that an execution wrote is one deeper than that execution's event.
async fn each_is_one_deeper_than_its_cause(shop: &Shop) {
    let off = "select count(*) from workflow_events e
        left join workflow_executions x on x.id = e.cause
        left join workflow_events b on b.at = x.event_at and b.id = x.event_id
        where e.depth <> coalesce(b.depth + 1, 0) or (e.cause is null) <> (x.id is null)";
    assert_eq!(shop.number(off, &[]).await, 0, "events that are not one deeper than their cause's");
}

#[tokio::test]
async fn a_workflow_that_feeds_itself_ends_after_eight_with_one_clear_failure() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("Thanks for points", &on_row("loyalty_points", &["insert", "update"], &[points(1)])).await;
    shop.does("insert into loyalty_points (customer_id, balance) select id, 1 from customers").await;
    shop.has_settled().await;
    assert_eq!((ended(&shop, "succeeded").await, ended(&shop, "failed").await), (9, 1));
    let error = text(&shop, FAILURES).await;
    let chain = ["`Thanks for points`"; 9].join(" → ");
    assert!(error.contains("loop") && error.contains(&chain) && error.contains("filter"), "{error}");
    assert_eq!(shop.number("select max(depth) from workflow_events", &[]).await, 9);
    assert_eq!(shop.alarms("loop_guard").await, 1);
    each_is_one_deeper_than_its_cause(&shop).await;
}

#[tokio::test]
async fn a_loop_that_rests_on_its_way_ends_too() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let wait = node("wait", "control", json!({"controlType": "delay", "config": {"for": "1s"}}));
    let drawn = on_row("loyalty_points", &["insert", "update"], &[wait, points(1)]);
    shop.publishes("slowly", &drawn).await;
    // As deep as it may be: the next one is one too many, whatever lay between.
    shop.does("insert into loyalty_points (customer_id, balance) select id, 1 from customers").await;
    shop.does("update workflow_events set depth = 8 where table_name = 'loyalty_points'").await;
    until("it has ended", || async { ended(&shop, "failed").await == 1 }).await;
    shop.has_settled().await;
    assert!(text(&shop, FAILURES).await.contains("loop"));
}

#[tokio::test]
async fn a_loop_through_two_workflows_and_one_that_starts_the_other_ends() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes(
        "A",
        &workflow("manual", &[node("points", "control", json!({"controlType": "stop", "config": {}}))]),
    )
    .await;
    let second = on_row("deposits", &["insert"], &[starts("A")]);
    shop.publishes("B", &second).await;
    let deposit = node(
        "deposit",
        "action",
        json!({"actionType": "create_deposit", "config": {"percent": 10, "due_in_days": 7}}),
    );
    shop.publishes("C", &workflow("order_updated", &[deposit, starts("A")])).await;
    // The shop closes the circle: a deposit touches its order.
    shop.does(
        "create function circle() returns trigger language plpgsql security definer as $$ begin
           update orders set note = coalesce(note, '') || '.' where id = new.order_id; return null; end $$;
         create trigger circle after insert on deposits for each row execute function circle()",
    )
    .await;
    shop.places_order(100_00).await;
    shop.does("update orders set note = 'a gift'").await;
    shop.has_settled().await;
    let error = text(&shop, FAILURES).await;
    assert!(error.contains("wrote: `C` → `C`"), "{error}");
    assert_eq!(shop.count("deposits").await, 9, "of the change, and of those of depth 1 to 8");
    // C and B once for what is too deep, and once where they would have started A.
    assert_eq!((ended(&shop, "succeeded").await, ended(&shop, "failed").await), (30, 4), "{error}");
    each_is_one_deeper_than_its_cause(&shop).await;
    let of_manual =
        "select count(*) from workflow_events where table_name = 'thendo.manual' and (cause is null
        or depth <> (row_data ->> 'depth')::int or row_data ->> 'by' <> 'execution ' || cause)";
    assert_eq!(shop.number(of_manual, &[]).await, 0);
}

#[tokio::test]
async fn five_hundred_executions_of_all_depths_in_one_batch_write_rows_of_exactly_their_depth() {
    let shop = Shop::open().await;
    let daemon = shop.daemon_with(&[("THENDO_ENGINE__WORKERS", "1")]).await;
    let deposit = node(
        "deposit",
        "action",
        json!({"actionType": "create_deposit", "config": {"percent": 10, "due_in_days": 7}}),
    );
    shop.publishes("all", &workflow("order_created", &[points(1), deposit, starts("second")])).await;
    shop.publishes(
        "second",
        &workflow("manual", &[node("end", "control", json!({"controlType": "stop", "config": {}}))]),
    )
    .await;
    daemon.dies();
    shop.does(
        "update event_tables set recorded = 'all' where table_name = 'loyalty_ledger';
         insert into customers (email) select 'c' || g || '@example.com' from generate_series(1, 499) g;
         -- Of the shop's own: what it writes has no key that the engine knows, but a customer.
         create function own() returns trigger language plpgsql security definer as $$ begin
           insert into product_waitlist (customer_id, email, product_id)
           select new.customer_id, c.email, 'prod_' || new.id from customers c where c.id = new.customer_id;
           return null; end $$;
         create trigger own after insert on loyalty_ledger for each row execute function own();
         delete from workflow_queue;
         insert into orders (customer_id, total) select id, 10000 from customers;
         update workflow_events e set depth = n % 9
           from (select id, row_number() over (order by id) as n from workflow_events where table_name = 'orders') o where o.id = e.id",
    )
    .await;
    let _daemon = shop.daemon_with(&[("THENDO_ENGINE__WORKERS", "1")]).await;
    until("all have been served", || async { shop.count("deposits").await == 500 }).await;
    shop.has_settled().await;
    let by_table = "select count(*) from (
        select e.table_name, count(*) as n, count(distinct e.cause) as causes, count(distinct e.depth) as depths
        from workflow_events e join workflow_executions x on x.id = e.cause
        join workflow_events o on o.at = x.event_at and o.id = x.event_id
        where o.table_name = 'orders' and e.depth = o.depth + 1
          and (e.table_name = 'thendo.manual' or coalesce(e.row_data ->> 'customer_id', o.row_data ->> 'customer_id') = o.row_data ->> 'customer_id')
          and (e.table_name <> 'deposits' or e.row_data ->> 'order_id' = o.row_data ->> 'id')
        group by e.table_name) t
        where (n, causes, depths) = (500, 500, 9)";
    // Ledger, balances, deposits, and what the shop's own trigger wrote; those of depth 8 start no other workflow.
    assert_eq!(shop.number(by_table, &[]).await, 4);
    assert_eq!(
        shop.number("select count(*) from workflow_events where table_name = 'thendo.manual'", &[]).await,
        500 - 55
    );
    let off = "select count(*) from workflow_events e
        left join workflow_executions x on x.id = e.cause
        left join workflow_events b on b.at = x.event_at and b.id = x.event_id
        where e.cause is not null and e.depth is distinct from b.depth + 1";
    assert_eq!(shop.number(off, &[]).await, 0);
}

#[tokio::test]
async fn who_says_by_hand_what_caused_a_row_is_not_believed() {
    let shop = Shop::open().await;
    let of_admin = format!("{}7", uuid::Uuid::new_v4());
    shop.does(&format!(
        "begin; set local thendo.cause = '{of_admin}'; set local thendo.cause_in_orders = '{{\"x\": \"{of_admin}\"}}';
         insert into orders (customer_id, total) select id, 1 from customers; commit;
         grant authenticated to current_user; begin; set local thendo.cause = '{of_admin}'; set local role authenticated;
         select set_config('request.jwt.claims', '{{\"sub\": \"00000000-0000-0000-0000-000000000000\"}}', true);
         commit;
         -- Nonsense harms nobody.
         set thendo.cause = 'x'; set thendo.cause_of_entities = 'no JSON at all';
         update orders set total = 2"
    ))
    .await;
    assert_eq!(shop.number("select count(*) from workflow_events where table_name = 'orders'", &[]).await, 2);
    let believed = "select count(*) from workflow_events where depth <> 0 or cause is not null";
    assert_eq!(shop.number(believed, &[]).await, 0);
    // The same words of the engine's are: the test above tests something.
    shop.does(&format!(
        "create function by_engine() returns void language sql security definer as 'update orders set total = 3';
         grant execute on function by_engine() to thendo_engine;
         begin; set local thendo.cause = '{of_admin}'; set local thendo.cause_of_entities = ''; set local role thendo_engine;
         select by_engine(); commit"
    ))
    .await;
    assert_eq!(
        shop.number("select count(*) from workflow_events where depth = 7 and cause is not null", &[]).await,
        1
    );
}
