//! Executions through the API: listed in pages, shown, told.

use serde_json::{Value, json};

use super::{Api, is_problem, makes_key};
use crate::support::{edge, node, points_and_deposit, until};

fn approval() -> Value {
    json!({
        "nodes": [
            node("start", "trigger", json!({"triggerType": "order_created", "config": {}})),
            node("ask", "control", json!({"controlType": "approval", "config": {"question": "Send it?"}})),
            node("points", "action", json!({"actionType": "award_points", "config": {"points": 7}})),
        ],
        "edges": [edge("start", "ask"),
            json!({"id": "e", "source": "ask", "sourceHandle": "approved", "target": "points"})],
    })
}

#[tokio::test]
async fn a_list_is_read_in_pages_and_each_is_there_once() {
    let api = Api::open().await;
    api.shop.publishes("points", &points_and_deposit()).await;
    for _ in 0..7 {
        api.shop.places_order(250_00).await;
    }
    api.shop.has_settled().await;
    let (mut path, mut seen) =
        ("/executions?limit=3&workflow=points&status=succeeded".to_owned(), Vec::new());
    loop {
        let page = api.ask("GET", &path, None).await;
        assert_eq!(page.status, 200, "{page:?}");
        let items = page.body["items"].as_array().expect("items");
        seen.extend(items.iter().map(|row| (row["event_at"].to_string(), row["id"].to_string())));
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/executions?limit=3&workflow=points&status=succeeded&cursor={next}");
    }
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.reverse();
    assert_eq!((seen.len(), &seen), (7, &sorted), "the newest first, each once");
    let id = seen[0].1.trim_matches('"').to_owned();
    let shown = api.ask("GET", &format!("/executions/{id}"), None).await;
    assert_eq!((shown.status, &shown.body["execution"]["status"]), (200, &json!("succeeded")), "{shown:?}");
    assert!(shown.body["execution"]["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{shown:?}");
    is_problem(&api.ask("GET", "/executions/x", None).await, 400, "bad-path");
    is_problem(&api.ask("GET", "/executions?status=done", None).await, 400, "bad-query");
    let unknown = "/executions/01963d7e-2a30-5cc1-9d39-d8fb0a86bd13";
    is_problem(&api.ask("GET", unknown, None).await, 404, "no-such-execution");
    let remote = [("THENDO_SERVER", api.daemon.http.as_str()), ("THENDO_API_KEY", api.key.as_str())];
    for args in [
        &["executions", "list"][..],
        &["executions", "list", "--limit", "2", "--format", "json"],
        &["executions", "list", "--before", &id],
        &["executions", "show", &id],
        &["executions", "show", &id, "--follow", "--format", "json"],
    ] {
        let here = api.shop.thendo(args).await;
        let mut command = crate::support::server::thendo();
        command.args(args).envs(remote);
        let there =
            tokio::task::spawn_blocking(move || command.output().expect("the binary")).await.expect("ran");
        assert_eq!(String::from_utf8_lossy(&there.stdout), here.1, "{args:?}: {there:?}");
    }
}

#[tokio::test]
async fn an_approval_is_answered_once_by_who_asks() {
    let api = Api::open().await;
    api.shop.publishes("approval", &approval()).await;
    api.shop.places_order(250_00).await;
    until("it rests", || async { api.ask("GET", "/approvals", None).await.body["items"][0].is_object() })
        .await;
    let asked = api.ask("GET", "/approvals", None).await;
    let id = asked.body["items"][0]["execution"].as_str().expect("an id").to_owned();
    let path = format!("/executions/{id}/approve");
    is_problem(&api.ask("POST", &path, Some(&json!({"node": "other"}))).await, 409, "no-approval");
    is_problem(&api.ask("POST", &path, Some(&json!({"by": "the boss"}))).await, 403, "by-another");
    let approved = api.ask("POST", &path, Some(&json!({"comment": "go"}))).await;
    assert_eq!((approved.status, &approved.body["granted"]), (200, &json!(true)), "{approved:?}");
    api.shop.has_settled().await;
    assert_eq!(api.shop.number("select balance from loyalty_points", &[]).await, 7);
    is_problem(&api.ask("POST", &path, None).await, 409, "no-approval");
    let steps =
        api.ask("GET", &format!("/executions/{id}"), None).await.body["execution"]["steps"].to_string();
    assert!(steps.contains("key:all"), "who said so is in the trace: {steps}");
    let audit = api.ask("GET", &format!("/audit?target={id}"), None).await;
    assert_eq!(audit.body["items"][0]["act"], "execution.approve", "{audit:?}");
}

#[tokio::test]
async fn of_a_yes_and_a_no_at_once_one_counts_and_the_other_is_told() {
    let api = Api::open_with(&[("THENDO_POOL_MAX", "12")]).await;
    api.shop.publishes("approval", &approval()).await;
    for round in 0..5 {
        api.shop.places_order(250_00).await;
        until("it rests", || async { api.ask("GET", "/approvals", None).await.body["items"][0].is_object() })
            .await;
        let asked = api.ask("GET", "/approvals", None).await;
        let id = asked.body["items"][0]["execution"].as_str().expect("an id").to_owned();
        let says = async |word: &str| api.ask("POST", &format!("/executions/{id}/{word}"), None).await;
        let (yes, no, again) = tokio::join!(says("approve"), says("refuse"), says("approve"));
        let all = [&yes, &no, &again];
        assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1, "{round}: {all:?}");
        for refused in all.iter().filter(|answer| answer.status != 200) {
            let code = refused.body["code"].as_str().unwrap_or_default();
            assert!(
                ["answered-before", "waits-no-more", "no-approval"].contains(&code),
                "{round}: {refused:?}"
            );
        }
        api.shop.has_settled().await;
        let told = "select count(*) from workflow_events where table_name = 'thendo.word'";
        assert_eq!(api.shop.number(told, &[]).await, round + 1, "one word each");
    }
}

