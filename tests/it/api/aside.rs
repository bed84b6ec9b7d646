//! What takes the processor long is done aside: nobody else waits for it, neither for a turn to edit nor for an answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Answer, Api};
use crate::loyalty::one_action;
use crate::support::{edge, node};
use crate::testruns::order;

/// A drawing as large as they may be, nearly, and slow to compile.
fn large() -> Value {
    let text = "Hello {{ customer.name }}, {{ order.total }} it is. ".repeat(15);
    let config = json!({"to": "{{ customer.email }}", "subject": "Thanks", "text": text});
    let mut nodes = vec![node("start", "trigger", json!({"triggerType": "order_created", "config": {}}))];
    let mut edges = Vec::new();
    for n in 0..800 {
        let before = if n == 0 { "start".to_owned() } else { format!("n{}", n - 1) };
        nodes.push(node(&format!("n{n}"), "action", json!({"actionType": "send_email", "config": config})));
        edges.push(edge(&before, &format!("n{n}")));
    }
    json!({"nodes": nodes, "edges": edges})
}

/// Asks what takes long, and beside it what does not, again and again: its answer, how long it took, the longest of the
/// others, and how many those were.
async fn beside(api: &Api, path: &str, body: &Value) -> (Answer, Duration, Duration, u32) {
    let done = CancellationToken::new();
    let slow = async {
        let began = Instant::now();
        let answer = api.ask("POST", path, Some(body)).await;
        done.cancel();
        (answer, began.elapsed())
    };
    let quick = async {
        let (mut longest, mut rounds) = (Duration::ZERO, 0);
        let drawn = json!({"definition": one_action("order_created", "award_points", json!({"points": 1}))});
        while !done.is_cancelled() {
            for (verb, path, body) in [
                ("GET", "/health", None),
                ("GET", "/workflows", None),
                ("PUT", "/workflows/other/draft", Some(&drawn)),
            ] {
                let began = Instant::now();
                let answer = api.ask_with(verb, path, &[("if-match", "*")], body).await;
                assert_eq!(answer.status, 200, "{path}: {answer:?}");
                longest = longest.max(began.elapsed());
            }
            rounds += 1;
        }
        (longest, rounds)
    };
    let ((answer, whole), (longest, rounds)) = tokio::join!(slow, quick);
    println!(
        "{path}: {whole:?}, and beside it {rounds} rounds, of which the longest request took {longest:?}"
    );
    (answer, whole, longest, rounds)
}

#[tokio::test]
async fn nobody_waits_for_the_compiler_but_who_asked_for_it() {
    let api = Api::open().await;
    let small = json!({"name": "other", "definition": one_action("order_created", "award_points", json!({"points": 2}))});
    assert_eq!(api.ask("POST", "/workflows", Some(&small)).await.status, 201);
    let drawing = json!({"name": "large", "definition": large()});
    let mut event = order(100);
    event["type"] = "none such".into();
    for (path, body, status) in [
        ("/publish", json!({"workflows": [{"drawing": drawing}]}), 200),
        ("/publish", json!({"workflows": [{"workflow": "large"}], "dry_run": true}), 200),
        // It compiles, and then the event is not read.
        ("/test-runs", json!({"drawing": drawing, "event": event}), 422),
        ("/workflows/large/pause", json!({}), 200),
    ] {
        let (answer, whole, longest, rounds) = beside(&api, path, &body).await;
        assert_eq!(answer.status, status, "{path}: {:?} {:?}", answer.status, answer.body["detail"]);
        assert!(rounds >= 2 && longest < whole / 2, "{path}: {rounds} rounds, {longest:?} of {whole:?}");
    }
}

#[tokio::test]
async fn what_was_edited_while_it_was_compiled_is_compared_under_the_lock() {
    let api = Api::open().await;
    let of = |points: i64| one_action("order_created", "award_points", json!({"points": points}));
    let add = json!({"name": "points", "definition": of(1)});
    assert_eq!(api.ask("POST", "/workflows", Some(&add)).await.status, 201);
    // Somebody has a turn to edit: what comes has been compiled, and waits for the turn.
    api.shop.db.batch_execute("begin; select pg_advisory_xact_lock(1952998511, 3)").await.expect("held");
    let publish = json!({"workflows": [{"workflow": "points"}]});
    let asks = api.ask("POST", "/publish", Some(&publish));
    let edits = async {
        crate::support::until("it waits", || async {
            let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted and classid = 1952998511";
            api.shop.number(waits, &[]).await > 0
        })
        .await;
        let sql = "update workflows set definition = $1 where name = 'points'";
        api.shop.db.execute(sql, &[&of(2)]).await.expect("edited");
        api.shop.db.batch_execute("commit").await.expect("left");
    };
    let (refused, ()) = tokio::join!(asks, edits);
    super::is_problem(&refused, 412, "changed-meanwhile");
    assert_eq!(api.shop.number("select count(*) from workflow_versions", &[]).await, 0);
    assert_eq!(api.ask("POST", "/publish", Some(&publish)).await.status, 200);
}
