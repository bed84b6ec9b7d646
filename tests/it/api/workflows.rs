//! A workflow's life through the API.

use serde_json::{Value, json};

use super::{Api, is_problem};
use crate::support::{mail_on_order, points_and_deposit};

async fn adds(api: &Api, name: &str, definition: &Value) -> super::Answer {
    let body = json!({"name": name, "description": "for a test", "definition": definition});
    api.ask("POST", "/workflows", Some(&body)).await
}

#[tokio::test]
async fn drafts_are_drawn_with_the_edition_that_was_read() {
    let api = Api::open().await;
    let added = adds(&api, "thanks", &mail_on_order()).await;
    assert_eq!(added.status, 201, "{added:?}");
    let first = added.header("etag").to_owned();
    is_problem(&adds(&api, "thanks", &mail_on_order()).await, 409, "name-taken");
    let read = api.ask("GET", "/workflows/thanks/draft", None).await;
    assert_eq!((read.status, read.header("etag")), (200, first.as_str()), "{read:?}");
    assert_eq!((&read.body["definition"], &read.body["diagnostics"]), (&mail_on_order(), &json!([])));

    let drawn = json!({"definition": points_and_deposit()});
    is_problem(&api.ask("PUT", "/workflows/thanks/draft", Some(&drawn)).await, 428, "no-edition");
    let bad = [("if-match", "x")];
    is_problem(&api.ask_with("PUT", "/workflows/thanks/draft", &bad, Some(&drawn)).await, 400, "bad-edition");
    let seen = [("if-match", first.as_str())];
    let written = api.ask_with("PUT", "/workflows/thanks/draft", &seen, Some(&drawn)).await;
    assert_eq!(written.status, 200, "{written:?}");
    assert_ne!(written.header("etag"), first);
    // The other admin read before.
    let stale = api.ask_with("PUT", "/workflows/thanks/draft", &seen, Some(&drawn)).await;
    is_problem(&stale, 412, "changed-meanwhile");
    // A proxy that packs answers calls editions weak.
    let weak = format!("W/{first}");
    let stale = api.ask_with("PUT", "/workflows/thanks/draft", &[("if-match", &weak)], Some(&drawn)).await;
    is_problem(&stale, 412, "changed-meanwhile");
    let stale = json!({"workflows": [{"workflow": "thanks"}]});
    is_problem(&api.ask_with("POST", "/publish", &seen, Some(&stale)).await, 412, "changed-meanwhile");
    let unstorable = json!({"definition": {"nodes": "none", "edges": []}});
    let now = [("if-match", written.header("etag"))];
    let refused = api.ask_with("PUT", "/workflows/thanks/draft", &now, Some(&unstorable)).await;
    is_problem(&refused, 422, "faulty-workflow");
    assert!(refused.body["diagnostics"][0]["code"].is_string(), "{refused:?}");
    assert_eq!(
        api.ask("GET", "/workflows/thanks/draft", None).await.body["definition"],
        points_and_deposit()
    );
}

#[tokio::test]
async fn of_eight_who_write_at_once_one_is_heard() {
    let api = Api::open_with(&[("THENDO_POOL_MAX", "16")]).await;
    let etag = adds(&api, "thanks", &mail_on_order()).await.header("etag").to_owned();
    let headers = [("if-match", etag.as_str())];
    let bodies: Vec<Value> = (0..8)
        .map(|n| json!({"definition": mail_on_order(), "description": format!("the edition of {n}")}))
        .collect();
    let all = bodies.iter().map(|body| api.ask_with("PUT", "/workflows/thanks/draft", &headers, Some(body)));
    let all = futures_util::future::join_all(all).await;
    let mut statuses: Vec<u16> = all.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412], "{all:?}");
}

