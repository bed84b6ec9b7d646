//! Deliveries: nobody waits for somebody else's slow server, nor behind another workflow's thousands; what ends early is
//! handed on; what is refused is tried again as the node says.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::hooks::{Hooks, Manner};
use crate::support::sink::{self, Sink};
use crate::support::{Shop, edge, mail_on_order, node, until};

/// order_created → a request.
fn request_on_order(url: &str, retry: Value) -> Value {
    let mut hook = node(
        "hook",
        "action",
        json!({ "actionType": "http_request", "config": { "url": url,
            "headers": { "authorization": "Bearer geheim" },
            "body": "{\"order\": {{ order.id|tojson }}}" } }),
    );
    hook["data"]["retry"] = retry;
    let start = node("start", "trigger", json!({ "triggerType": "order_created", "config": {} }));
    json!({ "nodes": [start, hook], "edges": [edge("start", "hook")] })
}

const ALLOW: &str = "THENDO_HTTP__ALLOW";

async fn with_status(shop: &Shop, kind: &str, status: &str) -> i64 {
    let sql = "select count(*) from workflow_deliveries where kind = $1 and status = $2";
    shop.number(sql, &[&kind, &status]).await
}

async fn error_of(shop: &Shop) -> String {
    let sql = "select coalesce(error, '') from workflow_executions";
    shop.db.query_one(sql, &[]).await.expect("one execution").get(0)
}

async fn step_of(shop: &Shop, node: &str) -> Value {
    let sql = "select steps from workflow_executions";
    let steps: Value = shop.db.query_one(sql, &[]).await.expect("one execution").get(0);
    steps.as_array().expect("a list").iter().find(|step| step["node"] == node).expect("its step").clone()
}

#[tokio::test]
async fn a_request_is_made_with_its_key_and_its_answer_is_kept() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::Answers).await;
    let _daemon = shop.daemon_with(&[(ALLOW, &hooks.address)]).await;
    shop.publishes("hook", &request_on_order(&hooks.url(), Value::Null)).await;
    let order = shop.places_order(250_00).await;
    shop.has_settled().await;
    let calls = hooks.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].body, format!("{{\"order\": \"{order}\"}}"));
    assert_eq!(calls[0].headers["content-type"], "application/json");
    assert_eq!(calls[0].headers["authorization"], "Bearer geheim");
    let id: Uuid = shop.db.query_one("select id from workflow_deliveries", &[]).await.expect("one").get(0);
    assert_eq!(calls[0].headers["idempotency-key"], id.to_string());
    let step = step_of(&shop, "hook").await;
    assert_eq!(step["result"]["status"], 200);
    assert_eq!(step["result"]["body"], json!({ "number": 1 }));
    assert!(!step.to_string().contains("geheim"), "{step}");
    let execution: Uuid =
        shop.db.query_one("select id from workflow_executions", &[]).await.expect("one").get(0);
    let (_, shown, _) =
        shop.thendo(&["executions", "show", &execution.to_string(), "--format", "json"]).await;
    assert!(shown.contains("idempotency") || shown.contains("127.0.0.1"), "{shown}");
    assert!(!shown.contains("geheim"), "{shown}");
}

#[tokio::test]
async fn nobody_reaches_the_inside_of_the_network() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::Answers).await;
    let _daemon = shop.daemon().await;
    shop.publishes("hook", &request_on_order(&hooks.url(), Value::Null)).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(hooks.calls().len(), 0);
    let error = error_of(&shop).await;
    assert!(error.contains("not on the public internet") && error.contains("http.allow"), "{error}");
}

#[tokio::test]
async fn redirects_are_not_followed_and_long_answers_are_cut() {
    for (manner, expected) in [(Manner::Redirects, "302"), (Manner::TalksOn, "")] {
        let shop = Shop::open().await;
        let hooks = Hooks::open(manner).await;
        let _daemon = shop.daemon_with(&[(ALLOW, &hooks.address)]).await;
        shop.publishes("hook", &request_on_order(&hooks.url(), Value::Null)).await;
        shop.places_order(250_00).await;
        shop.has_settled().await;
        assert!(error_of(&shop).await.contains(expected));
        if manner == Manner::TalksOn {
            let step = step_of(&shop, "hook").await;
            assert_eq!(step["result"]["body"].as_str().map(str::len), Some(64 * 1024));
        }
    }
}

