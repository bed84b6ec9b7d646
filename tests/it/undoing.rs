//! Undo: what an execution wrote is put back as a whole, or not at all, and only what nobody has changed since.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::loyalty::one_action;
use crate::support::{Shop, edge, node, points_and_deposit, until};
use crate::waiting::{control, ended, points, rest, start};

/// The only execution of a workflow that has ended.
async fn execution(shop: &Shop, workflow: Uuid) -> String {
    let sql = "select id::text from workflow_executions where workflow_id = $1 and root is null";
    shop.db.query_one(sql, &[&workflow]).await.expect("one execution").get(0)
}

async fn balance(shop: &Shop) -> i64 {
    shop.number("select coalesce(sum(balance), 0) from loyalty_points", &[]).await
}

fn mail() -> Value {
    node(
        "thanks",
        "action",
        json!({"actionType": "send_email",
        "config": {"to": "{{ customer.email }}", "subject": "Thank you", "text": "It is in."}}),
    )
}

/// Points, a deposit and a mail for an order of 250.00.
fn all_kinds() -> Value {
    let mut whole = points_and_deposit();
    whole["nodes"].as_array_mut().expect("nodes").push(mail());
    whole["edges"].as_array_mut().expect("edges").push(edge("deposit", "thanks"));
    whole
}

#[tokio::test]
async fn an_execution_is_put_back_as_a_whole_once_it_is_confirmed() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let workflow = shop.publishes("thanks", &all_kinds()).await;
    // Whoever listens to what is put back would be started by it.
    let deposits = json!({"nodes": [
            node("start", "trigger", json!({"triggerType": "row_changed", "config": {"table": "deposits", "operations": ["delete"]}})),
            points("points", &json!(1000))], "edges": [edge("start", "points")]});
    shop.publishes("gone-deposits", &deposits).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let id = execution(&shop, workflow).await;
    assert_eq!((balance(&shop).await, shop.count("deposits").await), (250, 1));

    let (code, out, said) = shop.thendo(&["undo", &id]).await;
    assert_eq!(code, Some(1), "{out}{said}");
    assert!(out.contains("-250 points") && out.contains("deposits") && out.contains("12500 → gone"), "{out}");
    assert!(out.contains("Can't be undone") && out.contains("Thank you"), "{out}");
    assert!(said.contains("--confirm"), "{said}");
    assert_eq!((balance(&shop).await, shop.count("deposits").await), (250, 1), "nothing was done");
    assert_eq!(shop.count("workflow_undone").await, 0);

    let (code, out, said) = shop.thendo(&["undo", &id, "--confirm", "--by", "grace"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    assert_eq!((balance(&shop).await, shop.count("deposits").await), (0, 0));
    assert_eq!(shop.count("loyalty_ledger").await, 2, "a line is reversed by another, never deleted");
    assert_eq!(shop.count("audit_loyalty()").await, 0);
    let told = "select count(*) from workflow_events where table_name = 'deposits' and operation = 'delete'";
    assert_eq!(shop.number(told, &[]).await, 1, "that it was deleted is an event as any");
    shop.places_order(1).await;
    shop.has_settled().await;
    assert_eq!(balance(&shop).await, 0, "and starts nothing");

    let (code, _, said) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("was undone before") && said.contains("grace"), "{said}");
    let (_, shown, _) = shop.thendo(&["executions", "show", &id]).await;
    assert!(shown.contains("undone by grace"), "{shown}");
    assert!(shown.contains("● big") && shown.contains("true: ● points"), "drawn as its graph: {shown}");
    let (code, _, said) = shop.thendo(&["undo", "01963d7e-2a30-5cc1-9d39-d8fb0a86bd13"]).await;
    assert!(code == Some(1) && said.contains("there is no execution"), "{said}");
}

#[tokio::test]
async fn what_somebody_has_changed_since_is_listed_and_nothing_is_done() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let workflow = shop.publishes("thanks", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let id = execution(&shop, workflow).await;
    shop.does("update deposits set status = 'paid'").await;
    shop.does(
        "insert into loyalty_ledger (customer_id, points, reason) select id, -100, 'spent' from customers",
    )
    .await;
    let (code, out, said) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("changed since: `status` is \"paid\""), "{out}");
    assert!(out.contains("250 points are to be taken back, and the balance is 150"), "{out}");
    assert!(said.contains("2 rows can't be put back"), "{said}");
    assert_eq!((balance(&shop).await, shop.count("deposits").await), (150, 1));

    // A row goes as a whole, with whatever others wrote into it, even if it looks as before.
    shop.does("update deposits set status = 'pending', paid_at = null").await;
    let (code, out, _) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert!(code == Some(1) && out.contains("changed since, at "), "{out}");
    // What others write to the balance is no change of theirs, and what is gone is gone.
    shop.does("delete from deposits").await;
    shop.does(
        "insert into loyalty_ledger (customer_id, points, reason) select id, 500, 'given' from customers",
    )
    .await;
    let (code, out, said) = shop.thendo(&["undo", &id, "--confirm", "--format", "json"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["undone"], true);
    assert_eq!((balance(&shop).await, shop.count("deposits").await), (400, 0));
    assert_eq!(shop.count("audit_loyalty()").await, 0);
}

