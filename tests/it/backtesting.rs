//! Backtests: what they count is what the daemon did; a planted mistake is found; nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::look::whole_database;
use crate::support::{Shop, branch, edge, node, points_and_deposit};

/// order_created → total >= `least` → points and a deposit; else points are redeemed that nobody has.
fn thanks(least: i64) -> Value {
    let mut drawing = points_and_deposit();
    drawing["nodes"][1]["data"]["config"]["rules"][0]["value"] = least.into();
    let redeem = json!({ "actionType": "redeem_points", "config": { "points": "1000000" } });
    drawing["nodes"].as_array_mut().expect("nodes").push(node("redeem", "action", redeem));
    drawing["edges"].as_array_mut().expect("edges").push(branch("big", "false", "redeem"));
    drawing
}

/// What a backtest answers.
async fn backtest(shop: &Shop, args: &[&str]) -> Value {
    let (code, said, wrong) = shop.thendo(&[&["backtest"], args, &["--format", "json"]].concat()).await;
    assert_eq!(code, Some(0), "{said}{wrong}");
    serde_json::from_str(&said).expect("JSON")
}

/// Orders of several customers: a third of them small.
async fn places_orders(shop: &Shop, count: i64) {
    for name in ["bob", "eve", "kay"] {
        shop.welcomes(&format!("{name}@example.com")).await;
    }
    let sql = "insert into orders (customer_id, total, currency)
               select (select array_agg(id order by email) from customers)[1 + g % 4], 2000 + (g * 3700) % 21000,
                      case when g % 5 = 0 then 'USD' else 'EUR' end
               from generate_series(1, $1::bigint) g";
    shop.db.execute(sql, &[&count]).await.expect("orders");
}

/// A file with a drawing, in the shop's folder.
fn file(shop: &Shop, name: &str, drawing: &Value) -> String {
    let path = shop.folder.path().join(name);
    std::fs::write(&path, drawing.to_string()).expect("written");
    path.to_string_lossy().into_owned()
}

/// Events of the past, a minute apart, of orders that are no rows.
async fn remembers(shop: &Shop, since: &str, totals: &[i64]) -> Vec<Uuid> {
    let sql = "insert into workflow_events (id, at, table_name, operation, entity, row_data)
               select gen_random_uuid(), $1::text::timestamptz + g * interval '1 minute', 'orders', 'insert', 'x',
                      jsonb_build_object('id', gen_random_uuid(), 'customer_id', $2::uuid, 'total', t.total, 'currency', 'EUR', 'status', 'new')
               from unnest($3::bigint[]) with ordinality as t (total, g) order by g returning id";
    let rows = shop.db.query(sql, &[&since, &shop.customer, &totals]).await.expect("events");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn it_counts_what_the_daemon_did_with_the_same_events() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("thanks", &thanks(10_000)).await;
    places_orders(&shop, 300).await;
    shop.has_settled().await;
    drop(daemon);
    let before = whole_database(&shop.db).await;
    let report = backtest(&shop, &["thanks", "--since", "1h", "--version", "live"]).await;
    assert_eq!(before, whole_database(&shop.db).await, "a backtest wrote something");

    let states = "select status, count(*) from workflow_executions group by status";
    let states: BTreeMap<String, i64> = shop
        .db
        .query(states, &[])
        .await
        .expect("states")
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert!(states["succeeded"] > 50 && states["failed"] > 50, "{states:?}");
    assert_eq!((report["events"].clone(), report["started"].clone()), (300.into(), 300.into()));
    assert_eq!(report["succeeded"], states["succeeded"], "{report}");
    assert_eq!(report["failed"], states["failed"]);
    let points = shop.number("select sum(points) from loyalty_ledger", &[]).await;
    assert_eq!(report["effects"]["award_points"]["points"], points);
    assert_eq!(report["effects"]["award_points"]["count"], shop.count("loyalty_ledger").await);
    let deposits = "select currency, sum(amount)::bigint from deposits group by currency";
    let deposits: BTreeMap<String, i64> = shop
        .db
        .query(deposits, &[])
        .await
        .expect("deposits")
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert_eq!(report["effects"]["create_deposit"]["amounts"], json!(deposits));
    // Why it fails, once, though each of them names another balance; and an event to look at.
    let failures = report["failures"].as_array().expect("failures");
    assert_eq!((failures.len(), &failures[0]["count"]), (1, &states["failed"].into()), "{failures:?}");
    assert!(
        failures[0]["reason"]
            .as_str()
            .expect("words")
            .starts_with("1000000 points are more than the balance")
    );
    let event: Uuid = failures[0]["event"].as_str().expect("an id").parse().expect("an id");
    let failed = "select count(*) from workflow_executions where event_id = $1 and status = 'failed'";
    assert_eq!(shop.number(failed, &[&event]).await, 1);
}

