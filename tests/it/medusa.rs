//! Beside Medusa: its tables stay as they are, and what it does is seen once, in our form.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::look::{lines_with, whole_database};
use crate::support::server::Server;
use crate::support::supabase::{DefaultGrants, Guest};
use crate::support::{Shop, connect, mail_on_order, points_and_deposit};

const TABLES: &str = include_str!("support/medusa.sql");

/// A shop whose database Medusa made first.
pub async fn shop() -> Shop {
    shop_with("").await
}

/// As [`shop`], with something that was there before thendo came.
async fn shop_with(before: &str) -> Shop {
    let guest = Guest::of_plain_owner(Server::Usual).await;
    let medusa = connect(&guest.url).await;
    medusa.batch_execute(TABLES).await.expect("Medusa's tables");
    medusa.batch_execute(before).await.expect("what was there");
    let ran = guest.migrates();
    assert!(ran.status.success(), "migrate: {}", String::from_utf8_lossy(&ran.stderr));
    guest.opens().await
}

/// A summary as Medusa stores it: numbers, and exact figures beside them.
fn totals(total: &str, paid: &str, refunded: &str) -> Value {
    let number = |text: &str| -> Value { text.parse::<f64>().expect("a number").into() };
    let raw = |text: &str| json!({"value": text, "precision": 20});
    json!({
        "paid_total": number(paid), "raw_paid_total": raw(paid),
        "refunded_total": number(refunded), "raw_refunded_total": raw(refunded),
        "difference_sum": 0, "raw_difference_sum": raw("0"),
        "transaction_total": number(paid), "raw_transaction_total": raw(paid),
        "pending_difference": 0, "raw_pending_difference": raw("0"),
        "current_order_total": number(total), "raw_current_order_total": raw(total),
        "original_order_total": number(total), "raw_original_order_total": raw(total),
    })
}

/// What Medusa's order module writes in its one transaction.
async fn places(db: &Client, id: &str, customer: Option<&str>, email: &str, currency: &str, total: &str) {
    db.execute(
        "insert into \"order\" (id, customer_id, email, currency_code, status, is_draft_order, version) values ($1, $2, $3, $4, 'pending', false, 1)",
        &[&id, &customer, &email, &currency],
    )
    .await
    .expect("an order");
    let line = "with l as (insert into order_line_item (id, title, unit_price, raw_unit_price) values ('ordli_' || $1, 'A thing', 1, '{}') returning id)
        insert into order_item (id, order_id, version, item_id, quantity, raw_quantity, fulfilled_quantity, raw_fulfilled_quantity, shipped_quantity,
            raw_shipped_quantity, return_requested_quantity, raw_return_requested_quantity, return_received_quantity, raw_return_received_quantity,
            return_dismissed_quantity, raw_return_dismissed_quantity, written_off_quantity, raw_written_off_quantity, raw_delivered_quantity)
        select 'orditem_' || $1, $1, 1, id, 1, '{}', 0, '{}', 0, '{}', 0, '{}', 0, '{}', 0, '{}', 0, '{}', '{}' from l";
    db.execute(line, &[&id]).await.expect("a line");
    let sums =
        "insert into order_summary (id, order_id, version, totals) values ('ordsum_' || $1, $1, 1, $2)";
    db.execute(sums, &[&id, &totals(total, "0", "0")]).await.expect("a summary");
}

async fn placed(shop: &Shop, id: &str, customer: Option<&str>, email: &str, currency: &str, total: &str) {
    shop.db.batch_execute("begin").await.expect("begun");
    places(&shop.db, id, customer, email, currency, total).await;
    shop.db.batch_execute("commit").await.expect("committed");
}

async fn sums_up(shop: &Shop, id: &str, total: &str, paid: &str, refunded: &str) {
    let sql = "update order_summary set totals = $2, updated_at = now() where order_id = $1";
    shop.db.execute(sql, &[&id, &totals(total, paid, refunded)]).await.expect("summed up");
}

/// `status payment_status total refunded_total currency`, of all orders.
async fn orders(shop: &Shop) -> Vec<String> {
    let sql = "select concat_ws(' ', status, payment_status, total, refunded_total, currency) from orders order by medusa_order_id";
    shop.db.query(sql, &[]).await.expect("orders").iter().map(|row| row.get(0)).collect()
}

async fn events(shop: &Shop, operation: &str) -> i64 {
    shop.number(
        "select count(*) from workflow_events where table_name = 'orders' and operation = $1",
        &[&operation],
    )
    .await
}

