//! Schedules: each time starts once, whoever is there to start it, and what was missed is dealt with as was asked.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use crate::support::daemon::Daemon;
use crate::support::{Shop, edge, node, until};

/// A program that says its clock is so far off.
fn with_clock(off: &'static str) -> Option<[(&'static str, &'static str); 3]> {
    let places = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib64/faketime/libfaketimeMT.so.1",
    ];
    let Some(library) = places.into_iter().find(|path| std::path::Path::new(path).exists()) else {
        println!("SKIPPED: there is no libfaketime on this machine");
        return None;
    };
    Some([("LD_PRELOAD", library), ("FAKETIME", off), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")])
}

/// Starts at those times and notes which one it was.
fn at_times(config: &Value) -> Value {
    json!({"nodes": [
            node("start", "trigger", json!({"triggerType": "schedule", "config": config})),
            node("note", "control", json!({"controlType": "set", "config": {"vars": {"due": "{{ schedule.due_at }}"}}})),
        ],
        "edges": [edge("start", "note")]})
}

/// As if no daemon had been there since then.
async fn was_alone_for(shop: &Shop, id: Uuid, interval: &str) {
    let sql = "update workflow_schedules set last_at = now() - $2::text::interval, next_at = now() - interval '1 second'
               where workflow_id = $1";
    assert_eq!(shop.db.execute(sql, &[&id, &interval]).await.expect("set back"), 1);
}

const TOLD: &str = "workflow_events where table_name = 'thendo.schedule'";

#[tokio::test]
async fn every_second_starts_once_though_three_daemons_keep_time_and_one_is_killed() {
    let shop = Shop::open().await;
    let _first = shop.daemon().await;
    let killed = shop.daemon().await;
    let _third = shop.daemon().await;
    let id = shop.publishes("tick", &at_times(&json!({"cron": "* * * * * *"}))).await;
    let told = async || shop.number(&format!("select count(*) from {TOLD}"), &[]).await;
    until("two have started", async || told().await >= 2).await;
    killed.dies();
    until("six have started", async || told().await >= 6).await;
    // No more than was due: stop it and let what was told come to its end.
    let pause = "update workflows set status = 'paused' where id = $1";
    shop.db.execute(pause, &[&id]).await.expect("paused");
    until("its schedule is gone", async || shop.count("workflow_schedules").await == 0).await;
    shop.has_settled().await;
    let twice = format!("select count(*) - count(distinct row_data ->> 'due_at') from {TOLD}");
    assert_eq!(shop.number(&twice, &[]).await, 0, "one event for each time");
    let gaps = format!(
        "select extract(epoch from max(due) - min(due))::bigint + 1 - count(*) from
         (select (row_data ->> 'due_at')::timestamptz as due from {TOLD}) t"
    );
    assert_eq!(shop.number(&gaps, &[]).await, 0, "no time is left out");
    let early = format!(
        "select count(*) from {TOLD} and not (at - (row_data ->> 'due_at')::timestamptz between interval '0' and interval '3 seconds')"
    );
    assert_eq!(shop.number(&early, &[]).await, 0, "none starts early or much too late");
    let executions =
        "select count(*) - count(distinct event_id) from workflow_executions where status = 'succeeded'";
    assert_eq!(shop.number(executions, &[]).await, 0);
    // An event of the very pause starts nothing: it uses the version in force at its own time.
    assert!(told().await - shop.count("workflow_executions").await <= 1);
    // The pause is not made up for.
    sleep(Duration::from_millis(2_100)).await;
    let before = told().await;
    let began = shop.number("select extract(epoch from clock_timestamp())::bigint", &[]).await;
    shop.db
        .execute("update workflows set status = 'published' where id = $1", &[&id])
        .await
        .expect("resumed");
    until("it starts again", async || told().await > before).await;
    let of_the_pause = format!(
        "select count(*) from {TOLD} and (row_data ->> 'due_at')::timestamptz < to_timestamp({began}) and at > to_timestamp({began})"
    );
    assert_eq!(shop.number(&of_the_pause, &[]).await, 0);
}

#[tokio::test]
async fn daemons_whose_clocks_are_minutes_off_do_all_at_its_time() {
    let shop = Shop::open().await;
    let (Some(ahead), Some(behind)) = (with_clock("+7m"), with_clock("-7m")) else { return };
    let (ahead, _behind) = (shop.daemon_with(&ahead).await, shop.daemon_with(&behind).await);
    let line: Value = serde_json::from_str(ahead.logged().lines().next().expect("a line")).expect("JSON");
    let sql = "select extract(epoch from $1::text::timestamptz - clock_timestamp())::bigint";
    let off = shop.number(sql, &[&line["timestamp"].as_str()]).await;
    assert!((390..=420).contains(&off), "its clock is {off} s ahead");
    let late = json!({"nodes": [
            node("start", "trigger", json!({"triggerType": "order_created", "config": {}})),
            node("rest", "control", json!({"controlType": "delay", "config": {"for": "2 seconds"}})),
            node("points", "action", json!({"actionType": "award_points", "config": {"points": 1}})),
        ], "edges": [edge("start", "rest"), edge("rest", "points")]});
    shop.publishes("late", &late).await;
    shop.publishes("tick", &at_times(&json!({"cron": "* * * * * *"}))).await;
    shop.publishes("mail", &crate::support::mail_on_order()).await;
    for _ in 0..12 {
        shop.places_order(250_00).await;
        sleep(Duration::from_millis(200)).await;
    }
    until("all points are there", async || shop.count("loyalty_ledger").await == 12).await;
    let off = "select count(*) from loyalty_ledger l join orders o on o.id = l.order_id
               where not l.created_at - o.created_at between interval '2 seconds' and interval '20 seconds'";
    assert_eq!(shop.number(off, &[]).await, 0, "delays are by the database's clock");
    let off = format!(
        "select count(*) from {TOLD} and not (at - (row_data ->> 'due_at')::timestamptz between interval '0' and interval '5 seconds')"
    );
    assert_eq!(shop.number(&off, &[]).await, 0, "schedules are by the database's clock");
    let off = "select count(*) from workflow_executions where not started_at - event_at between interval '0' and interval '20 seconds'
               or not finished_at - event_at between interval '0' and interval '60 seconds'";
    assert_eq!(shop.number(off, &[]).await, 0, "records tell the database's time");
    until("all mails are sent", async || {
        shop.number("select count(*) from workflow_deliveries where status = 'sent'", &[]).await == 12
    })
    .await;
    assert_eq!(shop.number("select count(*) from workflow_daemons where died_at is not null", &[]).await, 0);
}

#[tokio::test]
async fn who_puts_a_schedule_in_force_may_die_before_its_first_time() {
    let shop = Shop::open().await;
    let (one, other) = (shop.daemon().await, shop.daemon().await);
    // Both rest; the first time is some seconds away.
    let second = shop.number("select (extract(second from clock_timestamp())::int + 6) % 60", &[]).await;
    shop.publishes("later", &at_times(&json!({"cron": format!("{second} * * * * *")}))).await;
    let logs = |daemon: &Daemon| daemon.logged().contains("\"in force\"");
    until("one says so", async || logs(&one) || logs(&other)).await;
    // Both do, where they were at it in the same instant: the second found it done.
    let (dies, _stays) = if logs(&one) { (one, other) } else { (other, one) };
    dies.dies();
    assert_eq!(shop.number(&format!("select count(*) from {TOLD}"), &[]).await, 0, "not yet");
    until("it starts", async || shop.number(&format!("select count(*) from {TOLD}"), &[]).await == 1).await;
    let late =
        format!("select extract(epoch from at - (row_data ->> 'due_at')::timestamptz)::bigint from {TOLD}");
    assert!(shop.number(&late, &[]).await < 3, "as if nobody had died");
}

#[tokio::test]
async fn what_was_missed_for_a_month_is_skipped_or_made_up_for_once_or_each() {
    let shop = Shop::open().await;
    let first = shop.daemon().await;
    // Never within the test: a time that is on time would make up for the others.
    let far = shop
        .db
        .query_one("select to_char(now() at time zone 'UTC' - interval '12 hours', 'HH24')::int::text", &[]);
    let hour: String = far.await.expect("an hour").get(0);
    let mut ids = Vec::new();
    for missed in ["skip", "once", "all"] {
        let config = json!({"cron": format!("0 {hour} * * *"), "missed": missed});
        ids.push(shop.publishes(missed, &at_times(&config)).await);
    }
    first.dies();
    for id in &ids {
        was_alone_for(&shop, *id, "30 days").await;
    }
    let (_one, _two) = (shop.daemon().await, shop.daemon().await);
    until("all has been looked at", async || {
        shop.number("select count(*) from workflow_schedules where next_at <= now()", &[]).await == 0
    })
    .await;
    shop.has_settled().await;
    let of = async |id: &Uuid| {
        let sql = format!(
            "select count(*), coalesce(sum((row_data ->> 'missed')::bigint), 0)::bigint, count(distinct row_data ->> 'due_at') from {TOLD}
             and row_data ->> 'workflow_id' = $1::uuid::text"
        );
        let row = shop.db.query_one(&sql, &[id]).await.expect("counted");
        (row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2))
    };
    assert_eq!(of(&ids[0]).await, (0, 0, 0), "skip");
    assert_eq!(of(&ids[1]).await, (1, 29, 1), "once");
    assert_eq!(of(&ids[2]).await, (30, 0, 30), "all");
    assert_eq!(shop.count("workflow_executions").await, 31);
    // In the order of their times.
    let order = format!(
        "select count(*) from (select due, lag(due) over (order by at, id) as before from
         (select at, id, (row_data ->> 'due_at')::timestamptz as due from {TOLD} and row_data ->> 'workflow_id' = $1::uuid::text) t) t
         where due < before"
    );
    let by_queue = shop.number(&order, &[&ids[2]]).await;
    assert_eq!(by_queue, 0);
}

