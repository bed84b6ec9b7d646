//! Rows that nobody expects, locks that nobody releases: each harms itself only.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Shop, connect, edge, mail_on_order, node, points_and_deposit, until};

#[tokio::test]
async fn json_that_only_postgresql_can_hold_stops_nobody() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    let on_content = json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "content_published", "config": {} })),
            node("mail", "action", json!({ "actionType": "send_email", "config":
                { "to": "editor@example.com", "subject": "Published", "text": "Look." } })),
        ],
        "edges": [edge("start", "mail")],
    });
    shop.publishes("content", &on_content).await;
    shop.publishes("mail", &mail_on_order()).await;
    shop.publishes("points", &points_and_deposit()).await;
    // A workflow, an event and a customer with a number beyond any float or a nesting beyond any stack.
    shop.db
        .batch_execute(
            r#"insert into workflows (name, status, definition)
                   values ('large', 'published', '{"nodes": [], "edges": [], "x": 1e400}');
               insert into pages (slug, title) values ('home', 'Home');
               insert into page_content (page_id, section, status, content)
                   select id, 'hero', 'published', '{"blocks": [], "n": 1e400}' from pages;
               update customers set preferences = (repeat('{"a":', 500) || '1' || repeat('}', 500))::jsonb;"#,
        )
        .await
        .expect("all of it is jsonb");
    shop.places_order(250_00).await;
    shop.has_settled().await;
    daemon.is_ready().await;
    let error = |workflow: &'static str| {
        let sql = "select x.error from workflow_executions x join workflows w on w.id = x.workflow_id where w.name = $1";
        let db = &shop.db;
        async move { db.query_one(sql, &[&workflow]).await.expect("one").get::<_, Option<String>>(0) }
    };
    assert!(error("content").await.expect("failed").contains("the event's row can't be read"));
    assert!(error("mail").await.expect("failed").contains("the customer's row can't be read"));
    assert_eq!(error("points").await, None, "it needs nothing of the customer's row");
    until("it is marked", || async {
        shop.number("select count(*) from workflows where name = 'large' and health = 'broken'", &[]).await
            == 1
    })
    .await;
}

#[tokio::test]
async fn a_number_that_no_float_keeps_does_not_keep_a_workflow_unchecked() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.db
        .batch_execute(
            r#"insert into workflows (name, definition) select 'odd ' || g,
                   '{"nodes": [], "edges": [], "viewport": {"x": 0.1234567890123456789012345, "y": 99999999999999999999}}'
               from generate_series(1, 120) g"#,
        )
        .await
        .expect("drafts");
    shop.publishes("points", &points_and_deposit()).await;
    until("all are checked", || async {
        shop.number("select count(*) from workflows where health = 'unchecked'", &[]).await == 0
    })
    .await;
}

#[tokio::test]
async fn a_trigger_of_the_shop_s_that_raises_fails_its_own_step_only() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points and deposit", &points_and_deposit()).await;
    let mut points_only = points_and_deposit();
    points_only["nodes"].as_array_mut().expect("nodes").pop();
    points_only["edges"].as_array_mut().expect("edges").pop();
    shop.publishes("points", &points_only).await;
    shop.db
        .batch_execute(
            "create function curse() returns trigger language plpgsql as $$ begin raise exception 'no deposits today'; end $$;
             create trigger curse before insert on deposits for each row execute function curse();",
        )
        .await
        .expect("a curse");
    for _ in 0..10 {
        shop.places_order(250_00).await;
    }
    shop.has_settled().await;
    assert_eq!(
        shop.number("select count(*) from workflow_executions where status = 'succeeded'", &[]).await,
        10
    );
    assert_eq!(
        shop.number("select balance from loyalty_points", &[]).await,
        20 * 250,
        "both awarded their points"
    );
    let row = shop
        .db
        .query_one(
            "select count(distinct error), min(error), min(jsonb_array_length(steps)) from workflow_executions where status = 'failed'",
            &[],
        )
        .await
        .expect("failures");
    assert_eq!(row.get::<_, i64>(0), 1);
    assert!(row.get::<_, &str>(1).starts_with("deposit: no deposits today"), "{}", row.get::<_, &str>(1));
    assert_eq!(row.get::<_, i32>(2), 4, "the whole story is told");
}