/// Columns, types, keys, checks, indexes and triggers of Medusa's own of every table that is there.
const DEFINITIONS: &str = "select coalesce(string_agg(line, e'\\n' order by line), '') from (
    select format('%s.%s %s %s %s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) as line
      from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attnum > 0 and not a.attisdropped and a.attrelid = any ($1::text[]::regclass[])
    union all select pg_get_constraintdef(oid) || conrelid::regclass from pg_constraint where conrelid = any ($1::text[]::regclass[]) and contype <> 't'
    union all select pg_get_indexdef(indexrelid) from pg_index where indrelid = any ($1::text[]::regclass[])
    union all select format('%s owned by %s', oid::regclass, relowner::regrole) from pg_class where oid = any ($1::text[]::regclass[])) all_of_it";

#[tokio::test]
async fn what_medusa_made_is_left_as_it_was_and_closed() {
    for grants in [DefaultGrants::Revoked, DefaultGrants::OldProject] {
        let guest = Guest::of_supabase(Server::Usual, grants).await;
        let db = connect(&guest.url).await;
        db.batch_execute(TABLES).await.expect("Medusa's tables");
        let names = "select array_agg(oid::regclass::text) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'";
        let names: Vec<String> = db.query_one(names, &[]).await.expect("tables").get(0);
        assert!(names.len() > 12, "{names:?}");
        let before: String = db.query_one(DEFINITIONS, &[&names]).await.expect("definitions").get(0);
        for _ in 0..2 {
            let ran = guest.migrates();
            assert!(ran.status.success(), "migrate: {}", String::from_utf8_lossy(&ran.stderr));
        }
        let after: String = db.query_one(DEFINITIONS, &[&names]).await.expect("definitions").get(0);
        assert_eq!(after, before);
        let open = "select coalesce(string_agg(t || ' ' || r, ', '), '') from
            unnest(array['product', 'product_variant', '\"order\"', 'order_item', 'order_fulfillment', 'cart', 'payment', 'customer']) t,
            unnest(array['anon', 'authenticated']) r where has_table_privilege(r, t, 'select, insert, update, delete, truncate, references, trigger')";
        assert_eq!(db.query_one(open, &[]).await.expect("doors").get::<_, String>(0), "");
        let mirrors =
            "select count(*) from pg_trigger where tgname like 'mirror_medusa_%' and not tgisinternal";
        assert_eq!(db.query_one(mirrors, &[]).await.expect("triggers").get::<_, i64>(0), 10, "once each");
    }
}

#[tokio::test]
async fn an_order_of_medusa_s_fires_once_with_the_payload_of_any_other() {
    let shop = shop().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    let plain = shop.places_order(250_00).await;
    let person = "insert into customer (id, email, first_name, last_name, phone, has_account)
        values ('cus_1', 'Mia@Example.com', 'Mia', 'Moss', '+43 1 2345', true)";
    shop.db.batch_execute(person).await.expect("a customer of Medusa's");
    placed(&shop, "order_1", Some("cus_1"), "mia@example.com", "eur", "250").await;
    shop.has_settled().await;
    let made = "select count(*) from customers where email = 'mia@example.com' and name = 'Mia Moss' and medusa_customer_id = 'cus_1'";
    assert_eq!(shop.number(made, &[]).await, 1);
    assert_eq!((events(&shop, "insert").await, events(&shop, "update").await), (2, 0));
    let shapes = "select count(distinct (select array_agg(k order by k) from jsonb_object_keys(row_data) k)) from workflow_events where table_name = 'orders'";
    assert_eq!(shop.number(shapes, &[]).await, 1, "one shape");
    let same = "select count(*) from loyalty_ledger l join orders o on o.id = l.order_id where l.points = 250 and o.total = 25000 and (o.id = $1 or o.medusa_order_id = 'order_1')";
    assert_eq!(shop.number(same, &[&plain]).await, 2, "both did the same");
    assert_eq!(shop.count("deposits").await, 2);
    // A guest, without a customer; and nobody at all.
    placed(&shop, "order_2", None, "guest@example.com", "jpy", "2500").await;
    placed(&shop, "order_3", None, "", "kwd", "12.345").await;
    placed(&shop, "order_4", Some("cus_1"), "", "usd", "0.1").await;
    shop.has_settled().await;
    let all = [
        "pending unpaid 25000 0 EUR",
        "pending unpaid 2500 0 JPY",
        "pending unpaid 12345 0 KWD",
        "pending unpaid 10 0 USD",
    ];
    assert_eq!(orders(&shop).await[..4], all);
    let hers = "select count(*) from orders o join customers c on c.id = o.customer_id where c.email = 'mia@example.com'";
    assert_eq!(shop.number(hers, &[]).await, 2);
    assert_eq!(
        shop.number("select count(*) from customers where email like '%@without-address.invalid'", &[]).await,
        1
    );
}

