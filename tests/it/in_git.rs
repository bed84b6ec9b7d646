//! Workflows as files in git: pulled, pushed, edited on both sides; names and indexes that mean harm.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Shop, edge, node};

fn points(count: i64) -> Value {
    json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
            node("points", "action", json!({ "actionType": "award_points", "config": { "points": count } })),
        ],
        "edges": [edge("start", "points")],
    })
}

async fn draws(shop: &Shop, name: &str, count: i64) {
    let sql = "with drawn as (update workflows set definition = $2 where name = $1 returning 1)
               insert into workflows (name, definition) select $1, $2 where not exists (select from drawn)";
    shop.db.execute(sql, &[&name, &points(count)]).await.expect("drawn");
}

async fn drawn(shop: &Shop, name: &str) -> i64 {
    let sql = "select coalesce(draft, definition) #>> '{nodes,1,data,config,points}' from workflows where name = $1";
    let text: String = shop.db.query_one(sql, &[&name]).await.expect("a workflow").get(0);
    text.parse().expect("a number")
}

fn edits(path: &Path, count: i64) {
    let mut value: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON");
    value["nodes"][1]["data"]["config"]["points"] = json!(count);
    std::fs::write(path, value.to_string()).expect("written");
}

/// What a command says about each file; its exit code has to be this one.
async fn done(shop: &Shop, code: i32, args: &[&str]) -> Vec<String> {
    let args = [args, &["--format", "json"]].concat();
    let (exit, out, err) = shop.thendo(&args).await;
    assert_eq!(exit, Some(code), "{args:?}: {out}{err}");
    let items: Value = serde_json::from_str(&out).unwrap_or_else(|fault| panic!("{fault}: {out}{err}"));
    let of = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let items = items.as_array().expect("a list").iter();
    let mut found: Vec<_> = items.map(|item| format!("{} {}", of(item, "name"), of(item, "done"))).collect();
    found.sort();
    found
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    found
}

fn folder(shop: &Shop) -> (PathBuf, String) {
    let path = shop.folder.path().join("git");
    let text = path.display().to_string();
    (path, text)
}

#[tokio::test]
async fn what_one_side_edited_goes_to_the_other_and_no_edit_is_lost() {
    let shop = Shop::open().await;
    let (path, git) = folder(&shop);
    for name in ["a", "b", "c"] {
        draws(&shop, name, 1).await;
    }
    assert_eq!(
        done(&shop, 0, &["workflow", "pull", &git, "--dry-run"]).await,
        ["a added", "b added", "c added"]
    );
    assert!(!path.exists(), "a dry run writes nothing");
    assert_eq!(done(&shop, 0, &["workflow", "pull", &git]).await, ["a added", "b added", "c added"]);
    assert_eq!(files_below(&path), [".thendo-workflows.json", "a.json", "b.json", "c.json"]);
    let before = std::fs::read_to_string(path.join("a.json")).expect("a file");
    assert_eq!(done(&shop, 0, &["workflow", "pull", &git]).await, ["a kept", "b kept", "c kept"]);
    assert_eq!(done(&shop, 0, &["workflow", "push", &git]).await, ["a kept", "b kept", "c kept"]);
    assert_eq!(std::fs::read_to_string(path.join("a.json")).expect("a file"), before, "stable");

    // a here, b there, c on both sides.
    edits(&path.join("a.json"), 2);
    draws(&shop, "b", 3).await;
    edits(&path.join("c.json"), 4);
    draws(&shop, "c", 5).await;
    assert_eq!(
        done(&shop, 1, &["workflow", "push", &git]).await,
        ["a changed", "b edited_there", "c conflict"]
    );
    assert_eq!(drawn(&shop, "a").await, 1, "nothing is pushed where one is in conflict");
    assert_eq!(
        done(&shop, 1, &["workflow", "pull", &git]).await,
        ["a edited_there", "b changed", "c conflict"]
    );
    assert!(std::fs::read_to_string(path.join("b.json")).expect("b").contains("\"points\": 1"));
    let (code, _, err) = shop.thendo(&["workflow", "push", &git]).await;
    assert!(code == Some(1) && err.contains("edited on both sides") && err.contains("--force"), "{err}");

    assert_eq!(
        done(&shop, 0, &["workflow", "push", &git, "--force"]).await,
        ["a changed", "b edited_there", "c replaced"]
    );
    assert_eq!((drawn(&shop, "a").await, drawn(&shop, "b").await, drawn(&shop, "c").await), (2, 3, 4));
    let theirs = std::fs::read_to_string(path.join("c.json.theirs")).expect("kept");
    assert!(theirs.contains("\"points\": 5"), "{theirs}");
    assert_eq!(done(&shop, 0, &["workflow", "pull", &git]).await, ["a kept", "b changed", "c kept"]);
    // One is renamed, and another file takes its former name: which of them is meant is for people to say.
    let renamed = std::fs::read_to_string(path.join("a.json")).expect("a").replace("\"a\"", "\"z\"");
    let former = std::fs::read_to_string(path.join("a.json")).expect("a");
    std::fs::write(path.join("a.json"), renamed).expect("written");
    std::fs::write(path.join("other.json"), &former).expect("written");
    let (code, _, err) = shop.thendo(&["workflow", "push", &git, "--force"]).await;
    assert!(code == Some(1) && err.contains("both stand for the workflow"), "{err}");
    std::fs::remove_file(path.join("other.json")).expect("removed");
    assert_eq!(done(&shop, 0, &["workflow", "push", &git]).await, ["b kept", "c kept", "z changed"]);
    std::fs::write(path.join("a.json"), former).expect("written");
    assert_eq!(done(&shop, 0, &["workflow", "push", &git]).await, ["a changed", "b kept", "c kept"]);
    // The other way round.
    edits(&path.join("c.json"), 6);
    draws(&shop, "c", 7).await;
    assert_eq!(
        done(&shop, 0, &["workflow", "pull", &git, "--force"]).await,
        ["a kept", "b kept", "c replaced"]
    );
    let mine = std::fs::read_to_string(path.join("c.json.mine")).expect("kept");
    assert!(mine.contains("\"points\":6"), "{mine}");
    // Both sides made the same edit: that is none.
    edits(&path.join("c.json"), 8);
    draws(&shop, "c", 8).await;
    assert_eq!(done(&shop, 0, &["workflow", "push", &git]).await, ["a kept", "b kept", "c kept"]);
}

