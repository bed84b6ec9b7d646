//! The studio: that the binary has what `ui/` says, how it is served, and how it is in a real browser.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::api::{Api, ask, is_problem};
use crate::loyalty::one_action;
use crate::support::sink::{Manner, Sink};
use crate::support::{points_and_deposit, until};
use crate::tracking::{KEY, decoded};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder, by their path from `ui/`.
fn sources_below(folder: &Path, found: &mut BTreeMap<String, PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.strip_prefix(root().join("ui")).expect("below").display().to_string();
        if path.is_dir() {
            sources_below(&path, found);
        } else if !name.contains(".test.ts") {
            found.insert(name, path);
        }
    }
}

/// As `ui/scripts/sources.mjs` reckons it.
#[test]
fn the_built_studio_is_that_of_its_sources() {
    let ui = root().join("ui");
    let mut files = BTreeMap::new();
    sources_below(&ui.join("src"), &mut files);
    for name in [
        "index.html",
        "package.json",
        "package-lock.json",
        "tsconfig.json",
        "vite.config.ts",
        "public/favicon.svg",
        "scripts/finish.mjs",
        "scripts/sources.mjs",
    ] {
        files.insert(name.to_owned(), ui.join(name));
    }
    let mut hash = Sha256::new();
    for (name, path) in files {
        hash.update(name);
        hash.update([0]);
        hash.update(std::fs::read(path).expect("a source"));
        hash.update([0]);
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let built = std::fs::read_to_string(ui.join("dist/.sources")).unwrap_or_default();
    assert_eq!(built.trim(), found, "ui/dist was built from other sources: run `make ui`");
}

#[tokio::test]
async fn files_are_kept_for_ever_and_the_page_never() {
    let api = Api::open().await;
    let http = &api.daemon.http;
    let page = ask(http, "GET", "/", &[], None).await;
    let html = page.body.as_str().expect("a page").to_owned();
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"), "{page:?}");
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let nonce = html.split("name=\"style-nonce\" content=\"").nth(1).and_then(|rest| rest.split('"').next());
    assert!(policy.contains(&format!("'nonce-{}'", nonce.expect("one"))), "{policy}\n{html}");
    assert_ne!(ask(http, "GET", "/", &[], None).await.body, page.body, "each has its own number");

    let script = html.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a script");
    let first = ask(http, "GET", script, &[("accept-encoding", "gzip")], None).await;
    assert_eq!((first.status, first.header("content-encoding")), (200, "gzip"), "{script}");
    assert_eq!(first.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(first.header("cache-control"), "public, max-age=31536000, immutable");
    let plain = ask(http, "HEAD", script, &[], None).await;
    assert_eq!((plain.status, plain.header("content-encoding"), &*plain.body.to_string()), (200, "", "\"\""));
    let tag = first.header("etag").to_owned();
    let again = ask(http, "GET", script, &[("if-none-match", &tag)], None).await;
    assert_eq!((again.status, &*again.body.to_string()), (304, "\"\""), "{again:?}");

    let browser = [("accept", "text/html,*/*;q=0.8")];
    let deep = ask(http, "GET", "/executions/01a2?status=failed", &browser, None).await;
    assert!(deep.status == 200 && deep.body.to_string().contains("/assets/"), "{deep:?}");
    for path in [
        "/assets/none.js",
        "/assets/%2e%2e/index.html",
        "/assets/../../Cargo.toml",
        "/robots.txt",
        "/metrics/x",
    ] {
        assert_eq!(ask(http, "GET", path, &browser, None).await.status, 404, "{path}");
    }
    is_problem(&ask(http, "GET", "/api/v1/nothing", &browser, None).await, 404, "no-such-route");
    // A program that asks for what is not there is told so.
    assert_eq!(ask(http, "GET", "/workflows", &[], None).await.status, 404);
    assert_eq!(ask(http, "POST", "/workflows", &browser, None).await.status, 404);
}

#[tokio::test]
async fn a_folder_is_served_instead_and_nothing_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("dist")).expect("made");
    std::fs::write(folder.path().join("dist/index.html"), "<p>mine __NONCE__").expect("written");
    std::fs::write(folder.path().join("secret"), "s3cret").expect("written");
    let dist = folder.path().join("dist").display().to_string();
    let api = Api::open_with(&[("THENDO_UI_DIR", &dist)]).await;
    let page = ask(&api.daemon.http, "GET", "/", &[], None).await.body.to_string();
    assert!(page.contains("mine") && !page.contains("__NONCE__"), "{page}");
    for path in ["/assets/..%2f..%2fsecret", "/assets/%2e%2e%2f%2e%2e%2fsecret", "/assets//etc/passwd"] {
        let answer = ask(&api.daemon.http, "GET", path, &[], None).await;
        assert!(answer.status == 404 && !answer.body.to_string().contains("s3cret"), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn the_last_outcomes_of_each_workflow_are_told_the_newest_first() {
    let api = Api::open().await;
    let (busy, idle) = (api.shop.publishes("a busy one", &points_and_deposit()).await, "an idle one");
    api.shop.writes_workflow(idle, &serde_json::json!({"nodes": [], "edges": []})).await;
    for n in 0..25 {
        let sql = format!(
            "insert into workflow_executions (id, event_at, event_id, workflow_id, version, mode, status, started_at, finished_at, steps)
             values (gen_random_uuid(), now() - {n} * interval '1 second', gen_random_uuid(), '{busy}', 1,
                     '{}', '{}', now(), now(), '[]')",
            if n == 1 { "test" } else { "live" },
            if n == 0 { "failed" } else { "succeeded" },
        );
        api.shop.does(&sql).await;
    }
    let first = api.ask("GET", "/outcomes?limit=1", None).await;
    let one = &first.body["items"][0];
    assert_eq!(
        (&one["name"], &one["last"][0], &one["last"][1]),
        (&"a busy one".into(), &"failed".into(), &"succeeded".into())
    );
    assert_eq!(one["last"].as_array().map(Vec::len), Some(20), "{first:?}");
    let next = first.body["next"].as_str().expect("one more");
    let rest = api.ask("GET", &format!("/outcomes?limit=1&cursor={next}"), None).await;
    assert_eq!(
        (&rest.body["items"][0]["name"], &rest.body["items"][0]["last"]),
        (&idle.into(), &serde_json::json!([]))
    );
    assert!(rest.body["items"][0]["last_at"].is_null() && rest.body["next"].is_null(), "{rest:?}");
}

#[tokio::test]
async fn every_example_can_be_had_as_a_draft() {
    let api = Api::open().await;
    let examples = api.ask("GET", "/examples", None).await;
    let list = examples.body.as_array().expect("a list");
    assert!(list.len() >= 10, "{examples:?}");
    for example in list {
        let body = serde_json::json!({"name": example["name"], "definition": example["definition"]});
        let made = api.ask("POST", "/workflows", Some(&body)).await;
        assert!((200..300).contains(&made.status), "{}: {made:?}", example["name"]);
        assert!(!example["about"].as_str().unwrap_or_default().is_empty(), "{}", example["name"]);
    }
}

/// Without it the test is skipped, which `make test` says, and in CI refuses.
fn node() -> Option<String> {
    let said = Command::new(root().join("scripts/browser")).output().ok()?;
    if said.status.success() {
        return Some(String::from_utf8_lossy(&said.stdout).trim().to_owned());
    }
    assert!(std::env::var_os("TEST_REQUIRE_NEWER").is_none(), "{}", String::from_utf8_lossy(&said.stderr));
    println!("SKIPPED: the studio in a browser: {}", String::from_utf8_lossy(&said.stderr).trim());
    None
}

/// Publishes examples, and waits until they are in force.
async fn loads(api: &Api, names: &[&str]) {
    for name in names {
        let path = root().join("workflows-examples").join(name).display().to_string();
        let (code, out, err) = api.shop.thendo(&["workflow", "load", &path]).await;
        assert_eq!(code, Some(0), "{out}{err}");
    }
    until("they are in force", || async {
        let sql = "select count(*) from workflows where status = 'published' and live_version is null";
        api.shop.number(sql, &[]).await == 0
    })
    .await;
}

/// Three orders whose mail fails, since its template is not active; and another template, for a campaign to two people.
async fn fails(api: &Api) {
    api.shop
        .does(
            "insert into email_templates (name, subject, html, consent, is_active) values
               ('Thanks for it', 'Thanks', '<h1>Thank you, {{ customer.name }}</h1>', 'transactional', false),
               ('Spring news', 'Spring', '<p>Dear {{ recipient.name }}, <a href=\"https://shop.example/spring\">look</a></p>', 'transactional', true);
             insert into customers (email, name) values ('bea@example.com', 'Bea'), ('cleo@example.com', 'Cleo');
             insert into customer_tags (customer_id, tag) select id, 'vip' from customers where name in ('Bea', 'Cleo')",
        )
        .await;
    let thanks = one_action("order_created", "send_email", serde_json::json!({"template": "Thanks for it"}));
    api.shop.publishes("order thanks", &thanks).await;
    for total in [100, 200, 300] {
        api.shop.places_order(total).await;
    }
    until("all have failed", || async { api.shop.count("workflow_dead_letters").await == 3 }).await;
}

/// A workflow that is started by hand, and asks for a note: its id.
async fn by_hand(api: &Api) -> String {
    let asks = serde_json::json!([{ "name": "note", "label": "A note for the team", "required": true }]);
    let drawn = serde_json::json!({
        "nodes": [
            { "id": "start", "data": { "triggerType": "manual", "config": { "input": asks } } },
            { "id": "end", "data": { "controlType": "stop", "config": {} } },
        ],
        "edges": [{ "source": "start", "target": "end" }],
    });
    api.shop.publishes("by hand", &drawn).await.to_string()
}

/// The paths of the pixel and of the link in the last mail, which was sent a minute ago: at once only scanners come.
async fn newest_mail(api: &Api, sink: &Sink) -> String {
    api.shop.does("update waitlist_campaign_recipients set sent_at = now() - interval '1 minute'").await;
    let mail = decoded(sink.taken().last().expect("a mail"));
    let path = |of: &str| {
        let rest = mail.split(&format!("{PUBLIC}{of}")).nth(1).unwrap_or_else(|| panic!("no {of}: {mail}"));
        format!("{of}{}", rest.split('"').next().unwrap_or_default())
    };
    format!("{} {}", path("/o/"), path("/c/"))
}

const PUBLIC: &str = "https://m.shop.example";

/// Has a script of `ui/e2e` look at a daemon, and does in the database what it asks for.
async fn looks_at(api: &Api, script: &str, node: String, sink: Option<&Sink>) {
    let (code, out, err) = api.shop.thendo(&["link", "--at", &api.daemon.http]).await;
    assert_eq!(code, Some(0), "{err}");
    let link = out.lines().next().expect("a line");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let mut child = tokio::process::Command::new(node)
        .arg(root().join("ui/e2e").join(script))
        .args([&*api.daemon.http, link])
        .arg(target.join("studio"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node");
    let (mut input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
    let mut lines = BufReader::new(output).lines();
    let mut is_fine = false;
    while let Some(line) = lines.next_line().await.expect("text") {
        let mut said = String::from("done");
        match &*line {
            "do: order" => {
                api.shop.places_order(25_000).await;
            }
            "do: approval" => {
                loads(api, &["large-order-approval"]).await;
                api.shop.places_order(250_000).await;
            }
            "do: nothing" => api.shop.does("delete from workflow_events").await,
            "do: by hand" => said = format!("done {}", by_hand(api).await),
            "do: failures" => fails(api).await,
            "do: mail" => said = format!("done {}", newest_mail(api, sink.expect("mails")).await),
            "fine" => is_fine = true,
            figures => {
                println!("{figures}");
                continue;
            }
        }
        said.push('\n');
        input.write_all(said.as_bytes()).await.expect("it listens");
    }
    let ended = child.wait_with_output().await.expect("ended");
    assert!(is_fine && ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[tokio::test]
async fn an_admin_finds_their_way_in_a_real_browser() {
    let Some(node) = tokio::task::spawn_blocking(node).await.expect("asked") else { return };
    let sink = Sink::open(Manner::Accepts).await;
    let settings = [
        ("THENDO_POOL_MAX", "10"),
        ("THENDO_MAIL__SMTP_URL", &*sink.url),
        ("THENDO_PUBLIC_URL", PUBLIC),
        KEY,
    ];
    let api = Api::open_with(&settings).await;
    loads(&api, &["welcome-points", "waitlist-welcome", "review-request"]).await;
    looks_at(&api, "studio.e2e.mjs", node, Some(&sink)).await;
}

#[tokio::test]
async fn a_workflow_is_drawn_tried_published_and_watched_in_a_real_browser() {
    let Some(node) = tokio::task::spawn_blocking(node).await.expect("asked") else { return };
    let api = Api::roomy().await;
    loads(&api, &["waitlist-welcome"]).await;
    looks_at(&api, "editor.e2e.mjs", node, None).await;
}

#[tokio::test]
async fn an_empty_shop_teaches_and_a_workflow_is_drawn_from_nothing_in_a_real_browser() {
    let Some(node) = tokio::task::spawn_blocking(node).await.expect("asked") else { return };
    let api = Api::roomy().await;
    looks_at(&api, "first.e2e.mjs", node, None).await;
}
