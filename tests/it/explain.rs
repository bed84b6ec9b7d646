//! The common queries use their indexes where there is much to look through.

use serde_json::Value;
use thendo::store::history;
use uuid::Uuid;

use crate::support::Shop;
use crate::support::server::thendo;

/// A query, and the index that answers it.
struct Asked {
    what: &'static str,
    sql: String,
    index: &'static str,
}

fn asked(what: &'static str, index: &'static str, sql: impl Into<String>) -> Asked {
    Asked { what, sql: sql.into(), index }
}

/// 100,000 orders with all beside, and as many of what a shop has less of.
async fn large_shop() -> Shop {
    let shop = Shop::open().await;
    let seeded = thendo()
        .args(["demo", "seed", "--orders", "100000", "--until", "2026-06-01", "--database-url", &shop.url])
        .output()
        .expect("the built binary");
    assert!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
    eprintln!("{}", String::from_utf8_lossy(&seeded.stdout));
    // Row by row work of triggers is not what is looked at here.
    shop.db
        .batch_execute("set statement_timeout = '5min'; set lock_timeout = '1min'; set session_replication_role = replica")
        .await
        .expect("set");
    shop.db.batch_execute(MORE).await.expect("more rows");
    shop.db.batch_execute("set session_replication_role = origin; analyze").await.expect("analyzed");
    shop
}

const MORE: &str = "
insert into auth.users (id, email) select md5(n::text)::uuid, 'user' || n || '@example.com' from generate_series(1, 25000) n;
insert into saved_addresses (user_id, name, line1, city, country_code)
    select md5((n % 25000 + 1)::text)::uuid, 'Ada', 'Street ' || n, 'Linz', 'AT' from generate_series(1, 100000) n;
insert into blog_posts (slug, title, status, published_at)
    select 'more-' || n, 'More ' || n, case when n % 9 = 0 then 'draft' else 'published' end, now() - n * interval '7 minutes'
      from generate_series(1, 100000) n;
insert into page_content (page_id, section, content)
    select p.id, 'more-' || n, jsonb_build_object('blocks', jsonb_build_array(
               jsonb_build_object('type', 'heading', 'props', jsonb_build_object('level', 1, 'text', 'Heading ' || n))))
      from (select id from pages order by id limit 1) p, generate_series(1, 100000) n;
insert into workflows (id, name) select md5('w' || n)::uuid, 'Workflow ' || n from generate_series(1, 50) n;
insert into workflow_executions (id, event_at, event_id, workflow_id, version, status, steps, started_at, finished_at)
    select gen_random_uuid(), now() - n * interval '1 minute', gen_random_uuid(), md5('w' || n % 50 + 1)::uuid, 1,
           case when n % 40 = 0 then 'failed' else 'succeeded' end, '[]', now(), now()
      from generate_series(1, 100000) n;
insert into workflow_deliveries (id, execution_id, node_id, kind, status, repeatable, lane, payload, finished_at)
    select gen_random_uuid(), md5('x' || n)::uuid, 'mail', 'email', 'sent', false, 1, '{}', now() from generate_series(1, 100000) n;
";

/// The plan and all its nodes.
async fn plan(shop: &Shop, sql: &str) -> Vec<Value> {
    fn walk(node: &Value, nodes: &mut Vec<Value>) {
        nodes.push(node.clone());
        for inner in node["Plans"].as_array().into_iter().flatten() {
            walk(inner, nodes);
        }
    }
    let sql = format!("explain (format json{}", sql);
    let plan: Value = shop.db.query_one(&sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0);
    let mut nodes = Vec::new();
    walk(&plan[0]["Plan"], &mut nodes);
    nodes
}

/// Tables that are read as a whole although they are long.
fn read_whole(nodes: &[Value]) -> Vec<String> {
    let long = |node: &&Value| {
        node["Node Type"].as_str().is_some_and(|kind| kind == "Seq Scan")
            && !SHORT.iter().any(|short| node["Relation Name"] == *short)
    };
    nodes.iter().filter(long).map(|node| node["Relation Name"].to_string()).collect()
}

/// Whatever the shop, these have few rows.
const SHORT: &[&str] = &["workflows", "workflow_waiting", "workflow_undone", "pages", "user_roles"];

/// Whether the plan reads that very index, or its part on a partition.
async fn uses(shop: &Shop, nodes: &[Value], index: &str) -> bool {
    let sql =
        "select array_agg(c.relname::text) from pg_class c left join pg_inherits i on i.inhrelid = c.oid
                where c.oid = to_regclass($1) or i.inhparent = to_regclass($1)";
    let names: Option<Vec<String>> = shop.db.query_one(sql, &[&index]).await.expect("names").get(0);
    let names = names.unwrap_or_else(|| panic!("there is no index {index}"));
    nodes.iter().any(|node| names.iter().any(|name| node["Index Name"] == name.as_str()))
}