#[tokio::test]
async fn pushing_publishes_only_when_told_and_all_or_nothing() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let (path, git) = folder(&shop);
    std::fs::create_dir_all(path.join("nested")).expect("made");
    std::fs::write(path.join("plain.json"), points(1).to_string()).expect("written");
    std::fs::write(path.join("nested/workflow.json"), points(2).to_string()).expect("written");
    assert_eq!(
        done(&shop, 0, &["workflow", "push", &git, "--dry-run"]).await,
        ["nested added", "plain added"]
    );
    assert_eq!(shop.count("workflows").await, 0);
    assert_eq!(done(&shop, 0, &["workflow", "push", &git]).await, ["nested added", "plain added"]);
    assert_eq!(shop.number("select count(*) from workflows where status = 'draft'", &[]).await, 2);
    assert_eq!(done(&shop, 0, &["workflow", "push", &git, "--publish"]).await, ["nested kept", "plain kept"]);
    let running = "select count(*) from workflows where status = 'published' and live_version = 1";
    assert_eq!(shop.number(running, &[]).await, 2);
    // Pushed without a word, an edit is a draft: what runs goes on.
    edits(&path.join("nested/workflow.json"), 20);
    assert_eq!(done(&shop, 0, &["workflow", "push", &git]).await, ["nested changed", "plain kept"]);
    shop.places_order(100_00).await;
    shop.has_settled().await;
    assert_eq!(shop.number("select sum(points) from loyalty_ledger", &[]).await, 3);
    // One broken file, and nothing is pushed.
    edits(&path.join("plain.json"), -5);
    edits(&path.join("nested/workflow.json"), 30);
    let (code, _, err) = shop.thendo(&["workflow", "push", &git, "--publish"]).await;
    assert!(code == Some(1) && err.contains("nothing was pushed: 1 of 2"), "{err}");
    assert_eq!((drawn(&shop, "nested").await, drawn(&shop, "plain").await), (20, 1));
    std::fs::write(path.join("plain.json"), "{ \"nodes\": [").expect("written");
    let (code, _, err) = shop.thendo(&["workflow", "push", &git]).await;
    assert!(code == Some(1) && err.contains("plain.json"), "{err}");
    assert_eq!(drawn(&shop, "nested").await, 20);
    // A file that is gone takes no workflow with it, and one that is gone there is not added unasked.
    std::fs::remove_file(path.join("plain.json")).expect("removed");
    assert_eq!(
        done(&shop, 0, &["workflow", "push", &git, "--publish"]).await,
        ["nested changed", "plain gone"]
    );
    shop.db.execute("delete from workflows where name = 'nested'", &[]).await.expect("deleted");
    assert_eq!(done(&shop, 1, &["workflow", "push", &git]).await, ["nested conflict", "plain gone"]);
    assert_eq!(done(&shop, 0, &["workflow", "push", &git, "--force"]).await, ["nested added", "plain gone"]);
}