#[tokio::test]
async fn a_planted_mistake_is_found_event_by_event() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    let id = shop.publishes("thanks", &thanks(10_000)).await;
    places_orders(&shop, 200).await;
    shop.has_settled().await;
    drop(daemon);
    // Somebody forgot a nought.
    let sql = "update workflows set draft = $2 where id = $1";
    shop.db.execute(sql, &[&id, &thanks(1_000)]).await.expect("a draft");
    let args = ["thanks", "--since", "1h", "--against", "live", "--show", "differences", "--limit", "1000"];
    let report = backtest(&shop, &args).await;
    let wrong = "select e.id from workflow_events e
                 where e.table_name = 'orders' and e.operation = 'insert' and (e.row_data ->> 'total')::bigint between 1000 and 9999";
    let wrong: BTreeSet<String> = shop
        .db
        .query(wrong, &[])
        .await
        .expect("events")
        .iter()
        .map(|row| row.get::<_, Uuid>(0).to_string())
        .collect();
    assert!(wrong.len() > 20);
    let comparison = &report["against"]["comparison"];
    let found = comparison["differences"].as_array().expect("a list");
    let told: BTreeSet<String> =
        found.iter().map(|of| of["event"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(told, wrong);
    assert_eq!(comparison["differs"], wrong.len());
    assert_eq!(comparison["same"], 200 - wrong.len());
    assert_eq!(found[0]["differs"], json!(["outcome", "branch", "effects"]));
    assert_eq!(
        (&found[0]["here"]["branches"]["big"], &found[0]["there"]["branches"]["big"]),
        (&json!("true"), &json!("false"))
    );
    assert_eq!(found[0]["there"]["outcome"], "failed");
    // The published version against itself does the same with every event.
    let report = backtest(&shop, &["thanks", "--since", "1h", "--version", "live", "--against", "1"]).await;
    assert_eq!(report["against"]["comparison"]["same"], 200, "{report}");
    assert_eq!(report["against"]["comparison"]["differences"], json!([]));
    // For people: the figures, and how to see more.
    let (code, said, _) = shop.thendo(&["backtest", "thanks", "--against", "live", "--since", "1h"]).await;
    assert_eq!(code, Some(0));
    assert!(said.contains("--show differences") && !said.contains('█'), "{said}");
}

#[tokio::test]
async fn only_the_time_that_is_asked_for_counts_and_pages_meet_without_a_gap() {
    let shop = Shop::open().await;
    let plan = file(&shop, "thanks.json", &points_and_deposit());
    // More than a page, some at the very same instant.
    remembers(&shop, "2026-03-01T00:00:00Z", &vec![20_000; 1_300]).await;
    remembers(&shop, "2026-03-01T00:00:00Z", &vec![20_000; 700]).await;
    let other = "insert into workflow_events (id, at, table_name, operation, entity, row_data)
                 select gen_random_uuid(), '2026-03-01T00:00:30Z', 'pages', 'insert', 'x', '{}' from generate_series(1, 900)";
    shop.db.execute(other, &[]).await.expect("events");
    let report = backtest(&shop, &[&plan, "--since", "2026-02-01", "--until", "2026-04-01"]).await;
    assert_eq!(
        (&report["events"], &report["started"], &report["other_events"]),
        (&json!(2_000), &json!(2_000), &json!(900))
    );
    assert_eq!(report["days"], json!({"2026-03-01": {"events": 2_000, "started": 2_000, "failed": 0}}));
    let until = "2026-03-01T00:11:00Z";
    let report = backtest(&shop, &[&plan, "--since", "2026-03-01T00:01:00Z", "--until", until]).await;
    assert_eq!(report["started"], 20, "the first ten minutes of both, the end not among them: {report}");
    let report = backtest(&shop, &[&plan, "--since", "2026-05-01", "--until", "2026-06-01"]).await;
    assert_eq!((&report["events"], &report["days"]), (&json!(0), &json!({})));
}

#[tokio::test]
async fn balances_begin_as_they_were_and_go_on_with_what_is_awarded() {
    let shop = Shop::open().await;
    let ledger = "insert into loyalty_ledger (customer_id, points, reason, created_at)
                  values ($1, 40, 'before', '2026-02-01'), ($1, 1000, 'since', '2026-03-02')";
    shop.db.execute(ledger, &[&shop.customer]).await.expect("points");
    let drawing = json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
            node("points", "action", json!({ "actionType": "award_points", "config": { "points": "10" } })),
            node("rich", "condition", json!({ "conditionType": "condition", "config":
                { "combinator": "and", "rules": [{ "field": "steps.points.balance", "operator": ">=", "value": 70 }] } })),
            node("spend", "action", json!({ "actionType": "redeem_points", "config": { "points": "70" } })),
        ],
        "edges": [edge("start", "points"), edge("points", "rich"), branch("rich", "true", "spend")],
    });
    let plan = file(&shop, "spend.json", &drawing);
    remembers(&shop, "2026-03-01T00:00:00Z", &[1; 5]).await;
    let report = backtest(&shop, &[&plan, "--since", "2026-03-01", "--until", "2026-04-01"]).await;
    // 50, 60, 70 → 0, 10, 20.
    assert_eq!(report["effects"]["redeem_points"], json!({"count": 1, "points": 70}), "{report}");
    assert_eq!(report["succeeded"], 5);
}

