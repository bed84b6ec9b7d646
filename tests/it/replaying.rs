//! Events: listed, shown, and replayed for real: each number once, by what is in force by now, in their order.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::loyalty::one_action;
use crate::support::{Shop, edge, node, until};

fn parsed(out: &str) -> Value {
    serde_json::from_str(out).unwrap_or_else(|fault| panic!("{fault}: {out}"))
}

async fn balance(shop: &Shop) -> i64 {
    shop.number("select coalesce(sum(balance), 0) from loyalty_points", &[]).await
}

fn awards(points: i64) -> Value {
    one_action("order_created", "award_points", json!({"points": points}))
}

async fn event_of(shop: &Shop, order: Uuid) -> String {
    let sql = "select id::text from workflow_events where table_name = 'orders' and operation = 'insert' and row_data ->> 'id' = $1";
    shop.db.query_one(sql, &[&order.to_string()]).await.expect("its event").get(0)
}

#[tokio::test]
async fn events_are_listed_newest_first_and_shown_with_what_they_started() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("awards", &awards(3)).await;
    let first = shop.places_order(100).await;
    let second = shop.places_order(200).await;
    shop.db.execute("update orders set note = 'x' where id = $1", &[&first]).await.expect("an order");
    shop.has_settled().await;
    let (code, out, said) = shop.thendo(&["events", "list", "--table", "orders", "--format", "json"]).await;
    assert_eq!(code, Some(0), "{said}");
    let listed = parsed(&out);
    let keys: Vec<_> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| (event["operation"].as_str(), event["key"].as_str()))
        .collect();
    let (one, two) = (first.to_string(), second.to_string());
    assert_eq!(
        keys,
        [(Some("update"), Some(&*one)), (Some("insert"), Some(&*two)), (Some("insert"), Some(&*one))]
    );
    let newest = listed[0]["id"].as_str().expect("an id");
    let (_, out, _) = shop
        .thendo(&[
            "events", "list", "--table", "orders", "--before", newest, "--limit", "1", "--format", "json",
        ])
        .await;
    assert_eq!(parsed(&out)[0]["key"], json!(two));
    let entity = shop.customer.to_string();
    let (_, out, _) =
        shop.thendo(&["events", "list", "--entity", &entity, "--operation", "insert", "--since", "1h"]).await;
    assert!(out.contains("loyalty_points") && out.contains("by execution"), "{out}");
    let (_, out, _) = shop.thendo(&["events", "list", "--until", "1h"]).await;
    assert!(out.contains("no events"), "{out}");

    let (code, out, said) = shop.thendo(&["events", "show", newest]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("note: null → \"x\"") && out.contains("it started nothing"), "{out}");
    let (_, out, _) =
        shop.thendo(&["events", "show", &event_of(&shop, first).await, "--format", "json"]).await;
    let shown = parsed(&out);
    assert_eq!(
        (&shown["event"]["row"]["total"], &shown["executions"][0]["workflow"]),
        (&json!(100), &json!("awards"))
    );
    let (code, _, said) = shop.thendo(&["events", "show", "01963d7e-2a30-5cc1-9d39-d8fb0a86bd13"]).await;
    assert!(code == Some(1) && said.contains("there is no event"), "{said}");
    let (code, _, said) = shop.thendo(&["events", "list", "--since", "soon"]).await;
    assert!(code == Some(2) && said.contains("no point in time"), "{said}");
}

#[tokio::test]
async fn an_event_is_replayed_by_what_is_in_force_now_and_twice_only_if_told_so() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    let order = shop.places_order(100).await;
    let event = event_of(&shop, order).await;
    shop.has_settled().await;
    let (code, _, said) = shop.thendo(&["events", "replay", &event, "--confirm"]).await;
    assert!(code == Some(1) && said.contains("nothing to replay"), "{said}");
    // Published after the event: nothing happened then.
    let workflow = shop.publishes("awards", &awards(3)).await;
    assert_eq!(balance(&shop).await, 0);
    let (code, out, said) = shop.thendo(&["events", "replay", &event]).await;
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("1 event") && out.contains("orders insert") && out.contains("awards"), "{out}");
    assert!(said.contains("--confirm"), "{said}");
    assert_eq!((shop.count("workflow_replays").await, balance(&shop).await), (0, 0));

    // The daemon need not run: what is asked for is kept.
    assert!(daemon.stops().success());
    let args = ["events", "replay", &event, "--confirm"];
    let (a, b) = tokio::join!(shop.thendo(&args), shop.thendo(&args));
    assert_eq!((a.0, b.0), (Some(0), Some(0)), "{a:?} {b:?}");
    let _daemon = shop.daemon().await;
    until("it is replayed", || async { balance(&shop).await == 3 }).await;
    shop.has_settled().await;
    assert_eq!(
        (balance(&shop).await, shop.count("workflow_executions").await),
        (3, 1),
        "asked for twice, done once"
    );
    let (_, out, _) = shop.thendo(&args).await;
    assert!(out.contains("0 events are queued") && out.contains("replayed before"), "{out}");
    let (code, _, said) =
        shop.thendo(&["events", "replay", &event, "--again", "--confirm", "--by", "grace"]).await;
    assert_eq!(code, Some(0), "{said}");
    until("it is replayed again", || async { balance(&shop).await == 6 }).await;
    let ids = "select count(distinct id) from workflow_executions where workflow_id = $1 and event_id = $2::text::uuid";
    assert_eq!(shop.number(ids, &[&workflow, &event]).await, 2);
    let (_, out, _) = shop.thendo(&["events", "show", &event]).await;
    assert!(out.contains("replay 1 by the command line") && out.contains("replay 2 by grace"), "{out}");
}