#[tokio::test]
async fn a_name_never_leads_out_of_the_folder() {
    let shop = Shop::open().await;
    let (path, git) = folder(&shop);
    let hostile =
        ["../../evil", "/tmp/evil", "..", "evil\u{1b}[31m\n", "a/b", "A b", "a-b", "workflow", ".git"];
    for name in hostile {
        draws(&shop, name, 1).await;
    }
    assert_eq!(done(&shop, 0, &["workflow", "pull", &git]).await.len(), hostile.len());
    let files = files_below(&path);
    assert_eq!(files.len(), hostile.len() + 1, "{files:?}");
    assert!(files_below(shop.folder.path()).iter().all(|name| name == "git"), "nothing beside it");
    let (_, said, _) = shop.thendo(&["workflow", "pull", &git]).await;
    assert!(!said.contains('\u{1b}'), "no letter for the terminal");
    assert!(done(&shop, 0, &["workflow", "push", &git]).await.iter().all(|done| done.ends_with("kept")));
    let out = shop.folder.path().join("out").display().to_string();
    let (code, _, err) =
        shop.thendo(&["workflow", "export", "../../evil", "a/b", "A b", "--out", &out]).await;
    assert_eq!(code, Some(0), "{err}");
    let exported = files_below(Path::new(&out));
    assert!(exported.len() == 3 && exported.contains(&"a-b.json".to_owned()), "{exported:?}");
    // Another content is not written over.
    edits(&Path::new(&out).join("a-b.json"), 9);
    let (code, _, err) = shop.thendo(&["workflow", "export", "a/b", "--out", &out]).await;
    assert!(code == Some(1) && err.contains("--force"), "{err}");
    let (code, text, _) = shop.thendo(&["workflow", "export", "a/b"]).await;
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, &value["name"]), (Some(0), &json!("a/b")));

    // An index made by someone else, and a folder that is a link.
    let index = path.join(".thendo-workflows.json");
    let good = std::fs::read_to_string(&index).expect("an index");
    let id = shop.number("select count(*) from workflows", &[]).await;
    assert_eq!(id, 9);
    std::fs::write(&index, good.replacen("\"A-b", "\"../A-b", 1)).expect("written");
    let (code, _, err) = shop.thendo(&["workflow", "pull", &git]).await;
    assert!(code == Some(1) && err.contains("no file of this folder"), "{err}");
    std::fs::write(&index, good.replacen("\"workflow-.json\"", "\"link/workflow.json\"", 1))
        .expect("written");
    std::os::unix::fs::symlink(shop.folder.path(), path.join("link")).expect("linked");
    let (code, _, err) = shop.thendo(&["workflow", "pull", &git]).await;
    assert!(code == Some(1) && err.contains("is a link"), "{err}");
    assert!(!shop.folder.path().join("workflow.json").exists());
}

#[tokio::test]
async fn files_that_no_workflow_can_be_are_refused_with_their_reason() {
    let shop = Shop::open().await;
    let write = |name: &str, value: &Value| {
        let path = shop.folder.path().join(name);
        std::fs::write(&path, value.to_string()).expect("written");
        path.display().to_string()
    };
    let mut long = points(1);
    long["name"] = json!("x".repeat(201));
    let mut nul = points(1);
    nul["nodes"][0]["data"]["label"] = json!("a\u{0}b");
    let mut nameless = points(1);
    nameless["name"] = json!("");
    for (file, value, words) in [
        ("long.json", long, "more than 200 letters"),
        ("nul.json", nul, "U+0000"),
        ("nameless.json", nameless, "the name is empty"),
        ("list.json", json!([1]), "it is no JSON object"),
        ("bare.json", json!({ "nodes": [] }), "`edges` is missing"),
        ("wrong.json", json!({ "nodes": 7, "edges": [] }), "must be a list"),
    ] {
        let (code, out, err) =
            shop.thendo(&["workflow", "import", &write("fine.json", &points(1)), &write(file, &value)]).await;
        assert_eq!(code, Some(1), "{file}: {out}{err}");
        assert!(err.contains(words) && err.contains("nothing was imported: 1 of 2"), "{file}: {err}");
    }
    assert_eq!(shop.count("workflows").await, 0);
    let (code, _, err) = shop.thendo(&["workflow", "import", "/nowhere/x.json"]).await;
    assert!(code == Some(1) && err.contains("can't be read"), "{err}");
}