#[tokio::test]
async fn what_becomes_of_an_order_in_medusa_is_seen_in_ours() {
    let shop = shop().await;
    placed(&shop, "order_1", None, "mia@example.com", "eur", "99.99").await;
    let is = async |what: &str| assert_eq!(orders(&shop).await, [what]);
    is("pending unpaid 9999 0 EUR").await;
    sums_up(&shop, "order_1", "99.99", "50", "0").await;
    is("pending unpaid 9999 0 EUR").await;
    sums_up(&shop, "order_1", "99.99", "99.99", "0").await;
    is("pending paid 9999 0 EUR").await;
    assert_eq!(shop.number("select count(*) from orders where paid_at is not null", &[]).await, 1);
    shop.db.execute("update \"order\" set status = 'completed'", &[]).await.expect("completed");
    is("completed paid 9999 0 EUR").await;
    sums_up(&shop, "order_1", "99.99", "99.99", "9.99").await;
    is("completed partially_refunded 9999 999 EUR").await;
    sums_up(&shop, "order_1", "0", "99.99", "99.99").await;
    is("completed refunded 9999 9999 EUR").await;
    shop.db
        .execute("update \"order\" set status = 'canceled', canceled_at = now()", &[])
        .await
        .expect("canceled");
    is("cancelled refunded 9999 9999 EUR").await;
    shop.db.execute("update order_item set fulfilled_quantity = 1", &[]).await.expect("sent");
    assert_eq!(shop.number("select count(*) from orders where fulfilled_at is not null", &[]).await, 1);
    let before = events(&shop, "update").await;
    shop.db
        .execute("update \"order\" set metadata = '{\"seen\": true}', updated_at = now()", &[])
        .await
        .expect("touched");
    sums_up(&shop, "order_1", "0", "99.99", "99.99").await;
    assert_eq!(
        (events(&shop, "update").await, events(&shop, "insert").await),
        (before, 1),
        "nothing changed"
    );
    // Deleted in Medusa: ours is an account of the shop and stays.
    shop.db
        .execute("update \"order\" set deleted_at = now(), status = 'pending'", &[])
        .await
        .expect("deleted");
    is("cancelled refunded 9999 9999 EUR").await;
    shop.db.execute("update \"order\" set deleted_at = null", &[]).await.expect("restored");
    assert_eq!(shop.count("orders").await, 1);
}

#[tokio::test]
async fn drafts_rollbacks_and_orders_of_before_fire_nothing() {
    let old = "insert into \"order\" (id, email, currency_code, status) values ('order_0', 'old@example.com', 'eur', 'pending');
        insert into order_summary (id, order_id, totals) values ('s0', 'order_0', '{\"current_order_total\": 10, \"paid_total\": 0}')";
    let shop = shop_with(old).await;
    shop.db.batch_execute("begin").await.expect("begun");
    places(&shop.db, "order_1", None, "mia@example.com", "eur", "10").await;
    shop.db.batch_execute("rollback").await.expect("rolled back");
    assert_eq!((shop.count("orders").await, events(&shop, "insert").await), (0, 0));
    // It was placed long ago.
    shop.db.batch_execute("update \"order\" set status = 'completed'").await.expect("completed");
    sums_up(&shop, "order_0", "10", "10", "0").await;
    assert_eq!((shop.count("orders").await, events(&shop, "insert").await), (0, 0));
    let draft = "insert into \"order\" (id, email, currency_code, status, is_draft_order) values ('order_2', 'mia@example.com', 'eur', 'draft', true);
        insert into order_summary (id, order_id, totals) values ('s2', 'order_2', '{\"current_order_total\": 20}')";
    shop.db.batch_execute(draft).await.expect("a draft");
    assert_eq!(shop.count("orders").await, 0);
    shop.db
        .batch_execute("update \"order\" set status = 'pending', is_draft_order = false where id = 'order_2'")
        .await
        .expect("placed");
    assert_eq!(orders(&shop).await, ["pending unpaid 2000 0 EUR"]);
    assert_eq!(events(&shop, "insert").await, 1);
    // What it can't be mailed to does not stop Medusa.
    placed(&shop, "order_3", None, "x", "eur", "-5").await;
    placed(&shop, "order_4", None, &"long".repeat(200), "eur", "5").await;
    assert_eq!(orders(&shop).await[1..], ["pending unpaid 0 0 EUR", "pending unpaid 500 0 EUR"]);
    // Nor does what `orders` can't hold.
    placed(&shop, "order_5", None, "mia@example.com", "usdc", "5").await;
    assert_eq!(shop.count("orders").await, 3);
}

