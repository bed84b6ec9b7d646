//! Persons are removed, and links made, through the API and by `--server`.

use serde_json::{Value, json};

use super::remote::remote;
use super::{Api, is_problem, makes_key};
use crate::support::look::{lines_with, whole_database};

#[tokio::test]
async fn whom_nobody_knows_is_not_removed_and_only_admins_remove() {
    let api = Api::open().await;
    let others = makes_key(&api.shop, "others", &["read", "author", "operate", "secrets"]).await;
    let shown = format!("Bearer {others}");
    for path in ["/customers/erase", "/links"] {
        let headers = [("authorization", shown.as_str())];
        let path = format!("/api/v1{path}");
        let body = json!({"who": "ada@example.com"});
        is_problem(
            &super::ask(&api.daemon.http, "POST", &path, &headers, Some(&body)).await,
            403,
            "no-right",
        );
    }
    for (who, status, code) in [
        ("nobody@example.com", 404, "nobody-known"),
        ("ada", 422, "nobody-named"),
        ("00000000-0000-4000-8000-000000000000", 404, "nobody-known"),
    ] {
        is_problem(&api.ask("POST", "/customers/erase", Some(&json!({"who": who}))).await, status, code);
    }
    let admin = super::callers::account(&api.shop, true).await;
    let sql = "insert into customers (email, user_id) values ('boss@example.com', $1)";
    api.shop.db.execute(sql, &[&admin]).await.expect("a customer");
    let boss = api.ask("POST", "/customers/erase", Some(&json!({"who": "boss@example.com"}))).await;
    is_problem(&boss, 409, "an-admin");
    assert_eq!(api.shop.number("select count(*) from api_audit where act = 'customer.erase'", &[]).await, 0);
}

#[tokio::test]
async fn a_person_is_removed_and_the_audit_does_not_say_who() {
    let api = Api::open().await;
    api.shop.places_order(100_00).await;
    let quoting =
        "insert into workflow_backtests (called, version, since, until, status, ended_at, outcome, error)
                   values ('thanks', 'draft', now() - interval '1 day', now(), 'done', now(), $1, $2)";
    let outcome =
        json!({"differences": [{"event": "x", "left": ["send_email to ada@example.com: Thank you"]}]});
    api.shop.db.execute(quoting, &[&outcome, &None::<String>]).await.expect("a backtest");
    let others = json!({"differences": [{"left": ["send_email to bob@example.com: Thank you"]}]});
    api.shop.db.execute(quoting, &[&others, &Some("of bob@example.com")]).await.expect("another");
    let dry =
        api.ask("POST", "/customers/erase", Some(&json!({"who": "ADA@example.com", "dry_run": true}))).await;
    assert_eq!((dry.status, &dry.body["erased"]), (200, &json!(false)), "{dry:?}");
    assert_eq!(dry.body["stays"], json!([{"what": "orders", "rows": 1}]), "{dry:?}");
    let here = api.shop.thendo(&["customer", "erase", "ada@example.com", "--dry-run"]).await;
    let key = Some(api.key.as_str());
    let there = remote(&api, key, &["customer", "erase", "ada@example.com", "--dry-run"]).await;
    assert_eq!(there, here);
    assert!(
        !lines_with(&whole_database(&api.shop.db).await, "ada@example.com").is_empty(),
        "nothing was done"
    );
    let (code, out, err) = remote(&api, key, &["customer", "erase", "ada@example.com"]).await;
    assert!(code == Some(1) && err.contains("--yes"), "{out}{err}");
    let args = ["customer", "erase", "ada@example.com", "--yes", "--format", "json"];
    let (code, out, err) = remote(&api, key, &args).await;
    assert_eq!(code, Some(0), "{err}");
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["erased"], true, "{told}");
    let all = whole_database(&api.shop.db).await;
    let left = lines_with(&all, "ada@example.com");
    assert!(left.is_empty(), "{left:?}");
    let of_bob = "select count(*) from workflow_backtests where outcome::text ~ 'bob' and error ~ 'bob'";
    assert_eq!(api.shop.number(of_bob, &[]).await, 1, "others keep what came out");
    let audit = api.ask("GET", "/audit?act=customer.erase", None).await;
    let line = &audit.body["items"][0];
    assert_eq!(line["target"], told["person"]["customer"], "{audit:?}");
    assert!(line["who"].as_str().is_some_and(|who| who.starts_with("key:all")), "{audit:?}");
}