#[tokio::test]
async fn waits_are_passed_by_and_what_is_not_known_is_said() {
    let shop = Shop::open().await;
    let drawing = json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {},
                "flow": { "once": { "per": "customer", "within": "30d" } } })),
            node("later", "control", json!({ "controlType": "delay", "config": { "for": "3d" } })),
            node("call", "action", json!({ "actionType": "http_request", "config": { "url": "https://example.com/score" } })),
            node("ok", "condition", json!({ "conditionType": "condition", "config": { "expression": "steps.call.status == 200" } })),
            node("mail", "action", json!({ "actionType": "send_email", "config":
                { "to": "{{ customer.email }}", "subject": "{{ now }}", "text": "Hello" } })),
            node("ask", "control", json!({ "controlType": "approval", "config": { "question": "Well?" } })),
        ],
        "edges": [edge("start", "later"), edge("later", "call"), edge("call", "ok"), branch("ok", "true", "mail"),
            edge("mail", "ask")],
    });
    let plan = file(&shop, "slow.json", &drawing);
    remembers(&shop, "2026-03-01T00:00:00Z", &[1; 3]).await;
    let report = backtest(&shop, &[&plan, "--since", "2026-03-01", "--until", "2026-04-01"]).await;
    assert_eq!((&report["rests"], &report["failed"]), (&json!(3), &json!(0)), "{report}");
    assert_eq!(report["effects"]["send_email"], json!({"count": 3, "recipients": 1}));
    assert_eq!(report["effects"]["http_request"], json!({"count": 3}));
    let said = report["assumed"].to_string();
    for word in ["`ok` reads `steps.call`", "customers were looked at as they are today", "suppressions"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(report["warnings"].to_string().contains("once"), "{report}");
}

#[tokio::test]
async fn what_can_not_be_tried_is_refused_with_a_way_on() {
    let shop = Shop::open().await;
    let plan = file(&shop, "alone.json", &points_and_deposit());
    let broken = file(&shop, "broken.json", &json!({"nodes": [], "edges": []}));
    shop.writes_workflow("idle", &points_and_deposit()).await;
    for (args, words) in [
        (vec!["nobody"], "there is no workflow `nobody`"),
        (vec![&plan, "--against", "live"], "no workflow is called `alone`"),
        (vec!["idle", "--against", "live"], "no version of `idle` is in force"),
        (vec!["idle", "--against", "7"], "has no version 7"),
        (vec![&plan, "--version", "live"], "a file has no versions"),
        (vec![&plan, "--since", "soon"], "--since `soon` is no time"),
        (vec![&plan, "--since", "2026-03-01", "--until", "2026-02-01"], "nothing lies between"),
        (vec![&broken], "no-trigger"),
    ] {
        let (code, said, wrong) = shop.thendo(&[&["backtest"], &args[..]].concat()).await;
        assert_eq!(code, Some(1), "{args:?}: {said}");
        assert!(wrong.contains(words), "{args:?}: {wrong}");
    }
    let (code, _, _) = shop.thendo(&["backtest", &plan, "--show", "differences"]).await;
    assert_eq!(code, Some(2), "nothing to differ from");
}

#[tokio::test]
async fn events_that_are_for_another_workflow_are_not_counted_as_starts() {
    let shop = Shop::open().await;
    let by_hand = json!({
        "nodes": [node("start", "trigger", json!({ "triggerType": "manual", "config": {} })),
            node("stats", "action", json!({ "actionType": "refresh_stats", "config": {} }))],
        "edges": [edge("start", "stats")],
    });
    let daemon = shop.daemon().await;
    shop.publishes("one", &by_hand).await;
    shop.publishes("two", &by_hand).await;
    for name in ["one", "two", "two"] {
        let (code, _, said) = shop.thendo(&["workflow", "start", name]).await;
        assert_eq!(code, Some(0), "{said}");
    }
    shop.has_settled().await;
    drop(daemon);
    let report = backtest(&shop, &["one", "--since", "1h"]).await;
    assert_eq!(
        (&report["events"], &report["started"], &report["filtered"]),
        (&json!(3), &json!(1), &json!(2))
    );
}