#[tokio::test]
async fn a_shop_that_links_its_orders_itself_has_none_twice() {
    let before =
        "insert into \"order\" (id, email, currency_code) values ('order_0', 'old@example.com', 'eur')";
    let shop = shop_with(before).await;
    for how in ["mirrored", "linked", "left"] {
        shop.db.execute("update medusa_mirror set orders = $1", &[&how]).await.expect("set");
        let id = format!("order_{how}");
        shop.db.batch_execute("begin").await.expect("begun");
        places(&shop.db, &id, None, "mia@example.com", "eur", "10").await;
        let ours = "insert into orders (customer_id, total, medusa_order_id) values ($1, 1000, $2)";
        shop.db.execute(ours, &[&shop.customer, &id]).await.expect("linked in the same transaction");
        shop.db.batch_execute("commit").await.expect("committed");
        sums_up(&shop, &id, "10", "10", "0").await;
        let paid = if how == "left" { "unpaid" } else { "paid" };
        let is = "select count(*) from orders where medusa_order_id = $1 and payment_status = $2 and customer_id = $3";
        assert_eq!(shop.number(is, &[&id, &paid, &shop.customer]).await, 1, "{how}");
        placed(&shop, &format!("order_alone_{how}"), None, "mia@example.com", "eur", "10").await;
    }
    let alone =
        "select string_agg(medusa_order_id, ' ') from orders where medusa_order_id like 'order_alone_%'";
    assert_eq!(
        shop.db.query_one(alone, &[]).await.expect("orders").get::<_, String>(0),
        "order_alone_mirrored"
    );
    let ran = crate::support::server::thendo()
        .args(["migrate", "--database-url", &shop.url])
        .output()
        .expect("the binary");
    assert!(ran.status.success());
    assert_eq!(
        shop.number("select count(*) from medusa_mirror where orders = 'left'", &[]).await,
        1,
        "a choice stays"
    );
}

#[tokio::test]
async fn a_new_customer_who_orders_many_times_at_once_is_one() {
    let shop = shop().await;
    let _daemon = shop.daemon().await;
    shop.publishes("mail", &mail_on_order()).await;
    shop.db
        .batch_execute("insert into customer (id, email) values ('cus_9', 'nina@example.com')")
        .await
        .expect("a customer");
    let mut rush = Vec::new();
    for n in 0..12 {
        let url = shop.url.clone();
        rush.push(tokio::spawn(async move {
            let db = connect(&url).await;
            db.batch_execute("set lock_timeout = 0; begin").await.expect("begun");
            let customer = (n % 2 == 0).then_some("cus_9");
            places(&db, &format!("order_{n}"), customer, "Nina@example.com", "eur", "10").await;
            db.batch_execute("commit").await.expect("committed");
        }));
    }
    for one in rush {
        one.await.expect("no panic");
    }
    shop.has_settled().await;
    assert_eq!(
        shop.number("select count(*) from customers where lower(email) = 'nina@example.com'", &[]).await,
        1
    );
    assert_eq!((shop.count("orders").await, events(&shop, "insert").await), (12, 12));
    assert_eq!(shop.number("select count(*) from workflow_deliveries where status = 'sent'", &[]).await, 12);
}

