//! Backtests as jobs through the API: asked for, watched, called off; and what becomes of them when a daemon ends.

use std::process::Stdio;

use serde_json::{Value, json};

use super::remote::remote;
use super::{Answer, Api, ask, is_problem, makes_key};
use crate::loyalty::one_action;
use crate::support::server::thendo;
use crate::support::{points_and_deposit, until};
use crate::testruns::Folder;

const CONNECTED: &str = "select count(*) from pg_stat_activity where application_name = 'thendo backtest' and datname = current_database()";

/// What takes its time: each award 0.15 s.
const SLOW: &str =
    "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.15); return new; end $$;
     create trigger slow before insert on loyalty_ledger for each row execute function slow()";

/// A workflow that is stored, and orders that happened before it was.
async fn shop_with_orders(api: &Api, orders: i32) {
    api.shop
        .db
        .execute(
            "insert into orders (customer_id, total) select $1, 100 * g from generate_series(1, $2::integer) g",
            &[&api.shop.customer, &orders],
        )
        .await
        .expect("orders");
    api.shop.has_settled().await;
    let points = one_action("order_created", "award_points", json!({"points": 3}));
    api.shop.publishes("points", &points).await;
}

async fn starts(api: &Api, body: Value) -> String {
    let answer = api.ask("POST", "/backtests", Some(&body)).await;
    assert_eq!((answer.status, &answer.body["status"]), (202, &json!("queued")), "{answer:?}");
    answer.body["id"].as_str().expect("an id").to_owned()
}

async fn slow_one(api: &Api) -> String {
    starts(api, json!({"workflow": "points", "since": "1h", "in_database": true})).await
}

async fn shown(api: &Api, id: &str) -> Answer {
    let answer = api.ask("GET", &format!("/backtests/{id}"), None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

async fn becomes(api: &Api, id: &str, status: &str) {
    until(status, async || shown(api, id).await.body["backtest"]["status"] == status).await;
}

#[tokio::test]
async fn what_cannot_be_tried_is_refused_and_leaves_no_job() {
    let api = Api::roomy().await;
    let idle = json!({"name": "idle", "definition": points_and_deposit()});
    assert_eq!(api.ask("POST", "/workflows", Some(&idle)).await.status, 201);
    let broken = json!({"nodes": [], "edges": []});
    let alone = json!({"name": "alone", "definition": points_and_deposit()});
    for (body, status, code) in [
        (json!({}), 400, "bad-body"),
        (json!({"workflow": "idle", "drawing": alone}), 400, "bad-body"),
        (json!({"workflow": "idle", "since": "soon"}), 400, "bad-body"),
        (json!({"workflow": "idle", "since": "2026-03-01", "until": "2026-02-01"}), 400, "bad-time"),
        (json!({"workflow": "idle", "differences": 1001}), 400, "bad-number"),
        (json!({"workflow": "idle", "against": "newest"}), 400, "bad-body"),
        (json!({"workflow": "nobody"}), 404, "no-such-workflow"),
        (json!({"workflow": "idle", "version": 7}), 404, "no-such-version"),
        (json!({"drawing": alone, "against": "live"}), 404, "no-such-workflow"),
        (json!({"workflow": "idle", "against": "live"}), 409, "not-in-force"),
        (json!({"drawing": {"definition": broken}}), 422, "faulty-workflow"),
    ] {
        let answer = api.ask("POST", "/backtests", Some(&body)).await;
        is_problem(&answer, status, code);
        if status == 422 {
            assert!(!answer.body["diagnostics"].as_array().expect("told").is_empty(), "{answer:?}");
        }
    }
    let unknown = "/backtests/01963d7e-2a30-7cc1-9d39-d8fb0a86bd13";
    is_problem(&api.ask("GET", unknown, None).await, 404, "no-such-backtest");
    is_problem(&api.ask("DELETE", unknown, None).await, 404, "no-such-backtest");
    is_problem(&api.ask("GET", "/backtests/nothing", None).await, 400, "bad-path");
    let reader = makes_key(&api.shop, "reader", &["read", "operate"]).await;
    let bearer = format!("Bearer {reader}");
    let headers = [("authorization", bearer.as_str())];
    let body = json!({"workflow": "idle"});
    let refused = ask(&api.daemon.http, "POST", "/api/v1/backtests", &headers, Some(&body)).await;
    is_problem(&refused, 403, "no-right");
    let seen = ask(&api.daemon.http, "GET", "/api/v1/backtests", &headers, None).await;
    assert_eq!((seen.status, &seen.body["items"]), (200, &json!([])), "{seen:?}");
}

#[tokio::test]
async fn a_backtest_is_done_and_says_what_the_command_says() {
    let api = Api::roomy().await;
    shop_with_orders(&api, 20).await;
    let body = json!({"drawing": {"name": "points", "edition": "a file", "definition": points_and_deposit()},
        "since": "1h", "against": 1, "differences": 3});
    let id = starts(&api, body).await;
    becomes(&api, &id, "done").await;
    let Answer { body: told, .. } = shown(&api, &id).await;
    let (backtest, outcome) = (&told["backtest"], &told["outcome"]);
    assert_eq!((&backtest["share"], &backtest["against"]), (&json!(1.0), &json!("v1")), "{told}");
    assert!(backtest["asked_by"].as_str().is_some_and(|by| by.starts_with("key:all")), "{told}");
    assert_eq!(outcome["events"], backtest["events"], "{told}");
    assert_eq!((&outcome["started"], &outcome["version"]), (&json!(20), &json!("a file")), "{told}");
    let comparison = &outcome["against"]["comparison"];
    assert_eq!(comparison["differs"], 20, "{told}");
    assert_eq!(comparison["differences"].as_array().map(Vec::len), Some(3), "{told}");
    assert_eq!(api.shop.count("loyalty_ledger").await, 0, "nothing was written");
    assert_eq!(api.shop.count("workflow_backtests where drawings is not null").await, 0);
    is_problem(&api.ask("DELETE", &format!("/backtests/{id}"), None).await, 409, "wrong-state");
    let second = starts(&api, json!({"workflow": "points", "version": "live"})).await;
    becomes(&api, &second, "done").await;
    let page = api.ask("GET", "/backtests?limit=1", None).await.body;
    assert_eq!(page["items"][0]["id"], json!(second), "the newest first");
    let next = page["next"].as_str().expect("one more");
    let page = api.ask("GET", &format!("/backtests?limit=1&cursor={next}"), None).await.body;
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&json!(id), &Value::Null), "{page}");
    let lines = api.ask("GET", &format!("/audit?act=backtest.start&target={id}"), None).await.body;
    assert_eq!(lines["items"].as_array().map(Vec::len), Some(1), "{lines}");
}