#[tokio::test]
async fn a_workflow_is_published_paused_resumed_and_put_aside() {
    let api = Api::open().await;
    let id = adds(&api, "thanks", &mail_on_order()).await.body["id"].as_str().expect("an id").to_owned();
    let publish = json!({"workflows": [{"workflow": "thanks"}], "dry_run": true});
    let tried = api.ask("POST", "/publish", Some(&publish)).await;
    assert_eq!((tried.status, &tried.body[0]["version"]), (200, &json!(1)), "{tried:?}");
    assert_eq!(api.ask("GET", "/workflows/thanks", None).await.body["status"], "draft", "it was only tried");
    let publish = json!({"workflows": [{"workflow": id}]});
    let published = api.ask("POST", "/publish", Some(&publish)).await;
    assert_eq!((published.status, &published.body[0]["new"]), (200, &json!(true)), "{published:?}");
    let shown = api.ask("GET", "/workflows/thanks", None).await;
    assert_eq!(
        (&shown.body["status"], &shown.body["live_version"]),
        (&json!("published"), &json!(1)),
        "{shown:?}"
    );

    let paused = api.ask("POST", "/workflows/thanks/pause", None).await;
    assert_eq!((paused.status, &paused.body["before"]), (200, &json!("published")), "{paused:?}");
    let again = api.ask("POST", "/workflows/thanks/pause", None).await;
    assert_eq!((again.status, &again.body["before"]), (200, &json!("paused")), "{again:?}");
    let resumed = api.ask("POST", "/workflows/thanks/resume", None).await;
    assert_eq!((resumed.status, &resumed.body[0]["version"]), (200, &json!(2)), "{resumed:?}");

    let drawing = json!({"workflows": [{"drawing": {"name": "thanks", "definition": points_and_deposit()}}]});
    let published = api.ask("POST", "/publish", Some(&drawing)).await;
    assert_eq!(
        (&published.body[0]["version"], &published.body[0]["before"]),
        (&json!(3), &json!(2)),
        "{published:?}"
    );
    let versions = api.ask("GET", "/workflows/thanks/versions?limit=2", None).await;
    assert_eq!(versions.body["items"].as_array().map(Vec::len), Some(2), "{versions:?}");
    let next = format!("/workflows/thanks/versions?cursor={}", versions.body["next"].as_str().expect("more"));
    let rest = api.ask("GET", &next, None).await;
    assert_eq!((&rest.body["items"][0]["number"], &rest.body["next"]), (&json!(1), &Value::Null), "{rest:?}");
    let first = api.ask("GET", "/workflows/thanks/versions/1", None).await;
    assert_eq!(first.body["definition"], mail_on_order());
    let diff = api.ask("POST", "/workflows/thanks/diff", Some(&json!({"from": 1, "to": 3}))).await;
    assert_eq!((diff.status, &diff.body["same"]), (200, &json!(false)), "{diff:?}");
    let restored = api.ask("POST", "/workflows/thanks/restore", Some(&json!({"version": 1}))).await;
    assert_eq!(restored.status, 200, "{restored:?}");

    let archived = api.ask("POST", "/workflows/thanks/archive", None).await;
    assert_eq!(archived.body["status"], "archived", "{archived:?}");
    is_problem(&api.ask("POST", "/workflows/thanks/pause", None).await, 409, "wrong-state");
    is_problem(&api.ask("POST", "/publish", Some(&publish)).await, 409, "archived");
    assert_eq!(api.ask("POST", "/workflows/thanks/unarchive", None).await.body["status"], "draft");
    let audit = api.ask("GET", &format!("/audit?target={id}"), None).await;
    let acts: Vec<&str> = audit.body["items"]
        .as_array()
        .expect("lines")
        .iter()
        .filter_map(|line| line["act"].as_str())
        .collect();
    let expected = ["unarchive", "archive", "restore", "publish", "resume", "pause", "publish", "add"];
    assert_eq!(acts, expected.map(|act| format!("workflow.{act}")), "{audit:?}");
    assert!(
        audit.body["items"][0]["who"].as_str().is_some_and(|who| who.starts_with("key:all (")),
        "{audit:?}"
    );
}