#[tokio::test]
async fn a_range_is_replayed_in_order_for_one_workflow_and_once_stays_once_unless_it_is_lifted() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let notes = json!({"nodes": [node("start", "trigger", json!({"triggerType": "order_created", "config": {}})),
            node("tag", "action", json!({"actionType": "add_comment", "config": {"body": "{{ order.total }}"}}))],
        "edges": [edge("start", "tag")]});
    let comments = shop.publishes("comments", &notes).await;
    let mut once = awards(5);
    once["nodes"][0]["data"]["flow"] = json!({"once": {"per": "customer"}});
    shop.publishes("once", &once).await;
    for total in 1..=600 {
        shop.places_order(total).await;
    }
    shop.has_settled().await;
    assert_eq!((balance(&shop).await, shop.count("project_comments").await), (5, 600));
    shop.does("delete from project_comments").await;
    let range = ["events", "replay", "--since", "1h", "--table", "orders", "--workflow", "comments"];
    let (code, out, _) = shop.thendo(&range).await;
    assert!(code == Some(1) && out.contains("600 events") && !out.contains("once,"), "{out}");
    let (code, out, said) = shop.thendo(&[&range[..], &["--confirm", "--format", "json"]].concat()).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(parsed(&out)["replayed"], 600);
    until("all are replayed", || async { shop.count("project_comments").await == 600 }).await;
    let sql = "select count(*) from (select body::int as total, row_number() over (order by e.started_at, o.created_at) as n
        from project_comments c join orders o on o.id = c.order_id
        join workflow_executions e on e.workflow_id = $1 and e.event_at = (select min(v.at) from workflow_events v
            where v.table_name = 'orders' and v.row_data ->> 'id' = o.id::text and v.operation = 'insert') and e.started_at >
            (select min(replayed_at) from workflow_replays)) as found where total <> n";
    assert_eq!(shop.number(sql, &[&comments]).await, 0, "in the order of the events");
    let (_, out, _) = shop.thendo(&[&range[..], &["--confirm"]].concat()).await;
    assert!(out.contains("0 events are queued"), "a range that was replayed is not replayed again: {out}");

    let order: Uuid =
        shop.db.query_one("select id from orders where total = 7", &[]).await.expect("an order").get(0);
    let event = event_of(&shop, order).await;
    shop.thendo(&["events", "replay", &event, "--workflow", "once", "--confirm"]).await;
    shop.has_settled().await;
    assert_eq!(balance(&shop).await, 5, "once for each customer, replays or not");
    let lifted = ["events", "replay", &event, "--workflow", "once", "--again", "--lift-guards", "--confirm"];
    let (code, _, said) = shop.thendo(&lifted).await;
    assert_eq!(code, Some(0), "{said}");
    until("it has run", || async { balance(&shop).await == 10 }).await;
}

#[tokio::test]
async fn an_execution_is_followed_until_it_ends() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let asks = json!({"nodes": [node("start", "trigger", json!({"triggerType": "order_created", "config": {}})),
            node("ask", "control", json!({"controlType": "approval", "config": {"question": "Really?", "timeout": "3d"}})),
            node("yes", "action", json!({"actionType": "award_points", "config": {"points": 1}}))],
        "edges": [edge("start", "ask"), crate::support::branch("ask", "approved", "yes")]});
    shop.publishes("asks", &asks).await;
    shop.places_order(100).await;
    until("it rests", || async { shop.count("workflow_waiting").await == 1 }).await;
    let id: String =
        shop.db.query_one("select id::text from workflow_waiting", &[]).await.expect("rests").get(0);
    let says = async {
        let (code, _, said) = shop.thendo(&["executions", "approve", &id]).await;
        assert_eq!(code, Some(0), "{said}");
    };
    let args = ["executions", "show", &id, "--follow"];
    let ((code, out, said), ()) = tokio::join!(shop.thendo(&args), says);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("succeeded") && out.contains("approved: ● yes"), "{out}");
}

