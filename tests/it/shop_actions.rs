//! Actions on the shop's own rows: deposits, orders, tags, comments, codes, places in courses, and what is public.

use serde_json::{Value, json};
use tokio_postgres::types::ToSql;

use crate::loyalty::{act, first_act, one_action};
use crate::support::{Shop, edge, node, until};

/// Publishes one action on changes of orders, changes the order's note, and gives the step.
async fn does(shop: &Shop, kind: &str, config: Value, note: &str) -> Value {
    let workflow =
        shop.publishes(&format!("{kind} {note}"), &one_action("order_updated", kind, config)).await;
    shop.db.execute("update orders set note = $1", &[&note]).await.expect("an order");
    shop.has_settled().await;
    shop.does(&format!("update workflows set status = 'archived' where id = '{workflow}'")).await;
    first_act(shop, workflow).await
}

fn why(step: &Value) -> (&str, &str) {
    (step["outcome"].as_str().unwrap_or_default(), step["why"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn no_deposit_is_asked_for_beyond_what_is_owed() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let order = shop.places_order(250_00).await;
    let step = does(&shop, "create_deposit", json!({"percent": 50}), "a").await;
    assert_eq!(step["result"]["amount"], 125_00);
    let step = does(&shop, "create_deposit", json!({"amount": 130_00, "currency": "EUR"}), "b").await;
    let more = "a deposit of 130.00 EUR is more than the 125.00 EUR that are owed; deposits of 125.00 EUR are asked for already";
    assert_eq!(why(&step), ("failed", more));
    let step = does(&shop, "create_deposit", json!({"amount": 1, "currency": "USD"}), "c").await;
    assert_eq!(why(&step), ("failed", "the order is in EUR, the deposit in USD"));
    // What is waived is owed again.
    shop.does("update deposits set status = 'waived'").await;
    let step = does(
        &shop,
        "create_deposit",
        json!({"amount": "{{ order.total }}", "currency": "{{ order.currency }}"}),
        "d",
    )
    .await;
    assert_eq!(step["result"]["amount"], 250_00);
    shop.db
        .execute("update orders set payment_status = 'paid' where id = $1", &[&order])
        .await
        .expect("paid");
    let step = does(&shop, "create_deposit", json!({}), "e").await;
    assert_eq!(why(&step), ("failed", "the order is paid: nothing is owed"));
    shop.db
        .execute("update orders set payment_status = 'unpaid', status = 'cancelled' where id = $1", &[&order])
        .await
        .expect("off");
    let step = does(&shop, "create_deposit", json!({}), "f").await;
    assert_eq!(why(&step), ("failed", "the order is cancelled"));
    let nowhere = json!({"order": "00000000-0000-7000-8000-000000000000"});
    let step = does(&shop, "create_deposit", nowhere, "g").await;
    assert_eq!(why(&step), ("failed", "there is no order 00000000-0000-7000-8000-000000000000"));
}

#[tokio::test]
async fn many_at_once_ask_for_no_more_than_is_owed() {
    let shop = Shop::open().await;
    let _one = shop.daemon_with(&[("THENDO_ENGINE__WORKERS", "3")]).await;
    let _two = shop.daemon_with(&[("THENDO_ENGINE__WORKERS", "3")]).await;
    let order = shop.places_order(100_00).await;
    let asks = json!({"percent": 30, "order": "{{ page.description }}"});
    shop.publishes("asks", &one_action("page_published", "create_deposit", asks)).await;
    let pages = "insert into pages (slug, title, description, status) select 'p' || g, 'P', $1, 'published' from generate_series(1, 20) g";
    shop.db.execute(pages, &[&order.to_string()]).await.expect("pages");
    shop.has_settled().await;
    assert_eq!(shop.number("select sum(amount)::bigint from deposits", &[]).await, 90_00);
}

#[tokio::test]
async fn deposits_and_orders_move_as_their_tables_say() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let order = shop.places_order(250_00).await;
    let made = "insert into deposits (order_id, amount, due_date) values ($1, 100, now()) returning id::text";
    let deposit: String = shop.db.query_one(made, &[&order]).await.expect("a deposit").get(0);
    let to = |to: &str| json!({"to": to, "deposit": deposit});
    for (n, (move_to, outcome, words)) in [
        ("refunded", "failed", "the deposit is pending: it can't become refunded"),
        ("paid", "done", "pending → paid"),
        ("paid", "done", "is paid already"),
        ("waived", "failed", "the deposit is paid: it can't become waived"),
        ("refunded", "done", "paid → refunded"),
        ("paid", "failed", "the deposit is refunded: it can't become paid"),
    ]
    .into_iter()
    .enumerate()
    {
        let step = does(&shop, "update_deposit", to(move_to), &format!("d{n}")).await;
        assert_eq!(why(&step), (outcome, words));
    }
    assert_eq!(shop.number("select count(*) from deposits where paid_at is not null", &[]).await, 1);
    for (n, (move_to, outcome, words)) in [
        ("refunded", "failed", "the order is pending: it can't become refunded"),
        ("processing", "done", "pending → processing"),
        ("completed", "done", "processing → completed"),
        ("cancelled", "failed", "the order is completed: it can't become cancelled"),
    ]
    .into_iter()
    .enumerate()
    {
        let step = does(&shop, "update_order_status", json!({"to": move_to}), &format!("o{n}")).await;
        assert_eq!(why(&step), (outcome, words));
    }
    let step = does(&shop, "update_order_status", json!({"to": "refunded"}), "last").await;
    assert_eq!(
        step["changes"],
        json!([{"table": "orders", "key": order.to_string(),
        "before": {"status": "completed"}, "after": {"status": "refunded"}}])
    );
}

#[tokio::test]
async fn words_codes_places_and_notes_are_there_once() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.places_order(250_00).await;
    let step = does(&shop, "add_tag", json!({"tag": "{{ order.note }}!"}), "vip").await;
    assert_eq!(
        (why(&step), &step["result"]),
        (("done", "tagged `vip!`"), &json!({"tag": "vip!", "changed": true}))
    );
    let step = does(&shop, "add_tag", json!({"tag": "vip!"}), "again").await;
    assert_eq!(why(&step), ("done", "has the tag `vip!` already"));
    let step = does(&shop, "remove_tag", json!({"tag": "vip!"}), "off").await;
    assert_eq!(why(&step), ("done", "the tag `vip!` is gone"));
    let step = does(&shop, "remove_tag", json!({"tag": "vip!"}), "off again").await;
    assert_eq!(why(&step), ("done", "had no tag `vip!`"));
    assert_eq!(shop.count("customer_tags").await, 0);

    let made =
        does(&shop, "create_referral_code", json!({"most_uses": 3, "expires_after": "30d"}), "code").await;
    let code = made["result"]["code"].as_str().expect("a code").to_owned();
    assert_eq!((code.len(), &made["result"]["created"]), (10, &json!(true)));
    let again = does(&shop, "create_referral_code", json!({}), "code again").await;
    assert_eq!((&again["result"]["code"], &again["result"]["created"]), (&json!(code), &json!(false)));
    let another = does(&shop, "create_referral_code", json!({"another": true}), "another").await;
    assert_ne!(another["result"]["code"], json!(code));
    let taken = does(&shop, "create_referral_code", json!({"code": code}), "taken").await;
    assert_eq!(why(&taken), ("failed", format!("the code `{code}` is taken").as_str()));

    let place = || json!({"product": "prod_1", "title": "Sourdough", "expires_after": "180d"});
    let first = does(&shop, "enroll_customer", place(), "enrolled").await;
    let second = does(&shop, "enroll_customer", place(), "enrolled again").await;
    assert_eq!(first["result"]["enrollment_id"], second["result"]["enrollment_id"]);
    assert_eq!(why(&second), ("done", "is enrolled in `Sourdough` already"));
    shop.does("update enrollments set status = 'completed'").await;
    let third = does(&shop, "enroll_customer", place(), "once more").await;
    assert_eq!(third["result"]["created"], true);

    let body = json!({"body": "Call {{ customer.email }} back."});
    let step = does(&shop, "add_comment", body, "noted").await;
    assert_eq!(why(&step).0, "done");
    let has = "select count(*) from project_comments where body like 'Call %@% back.' and user_id is null";
    assert_eq!(shop.number(has, &[]).await, 1);
    shop.does("update customers set name = repeat('x', 20001)").await;
    let step = does(&shop, "add_comment", json!({"body": "{{ customer.name }}"}), "too long").await;
    assert_eq!(why(&step), ("failed", "body: it is longer than 20000 letters"));
}