#[tokio::test]
async fn rows_get_their_former_values_back_and_keep_what_stands_beside_them() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.does("insert into customer_tags (customer_id, tag) select id, 'new' from customers").await;
    let act = |id: &str, kind: &str, config: Value| {
        node(id, "action", json!({"actionType": kind, "config": config}))
    };
    let drawn = json!({"nodes": [start("order_created"), act("a", "update_order_status", json!({"to": "processing"})),
            act("b", "update_order_status", json!({"to": "completed"})), act("c", "add_tag", json!({"tag": "loyal"})),
            act("d", "remove_tag", json!({"tag": "new"})), act("e", "add_comment", json!({"body": "On its way"}))],
        "edges": [edge("start", "a"), edge("a", "b"), edge("b", "c"), edge("c", "d"), edge("d", "e")]});
    let workflow = shop.publishes("moves", &drawn).await;
    shop.places_order(100).await;
    shop.has_settled().await;
    let id = execution(&shop, workflow).await;
    shop.does("update orders set note = 'mine'").await;
    let status = async || -> (String, String) {
        let row = shop.db.query_one("select status, note from orders", &[]).await.expect("an order");
        (row.get(0), row.get(1))
    };
    assert_eq!(status().await.0, "completed");
    let (code, out, said) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("status: \"completed\" → \"pending\""), "both moves at once: {out}");
    assert_eq!(status().await, ("pending".into(), "mine".into()));
    let tags = "select count(*) from customer_tags where tag = 'new'";
    assert_eq!((shop.number(tags, &[]).await, shop.count("customer_tags").await), (1, 1));
    assert_eq!(shop.count("project_comments").await, 0);
}

#[tokio::test]
async fn an_added_row_that_others_refer_to_stays_and_so_does_all_else() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let workflow =
        shop.publishes("codes", &one_action("order_created", "create_referral_code", json!({}))).await;
    shop.places_order(100).await;
    shop.has_settled().await;
    let id = execution(&shop, workflow).await;
    shop.does(
        "create table uses_of_codes (code_id uuid references referral_codes (id) on delete cascade);
         insert into uses_of_codes select id from referral_codes",
    )
    .await;
    let (code, out, _) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("rows of `uses_of_codes` refer to it") || out.contains("uses_of_codes"), "{out}");
    assert_eq!((shop.count("referral_codes").await, shop.count("uses_of_codes").await), (1, 1));
    // A trigger of the shop's own has its say, too.
    shop.does(
        "delete from uses_of_codes;
         create function keep() returns trigger language plpgsql as $$ begin raise 'codes are for ever'; end $$;
         create trigger keep before delete on referral_codes for each row execute function keep()",
    )
    .await;
    let (code, _, said) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert!(code == Some(1) && said.contains("codes are for ever"), "{said}");
    shop.does("drop trigger keep on referral_codes").await;
    let (code, out, said) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    assert_eq!(shop.count("referral_codes").await, 0);
}

