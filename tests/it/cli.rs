//! The command line as a developer meets it: faults told like a compiler's, nothing loaded that is broken.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::server::thendo;
use crate::support::{Shop, branch, edge, node, points_and_deposit};

fn run(folder: &Path, args: &[&str]) -> Output {
    thendo().args(args).current_dir(folder).env("NO_COLOR", "1").output().expect("the built binary")
}

fn faulty() -> Value {
    json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
            node("points", "action", json!({ "actionType": "award_points", "config": { "points": "{{ order.totl }}" } })),
            node("mail", "action", json!({ "actionType": "send_email", "config":
                { "to": "{{ customer.email", "subject": "x", "txt": "y" } })),
            node("again", "action", json!({ "actionType": "awrd_points", "config": {} })),
            node("deposit", "action", json!({ "actionType": "create_deposit", "config": { "percent": 5000 } })),
            node("bare", "action", json!({ "actionType": "award_points", "config": {} })),
        ],
        "edges": [edge("start", "points"), edge("points", "mail"), edge("mail", "points"), edge("start", "again"),
            edge("start", "deposit"), edge("start", "bare"), branch("mail", "yes", "nowhere")],
    })
}

#[test]
fn validate_tells_every_fault_with_its_place_and_mend() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.json"), serde_json::to_string_pretty(&faulty()).expect("JSON"))
        .expect("written");
    let checked = run(folder.path(), &["validate", "flow.json", "--format", "json"]);
    assert_eq!(checked.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    assert_eq!((&answer["file"], &answer["valid"]), (&json!("flow.json"), &json!(false)));
    let faults = answer["diagnostics"].as_array().expect("a list");
    for (code, node, words) in [
        ("unknown-name", "points", "did you mean `total`?"),
        ("template-syntax", "mail", "expected"),
        ("unknown-field", "mail", "did you mean `text`?"),
        ("unknown-kind", "again", "did you mean `award_points`?"),
        ("cycle", "", "points -> mail -> points"),
    ] {
        let told = faults.iter().find(|f| f["code"] == code && (node.is_empty() || f["node"] == node));
        let told = told.unwrap_or_else(|| panic!("no {code} at {node} in {answer:#}")).to_string();
        assert!(told.contains(words), "no {words:?} in {told}");
    }
    for silent in ["deposit", "bare"] {
        assert!(faults.iter().any(|f| f["node"] == silent), "nothing on {silent} in {answer:#}");
    }
    let text = run(folder.path(), &["validate", "flow.json"]);
    let said = String::from_utf8_lossy(&text.stderr).into_owned();
    for part in [
        "error[unknown-name]",
        "--> flow.json:",
        "{{ order.totl }}",
        "node `points`",
        "did you mean `total`?",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "colour where none was asked for");
}

#[test]
fn validate_survives_what_is_no_workflow() {
    let folder = tempfile::tempdir().expect("a folder");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (name, text) in [
        ("empty.json", ""),
        ("half.json", "{\"nodes\": ["),
        ("list.json", "[]"),
        ("null.json", "null"),
        ("nodes.json", "{\"nodes\": 7, \"edges\": {}}"),
        ("nul.json", "{\"nodes\": [\u{0}]}"),
        ("deep.json", &deep),
        ("strange.json", "{\"nodes\": [null, 1, {\"id\": 3}], \"edges\": [{}]}"),
    ] {
        std::fs::write(folder.path().join(name), text).expect("written");
        let checked = run(folder.path(), &["validate", name]);
        assert_eq!(checked.status.code(), Some(1), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
        assert!(!checked.stderr.is_empty(), "{name}");
    }
    assert_eq!(run(folder.path(), &["validate", "missing.json"]).status.code(), Some(2));
    assert_eq!(run(folder.path(), &["validate"]).status.code(), Some(2));
}

#[tokio::test]
async fn a_broken_file_is_not_loaded_and_neither_are_its_neighbours() {
    let shop = Shop::open().await;
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, flow: &Value| {
        std::fs::write(folder.path().join(name), flow.to_string()).expect("written");
    };
    write("good.json", &points_and_deposit());
    write("bad.json", &faulty());
    let load = |files: &[&str]| {
        run(folder.path(), &[&["workflow", "load", "--database-url", &shop.url], files].concat())
    };
    let loaded = load(&["good.json", "bad.json"]);
    assert_eq!(loaded.status.code(), Some(1));
    assert_eq!(shop.count("workflows").await, 0, "{}", String::from_utf8_lossy(&loaded.stderr));
    assert!(load(&["good.json"]).status.success());
    assert_eq!(shop.count("workflows").await, 1);
}

#[tokio::test]
async fn executions_can_be_listed_and_shown() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let on_shop = |args: &[&str]| run(shop.folder.path(), &[args, &["--database-url", &shop.url]].concat());
    let listed = on_shop(&["executions", "list", "--format", "json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let id = listed[0]["id"].as_str().expect("an id").to_owned();
    let shown = on_shop(&["executions", "show", &id]);
    let said = String::from_utf8_lossy(&shown.stdout).into_owned();
    for part in ["points", "250.00 is at least 100.00", "deposit"] {
        assert!(said.contains(part), "no {part:?} in\n{said}{}", String::from_utf8_lossy(&shown.stderr));
    }
    let nobody = on_shop(&["executions", "show", "01963d7e-2a30-5cc1-9d39-d8fb0a86bd13"]);
    assert_eq!(nobody.status.code(), Some(1));
}

#[tokio::test]
async fn without_a_daemon_the_demo_says_that_none_runs() {
    let shop = Shop::open().await;
    let folder = tempfile::tempdir().expect("a folder");
    let order = ["demo", "order", "--total", "80", "--timeout", "4", "--database-url", &shop.url];
    let said = run(folder.path(), &order);
    let said = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.contains("nobody has taken it yet") && said.contains("no daemon seems to run"), "{said}");
}

#[test]
fn the_catalog_tells_people_and_editors_of_every_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |output: &Output| {
        String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
    };
    let listed = run(folder.path(), &["catalog"]);
    assert_eq!(listed.status.code(), Some(0));
    for part in ["Triggers", "order_created", "Actions", "award_points", "gift"] {
        assert!(text(&listed).contains(part), "no {part:?} in\n{}", text(&listed));
    }
    let one = text(&run(folder.path(), &["catalog", "award_points"]));
    for part in ["points  a whole number from 1 to", "\"per_amount\": {", "balance"] {
        assert!(one.contains(part), "no {part:?} in\n{one}");
    }
    let json = run(folder.path(), &["catalog", "--format", "json"]);
    let kinds: Vec<Value> = serde_json::from_slice(&json.stdout).expect("JSON");
    let order = kinds.iter().find(|kind| kind["name"] == "order_created").expect("the kind");
    assert_eq!((&order["role"], &order["icon"]), (&json!("trigger"), &json!("shopping-cart")));
    assert!(order["schema"]["properties"]["filter"].is_object(), "{order:#}");
    let total = json!({ "name": "total", "type": "money", "required": true });
    assert!(order["gives"][0]["fields"].as_array().expect("fields").contains(&total), "{order:#}");
    let unknown = run(folder.path(), &["catalog", "order_craeted"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown).contains("did you mean `order_created`?"), "{}", text(&unknown));
    assert_eq!(run(folder.path(), &["catalog", "--format", "xml"]).status.code(), Some(2));
    let page = run(folder.path(), &["catalog", "--format", "markdown"]);
    assert_eq!(String::from_utf8_lossy(&page.stdout), include_str!("../../docs/nodes.md"));
}
