//! Workflows that are stopped, released and started by hand, through the API and by `--server`.

use serde_json::{Value, json};

use super::remote::remote;
use super::{Answer, Api, ask, is_problem, makes_key};
use crate::support::{edge, node, points_and_deposit, until};

/// Who may draw may not stop, and the other way round; who reads sees what is held.
async fn asked_by(api: &Api, scope: &str, verb: &str, path: &str, body: Option<&Value>) -> Answer {
    let key = format!("Bearer {}", makes_key(&api.shop, &format!("{scope} {verb} {path}"), &[scope]).await);
    let path = format!("/api/v1{path}");
    super::ask(&api.daemon.http, verb, &path, &[("authorization", &key)], body).await
}

fn by_hand() -> Value {
    json!({
        "nodes": [
            node("start", "trigger", json!({"triggerType": "manual", "config": {}})),
            node("note", "control", json!({"controlType": "set", "config": {"vars": {"by": "{{ manual.by }} {{ manual.input.of }}"}}})),
        ],
        "edges": [edge("start", "note")],
    })
}

#[tokio::test]
async fn a_workflow_is_held_and_released_by_those_who_may_and_each_act_is_noted() {
    let api = Api::open().await;
    let id = api.shop.publishes("points", &points_and_deposit()).await;
    for (verb, path) in [
        ("POST", "/workflows/points/hold"),
        ("POST", "/workflows/points/release"),
        ("POST", "/hold"),
        ("POST", "/release"),
        ("POST", "/workflows/points/start"),
    ] {
        is_problem(&asked_by(&api, "author", verb, path, Some(&json!({}))).await, 403, "no-right");
    }
    is_problem(&api.ask("POST", "/workflows/pionts/hold", Some(&json!({}))).await, 404, "no-such-workflow");
    is_problem(&api.ask("POST", "/workflows/points/release", Some(&json!({}))).await, 409, "not-held");
    is_problem(&api.ask("POST", "/release", None).await, 409, "not-held");
    is_problem(&api.ask("POST", "/hold", Some(&json!({"why": "x"}))).await, 400, "bad-body");

    let held = api.ask("POST", "/workflows/points/hold", Some(&json!({"reason": "a discount"}))).await;
    assert_eq!(
        (held.status, &held.body["was_held"], &held.body["workflow"]),
        (200, &json!(false), &json!("points"))
    );
    let again = asked_by(&api, "operate", "POST", "/workflows/points/hold", Some(&json!({}))).await;
    assert_eq!((again.status, &again.body["was_held"]), (200, &json!(true)), "{again:?}");
    let holds = asked_by(&api, "read", "GET", "/holds", None).await;
    let by = holds.body[0]["held_by"].as_str().unwrap_or_default();
    assert!(holds.body[0]["reason"] == "a discount" && by.starts_with("key:all"), "{holds:?}");
    api.shop.places_order(100).await;
    until("it is held", || async {
        api.shop.number("select count(*) from workflow_waiting where held", &[]).await == 1
    })
    .await;
    let released = api.ask("POST", "/workflows/points/release", Some(&json!({"discard": true}))).await;
    assert_eq!((released.status, &released.body["let_go"]), (200, &json!(1)), "{released:?}");
    assert_eq!(api.ask("POST", "/hold", None).await.body["workflow_id"], json!(uuid::Uuid::nil()));
    assert_eq!(api.ask("POST", "/release", None).await.status, 200);
    assert_eq!(api.ask("GET", "/holds", None).await.body, json!([]));

    let audit = api.ask("GET", &format!("/audit?target={id}"), None).await;
    let acts: Vec<_> =
        audit.body["items"].as_array().expect("lines").iter().map(|line| &line["act"]).collect();
    assert_eq!(
        acts[..2],
        [&json!("workflow.release"), &json!("workflow.hold")],
        "what was held already has no line: {acts:?}"
    );
    let (code, out, err) = api.shop.thendo(&["workflow", "hold", "points", "--reason", "here"]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    let line = "select count(*) from api_audit where act = 'workflow.hold' and who like 'command line%' and detail ->> 'reason' = 'here'";
    assert_eq!(api.shop.number(line, &[]).await, 1, "on a database it is noted, too");
}

#[tokio::test]
async fn what_begins_by_hand_is_started_and_nothing_else() {
    let api = Api::open().await;
    api.shop.publishes("points", &points_and_deposit()).await;
    api.shop.publishes("calls", &by_hand()).await;
    is_problem(&api.ask("POST", "/workflows/points/start", Some(&json!({}))).await, 409, "not-by-hand");
    is_problem(
        &api.ask("POST", "/workflows/calls/start", Some(&json!({"input": [1]}))).await,
        400,
        "bad-body",
    );
    let zero = json!({"input": {"of": "\0"}});
    is_problem(&api.ask("POST", "/workflows/calls/start", Some(&zero)).await, 400, "unstorable");
    let started = api.ask("POST", "/workflows/calls/start", Some(&json!({"input": {"of": "Ada"}}))).await;
    assert_eq!((started.status, &started.body["workflow"]), (200, &json!("calls")), "{started:?}");
    let key = Some(api.key.as_str());
    let (code, out, err) =
        remote(&api, key, &["workflow", "start", "calls", "--input", "{\"of\": \"Zoe\"}"]).await;
    assert!(code == Some(0) && out.contains("calls starts"), "{out}{err}");
    until("both ran", || async { api.shop.count("workflow_executions").await == 2 }).await;
    let who = "select count(*) from workflow_events where table_name = 'thendo.manual' and row_data ->> 'by' like 'key:all%'";
    assert_eq!(api.shop.number(who, &[]).await, 2);
    let audit = api.ask("GET", "/audit?act=workflow.start", None).await;
    let events: Vec<_> =
        audit.body["items"].as_array().expect("lines").iter().map(|line| &line["detail"]["event"]).collect();
    assert_eq!((events.len(), events[1]), (2, &started.body["event_id"]));
}

#[tokio::test]
async fn what_is_started_with_a_key_is_started_once() {
    let api = Api::open().await;
    api.shop.publishes("calls", &by_hand()).await;
    for (key, status) in [("", 400), (&*"x".repeat(201), 400)] {
        let refused = api.ask("POST", "/workflows/calls/start", Some(&json!({"key": key}))).await;
        is_problem(&refused, status, "bad-key");
    }
    let body = json!({"input": {"of": "Ada"}, "key": "ticket 7"});
    // At once, and once more.
    let asks = futures_util::future::join_all(
        (0..6).map(|_| api.ask("POST", "/workflows/calls/start", Some(&body))),
    );
    let mut answers = asks.await;
    answers.push(api.ask("POST", "/workflows/calls/start", Some(&body)).await);
    let first = answers[0].body["event_id"].clone();
    assert!(first.is_string(), "{answers:?}");
    for answer in &answers {
        assert_eq!((answer.status, &answer.body["event_id"]), (200, &first), "{answer:?}");
    }
    let other = json!({"input": {"of": "Zoe"}, "key": "ticket 7"});
    is_problem(&api.ask("POST", "/workflows/calls/start", Some(&other)).await, 409, "key-used");
    let events = "select count(*) from workflow_events where table_name = 'thendo.manual'";
    assert_eq!(api.shop.number(events, &[]).await, 1);
    let audit = api.ask("GET", "/audit?act=workflow.start", None).await;
    assert_eq!(audit.body["items"].as_array().map(Vec::len), Some(1), "{audit:?}");
    // Somebody else's key is another one; so is another key.
    let theirs = makes_key(&api.shop, "other", &["operate"]).await;
    let shown = format!("Bearer {theirs}");
    let who = [("authorization", shown.as_str())];
    let started = ask(&api.daemon.http, "POST", "/api/v1/workflows/calls/start", &who, Some(&body)).await;
    assert!(started.status == 200 && started.body["event_id"] != first, "{started:?}");
    let args = ["workflow", "start", "calls", "--key", "ticket 8"];
    let twice = [remote(&api, Some(&api.key), &args).await, remote(&api, Some(&api.key), &args).await];
    assert_eq!(twice[0], twice[1]);
    until("three ran", || async { api.shop.count("workflow_executions").await == 3 }).await;
    assert_eq!(api.shop.number(events, &[]).await, 3);
}

#[tokio::test]
async fn stops_from_afar_are_those_of_the_database() {
    let api = Api::open().await;
    api.shop.publishes("points", &points_and_deposit()).await;
    let key = Some(api.key.as_str());
    for args in [
        &["workflow", "release", "points"][..],
        &["workflow", "hold", "pionts"],
        &["workflow", "start", "points"],
        &["workflow", "hold", "points"],
        &["workflow", "hold", "points", "--format", "json"],
        &["workflow", "release", "points", "--discard"],
        &["workflow", "release", "points", "--discard", "--yes"],
        &["workflow", "hold", "--all"],
        &["workflow", "release", "--all"],
        &["workflow", "release", "--all", "--format", "json"],
    ] {
        let there = remote(&api, key, args).await;
        let undone = match args[1] {
            "hold" => Some("release"),
            "release" if there.0 == Some(0) => Some("hold"),
            _ => None,
        };
        if let Some(undone) =
            undone.filter(|_| there.0 == Some(0) && !there.1.contains("already") && !there.1.contains("true"))
        {
            api.shop.thendo(&["workflow", undone, args[2]]).await;
        }
        let here = api.shop.thendo(args).await;
        assert_eq!(there, here, "{args:?}");
    }
}
