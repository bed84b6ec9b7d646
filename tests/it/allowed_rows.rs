//! Rows that the settings let workflows write, and no others.

use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

use crate::acts::code;
use crate::loyalty::{first_act, one_action};
use crate::support::{Shop, connect};

async fn tries(shop: &Shop, name: &str, kind: &str, config: Value) -> Value {
    let workflow = shop.publishes(name, &one_action("order_created", kind, config)).await;
    shop.places_order(100).await;
    shop.has_settled().await;
    shop.does(&format!("update workflows set status = 'archived' where id = '{workflow}'")).await;
    first_act(shop, workflow).await
}

fn why(step: &Value) -> (&str, &str) {
    (step["outcome"].as_str().unwrap_or_default(), step["why"].as_str().unwrap_or_default())
}

/// As `thendo migrate` takes the setting over.
async fn allows(shop: &Shop, rows: Value) {
    shop.db.execute("select allow_rows($1)", &[&rows]).await.expect("taken over");
}

#[tokio::test]
async fn what_the_settings_name_is_written_and_nothing_else() {
    let shop = Shop::open().await;
    shop.does("create table shelves (code text primary key, places integer not null default 3 check (places > 0), note text)").await;
    shop.does("alter table shelves enable row level security; insert into shelves values ('a', 5, 'left')")
        .await;
    allows(&shop, json!({"shelves": ["places"], "quotes": ["customer_id", "title", "amount"]})).await;
    let _daemon = shop.daemon().await;
    let set = |set: Value| json!({"table": "shelves", "row": "a", "set": set});
    let step = tries(&shop, "typed", "update_row", set(json!({"places": "{{ order.total // 10 }}"}))).await;
    assert_eq!(
        step["changes"],
        json!([{"table": "shelves", "key": "a", "before": {"places": 5}, "after": {"places": 10}}])
    );
    let step = tries(&shop, "same", "update_row", set(json!({"places": 10}))).await;
    assert_eq!((why(&step), &step["result"]["changed"]), (("done", "is so already"), &json!(false)));
    let step = tries(&shop, "column", "update_row", set(json!({"note": "x", "places": 1}))).await;
    let refused = "workflows may not write `note` of `shelves`: name it in the setting rows.allow, and run `thendo migrate`";
    assert_eq!(why(&step), ("failed", refused));
    let step = tries(&shop, "type", "update_row", set(json!({"places": "many"}))).await;
    assert_eq!(why(&step), ("failed", r#"invalid input syntax for type integer: "many""#));
    let step = tries(&shop, "check", "update_row", set(json!({"places": 0}))).await;
    assert!(why(&step).1.contains("violates check constraint"), "{step}");
    let gone = json!({"table": "shelves", "row": "b", "set": {"places": 1}});
    assert_eq!(
        why(&tries(&shop, "gone", "update_row", gone).await),
        ("failed", "there is no row `b` in `shelves`")
    );
    for table in ["orders", "workflows", "no_such_table", "pg_class"] {
        let step =
            tries(&shop, table, "update_row", json!({"table": table, "row": "a", "set": {"id": "x"}})).await;
        assert!(why(&step).1.starts_with(&format!("workflows may not write `{table}`")), "{step}");
    }
    let hostile = json!({"table": "shelves", "row": "a' or true --", "set": {"places": 1}});
    assert_eq!(why(&tries(&shop, "hostile", "update_row", hostile).await).0, "failed");
    assert_eq!(
        shop.number("select count(*) from shelves where (code, places, note) = ('a', 10, 'left')", &[]).await,
        1
    );

    let quote =
        json!({"table": "quotes", "set": {"customer_id": "{{ customer.id }}", "title": "T", "amount": 500}});
    let step = tries(&shop, "added", "insert_row", quote).await;
    let row = step["result"]["row"].as_str().expect("its key");
    assert_eq!(shop.number("select amount from quotes where id::text = $1", &[&row]).await, 500);
    // What is not allowed any more is out of reach at once, for the engine's role too.
    allows(&shop, json!({"quotes": ["title"]})).await;
    let step = tries(&shop, "no more", "update_row", set(json!({"places": 2}))).await;
    assert!(why(&step).1.starts_with("workflows may not write `shelves`"), "{step}");
    let engine = connect(&shop.url).await;
    engine.batch_execute("set role thendo_engine").await.expect("the role");
    for sql in ["select code from shelves", "update shelves set places = 1", "update quotes set amount = 1"] {
        assert_eq!(code(engine.execute(sql, &[]).await), Some(SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
    }
    engine.execute("update quotes set title = 'x'", &[]).await.expect("is allowed");
}

#[tokio::test]
async fn what_can_not_be_allowed_is_said() {
    let shop = Shop::open().await;
    shop.does("create table loose (a integer)").await;
    for (rows, words) in [
        (json!({"nowhere": ["a"]}), "names the table `nowhere`, which public does not have"),
        (json!({"user_roles": ["role"]}), "which no workflow may write"),
        (json!({"workflow_queue": ["lane"]}), "which no workflow may write"),
        (json!({"workflow_secrets": ["ciphertext"]}), "which no workflow may write"),
        (json!({"api_keys": ["hash"]}), "which no workflow may write"),
        (json!({"api_links": ["used_at"]}), "which no workflow may write"),
        (json!({"api_sessions": ["hash"]}), "which no workflow may write"),
        (json!({"api_audit": ["who"]}), "which no workflow may write"),
        (json!({"_sqlx_migrations": ["success"]}), "which no workflow may write"),
        (json!({"quotes": ["titel"]}), "that it does not have, or that nobody writes: titel"),
        (json!({"quotes": []}), "that nobody writes: none"),
        (json!({"loose": ["a"]}), "which has no primary key"),
        (json!({"waitlist_campaign_stats": ["sent"]}), "which public does not have"),
    ] {
        let fault = shop.db.execute("select allow_rows($1)", &[&rows]).await.expect_err("refused");
        assert!(fault.as_db_error().is_some_and(|db| db.message().contains(words)), "{rows}: {fault:?}");
    }
    assert_eq!(shop.count("workflow_rows").await, 0);
}

#[tokio::test]
async fn migrating_takes_the_setting_over() {
    let shop = Shop::open().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("thendo.toml");
    let migrated = async |text: &str| {
        std::fs::write(&file, text).expect("written");
        shop.thendo(&["migrate", "--config", file.to_str().expect("a path")]).await
    };
    let (ended, _, fault) =
        migrated("[rows.allow]\nquotes = [\"title\"]\nreviews = \"status, title\"\n").await;
    assert_eq!(ended, Some(0), "{fault}");
    assert_eq!(shop.number("select count(*) from workflow_rows", &[]).await, 2);
    let (ended, _, fault) = migrated("[rows.allow]\nquotes = [\"nothing\"]\n").await;
    assert_ne!(ended, Some(0));
    assert!(fault.contains("rows.allow names columns of `quotes`"), "{fault}");
    assert_eq!(shop.number("select count(*) from workflow_rows", &[]).await, 2, "all or nothing");
    let (ended, _, fault) = migrated("").await;
    assert_eq!(ended, Some(0), "{fault}");
    assert_eq!(shop.count("workflow_rows").await, 0);
}
