//! Undo beside others: what it locks and for how long, in one order; and long records.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Shop, branch, connect, edge, node, until};
use crate::waiting::{control, start};

fn act(id: &str, kind: &str, config: Value) -> Value {
    node(id, "action", json!({"actionType": kind, "config": config}))
}

/// An order is moved on, and then a deposit is asked for: one row of each is put back, the deposit first.
async fn moved_with_deposit(shop: &Shop) -> (String, Uuid) {
    let drawn = json!({"nodes": [start("order_created"), act("move", "update_order_status", json!({"to": "processing"})),
            act("deposit", "create_deposit", json!({"percent": 50, "due_in_days": 7}))],
        "edges": [edge("start", "move"), edge("move", "deposit")]});
    let workflow = shop.publishes("moves", &drawn).await;
    let order = shop.places_order(100_00).await;
    shop.has_settled().await;
    assert_eq!(shop.count("deposits").await, 1);
    let sql = "select id::text from workflow_executions where workflow_id = $1";
    (shop.db.query_one(sql, &[&workflow]).await.expect("one execution").get(0), order)
}

#[tokio::test]
async fn rows_are_locked_in_the_daemon_s_order_before_any_is_put_back() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let (id, order) = moved_with_deposit(&shop).await;
    let (holder, looker) = (connect(&shop.url).await, connect(&shop.url).await);
    holder.batch_execute("begin").await.expect("begun");
    holder.execute("select from orders where id = $1 for update", &[&order]).await.expect("held");
    let args = ["undo", &id];
    let looks = async {
        // Orders come first: who waits for one holds no deposit meanwhile.
        let (began, mut met) = (Instant::now(), 0);
        while began.elapsed() < Duration::from_secs(2) {
            let free = looker.query("select from deposits for update nowait", &[]).await;
            met += u32::from(free.is_err());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        met
    };
    let (met, (code, _, said)) = tokio::join!(looks, shop.thendo(&args));
    assert_eq!(met, 0, "the deposit was locked by one who waited for the order");
    assert!(code == Some(1) && said.contains("in hand") && said.contains("Try again"), "{said}");
    holder.batch_execute("rollback").await.expect("let go");
    let (code, out, said) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    assert_eq!(shop.count("deposits").await, 0);
}

#[tokio::test]
async fn a_look_holds_its_rows_no_longer_than_a_test_run_and_nobody_who_refers_to_them_waits() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let (id, order) = moved_with_deposit(&shop).await;
    // The shop's own trigger takes its time.
    shop.does(
        "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(3); return old; end $$;
         create trigger slow before delete on deposits for each row execute function slow()",
    )
    .await;
    let other = connect(&shop.url).await;
    other.batch_execute("set lock_timeout = 0").await.expect("patient");
    let args = ["undo", &id];
    let longest = async {
        let (mut of_row, mut of_reference, began) = (Duration::ZERO, Duration::ZERO, Instant::now());
        while began.elapsed() < Duration::from_secs(4) {
            let asked = Instant::now();
            let comment = "insert into project_comments (order_id, body) values ($1, 'x')";
            other.execute(comment, &[&order]).await.expect("written");
            of_reference = of_reference.max(asked.elapsed());
            let asked = Instant::now();
            other.batch_execute("update orders set note = 'x'").await.expect("written");
            of_row = of_row.max(asked.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (of_row, of_reference)
    };
    let ((of_row, of_reference), (code, _, said)) = tokio::join!(longest, shop.thendo(&args));
    assert!(code == Some(1) && said.contains("rolled back after 1.5 s"), "{said}");
    assert!(of_row < Duration::from_millis(2_200), "{of_row:?}");
    assert!(of_reference < Duration::from_millis(500), "{of_reference:?}");
    // What is confirmed has more time.
    let (code, out, said) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
}

/// One execution that tags the customer for each of so many items, and has a second step for each.
async fn tags(shop: &Shop, items: u32) -> String {
    let list = json!({"items": format!("{{{{ range(0, {items}) | list }}}}"), "at_once": 100});
    let drawn = json!({"nodes": [start("order_created"), control("each", "for_each", &list),
            act("tag", "add_tag", json!({"tag": "t{{ index }}"})), control("set", "set", &json!({"vars": {"n": "{{ index }}"}}))],
        "edges": [edge("start", "each"), branch("each", "each", "tag"), edge("tag", "set")]});
    let workflow = shop.publishes(&format!("tags {items}"), &drawn).await;
    shop.places_order(100).await;
    let done = "select count(*) from workflow_executions where workflow_id = $1";
    until("it has ended", || async { shop.number(done, &[&workflow]).await == 1 }).await;
    let error = "select coalesce(max(error), '') from workflow_executions";
    let error: String = shop.db.query_one(error, &[]).await.expect("asked").get(0);
    assert_eq!(error, "");
    shop.does("update workflows set status = 'archived'").await;
    let sql = "select id::text from workflow_executions where workflow_id = $1";
    shop.db.query_one(sql, &[&workflow]).await.expect("one execution").get(0)
}

#[tokio::test]
async fn a_long_record_is_put_back_if_it_is_whole() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let id = tags(&shop, 990).await;
    let steps = "select max(jsonb_array_length(steps)) from workflow_executions";
    assert_eq!((shop.count("customer_tags").await, shop.number(steps, &[]).await), (990, 1_982));
    // A look at it keeps to its time, too.
    let began = Instant::now();
    let (code, out, said) = shop.thendo(&["undo", &id]).await;
    assert!(code == Some(1) && said.contains("--confirm"), "{said}");
    assert!(
        out.contains("customer_tags") && began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    let (code, _, said) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(shop.count("customer_tags").await, 0);
    let id = tags(&shop, 1_000).await;
    let (code, _, said) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert!(code == Some(1) && said.contains("more steps than are kept"), "{said}");
    assert_eq!(shop.count("customer_tags").await, 1_000);
}
