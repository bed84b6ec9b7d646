//! Links that open once, and the sessions that they begin.

use serde_json::json;

use super::{Answer, Api, ask, is_problem};

/// A link's path, from the command line.
async fn link(api: &Api) -> String {
    let (code, out, err) = api.shop.thendo(&["link", "--at", &api.daemon.http]).await;
    assert_eq!(code, Some(0), "{err}");
    let url = out.lines().next().expect("a line");
    url.strip_prefix(&api.daemon.http).expect("the daemon's address").to_owned()
}

/// Presses the button that a link leads to.
pub async fn presses(http: &str, link: &str, headers: &[(&str, &str)]) -> Answer {
    let token = link.strip_prefix("/enter?token=").unwrap_or_default().to_owned();
    let own = [("origin", http), ("sec-fetch-site", "same-origin")];
    let headers = if headers.iter().any(|header| header.0 == "origin") {
        headers.to_vec()
    } else {
        [&own, headers].concat()
    };
    super::sends(http, "POST", "/enter", &headers, format!("token={token}")).await
}

pub async fn enters(api: &Api) -> String {
    let path = link(api).await;
    let entered = presses(&api.daemon.http, &path, &[]).await;
    assert_eq!((entered.status, entered.header("location")), (303, "/"), "{entered:?}");
    let cookie = entered.header("set-cookie").to_owned();
    for wanted in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(wanted), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let token = path.split('=').nth(1).expect("a token");
    assert!(!cookie.contains(token), "the token of the link is no session's");
    cookie.split(';').next().expect("a cookie").to_owned()
}

#[tokio::test]
async fn a_link_opens_once_and_its_token_stands_nowhere() {
    let api = Api::open().await;
    let path = link(&api).await;
    let token = path.split('=').nth(1).expect("a token").to_owned();
    let host = api.daemon.http.strip_prefix("http://").expect("http");
    let by_https = [("x-forwarded-proto", "https, http"), ("origin", &format!("https://{host}"))];
    let first = presses(&api.daemon.http, &path, &by_https).await;
    assert_eq!(first.status, 303, "{first:?}");
    let cookie = first.header("set-cookie");
    assert!(cookie.starts_with("__Host-thendo_session=") && cookie.ends_with("; Secure"), "{first:?}");
    let cookie = cookie.split(';').next().expect("a cookie");
    let with = [("cookie", cookie), ("x-forwarded-proto", "https")];
    assert_eq!(ask(&api.daemon.http, "GET", "/api/v1/session", &with, None).await.status, 200);
    assert_eq!(ask(&api.daemon.http, "GET", "/api/v1/session", &with[..1], None).await.status, 401);
    let lasts = "select extract(epoch from expires_at - began_at)::bigint / 3600 from api_sessions";
    assert_eq!(api.shop.number(lasts, &[]).await, 24);
    for again in [path.as_str(), "/enter?token=wrong", "/enter?token=", "/enter"] {
        let answer = presses(&api.daemon.http, again, &[]).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (401, ""), "{again}: {answer:?}");
    }
    assert!(!api.daemon.logged().contains(&token), "it is in the log");
    let stored = api
        .shop
        .number("select count(*) from api_links l where l::text like '%' || $1 || '%'", &[&token])
        .await;
    assert_eq!(stored, 0, "it is in the database");
    let late = link(&api).await;
    api.shop
        .db
        .execute("update api_links set expires_at = now() where used_at is null", &[])
        .await
        .expect("late");
    assert_eq!(presses(&api.daemon.http, &late, &[]).await.status, 401);
}

#[tokio::test]
async fn a_right_link_opens_whatever_others_tried_and_a_look_does_not_use_it_up() {
    let api = Api::open().await;
    let path = link(&api).await;
    let wrong = (0..30).map(|_| presses(&api.daemon.http, "/enter?token=wrong", &[]));
    let wrong = futures_util::future::join_all(wrong).await;
    assert!(wrong.iter().any(|answer| answer.status == 429), "{wrong:?}");
    assert_eq!(ask(&api.daemon.http, "HEAD", &path, &[], None).await.status, 405);
    for _ in 0..2 {
        let seen = ask(&api.daemon.http, "GET", &path, &[], None).await;
        assert_eq!((seen.status, seen.header("set-cookie")), (200, ""), "{seen:?}");
        assert_eq!(seen.header("referrer-policy"), "strict-origin", "else the button has no origin");
        let token = path.split('=').nth(1).expect("a token");
        assert!(
            seen.body.as_str().is_some_and(|html| html.contains(&format!("value=\"{token}\""))),
            "{seen:?}"
        );
    }
    let evil = ask(&api.daemon.http, "GET", "/enter?token=%22%3E%3Cscript%3E", &[], None).await;
    assert!(!evil.body.to_string().contains("<script"), "{evil:?}");
    for foreign in [&[("origin", "http://evil.example")][..], &[("origin", "null")]] {
        is_problem(&presses(&api.daemon.http, &path, foreign).await, 403, "other-origin");
    }
    assert_eq!(presses(&api.daemon.http, &path, &[]).await.status, 303);
}

