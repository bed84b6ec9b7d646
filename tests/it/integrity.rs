//! What rows may not become, however they are written.

use crate::acts::{account, as_role};
use crate::support::Shop;

#[tokio::test]
async fn a_deposit_is_in_the_currency_of_its_order() {
    let shop = Shop::open().await;
    let order = shop.places_order(100).await;
    let asked = "insert into deposits (order_id, amount, currency, due_date) values ($1, 50, $2, now())";
    let refused = shop.db.execute(asked, &[&order, &"USD"]).await.expect_err("of an order in EUR");
    assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("23514"));
    shop.db.execute(asked, &[&order, &"EUR"]).await.expect("a deposit");
    shop.db.execute("update deposits set currency = 'USD'", &[]).await.expect_err("nor later");
}

#[tokio::test]
async fn no_category_is_below_itself() {
    let shop = Shop::open().await;
    let made = "insert into product_categories (id, parent_id, name, slug) values
        ('00000000-0000-0000-0000-000000000001', null, 'A', 'a'),
        ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', 'B', 'b'),
        ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000002', 'C', 'c')";
    shop.db.batch_execute(made).await.expect("categories");
    let moves = "update product_categories set parent_id = (select id from product_categories where slug = $2) where slug = $1";
    for (what, below) in [("a", "b"), ("a", "c"), ("b", "c")] {
        shop.db.execute(moves, &[&what, &below]).await.expect_err("a ring");
    }
    shop.db.execute(moves, &[&"c", &"a"]).await.expect("up");
    shop.db.execute(moves, &[&"b", &"c"]).await.expect("and the other below it");
    let ring = "insert into product_categories (id, parent_id, name, slug) values
        ('00000000-0000-0000-0000-00000000000e', '00000000-0000-0000-0000-00000000000f', 'E', 'e'),
        ('00000000-0000-0000-0000-00000000000f', '00000000-0000-0000-0000-00000000000e', 'F', 'f')";
    shop.db.batch_execute(ring).await.expect_err("a ring from the beginning");
    // Two moves, each fine by itself.
    let made = "insert into product_categories (name, slug) values ('X', 'x'), ('Y', 'y')";
    shop.db.batch_execute(made).await.expect("categories");
    let other = crate::support::connect(&shop.url).await;
    shop.db.batch_execute("begin").await.expect("begun");
    shop.db.execute(moves, &[&"x", &"y"]).await.expect("moved");
    let (moved, committed) = tokio::join!(other.execute(moves, &[&"y", &"x"]), async {
        let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted
            and database = (select oid from pg_database where datname = current_database())";
        crate::support::until("the second waits", || async { shop.number(waits, &[]).await > 0 }).await;
        shop.db.batch_execute("commit").await
    });
    committed.expect("committed");
    moved.expect_err("the second would close the ring");
}

#[tokio::test]
async fn the_default_address_is_switched_in_one_statement_and_never_two() {
    let shop = Shop::open().await;
    let (ada, _) = account(&shop.db, "mia@x.example").await;
    let client = as_role(&shop, "authenticated", Some(ada)).await;
    let made = "insert into saved_addresses (label, name, line1, city, country_code, is_default) values
        ('home', 'A', '1', 'B', 'DE', true), ('work', 'A', '2', 'B', 'DE', false), ('else', 'A', '3', 'B', 'DE', false)";
    client.batch_execute(made).await.expect("addresses");
    for label in ["work", "home", "else"] {
        let switch = "update saved_addresses set is_default = (label = $1)";
        client.execute(switch, &[&label]).await.expect("switched");
        let is = client
            .query_one("select string_agg(label, ' ') from saved_addresses where is_default", &[])
            .await;
        assert_eq!(is.expect("one").get::<_, String>(0), label);
    }
    client.batch_execute("update saved_addresses set is_default = true").await.expect_err("three");
}

#[tokio::test]
async fn whoever_waits_again_stands_at_the_end() {
    let shop = Shop::open().await;
    let (ada, _) = account(&shop.db, "mia@x.example").await;
    let client = as_role(&shop, "authenticated", Some(ada)).await;
    let claims = format!("{{\"sub\": \"{ada}\", \"email\": \"mia@x.example\"}}");
    client.execute("select set_config('request.jwt.claims', $1, false)", &[&claims]).await.expect("claims");
    let joins = "insert into product_waitlist (product_id, email) values ('prod_1', $1)";
    client.execute(joins, &[&"mia@x.example"]).await.expect("joined");
    shop.db.execute(joins, &[&"bob@x.example"]).await.expect("joined");
    let first = "select email from product_waitlist where status = 'waiting' order by created_at limit 1";
    let is = async || shop.db.query_one(first, &[]).await.expect("one").get::<_, String>(0);
    assert_eq!(is().await, "mia@x.example");
    for status in ["cancelled", "waiting"] {
        client.execute("update product_waitlist set status = $1", &[&status]).await.expect("changed");
    }
    assert_eq!(is().await, "bob@x.example");
    client
        .batch_execute("update product_waitlist set product_id = 'prod_2'")
        .await
        .expect_err("another product");
    shop.db.batch_execute("update product_waitlist set status = 'notified'").await.expect("told");
    assert_eq!(
        shop.number("select count(*) from product_waitlist where notified_at is not null", &[]).await,
        2
    );
}

#[tokio::test]
async fn how_much_of_an_order_of_medusa_s_was_sent_is_seen_in_ours() {
    let shop = Shop::open().await;
    let placed = "begin;
        insert into \"order\" (id, email, currency_code) values ('order_1', 'mia@x.example', 'eur');
        insert into order_item (order_id, item_id, quantity, unit_price) values ('order_1', 'a', 2, 10), ('order_1', 'b', 1, 5);
        commit";
    shop.db.batch_execute(placed).await.expect("placed");
    for (a, b, arrived, is) in [
        (1, 0, 0, "partially_fulfilled"),
        (2, 1, 0, "fulfilled"),
        (2, 1, 1, "delivered"),
        (0, 0, 0, "unfulfilled"),
        (2, 1, 0, "fulfilled"),
    ] {
        let sent = format!(
            "update order_item set fulfilled_quantity = case item_id when 'a' then {a} else {b} end,
                    delivered_quantity = quantity * {arrived}"
        );
        shop.db.batch_execute(&sent).await.expect("sent");
        let found = shop.db.query_one("select fulfillment_status from orders", &[]).await.expect("an order");
        assert_eq!(found.get::<_, String>(0), is);
    }
    let stamped = "select count(*) from orders where fulfilled_at is not null";
    assert_eq!(shop.number(stamped, &[]).await, 1);
    shop.db.batch_execute("update orders set fulfillment_status = 'returned'").await.expect("came back");
    shop.db.batch_execute("update order_item set delivered_quantity = quantity").await.expect("arrived");
    assert_eq!(
        shop.number("select count(*) from orders where fulfillment_status = 'returned'", &[]).await,
        1
    );
}
