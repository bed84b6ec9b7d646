//! Events through the API: listed, shown, and replayed by who may.

use serde_json::{Value, json};
use uuid::Uuid;

use super::remote::remote;
use super::{Api, ask, is_problem, makes_key};
use crate::loyalty::one_action;

async fn event_of(api: &Api, order: Uuid) -> String {
    let sql = "select id::text from workflow_events where table_name = 'orders' and row_data ->> 'id' = $1";
    api.shop.db.query_one(sql, &[&order.to_string()]).await.expect("its event").get(0)
}

fn items(of: &Value) -> Vec<Value> {
    of["items"].as_array().cloned().unwrap_or_else(|| panic!("a list: {of}"))
}

#[tokio::test]
async fn events_that_are_not_there_or_not_asked_for_rightly_are_refused() {
    let api = Api::open().await;
    let unknown = "01963d7e-2a30-7cc1-9d39-d8fb0a86bd13";
    is_problem(&api.ask("GET", &format!("/events/{unknown}"), None).await, 404, "no-such-event");
    is_problem(&api.ask("GET", "/events/nothing", None).await, 400, "bad-path");
    for (query, code) in [
        ("since=soon", "bad-query"),
        ("operation=upsert", "bad-query"),
        ("type=order_payed", "no-such-kind"),
        ("type=row_changed", "no-such-kind"),
        ("cursor=x", "bad-cursor"),
        ("limit=0", "bad-limit"),
        ("since=1h&until=2h", "bad-time"),
        ("table=%00", "unstorable"),
        ("colour=red", "bad-query"),
    ] {
        is_problem(&api.ask("GET", &format!("/events?{query}"), None).await, 400, code);
    }
    let before = api.ask("GET", &format!("/events?before={unknown}"), None).await;
    is_problem(&before, 404, "no-such-event");
    for (body, status, code) in [
        (json!({}), 400, "bad-body"),
        (json!({"events": [unknown]}), 404, "no-such-event"),
        (json!({"events": [unknown], "table": "orders"}), 400, "bad-body"),
        (json!({"events": vec![unknown; 501]}), 400, "bad-body"),
        (json!({"since": "1h", "cursor": "x", "confirm": true}), 400, "bad-cursor"),
        (json!({"since": "1h", "workflow": "nobody"}), 404, "no-such-workflow"),
        (json!({"since": "1h", "by": "somebody else"}), 403, "by-another"),
        (json!({"since": "1h", "confirm": true}), 409, "nothing-to-replay"),
    ] {
        is_problem(&api.ask("POST", "/events/replay", Some(&body)).await, status, code);
    }
    assert_eq!(api.ask("GET", "/audit?act=event.replay", None).await.body["items"], json!([]));
}

#[tokio::test]
async fn events_are_listed_in_pages_and_by_kind_and_shown_with_what_they_started() {
    let api = Api::open().await;
    let awards = one_action("order_created", "award_points", json!({"points": 3}));
    api.shop.publishes("awards", &awards).await;
    let mut orders = Vec::new();
    for total in [100, 200, 300] {
        orders.push(api.shop.places_order(total).await);
    }
    api.shop.has_settled().await;
    let (mut path, mut seen) = ("/events?table=orders&limit=2".to_owned(), Vec::new());
    loop {
        let page = api.ask("GET", &path, None).await;
        assert_eq!(page.status, 200, "{page:?}");
        seen.extend(items(&page.body).iter().map(|event| event["key"].as_str().map(str::to_owned)));
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/events?table=orders&limit=2&cursor={next}");
    }
    let newest_first: Vec<_> = orders.iter().rev().map(|id| Some(id.to_string())).collect();
    assert_eq!(seen, newest_first);
    let created = api.ask("GET", "/events?type=order_created&limit=2", None).await;
    assert_eq!(items(&created.body).len(), 2, "{created:?}");
    let next = created.body["next"].as_str().expect("one is left");
    let last = api.ask("GET", &format!("/events?type=order_created&limit=2&cursor={next}"), None).await;
    assert_eq!((items(&last.body).len(), &last.body["next"]), (1, &Value::Null), "{last:?}");
    let paid = api.ask("GET", "/events?type=order_paid", None).await;
    assert_eq!(items(&paid.body), [] as [Value; 0]);

    let event = event_of(&api, orders[0]).await;
    let shown = api.ask("GET", &format!("/events/{event}"), None).await;
    assert_eq!(
        (&shown.body["event"]["row"]["total"], &shown.body["executions"][0]["workflow"]),
        (&json!(100), &json!("awards")),
        "{shown:?}"
    );
    let kinds = api.ask("GET", "/event-kinds", None).await;
    let kinds = kinds.body.as_array().expect("a list");
    let paid = kinds.iter().find(|kind| kind["kind"] == "order_paid").expect("it is one");
    assert_eq!(paid["places"][0]["table"], "orders");
}

#[tokio::test]
async fn few_among_very_many_are_found_and_no_page_looks_at_them_all() {
    let api = Api::open().await;
    let order = api.shop.places_order(100).await;
    let others = "insert into workflow_events
                  select r.* from workflow_events e cross join generate_series(1, 20000) n
                   cross join lateral jsonb_populate_record(e, jsonb_build_object('id', md5(n::text)::uuid,
                         'at', e.at + n * interval '1 microsecond', 'table_name', 'products')) r
                   where e.table_name = 'orders'";
    assert_eq!(api.shop.db.execute(others, &[]).await.expect("very many others"), 20_000);
    for filter in ["table=orders", "type=order_created", "operation=insert&table=orders&since=1h"] {
        let first = api.ask("GET", &format!("/events?{filter}"), None).await;
        assert_eq!(items(&first.body), [] as [Value; 0], "{filter}");
        let next = first.body["next"].as_str().expect("a place to go on from");
        assert!(first.body["given_up_at"].is_string(), "{filter}: {first:?}");
        let second = api.ask("GET", &format!("/events?{filter}&cursor={next}"), None).await;
        let keys: Vec<_> = items(&second.body).iter().map(|event| event["key"].clone()).collect();
        assert_eq!(keys, [json!(order.to_string())], "{filter}");
        assert_eq!(second.body["next"], Value::Null, "{filter}: {second:?}");
    }
}