#[tokio::test]
async fn two_who_open_a_link_at_once_are_one_session() {
    let api = Api::open_with(&[("THENDO_POOL_MAX", "16")]).await;
    let path = link(&api).await;
    let all = (0..8).map(|_| presses(&api.daemon.http, &path, &[]));
    let all = futures_util::future::join_all(all).await;
    assert_eq!(all.iter().filter(|answer| answer.status == 303).count(), 1, "{all:?}");
    assert_eq!(api.shop.count("api_sessions").await, 1);
}

#[tokio::test]
async fn a_session_changes_nothing_for_another_page_and_ends() {
    let api = Api::open().await;
    let cookie = enters(&api).await;
    let http = &api.daemon.http;
    let host = http.strip_prefix("http://").expect("http");
    let who = ask(http, "GET", "/api/v1/session", &[("cookie", &cookie)], None).await;
    assert_eq!(who.status, 200, "{who:?}");
    assert!(who.body["who"].as_str().is_some_and(|who| who.starts_with("link:command line")), "{who:?}");
    let own = format!("http://{host}");
    let asks = async |headers: &[(&str, &str)]| {
        let mut all = vec![("cookie", cookie.as_str())];
        all.extend(headers);
        ask(http, "POST", "/api/v1/validate", &all, Some(&json!({"definition": {}}))).await
    };
    assert_eq!(asks(&[("origin", &own)]).await.status, 200);
    assert_eq!(asks(&[("origin", &own), ("sec-fetch-site", "same-origin")]).await.status, 200);
    for foreign in [
        &[][..],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("origin", own.as_str()), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ] {
        is_problem(&asks(foreign).await, 403, "other-origin");
    }
    // Two cookies of one name: somebody else set one of them.
    let two = format!("{cookie}; thendo_session=other");
    assert_eq!(ask(http, "GET", "/api/v1/session", &[("cookie", &two)], None).await.status, 401);
    let ended = ask(http, "DELETE", "/api/v1/session", &[("cookie", &cookie), ("origin", &own)], None).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    assert!(ended.header("set-cookie").contains("Max-Age=0"), "{ended:?}");
    is_problem(
        &ask(http, "GET", "/api/v1/session", &[("cookie", &cookie)], None).await,
        401,
        "not-signed-in",
    );
}

#[tokio::test]
async fn who_is_signed_in_sees_the_whole_page_and_others_how_much_there_is() {
    let api = Api::open().await;
    api.shop.publishes("points", &crate::support::points_and_deposit()).await;
    let cookie = enters(&api).await;
    let page = async |headers: &[(&str, &str)]| ask(&api.daemon.http, "GET", "/status", headers, None).await;
    let whole = page(&[("cookie", &cookie)]).await.body.to_string();
    assert!(whole.contains("points") && whole.contains("Mail goes to"), "{whole}");
    for stranger in [&[][..], &[("cookie", "thendo_session=wrong")]] {
        let seen = page(stranger).await;
        let html = seen.body.to_string();
        assert!(seen.status == 200 && html.contains("in the queue"), "{html}");
        assert!(!html.contains("points") && !html.contains("Mail goes to"), "{html}");
    }
    // It asks by itself, every few seconds: that is no use of the session.
    api.shop.does("update api_sessions set seen_at = now() - interval '10 minutes'").await;
    page(&[("cookie", &cookie)]).await;
    let old = "select count(*) from api_sessions where seen_at < now() - interval '9 minutes'";
    assert_eq!(api.shop.number(old, &[]).await, 1);
}

