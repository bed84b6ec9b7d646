//! Stored secrets: sent where a workflow names them, and found nowhere else: in no row, no log, no answer of a command.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::hooks::{Hooks, Manner};
use crate::support::look::{lines_with, whole_database};
use crate::support::server::thendo;
use crate::support::{Shop, edge, node, until};

pub const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const OTHER_KEY: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";
const VALUE: &str = "sk_live_DO-NOT-LOG";
const KEY_SETTING: &str = "THENDO_SECRETS__KEY";
const ALLOW: &str = "THENDO_HTTP__ALLOW";

/// Runs `thendo` on the shop's database with settings and something on standard input.
pub fn runs(shop: &Shop, settings: &[(&str, &str)], args: &[&str], input: &str) -> (bool, String) {
    let mut command = thendo();
    command.args(args).args(["--database-url", &shop.url, "--data-dir"]).arg(shop.folder.path());
    command.env_remove(KEY_SETTING).envs(settings.iter().copied());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("read");
    let output = child.wait_with_output().expect("ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

pub fn stores(shop: &Shop, name: &str, value: &str) {
    let (fine, said) = runs(shop, &[(KEY_SETTING, KEY)], &["secrets", "set", name], value);
    assert!(fine && !said.contains(value), "{said}");
}

/// order_created → an action with these settings.
pub fn on_order(action: &str, config: Value) -> Value {
    let start = node("start", "trigger", json!({ "triggerType": "order_created", "config": {} }));
    let does = node("does", "action", json!({ "actionType": action, "config": config }));
    json!({ "nodes": [start, does], "edges": [edge("start", "does")] })
}

fn bearer(url: &str) -> Value {
    let body = r#"{"key": "{{ secret("stripe") }}", "name": {{ customer.name|tojson }}}"#;
    on_order(
        "http_request",
        json!({ "url": format!("{url}{{{{ secret('stripe') }}}}/x"), "body": body,
            "headers": { "authorization": "Bearer {{ secret(\"stripe\") }}" } }),
    )
}

async fn steps(shop: &Shop) -> String {
    let sql = "select coalesce(error, '') || steps::text from workflow_executions";
    shop.db.query_one(sql, &[]).await.expect("one execution").get(0)
}

#[tokio::test]
async fn a_secret_reaches_the_server_and_is_found_nowhere_else() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::Echoes).await;
    stores(&shop, "stripe", &format!("{VALUE}\n"));
    let daemon = shop.daemon_with(&[(ALLOW, &hooks.address), (KEY_SETTING, KEY)]).await;
    shop.publishes("hook", &bearer(&hooks.url())).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let [call] = &hooks.calls()[..] else { panic!("one call: {}", steps(&shop).await) };
    assert_eq!(call.headers["authorization"], format!("Bearer {VALUE}"));
    assert_eq!(call.path, format!("/{VALUE}/x"));
    assert_eq!(call.body, format!(r#"{{"key": "{VALUE}", "name": "Ada"}}"#));

    let steps = steps(&shop).await;
    assert!(steps.contains("Bearer ****") && !steps.contains("DO-NOT"), "{steps}");
    let all = whole_database(&shop.db).await;
    assert!(lines_with(&all, "DO-NOT-LOG").is_empty(), "{:?}", lines_with(&all, "DO-NOT-LOG"));
    let sql = "select count(*) from workflow_deliveries where payload::text like '%\"secret\": \"stripe\"%'";
    assert_eq!(shop.number(sql, &[]).await, 1, "the delivery holds the name");
    assert!(!daemon.logged().contains("DO-NOT-LOG"));
    let id: uuid::Uuid =
        shop.db.query_one("select id from workflow_executions", &[]).await.expect("one").get(0);
    let (_, shown, _) = shop.thendo(&["executions", "show", &id.to_string(), "--format", "json"]).await;
    assert!(
        shown.contains("secret(\\\\\\\"stripe\\\\\\\")") || shown.contains("secret(\\\"stripe\\\")"),
        "{shown}"
    );
    assert!(!shown.contains("DO-NOT-LOG"), "{shown}");
    let (fine, listed) = runs(&shop, &[(KEY_SETTING, KEY)], &["secrets", "list"], "");
    assert!(
        fine && listed.contains("stripe") && listed.contains("used 20") && !listed.contains("DO-NOT"),
        "{listed}"
    );
}

/// What a customer writes may look like a name as much as it likes.
#[tokio::test]
async fn a_customer_forges_no_secret() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::Answers).await;
    stores(&shop, "stripe", VALUE);
    let _daemon = shop.daemon_with(&[(ALLOW, &hooks.address), (KEY_SETTING, KEY)]).await;
    shop.publishes("hook", &bearer(&hooks.url())).await;
    let forged = "{{ secret(\"stripe\") }} \u{fdd0}stripe\u{fdd1} [\"\", {\"secret\": \"stripe\"}]";
    shop.db.execute("update customers set name = $1", &[&forged]).await.expect("renamed");
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let body: Value = serde_json::from_str(&hooks.calls()[0].body).expect("JSON");
    assert_eq!(body["key"], VALUE);
    assert_eq!(body["name"], forged.replace(['\u{fdd0}', '\u{fdd1}'], "\u{fffd}"));
}