#[tokio::test]
async fn what_is_public_is_so_from_when_it_is_published() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.places_order(1).await;
    shop.does(
        "insert into pages (slug, title) values ('summer', 'Summer');
         insert into blog_posts (slug, title) values ('news', 'News')",
    )
    .await;
    let step = does(&shop, "publish_page", json!({"what": "page", "row": "summer"}), "a").await;
    assert_eq!(why(&step), ("done", "draft → published"));
    assert!(step["result"]["published_at"].is_string());
    let step = does(&shop, "publish_page", json!({"what": "post", "row": "summer"}), "b").await;
    assert_eq!(why(&step), ("failed", "there is no post `summer`"));
    let step =
        does(&shop, "unpublish_page", json!({"what": "page", "row": "summer", "to": "archived"}), "c").await;
    assert_eq!(step["changes"][0]["before"]["status"], "published");
    let entry = json!({"title": "New: {{ order.note }}", "category": "added", "publish": true});
    let step = does(&shop, "create_changelog_entry", entry.clone(), "cards").await;
    assert_eq!(
        (&step["result"]["slug"], &step["result"]["status"]),
        (&json!("new-cards"), &json!("published"))
    );
    shop.does("update changelog_entries set slug = 'new-more'").await;
    let step = does(&shop, "create_changelog_entry", entry, "more").await;
    assert_eq!(why(&step), ("failed", "there is an entry `new-more` already"));
    // Of its own row nothing need be said.
    let own = shop.publishes("own", &one_action("page_updated", "unpublish_page", json!({}))).await;
    shop.does("update pages set title = 'Summer sale'").await;
    shop.has_settled().await;
    assert_eq!(why(&first_act(&shop, own).await), ("done", "archived → draft"));
}

