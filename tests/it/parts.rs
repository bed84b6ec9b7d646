//! `workflow_triggers`, `_conditions` and `_actions` say what is in force: never more, never less.

use serde_json::{Value, json};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::acts::{as_role, code};
use crate::support::{Shop, edge, node, points_and_deposit, until};

/// What the tables say of a workflow: `kind@table(operations) v1` and the like, sorted.
async fn parts(shop: &Shop, id: Uuid) -> String {
    let sql = "select coalesce(string_agg(line, ' ' order by line), '') from (
        select format('%s=%s@%s(%s)v%s', node_id, kind, table_name, array_to_string(operations, '+'), version) as line
          from workflow_triggers where workflow_id = $1
        union all select format('%s=%s v%s', node_id, kind, version) from workflow_conditions where workflow_id = $1
        union all select format('%s=%s v%s', node_id, kind, version) from workflow_actions where workflow_id = $1) p";
    shop.db.query_one(sql, &[&id]).await.expect("parts").get(0)
}

/// Parts of another version than the one in force, and workflows in force without a trigger.
const DISAGREEING: &str = "select (select count(*) from (
        select workflow_id, version from workflow_triggers union all select workflow_id, version from workflow_conditions
        union all select workflow_id, version from workflow_actions) p
      left join workflows w on w.id = p.workflow_id where w.live_version is distinct from p.version)
    + (select count(*) from workflows w where live_version is not null
        and not exists (select from workflow_triggers t where t.workflow_id = w.id))
    + (select count(*) from workflows w where live_version is distinct from (select number from workflow_versions v
        where v.workflow_id = w.id and v.active_to is null))";

async fn settles(shop: &Shop, id: Uuid, health: &str, live: Option<i32>) {
    until("the edit is judged", || async {
        let sql = "select health, live_version from workflows where id = $1";
        let row = shop.db.query_one(sql, &[&id]).await.expect("the workflow");
        (row.get::<_, String>(0), row.get::<_, Option<i32>>(1)) == (health.to_owned(), live)
    })
    .await;
    assert_eq!(shop.number(DISAGREEING, &[]).await, 0);
}

async fn edits(shop: &Shop, id: Uuid, status: &str, definition: &Value) {
    let sql = "update workflows set status = $2, definition = $3 where id = $1";
    shop.db.execute(sql, &[&id, &status, definition]).await.expect("edited");
}

#[tokio::test]
async fn the_parts_are_those_of_the_version_in_force() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let drawn = points_and_deposit();
    let id = shop.publishes("points", &drawn).await;
    let first = "big=condition v1 deposit=create_deposit v1 points=award_points v1 start=order_created@orders(insert)v1";
    assert_eq!(parts(&shop, id).await, first);
    let config =
        "select (config = $2)::int from workflow_actions where workflow_id = $1 and node_id = 'deposit'";
    assert_eq!(shop.number(config, &[&id, &json!({"percent": 50, "due_in_days": 7})]).await, 1);
    // An edit that breaks it leaves them.
    let mut broken = drawn.clone();
    broken["nodes"][2]["data"]["config"]["points"] = json!("{{ order.totl }}");
    edits(&shop, id, "published", &broken).await;
    settles(&shop, id, "broken", Some(1)).await;
    assert_eq!(parts(&shop, id).await, first);
    // A box that was only moved, and a label: no new version.
    let mut moved = drawn.clone();
    moved["nodes"][0]["position"] = json!({"x": 7, "y": 7});
    edits(&shop, id, "published", &moved).await;
    settles(&shop, id, "valid", Some(1)).await;
    assert_eq!(parts(&shop, id).await, first);
    let less = json!({"nodes": [drawn["nodes"][0], drawn["nodes"][2]], "edges": [edge("start", "points")]});
    edits(&shop, id, "published", &less).await;
    settles(&shop, id, "valid", Some(2)).await;
    assert_eq!(parts(&shop, id).await, "points=award_points v2 start=order_created@orders(insert)v2");
    for status in ["archived", "draft"] {
        edits(&shop, id, status, &less).await;
        settles(&shop, id, "valid", None).await;
        assert_eq!(parts(&shop, id).await, "", "{status}");
        edits(&shop, id, "published", &drawn).await;
        until("it is in force", || async { !parts(&shop, id).await.is_empty() }).await;
        assert_eq!(shop.number(DISAGREEING, &[]).await, 0);
    }
    shop.db.execute("delete from workflows where id = $1", &[&id]).await.expect("deleted");
    assert_eq!(parts(&shop, id).await, "");
}

