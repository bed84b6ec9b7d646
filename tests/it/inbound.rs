//! Webhooks of other systems: taken once and never lost, refused without a word of why.

use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use futures_util::future::join_all;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::secrets::{KEY, stores};
use crate::support::daemon::Daemon;
use crate::support::{Shop, connect, edge, node, until};

const KEY_SETTING: (&str, &str) = ("THENDO_SECRETS__KEY", KEY);
const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// webhook → a mail that tells what came.
fn hook(config: Value) -> Value {
    let start = node("start", "trigger", json!({ "triggerType": "webhook", "config": config }));
    let does = json!({ "to": "a@example.com", "subject": "It came", "text": "{{ webhook.body.name|default('nobody') }}" });
    let does = node("does", "action", json!({ "actionType": "send_email", "config": does }));
    json!({ "nodes": [start, does], "edges": [edge("start", "does")] })
}

async fn sends(daemon: &Daemon, path: &str, headers: &[(&str, &str)], body: &str) -> StatusCode {
    let mut request = Client::new().post(format!("{}/hooks/{path}", daemon.http)).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer").status()
}

fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

fn hex_of(key: &str, parts: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    hmac::sign(&key, parts.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends chunk after chunk without saying how many, until nobody takes them; how much was sent.
async fn floods(daemon: &Daemon) -> usize {
    let address = daemon.http.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let head = "POST /hooks/lead HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    let mut sent = 0;
    while sent < 1 << 30 && stream.write_all(chunk.as_bytes()).await.is_ok() {
        sent += chunk.len();
    }
    sent
}

async fn event(shop: &Shop) -> Value {
    let sql =
        "select row_data from workflow_events where table_name = 'thendo.webhook' order by at desc limit 1";
    shop.db.query_one(sql, &[]).await.expect("an event").get(0)
}

async fn events(shop: &Shop) -> i64 {
    shop.number("select count(*) from workflow_events where table_name = 'thendo.webhook'", &[]).await
}

#[tokio::test]
async fn a_signed_webhook_starts_its_workflow_once_however_often_it_comes() {
    let shop = Shop::open().await;
    stores(&shop, "crm", SIGNING);
    let daemon = shop.daemon_with(&[KEY_SETTING]).await;
    let other = shop.daemon_with(&[KEY_SETTING]).await;
    shop.publishes("lead", &hook(json!({ "path": "crm/new-lead", "secret": "crm" }))).await;
    let (body, time) = (r#"{"name": "Ada"}"#, now());
    let signed =
        Webhook::new(SIGNING).expect("a secret").sign("msg_1", time, body.as_bytes()).expect("signed");
    let time = time.to_string();
    let headers = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", &*time),
        ("webhook-signature", &*signed),
        ("content-type", "application/json"),
        ("authorization", "Bearer DO-NOT-KEEP"),
    ];
    for daemon in [&daemon, &other, &daemon] {
        assert_eq!(sends(daemon, "crm/new-lead", &headers, body).await, 202);
    }
    // At the same moment, too.
    let at_once = (0..10).map(|n| {
        sends(if n % 2 == 0 { &daemon } else { &other }, "crm/new-lead?a=1&token=x", &headers, body)
    });
    assert!(join_all(at_once).await.iter().all(|status| *status == 202));
    shop.has_settled().await;
    assert_eq!((events(&shop).await, shop.count("workflow_executions").await), (1, 1));
    let event = event(&shop).await;
    assert_eq!(event["body"], json!({ "name": "Ada" }));
    assert_eq!((&event["method"], &event["path"]), (&json!("POST"), &json!("crm/new-lead")));
    assert_eq!((&event["verified"], &event["sender_id"]), (&json!(["standard:crm"]), &json!("msg_1")));
    assert!(!event.to_string().contains("DO-NOT-KEEP") && event["headers"]["webhook-signature"].is_null());
    let sql = "select count(*) from workflow_deliveries where payload ->> 'text' = 'Ada' and status = 'sent'";
    assert_eq!(shop.number(sql, &[]).await, 1);
}

#[tokio::test]
async fn what_is_not_signed_as_the_hook_wants_it_is_refused_without_a_word() {
    let shop = Shop::open().await;
    stores(&shop, "crm", SIGNING);
    let daemon = shop.daemon_with(&[KEY_SETTING]).await;
    shop.publishes("lead", &hook(json!({ "path": "lead", "secret": "crm" }))).await;
    let webhook = Webhook::new(SIGNING).expect("a secret");
    let body = r#"{"name": "Eve"}"#;
    let old = now() - 301;
    let other = Webhook::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").expect("a secret");
    for (time, signed) in [
        (old, webhook.sign("m", old, body.as_bytes()).expect("signed")),
        (now(), other.sign("m", now(), body.as_bytes()).expect("signed")),
        (now(), webhook.sign("m", now(), b"{}").expect("signed")),
        (now(), String::new()),
    ] {
        let time = time.to_string();
        let headers = [("webhook-id", "m"), ("webhook-timestamp", &*time), ("webhook-signature", &*signed)];
        assert_eq!(sends(&daemon, "lead", &headers, body).await, 401);
    }
    let answer =
        Client::new().post(format!("{}/hooks/lead", daemon.http)).body(body).send().await.expect("an answer");
    assert_eq!(answer.text().await.expect("text"), "not authorised\n");
    // A secret that is gone, or can't be one, is our fault: who sends shall come again.
    stores(&shop, "crm", "no-signing-secret");
    assert_eq!(sends(&daemon, "lead", &[], body).await, 503);
    shop.db.batch_execute("delete from workflow_secrets").await.expect("gone");
    assert_eq!(sends(&daemon, "lead", &[], body).await, 503);
    assert_eq!(events(&shop).await, 0);
    assert!(daemon.metric("thendo_webhooks_total").await >= 7.0);
    assert!(daemon.logged().contains("thendo secrets set") && !daemon.logged().contains("Eve"));
}

#[tokio::test]
async fn paths_methods_and_sizes_that_are_none_are_refused() {
    let shop = Shop::open().await;
    let settings = [KEY_SETTING, ("THENDO_HOOKS__MAX_BODY_KIB", "64")];
    let daemon = shop.daemon_with(&settings).await;
    shop.publishes("lead", &hook(json!({ "path": "lead" }))).await;
    for path in ["", "other", "lead/", "lead/x", "LEAD", "..%2Fmetrics", "%00", "lead%20", &"a".repeat(101)] {
        assert_eq!(sends(&daemon, path, &[], "").await, 404, "{path}");
    }
    let client = Client::new();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let sent = client.request(method.clone(), format!("{}/hooks/lead", daemon.http)).send().await;
        assert_eq!(sent.expect("an answer").status(), 404, "{method}");
    }
    let json = [("content-type", "application/json")];
    assert_eq!(sends(&daemon, "lead", &json, &format!("\"{}\"", "x".repeat(65 * 1024))).await, 413);
    // Without saying how long it is.
    let sent = floods(&daemon).await;
    assert!(sent < 16 * 1024 * 1024, "{sent} bytes were taken");
    assert_eq!(sends(&daemon, "lead", &json, "{").await, 400);
    assert_eq!(sends(&daemon, "lead", &json, "1e999").await, 400);
    assert_eq!(events(&shop).await, 0);
    assert_eq!(sends(&daemon, "lead", &json, &format!("\"{}\"", "x".repeat(60 * 1024))).await, 202);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(sends(&daemon, "lead", &form, "name=Ada+L&x=%00").await, 202);
    assert_eq!(event(&shop).await["body"], json!({ "name": "Ada L", "x": "\u{fffd}" }));
    // A hook that is paused is none.
    let (_, _, said) = shop.thendo(&["workflow", "pause", "lead"]).await;
    assert_eq!(sends(&daemon, "lead", &json, "{}").await, 404, "{said}");
}

#[tokio::test]
async fn stripe_github_and_tokens_are_believed_and_an_open_hook_beside_them_opens_nothing() {
    let shop = Shop::open().await;
    for (name, value) in [("stripe", "whsec_stripe-test"), ("github", "githubsecret"), ("form", "formtoken")]
    {
        stores(&shop, name, value);
    }
    let daemon = shop.daemon_with(&[KEY_SETTING]).await;
    for scheme in ["stripe", "github"] {
        shop.publishes(scheme, &hook(json!({ "path": scheme, "secret": scheme, "verify": scheme }))).await;
    }
    shop.publishes("form", &hook(json!({ "path": "form", "secret": "form", "verify": "token" }))).await;
    shop.publishes("open", &hook(json!({ "path": "form" }))).await;
    let body = r#"{"id": "evt_1", "name": "Ada"}"#;
    let stripe = format!("t={},v1={}", now(), hex_of("whsec_stripe-test", &format!("{}.{body}", now())));
    let github = format!("sha256={}", hex_of("githubsecret", body));
    for _ in 0..2 {
        assert_eq!(sends(&daemon, "stripe", &[("stripe-signature", &stripe)], body).await, 202);
        let headers = [("x-hub-signature-256", &*github), ("x-github-delivery", "72d3162e")];
        assert_eq!(sends(&daemon, "github", &headers, body).await, 202);
        let headers = [("authorization", "Bearer formtoken"), ("idempotency-key", "1")];
        assert_eq!(sends(&daemon, "form", &headers, body).await, 202);
    }
    assert_eq!(events(&shop).await, 3);
    let changed = body.replace("Ada", "Eve");
    assert_eq!(sends(&daemon, "stripe", &[("stripe-signature", &stripe)], &changed).await, 401);
    assert_eq!(sends(&daemon, "github", &[("x-hub-signature-256", &github)], &changed).await, 401);
    // The open one at the same path takes it, and only that.
    assert_eq!(sends(&daemon, "form", &[("authorization", "Bearer wrong")], &changed).await, 202);
    shop.has_settled().await;
    let sql = "select count(*) from workflow_executions e join workflows w on w.id = e.workflow_id where w.name = $1";
    for (name, expected) in [("stripe", 1), ("github", 1), ("form", 1), ("open", 2)] {
        assert_eq!(shop.number(sql, &[&name]).await, expected, "{name}");
    }
}

#[tokio::test]
async fn who_sends_slowly_keeps_nobody_out() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("lead", &hook(json!({ "path": "lead" }))).await;
    let address = daemon.http.trim_start_matches("http://");
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = b"POST /hooks/lead HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{";
        stream.write_all(request).await.expect("a beginning");
        slow.push(stream);
    }
    assert_eq!(sends(&daemon, "lead", &[], "{}").await, 202);
    // And is waited for only so long.
    let mut answer = String::new();
    BufReader::new(slow.pop().expect("one")).read_line(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(events(&shop).await, 1);
}

