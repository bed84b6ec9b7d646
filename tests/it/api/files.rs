//! Workflows that come and go as files, through the API and by `--server`: all of them, or none.

use serde_json::{Value, json};

use super::remote::remote;
use super::{Api, is_problem, makes_key};
use crate::support::{mail_on_order, points_and_deposit, until};

async fn drafts(api: &Api) -> i64 {
    api.shop.count("workflows").await
}

#[tokio::test]
async fn what_can_not_be_stored_stores_nothing() {
    let api = Api::open().await;
    let reader = format!("Bearer {}", makes_key(&api.shop, "reader", &["read"]).await);
    for path in ["/import", "/load", "/push"] {
        let headers = [("authorization", reader.as_str())];
        let path_of_it = format!("/api/v1{path}");
        let refused = super::ask(&api.daemon.http, "POST", &path_of_it, &headers, Some(&json!({}))).await;
        is_problem(&refused, 403, "no-right");
        let none = api.ask("POST", path, Some(&json!({"workflows": []}))).await;
        is_problem(&none, 400, "bad-number");
    }
    let good = json!({"name": "good", "definition": mail_on_order()});
    let no_nodes = json!({"name": "bad", "definition": {"nodes": "none", "edges": []}});
    let no_name = json!({"name": "", "definition": mail_on_order()});
    let mut draft = mail_on_order();
    draft["nodes"][1]["data"]["config"]["subject"] = "{{ custmer.name }}".into();
    let faulty = json!({"name": "faulty", "definition": draft});
    for (path, other) in [
        ("/import", &no_nodes),
        ("/import", &no_name),
        ("/load", &no_nodes),
        ("/load", &no_name),
        ("/load", &faulty),
    ] {
        let refused = api.ask("POST", path, Some(&json!({"workflows": [good, other]}))).await;
        is_problem(&refused, 422, "faulty-workflow");
        assert!(refused.body["faulty"][0]["diagnostics"][0]["code"].is_string(), "{refused:?}");
    }
    let pushed = |edits: Value, publish: bool| json!({"workflows": edits, "publish": publish});
    for (edits, publish, status, code) in [
        (json!([{"drawing": good}, {"drawing": no_nodes}]), false, 422, "faulty-workflow"),
        (json!([{"drawing": good}, {"drawing": faulty}]), true, 422, "faulty-workflow"),
        (json!([{"drawing": good}, {"drawing": good}]), false, 409, "name-taken"),
        (json!([{"drawing": good}, {"workflow": uuid::Uuid::nil()}]), false, 404, "no-such-workflow"),
        (json!([{"drawing": good}, {}]), false, 400, "nothing-named"),
    ] {
        is_problem(&api.ask("POST", "/push", Some(&pushed(edits, publish))).await, status, code);
    }
    assert_eq!((drafts(&api).await, api.shop.count("api_audit where act like 'workflow%'").await), (0, 0));
}

#[tokio::test]
async fn imports_are_drafts_and_loads_run() {
    let api = Api::open().await;
    let thanks = json!({"name": "thanks", "description": "a test", "definition": mail_on_order()});
    let other = json!({"name": "thanks", "definition": points_and_deposit()});
    let stored = api.ask("POST", "/import", Some(&json!({"workflows": [thanks, thanks]}))).await;
    assert_eq!(
        (stored.status, &stored.body[0]["stored"], &stored.body[1]["stored"]),
        (200, &json!("added"), &json!("kept"))
    );
    is_problem(&api.ask("POST", "/import", Some(&json!({"workflows": [other]}))).await, 409, "name-taken");
    let read = api.ask("GET", "/workflows/thanks/draft", None).await;
    assert_eq!((&read.body["status"], &read.body["definition"]), (&json!("draft"), &mail_on_order()));
    is_problem(&api.ask("POST", "/load", Some(&json!({"workflows": [other, other]}))).await, 400, "twice");
    is_problem(&api.ask("POST", "/load", Some(&json!({"workflows": [other]}))).await, 409, "draft-not-kept");
    let publish = json!({"workflows": [{"drawing": other}]});
    is_problem(&api.ask("POST", "/publish", Some(&publish)).await, 409, "draft-not-kept");
    let publish = json!({"workflows": [{"drawing": other}, {"drawing": thanks}]});
    is_problem(&api.ask("POST", "/publish", Some(&publish)).await, 400, "twice");
    let loaded = api.ask("POST", "/load", Some(&json!({"workflows": [other], "force": true}))).await;
    assert_eq!((loaded.status, &loaded.body[0]["stored"]), (200, &json!("changed")), "{loaded:?}");
    let runs = "select count(*) from workflows where name = 'thanks' and live_version = 1";
    until("it runs", || async { api.shop.number(runs, &[]).await == 1 }).await;
    let again = api.ask("POST", "/load", Some(&json!({"workflows": [other]}))).await;
    assert_eq!(again.body[0]["stored"], "kept", "{again:?}");
    let audit = api.ask("GET", "/audit", None).await;
    let acts: Vec<_> =
        audit.body["items"].as_array().expect("lines").iter().map(|line| &line["act"]).collect();
    assert!(acts.starts_with(&[&json!("workflow.load"), &json!("workflow.add")]), "{acts:?}");
}