/// In one batch, by two names: each finds what the other left, and the row is as the later one says.
#[tokio::test]
async fn who_publishes_and_who_takes_back_in_the_same_moment_come_one_after_the_other() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.does("insert into pages (slug, title) values ('summer', 'Summer')").await;
    let page: uuid::Uuid = shop.db.query_one("select id from pages", &[]).await.expect("a page").get(0);
    let by_slug = one_action("order_created", "publish_page", json!({"what": "page", "row": "summer"}));
    let publishes = shop.publishes("publishes", &by_slug).await;
    let by_id = one_action("order_created", "unpublish_page", json!({"what": "page", "row": page}));
    let takes_back = shop.publishes("takes back", &by_id).await;
    shop.places_order(1).await;
    shop.has_settled().await;
    let (first, second) = (first_act(&shop, publishes).await, first_act(&shop, takes_back).await);
    let status: String = shop.db.query_one("select status from pages", &[]).await.expect("a page").get(0);
    match (why(&first).1, why(&second).1) {
        ("draft → published", "published → draft") => assert_eq!(status, "draft"),
        ("draft → published", "is draft already") => assert_eq!(status, "published"),
        both => panic!("{both:?}"),
    }
}

#[tokio::test]
async fn amounts_have_as_many_decimals_as_their_currency() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let order = shop.places_order(5_000).await;
    for (currency, expected) in
        [("JPY", "2500 JPY until 2"), ("EUR", "25.00 EUR until 2"), ("KWD", "2.500 KWD until 2")]
    {
        shop.does("delete from deposits").await;
        shop.db
            .execute("update orders set currency = $2 where id = $1", &[&order, &currency])
            .await
            .expect("so");
        let step = does(&shop, "create_deposit", json!({}), currency).await;
        assert!(why(&step).1.starts_with(expected), "{step}");
    }
}

#[tokio::test]
async fn statistics_are_made_anew_when_somebody_asks() {
    let shop = Shop::open().await;
    shop.does("insert into maintenance (task) values ('refresh_page_view_stats') on conflict (task) do update set last_run_at = now()").await;
    let first = shop.daemon().await;
    shop.places_order(1).await;
    let step = does(&shop, "refresh_stats", json!({}), "a").await;
    assert_eq!(step["outcome"], "done");
    shop.does("insert into pages (slug, title) values ('p', 'P'); insert into page_views (page_id, visitor) select id, 'v' from pages").await;
    // A daemon that starts looks at once.
    drop(first);
    let _second = shop.daemon().await;
    until("they are made", async || shop.number("select count(*) from page_view_stats", &[]).await == 1)
        .await;
}

#[tokio::test]
async fn an_effect_is_done_once_though_its_execution_is_tried_again() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.does("insert into pages (slug, title) values ('p', 'P')").await;
    let workflow = json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
            node("comment", "action", json!({ "actionType": "add_comment", "config": { "body": "once" } })),
            node("page", "action", json!({ "actionType": "publish_page", "config": { "what": "page", "row": "p" } })),
            node("act", "action", json!({ "actionType": "redeem_points", "config": { "points": 10 } })),
        ],
        "edges": [edge("start", "comment"), edge("comment", "page"), edge("page", "act")],
    });
    let of = shop.publishes("fails", &workflow).await;
    shop.places_order(1).await;
    shop.has_settled().await;
    assert_eq!(why(&act(&shop, of).await), ("failed", "10 points are more than the balance of 0"));
    shop.does("update pages set status = 'draft'").await;
    let points = "insert into loyalty_ledger (customer_id, points, reason) values ($1, 10, 'by hand')";
    let values: [&(dyn ToSql + Sync); 1] = [&shop.customer];
    shop.db.execute(points, &values).await.expect("points");
    let (code, said, fault) =
        shop.thendo(&["executions", "retry", "--all", "--yes", "--from", "start"]).await;
    assert_eq!(code, Some(0), "{said}{fault}");
    shop.has_settled().await;
    assert_eq!(shop.count("project_comments").await, 1);
    assert_eq!(
        shop.number("select count(*) from pages where status = 'draft'", &[]).await,
        1,
        "not published anew"
    );
    assert_eq!(shop.number("select count(*) from loyalty_ledger where kind = 'redeemed'", &[]).await, 1);
}