#[tokio::test]
async fn one_runs_at_a_time_a_few_wait_and_each_can_be_called_off() {
    let api = Api::roomy().await;
    shop_with_orders(&api, 300).await;
    api.shop.does(SLOW).await;
    let first = slow_one(&api).await;
    becomes(&api, &first, "running").await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(slow_one(&api).await);
    }
    let body = json!({"workflow": "points"});
    is_problem(&api.ask("POST", "/backtests", Some(&body)).await, 409, "too-many-wait");
    assert_eq!(api.shop.number(CONNECTED, &[]).await, 1, "one at a time");
    // While it runs, others are served.
    let tried =
        json!({"workflow": "points", "sample": true, "settings": {"results": {"act": {"points": 3}}}});
    assert_eq!(api.ask("POST", "/test-runs", Some(&tried)).await.status, 200);
    for id in &waiting {
        let called_off = api.ask("DELETE", &format!("/backtests/{id}"), None).await;
        assert_eq!((called_off.status, &called_off.body["status"]), (200, &json!("cancelled")));
    }
    let called_off = api.ask("DELETE", &format!("/backtests/{first}"), None).await;
    assert_eq!((called_off.status, &called_off.body["status"]), (200, &json!("cancelled")), "{called_off:?}");
    until("its connection is closed", async || api.shop.number(CONNECTED, &[]).await == 0).await;
    is_problem(&api.ask("DELETE", &format!("/backtests/{first}"), None).await, 409, "wrong-state");
    api.shop.does("drop trigger slow on loyalty_ledger").await;
    let next = slow_one(&api).await;
    becomes(&api, &next, "done").await;
    assert_eq!(shown(&api, &first).await.body["backtest"]["status"], "cancelled");
    let lines = api.ask("GET", "/audit?act=backtest.cancel", None).await.body;
    assert_eq!(lines["items"].as_array().map(Vec::len), Some(6), "{lines}");
}