#[tokio::test]
async fn a_trigger_of_several_tables_is_there_for_each() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let id = shop.publishes("content", &on_content(false)).await;
    let listens = "select string_agg(table_name, ' ' order by table_name) from workflow_triggers where workflow_id = $1";
    let tables: String = shop.db.query_one(listens, &[&id]).await.expect("tables").get(0);
    assert!(
        tables.split(' ').count() > 1 && tables.contains("blog_posts") && tables.contains("pages"),
        "{tables}"
    );
    assert_eq!(shop.number(DISAGREEING, &[]).await, 0);
}

#[tokio::test]
async fn a_disabled_node_is_no_part() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let id = shop.publishes("content", &on_content(true)).await;
    assert_eq!(shop.number("select count(*) from workflow_actions where workflow_id = $1", &[&id]).await, 1);
}

fn on_content(disabled: bool) -> Value {
    let mail = |id: &str, disabled: bool| {
        node(
            id,
            "action",
            json!({ "actionType": "send_email", "enabled": !disabled, "config":
            { "to": "boss@shop.example", "subject": "New", "text": "Something was published." } }),
        )
    };
    json!({
        "nodes": [node("start", "trigger", json!({ "triggerType": "content_published", "config": {} })),
            mail("one", false), mail("two", disabled)],
        "edges": [edge("start", "one"), edge("start", "two")],
    })
}

#[tokio::test]
async fn nobody_but_the_daemon_writes_them() {
    let shop = Shop::open().await;
    let (boss, _) = crate::acts::account(&shop.db, "boss@x.example").await;
    shop.db.execute("select grant_admin($1)", &[&boss]).await.expect("granted");
    let admin = as_role(&shop, "authenticated", Some(boss)).await;
    let backend = as_role(&shop, "service_role", None).await;
    let id = shop.writes_workflow("points", &points_and_deposit()).await;
    for table in ["workflow_triggers", "workflow_conditions", "workflow_actions"] {
        for db in [&admin, &backend] {
            let forged =
                format!("insert into {table} (workflow_id, version, node_id, kind) values ($1, 1, 'x', 'x')");
            assert_eq!(
                code(db.execute(&forged, &[&id]).await),
                Some(SqlState::INSUFFICIENT_PRIVILEGE),
                "{table}"
            );
            db.query(&format!("select node_id from {table}"), &[]).await.expect("readable");
        }
    }
}

#[tokio::test]
async fn many_edits_while_two_daemons_publish_leave_them_in_step() {
    let shop = Shop::open().await;
    let _one = shop.daemon().await;
    let _two = shop.daemon().await;
    let id = shop.publishes("points", &points_and_deposit()).await;
    let watching = crate::support::connect(&shop.url).await;
    let watch = tokio::spawn(async move {
        for _ in 0..300 {
            let wrong: i64 = watching.query_one(DISAGREEING, &[]).await.expect("looked").get(0);
            assert_eq!(wrong, 0, "seen in between");
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
    });
    for n in 1..=20 {
        let mut drawn = points_and_deposit();
        drawn["nodes"][3]["data"]["config"]["percent"] = json!(n);
        edits(&shop, id, if n % 5 == 0 { "draft" } else { "published" }, &drawn).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    watch.await.expect("always in step");
    edits(&shop, id, "published", &points_and_deposit()).await;
    until("all is judged", || async {
        shop.number("select count(*) from workflows where health = 'unchecked'", &[]).await == 0
    })
    .await;
    let last = "select count(*) from workflow_actions a join workflow_versions v on v.workflow_id = a.workflow_id
        and v.number = a.version and v.active_to is null where a.node_id = 'deposit' and a.config ->> 'percent' = '50'";
    assert_eq!(shop.number(last, &[]).await, 1);
}