#[tokio::test]
async fn a_hung_webhook_and_a_hung_mail_server_hold_up_nobody_else() {
    let shop = Shop::open().await;
    let (hung, quick) = (Hooks::open(Manner::Hangs).await, Hooks::open(Manner::Answers).await);
    let mails = Sink::open(sink::Manner::Hangs).await;
    let allow = format!("{}, {}", hung.address, quick.address);
    let _daemon = shop
        .daemon_with(&[
            (ALLOW, &allow),
            ("THENDO_MAIL__SMTP_URL", &mails.url),
            ("THENDO_DELIVERIES__CONCURRENCY", "5"),
            ("THENDO_DELIVERIES__PER_DESTINATION", "2"),
            ("THENDO_DELIVERIES__TIMEOUT_MS", "60000"),
        ])
        .await;
    shop.publishes("hung", &request_on_order(&hung.url(), Value::Null)).await;
    shop.publishes("mail", &mail_on_order()).await;
    shop.publishes("quick", &request_on_order(&quick.url(), Value::Null)).await;
    for _ in 0..20 {
        shop.places_order(250_00).await;
    }
    until("the quick ones are all done", || async { with_status(&shop, "http", "sent").await == 20 }).await;
    assert_eq!(quick.calls().len(), 20);
    assert_eq!(hung.calls().len(), 2, "no more than its share");
    assert_eq!(*mails.tries.lock().expect("no panic"), 2, "no more than its share");
    hung.lets_go();
    until("the hung ones too", || async { with_status(&shop, "http", "sent").await == 40 }).await;
}

#[tokio::test]
async fn a_request_is_tried_again_as_its_node_says_and_then_given_up() {
    for (retry, calls, words) in [
        (json!({"attempts": 3, "backoff": "1s"}), 3, "given up after 3 attempts"),
        (json!({"attempts": 50, "backoff": "1s", "give_up_after": "2s"}), 2, "given up after 2 attempts"),
        (json!({"on": ["timeout", "connection"]}), 1, "500"),
    ] {
        let shop = Shop::open().await;
        let hooks = Hooks::open(Manner::Fails).await;
        let _daemon = shop.daemon_with(&[(ALLOW, &hooks.address)]).await;
        shop.publishes("hook", &request_on_order(&hooks.url(), retry.clone())).await;
        shop.places_order(250_00).await;
        shop.has_settled().await;
        let made = hooks.calls();
        assert_eq!(made.len(), calls, "{retry}");
        assert!(made.windows(2).all(|two| two[1].at - two[0].at >= Duration::from_millis(700)), "{retry}");
        let keys: std::collections::HashSet<_> =
            made.iter().map(|call| call.headers["idempotency-key"].clone()).collect();
        assert_eq!(keys.len(), 1, "the other side can tell");
        let error = error_of(&shop).await;
        assert!(error.contains(words) && error.contains("it broke"), "{retry}: {error}");
        let step = step_of(&shop, "hook").await;
        assert_eq!(step["attempt"].as_u64(), Some(calls as u64).filter(|calls| *calls > 1));
    }
}

#[tokio::test]
async fn a_mail_server_that_hangs_before_the_message_has_taken_nothing() {
    for (manner, words) in [(sink::Manner::Hangs, "no greeting"), (sink::Manner::HangsBefore, "no go-ahead")]
    {
        has_taken_nothing(manner, words).await;
    }
}

