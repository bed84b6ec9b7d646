//! The traps of DESIGN.md that no other test is about; docs/invariants.md says which are where.

use std::collections::HashSet;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use thendo::database::connect::{self, drive_in_background};
use thendo::database::role::Role;
use thendo::store::OF_A_BATCH;
use thendo::store::cursors::Cursors;
use thendo::store::queue::{Due, claim_due};
use thendo::store::session::Session;

use crate::support::sink::{Manner, Sink};
use crate::support::{Shop, connect, edge, mail_on_order, node, points_and_deposit, until};

/// A session as the engine's workers have it.
async fn engine(shop: &Shop) -> (Session, tokio_util::task::AbortOnDropHandle<()>) {
    let url = SecretString::from(shop.url.clone());
    let (client, connection) = connect::connect(&url, "worker", Role::Engine).await.expect("a connection");
    let driver = drive_in_background(connection);
    (Session::new(client), driver)
}

/// Invariant 4: nothing is open in the database while a mail server thinks.
#[tokio::test]
async fn no_transaction_is_open_while_a_mail_server_hangs() {
    let shop = Shop::open().await;
    // It takes connections and never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("smtp://{}", silent.local_addr().expect("its address"));
    let _daemon = shop.daemon_with(&[("THENDO_MAIL__SMTP_URL", &url)]).await;
    shop.publishes("mail", &mail_on_order()).await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    let (_held, _) = silent.accept().await.expect("the daemon has come to hand over the mail");
    until("the rest of the work is done", || async { shop.count("loyalty_ledger").await == 1 }).await;
    let open =
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
                and application_name like 'thendo %' and application_name <> 'thendo test'
                and xact_start < clock_timestamp() - interval '300 milliseconds'";
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_millis(1500) {
        assert_eq!(shop.number(open, &[]).await, 0, "a transaction is open while the mail server hangs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(shop.number("select count(*) from workflow_deliveries where status = 'sent'", &[]).await, 0);
}

/// Invariant 4: what works for long is done in parts, each a short transaction.
#[tokio::test]
async fn no_transaction_of_the_engine_s_lasts_under_a_backlog() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    daemon.dies();
    let sql = "insert into orders (customer_id, total) select $1, 20000 from generate_series(1, 6000)";
    shop.db.execute(sql, &[&shop.customer]).await.expect("orders");
    let _daemon = shop.daemon().await;
    let lasting = "select coalesce(max(extract(epoch from clock_timestamp() - xact_start) * 1000), 0)::bigint
                   from pg_stat_activity where datname = current_database() and application_name = 'thendo worker'";
    let mut longest = 0;
    while shop.count("workflow_queue").await > 0 {
        longest = longest.max(shop.number(lasting, &[]).await);
    }
    println!("the longest transaction seen: {longest} ms");
    // 200 ms of its own thought at most; the rest is what a busy machine adds.
    assert!(longest < 5_000, "a transaction of the engine's lasted {longest} ms");
}

/// Trap 2: four connections on 2,000 shared balances, in whatever order the lanes bring them.
#[tokio::test]
async fn four_workers_on_two_thousand_shared_balances_never_wait_in_a_circle() {
    let shop = Shop::open().await;
    let settings = [("THENDO_ENGINE__WORKERS", "2"), ("THENDO_ENGINE__BATCH", "200")];
    let one = shop.daemon_with(&settings).await;
    shop.publishes("points", &points_and_deposit()).await;
    one.dies();
    // Lanes go by the order itself, so every lane meets every balance.
    shop.db
        .batch_execute(
            "insert into customers (email) select 'c' || g || '@example.com' from generate_series(1, 2000) g;
             alter table orders disable trigger record_insert;
             create trigger by_row after insert on orders referencing new table as new_rows
                 for each statement execute function record_event('orders', 'id');
             insert into orders (customer_id, total)
                 select id, 10000 from customers, generate_series(1, 4) where email like 'c%' order by random();",
        )
        .await
        .expect("orders");
    let _one = shop.daemon_with(&settings).await;
    let _two = shop.daemon_with(&settings).await;
    shop.has_settled().await;
    assert_eq!(shop.number("select count(*) from loyalty_points where balance = 400", &[]).await, 2000);
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(shop.number(deadlocks, &[]).await, 0, "deadlocks");
}

/// Trap 4: a claim does not step over what was claimed before, though a long transaction keeps it all there, dead.
#[tokio::test]
async fn claims_step_over_few_dead_rows_beside_a_long_transaction() {
    let shop = Shop::open().await;
    let mut reader = connect(&shop.url).await;
    let open = reader.build_transaction().isolation_level(tokio_postgres::IsolationLevel::RepeatableRead);
    let open = open.start().await.expect("a transaction");
    open.query_one("select count(*) from workflow_queue", &[]).await.expect("a snapshot");
    let rows = 20_000;
    let sql = "insert into workflow_queue (due_at, lane, event_at, event_id)
               select now() - interval '1 hour' + g * interval '100 ms', g % 64, now(), gen_random_uuid()
               from generate_series(1, $1::int) g";
    shop.db.execute(sql, &[&rows]).await.expect("a queue");
    let (session, driver) = engine(&shop).await;
    let mut cursors = Cursors::from_lane(0);
    let mut claimed = 0;
    while claimed < rows {
        let claim = claim_due(&session, &mut cursors, 500, 1).await.expect("a claim");
        assert!(!claim.rows.is_empty(), "ran dry at {claimed}");
        claimed += i32::try_from(claim.rows.len()).expect("few");
        session.transaction("commit").await.expect("committed");
        cursors.turn(1);
    }
    // Statistics of a session that has ended are there.
    drop((session, driver));
    let read = "select idx_tup_read from pg_stat_user_indexes where indexrelname = 'workflow_queue_pkey'";
    until("statistics have come", || async { shop.number(read, &[]).await >= i64::from(rows) }).await;
    let read = shop.number(read, &[]).await;
    println!("{read} index entries read for {rows} rows claimed");
    // From the beginning each time they would be about 40 claims of 10,000 dead rows each.
    assert!(read < i64::from(rows) * 6, "{read} index entries read");
    open.commit().await.expect("ended");
}

/// Trap 5: the order of a customer's events is that of the writes, though transactions begin earlier than they write.
#[tokio::test]
async fn order_is_that_of_the_writes_and_not_of_the_transactions() {
    let shop = Shop::open().await;
    let order = shop.places_order(1).await;
    let mut early = connect(&shop.url).await;
    let open = early.transaction().await.expect("begun before the other");
    open.execute("select now()", &[]).await.expect("its clock stands");
    let update = "update orders set total = $2 where id = $1";
    shop.db.execute(update, &[&order, &2i64]).await.expect("written first");
    for total in 3i64..=5 {
        open.execute(update, &[&order, &total]).await.expect("written later");
    }
    open.commit().await.expect("committed");
    let (session, _driver) = engine(&shop).await;
    let (mut totals, mut cursors) = (Vec::new(), Cursors::from_lane(0));
    for _ in 0..20 {
        let claim = claim_due(&session, &mut cursors, 2, 1).await.expect("a claim");
        totals.extend(claim.rows.iter().filter_map(|row| match &row.what {
            Due::Event(event) if event.table == "orders" => event.row["total"].as_i64(),
            _ => None,
        }));
        session.transaction("commit").await.expect("committed");
    }
    assert_eq!(totals, [1, 2, 3, 4, 5]);
}

/// Trap 6: the events of a batch are fetched from their own months, and nothing is compiled just in time.
#[tokio::test]
async fn events_are_fetched_from_their_own_month_and_jit_is_off() {
    let shop = Shop::open().await;
    let (session, _driver) = engine(&shop).await;
    let row = session.client().query_one("select current_setting('jit'), current_setting('role')", &[]).await;
    let row = row.expect("settings");
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("off", "thendo_engine"));
    shop.places_order(1).await;
    let sql = "insert into workflow_events (id, at, table_name, operation, entity, row_data)
               select gen_random_uuid(), now() + g * interval '15 minutes', 'orders', 'insert', g::text, '{}'
               from generate_series(1, 5000) g";
    shop.db.execute(sql, &[]).await.expect("months full of events");
    shop.db.batch_execute("analyze workflow_events, workflow_queue").await.expect("statistics");
    let months = shop
        .number("select count(*) from pg_inherits where inhparent = 'workflow_events'::regclass", &[])
        .await;
    assert!(months >= 3, "{months} partitions: the test tests nothing");
    let claim = OF_A_BATCH.iter().find(|sql| sql.name == "claim_due").expect("the claim").text;
    // A generic plan, as after many batches: whatever month, it is found when it runs.
    let lanes = (0..64).map(|lane| lane.to_string()).collect::<Vec<_>>().join(",");
    shop.db
        .batch_execute(&format!(
            "begin; set local jit = off; set local plan_cache_mode = force_generic_plan; set local thendo.lanes = '{lanes}';
             prepare claim (smallint[], timestamptz[], bigint, bigint[], timestamptz[]) as {claim}"
        ))
        .await
        .expect("prepared");
    let asked = format!(
        "explain (analyze, costs off, timing off, summary off) execute claim
         ('{{{lanes}}}', array_fill('-infinity'::timestamptz, array[64]), 500, '{{}}', '{{}}')"
    );
    let plan: Vec<String> =
        shop.db.query(&asked, &[]).await.expect("a plan").iter().map(|row| row.get(0)).collect();
    shop.db.batch_execute("rollback; deallocate claim").await.expect("undone");
    let scans: Vec<&String> = plan.iter().filter(|line| line.contains(" on workflow_events_")).collect();
    let done: Vec<&&String> = scans.iter().filter(|line| !line.contains("never executed")).collect();
    assert!(i64::try_from(scans.len()).expect("few") >= months, "{plan:#?}");
    assert_eq!(done.len(), 1, "{plan:#?}");
    assert!(done[0].contains("Index"), "{plan:#?}");
}

