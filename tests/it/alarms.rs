//! Alarms: raised with what they are about, once, and told once by whichever daemon.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::hooks::{self, Hooks};
use crate::support::sink::{Manner, Sink};
use crate::support::{Shop, edge, node, until};

fn guarded() -> Value {
    json!({"nodes": [
        node("start", "trigger", json!({"triggerType": "order_created", "config": {}, "flow": {"bulk_guard": {"limit": 50}}})),
        node("points", "action", json!({"actionType": "award_points", "config": {"points": 1}}))],
        "edges": [edge("start", "points")]})
}

async fn floods(shop: &Shop) {
    let sql = "insert into orders (customer_id, total) select $1, g from generate_series(1, 200) g";
    shop.db.execute(sql, &[&shop.customer]).await.expect("orders");
    until("all are decided about", async || {
        shop.count("workflow_queue").await == 0 && shop.count("workflow_holds").await == 1
    })
    .await;
}

#[tokio::test]
async fn a_flood_is_one_alarm_told_once_by_two_daemons() {
    let shop = Shop::open().await;
    let (sink, hook) = (Sink::open(Manner::Accepts).await, Hooks::open(hooks::Manner::Answers).await);
    let to = format!("mailto:ops@example.com, http://{}/s3cret", hook.address);
    let settings = [
        ("THENDO_MAIL__SMTP_URL", sink.url.as_str()),
        ("THENDO_ALERTS__TO", to.as_str()),
        ("THENDO_LOG__FORMAT", "json"),
    ];
    let (first, second) = (shop.daemon_with(&settings).await, shop.daemon_with(&settings).await);
    let workflow = shop.publishes("guard", &guarded()).await;
    floods(&shop).await;
    let told = async |count: i64| {
        until("it is told", async || {
            shop.number("select count(*) from workflow_alerts where told_at is not null", &[]).await == count
        })
        .await;
    };
    told(1).await;
    let row = shop.db.query_one("select workflow_id, message from workflow_alerts", &[]).await.expect("one");
    let (of, message): (Uuid, String) = (row.get(0), row.get(1));
    assert_eq!(of, workflow);
    assert!(
        message.contains("more than 50 executions") && message.contains("thendo workflow release"),
        "{message}"
    );
    let lines = || format!("{}{}", first.logged(), second.logged()).matches("\"target\":\"alert\"").count();
    assert_eq!(lines(), 1);
    assert_eq!(first.metric("thendo_alerts_total").await + second.metric("thendo_alerts_total").await, 1.0);
    let mails = sink.taken();
    assert_eq!(mails.len(), 1);
    for part in ["To: ops@example.com", "Subject: thendo: bulk_guard (guard)", "more than 50 executions"] {
        assert!(mails[0].contains(part), "no {part:?} in\n{}", mails[0]);
    }
    let calls = hook.calls();
    assert_eq!(calls.len(), 1);
    let posted: Value = serde_json::from_str(&calls[0].body).expect("JSON");
    assert_eq!((&posted["kind"], &posted["workflow"]["name"]), (&json!("bulk_guard"), &json!("guard")));

    // The same again is the same alarm for ten minutes.
    let release = async || assert_eq!(shop.thendo(&["workflow", "release", "guard"]).await.0, Some(0));
    release().await;
    floods(&shop).await;
    assert_eq!((shop.alarms("bulk_guard").await, lines()), (1, 1));
    release().await;
    until("all have ended", async || shop.count("workflow_executions").await == 400).await;
    shop.does("update workflow_alerts set happened_at = happened_at - interval '10 minutes'; delete from workflow_flow").await;
    floods(&shop).await;
    told(2).await;
    assert_eq!((shop.alarms("bulk_guard").await, lines()), (2, 2));
    assert_eq!((sink.taken().len(), hook.calls().len()), (2, 2));

    let (code, out, said) = shop.thendo(&["alerts", "list", "--format", "json"]).await;
    assert_eq!(code, Some(0), "{said}");
    let listed: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    let key = format!("Bearer {}", crate::api::makes_key(&shop, "reader", &["read"]).await);
    let asks = async |path: &str| {
        crate::api::ask(&first.http, "GET", path, &[("authorization", key.as_str())], None).await
    };
    let answer = asks("/api/v1/alerts?kind=bulk_guard").await;
    assert_eq!((answer.status, &answer.body["items"]), (200, &listed));
    assert_eq!(asks("/api/v1/alerts?limit=many").await.status, 400);
    assert_eq!(first.answers("/api/v1/alerts").await.expect("an answer").0, 401);
    let id = listed[0]["id"].as_str().expect("an id");
    let (_, out, _) = shop.thendo(&["alerts", "list", "--kind", "bulk_guard", "--before", id]).await;
    assert!(out.contains(listed[1]["id"].as_str().expect("an id")) && !out.contains(id), "{out}");
    assert!(!format!("{}{}", first.logged(), second.logged()).contains("s3cret"));
}

