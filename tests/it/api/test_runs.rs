//! Test runs through the API: what they answer, what they refuse, and that nothing of them stays.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::remote::remote;
use super::{Api, ask, is_problem, makes_key};
use crate::loyalty::one_action;
use crate::support::daemon::Daemon;
use crate::support::{connect, mail_on_order, until};
use crate::testruns::{Folder, order, step};

fn awards(points: i64) -> Value {
    one_action("order_created", "award_points", json!({"points": points}))
}

#[tokio::test]
async fn what_cannot_be_tried_is_refused_and_says_why() {
    let api = Api::open().await;
    api.shop.writes_workflow("points", &awards(7)).await;
    let event = order(100);
    let unknown = "01963d7e-2a30-7cc1-9d39-d8fb0a86bd13";
    let broken = json!({"definition": {"nodes": [], "edges": []}});
    let no_event = json!({"type": "order_created", "at": "soon", "data": {}});
    for (body, status, code) in [
        (json!({"sample": true}), 400, "bad-body"),
        (json!({"workflow": "points"}), 400, "bad-body"),
        (json!({"workflow": "points", "sample": true, "event_id": unknown}), 400, "bad-body"),
        (json!({"workflow": "points", "drawing": broken, "sample": true}), 400, "bad-body"),
        (json!({"drawing": broken, "version": "live", "sample": true}), 400, "bad-body"),
        (json!({"workflow": "points", "version": "newest", "sample": true}), 400, "bad-body"),
        (json!({"workflow": "points", "sample": true, "colour": 1}), 400, "bad-body"),
        (json!({"workflow": "nobody", "sample": true}), 404, "no-such-workflow"),
        (json!({"workflow": "points", "version": 7, "sample": true}), 404, "no-such-version"),
        (json!({"workflow": "points", "event_id": unknown}), 404, "no-such-event"),
        (json!({"workflow": "points", "row": {"table": "orders", "key": unknown}}), 404, "no-such-row"),
        (json!({"workflow": "points", "row": {"table": "orders", "key": "\u{0}"}}), 409, "database-refuses"),
        (json!({"workflow": "points", "row": {"table": "pages", "key": "1"}}), 422, "other-table"),
        (json!({"workflow": "points", "sample": true}), 409, "no-sample"),
        (json!({"drawing": broken, "event": event}), 422, "faulty-workflow"),
        (json!({"workflow": "points", "event": no_event}), 422, "faulty-event"),
        (
            json!({"workflow": "points", "event": event, "settings": {"branches": {"act": "left"}}}),
            422,
            "bad-assumption",
        ),
        (
            json!({"workflow": "points", "event": event, "settings": {"awaited": {"act": no_event}}}),
            422,
            "faulty-event",
        ),
    ] {
        let answer = api.ask("POST", "/test-runs", Some(&body)).await;
        is_problem(&answer, status, code);
        if code.starts_with("faulty") {
            assert!(!answer.body["diagnostics"].as_array().expect("told").is_empty(), "{answer:?}");
        }
    }
    let operator = makes_key(&api.shop, "operator", &["read", "operate"]).await;
    let shown = format!("Bearer {operator}");
    let body = json!({"workflow": "points", "event": event});
    let headers = [("authorization", shown.as_str())];
    let refused = ask(&api.daemon.http, "POST", "/api/v1/test-runs", &headers, Some(&body)).await;
    is_problem(&refused, 403, "no-right");
    assert_eq!(api.shop.count("workflow_executions").await, 0);
}

#[tokio::test]
async fn a_workflow_is_tried_in_each_edition_and_on_each_sort_of_event() {
    let api = Api::open().await;
    api.shop.publishes("points", &awards(7)).await;
    let placed = api.shop.places_order(100).await;
    api.shop.has_settled().await;
    let drawn = json!({"nodes": awards(9)["nodes"], "edges": awards(9)["edges"]});
    let read = api.ask("GET", "/workflows/points/draft", None).await;
    let edition = read.header("etag").to_owned();
    let body = json!({"name": "points", "definition": drawn});
    let written =
        api.ask_with("PUT", "/workflows/points/draft", &[("if-match", &edition)], Some(&body)).await;
    assert_eq!(written.status, 200, "{written:?}");
    let sql = "select id::text from workflow_events where table_name = 'orders'";
    let event: String = api.shop.db.query_one(sql, &[]).await.expect("its event").get(0);
    let ledger = api.shop.count("loyalty_ledger").await;
    for (body, points) in [
        (json!({"workflow": "points", "version": "live", "event_id": event}), 7),
        (json!({"workflow": "points", "version": 1, "row": {"table": "orders", "key": placed}}), 7),
        (json!({"workflow": "points", "sample": true}), 9),
        (json!({"drawing": {"definition": awards(11)}, "event": order(100)}), 11),
        (
            json!({"drawing": {"name": "mine", "definition": awards(11)}, "event_id": event, "no_record": true}),
            11,
        ),
    ] {
        let answer = api.ask("POST", "/test-runs", Some(&body)).await;
        assert_eq!((answer.status, &answer.body["outcome"]), (200, &json!("succeeded")), "{answer:?}");
        assert_eq!(step(&answer.body, "act")["result"]["points"], points, "{answer:?}");
        assert_eq!(answer.body["execution"].is_string(), body["no_record"].is_null(), "{answer:?}");
    }
    let assumed = json!({"results": {"act": {"points": 1, "balance": 500}}, "at": "2027-01-01T00:00:00Z"});
    let body = json!({"workflow": "points", "event": order(100), "settings": assumed});
    let answer = api.ask("POST", "/test-runs", Some(&body)).await;
    assert_eq!(step(&answer.body, "act")["result"]["balance"], 500, "{answer:?}");
    assert_eq!(api.shop.count("loyalty_ledger").await, ledger, "nothing stays");
    assert_eq!(api.shop.count("workflow_executions where mode = 'test'").await, 5, "but the notes");
}