/// Trap 7: four that claim at once get every row once, in the order of its lane.
#[tokio::test]
async fn four_that_claim_at_once_share_every_row_once_and_in_order() {
    let shop = Shop::open().await;
    shop.db.execute("delete from workflow_queue", &[]).await.expect("empty");
    let sql = "insert into workflow_queue (due_at, lane, event_at, event_id)
               select now() - interval '1 hour' + g * interval '1 ms', g % 64, now(), gen_random_uuid()
               from generate_series(1, 8000) g";
    shop.db.execute(sql, &[]).await.expect("a queue");
    let mut claiming = Vec::new();
    for n in 0..4 {
        let (session, driver) = engine(&shop).await;
        claiming.push(async move {
            let mut cursors = Cursors::from_lane(n * 16);
            let mut got = Vec::new();
            let mut empty = 0;
            // A claim that got nothing met the others: it says nothing about the queue.
            while empty < 20 {
                let claim = claim_due(&session, &mut cursors, 100, 4).await.expect("a claim");
                empty = if claim.rows.is_empty() { empty + 1 } else { 0 };
                let lanes: HashSet<i16> = claim.rows.iter().map(|row| row.lane).collect();
                assert!(lanes.len() <= 16, "{} lanes at once are more than its share", lanes.len());
                let at = tokio::time::Instant::now();
                got.extend(claim.rows.iter().map(|row| (at, row.lane, row.due_at, row.id)));
                session.transaction("commit").await.expect("committed");
                cursors.turn(1);
            }
            drop(driver);
            got
        });
    }
    let mut all: Vec<_> = futures_util::future::join_all(claiming).await.into_iter().flatten().collect();
    assert_eq!(all.len(), 8000);
    assert_eq!(all.iter().map(|row| row.3).collect::<HashSet<_>>().len(), 8000, "a row was claimed twice");
    assert_eq!(shop.count("workflow_queue").await, 0);
    all.sort_by_key(|row| (row.1, row.0, row.2, row.3));
    let reversed =
        all.windows(2).filter(|two| two[0].1 == two[1].1 && (two[0].2, two[0].3) > (two[1].2, two[1].3));
    assert_eq!(reversed.count(), 0, "rows of a lane that were claimed before earlier ones");
}