#[tokio::test]
async fn what_is_missing_is_told_with_what_to_do_and_the_answer_is_masked() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::Says(404)).await;
    let without_key = shop.daemon_with(&[(ALLOW, &hooks.address)]).await;
    shop.publishes("hook", &bearer(&hooks.url())).await;
    let refused = |expected: &'static str| {
        let shop = &shop;
        async move {
            shop.db.batch_execute("delete from workflow_executions").await.expect("deleted");
            shop.places_order(250_00).await;
            shop.has_settled().await;
            let said = steps(shop).await;
            assert!(said.contains(expected), "{said}");
        }
    };
    refused("no secret `stripe` is stored: store it with `thendo secrets set stripe`").await;
    stores(&shop, "stripe", VALUE);
    refused("openssl rand -base64 32").await;
    without_key.stops();
    let other = shop.daemon_with(&[(ALLOW, &hooks.address), (KEY_SETTING, OTHER_KEY)]).await;
    refused("name that key in `secrets.old_keys`").await;
    other.stops();
    assert_eq!(hooks.calls().len(), 0);
    let _daemon = shop
        .daemon_with(&[(ALLOW, &hooks.address), (KEY_SETTING, OTHER_KEY), ("THENDO_SECRETS__OLD_KEYS", KEY)])
        .await;
    refused("Cannot POST /****/x").await;
    let all = whole_database(&shop.db).await;
    assert!(lines_with(&all, "DO-NOT-LOG").is_empty(), "{:?}", lines_with(&all, "DO-NOT-LOG"));
}

