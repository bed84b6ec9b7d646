//! Deliveries: nobody waits for somebody else's slow server, nor behind another workflow's thousands; what ends early is
//! handed on; what is refused is tried again as the node says.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thendo::domain::effect::{Answer, Effect, Email, Request};
use thendo::domain::ids::{EffectId, ExecutionId, WorkflowId};
use thendo::store::deliveries::{self, Found, Turn, Wanted};
use thendo::store::effects::{Asked, apply};
use thendo::store::session::Session;
use uuid::Uuid;

use crate::support::hooks::{Hooks, Manner};
use crate::support::sink::{self, Sink};
use crate::support::{Shop, connect, edge, mail_on_order, node, until};

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
    assert!(daemon.stops().success());
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

async fn session(shop: &Shop) -> Session {
    Session::new(connect(&shop.url).await)
}

async fn lease(session: &Session, limit: usize, after: &Turn) -> Found {
    lease_with(session, limit, after, &HashMap::new()).await
}

async fn lease_with(
    session: &Session,
    limit: usize,
    after: &Turn,
    under_way: &HashMap<String, usize>,
) -> Found {
    let wanted = Wanted { limit, lease_ms: 60_000, repeatable: false, per_destination: 8, under_way, after };
    deliveries::lease(session, wanted).await.expect("leased")
}

const MANY: &str = "
insert into workflow_deliveries (id, execution_id, workflow_id, destination, node_id, kind, lane, payload, due_at)
select gen_random_uuid(), gen_random_uuid(), $1, $2, 'mail', 'email', 1, '{}', now() - interval '1 hour'
  from generate_series(1, $3::int)";

#[tokio::test]
async fn one_mail_does_not_wait_behind_a_hundred_thousand_of_another_workflow() {
    let shop = Shop::open().await;
    let (large, small) = (Uuid::from_u128(1), Uuid::from_u128(2));
    shop.db.execute(MANY, &[&large, &"mail", &100_000]).await.expect("many");
    shop.db.batch_execute("analyze workflow_deliveries").await.expect("analyzed");
    shop.db.execute(MANY, &[&small, &"mail", &1]).await.expect("one");
    let session = session(&shop).await;
    let began = Instant::now();
    let found = lease(&session, 4, &Turn::default()).await;
    println!("leasing 4 of 100,001: {:?}", began.elapsed());
    assert_eq!(found.leased.len(), 4);
    let left = "select count(*) from workflow_deliveries where workflow_id = $1 and status = 'pending'";
    assert_eq!(shop.number(left, &[&small]).await, 0, "it was among the first");
    // One place at a time, they take turns too.
    shop.db.execute(MANY, &[&small, &"mail", &3]).await.expect("three");
    let mut turn = Turn::default();
    for _ in 0..6 {
        turn = lease(&session, 1, &turn).await.next;
    }
    assert_eq!(shop.number(left, &[&small]).await, 0);

    // And looking costs little: neither is the table read, nor what is pending.
    let sql = include_str!("../../src/store/sql/lease_deliveries.sql");
    let prepare = format!("prepare lease as {sql}");
    shop.db.batch_execute(&prepare).await.expect("prepared");
    let explained = "explain (analyze, buffers, format json) execute
        lease(8, gen_random_uuid(), 10000, false, 8, '{}', '{}', '', '00000000-0000-0000-0000-000000000000')";
    let plan: Value = shop.db.query_one(explained, &[]).await.expect("a plan").get(0);
    let (blocks, ms) = (plan[0]["Plan"]["Shared Hit Blocks"].clone(), plan[0]["Execution Time"].clone());
    println!("leasing 8 of 100,000: {blocks} blocks, {ms} ms");
    assert!(blocks.as_u64().is_some_and(|blocks| blocks < 1_000), "{blocks}");
    assert!(!plan.to_string().contains("\"Seq Scan\",\"Relation Name\":\"workflow_deliveries\""));
}

#[tokio::test]
async fn turns_are_taken_though_there_are_more_than_one_look_takes() {
    let shop = Shop::open().await;
    // 300 servers that are away: their deliveries are put off. One that is due, in their midst.
    let sql = "insert into workflow_deliveries
            (id, execution_id, workflow_id, destination, node_id, kind, lane, payload, due_at)
        select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), format('https://s%s.example.com:443', n + 1000), 'hook',
               'http', 1, '{}', now() + case when n = 150 then interval '-1 s' else interval '1 hour' end
          from generate_series(1, 300) n";
    shop.db.execute(sql, &[]).await.expect("many");
    let session = session(&shop).await;
    for start in
        [String::new(), "https://s1149.example.com:443".into(), "https://s1290.example.com:443".into()]
    {
        let mut turn: Turn = (start.clone(), Uuid::nil());
        let mut looks = 0;
        loop {
            looks += 1;
            assert!(looks <= 8, "from {start:?}, not found within {looks} looks");
            let found = lease(&session, 4, &turn).await;
            if !found.leased.is_empty() {
                break;
            }
            turn = found.next;
        }
        let back = "update workflow_deliveries set status = 'pending', lease_token = null, lease_until = null
                    where status = 'sending'";
        shop.db.execute(back, &[]).await.expect("put back");
    }
}