#[tokio::test]
async fn a_mail_server_that_is_broken_raises_no_alarms_about_alarms() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Refuses).await;
    let settings =
        [("THENDO_MAIL__SMTP_URL", sink.url.as_str()), ("THENDO_ALERTS__TO", "mailto:ops@example.com")];
    let daemon = shop.daemon_with(&settings).await;
    shop.publishes("guard", &guarded()).await;
    floods(&shop).await;
    until("it was tried", async || daemon.metric("thendo_alerts_told_total{result=\"failed\"}").await == 1.0)
        .await;
    assert_eq!(shop.count("workflow_alerts").await, 1);
    let later = "select count(*) from workflow_alerts where told_at is null and attempts = 1 and due_at > clock_timestamp()";
    assert_eq!(shop.number(later, &[]).await, 1, "it is tried again later, not at once");
    assert_eq!(*sink.tries.lock().expect("no panic"), 1);
    assert_eq!(shop.count("workflow_deliveries").await, 0);
}

#[tokio::test]
async fn what_nobody_makes_is_looked_for_and_raised_once() {
    let shop = Shop::open().await;
    let look = async || {
        let sql = "select kind, message from look_for_trouble('5 minutes') order by kind";
        let rows = shop.db.query(sql, &[]).await.expect("looked");
        rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>()
    };
    shop.places_order(1).await;
    assert_eq!(look().await, Vec::<String>::new(), "a moment is no lag");
    shop.does("update workflow_queue set due_at = due_at - interval '6 minutes'").await;
    assert_eq!(look().await, ["lag"]);
    shop.has_no_months().await;
    shop.places_order(1).await;
    assert_eq!(look().await, ["default_partition"]);
    assert_eq!(look().await, Vec::<String>::new(), "within ten minutes nothing is raised twice");
    // A daemon looks by itself.
    shop.does("delete from workflow_alerts").await;
    let daemon = shop.daemon_with(&[("THENDO_ALERTS__LAG_S", "2")]).await;
    until("it is raised", async || shop.alarms("default_partition").await == 1).await;
    until("and counted", async || {
        daemon.metric("thendo_alerts_total{kind=\"default_partition\"}").await == 1.0
    })
    .await;
}

#[tokio::test]
async fn of_two_that_raise_the_same_at_once_one_does() {
    let shop = Shop::open().await;
    let other = crate::support::connect(&shop.url).await;
    let raise = "select raise_alert('set_aside', null, 'x')";
    shop.db.batch_execute("begin").await.expect("begun");
    let mine: Option<Uuid> = shop.db.query_one(raise, &[]).await.expect("raised").get(0);
    let theirs: Option<Uuid> = other.query_one(raise, &[]).await.expect("answered without waiting").get(0);
    shop.db.batch_execute("commit").await.expect("committed");
    let later: Option<Uuid> = other.query_one(raise, &[]).await.expect("answered").get(0);
    assert!(mine.is_some() && theirs.is_none() && later.is_none());
    // Another workflow's is another alarm.
    let of_other = "select raise_alert('set_aside', gen_random_uuid(), 'x')";
    assert!(other.query_one(of_other, &[]).await.expect("raised").get::<_, Option<Uuid>>(0).is_some());
}