#[tokio::test]
async fn events_are_listed_by_what_a_trigger_calls_them() {
    let shop = Shop::open().await;
    let order = shop.places_order(100).await;
    shop.places_order(200).await;
    shop.db.execute("update orders set note = 'x' where id = $1", &[&order]).await.expect("an order");
    shop.db
        .execute("update orders set payment_status = 'paid' where id = $1", &[&order])
        .await
        .expect("paid");
    let listed = async |args: &[&str]| -> Vec<Value> {
        let (code, out, said) =
            shop.thendo(&[&["events", "list", "--format", "json"][..], args].concat()).await;
        assert_eq!(code, Some(0), "{said}");
        parsed(&out).as_array().cloned().expect("a list")
    };
    let paid = listed(&["--type", "order_paid"]).await;
    assert_eq!(paid.len(), 1, "only the step into it: {paid:?}");
    assert_eq!((&paid[0]["operation"], &paid[0]["key"]), (&json!("update"), &json!(order)));
    assert_eq!(listed(&["--type", "order_created"]).await.len(), 2);
    assert_eq!(listed(&["--type", "order_created", "--limit", "1"]).await.len(), 1);
    assert_eq!(listed(&["--type", "order_created", "--table", "customers"]).await, [] as [Value; 0]);
    assert_eq!(listed(&["--type", "customer_created"]).await.len(), 1);
    // One that says nothing without its settings: where it looks.
    assert_eq!(listed(&["--type", "points_balance_reached"]).await, [] as [Value; 0]);
    let (code, _, said) = shop.thendo(&["events", "list", "--type", "order_payed"]).await;
    assert!(code == Some(2) && said.contains("order_paid"), "{said}");
}

#[tokio::test]
async fn an_event_is_found_by_the_time_that_its_id_begins_with_or_without_one() {
    let shop = Shop::open().await;
    shop.db
        .execute(
            "insert into orders (customer_id, total) select $1, g from generate_series(1, 500) g",
            &[&shop.customer],
        )
        .await
        .expect("orders");
    shop.does("update orders set note = 'x' where total = 7; delete from orders where total = 8").await;
    shop.db
        .query("select tell_failures(array['{\"workflow\": \"x\"}'::jsonb], array[null::uuid], array[0::smallint])", &[])
        .await
        .expect("told");
    let odd = "select count(*) from workflow_events e, lateral (
            select ('x' || left(replace(e.id::text, '-', ''), 12))::bit(48)::bigint as ms) i
        where substr(e.id::text, 15, 1) <> '7' or i.ms > extract(epoch from e.at) * 1000 or i.ms < extract(epoch from e.at) * 1000 - 5000";
    assert_eq!(shop.number(odd, &[]).await, 0, "each begins with the milliseconds of its statement");
    assert_eq!(
        shop.count("workflow_events").await,
        shop.number("select count(distinct id) from workflow_events", &[]).await
    );
    // From before there were such, from long ago, derived from what happened before, by a statement that took long, and
    // beside a clock that was set back. Only those that their own statement recorded (7) stand near the time they begin with.
    for (id, at) in [
        ("0f0e5ed6-7b1c-4a57-8f0e-0123456789ab", "now()"),
        ("1f0e5ed6-7b1c-4a57-8f0e-0123456789ab", "now() - interval '3 months'"),
        ("018f3a00-0000-8a57-8f0e-0123456789ab", "now() - interval '2 days'"),
        ("01963d7e-2a30-7cc1-9d39-d8fb0a86bd13", "to_timestamp(1744788400.688) + interval '20 hours'"),
        ("01963d7e-2a30-7cc1-9d39-d8fb0a86bd14", "to_timestamp(1744788400.688) - interval '20 hours'"),
    ] {
        let sql = "insert into workflow_events (id, at, table_name, operation, entity, row_data) values ('ID', AT, 'orders', 'insert', '', '{}')";
        shop.does(&sql.replace("ID", id).replace("AT", at)).await;
        let (code, out, said) = shop.thendo(&["events", "show", id]).await;
        assert!(code == Some(0) && out.contains(id), "{said}");
    }
    let sql =
        "select id::text from workflow_events where operation <> 'insert' or table_name = 'thendo.failure'";
    for row in shop.db.query(sql, &[]).await.expect("three") {
        let (code, _, said) = shop.thendo(&["events", "show", row.get(0)]).await;
        assert_eq!(code, Some(0), "{said}");
    }
}