#[tokio::test]
async fn a_destination_with_enough_under_way_is_passed_over() {
    let shop = Shop::open().await;
    shop.db.execute(MANY, &[&Uuid::from_u128(1), &"https://a:443", &50]).await.expect("many");
    shop.db.execute(MANY, &[&Uuid::from_u128(2), &"https://a:443", &50]).await.expect("many");
    shop.db.execute(MANY, &[&Uuid::from_u128(1), &"https://b:443", &50]).await.expect("many");
    let session = session(&shop).await;
    let under_way = HashMap::from([("https://a:443".to_owned(), 5)]);
    let found = lease_with(&session, 20, &Turn::default(), &under_way).await;
    let to = |server: &str| found.leased.iter().filter(|of| of.destination == server).count();
    assert_eq!((to("https://a:443"), to("https://b:443")), (3, 8));
    let under_way = HashMap::from([("https://a:443".to_owned(), 8)]);
    let found = lease_with(&session, 20, &Turn::default(), &under_way).await;
    assert!(found.leased.iter().all(|of| of.destination == "https://b:443"));
}

fn asked(id: EffectId, execution: ExecutionId, subject: &str) -> Asked {
    let (to, text) = ("ada@example.com".into(), "t".into());
    let effect = Effect::SendEmail(Email { to, subject: subject.into(), text, html: None });
    let request = Request { id, node: "mail".into(), item: Vec::new(), effect, retry: None };
    Asked { execution, workflow: WorkflowId(Uuid::from_u128(1)), lane: 1, request }
}

#[tokio::test]
async fn what_was_refused_or_called_off_is_taken_up_by_another_execution_only() {
    let shop = Shop::open().await;
    let session = session(&shop).await;
    let (id, first, second) =
        (EffectId(Uuid::new_v4()), ExecutionId(Uuid::new_v4()), ExecutionId(Uuid::new_v4()));
    let hand = async |execution: ExecutionId, subject: &str| {
        apply(&session, &[asked(id, execution, subject)])
            .await
            .expect("applied")
            .remove(&id)
            .expect("an answer")
    };
    let sets = async |status: &str| {
        let sql =
            "update workflow_deliveries set status = $1, result = '{\"reason\": \"no\"}', execution_id = $2";
        shop.db.execute(sql, &[&status, &first.0]).await.expect("set");
    };
    let row = async || {
        let sql = "select status, execution_id, payload ->> 'subject', attempt from workflow_deliveries";
        let row = shop.db.query_one(sql, &[]).await.expect("one");
        (row.get::<_, String>(0), row.get::<_, Uuid>(1), row.get::<_, String>(2), row.get::<_, i16>(3))
    };
    assert!(matches!(hand(first, "one").await, Answer::Handed { .. }));
    assert!(matches!(hand(first, "one").await, Answer::Handed { .. }), "a batch that is done again");
    // Still on its way: it comes back to whoever asked last.
    assert!(matches!(hand(second, "two").await, Answer::Handed { .. }));
    assert_eq!(row().await, ("pending".into(), second.0, "one".into(), 0));
    for status in ["refused", "cancelled"] {
        sets(status).await;
        assert!(
            matches!(hand(first, "one").await, Answer::Refused { .. }),
            "{status}: not sent again unasked"
        );
        assert_eq!(row().await.0, status);
        assert!(matches!(hand(second, "two").await, Answer::Handed { .. }));
        assert_eq!(row().await, ("pending".into(), second.0, "two".into(), 0), "{status}");
    }
    for (status, done) in [("sent", true), ("unknown", false)] {
        sets(status).await;
        let answer = hand(second, "three").await;
        assert_eq!(matches!(answer, Answer::Done { .. }), done, "{status}: {answer:?}");
        assert!(!matches!(answer, Answer::Handed { .. }), "{status}");
        assert_eq!(row().await.0, status);
    }
}

#[tokio::test]
async fn what_is_pending_is_called_off_and_what_is_being_sent_is_not() {
    let shop = Shop::open().await;
    let session = session(&shop).await;
    let execution = ExecutionId(Uuid::new_v4());
    let ids = [EffectId(Uuid::new_v4()), EffectId(Uuid::new_v4())];
    for id in ids {
        apply(&session, &[asked(id, execution, "one")]).await.expect("applied");
    }
    assert_eq!(lease(&session, 1, &Turn::default()).await.leased.len(), 1);
    assert_eq!(deliveries::cancel_pending(&session, &[execution]).await.expect("called off"), 1);
    assert_eq!(with_status(&shop, "email", "cancelled").await, 1);
    assert_eq!(with_status(&shop, "email", "sending").await, 1);
}