#[tokio::test]
async fn what_is_broken_is_refused_with_its_diagnostics_and_nothing_is_published() {
    let api = Api::open().await;
    let mut broken = mail_on_order();
    broken["nodes"][1]["data"]["config"]["subject"] = json!("{{ custmer.name }}");
    adds(&api, "broken", &broken).await;
    adds(&api, "thanks", &mail_on_order()).await;
    let publish = json!({"workflows": [{"workflow": "thanks"}, {"workflow": "broken"}]});
    let refused = api.ask("POST", "/publish", Some(&publish)).await;
    is_problem(&refused, 422, "faulty-workflow");
    assert_eq!(refused.body["faulty"][0]["workflow"], "broken", "{refused:?}");
    let fault = &refused.body["diagnostics"][0];
    assert!(fault["node"] == "thanks" && fault["help"].is_string(), "{refused:?}");
    assert_eq!(api.shop.count("workflow_versions").await, 0);
    let verdict = api.ask("POST", "/validate", Some(&json!({"definition": broken}))).await;
    assert_eq!((verdict.status, &verdict.body["valid"]), (200, &json!(false)), "{verdict:?}");
    let missing = api.ask("GET", "/workflows/thnaks", None).await;
    is_problem(&missing, 404, "no-such-workflow");
    assert_eq!(missing.body["help"], "did you mean `thanks`?");
}

#[tokio::test]
async fn a_list_is_read_in_pages_and_an_edit_is_the_account_s() {
    let api = Api::open_with(&[("THENDO_API__JWT_SECRET", super::callers::SECRET)]).await;
    for n in 0..5 {
        adds(&api, &format!("workflow {n}"), &mail_on_order()).await;
    }
    let (mut path, mut seen) = ("/workflows?limit=2&status=draft".to_owned(), Vec::new());
    loop {
        let page = api.ask("GET", &path, None).await;
        let items = page.body["items"].as_array().unwrap_or_else(|| panic!("{page:?}"));
        assert!(items.len() <= 2, "{page:?}");
        seen.extend(items.iter().filter_map(|row| row["name"].as_str().map(str::to_owned)));
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/workflows?limit=2&status=draft&cursor={next}");
    }
    assert_eq!(seen, (0..5).map(|n| format!("workflow {n}")).collect::<Vec<_>>());
    let admin = super::callers::account(&api.shop, true).await;
    let shown = format!("Bearer {}", super::callers::token(&super::callers::claims(admin)));
    let body = json!({"workflows": [{"workflow": "workflow 0"}]});
    let http = &api.daemon.http;
    let published =
        super::ask(http, "POST", "/api/v1/publish", &[("authorization", &shown)], Some(&body)).await;
    assert_eq!(published.status, 200, "{published:?}");
    let versions = api.ask("GET", "/workflows/workflow%200/versions", None).await;
    assert_eq!(versions.body["items"][0]["created_by"], json!(admin), "{versions:?}");
}

#[tokio::test]
async fn a_name_is_no_id_nor_anothers_and_an_edition_belongs_to_what_is_there() {
    let api = Api::open().await;
    let id = adds(&api, "thanks", &mail_on_order()).await.body["id"].as_str().expect("an id").to_owned();
    let named = json!({"name": id, "definition": mail_on_order()});
    is_problem(&api.ask("POST", "/workflows", Some(&named)).await, 422, "faulty-workflow");
    let other = adds(&api, "other", &points_and_deposit()).await;
    let seen = [("if-match", other.header("etag"))];
    let rename = json!({"name": "thanks", "definition": points_and_deposit()});
    is_problem(&api.ask_with("PUT", "/workflows/other/draft", &seen, Some(&rename)).await, 409, "name-taken");
    let renamed = json!({"name": "renamed", "description": "", "definition": points_and_deposit()});
    let renamed = api.ask_with("PUT", "/workflows/other/draft", &seen, Some(&renamed)).await;
    assert_eq!((renamed.status, &renamed.body["description"]), (200, &Value::Null), "{renamed:?}");
    // Who read it under its old name.
    let publish = json!({"workflows": [{"drawing": {"name": "other", "definition": points_and_deposit()}}]});
    is_problem(&api.ask_with("POST", "/publish", &seen, Some(&publish)).await, 412, "changed-meanwhile");
    let edition = other.body["edition"].clone();
    let push = json!({"workflows": [{"edition": edition, "drawing": {"name": "other", "definition": points_and_deposit()}}]});
    is_problem(&api.ask("POST", "/push", Some(&push)).await, 412, "changed-meanwhile");
    assert_eq!(api.shop.number("select count(*) from workflows where name = 'other'", &[]).await, 0);
}