/// Trap 13: three connections do everything: deliveries, schedules, holds, waits, loops.
#[tokio::test]
async fn three_connections_do_deliveries_schedules_waits_and_holds() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let settings = [("THENDO_POOL_MAX", "3"), ("THENDO_MAIL__SMTP_URL", sink.url.as_str())];
    let daemon = shop.daemon_with(&settings).await;
    shop.publishes("mail", &mail_on_order()).await;
    let held = shop.publishes("points", &points_and_deposit()).await;
    let tick = json!({"nodes": [
            node("start", "trigger", json!({"triggerType": "schedule", "config": {"cron": "* * * * * *"}})),
            node("wait", "control", json!({"controlType": "delay", "config": {"for": "1s"}})),
            node("seen", "control", json!({"controlType": "set", "config": {"vars": {"seen": true}}})),
        ], "edges": [edge("start", "wait"), edge("wait", "seen")]});
    let tick = shop.publishes("tick", &tick).await;
    shop.db.execute("select hold_workflow($1, 'a look first', 'ada')", &[&held]).await.expect("held");
    for _ in 0..10 {
        shop.places_order(250_00).await;
    }
    let used = "select count(*) from pg_stat_activity where datname = current_database()
                and application_name like 'thendo%' and application_name <> 'thendo test'";
    let ticked = "select count(*) from workflow_executions where workflow_id = $1 and status = 'succeeded'";
    until("mails are sent and times kept", || async {
        let now = shop.number(used, &[]).await;
        assert!(now <= 3, "{now} connections");
        daemon.answers("/status").await.expect("the page");
        sink.taken().len() == 10 && shop.number(ticked, &[&tick]).await >= 2
    })
    .await;
    assert_eq!(shop.count("loyalty_ledger").await, 0, "it is held");
    shop.db.execute("select release_workflow($1, false, 'ada')", &[&held]).await.expect("released");
    until("what was held is done", || async { shop.count("loyalty_ledger").await == 10 }).await;
}