#[tokio::test]
async fn an_event_committed_late_is_started_before_its_customer_s_next() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    // A backlog in all lanes keeps the engine claiming from its cursors, and neighbours in this customer's own
    // lane move that lane's cursor on.
    shop.db
        .batch_execute("insert into customers (email) select 'c' || g || '@example.com' from generate_series(1, 2000) g;
            update customers set email = 'neighbour-' || email where hashtextextended(id::text, 0) & 63 =
            (select hashtextextended(id::text, 0) & 63 from customers where email = 'ada@example.com') and email like 'c%';
            insert into orders (customer_id, total) select id, 20000 from customers, generate_series(1, 10) where email like 'c%'")
        .await
        .expect("a backlog");
    let url = shop.url.clone();
    let neighbours = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
        let db = connect(&url).await;
        loop {
            db.batch_execute("insert into orders (customer_id, total) select id, 20000 from customers where email like 'neighbour-%' limit 1")
                .await
                .expect("an order");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }));
    let mut slow = connect(&shop.url).await;
    let sql = "insert into orders (customer_id, total, note) values ($1, 20000, $2)";
    for pair in 0..3 {
        let open = slow.transaction().await.expect("a transaction");
        open.execute(sql, &[&shop.customer, &format!("{pair} first")]).await.expect("an order");
        tokio::time::sleep(Duration::from_millis(1700)).await;
        open.commit().await.expect("committed");
        shop.db.execute(sql, &[&shop.customer, &format!("{pair} second")]).await.expect("an order");
    }
    drop(neighbours);
    shop.has_settled().await;
    let reversed = shop
        .number(
            "with awards as (
                 select o.note, (s -> 'result' ->> 'balance')::bigint as balance
                 from workflow_executions x join workflow_events e on e.id = x.event_id and e.table_name = 'orders'
                 join orders o on o.id = (e.row_data ->> 'id')::uuid and o.note is not null,
                 jsonb_array_elements(x.steps) s where s ->> 'node' = 'points')
             select count(*) from awards a join awards b on split_part(a.note, ' ', 1) = split_part(b.note, ' ', 1)
             where a.note like '% first' and b.note like '% second' and a.balance > b.balance",
            &[],
        )
        .await;
    assert_eq!(reversed, 0, "orders that were started before an earlier one of the same customer");
    assert_eq!(shop.number("select count(*) from loyalty_ledger l join orders o on o.id = l.order_id where o.note is not null", &[]).await, 6);
}

#[tokio::test]
async fn an_admin_s_open_transaction_on_one_workflow_holds_up_no_other() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let held = shop.publishes("held", &points_and_deposit()).await;
    shop.db.execute("update workflows set status = 'draft' where id = $1", &[&held]).await.expect("edited");
    let mut admin = connect(&shop.url).await;
    let open = admin.transaction().await.expect("a transaction");
    open.execute("select from workflows where id = $1 for update", &[&held]).await.expect("locked");
    shop.db
        .execute("update workflows set description = 'x' where id <> $1", &[&held])
        .await
        .expect("nobody else");
    let began = Instant::now();
    shop.publishes("other", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert!(began.elapsed() < Duration::from_secs(2), "took {:?}", began.elapsed());
    open.commit().await.expect("released");
    assert!(shop.count("loyalty_ledger").await >= 1);
}

#[tokio::test]
async fn a_locked_balance_table_is_waited_for_and_said() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    let mut admin = connect(&shop.url).await;
    let open = admin.transaction().await.expect("a transaction");
    open.batch_execute("lock table loyalty_points").await.expect("locked");
    shop.places_order(250_00).await;
    until("it is said", || async { daemon.logged().contains("batches fail one after the other") }).await;
    assert_eq!(daemon.answers("/readyz").await.expect("an answer").0, 503);
    open.commit().await.expect("released");
    shop.has_settled().await;
    daemon.is_ready().await;
    assert_eq!(shop.count("loyalty_ledger").await, 1);
}