async fn has_taken_nothing(manner: sink::Manner, words: &str) {
    let shop = Shop::open().await;
    let mails = Sink::open(manner).await;
    let _daemon = shop
        .daemon_with(&[
            ("THENDO_MAIL__SMTP_URL", &mails.url),
            ("THENDO_DELIVERIES__TIMEOUT_MS", "1500"),
            ("THENDO_DELIVERIES__BACKOFF_MS", "50"),
            ("THENDO_MAIL__ATTEMPTS", "3"),
        ])
        .await;
    shop.publishes("mail", &mail_on_order()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(with_status(&shop, "email", "refused").await, 1, "not unknown: nothing had left");
    let error = error_of(&shop).await;
    assert!(error.contains("given up after 3 attempts") && error.contains(words), "{error}");
    assert_eq!(*mails.tries.lock().expect("no panic"), 3);
}

#[tokio::test]
async fn mails_go_one_after_the_other_by_one_connection() {
    let shop = Shop::open().await;
    let mails = Sink::open(sink::Manner::Accepts).await;
    let _daemon = shop.daemon_with(&[("THENDO_MAIL__SMTP_URL", &mails.url)]).await;
    shop.publishes("mail", &mail_on_order()).await;
    for so_many in 1..=3 {
        shop.places_order(250_00).await;
        shop.has_settled().await;
        assert_eq!(mails.taken().len(), so_many);
    }
    // One that lay idle on a slow machine is not used again.
    assert!(*mails.connections.lock().expect("no panic") < 3);
}

#[tokio::test]
async fn an_answer_that_comes_late_is_not_taken_for_another_s() {
    let shop = Shop::open().await;
    let mails = Sink::open(sink::Manner::IsLate).await;
    let settings = [("THENDO_MAIL__SMTP_URL", mails.url.as_str()), ("THENDO_DELIVERIES__TIMEOUT_MS", "3000")];
    let _daemon = shop.daemon_with(&settings).await;
    shop.publishes("mail", &mail_on_order()).await;
    shop.places_order(250_00).await;
    until("it is given up", || async { with_status(&shop, "email", "unknown").await == 1 }).await;
    mails.speaks.notify_one();
    // One after the other, by the connections that are there.
    for so_many in 1..=6 {
        shop.places_order(250_00).await;
        shop.has_settled().await;
        assert_eq!(with_status(&shop, "email", "sent").await, so_many);
        assert_eq!(mails.taken().len() as i64, 1 + so_many, "what counts as sent was taken");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_time_gets_it() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::IsBusy(1, 3)).await;
    let settings = [(ALLOW, hooks.address.as_str()), ("THENDO_DELIVERIES__BACKOFF_MS", "50")];
    let _daemon = shop.daemon_with(&settings).await;
    shop.publishes("hook", &request_on_order(&hooks.url(), Value::Null)).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let calls = hooks.calls();
    assert_eq!(calls.len(), 2);
    assert!(calls[1].at - calls[0].at >= Duration::from_millis(2_900), "{:?}", calls[1].at - calls[0].at);
    assert_eq!(error_of(&shop).await, "");
    assert_eq!(step_of(&shop, "hook").await["attempt"], 2);
}

#[tokio::test]
async fn a_refused_row_is_tried_again_when_its_node_says_so() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let mut points =
        node("points", "action", json!({ "actionType": "award_points", "config": { "points": 5 } }));
    points["data"]["retry"] = json!({ "attempts": 30, "backoff": "1s", "longest": "1s" });
    let start = node("start", "trigger", json!({ "triggerType": "order_created", "config": {} }));
    shop.publishes("w", &json!({ "nodes": [start, points], "edges": [edge("start", "points")] })).await;
    // A trigger of the shop's own that says no, for now.
    shop.db
        .batch_execute(
            "create function curse() returns trigger language plpgsql as $$ begin raise exception 'not today'; end $$;
             create trigger curse before insert on loyalty_ledger for each row execute function curse();",
        )
        .await
        .expect("a curse");
    shop.places_order(250_00).await;
    until("it rests after an attempt", || async {
        shop.number("select count(*) from workflow_waiting where state::text like '%not today%'", &[]).await
            == 1
    })
    .await;
    shop.db.batch_execute("drop trigger curse on loyalty_ledger").await.expect("lifted");
    shop.has_settled().await;
    assert_eq!(error_of(&shop).await, "");
    assert!(step_of(&shop, "points").await["attempt"].as_u64().is_some_and(|attempt| attempt > 1));
    assert_eq!(shop.number("select sum(balance) from loyalty_points", &[]).await, 5);
    assert_eq!(shop.count("loyalty_ledger").await, 1);
}