#[tokio::test]
async fn what_was_answered_with_202_runs_though_the_daemon_dies() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("lead", &hook(json!({ "path": "lead" }))).await;
    // Nothing is claimed while this is held: the daemon dies between its answer and the work.
    shop.db.batch_execute("begin; select pg_advisory_xact_lock(1952998511, 1)").await.expect("held");
    for n in 0..20 {
        assert_eq!(sends(&daemon, "lead", &[("idempotency-key", &n.to_string())], "{}").await, 202);
    }
    daemon.dies();
    shop.db.batch_execute("commit").await.expect("let go");
    assert_eq!((events(&shop).await, shop.count("workflow_executions").await), (20, 0));
    let again = shop.daemon().await;
    until("all have run", || async { shop.count("workflow_executions").await == 20 }).await;
    // And is known to the next daemon, too.
    assert_eq!(sends(&again, "lead", &[("idempotency-key", "7")], "{}").await, 202);
    assert_eq!(events(&shop).await, 20);
}

#[tokio::test]
async fn while_the_database_is_away_nothing_is_pretended() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("lead", &hook(json!({ "path": "lead" }))).await;
    shop.db.batch_execute("begin; lock table workflow_hook_calls").await.expect("locked");
    let began = Instant::now();
    let status = sends(&daemon, "lead", &[("idempotency-key", "1")], "{}").await;
    assert_eq!(status, 503);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    shop.db.batch_execute("rollback").await.expect("let go");
    assert_eq!(events(&shop).await, 0);
    assert_eq!(sends(&daemon, "lead", &[("idempotency-key", "1")], "{}").await, 202);
    assert_eq!(events(&shop).await, 1);
}

