//! Invariants 1 and 2 under faults: nothing is lost, database effects happen exactly once.

use std::time::Duration;

use serde_json::json;

use crate::support::server::thendo;
use crate::support::{Shop, mail_on_order, node, points_and_deposit, until};

/// Orders, executions, points rows, deposits: each order has exactly one of each.
async fn each_order_was_served_once(shop: &Shop) {
    for (what, table, key) in [
        ("points row", "loyalty_ledger", "order_id"),
        ("deposit", "deposits", "order_id"),
        (
            "execution",
            "(select (e.row_data ->> 'id')::uuid as order_id from workflow_executions x join workflow_events e on e.at = x.event_at and e.id = x.event_id) as x",
            "order_id",
        ),
    ] {
        let off = shop
            .number(
                &format!(
                    "select count(*) from orders o
                     left join (select {key} as of_order, count(*) as n from {table} group by 1) t on t.of_order = o.id
                     where coalesce(t.n, 0) <> 1"
                ),
                &[],
            )
            .await;
        assert_eq!(off, 0, "orders without exactly one {what}");
    }
    let failed =
        shop.number("select count(*) from workflow_executions where status <> 'succeeded'", &[]).await;
    assert_eq!(failed, 0, "failed executions");
    let off = shop
        .number(
            "select count(*) from loyalty_points p where balance <>
             (select sum(points) from loyalty_ledger l where l.customer_id = p.customer_id)",
            &[],
        )
        .await;
    assert_eq!(off, 0, "balances that are not the sum of their ledger");
}

#[tokio::test]
async fn an_event_written_while_no_daemon_runs_is_executed_once_one_starts() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    daemon.dies();
    for _ in 0..5 {
        shop.places_order(250_00).await;
    }
    let _daemon = shop.daemon().await;
    shop.has_settled().await;
    assert_eq!(shop.count("orders").await, 5);
    each_order_was_served_once(&shop).await;
}

#[tokio::test]
async fn points_are_awarded_once_though_the_daemon_dies_again_and_again() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    daemon.dies();
    let customers: Vec<_> = {
        let mut all = vec![shop.customer];
        for n in 0..20 {
            all.push(shop.welcomes(&format!("customer{n}@example.com")).await);
        }
        all
    };
    // Killed at ever later points: in start-up, in the first batch, between batches, with many under way.
    for round in 0..25u64 {
        let sql = "insert into orders (customer_id, total)
                   select ($1::uuid[])[1 + g % cardinality($1::uuid[])], 10000 + g from generate_series(1, 150) g";
        shop.db.execute(sql, &[&customers]).await.expect("orders");
        let daemon = crate::support::daemon::Daemon::launch(&shop.url, shop.folder.path(), &[]);
        if round % 2 == 0 {
            let before = shop.count("workflow_executions").await;
            let mut looks = 0;
            while shop.count("workflow_executions").await == before && looks < 500 {
                looks += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(round * 7 % 60)).await;
        daemon.dies();
    }
    let done = shop.count("workflow_executions").await;
    assert!(done > 0, "the daemon never lived long enough to do anything: the test tests nothing");
    let _daemon = shop.daemon().await;
    shop.has_settled().await;
    assert_eq!(shop.count("orders").await, 25 * 150);
    each_order_was_served_once(&shop).await;
}

#[tokio::test]
async fn mails_to_the_folder_are_each_written_once_though_the_daemon_dies() {
    let shop = Shop::open().await;
    let settings = [("THENDO_DELIVERIES__LEASE_MS", "1000")];
    let daemon = shop.daemon_with(&settings).await;
    shop.publishes("mail", &mail_on_order()).await;
    daemon.dies();
    for round in 0..6u64 {
        for _ in 0..20 {
            shop.places_order(100_00).await;
        }
        let daemon = shop.daemon_with(&settings).await;
        tokio::time::sleep(Duration::from_millis(round * 11)).await;
        daemon.dies();
    }
    let _daemon = shop.daemon_with(&settings).await;
    shop.has_settled().await;
    assert_eq!(
        shop.number("select count(*) from workflow_executions where status = 'succeeded'", &[]).await,
        120
    );
    let files = std::fs::read_dir(shop.folder.path().join("mailbox"))
        .expect("the mailbox")
        .filter(|entry| entry.as_ref().is_ok_and(|e| e.path().extension().is_some_and(|x| x == "eml")))
        .count();
    assert_eq!(shop.number("select count(*) from workflow_deliveries where status = 'sent'", &[]).await, 120);
    assert_eq!(files, 120);
}