/// Rows that were read and thrown away.
fn thrown_away(nodes: &[Value]) -> f64 {
    let of = |node: &Value| {
        node["Rows Removed by Filter"].as_f64().unwrap_or(0.0) * node["Actual Loops"].as_f64().unwrap_or(1.0)
    };
    nodes.iter().map(of).sum()
}

/// The statement in a function of `store::lists`, as it stands there.
fn listed(function: &str) -> String {
    let source = include_str!("../../src/store/lists.rs");
    let body = source.split(&format!("pub async fn {function}(")).nth(1).expect("the function");
    let literal = body.split("query_as(").nth(1).expect("its statement").trim_start();
    literal.trim_start_matches('"').split('"').next().expect("its end").to_owned()
}

/// A statement with parameters, as it is planned for these values.
async fn prepared(shop: &Shop, statement: &str, values: &str) -> String {
    let sql =
        format!("deallocate all; set plan_cache_mode = force_custom_plan; prepare listed as {statement}");
    shop.db.batch_execute(&sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    format!(") execute listed({values})")
}

async fn common_queries(shop: &Shop) -> Vec<Asked> {
    let customer: Uuid = shop
        .db
        .query_one("select customer_id from orders order by id desc limit 1", &[])
        .await
        .expect("one")
        .get(0);
    let page: Uuid =
        shop.db.query_one("select id from pages order by id limit 1", &[]).await.expect("one").get(0);
    let product: String = shop
        .db
        .query_one("select product_id from reviews order by id desc limit 1", &[])
        .await
        .expect("one")
        .get(0);
    vec![
        asked("orders of a customer", "idx_orders_customer_id", format!(
            ") select id, total, status from orders where customer_id = '{customer}' order by created_at desc limit 50")),
        asked("completed orders, newest first, with their customer", "idx_orders_status_created_at",
            ") select o.id, o.total, o.customer_id, c.name, c.email from orders o join customers c on c.id = o.customer_id
               where o.status = 'completed' order by o.created_at desc limit 50"),
        asked("posts by date", "idx_blog_posts_published_at",
            ") select id, title, published_at from blog_posts where status = 'published' and published_at <= now()
               order by published_at desc limit 20"),
        asked("addresses of an account", "idx_saved_addresses_user_id",
            ") select id, line1, city from saved_addresses where user_id = md5('77')::uuid order by created_at limit 100"),
        asked("sections with such a block", "idx_page_content_content",
            r#") select id, section from page_content where content @> '{"blocks": [{"props": {"text": "Heading 4711"}}]}' limit 50"#),
        asked("views of a page", "idx_page_views_page_id", format!(
            ") select viewed_at, visitor from page_views where page_id = '{page}' order by viewed_at desc limit 100")),
        asked("approved reviews of a product", "idx_reviews_approved", format!(
            ") select rating, title, body from reviews where product_id = '{product}' and status = 'approved'
               order by created_at desc limit 20")),
        asked("who waits for a product", "idx_product_waitlist_once", format!(
            ") select id, email from product_waitlist where product_id = '{product}' and status = 'waiting'
               order by created_at limit 500")),
        asked("deposits that are due", "idx_deposits_due_date",
            ") select id, order_id, amount from deposits where status = 'pending' and due_date < now() order by due_date limit 100"),
        asked("executions of a workflow", "idx_workflow_executions_workflow_id",
            ") select id, status from workflow_executions where workflow_id = md5('w7')::uuid order by event_at desc limit 50"),
    ]
}

/// That it is found by this index, and little is read for it.
async fn found(shop: &Shop, what: &'static str, index: &'static str, sql: String) -> Asked {
    let nodes = plan(shop, &format!(", analyze{sql}")).await;
    assert!(uses(shop, &nodes, index).await && read_whole(&nodes).is_empty(), "{what}: {nodes:#?}");
    assert!(thrown_away(&nodes) < 5_000.0, "{what} reads too much: {nodes:#?}");
    asked(what, index, sql)
}

/// Pages of executions.
async fn pages(shop: &Shop) -> Vec<Asked> {
    let of: Uuid = shop
        .db
        .query_one("select id from workflows where name = 'Workflow 7'", &[])
        .await
        .expect("a workflow")
        .get(0);
    let before = Some((chrono::Utc::now() - chrono::Duration::days(9), Uuid::max()));
    let mut pages = Vec::new();
    for (what, workflow, status, before, index) in [
        ("the newest executions", None, None, None, "workflow_executions_pkey"),
        ("the newest executions of a workflow", Some(of), None, None, "idx_workflow_executions_workflow_id"),
        ("the next page of executions", None, None, before, "workflow_executions_pkey"),
        ("failed executions", None, Some("failed"), None, "idx_workflow_executions_status"),
    ] {
        let filter = history::Filter { status, before, ..history::Filter::default() };
        let statement = history::page(&filter, &[workflow], 50);
        shop.db.batch_execute("deallocate all").await.expect("deallocated");
        shop.db
            .batch_execute(&format!("prepare page as {}", statement.sql().as_str()))
            .await
            .expect("prepared");
        let sql = "select parameter_types::text[] from pg_prepared_statements where name = 'page'";
        let types: Vec<String> = shop.db.query_one(sql, &[]).await.expect("asked").get(0);
        let value = |kind: &String| match kind.as_str() {
            "uuid" => format!("'{}'", workflow.unwrap_or(Uuid::max())),
            "bigint" => "50".to_owned(),
            _ => "now() - interval '9 days'".to_owned(),
        };
        let values: Vec<String> = types.iter().map(value).collect();
        let sql = prepared(shop, statement.sql().as_str(), &values.join(", ")).await;
        pages.push(found(shop, what, index, sql).await);
    }
    pages
}

/// The command line's and the page's own.
async fn lists(shop: &Shop) -> Vec<Asked> {
    let mut lists = pages(shop).await;
    for (what, function, values, index) in [
        (
            "one execution",
            "execution",
            "gen_random_uuid(), now() - interval '2 ms', now()",
            "workflow_executions_pkey",
        ),
        (
            "deliveries of executions",
            "deliveries",
            "array[md5('x7')::uuid, md5('x8')::uuid], 1000",
            "idx_workflow_deliveries_execution_id",
        ),
    ] {
        // Prepared one after the other under one name: asked at once.
        let sql = prepared(shop, &listed(function), values).await;
        lists.push(found(shop, what, index, sql).await);
    }
    lists
}

#[tokio::test]
async fn common_queries_use_their_indexes_on_a_large_shop() {
    let shop = large_shop().await;
    for Asked { what, sql, index } in common_queries(&shop).await {
        let nodes = plan(&shop, &sql).await;
        assert!(uses(&shop, &nodes, index).await, "{what} does not use {index}: {nodes:#?}");
        assert_eq!(read_whole(&nodes), Vec::<String>::new(), "{what}: {nodes:#?}");
        assert!(nodes[0]["Node Type"] == "Limit", "{what}: {nodes:#?}");
    }
    assert_eq!(lists(&shop).await.len(), 6);
    // In order without sorting: the index gives it.
    let sorts = |nodes: &[Value]| {
        nodes.iter().any(|node| node["Node Type"].as_str().is_some_and(|kind| kind.contains("Sort")))
    };
    for Asked { what, sql, index } in common_queries(&shop).await {
        if ["idx_orders_status_created_at", "idx_blog_posts_published_at", "idx_reviews_approved"]
            .contains(&index)
        {
            assert!(!sorts(&plan(&shop, &sql).await), "{what} is sorted");
        }
    }
    policies_are_asked_once(&shop).await;
}

/// An owner reads their own orders: by the index, and what the policy asks is asked once for the statement.
async fn policies_are_asked_once(shop: &Shop) {
    let customer: Uuid = shop
        .db
        .query_one("select customer_id from orders group by 1 order by count(*) desc limit 1", &[])
        .await
        .expect("one")
        .get(0);
    shop.db
        .execute("update customers set user_id = md5('1')::uuid where id = $1", &[&customer])
        .await
        .expect("linked");
    let claims = "select set_config('request.jwt.claims', json_build_object('sub', md5('1')::uuid, 'role', 'authenticated')::text, false)";
    shop.db.execute(claims, &[]).await.expect("claims");
    shop.db.batch_execute("set role authenticated").await.expect("the role");
    let sql = format!(", analyze) select id, total from orders where customer_id = '{customer}' limit 1000");
    let nodes = plan(shop, &sql).await;
    shop.db.batch_execute("reset role").await.expect("the role back");
    assert!(
        uses(shop, &nodes, "idx_orders_customer_id").await && read_whole(&nodes).is_empty(),
        "{nodes:#?}"
    );
    assert!(nodes[0]["Actual Rows"].as_f64().is_some_and(|rows| rows >= 5.0), "{nodes:#?}");
    let once: Vec<&Value> = nodes.iter().filter(|node| node["Parent Relationship"] == "InitPlan").collect();
    assert!(once.len() >= 2, "asked anew for each row: {nodes:#?}");
    for initial in once {
        assert!(initial["Actual Loops"].as_f64().is_some_and(|loops| loops <= 1.0), "{initial:#}");
    }
    assert!(!nodes.iter().any(|node| node["Parent Relationship"] == "SubPlan"), "{nodes:#?}");
}