#[tokio::test]
async fn beyond_what_can_be_taken_at_once_who_comes_is_asked_to_come_again() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("lead", &hook(json!({ "path": "lead" }))).await;
    // It is held for longer than a session of ours may rest in a transaction.
    shop.does("set idle_in_transaction_session_timeout = 0; begin; lock table workflow_hook_calls").await;
    let ids: Vec<_> = (0..150).map(|n: u32| n.to_string()).collect();
    let headers: Vec<_> = ids.iter().map(|id| [("idempotency-key", id.as_str())]).collect();
    let answers = join_all(headers.iter().map(|headers| sends(&daemon, "lead", headers, "{}"))).await;
    // Who was answered may still wait in the server: not for long, as no webhook waits long for a lock.
    let onlooker = connect(&shop.url).await;
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    until("nobody waits any more", || async {
        onlooker.query_one(waiting, &[]).await.expect("a number").get::<_, i64>(0) == 0
    })
    .await;
    shop.db.batch_execute("rollback").await.expect("let go");
    assert!(answers.contains(&StatusCode::TOO_MANY_REQUESTS), "{answers:?}");
    assert!(answers.iter().all(|status| matches!(status.as_u16(), 429 | 503)), "{answers:?}");
    // What was refused left nothing behind, and its places are free.
    assert_eq!(events(&shop).await, 0);
    assert_eq!(sends(&daemon, "lead", &[], "{}").await, 202);
}