#[tokio::test]
async fn a_daemon_that_is_told_to_end_lets_what_is_under_way_end() {
    let shop = Shop::open().await;
    let slow = Hooks::open(Manner::AnswersAfter(Duration::from_secs(2))).await;
    let daemon = shop.daemon_with(&[(ALLOW, &slow.address)]).await;
    shop.publishes("hook", &request_on_order(&slow.url(), Value::Null)).await;
    shop.places_order(250_00).await;
    until("it is under way", || async { slow.calls().len() == 1 }).await;
    let ended = tokio::task::spawn_blocking(move || daemon.stops()).await.expect("no panic");
    assert!(ended.success(), "{ended}");
    assert_eq!(with_status(&shop, "http", "sent").await, 1, "its end was written down");
    let _daemon = shop.daemon_with(&[(ALLOW, &slow.address)]).await;
    shop.has_settled().await;
    assert_eq!(slow.calls().len(), 1);
}

#[tokio::test]
async fn a_daemon_that_is_told_to_end_does_so_though_the_others_say_nothing() {
    let shop = Shop::open().await;
    let hung = Hooks::open(Manner::Hangs).await;
    let mails = Sink::open(sink::Manner::HangsAtTheEnd).await;
    let settings = [
        (ALLOW, hung.address.as_str()),
        ("THENDO_MAIL__SMTP_URL", mails.url.as_str()),
        ("THENDO_DELIVERIES__CONCURRENCY", "3"),
        ("THENDO_DELIVERIES__PER_DESTINATION", "1"),
        ("THENDO_DELIVERIES__TIMEOUT_MS", "60000"),
    ];
    let daemon = shop.daemon_with(&settings).await;
    shop.publishes("hung", &request_on_order(&hung.url(), Value::Null)).await;
    shop.publishes("mail", &mail_on_order()).await;
    shop.places_order(250_00).await;
    shop.places_order(250_00).await;
    until("both are under way", || async { hung.calls().len() == 1 && mails.taken().len() == 1 }).await;
    let began = Instant::now();
    let ended = tokio::task::spawn_blocking(move || daemon.stops()).await.expect("no panic");
    assert!(ended.success(), "{ended}");
    let took = began.elapsed();
    println!("SIGTERM with both under way: ended after {took:?}");
    assert!(took < Duration::from_secs(12), "{took:?}");
    // The request is harmless: it is put back. The mail may have left: its lease runs out, and nobody knows.
    assert_eq!(with_status(&shop, "http", "pending").await, 2);
    assert_eq!(with_status(&shop, "email", "sending").await, 1);
    assert_eq!(with_status(&shop, "email", "pending").await, 1);
    hung.lets_go();
    let _daemon = shop.daemon_with(&settings).await;
    until("the mail's fate is told", || async { with_status(&shop, "email", "unknown").await == 1 }).await;
    until("the requests are made", || async { with_status(&shop, "http", "sent").await == 2 }).await;
    until("somebody is told", || async { shop.alarms("delivery_unknown").await == 1 }).await;
}

#[tokio::test]
async fn a_frozen_daemon_is_taken_over_from_and_its_late_word_changes_nothing() {
    let shop = Shop::open().await;
    let hung = Hooks::open(Manner::Hangs).await;
    let settings = [(ALLOW, hung.address.as_str()), ("THENDO_DELIVERIES__TIMEOUT_MS", "60000")];
    let frozen = shop.daemon_with(&settings).await;
    shop.publishes("hung", &request_on_order(&hung.url(), Value::Null)).await;
    shop.places_order(250_00).await;
    until("it is under way", || async { hung.calls().len() == 1 }).await;
    frozen.freezes();
    let began = Instant::now();
    let _other = shop.daemon_with(&settings).await;
    until("the other one asks again", || async { hung.calls().len() == 2 }).await;
    let took = began.elapsed();
    println!("SIGSTOP: taken over after {took:?}");
    assert!(took < Duration::from_secs(15), "{took:?}");
    hung.lets_go();
    until("it is done", || async { with_status(&shop, "http", "sent").await == 1 }).await;
    let result = "select result -> 'body' ->> 'number' from workflow_deliveries";
    let before: String = shop.db.query_one(result, &[]).await.expect("a result").get(0);
    assert_eq!(before, "2");
    frozen.thaws();
    until("the frozen one has found out", || async { frozen.logged().contains("leases had run out") }).await;
    let after: String = shop.db.query_one(result, &[]).await.expect("a result").get(0);
    assert_eq!(after, "2");
    shop.has_settled().await;
    assert_eq!(shop.count("workflow_executions").await, 1);
}