#[tokio::test]
async fn other_times_count_from_when_they_were_put_in_force_and_the_same_ones_go_on() {
    let shop = Shop::open().await;
    let first = shop.daemon().await;
    let id = shop.publishes("report", &at_times(&json!({"cron": "0 0 * * *", "missed": "all"}))).await;
    was_alone_for(&shop, id, "0 seconds").await;
    let last_at = async || {
        let sql = "select extract(epoch from now() - last_at)::bigint from workflow_schedules where workflow_id = $1";
        shop.number(sql, &[&id]).await
    };
    // A drawing with the same times, published while no daemon looked for a month: the month counts.
    first.dies();
    was_alone_for(&shop, id, "30 days").await;
    let edits = "update workflows set definition = $2 where id = $1";
    let mut drawn = at_times(&json!({"cron": "0 0 * * *", "missed": "skip"}));
    drawn["nodes"][1]["data"]["config"]["vars"]["more"] = json!(1);
    shop.db.execute(edits, &[&id, &drawn]).await.expect("edited");
    let (code, _, said) = shop.thendo(&["workflow", "publish", "report"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(last_at().await >= 30 * 86_400 - 60, "it goes on from where it was");
    // Other times: from now on.
    drawn["nodes"][0]["data"]["config"] = json!({"cron": "30 0 * * *", "missed": "all"});
    shop.db.execute(edits, &[&id, &drawn]).await.expect("edited");
    let (code, _, said) = shop.thendo(&["workflow", "publish", "report"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(last_at().await < 60, "it counts from now");
    let _daemon = shop.daemon().await;
    until("it has been looked at", async || {
        shop.number("select count(*) from workflow_schedules where next_at <= now()", &[]).await == 0
    })
    .await;
    assert_eq!(shop.number(&format!("select count(*) from {TOLD}"), &[]).await, 0);
    let (_, out, _) = shop.thendo(&["workflow", "show", "report"]).await;
    assert!(out.contains("starts next"), "{out}");
    let (_, out, _) = shop.thendo(&["workflow", "list"]).await;
    assert!(out.contains(", next "), "{out}");
    // Without a schedule there is none.
    let (_, out, _) = shop.thendo(&["workflow", "pause", "report"]).await;
    assert_eq!(shop.count("workflow_schedules").await, 0, "{out}");
}

#[tokio::test]
async fn a_thousand_schedules_of_the_same_second_start_once_each() {
    let shop = Shop::open().await;
    let (_one, _two) = (shop.daemon().await, shop.daemon().await);
    let all = "insert into workflows (name, status, definition) select 's' || n, 'published', $1 from generate_series(1, 1000) n";
    let definition = at_times(&json!({"cron": "0 0 1 1 *", "missed": "once"}));
    shop.db.execute(all, &[&definition]).await.expect("published");
    let begun = Instant::now();
    while shop.count("workflow_schedules").await < 1000 {
        assert!(begun.elapsed() < Duration::from_secs(120), "they are not in force");
        sleep(Duration::from_millis(50)).await;
    }
    until("all have been looked at", async || {
        shop.number("select count(*) from workflow_schedules where next_at <= now()", &[]).await == 0
    })
    .await;
    // They come due at one instant; a wake-up stands for the clock.
    shop.db
        .batch_execute(
            "update workflow_schedules set last_at = '2024-06-01', next_at = now() + interval '1 second'",
        )
        .await
        .expect("set back");
    shop.db.batch_execute("notify thendo_workflows").await.expect("woken");
    until("all have started", async || {
        shop.number(&format!("select count(*) from {TOLD}"), &[]).await >= 1000
    })
    .await;
    shop.has_settled().await;
    let each = format!(
        "select count(*) from (select row_data ->> 'workflow_id' from {TOLD} group by 1 having count(*) = 1) t"
    );
    assert_eq!(shop.number(&each, &[]).await, 1000);
    assert_eq!(shop.count("workflow_executions").await, 1000);
    // Of the two New Years the first was passed over.
    let missed = format!("select count(*) from {TOLD} and (row_data ->> 'missed')::int < 1");
    assert_eq!(shop.number(&missed, &[]).await, 0);
}

#[tokio::test]
async fn a_schedule_that_somebody_holds_is_left_to_those_and_comes_after_them() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let id = shop.publishes("tick", &at_times(&json!({"cron": "0 0 1 1 *"}))).await;
    until("it has been looked at", async || {
        shop.number("select count(*) from workflow_schedules where next_at > now()", &[]).await == 1
    })
    .await;
    let soon = "update workflow_schedules set last_at = now() - interval '2 years', next_at = now() + interval '4 seconds'";
    shop.db.execute(soon, &[]).await.expect("due soon");
    let mut other = crate::support::connect(&shop.url).await;
    let held = other.transaction().await.expect("begun");
    held.execute("select 1 from workflow_schedules for update", &[]).await.expect("held");
    shop.db.batch_execute("notify thendo_workflows").await.expect("woken");
    // Another one is not held up by it.
    shop.publishes("second", &at_times(&json!({"cron": "* * * * * *"}))).await;
    let of = async |id: Uuid| {
        shop.number(
            &format!("select count(*) from {TOLD} and row_data ->> 'workflow_id' = $1::uuid::text"),
            &[&id],
        )
        .await
    };
    until("the other one starts, when the first is long due", async || {
        let later = format!(
            "select count(*) from {TOLD} and at > (select next_at + interval '1 second' from workflow_schedules where workflow_id = $1)"
        );
        shop.number(&later, &[&id]).await > 0
    })
    .await;
    assert_eq!(of(id).await, 0);
    held.rollback().await.expect("let go");
    until("it starts", async || of(id).await == 1).await;
}