#[tokio::test]
async fn in_the_database_it_finds_what_only_the_database_refuses_and_leaves_nothing() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("thanks", &thanks(10_000)).await;
    places_orders(&shop, 60).await;
    shop.has_settled().await;
    drop(daemon);
    // Half of each is asked for already: the whole is more than is owed.
    let mut greedy = thanks(10_000);
    greedy["nodes"][3]["data"]["config"]["percent"] = 100.into();
    let plan = file(&shop, "thanks.json", &greedy);
    let light = backtest(&shop, &[&plan, "--since", "1h"]).await;
    let before = whole_database(&shop.db).await;
    let real = backtest(&shop, &[&plan, "--since", "1h", "--database"]).await;
    assert_eq!(before, whole_database(&shop.db).await, "a backtest wrote something");
    let points = shop.count("loyalty_ledger").await;
    assert_eq!(light["effects"]["create_deposit"]["count"], points, "{light}");
    assert_eq!(light["succeeded"], points);
    assert_eq!(
        (&real["succeeded"], &real["failed"], &real["started"]),
        (&json!(0), &json!(60), &json!(60)),
        "{real}"
    );
    let reasons: Vec<(i64, &str)> = real["failures"]
        .as_array()
        .expect("failures")
        .iter()
        .map(|of| (of["count"].as_i64().expect("a count"), of["reason"].as_str().expect("words")))
        .collect();
    let owed =
        reasons.iter().filter(|(_, why)| why.contains("that are owed")).map(|(count, _)| count).sum::<i64>();
    assert_eq!(owed, points, "{reasons:?}");
    // The points themselves are awarded as ever, by both ways.
    assert_eq!(real["effects"]["award_points"], light["effects"]["award_points"]);
    assert!(real["effects"]["create_deposit"].is_null());

    // Where somebody holds what it needs, it waits for a moment and says so.
    let mut writer = crate::support::connect(&shop.url).await;
    let open = writer.transaction().await.expect("a transaction");
    open.execute("select from loyalty_points where customer_id = $1 for update", &[&shop.customer])
        .await
        .expect("locked");
    let held = backtest(&shop, &[&plan, "--since", "1h", "--database"]).await;
    let locked = held["failures"]
        .as_array()
        .expect("failures")
        .iter()
        .find(|of| of["reason"].as_str().is_some_and(|why| why.contains("lock timeout")));
    let hers =
        shop.number("select count(*) from loyalty_ledger where customer_id = $1", &[&shop.customer]).await;
    let orders = shop.number("select count(*) from orders where customer_id = $1", &[&shop.customer]).await;
    assert_eq!(locked.expect("a reason")["count"].as_i64(), Some(orders), "{held}");
    assert_eq!(held["effects"]["award_points"]["count"], points - hers);
}

#[tokio::test]
async fn memory_does_not_grow_with_the_events() {
    let shop = Shop::open().await;
    let plan = file(&shop, "thanks.json", &points_and_deposit());
    // Of as many customers as there are events: nothing is shared.
    let sql = "insert into workflow_events (id, at, table_name, operation, entity, row_data)
               select gen_random_uuid(), '2026-03-01'::timestamptz + g * interval '1 second', 'orders', 'insert', 'x',
                      jsonb_build_object('id', gen_random_uuid(), 'customer_id', gen_random_uuid(), 'total', 20000,
                          'currency', 'EUR', 'note', repeat('long ', 200))
               from generate_series(1, 12000) g";
    shop.db.execute(sql, &[]).await.expect("events");
    let peak = |until: &'static str, events: u64| {
        let (plan, url) = (plan.clone(), shop.url.clone());
        tokio::task::spawn_blocking(move || {
            let mut child = crate::support::server::thendo()
                .args(["backtest", &plan, "--since", "2026-03-01", "--until", until, "--format", "json"])
                .args(["--database-url", &url])
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("the binary");
            let mut peak = 0;
            while child.try_wait().expect("a child").is_none() {
                let about =
                    std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
                let line = about.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
                peak = peak
                    .max(line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0));
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            let said = child.wait_with_output().expect("its answer");
            let report: Value = serde_json::from_slice(&said.stdout).expect("JSON");
            assert_eq!(report["started"], events);
            peak
        })
    };
    let few = peak("2026-03-01T00:25:01Z", 1_500).await.expect("a peak");
    let many = peak("2026-03-02", 12_000).await.expect("a peak");
    // What is kept of a customer is a few dozen bytes; the events themselves are some 15 MB.
    assert!(many < few + 8_000, "{few} kB for 1,500 events, {many} kB for 12,000");
}