#[tokio::test]
async fn who_goes_away_ends_the_test_run() {
    let api = Api::open().await;
    api.shop.writes_workflow("points", &awards(7)).await;
    let other = connect(&api.shop.url).await;
    api.shop.does("insert into loyalty_points (customer_id, balance) select id, 0 from customers").await;
    other.batch_execute("begin; update loyalty_points set balance = balance").await.expect("held");
    let mut event = order(100);
    event["data"]["customer"] = json!({"email": "ada@example.com", "id": api.shop.customer});
    let body = json!({"workflow": "points", "event": event});
    let running = "select count(*) from pg_stat_activity where application_name = 'thendo test run'";
    let began = Instant::now();
    tokio::select! {
        answer = api.ask("POST", "/test-runs", Some(&body)) => panic!("it waits: {answer:?}"),
        () = until("it runs", async || api.shop.number(running, &[]).await == 1) => {}
    }
    until("it has ended", async || api.shop.number(running, &[]).await == 0).await;
    assert!(began.elapsed() < Duration::from_millis(2_500), "by itself it would try for 3 s");
    // Who waits to the end is told what was in the way.
    is_problem(&api.ask("POST", "/test-runs", Some(&body)).await, 503, "rows-in-hand");
    other.batch_execute("commit").await.expect("let go");
    assert_eq!(api.ask("POST", "/test-runs", Some(&body)).await.status, 200);
}

#[tokio::test]
async fn a_daemon_with_a_login_of_its_own_tries_what_happened() {
    let api = Api::open().await;
    api.shop.publishes("points", &awards(7)).await;
    api.shop.places_order(100).await;
    api.shop.has_settled().await;
    let login = format!("shopd_{}", Uuid::new_v4().simple());
    api.shop.does(&format!("create role {login} login in role thendo_engine, thendo_api")).await;
    let url = api.shop.url.replacen("user=postgres", &format!("user={login}"), 1);
    let daemon = Daemon::start(&url, api.shop.folder.path(), &[]).await;
    let shown = format!("Bearer {}", api.key);
    let headers = [("authorization", shown.as_str())];
    let body = json!({"workflow": "points", "sample": true});
    let answer = ask(&daemon.http, "POST", "/api/v1/test-runs", &headers, Some(&body)).await;
    assert_eq!((answer.status, &answer.body["outcome"]), (200, &json!("succeeded")), "{answer:?}");
    // What is not there it can't lay in, and says so.
    let body = json!({"workflow": "points", "event": order(100)});
    let answer = ask(&daemon.http, "POST", "/api/v1/test-runs", &headers, Some(&body)).await;
    is_problem(&answer, 422, "unfit-event");
    daemon.dies();
    until("nobody is signed in", async || {
        let sql = "select count(*) from pg_stat_activity where usename = $1";
        api.shop.number(sql, &[&login]).await == 0
    })
    .await;
    api.shop.does(&format!("drop role {login}")).await;
}

#[tokio::test]
async fn cases_beside_workflows_are_tried_from_afar() {
    let api = Api::open().await;
    let folder = Folder::with(&awards(7), &order(700));
    folder.write("expected.json", &json!({"outcome": "succeeded"}));
    let off = json!({"event": order(1), "settings": {"branches": {"act": "error"}}, "expect": {"outcome": "failed"}});
    folder.write("cases/off.json", &off);
    let dir = folder.path("");
    let key = Some(api.key.as_str());
    let (code, out, err) = remote(&api, key, &["test", &dir]).await;
    assert!(code == Some(0) && out.contains("2 of 2 as expected"), "{out}{err}");
    folder.write("cases/wrong.json", &json!({"event": order(1), "expect": {"outcome": "failed"}}));
    folder.write("cases/broken.json", &json!({"event": {"type": "order_created", "data": []}, "expect": {}}));
    let (code, out, err) = remote(&api, key, &["test", &dir, "--format", "json"]).await;
    let said: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &said["passed"], &said["failed"]), (Some(1), &json!(2), &json!(2)), "{said:#}{err}");
    let wrong = said["cases"]
        .as_array()
        .expect("cases")
        .iter()
        .find(|case| case["name"].as_str().is_some_and(|name| name.ends_with("/wrong")));
    assert_eq!(wrong.expect("it")["differences"][0]["seen"], "succeeded", "{said:#}");
    assert_eq!(api.shop.count("workflow_executions").await, 0, "no note either");
}

