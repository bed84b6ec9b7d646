//! What one who asks may take from others: connections, memory, time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Answer, Api, ask, is_problem, makes_key, sends};
use crate::adopting_shops::login;
use crate::support::daemon::Daemon;
use crate::support::{Shop, points_and_deposit, until};

const USED: &str = "select count(*) from pg_stat_activity where datname = current_database()
    and application_name like 'thendo%' and application_name not in ('thendo test')";

#[tokio::test]
async fn six_connections_are_enough_for_all_and_no_more_are_taken() {
    let api = Api::open_with(&[("THENDO_POOL_MAX", "6")]).await;
    api.shop.publishes("points", &points_and_deposit()).await;
    for _ in 0..6 {
        api.shop.places_order(250_00).await;
    }
    api.shop.has_settled().await;
    let listed = api.ask("GET", "/executions", None).await;
    let ids: Vec<String> =
        listed.body["items"].as_array().expect("items").iter().map(|row| row["id"].to_string()).collect();
    let (most, ends) = (std::sync::atomic::AtomicI64::new(0), tokio_util::sync::CancellationToken::new());
    let watch = async {
        while !ends.is_cancelled() {
            let now = api.shop.number(USED, &[]).await;
            most.fetch_max(now, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let asks = async {
        for round in 0..5 {
            let undo = async |id: &String| {
                let path = format!("/executions/{}/undo", id.trim_matches('"'));
                api.ask("POST", &path, Some(&json!({"confirm": round == 4}))).await
            };
            let undos = futures_util::future::join_all(ids.iter().map(undo));
            let lists = futures_util::future::join_all((0..20).map(|_| api.ask("GET", "/executions", None)));
            let pages = futures_util::future::join_all((0..20).map(|_| api.daemon.answers("/status")));
            let (undone, listed, _) = tokio::join!(undos, lists, pages);
            assert!(undone.iter().all(|answer| answer.status == 200), "{undone:?}");
            assert!(listed.iter().all(|answer| answer.status == 200), "{listed:?}");
            api.shop.places_order(250_00).await;
        }
        ends.cancel();
    };
    tokio::join!(watch, asks);
    let most = most.into_inner();
    println!("{most} connections at most");
    assert!((3..=6).contains(&most), "{most} connections");
    assert_eq!(api.shop.number("select count(*) from api_audit where act = 'execution.undo'", &[]).await, 6);
}

#[tokio::test]
async fn an_editor_who_leaves_a_transaction_open_is_not_waited_for_by_the_api() {
    let api = Api::open_with(&[("THENDO_POOL_MAX", "10")]).await;
    api.shop.publishes("points", &points_and_deposit()).await;
    api.shop.db.batch_execute("begin; select pg_advisory_xact_lock(1952998511, 3)").await.expect("held");
    let began = Instant::now();
    let pause = api.ask("POST", "/workflows/points/pause", None).await;
    is_problem(&pause, 503, "busy");
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    api.shop.db.batch_execute("rollback").await.expect("left");
    assert_eq!(api.ask("POST", "/workflows/points/pause", None).await.status, 200);
}

#[tokio::test]
async fn with_too_few_connections_all_works_but_the_api_and_that_is_said() {
    let api = Api::open_with(&[("THENDO_POOL_MAX", "5")]).await;
    let answer = api.ask("GET", "/workflows", None).await;
    is_problem(&answer, 503, "too-few-connections");
    assert!(answer.body["help"].to_string().contains("`pool_max` to 6"), "{answer:?}");
    assert_eq!(ask(&api.daemon.http, "GET", "/enter?token=x", &[], None).await.status, 503);
    assert_eq!(api.ask("GET", "/openapi.json", None).await.status, 200);
    assert_eq!(api.daemon.answers("/status").await.expect("the page").0, 200);
    assert!(api.daemon.logged().contains("the API answers 503"), "{}", api.daemon.logged());
    api.shop.publishes("points", &points_and_deposit()).await;
    api.shop.places_order(250_00).await;
    api.shop.has_settled().await;
    assert_eq!(api.shop.count("deposits").await, 1);
}

#[tokio::test]
async fn a_login_without_the_role_of_the_api_runs_the_engine_and_says_what_is_missing() {
    let shop = Shop::open().await;
    let (name, url) = login(&shop, "engine_only").await;
    shop.does(&format!("grant thendo_engine to {name}; grant select on _sqlx_migrations to {name}")).await;
    let daemon = Daemon::start(&url, shop.folder.path(), &[]).await;
    let answer = ask(&daemon.http, "GET", "/api/v1/workflows", &[], None).await;
    is_problem(&answer, 503, "no-role");
    assert!(answer.body["help"].to_string().contains("grant thendo_api to"), "{answer:?}");
    assert!(daemon.logged().contains("grant thendo_api to"), "{}", daemon.logged());
}

#[tokio::test]
async fn who_fails_a_lot_does_not_keep_others_waiting() {
    let api = Api::open().await;
    let bad = [("authorization", "Bearer thendo_wrong")];
    let flood = futures_util::future::join_all(
        (0..150).map(|_| ask(&api.daemon.http, "GET", "/api/v1/workflows", &bad, None)),
    );
    let good = async {
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            let began = Instant::now();
            // From the same address: what was good a moment ago does not wait.
            let answer = api.ask("GET", "/workflows", None).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            longest = longest.max(began.elapsed());
        }
        longest
    };
    assert_eq!(api.ask("GET", "/workflows", None).await.status, 200);
    let (answers, longest) = tokio::join!(flood, good);
    assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429)), "{answers:?}");
    assert!(answers.iter().filter(|answer| answer.status == 429).count() >= 100, "{answers:?}");
    println!("the longest of the good took {longest:?}");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}