#[tokio::test]
async fn what_rests_is_cancelled_and_what_failed_is_tried_again() {
    let api = Api::open().await;
    let workflow = api.shop.publishes("approval", &approval()).await;
    for _ in 0..3 {
        api.shop.places_order(250_00).await;
    }
    let resting = async || api.shop.count("workflow_waiting").await;
    until("they rest", || async { resting().await == 3 }).await;
    is_problem(
        &api.ask("POST", "/executions/cancel", Some(&json!({"which": {}}))).await,
        400,
        "which-executions",
    );
    let counted = json!({"which": {"workflow": "approval", "dry_run": true}});
    assert_eq!(api.ask("POST", "/executions/cancel", Some(&counted)).await.body, json!({"told": 3}));
    assert_eq!(resting().await, 3, "they were only counted");
    let cancel = json!({"which": {"workflow": workflow}});
    assert_eq!(api.ask("POST", "/executions/cancel", Some(&cancel)).await.body, json!({"told": 3}));
    api.shop.has_settled().await;
    let listed = api.ask("GET", "/executions?status=cancelled", None).await;
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(3), "{listed:?}");
    let id = &listed.body["items"][0]["id"];
    let retry = json!({"which": {"executions": [id]}});
    is_problem(&api.ask("POST", "/executions/retry", Some(&retry)).await, 409, "none-to-tell");
    let reader = makes_key(&api.shop, "reader", &["read", "author"]).await;
    let shown = format!("Bearer {reader}");
    let refused = super::ask(
        &api.daemon.http,
        "POST",
        "/api/v1/executions/retry",
        &[("authorization", &shown)],
        Some(&retry),
    )
    .await;
    is_problem(&refused, 403, "no-right");
}

