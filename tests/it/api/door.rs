//! Every route × everybody who might come.

use serde_json::json;
use thendo::http::door::rights::{Right, TABLE};

use super::callers::{self, SECRET, account, claims, token};
use super::{Answer, Api, ask, is_problem, makes_key};

const SETTINGS: [(&str, &str); 3] = [
    ("THENDO_API__JWT_SECRET", SECRET),
    ("THENDO_API__JWT_ISSUER", "https://shop.example/auth/v1"),
    // With fewer there is no room for backtests.
    ("THENDO_POOL_MAX", "10"),
];

/// Each refused token counts as a failure, and who fails too often waits: that is another test.
fn elsewhere(n: usize) -> String {
    format!("127.0.{}.{}", n / 200, n % 200 + 1)
}

fn address(path: &str) -> String {
    let path = path.replace("{workflow}", "nobody").replace("{number}", "1").replace("{key}", "nobody");
    path.replace("{execution}", "01963d7e-2a30-5cc1-9d39-d8fb0a86bd13")
}

async fn comes(api: &Api, verb: &str, path: &str, shown: Option<&str>, from: &str) -> Answer {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .local_address(Some(from.parse().expect("an address")))
        .build()
        .expect("a client");
    let verb = reqwest::Method::from_bytes(verb.as_bytes()).expect("a verb");
    let mut request = client.request(verb, format!("{}{}", api.daemon.http, address(path)));
    if let Some(shown) = shown {
        request = request.header("authorization", shown);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    // What goes on and on is not waited for.
    let is_stream = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
    let body = if is_stream { serde_json::Value::Null } else { answer.json().await.unwrap_or_default() };
    Answer { status, headers, body }
}

#[tokio::test]
async fn strangers_come_through_no_route_that_is_not_open() {
    let api = Api::open_with(&SETTINGS).await;
    let strangers = callers::strangers(&api.shop).await;
    let mut tried = 0;
    for (n, (verb, path, _)) in TABLE.iter().filter(|line| line.2 != Right::Open).enumerate() {
        for (who, shown, expected) in &strangers {
            tried += 1;
            let answer = comes(&api, verb, path, shown.as_deref(), &elsewhere(n)).await;
            assert_eq!(answer.status, *expected, "{who} at {verb} {path}: {answer:?}");
            let code = if *expected == 401 { "not-signed-in" } else { "no-right" };
            is_problem(&answer, *expected, code);
            // Whoever is refused learns nothing of why.
            if *expected == 401 && shown.as_ref().is_some_and(|shown| shown.starts_with("Bearer")) {
                assert_eq!(answer.body["detail"], "what was shown opens nothing, or not any more", "{who}");
            }
        }
    }
    println!("{tried} attempts of {} strangers at {} routes", strangers.len(), TABLE.len());
}

#[tokio::test]
async fn each_scope_opens_its_own_routes_and_what_it_contains() {
    let api = Api::open_with(&SETTINGS).await;
    let mut callers = Vec::new();
    for scope in ["read", "author", "operate", "secrets", "admin"] {
        let key = makes_key(&api.shop, scope, &[scope]).await;
        callers.push((scope, format!("Bearer {key}")));
    }
    callers.push(("*", format!("Bearer {}", api.key)));
    let admin = account(&api.shop, true).await;
    callers.push(("*", format!("Bearer {}", token(&claims(admin)))));
    let mut tried = 0;
    for (verb, path, right) in TABLE {
        for (scope, shown) in &callers {
            tried += 1;
            let given = match *scope {
                "author" => &["read", "author"][..],
                "operate" => &["read", "operate"],
                "admin" | "*" => &["read", "author", "operate", "secrets", "admin"],
                "read" => &["read"],
                _ => &["secrets"],
            };
            let asks_none = matches!(right, Right::Open | Right::SignedIn | Right::SignOut);
            let opens = asks_none || given.contains(&right.word());
            let answer = comes(&api, verb, path, Some(shown), "127.0.0.1").await;
            // A key is no account: it can't begin a session.
            let is_refused = answer.body["code"] == "no-right";
            assert_eq!(is_refused, !opens, "{scope} at {verb} {path}: {answer:?}");
            assert!(
                answer.status < 500 && answer.status != 401 || path == &"/enter",
                "{scope} at {verb} {path}: {answer:?}"
            );
        }
    }
    println!("{tried} attempts");
}

#[tokio::test]
async fn an_admin_who_is_none_any_more_is_refused_at_once() {
    let api = Api::open_with(&SETTINGS).await;
    let admin = account(&api.shop, true).await;
    let shown = format!("Bearer {}", token(&claims(admin)));
    let headers = [("authorization", shown.as_str())];
    let http = &api.daemon.http;
    let asked = ask(http, "GET", "/api/v1/session", &headers, None).await;
    assert_eq!((asked.status, &asked.body["account"]), (200, &json!(admin)), "{asked:?}");
    let begun = ask(http, "POST", "/api/v1/session", &headers, None).await;
    assert_eq!(begun.status, 204, "{begun:?}");
    let cookie = begun.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let by_cookie = [("cookie", cookie.as_str())];
    assert_eq!(ask(http, "GET", "/api/v1/workflows", &by_cookie, None).await.status, 200);
    api.shop
        .db
        .execute("delete from user_roles where user_id = $1", &[&admin])
        .await
        .expect("no admin any more");
    is_problem(&ask(http, "GET", "/api/v1/workflows", &headers, None).await, 403, "no-right");
    is_problem(&ask(http, "GET", "/api/v1/workflows", &by_cookie, None).await, 403, "no-right");
    // Whoever has a session may end it.
    let leaves = [("cookie", cookie.as_str()), ("origin", http.as_str())];
    assert_eq!(ask(http, "DELETE", "/api/v1/session", &leaves, None).await.status, 204);
    assert_eq!(ask(http, "GET", "/api/v1/workflows", &by_cookie, None).await.status, 401);
}

#[tokio::test]
async fn who_fails_too_often_waits_and_others_do_not() {
    let api = Api::open().await;
    let mut last = 0;
    for _ in 0..25 {
        let answer = comes(&api, "GET", "/api/v1/workflows", Some("Bearer thendo_wrong"), "127.0.0.9").await;
        last = answer.status;
        if last == 429 {
            assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|wait| wait >= 1), "{answer:?}");
        }
    }
    assert_eq!(last, 429);
    let good = format!("Bearer {}", api.key);
    let from_there = comes(&api, "GET", "/api/v1/workflows", Some(&good), "127.0.0.9").await;
    assert_eq!(from_there.status, 200, "what is right opens all the same: {from_there:?}");
    let other = comes(&api, "GET", "/api/v1/workflows", Some("Bearer thendo_wrong"), "127.0.0.10").await;
    assert_eq!(other.status, 401);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_asked_otherwise_are_problems_too() {
    let api = Api::open().await;
    is_problem(&api.ask("GET", "/nothing", None).await, 404, "no-such-route");
    let answer = api.ask("PATCH", "/workflows", None).await;
    is_problem(&answer, 405, "wrong-verb");
    assert_eq!(answer.header("allow"), "GET, POST");
    is_problem(&api.ask("GET", "/workflows?limit=201", None).await, 400, "bad-limit");
    is_problem(&api.ask("GET", "/workflows?limits=1", None).await, 400, "bad-query");
    is_problem(&api.ask("GET", "/workflows?cursor=rubbish", None).await, 400, "bad-cursor");
    is_problem(&api.ask("GET", "/workflows/x/versions/many", None).await, 400, "bad-path");
    is_problem(&api.ask("GET", "/workflows/%00", None).await, 400, "unstorable");
    is_problem(
        &api.ask("POST", "/validate", Some(&json!({"definition": {}, "x": 1}))).await,
        400,
        "bad-body",
    );
    let large = json!({"version": 1, "force": true, "x": "x".repeat(70_000)});
    is_problem(&api.ask("POST", "/workflows/x/restore", Some(&large)).await, 413, "too-large");
    let http = &api.daemon.http;
    let described = ask(http, "GET", "/api/v1/openapi.json", &[], None).await;
    assert_eq!((described.status, &described.body["openapi"]), (200, &json!("3.1.0")));
    let key = format!("Bearer {}", api.key);
    let sent = reqwest::Client::new()
        .post(format!("{http}/api/v1/validate"))
        .header("authorization", key)
        .header("content-type", "text/plain")
        .body("{}")
        .send()
        .await
        .expect("an answer");
    assert_eq!(sent.status().as_u16(), 415);
}