#[tokio::test]
async fn a_push_writes_what_was_read_and_not_what_somebody_else_wrote() {
    let api = Api::open().await;
    let first = json!({"workflows": [{"drawing": {"name": "a", "definition": mail_on_order()}}, {"drawing": {"name": "b", "definition": mail_on_order()}}]});
    let pushed = api.ask("POST", "/push", Some(&first)).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let (a, b) = (&pushed.body[0], &pushed.body[1]);
    assert_eq!((&a["definition"], &a["published"]), (&mail_on_order(), &Value::Null));
    let drawn = json!({"name": "b", "definition": points_and_deposit()});
    let edit = |of: &Value, edition: &Value, drawing: &Value| json!({"workflow": of["id"], "edition": edition, "drawing": drawing});
    let taken =
        json!({"workflows": [edit(b, &b["edition"], &json!({"name": "a", "definition": mail_on_order()}))]});
    is_problem(&api.ask("POST", "/push", Some(&taken)).await, 409, "name-taken");
    let second = json!({"publish": true, "workflows": [edit(b, &b["edition"], &drawn), {"workflow": a["id"], "edition": a["edition"]}]});
    let done = api.ask("POST", "/push", Some(&second)).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(
        (&done.body[0]["published"]["version"], &done.body[1]["published"]["new"]),
        (&json!(1), &json!(true))
    );
    // Whoever read before them is told so, and nothing of theirs is written.
    let third = json!({"name": "b", "definition": mail_on_order()});
    let stale = json!({"workflows": [{"drawing": {"name": "c", "definition": mail_on_order()}}, edit(b, &b["edition"], &third)]});
    is_problem(&api.ask("POST", "/push", Some(&stale)).await, 412, "changed-meanwhile");
    assert_eq!(drafts(&api).await, 2);
    let twice = json!({"workflows": [{"workflow": a["id"]}, {"workflow": a["id"]}]});
    is_problem(&api.ask("POST", "/push", Some(&twice)).await, 400, "twice");
    let published = "select count(*) from api_audit where act = 'workflow.publish'";
    assert_eq!(api.shop.number(published, &[]).await, 2);
    let again = json!({"publish": true, "workflows": [{"workflow": a["id"]}]});
    assert_eq!(api.ask("POST", "/push", Some(&again)).await.body[0]["published"]["new"], false);
    assert_eq!(api.shop.number(published, &[]).await, 2, "what was in force already is no news");
}