#[tokio::test]
async fn events_are_replayed_once_by_who_may_and_it_is_noted() {
    let api = Api::open().await;
    let points = "select coalesce(sum(balance), 0) from loyalty_points";
    let order = api.shop.places_order(100).await;
    let awards = one_action("order_created", "award_points", json!({"points": 3}));
    api.shop.has_settled().await;
    api.shop.publishes("awards", &awards).await;
    let event = event_of(&api, order).await;
    let reader = makes_key(&api.shop, "reader", &["read", "author"]).await;
    let shown = format!("Bearer {reader}");
    let headers = [("authorization", shown.as_str())];
    let body = json!({"events": [event], "confirm": true});
    let refused = ask(&api.daemon.http, "POST", "/api/v1/events/replay", &headers, Some(&body)).await;
    is_problem(&refused, 403, "no-right");

    let preview = api.ask("POST", "/events/replay", Some(&json!({"events": [event]}))).await;
    assert_eq!(
        preview.body,
        json!({"replayed": 0, "workflows": ["awards"],
               "events": [{"table_name": "orders", "operation": "insert", "replayed": false, "count": 1}]})
    );
    assert_eq!(api.shop.count("workflow_replays").await, 0, "a look does nothing");
    let done = api.ask("POST", "/events/replay", Some(&body)).await;
    assert_eq!((done.status, &done.body["replayed"]), (200, &json!(1)), "{done:?}");
    api.shop.has_settled().await;
    assert_eq!(api.shop.number(points, &[]).await, 3);
    let twice = api.ask("POST", "/events/replay", Some(&body)).await;
    assert_eq!(twice.body["replayed"], 0, "{twice:?}");
    let lines = api.ask("GET", "/audit?act=event.replay", None).await.body;
    assert_eq!(items(&lines).len(), 1, "what was left out has no line: {lines}");
    assert_eq!(
        (&lines["items"][0]["target"], &lines["items"][0]["detail"]["events"]),
        (&json!(event), &json!(1))
    );
    let shown = api.ask("GET", &format!("/events/{event}"), None).await;
    let by = shown.body["replays"][0]["replayed_by"].as_str().expect("a name");
    assert!(by.starts_with("key:all"), "{by}");
}

#[tokio::test]
async fn many_are_replayed_in_turns_that_go_on_where_the_last_one_ended() {
    let api = Api::open().await;
    api.shop.publishes("awards", &one_action("order_created", "award_points", json!({"points": 1}))).await;
    api.shop
        .db
        .execute(
            "insert into orders (customer_id, total) select $1, g from generate_series(1, 2100) g",
            &[&api.shop.customer],
        )
        .await
        .expect("orders");
    let mut body = json!({"since": "1h", "table": "orders", "confirm": true});
    let first = api.ask("POST", "/events/replay", Some(&body)).await;
    assert_eq!((&first.body["replayed"], &first.body["events"][0]["count"]), (&json!(2000), &json!(2100)));
    body["cursor"] = first.body["next"].clone();
    let second = api.ask("POST", "/events/replay", Some(&body)).await;
    assert_eq!((&second.body["replayed"], &second.body["next"]), (&json!(100), &Value::Null), "{second:?}");
    assert_eq!(api.shop.count("workflow_replays").await, 2100);
    api.shop.has_settled().await;
    assert_eq!(api.shop.number("select sum(balance) from loyalty_points", &[]).await, 4200);
}

#[tokio::test]
async fn events_are_told_from_afar_what_they_are_told_here() {
    let api = Api::open().await;
    api.shop.publishes("awards", &one_action("order_created", "award_points", json!({"points": 3}))).await;
    let order = api.shop.places_order(100).await;
    api.shop.has_settled().await;
    let event = event_of(&api, order).await;
    let key = Some(api.key.as_str());
    for args in [
        &["events", "list"][..],
        &["events", "list", "--format", "json", "--table", "orders", "--since", "1h"],
        &["events", "list", "--type", "order_created", "--limit", "1"],
        &["events", "list", "--since", "2026-11-02", "--until", "2026-11-01"],
        &["events", "show", &event],
        &["events", "show", &event, "--format", "json"],
        &["events", "show", "01963d7e-2a30-7cc1-9d39-d8fb0a86bd13"],
        &["events", "replay", &event],
        &["events", "replay", "--since", "1h", "--table", "orders", "--format", "json"],
        &["events", "replay", "--since", "1h", "--workflow", "nobody"],
    ] {
        assert_eq!(remote(&api, key, args).await, api.shop.thendo(args).await, "{args:?}");
    }
    let (code, out, err) = remote(&api, key, &["events", "replay", &event, "--confirm"]).await;
    assert!(code == Some(0) && out.contains("1 event is queued to be replayed"), "{out}{err}");
    let (code, _, err) = remote(&api, key, &["events", "replay", &event, "--confirm", "--by", "grace"]).await;
    assert!(code == Some(1) && err.contains("nobody speaks for somebody else"), "{err}");
    api.shop.has_settled().await;
    let (_, out, _) = remote(&api, key, &["events", "show", &event]).await;
    assert!(out.contains("replay 1 by key:all"), "{out}");
}