#[tokio::test]
async fn a_body_is_no_larger_than_what_is_drawn_needs_and_two_of_the_large_are_read_at_a_time() {
    let api = Api::open().await;
    let reader = makes_key(&api.shop, "reader", &["read"]).await;
    let key = format!("Bearer {reader}");
    let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
    let sends =
        async |body: String| sends(&api.daemon.http, "POST", "/api/v1/validate", &headers, body).await;
    let with = |bytes: usize| json!({"definition": {"x": "x".repeat(bytes)}}).to_string();
    is_problem(&sends(with(2 * 1024 * 1024)).await, 413, "too-large");
    assert_eq!(sends(with(1_900_000)).await.body["valid"], json!(false), "the compiler says why");
    let many = format!("{{\"definition\": {{\"x\": [{}{{}}]}}}}", "{},".repeat(400_000));
    is_problem(&sends(many).await, 413, "too-many-parts");

    // Two who send slowly hold the places of the large bodies; what is small passes, and what is large is told to come later.
    let address = api.daemon.http.strip_prefix("http://").expect("http").to_owned();
    let mut silent = TcpStream::connect(&address).await.expect("connected");
    silent.write_all(b"GET /api/v1/workflows HTTP/1.1\r\nhost: x\r\nx-").await.expect("sent");
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&address).await.expect("connected");
        let head = format!(
            "POST /api/v1/validate HTTP/1.1\r\nhost: x\r\nauthorization: {key}\r\ncontent-type: application/json\r\n\
             content-length: 1000000\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        slow.push(stream);
    }
    let said: Answer = {
        let mut said = None;
        until("both are read", || async { sends(with(100_000)).await.status == 503 }).await;
        said.replace(sends(with(100_000)).await);
        said.expect("an answer")
    };
    is_problem(&said, 503, "busy");
    assert_eq!(sends(with(1_000)).await.status, 200);
    assert_eq!(api.ask("GET", "/workflows", None).await.status, 200);
    // Nobody holds them for long.
    for mut stream in slow {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("ended");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
        assert!(answer.contains("it may have been done all the same"), "{answer}");
    }
    assert_eq!(sends(with(100_000)).await.status, 200);
    // Nor a connection, without saying what for.
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), silent.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "it is still open");
}

#[tokio::test]
async fn who_operates_or_draws_sees_what_they_do_it_to() {
    let api = Api::open().await;
    api.shop.publishes("points", &points_and_deposit()).await;
    for scope in ["operate", "author"] {
        let key = makes_key(&api.shop, scope, &[scope]).await;
        let shown = format!("Bearer {key}");
        let who = [("authorization", shown.as_str())];
        let listed = ask(&api.daemon.http, "GET", "/api/v1/workflows", &who, None).await;
        assert_eq!(
            (listed.status, &listed.body["items"][0]["name"]),
            (200, &json!("points")),
            "{scope}: {listed:?}"
        );
    }
}

/// A key as `who` makes one.
async fn makes(api: &Api, key: &str, wanted: Value) -> Answer {
    let shown = format!("Bearer {key}");
    ask(&api.daemon.http, "POST", "/api/v1/keys", &[("authorization", &shown)], Some(&wanted)).await
}

#[tokio::test]
async fn a_key_does_not_outlive_its_maker_and_is_not_taken_for_another() {
    let api = Api::open().await;
    let admin = makes(
        &api,
        &api.key,
        json!({"name": "for a day", "scopes": ["admin"], "expires_at": "2999-01-01T00:00:00Z"}),
    )
    .await;
    assert_eq!(admin.status, 201, "{admin:?}");
    let admin = admin.body["key"].as_str().expect("a key").to_owned();
    let later = makes(
        &api,
        &admin,
        json!({"name": "later", "scopes": ["read"], "expires_at": "2999-01-02T00:00:00Z"}),
    )
    .await;
    is_problem(&later, 422, "bad-end");
    let same = makes(&api, &admin, json!({"name": "same", "scopes": ["read", "operate"]})).await;
    assert_eq!((same.status, &same.body["expires_at"]), (201, &json!("2999-01-01T00:00:00Z")), "{same:?}");
    let id = same.body["id"].as_str().expect("an id").to_owned();
    for name in [id.as_str(), "two\nlines", "\u{7}", ""] {
        is_problem(&makes(&api, &api.key, json!({"name": name, "scopes": ["read"]})).await, 422, "bad-name");
    }
    // One that was named so before that was refused: an id is the key's that has it.
    let sql =
        "insert into api_keys (name, hash, prefix, scopes) values ($1, sha256('x'), 'thendo_', '{read}')";
    api.shop.db.execute(sql, &[&id]).await.expect("an old one");
    let revoked = api.ask("DELETE", &format!("/keys/{id}"), None).await;
    assert_eq!(revoked.body["name"], json!("same"), "{revoked:?}");
    let revoked = api.ask("DELETE", &format!("/keys/{id}"), None).await;
    assert_eq!(revoked.body["name"], json!(id), "{revoked:?}");
}