#[tokio::test]
async fn one_that_rests_is_cancelled_first_and_one_that_failed_is_not_tried_again() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let waits = json!({"nodes": [start("order_created"), points("points", &json!(5)), control("wait", "delay", &json!({"for": "9d"})),
            points("later", &json!(1))],
        "edges": [edge("start", "points"), edge("points", "wait"), edge("wait", "later")]});
    shop.publishes("waits", &waits).await;
    shop.places_order(100).await;
    rest(&shop, 1).await;
    let id: String =
        shop.db.query_one("select id::text from workflow_waiting", &[]).await.expect("rests").get(0);
    let (code, _, said) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert!(code == Some(1) && said.contains("it rests") && said.contains("cancel"), "{said}");
    assert_eq!(balance(&shop).await, 5);
    shop.thendo(&["executions", "cancel", &id]).await;
    until("it is cancelled", || async { ended(&shop, "cancelled").await == 1 }).await;
    let (code, out, said) = shop.thendo(&["undo", &id, "--confirm"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    assert_eq!(balance(&shop).await, 0);
    shop.does("update workflows set status = 'archived'").await;
    until("it is out of force", || async {
        shop.number("select count(*) from workflows where live_version is not null", &[]).await == 0
    })
    .await;

    // Two attempts of one root, both failed: they are undone together, by the id of either.
    let fails = json!({"nodes": [start("order_created"), points("points", &json!(7)), points("fails", &json!("{{ 1 // 0 }}"))],
        "edges": [edge("start", "points"), edge("points", "fails")]});
    let workflow = shop.publishes("fails", &fails).await;
    shop.places_order(100).await;
    until("it has failed", || async { shop.count("workflow_dead_letters").await == 1 }).await;
    let first = execution(&shop, workflow).await;
    shop.thendo(&["executions", "retry", &first]).await;
    until("it has failed twice", || async { ended(&shop, "failed").await == 2 }).await;
    let second = "select id::text from workflow_executions where root is not null";
    let second: String = shop.db.query_one(second, &[]).await.expect("another attempt").get(0);
    assert_eq!(balance(&shop).await, 7);
    let (code, out, said) = shop.thendo(&["undo", &second, "--confirm"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    assert_eq!(balance(&shop).await, 0);
    let (code, _, said) = shop.thendo(&["undo", &first, "--confirm"]).await;
    assert!(code == Some(1) && said.contains("undone before"), "{said}");
    let (code, _, said) = shop.thendo(&["executions", "retry", &second]).await;
    assert!(code == Some(1), "it would find its effects done, and they are not: {said}");
}

#[tokio::test]
async fn of_two_at_once_one_wins() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let workflow = shop.publishes("thanks", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let id = execution(&shop, workflow).await;
    let args = ["undo", &id, "--confirm"];
    let (a, b, c) = tokio::join!(shop.thendo(&args), shop.thendo(&args), shop.thendo(&args));
    let won = [&a, &b, &c].iter().filter(|done| done.0 == Some(0)).count();
    assert_eq!(won, 1, "{a:?} {b:?} {c:?}");
    assert_eq!((balance(&shop).await, shop.count("loyalty_ledger").await), (0, 2));
}

#[tokio::test]
async fn what_was_refunded_before_is_not_taken_back_twice_and_workflows_start_if_told_so() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let workflow = shop.publishes("thanks", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let id = execution(&shop, workflow).await;
    shop.does(
        "insert into loyalty_ledger (customer_id, points, reason, kind, reverses)
         select customer_id, -100, 'refund', 'reversed', id from loyalty_ledger",
    )
    .await;
    let deposits = json!({"nodes": [
            node("start", "trigger", json!({"triggerType": "row_changed", "config": {"table": "deposits", "operations": ["delete"]}})),
            control("set", "stop", &json!({"outcome": "succeeded"}))], "edges": [edge("start", "set")]});
    let listens = shop.publishes("gone-deposits", &deposits).await;
    let (code, out, said) = shop.thendo(&["undo", &id, "--confirm", "--starts-workflows"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("-150 points"), "{out}");
    assert_eq!((balance(&shop).await, shop.count("audit_loyalty()").await), (0, 0));
    let ran = "select count(*) from workflow_executions where workflow_id = $1";
    until("it has started", || async { shop.number(ran, &[&listens]).await == 1 }).await;
}

#[tokio::test]
async fn the_engine_may_reverse_what_was_recorded_and_nothing_else() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let workflow = shop.publishes("thanks", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let id: Uuid = execution(&shop, workflow).await.parse().expect("an id");
    let at = "select event_at from workflow_executions where id = $1";
    let at: chrono::DateTime<chrono::Utc> = shop.db.query_one(at, &[&id]).await.expect("its time").get(0);
    let deposit: Uuid = shop.db.query_one("select id from deposits", &[]).await.expect("one").get(0);
    shop.does("set role thendo_engine").await;
    for foreign in [
        json!([{"table": "customers", "key": shop.customer, "after": {"email": "x"}}]),
        // A row of its own, with values that nobody recorded.
        json!([{"table": "deposits", "key": deposit, "before": {"amount": 1}, "after": {"amount": 125_00}}]),
        json!([{"table": "deposits", "key": deposit, "after": {"amount": 1}}]),
    ] {
        let refused = shop.db.query("select n from undo_changes($1, $2, $3)", &[&id, &at, &foreign]).await;
        let denied = Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE);
        assert!(refused.is_err_and(|error| error.code() == denied), "{foreign}");
    }
    shop.does("reset role").await;
}

#[tokio::test]
async fn a_reversal_that_was_undone_can_be_made_again() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("awards", &one_action("order_created", "award_points", json!({"points": 100}))).await;
    let refunds = shop.publishes("refunds", &one_action("order_updated", "reverse_points", json!({}))).await;
    shop.places_order(100).await;
    shop.has_settled().await;
    shop.does("update orders set note = 'a'").await;
    shop.has_settled().await;
    assert_eq!(balance(&shop).await, 0);
    let (code, out, said) = shop.thendo(&["undo", &execution(&shop, refunds).await, "--confirm"]).await;
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("+100 points"), "{out}");
    assert_eq!(balance(&shop).await, 100);
    shop.does("update orders set note = 'b'").await;
    shop.has_settled().await;
    assert_eq!((balance(&shop).await, shop.count("audit_loyalty()").await), (0, 0));
}