#[tokio::test]
async fn the_daemon_goes_on_when_the_server_was_restarted() {
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let mut server = thendo::database::server::PrivateServer::start(&thendo::database::server::Options {
        data_dir: folder.path().join("data"),
        bin_dir: None,
        settings: Default::default(),
    })
    .expect("a server");
    let url = server.url("thendo");
    let migrated = thendo().args(["migrate", "--database-url", &url]).output().expect("the built binary");
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    let db = crate::support::connect(&url).await;
    let daemon = crate::support::daemon::Daemon::start(&url, folder.path(), &[]).await;
    let definition = points_and_deposit();
    db.execute(
        "insert into workflows (name, status, definition) values ('w', 'published', $1)",
        &[&definition],
    )
    .await
    .expect("a workflow");
    db.execute("insert into customers (email) values ('ada@example.com')", &[]).await.expect("a customer");
    until("it is in force", || async {
        db.query_one("select live_version from workflows", &[])
            .await
            .expect("a row")
            .get::<_, Option<i32>>(0)
            .is_some()
    })
    .await;
    let order = "insert into orders (customer_id, total) select id, 25000 from customers";
    db.execute(order, &[]).await.expect("an order");
    server.crash();
    let mut server = tokio::task::spawn_blocking(move || {
        server.restart().expect("restarted");
        server
    })
    .await
    .expect("no panic");
    let db = crate::support::connect(&server.url("thendo")).await;
    db.execute(order, &[]).await.expect("an order");
    until("both orders have their points", || async {
        db.query_one("select count(*) from loyalty_ledger", &[]).await.expect("a count").get::<_, i64>(0) == 2
    })
    .await;
    daemon.is_ready().await;
    let twice = "select count(*) from (select order_id from loyalty_ledger group by 1 having count(*) > 1) t";
    assert_eq!(db.query_one(twice, &[]).await.expect("a count").get::<_, i64>(0), 0);
    assert!(daemon.stops().success());
    drop(db);
    server.stop();
}

#[tokio::test]
async fn an_event_delivered_twice_runs_once() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.publishes("mail", &mail_on_order()).await;
    daemon.dies();
    shop.places_order(250_00).await;
    let again = "insert into workflow_queue (due_at, lane, event_at, event_id)
                 select at, (hashtextextended(entity, 0) & 63)::smallint, at, id from workflow_events";
    // Twice in one batch …
    shop.db.execute(again, &[]).await.expect("queued");
    let _daemon = shop.daemon().await;
    shop.has_settled().await;
    // … and again long after it has ended.
    shop.db.execute(again, &[]).await.expect("queued");
    shop.has_settled().await;
    assert_eq!(shop.count("loyalty_ledger").await, 1);
    assert_eq!(shop.number("select sum(balance) from loyalty_points", &[]).await, 250);
    assert_eq!(shop.count("deposits").await, 1);
    assert_eq!(shop.count("workflow_deliveries").await, 1);
    assert_eq!(shop.count("workflow_executions").await, 2);
}

#[tokio::test]
async fn one_poisoned_row_harms_itself_only() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    let cursed = shop.welcomes("cursed@example.com").await;
    // A trigger of the shop's own that raises: no refusal that the engine could foresee.
    shop.db
        .batch_execute(&format!(
            "create function curse() returns trigger language plpgsql as $$ begin
               if new.customer_id = '{cursed}' then raise exception 'the shop says no'; end if; return new; end $$;
             create trigger curse before insert on loyalty_ledger for each row execute function curse();"
        ))
        .await
        .expect("a curse");
    shop.db
        .execute(
            "insert into orders (customer_id, total) select case when g = 13 then $1::uuid else $2::uuid end, 20000
             from generate_series(1, 40) g",
            &[&cursed, &shop.customer],
        )
        .await
        .expect("orders");
    shop.has_settled().await;
    assert_eq!(
        shop.number("select count(*) from workflow_executions where status = 'succeeded'", &[]).await,
        39
    );
    let error: String = shop
        .db
        .query_one("select error from workflow_executions where status = 'failed'", &[])
        .await
        .expect("one failed execution")
        .get(0);
    assert!(error.contains("the shop says no"), "{error}");
    assert_eq!(shop.count("loyalty_ledger").await, 39);
}

#[tokio::test]
async fn a_workflow_that_can_only_fail_leaves_its_neighbours_alone() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let hopeless = json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
            node("mail", "action", json!({ "actionType": "send_email", "config":
                { "to": "{{ order.note }}", "subject": "Hi", "text": "Hi" } })),
        ],
        "edges": [crate::support::edge("start", "mail")],
    });
    shop.publishes("hopeless", &hopeless).await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(shop.count("loyalty_ledger").await, 1);
    let row = shop
        .db
        .query_one("select error, steps::text from workflow_executions where status = 'failed'", &[])
        .await
        .expect("one failed execution");
    let (error, steps): (String, String) = (row.get(0), row.get(1));
    assert!(error.starts_with("mail: "), "{error}");
    assert!(steps.contains("\"failed\""), "{steps}");
}