#[tokio::test]
async fn a_folder_is_pulled_and_pushed_from_afar() {
    let api = Api::open().await;
    let key = Some(api.key.as_str());
    let dir = api.shop.folder.path().join("git");
    let (git, file) = (dir.to_string_lossy().into_owned(), dir.join("points.json"));
    std::fs::create_dir_all(&dir).expect("a folder");
    std::fs::write(&file, points_and_deposit().to_string()).expect("written");
    let runs = |args: &'static [&'static str]| {
        let args: Vec<String> = args.iter().map(|arg| arg.replace("DIR", &git)).collect();
        let api = &api;
        async move {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let (code, out, err) = remote(api, key, &args).await;
            assert_eq!(code, Some(0), "{args:?}: {out}{err}");
            out
        }
    };
    assert!(runs(&["workflow", "push", "DIR", "--dry-run"]).await.contains("would be added"));
    assert_eq!(drafts(&api).await, 0);
    assert!(runs(&["workflow", "push", "DIR", "--publish"]).await.contains("points: v1 is in force"));
    let who = "select count(*) from api_audit where act = 'workflow.publish' and who like 'key:all%'";
    assert_eq!(api.shop.number(who, &[]).await, 1);
    assert!(runs(&["workflow", "pull", "DIR"]).await.contains("the same"));
    let thanks = api.shop.folder.path().join("thanks.json");
    std::fs::write(&thanks, mail_on_order().to_string()).expect("written");
    let thanks = thanks.to_string_lossy().into_owned();
    let (code, out, err) = remote(&api, key, &["workflow", "import", &thanks]).await;
    assert!(code == Some(0) && out.contains("thanks added as a draft"), "{out}{err}");
    assert!(runs(&["workflow", "pull", "DIR"]).await.contains("added"));
    let pulled = std::fs::read_to_string(dir.join("thanks.json")).expect("pulled");
    assert_eq!(runs(&["workflow", "export", "thanks"]).await, pulled, "the same file");
    for args in [
        &["workflow", "export", "points", "--version", "1"][..],
        &["workflow", "export", "nothing"],
        &["workflow", "import", &thanks],
        &["workflow", "push", &git],
        // The first time it is published, the second and the third it is there.
        &["workflow", "load", &thanks],
    ] {
        if args.contains(&"load") {
            remote(&api, key, args).await;
        }
        assert_eq!(remote(&api, key, args).await, api.shop.thendo(args).await, "{args:?}");
    }
    // Edited on both sides.
    api.shop.does("update workflows set draft = null, definition = jsonb_set(definition, '{nodes,0,position}', '{\"x\": 9, \"y\": 9}')").await;
    std::fs::write(&file, mail_on_order().to_string()).expect("written");
    let (code, _, err) = remote(&api, key, &["workflow", "push", &git]).await;
    assert!(code == Some(1) && err.contains("edited on both sides"), "{err}");
    assert!(runs(&["workflow", "push", "DIR", "--force"]).await.contains("replaced"));
    assert!(dir.join("points.json.theirs").is_file());
}

#[tokio::test]
async fn what_somebody_else_drew_is_not_lost_unseen() {
    let api = Api::open().await;
    let thanks = |of: Value| json!({"name": "thanks", "definition": of});
    let workflow = api.shop.publishes("thanks", &mail_on_order()).await;
    let read = api.ask("GET", "/workflows/thanks/draft", None).await;
    let mut drawn = mail_on_order();
    drawn["nodes"][1]["data"]["config"]["subject"] = "Drawn by Ada".into();
    let edition = read.header("etag").to_owned();
    let body = json!({"definition": drawn});
    let written =
        api.ask_with("PUT", "/workflows/thanks/draft", &[("if-match", &edition)], Some(&body)).await;
    assert_eq!(written.status, 200, "{written:?}");
    // A push must say what it has read.
    let unseen = json!({"workflows": [{"workflow": workflow, "drawing": thanks(points_and_deposit())}]});
    is_problem(&api.ask("POST", "/push", Some(&unseen)).await, 428, "no-edition");
    // So must who publishes a drawing where another is being drawn.
    let publish = json!({"workflows": [{"drawing": thanks(points_and_deposit())}]});
    is_problem(&api.ask("POST", "/publish", Some(&publish)).await, 409, "draft-not-kept");
    let stale = api.ask_with("POST", "/publish", &[("if-match", &edition)], Some(&publish)).await;
    is_problem(&stale, 412, "changed-meanwhile");
    let file = api.shop.folder.path().join("thanks.json");
    std::fs::write(&file, points_and_deposit().to_string()).expect("written");
    let path = file.to_str().expect("text");
    let (code, _, err) = api.shop.thendo(&["workflow", "publish", path]).await;
    assert!(code == Some(1) && err.contains("--force"), "{err}");
    let draft = api.ask("GET", "/workflows/thanks/draft", None).await;
    assert_eq!(draft.body["definition"], drawn, "it is still there");
    // Who has seen it may.
    let now = written.header("etag").to_owned();
    let seen = api.ask_with("POST", "/publish", &[("if-match", &now)], Some(&publish)).await;
    assert_eq!((seen.status, &seen.body[0]["version"]), (200, &json!(2)), "{seen:?}");
    // What is in the archive does not come back by the way.
    let archived = api.ask("POST", "/workflows/thanks/archive", None).await;
    assert_eq!(archived.status, 200, "{archived:?}");
    let load = json!({"workflows": [thanks(mail_on_order())]});
    is_problem(&api.ask("POST", "/load", Some(&load)).await, 409, "archived");
}