#[tokio::test]
async fn one_whose_daemon_is_stopped_is_put_back_and_one_whose_daemon_is_killed_is_lost() {
    let mut api = Api::roomy().await;
    shop_with_orders(&api, 300).await;
    api.shop.does(SLOW).await;
    let stopped = slow_one(&api).await;
    becomes(&api, &stopped, "running").await;
    let another = api.shop.daemon().await;
    assert!(std::mem::replace(&mut api.daemon, another).stops().success());
    // The other one takes it up.
    becomes(&api, &stopped, "running").await;
    let called_off = api.ask("DELETE", &format!("/backtests/{stopped}"), None).await;
    assert_eq!(called_off.status, 200, "{called_off:?}");

    let killed = slow_one(&api).await;
    becomes(&api, &killed, "running").await;
    let waits = starts(&api, json!({"workflow": "points", "since": "1h"})).await;
    let another = api.shop.daemon().await;
    std::mem::replace(&mut api.daemon, another).dies();
    becomes(&api, &waits, "done").await;
    becomes(&api, &killed, "lost").await;
    is_problem(&api.ask("DELETE", &format!("/backtests/{killed}"), None).await, 409, "wrong-state");
    until("that is written down", async || {
        api.shop.count("workflow_backtests where status = 'lost' and drawings is null").await == 1
    })
    .await;
}

/// Without what depends on how long it took.
fn but_times((code, out, err): (Option<i32>, String, String)) -> (Option<i32>, String, String) {
    let is_time = |line: &&str| line.contains("events/s");
    (code, out.lines().filter(|line| !is_time(line)).collect::<Vec<_>>().join("\n"), err)
}

#[tokio::test]
async fn a_backtest_is_told_from_afar_as_it_is_here() {
    let api = Api::roomy().await;
    shop_with_orders(&api, 5).await;
    let drawn = one_action("order_created", "award_points", json!({"points": 9}));
    let folder = Folder::with(&drawn, &json!({}));
    let named = folder.write("points.json", &drawn);
    let broken = folder.write("broken.json", &json!({"nodes": [], "edges": []}));
    let key = Some(api.key.as_str());
    let (since, until) = ("2026-11-01", "2099-01-01");
    for args in [
        &["backtest", "points", "--since", since, "--until", until][..],
        &["backtest", "points", "--since", since, "--until", until, "--format", "json", "--version", "live"],
        &[
            "backtest",
            &named,
            "--since",
            since,
            "--until",
            until,
            "--against",
            "live",
            "--show",
            "differences",
        ],
        &["backtest", &named, "--since", since, "--until", until, "--format", "json", "--against", "1"],
        &["backtest", "points", "--since", since, "--until", until, "--database"],
        &["backtest", "nobody"],
        &["backtest", "points", "--since", "soon"],
        &["backtest", "points", "--since", until, "--until", since],
        &["backtest", "points", "--against", "7"],
        &["backtest", &broken],
        &["backtest", &broken, "--format", "json"],
        &["workflow", "publish", &named, "--dry-run", "--backtest", since],
    ] {
        let (there, here) = (remote(&api, key, args).await, api.shop.thendo(args).await);
        let is_now = args.contains(&"--dry-run");
        let but_now = |said: (Option<i32>, String, String)| {
            let (code, out, err) = but_times(said);
            let out =
                if is_now { out.lines().filter(|line| !line.contains(" → 2")).collect() } else { out };
            (code, out, err)
        };
        assert_eq!(but_now(there), but_now(here), "{args:?}");
    }
}

#[tokio::test]
async fn ctrl_c_calls_it_off() {
    let api = Api::roomy().await;
    shop_with_orders(&api, 300).await;
    api.shop.does(SLOW).await;
    let mut command = thendo();
    command.args(["backtest", "points", "--since", "1h", "--database"]);
    command.env("THENDO_SERVER", &api.daemon.http).env("THENDO_API_KEY", &api.key);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary");
    let running = "workflow_backtests where status = 'running'";
    until("it runs", async || api.shop.count(running).await == 1).await;
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("told");
    let said = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("no panic");
    let said = said.expect("ends");
    let words = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(130), "{words}");
    assert!(words.contains("called off"), "{words}");
    assert_eq!(api.shop.count("workflow_backtests where status = 'cancelled'").await, 1);
}

#[tokio::test]
async fn why_one_failed_names_no_word_of_the_servers() {
    let api = Api::roomy().await;
    api.shop.publishes("points", &points_and_deposit()).await;
    api.shop.does("revoke select on workflow_events from thendo_engine").await;
    let asked = api.ask("POST", "/backtests", Some(&json!({"workflow": "points", "version": "live"}))).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let path = format!("/backtests/{}", asked.body["id"].as_str().expect("an id"));
    until("it failed", || async { api.ask("GET", &path, None).await.body["backtest"]["status"] == "failed" })
        .await;
    let told = api.ask("GET", &path, None).await.body["backtest"]["error"].to_string();
    assert!(!told.contains("permission denied") && told.contains("42501"), "{told}");
    assert!(api.daemon.logged().contains("permission denied for table"), "{}", api.daemon.logged());
}