#[tokio::test]
async fn an_admin_sees_who_is_signed_in_and_ends_it() {
    let api = Api::open().await;
    let (first, second) = (enters(&api).await, enters(&api).await);
    let listed = api.ask("GET", "/sessions?limit=1", None).await;
    let (newest, next) = (&listed.body["items"][0], listed.body["next"].as_str().expect("one more"));
    assert_eq!(newest["ended_at"], json!(null), "{listed:?}");
    assert!(newest["who"].as_str().is_some_and(|who| who.starts_with("link:")), "{listed:?}");
    assert!(!listed.body.to_string().contains("hash"), "{listed:?}");
    let rest = api.ask("GET", &format!("/sessions?cursor={next}"), None).await;
    assert_eq!(rest.body["items"].as_array().map(Vec::len), Some(1), "{rest:?}");
    let path = format!("/sessions/{}", newest["id"].as_str().expect("an id"));
    let ended = api.ask("DELETE", &path, None).await;
    assert!(ended.status == 200 && ended.body["ended_at"].is_string(), "{ended:?}");
    is_problem(&api.ask("DELETE", &path, None).await, 404, "no-such-session");
    let who = async |cookie: &str| {
        ask(&api.daemon.http, "GET", "/api/v1/session", &[("cookie", cookie)], None).await.status
    };
    assert_eq!((who(&second).await, who(&first).await), (401, 200));
    let (code, out, err) = api.shop.thendo(&["sessions", "list"]).await;
    assert!(code == Some(0) && out.contains("● ") && out.contains("○ "), "{out}{err}");
    let id = rest.body["items"][0]["id"].as_str().expect("an id").to_owned();
    let (code, out, err) = api.shop.thendo(&["sessions", "end", &id]).await;
    assert!(code == Some(0) && out.contains("link:command line"), "{out}{err}");
    assert_eq!(who(&first).await, 401);
    let audit = api.ask("GET", &format!("/audit?act=session.end&target={id}"), None).await;
    assert!(
        audit.body["items"][0]["who"].as_str().is_some_and(|who| who.starts_with("command line")),
        "{audit:?}"
    );
}

#[tokio::test]
async fn a_session_ends_by_time_and_by_idleness() {
    let api = Api::open().await;
    for end in ["expires_at = now()", "seen_at = now() - interval '12 hours 1 second'"] {
        let cookie = enters(&api).await;
        let http = &api.daemon.http;
        assert_eq!(ask(http, "GET", "/api/v1/session", &[("cookie", &cookie)], None).await.status, 200);
        api.shop.db.batch_execute(&format!("update api_sessions set {end}")).await.expect("later");
        assert_eq!(
            ask(http, "GET", "/api/v1/session", &[("cookie", &cookie)], None).await.status,
            401,
            "{end}"
        );
    }
}

#[tokio::test]
async fn what_ended_long_ago_goes_and_the_audit_when_its_days_are_over() {
    let shop = crate::support::Shop::open().await;
    let sql = "insert into api_links (hash, expires_at) select decode(repeat('0' || n, 32), 'hex'), now() - n * interval '20 days'
                 from generate_series(1, 2) n;
        insert into api_sessions (hash, who, expires_at) select hash, 'link', expires_at from api_links;
        insert into api_audit (at, who, act) select now() - n * interval '400 days', 'ada', 'workflow.pause'
                 from generate_series(1, 2) n;
        set role thendo_engine";
    shop.db.batch_execute(sql).await.expect("rows");
    assert_eq!(
        shop.number("select prune_api(0, 1000)", &[]).await,
        2,
        "a link and a session; the audit is kept"
    );
    assert_eq!(shop.number("select prune_api(730, 1000)", &[]).await, 1);
    assert_eq!(shop.number("select prune_api(730, 1000)", &[]).await, 0);
    shop.db.batch_execute("reset role").await.expect("reset");
    let left = "select (select count(*) from api_links) * 100 + (select count(*) from api_sessions) * 10
                     + (select count(*) from api_audit)";
    assert_eq!(shop.number(left, &[]).await, 111);
}

#[tokio::test]
async fn a_tab_that_stayed_open_when_its_session_ended_is_no_failure() {
    let api = Api::open().await;
    let (http, own) = (&api.daemon.http, api.daemon.http.clone());
    let cookie = enters(&api).await;
    let asks = async |cookie: &str| ask(http, "GET", "/api/v1/session", &[("cookie", cookie)], None).await;
    assert_eq!(asks(&cookie).await.status, 200);
    let ended = ask(http, "DELETE", "/api/v1/session", &[("cookie", &cookie), ("origin", &own)], None).await;
    assert!(ended.status < 300, "{ended:?}");
    // The tab asks on and on; whoever guesses as often is told to wait.
    for n in 0..150 {
        is_problem(&asks(&cookie).await, 401, "not-signed-in");
        assert!(n > 0 || api.ask("GET", "/session", None).await.status == 200);
    }
    assert_eq!(asks(&enters(&api).await).await.status, 200, "who signs in anew is not kept waiting");
    let mut last = 0;
    for n in 0..150 {
        last = asks(&format!("thendo_session=wrong{n}")).await.status;
    }
    assert_eq!(last, 429);
}