#[tokio::test]
async fn a_link_from_afar_signs_in_once_and_an_account_makes_none() {
    let api = Api::open_with(&[("THENDO_API__JWT_SECRET", super::callers::SECRET)]).await;
    let admin = super::callers::account(&api.shop, true).await;
    let token = format!("Bearer {}", super::callers::token(&super::callers::claims(admin)));
    let headers = [("authorization", token.as_str())];
    is_problem(
        &super::ask(&api.daemon.http, "POST", "/api/v1/links", &headers, None).await,
        403,
        "has-account",
    );
    let (code, out, err) = remote(&api, Some(&api.key), &["link", "--format", "json"]).await;
    assert_eq!(code, Some(0), "{err}");
    let made: Value = serde_json::from_str(&out).expect("JSON");
    let link = made["link"].as_str().expect("a link");
    let path = link.strip_prefix(&api.daemon.http).expect("the server's address");
    assert!(path.starts_with("/enter?token="), "{link}");
    let (code, out, _) = remote(&api, Some(&api.key), &["link", "--at", "https://thendo.shop.example"]).await;
    assert!(code == Some(0) && out.contains("https://thendo.shop.example/enter?token="), "{out}");
    let entered = super::sessions::presses(&api.daemon.http, path, &[]).await;
    assert!(entered.header("set-cookie").contains("thendo_session="), "{entered:?}");
    let again = super::sessions::presses(&api.daemon.http, path, &[]).await;
    assert!(again.header("set-cookie").is_empty(), "{again:?}");
    // Whose link it was is known of who came by it.
    let cookie = entered.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let by_link = [("cookie", cookie.as_str())];
    let known = super::ask(&api.daemon.http, "GET", "/api/v1/session", &by_link, None).await;
    assert!(known.body["who"].as_str().is_some_and(|who| who.starts_with("link:key:all (")), "{known:?}");
    api.shop.thendo(&["link"]).await;
    let audit = api.ask("GET", "/audit?act=link.make", None).await;
    let who: Vec<_> = audit.body["items"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| line["who"].as_str().unwrap_or_default())
        .collect();
    assert!(
        who[0].starts_with("command line") && who[1..].iter().all(|who| who.starts_with("key:all")),
        "{who:?}"
    );
    assert_eq!(who.len(), 3);
    let all = whole_database(&api.shop.db).await;
    let kept = lines_with(&all, path.trim_start_matches("/enter?token="));
    assert!(kept.is_empty(), "what opens is stored nowhere: {kept:?}");
    // A key that ends makes none, and one that is revoked takes its sessions with it.
    let ending = json!({"name": "ending", "scopes": ["admin"], "expires_at": "2999-01-01T00:00:00Z"});
    let ending = api.ask("POST", "/keys", Some(&ending)).await.body;
    let shown = format!("Bearer {}", ending["key"].as_str().expect("a key"));
    let headers = [("authorization", shown.as_str())];
    is_problem(&super::ask(&api.daemon.http, "POST", "/api/v1/links", &headers, None).await, 403, "has-end");
    assert_eq!(api.shop.thendo(&["keys", "revoke", "all"]).await.0, Some(0));
    let gone = super::ask(&api.daemon.http, "GET", "/api/v1/session", &by_link, None).await;
    is_problem(&gone, 401, "not-signed-in");
}