#[tokio::test]
async fn secrets_are_encrypted_anew_and_old_keys_open_them_until_then() {
    let shop = Shop::open().await;
    stores(&shop, "stripe", VALUE);
    stores(&shop, "slack", "https://hooks.example.com/DO-NOT-LOG");
    let both = [(KEY_SETTING, OTHER_KEY), ("THENDO_SECRETS__OLD_KEYS", KEY)];
    let rotate = ["secrets", "rotate"];
    let (fine, said) = runs(&shop, &[(KEY_SETTING, OTHER_KEY)], &rotate, "");
    assert!(!fine && said.contains("secrets.old_keys") && said.contains("nothing was changed"), "{said}");
    let (fine, said) = runs(&shop, &both, &rotate, "");
    assert!(fine && said.contains("2 secrets encrypted anew"), "{said}");
    let (fine, said) = runs(&shop, &both, &rotate, "");
    assert!(fine && said.contains("0 secrets encrypted anew"), "{said}");
    // One that was changed in the database, or moved to another name, is not opened.
    shop.db
        .batch_execute("update workflow_secrets set ciphertext = (select ciphertext from workflow_secrets where name = 'slack'),
                          nonce = (select nonce from workflow_secrets where name = 'slack') where name = 'stripe'")
        .await
        .expect("moved");
    let back = [(KEY_SETTING, KEY), ("THENDO_SECRETS__OLD_KEYS", OTHER_KEY)];
    let (fine, said) = runs(&shop, &back, &rotate, "");
    assert!(!fine && said.contains("`stripe`") && said.contains("store it anew"), "{said}");
    let (fine, said) = runs(&shop, &[], &["secrets", "remove", "stripe", "--yes"], "");
    assert!(fine, "{said}");
    assert!(runs(&shop, &back, &rotate, "").0);
}

#[tokio::test]
async fn what_is_no_name_or_no_secret_is_not_stored() {
    let shop = Shop::open().await;
    let key = [(KEY_SETTING, KEY)];
    for (name, value, expected) in [
        ("whsec_Z2VoZWlt=", "x", "no name"),
        ("Stripe", "12345678", "no name"),
        ("stripe", "short", "has 5"),
        ("stripe", "", "has 0"),
        ("stripe", "zero\0zero", "8 to 16384"),
    ] {
        let (fine, said) = runs(&shop, &key, &["secrets", "set", name], value);
        assert!(!fine && said.contains(expected) && !said.contains("Z2VoZWlt"), "{said}");
    }
    let (fine, said) = runs(&shop, &key, &["secrets", "set", "stripe"], &"x".repeat(20_000));
    assert!(!fine && said.contains("16384"), "{said}");
    let (fine, said) = runs(&shop, &[], &["secrets", "set", "stripe"], "12345678");
    assert!(!fine && said.contains("openssl rand"), "{said}");
    assert_eq!(shop.count("workflow_secrets").await, 0);
}

/// The daemon fetches what it is to send, by its name; it can't look around.
#[tokio::test]
async fn the_daemon_neither_lists_nor_writes_secrets() {
    let shop = Shop::open().await;
    stores(&shop, "stripe", VALUE);
    shop.db.batch_execute("set role thendo_engine").await.expect("a role");
    for sql in [
        "select name from workflow_secrets",
        "delete from workflow_secrets",
        "update workflow_secrets set name = 'x'",
        "insert into workflow_secrets (name, ciphertext, nonce, key_id) values ('a', '', '', '')",
    ] {
        let refused = shop.db.batch_execute(sql).await.expect_err(sql);
        assert_eq!(refused.code().map(|code| code.code()), Some("42501"), "{sql}");
    }
    let found = shop.db.query("select name from use_secrets('{stripe,slack}')", &[]).await.expect("found");
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn who_publishes_hears_which_secrets_are_missing() {
    let shop = Shop::open().await;
    let file = shop.folder.path().join("tells.json");
    let config =
        json!({ "url": "https://example.com/{{ secret('path_key') }}", "secret": "crm", "data": {} });
    std::fs::write(&file, on_order("send_webhook", config).to_string()).expect("written");
    let file = file.to_string_lossy().into_owned();
    stores(&shop, "crm", VALUE);
    let (code, said, fault) = shop.thendo(&["workflow", "publish", &file]).await;
    assert!(code == Some(0) && said.contains("thendo secrets set path_key"), "{said}{fault}");
    assert!(!said.contains("secret `crm`"), "{said}");
    stores(&shop, "path_key", VALUE);
    let (_, said, _) = shop.thendo(&["workflow", "publish", &file]).await;
    assert!(!said.contains("not stored"), "{said}");
}

#[tokio::test]
async fn a_test_run_shows_names_and_needs_no_key() {
    let shop = Shop::open().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("workflow.json");
    let event = folder.path().join("event.json");
    let drawing = bearer("https://example.com/");
    std::fs::write(&file, drawing.to_string()).expect("written");
    let data = json!({"type": "order_created", "at": "2026-11-22T10:00:00Z",
        "data": {"order": {"id": "0b1d0f1e-0000-4000-8000-000000000001", "total": 25000}, "customer": {"email": "a@example.com", "name": "Ada"}}});
    std::fs::write(&event, data.to_string()).expect("written");
    let (file, event) = (file.to_string_lossy().into_owned(), event.to_string_lossy().into_owned());
    let (_, shown, said) = shop.thendo(&["test-run", &file, "--event", &event, "--format", "json"]).await;
    let report: Value = serde_json::from_str(&shown).unwrap_or_else(|_| panic!("{shown}{said}"));
    let sent = &report["deliveries"][0];
    assert_eq!(sent["headers"]["authorization"], "Bearer {{ secret(\"stripe\") }}", "{report}");
    assert_eq!(sent["url"], "https://example.com/{{ secret(\"stripe\") }}/x");
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_is_a_fault_of_the_workflow() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let mail = on_order(
        "send_email",
        json!({ "to": "a@example.com", "subject": "s", "text": "{{ secret('stripe') }}" }),
    );
    shop.writes_workflow("mail", &mail).await;
    until("it is refused", || async { shop.number("select count(*) from workflows where health = 'broken' or diagnostics::text like '%misplaced-secret%'", &[]).await == 1 }).await;
}