/// Trap 16: a statement that changes nothing records nothing, and does not even look at the gate.
#[tokio::test]
async fn a_statement_on_no_rows_returns_before_the_gate() {
    let shop = Shop::open().await;
    shop.places_order(1).await;
    let looks =
        "select count(*) from pg_locks where locktype = 'advisory' and classid = 1952998511 and objid = 0
                 and pid = pg_backend_pid()";
    let before = shop.count("workflow_events").await;
    for (sql, at_the_gate) in [
        ("update orders set total = 2 where false", 0),
        ("delete from orders where false", 0),
        ("insert into orders (customer_id, total) select customer_id, 1 from orders where false", 0),
        ("update orders set total = total", 0),
        ("update orders set total = 7", 1),
    ] {
        shop.db.batch_execute("begin").await.expect("begun");
        shop.db.batch_execute(sql).await.expect(sql);
        assert_eq!(shop.number(looks, &[]).await, at_the_gate, "{sql}");
        shop.db.batch_execute("commit").await.expect("committed");
    }
    assert_eq!(shop.count("workflow_events").await, before + 1);
}

/// Trap 14: a dry run on a live shop asks for little patience, and what it cannot have it does without.
#[tokio::test]
async fn a_dry_run_that_meets_a_lock_gives_up_and_holds_up_nobody() {
    let shop = Shop::open().await;
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/workflows-examples/welcome-points");
    let (workflow, event) = (format!("{example}/workflow.json"), format!("{example}/event.json"));
    let dry = ["test-run", workflow.as_str(), "--event", event.as_str()];
    let (code, out, said) = shop.thendo(&dry).await;
    assert_eq!(code, Some(0), "{out}{said}");
    let mut writer = connect(&shop.url).await;
    let open = writer.transaction().await.expect("a transaction");
    open.batch_execute("lock table loyalty_points in share row exclusive mode").await.expect("locked");
    let began = std::time::Instant::now();
    let (code, out, said) = shop.thendo(&dry).await;
    let took = began.elapsed();
    assert_ne!(code, Some(0), "{out}");
    assert!(format!("{out}{said}").contains("lock timeout"), "{out}{said}");
    assert!(took < Duration::from_secs(5), "took {took:?}");
    open.batch_execute("insert into orders (customer_id, total) select id, 1 from customers")
        .await
        .expect("the writer goes on");
    open.commit().await.expect("committed");
    assert_eq!(shop.count("orders").await, 1, "the dry runs' own are gone");
}