#[tokio::test]
async fn an_execution_is_undone_once_and_by_whom_is_known() {
    let api = Api::open().await;
    api.shop.publishes("points", &points_and_deposit()).await;
    api.shop.places_order(250_00).await;
    api.shop.has_settled().await;
    let listed = api.ask("GET", "/executions", None).await;
    let id = listed.body["items"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/executions/{id}/undo");
    let tried = api.ask("POST", &path, None).await;
    assert_eq!((tried.status, &tried.body["undone"]), (200, &json!(false)), "{tried:?}");
    assert_eq!(api.shop.count("deposits").await, 1, "it was only told");
    let undone = api.ask("POST", &path, Some(&json!({"confirm": true}))).await;
    assert_eq!((undone.status, &undone.body["undone"]), (200, &json!(true)), "{undone:?}");
    assert_eq!(api.shop.count("deposits").await, 0);
    assert_eq!(api.shop.number("select balance from loyalty_points", &[]).await, 0);
    is_problem(&api.ask("POST", &path, Some(&json!({"confirm": true}))).await, 409, "undone-before");
    let shown = api.ask("GET", &format!("/executions/{id}"), None).await;
    let by = shown.body["execution"]["undone_by"].as_str().unwrap_or_default();
    assert!(by.starts_with("key:all ("), "{shown:?}");
    let audit = api.ask("GET", "/audit?act=execution.undo", None).await;
    assert_eq!(audit.body["items"][0]["target"], json!(id), "{audit:?}");
    let unknown = "/executions/01963d7e-2a30-5cc1-9d39-d8fb0a86bd13/undo";
    is_problem(&api.ask("POST", unknown, None).await, 404, "no-such-execution");
}

#[tokio::test]
async fn the_few_that_succeeded_among_many_that_did_not_are_found_page_by_page() {
    let api = Api::open().await;
    // Two workflows of one name: of each it is looked so far and no farther.
    api.shop
        .does(
            "insert into workflows (name, definition)
             select 'namesake', '{\"nodes\": [], \"edges\": []}' from generate_series(1, 2);
             insert into workflow_executions (id, event_at, event_id, workflow_id, version, status, steps, started_at, finished_at)
             select gen_random_uuid(), now() - g * interval '1 ms', gen_random_uuid(), w.ids[1 + g % 2], 1,
                    case when g in (10, 15000, 35001, 54321) then 'succeeded' else 'cancelled' end, '[]', now(), now()
               from generate_series(1, 55000) g,
                    (select array_agg(id order by id) as ids from workflows where name = 'namesake') w",
        )
        .await;
    for of in ["", "&workflow=namesake"] {
        let (mut path, mut found, mut pages) = (format!("/executions?status=succeeded{of}"), Vec::new(), 0);
        loop {
            let page = api.ask("GET", &path, None).await;
            assert_eq!(page.status, 200, "{page:?}");
            found.extend(page.body["items"].as_array().expect("items").iter().map(|of| of["id"].to_string()));
            pages += 1;
            let Some(next) = page.body["next"].as_str() else { break };
            path = format!("/executions?status=succeeded{of}&cursor={next}");
        }
        let all = found.len();
        found.sort();
        found.dedup();
        assert_eq!((all, found.len()), (4, 4), "{of}: each once");
        assert!((2..=4).contains(&pages), "{of}: {pages} pages");
    }
}

#[tokio::test]
async fn what_cannot_be_noted_is_not_undone() {
    let api = Api::open().await;
    api.shop.publishes("points", &points_and_deposit()).await;
    api.shop.places_order(250_00).await;
    api.shop.has_settled().await;
    let listed = api.ask("GET", "/executions", None).await;
    let id = listed.body["items"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/executions/{id}/undo");
    api.shop
        .does("alter table api_audit add constraint no_undo check (act <> 'execution.undo') not valid")
        .await;
    let refused = api.ask("POST", &path, Some(&json!({"confirm": true}))).await;
    is_problem(&refused, 409, "database-refuses");
    assert!(!refused.body.to_string().contains("no_undo"), "not in the database's own words: {refused:?}");
    assert_eq!((api.shop.count("deposits").await, api.shop.count("workflow_undone").await), (1, 0));
    api.shop.does("alter table api_audit drop constraint no_undo").await;
    assert_eq!(api.ask("POST", &path, Some(&json!({"confirm": true}))).await.status, 200);
    let (code, out, err) = api.shop.thendo(&["undo", &id, "--confirm"]).await;
    assert!(code == Some(1) && err.contains("was undone before"), "{out}{err}");
    let noted = "select count(*) from api_audit where act = 'execution.undo' and who like 'key:all (%' and target = $1";
    assert_eq!(api.shop.number(noted, &[&id]).await, 1);
}

#[tokio::test]
async fn all_that_waits_for_an_approval_is_read_page_by_page() {
    let api = Api::open().await;
    api.shop.publishes("approval", &approval()).await;
    for total in [250_00, 260_00, 270_00] {
        api.shop.places_order(total).await;
    }
    until("they rest", || async { api.shop.count("workflow_waiting").await == 3 }).await;
    let (mut path, mut found) = ("/approvals?limit=1".to_owned(), Vec::new());
    loop {
        let page = api.ask("GET", &path, None).await;
        assert_eq!(page.status, 200, "{page:?}");
        found.extend(
            page.body["items"].as_array().expect("items").iter().map(|of| of["execution"].to_string()),
        );
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/approvals?limit=1&cursor={next}");
    }
    let all = found.len();
    found.sort();
    found.dedup();
    assert_eq!((all, found.len()), (3, 3), "each once");
}