#[tokio::test]
async fn a_burst_above_what_is_taken_at_once_waits_and_is_taken_whole() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("lead", &hook(json!({ "path": "lead" }))).await;
    let answers = join_all((0..150).map(|_| sends(&daemon, "lead", &[], "{}"))).await;
    assert!(answers.iter().all(|status| *status == 202), "{answers:?}");
    assert_eq!(events(&shop).await, 150);
}

#[tokio::test]
async fn however_much_a_request_waits_for_it_is_answered_in_time() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("lead", &hook(json!({ "path": "lead" }))).await;
    let held = connect(&shop.url).await;
    held.batch_execute("begin; lock table workflow_hook_calls; lock table workflow_triggers")
        .await
        .expect("locked");
    let mut stream =
        TcpStream::connect(daemon.http.trim_start_matches("http://")).await.expect("a connection");
    let began = Instant::now();
    let head = b"POST /hooks/lead HTTP/1.1\r\nhost: x\r\nidempotency-key: 1\r\ncontent-length: 2\r\n\r\n{";
    stream.write_all(head).await.expect("a beginning");
    // Each part takes nearly as long as it may: what hooks there are, the body, the record.
    tokio::time::sleep(Duration::from_millis(2_700)).await;
    held.batch_execute("rollback; begin; lock table workflow_hook_calls").await.expect("one is let go");
    tokio::time::sleep(Duration::from_millis(4_600)).await;
    stream.write_all(b"}").await.expect("the rest");
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(began.elapsed() < Duration::from_millis(8_900), "{:?}", began.elapsed());
    held.batch_execute("rollback").await.expect("let go");
    // Whether or not it was taken after all, sent again it is there once.
    assert_eq!(sends(&daemon, "lead", &[("idempotency-key", "1")], "{}").await, 202);
    assert_eq!(events(&shop).await, 1);
}

#[tokio::test]
async fn ids_are_kept_for_a_week() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("lead", &hook(json!({ "path": "lead" }))).await;
    let sql = "insert into workflow_hook_calls select 'lead', encode(sha256(n::text::bytea), 'hex'), now() - interval '8 days' from generate_series(1, 15) n";
    shop.db.batch_execute(sql).await.expect("old ones");
    for id in ["a", "b"] {
        assert_eq!(sends(&daemon, "lead", &[("idempotency-key", id)], "{}").await, 202);
    }
    assert_eq!(shop.count("workflow_hook_calls").await, 2);
}