#[tokio::test]
async fn the_engine_s_tables_have_no_door_and_workflows_have_one_for_the_backend() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let backend = connect(&shop.url).await;
    backend.batch_execute("set role service_role").await.expect("the role");
    let sql = "insert into workflows (name, status, definition) values ('points', 'published', $1)";
    backend.execute(sql, &[&points_and_deposit()]).await.expect("through the backend's door");
    until("it is in force", || async {
        shop.number("select count(*) from workflows where live_version = 1", &[]).await == 1
    })
    .await;
    for role in ["anon", "authenticated", "service_role"] {
        let stranger = connect(&shop.url).await;
        stranger.batch_execute(&format!("set role {role}")).await.expect("the role");
        for table in [
            "workflow_events",
            "workflow_queue",
            "workflow_waiting",
            "workflow_deliveries",
            "workflow_events_default",
        ] {
            for sql in [format!("select 1 from {table}"), format!("delete from {table}")] {
                let refused = stranger.execute(&sql, &[]).await.expect_err(&sql);
                assert_eq!(refused.code().expect("a code").code(), "42501", "{role}: {sql}");
            }
        }
    }
}

#[tokio::test]
async fn a_bulk_write_committed_late_is_served_at_once_and_in_order() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    // Others keep the engine claiming from its cursors.
    shop.db
        .batch_execute(
            "insert into customers (email) select 'c' || g || '@example.com' from generate_series(1, 500) g",
        )
        .await
        .expect("customers");
    let url = shop.url.clone();
    let others = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
        let db = connect(&url).await;
        loop {
            db.batch_execute(
                "insert into orders (customer_id, total)
                 select id, 20000 from customers where email like 'c%' order by random() limit 30",
            )
            .await
            .expect("orders");
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }));
    let mut bulk = connect(&shop.url).await;
    let open = bulk.transaction().await.expect("a transaction");
    let sql =
        "insert into orders (customer_id, total, note) select $1, 20000, 'bulk' from generate_series(1, 300)";
    open.execute(sql, &[&shop.customer]).await.expect("orders");
    tokio::time::sleep(Duration::from_secs(3)).await;
    open.commit().await.expect("committed");
    let sql = "insert into orders (customer_id, total, note) values ($1, 20000, 'later')";
    shop.db.execute(sql, &[&shop.customer]).await.expect("an order");
    let balance = "select coalesce(sum(balance), 0) from loyalty_points where customer_id = $1";
    until("all of it is served while the others go on", || async {
        shop.number(balance, &[&shop.customer]).await == 301 * 200
    })
    .await;
    drop(others);
    let last = "select (s -> 'result' ->> 'balance')::bigint from workflow_executions x
                join workflow_events e on e.id = x.event_id, jsonb_array_elements(x.steps) s
                where e.row_data ->> 'note' = 'later' and s ->> 'node' = 'points'";
    assert_eq!(shop.number(last, &[]).await, 301 * 200, "the later order came last");
}

#[tokio::test]
async fn a_workflow_that_can_not_be_marked_holds_up_no_other() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.db
        .batch_execute(
            "insert into workflows (name, updated_at) values ('timeless', 'infinity'), ('old', '1969-01-01');
             create function veto() returns trigger language plpgsql as $$ begin
                 if new.name = 'vetoed' and tg_op = 'UPDATE' then raise exception 'hands off'; end if;
                 return new; end $$;
             create trigger veto before update on workflows for each row execute function veto();
             insert into workflows (name) values ('vetoed');",
        )
        .await
        .expect("odd rows");
    shop.publishes("points", &points_and_deposit()).await;
    until("the others are checked", || async {
        shop.number("select count(*) from workflows where health = 'unchecked'", &[]).await == 1
    })
    .await;
    daemon.is_ready().await;
    drop(daemon);
    shop.daemon().await.is_ready().await;
}

#[tokio::test]
async fn an_operator_who_ends_sessions_condemns_no_row() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let mut holder = connect(&shop.url).await;
    let open = holder.transaction().await.expect("a transaction");
    let sql = "select from loyalty_points where customer_id = $1 for update";
    open.execute(sql, &[&shop.customer]).await.expect("held");
    shop.places_order(200_00).await;
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity
               where datname = current_database() and application_name = 'thendo worker'";
    for _ in 0..6 {
        until("workers are there to be ended", || async { shop.number(end, &[]).await > 0 }).await;
    }
    open.commit().await.expect("released");
    shop.has_settled().await;
    daemon.is_ready().await;
    assert_eq!(
        shop.number("select count(*) from workflow_executions where status = 'succeeded'", &[]).await,
        2
    );
}