/// Without what each mail has of its own.
fn but_mails_own((code, out, err): (Option<i32>, String, String)) -> (Option<i32>, String, String) {
    let is_own = |line: &&str| {
        line.contains("Message-ID") || line.contains("\"message_id\"") || line.contains("\"Date\"")
    };
    (code, out.lines().filter(|line| !is_own(line)).collect::<Vec<_>>().join("\n"), err)
}

#[tokio::test]
async fn it_is_tried_from_afar_as_it_is_here() {
    let api = Api::open().await;
    let folder = Folder::with(&mail_on_order(), &order(12_300));
    api.shop.publishes("thanks", &mail_on_order()).await;
    api.shop.places_order(100).await;
    api.shop.has_settled().await;
    let broken = folder.write("broken.json", &json!({"nodes": [], "edges": []}));
    let no_event = folder.write("no-event.json", &json!({"type": "order_created", "data": []}));
    let expected = folder.write("expected.json", &json!({"outcome": "succeeded"}));
    let (file, event) = (folder.path("workflow.json"), folder.path("event.json"));
    let key = Some(api.key.as_str());
    for args in [
        &["test-run", &file, "--event", &event, "--no-record"][..],
        &["test-run", &file, "--event", &event, "--no-record", "--format", "json"],
        &["test-run", &file, "--event", &event, "--no-record", "--expect", &expected],
        &["test-run", "thanks", "--sample", "--no-record"],
        &["test-run", "thanks", "--sample", "--no-record", "--branch", "thanks=error"],
        &["test-run", "thanks", "--version", "7", "--sample"],
        &["test-run", "thanks", "--version", "first", "--sample"],
        &["test-run", "thanks", "--row", "orders", "--no-record"],
        &["test-run", "thanks", "--row", "pages:1", "--no-record"],
        &["test-run", "nobody", "--sample"],
        &["test-run", &broken, "--event", &event],
        &["test-run", &broken, "--event", &event, "--format", "json"],
        &["test-run", &file, "--event", &no_event],
        &["test-run", &file, "--event", &event, "--branch", "nowhere=left"],
    ] {
        let (there, here) = (remote(&api, key, args).await, api.shop.thendo(args).await);
        assert_eq!(but_mails_own(there), but_mails_own(here), "{args:?}");
    }
}

#[tokio::test]
async fn a_test_run_lays_in_nothing_that_says_who_may_what_and_is_noted_at_its_own_time() {
    let api = Api::open().await;
    api.shop.writes_workflow("points", &awards(7)).await;
    for table in ["user_roles", "workflow_holds", "workflows", "api_keys", "event_tables", "maintenance"] {
        let mut event = order(100);
        event["given"] = json!({table: [{"id": uuid::Uuid::new_v4()}]});
        let body = json!({"workflow": "points", "event": event});
        let refused = api.ask("POST", "/test-runs", Some(&body)).await;
        is_problem(&refused, 422, "unfit-event");
        let said = format!("no row is laid into `{table}`");
        assert!(refused.body["detail"].to_string().contains(&said), "{refused:?}");
    }
    let mut event = order(100);
    event["at"] = "2999-01-01T00:00:00Z".into();
    let tried = api.ask("POST", "/test-runs", Some(&json!({"workflow": "points", "event": event}))).await;
    assert_eq!(tried.status, 200, "{tried:?}");
    let noted = "select count(*) from workflow_executions where mode = 'test' and event_at <= now()";
    assert_eq!(api.shop.number(noted, &[]).await, 1);
    assert_eq!(api.shop.count("workflow_executions_default").await, 0);
}

#[tokio::test]
async fn what_the_shop_says_to_an_author_is_told_and_what_the_server_says_of_itself_is_not() {
    let api = Api::open().await;
    let body = json!({"drawing": {"definition": awards(7)}, "event": order(100)});
    api.shop
        .does(
            "create function speaks() returns trigger language plpgsql as $$ begin raise exception 'no orders on Sundays'; end $$;
             create trigger speaks before insert on orders for each row execute function speaks()",
        )
        .await;
    let told = api.ask("POST", "/test-runs", Some(&body)).await;
    is_problem(&told, 422, "unfit-event");
    assert!(told.body["detail"].to_string().contains("`orders`: no orders on Sundays"), "{told:?}");
    api.shop
        .does(
            "create or replace function speaks() returns trigger language plpgsql as $$ begin
                 raise exception 'role boss may not, at db.internal' using errcode = '28000'; end $$",
        )
        .await;
    let told = api.ask("POST", "/test-runs", Some(&body)).await;
    is_problem(&told, 422, "unfit-event");
    let said = told.body.to_string();
    assert!(!said.contains("boss") && !said.contains("db.internal"), "{said}");
    assert!(said.contains("28000") && said.contains("`orders`"), "{said}");
    assert!(api.daemon.logged().contains("role boss may not, at db.internal"), "{}", api.daemon.logged());
}