#[tokio::test]
async fn stock_is_what_the_scarcest_item_allows() {
    let there = "insert into product (id, title, handle, status) values ('prod_1', 'Kit', 'kit', 'published');
        insert into product_variant (id, title, product_id) values ('variant_1', 'Kit', 'prod_1'), ('variant_2', 'Part', 'prod_1');
        insert into inventory_item (id) values ('iitem_1'), ('iitem_2');
        insert into inventory_level (id, inventory_item_id, location_id, stocked_quantity) values
            ('l1', 'iitem_1', 'east', 10), ('l2', 'iitem_1', 'west', 5), ('l3', 'iitem_2', 'east', 7);
        insert into product_variant_inventory_item (id, variant_id, inventory_item_id, required_quantity) values
            ('p1', 'variant_1', 'iitem_1', 2), ('p2', 'variant_1', 'iitem_2', 1), ('p3', 'variant_2', 'iitem_2', 1)";
    let shop = shop_with(there).await;
    let is = async |one: Option<i64>, two: Option<i64>| {
        let of = async |variant: &str| -> Option<i64> {
            let sql = "select available from product_stock where variant_id = $1 and product_id = 'prod_1'";
            shop.db.query_opt(sql, &[&variant]).await.expect("stock").map(|row| row.get(0))
        };
        assert_eq!((of("variant_1").await, of("variant_2").await), (one, two));
    };
    let does = async |sql: &str| shop.db.batch_execute(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    is(Some(7), Some(7)).await;
    does("update inventory_level set reserved_quantity = 4 where id = 'l1'").await;
    is(Some(5), Some(7)).await;
    does("update inventory_level set reserved_quantity = 9 where id = 'l3'").await;
    is(Some(-2), Some(-2)).await;
    does("update inventory_level set deleted_at = now() where id = 'l3'").await;
    is(Some(0), Some(0)).await;
    does("update product_variant_inventory_item set deleted_at = now() where id = 'p2'").await;
    is(Some(5), Some(0)).await;
    does("begin; update inventory_level set stocked_quantity = 0; rollback").await;
    does("delete from product_variant_inventory_item where id = 'p3'").await;
    is(Some(5), None).await;
    // Two places at once: neither sees the other, and the sum is right all the same.
    let (mut one, mut two) = (connect(&shop.url).await, connect(&shop.url).await);
    for n in 1..=5i32 {
        let reserve = async |place: &mut Client, sql: &str| {
            place.batch_execute("set lock_timeout = '20s'").await.expect("patience");
            let at = place.transaction().await.expect("begun");
            at.execute(sql, &[&n]).await.expect("reserved");
            at.commit().await.expect("committed");
        };
        tokio::join!(
            reserve(&mut one, "update inventory_level set reserved_quantity = 4 + $1::int where id = 'l1'"),
            reserve(&mut two, "update inventory_level set reserved_quantity = $1::int where id = 'l2'"),
        );
        is(Some((11 - 2 * i64::from(n)).div_euclid(2)), None).await;
    }
    does("update medusa_mirror set stock = 'left'; update inventory_level set stocked_quantity = 1000").await;
    is(Some(0), None).await;
}

#[tokio::test]
async fn an_erasure_reaches_what_only_medusa_has() {
    let shop = shop().await;
    let people = |word: &str| {
        format!(
            "insert into customer (id, email, first_name) values ('cus_{word}', '{word}@x.example', '{word}');
             insert into customer_address (id, customer_id, first_name, address_1) values ('a_{word}', 'cus_{word}', '{word}', '{word} Street');
             insert into order_address (id, customer_id, first_name, phone) values ('b_{word}', null, '{word}', '{word}');
             insert into cart_address (id, first_name) values ('d_{word}', '{word}');
             insert into cart (id, email, currency_code, billing_address_id) values ('c_{word}', '{word}@x.example', 'eur', 'd_{word}');
             insert into \"order\" (id, customer_id, email, currency_code, shipping_address_id, metadata)
             values ('o_{word}', 'cus_{word}', '{word}@x.example', 'eur', 'b_{word}', '{{\"for\": \"{word}\"}}');
             insert into order_summary (id, order_id, totals) values ('s_{word}', 'o_{word}', '{{\"current_order_total\": 5}}');
             insert into payment (id, amount, raw_amount, currency_code, provider_id, payment_collection_id, payment_session_id, data)
             values ('p_{word}', 5, '{{}}', 'eur', 'stripe', 'pc_{word}', 'ps', '{{\"billed\": \"{word}\"}}');
             insert into order_payment_collection (id, order_id, payment_collection_id) values ('l_{word}', 'o_{word}', 'pc_{word}')"
        )
    };
    shop.db.batch_execute(&people("quentin")).await.expect("someone");
    shop.db.batch_execute(&people("tarantino")).await.expect("someone else");
    let ran = crate::support::server::thendo()
        .args(["customer", "erase", "Quentin@x.example", "--yes", "--database-url", &shop.url])
        .output()
        .expect("the binary");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let all = whole_database(&shop.db).await;
    // Medusa's ids are nobody's name: only this test's have one in them.
    let left = all.replace("_quentin", "");
    assert_eq!(lines_with(&left, "quentin"), [""; 0]);
    assert_eq!(lines_with(&all, "tarantino").len(), 9 + 2 + events_of_medusa(&shop, "tarantino").await);
    assert_eq!(orders(&shop).await.len(), 2, "both orders are the shop's accounts");
}

/// How many events name this.
async fn events_of_medusa(shop: &Shop, word: &str) -> usize {
    let sql = "select count(*) from workflow_events where row_data::text like '%' || $1 || '%'";
    usize::try_from(shop.number(sql, &[&word]).await).expect("a count")
}
