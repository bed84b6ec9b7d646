//! Replays that come to nothing: set aside, of events that are gone or can't be read, or asked for by somebody who may not.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::dying::deaths_until;
use crate::loyalty::one_action;
use crate::support::server::thendo;
use crate::support::{Shop, points_and_deposit, until};

async fn event_of(shop: &Shop, table: &str) -> String {
    let sql = "select id::text from workflow_events where table_name = $1 order by at desc limit 1";
    shop.db.query_one(sql, &[&table]).await.expect("its event").get(0)
}

async fn message(shop: &Shop, kind: &str) -> String {
    let sql = "select message from workflow_alerts where kind = $1";
    shop.db.query_one(sql, &[&kind]).await.expect("one alarm").get(0)
}

#[tokio::test]
async fn a_replay_that_kills_the_daemon_is_set_aside_as_that_replay_of_that_workflow() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    // In force only since the event: what counts for a replay is when it was asked for.
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let meant = shop.publishes("meant", &points_and_deposit()).await;
    shop.publishes("other", &points_and_deposit()).await;
    assert!(daemon.stops().success());
    let event = event_of(&shop, "orders").await;
    let args = ["events", "replay", &event, "--workflow", "meant", "--by", "deadly", "--confirm"];
    let (code, _, said) = shop.thendo(&args).await;
    assert_eq!(code, Some(0), "{said}");
    let gone = || async { shop.count("workflow_queue").await == 0 };
    let (_, _daemon) = deaths_until(&shop, gone).await;
    let failed = shop
        .db
        .query("select workflow_id, event_id::text, error from workflow_executions where mode = 'live'", &[])
        .await
        .expect("executions");
    assert_eq!(failed.len(), 1, "the one workflow that it was for");
    let (workflow, of, error): (Uuid, String, String) =
        (failed[0].get(0), failed[0].get(1), failed[0].get(2));
    assert_eq!((workflow, &of), (meant, &event));
    assert!(error.contains("set aside"), "{error}");
    assert!(message(&shop, "set_aside").await.contains(&format!("replay 1 of event {event} of orders")));
    let (_, out, _) = shop.thendo(&["events", "show", &event]).await;
    assert!(out.contains("failed") && out.contains("meant") && out.contains("replay 1 by deadly"), "{out}");
    // It is the replay's own execution: it can be tried again, and the event replayed once more beside it.
    let id: String =
        shop.db.query_one("select id::text from workflow_dead_letters", &[]).await.expect("kept").get(0);
    let (code, _, said) = shop.thendo(&["executions", "retry", &id]).await;
    assert_eq!(code, Some(0), "{said}");
    until("it has run", || async { shop.count("loyalty_ledger").await == 1 }).await;
    let args = ["events", "replay", &event, "--workflow", "meant", "--again", "--confirm"];
    let (code, _, said) = shop.thendo(&args).await;
    assert_eq!(code, Some(0), "{said}");
    until("it has run again", || async { shop.count("loyalty_ledger").await == 2 }).await;
}

#[tokio::test]
async fn of_an_event_that_is_gone_or_unreadable_by_then_somebody_is_told() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.places_order(100).await;
    shop.does("insert into pages (slug, title) values ('home', 'Home')").await;
    shop.does("insert into page_content (page_id, section, status, content) select id, 'hero', 'published', '{\"n\": 1e400}' from pages")
        .await;
    shop.has_settled().await;
    let (gone, unreadable) = (event_of(&shop, "orders").await, event_of(&shop, "page_content").await);
    shop.publishes("points", &one_action("order_created", "award_points", json!({"points": 3}))).await;
    let content = one_action(
        "content_published",
        "send_email",
        json!({"to": "a@x.example", "subject": "!", "text": "!"}),
    );
    let content = shop.publishes("content", &content).await;
    assert!(daemon.stops().success());
    for event in [&gone, &unreadable] {
        let (code, _, said) = shop.thendo(&["events", "replay", event, "--confirm", "--by", "grace"]).await;
        assert_eq!(code, Some(0), "{said}");
    }
    shop.db
        .execute("delete from workflow_events where id = $1::text::uuid", &[&gone])
        .await
        .expect("deleted");
    let daemon = shop.daemon().await;
    shop.has_settled().await;
    // An alarm of a kind is raised once in a while; the log has each.
    let (told, log) = (message(&shop, "replay_failed").await, daemon.logged());
    let words =
        [format!("event {gone} is no longer kept"), format!("the row of event {unreadable} can't be read")];
    assert!(words.iter().any(|words| told.contains(words)), "{told}");
    assert!(words.iter().all(|words| log.contains(words)), "{log}");
    // Who begins with such an event has failed, as it would have the first time.
    let sql = "select count(*) from workflow_executions where workflow_id = $1 and status = 'failed' and error like '%can''t be read%'";
    assert_eq!(shop.number(sql, &[&content]).await, 1);
    let (_, out, _) = shop.thendo(&["events", "show", &unreadable, "--format", "json"]).await;
    let shown: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (&shown["executions"][0]["status"], &shown["replays"][0]["number"]),
        (&json!("failed"), &json!(1))
    );
    let (code, _, said) = shop.thendo(&["events", "show", &gone]).await;
    assert!(
        code == Some(1) && said.contains("no longer kept") && said.contains("to be replayed by grace"),
        "{said}"
    );
}

#[tokio::test]
async fn who_may_not_replay_is_told_so_and_as_whom_to_come() {
    let shop = Shop::open().await;
    shop.writes_workflow("points", &one_action("order_created", "award_points", json!({"points": 3}))).await;
    shop.places_order(100).await;
    let event = event_of(&shop, "orders").await;
    let clerk = format!("clerk_{}", Uuid::new_v4().simple());
    for role in ["", "; grant thendo_engine to CLERK", "; grant service_role to CLERK"] {
        shop.does(&format!("create role CLERK login{role}").replace("CLERK", &clerk)).await;
        let url = shop.url.replacen("user=postgres", &format!("user={clerk}"), 1);
        let mut command = thendo();
        command.args(["events", "replay", &event, "--confirm", "--database-url", &url]);
        let said = tokio::task::spawn_blocking(move || command.output().expect("the binary")).await;
        let said = said.expect("no panic");
        shop.does(&format!("drop role {clerk}")).await;
        let words = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(1), "{role}: {words}");
        assert!(words.contains("may not read events and have them replayed"), "{role}: {words}");
        assert!(
            words.contains("permission denied") && words.contains("connect as the owner"),
            "{role}: {words}"
        );
    }
    assert_eq!(shop.count("workflow_replays").await, 0);
}
