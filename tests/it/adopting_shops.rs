//! Shops that go on selling: what was there works after adopting as it did before, or nothing is done.

use serde_json::Value;

use crate::support::{Shop, connect};

const MEDUSAS: &str = include_str!("support/medusa.sql");

/// One row in each of Medusa's tables that are events.
const MEDUSA_WRITES: &str = r#"
    insert into product (id, title, handle, status) values ('p', 'A tent', 'tent', 'published');
    insert into product_variant (id, title, product_id) values ('v', 'Green', 'p');
    insert into customer (id, email) values ('c', 'ada@example.com');
    insert into cart (id, customer_id, currency_code) values ('k', 'c', 'eur');
    insert into "order" (id, customer_id, currency_code) values ('o', 'c', 'eur');
    insert into order_line_item (id, title, unit_price, raw_unit_price) values ('l', 'A tent', 1, '{}');
    insert into order_item (id, order_id, version, item_id, quantity, raw_quantity, fulfilled_quantity,
        raw_fulfilled_quantity, shipped_quantity, raw_shipped_quantity, return_requested_quantity,
        raw_return_requested_quantity, return_received_quantity, raw_return_received_quantity,
        return_dismissed_quantity, raw_return_dismissed_quantity, written_off_quantity, raw_written_off_quantity,
        raw_delivered_quantity)
      values ('i', 'o', 1, 'l', 1, '{}', 0, '{}', 0, '{}', 0, '{}', 0, '{}', 0, '{}', 0, '{}', '{}');
    insert into order_fulfillment (order_id, fulfillment_id, id) values ('o', 'f', 'x');
    insert into payment (id, amount, raw_amount, currency_code, provider_id, payment_collection_id, payment_session_id)
      values ('y', 1, '{}', 'eur', 'stripe', 'q', 's');"#;

/// A shop of its own kind: words and defaults that thendo does not know.
const CHECKOUT: &str = "
    create table public.customers (id uuid primary key default gen_random_uuid(), email text not null unique, name text);
    create table public.orders (
        id uuid primary key default gen_random_uuid(), customer_id uuid not null,
        status text not null default 'pending', total bigint not null,
        payment_status text not null default 'open', colour text);
    create table public.quotes (id uuid primary key default gen_random_uuid(), status text not null default 'fresh');
    create table public.pages (id uuid primary key default gen_random_uuid(), slug text);
    insert into public.customers (id, email) values ('00000000-0000-0000-0000-000000000001', 'ada@example.com');
    insert into public.orders (customer_id, status, total, payment_status) values
        ('00000000-0000-0000-0000-000000000001', 'odd', 100, 'paid'),
        ('00000000-0000-0000-0000-000000000009', 'pending', 100, 'paid');";

async fn with(tables: &str) -> Shop {
    let shop = Shop::without_thendo().await;
    shop.db.batch_execute(tables).await.expect("a shop");
    shop
}

async fn adopts(shop: &Shop) -> Value {
    let (code, out, said) = shop.thendo(&["migrate", "--adopt", "--format", "json"]).await;
    assert_eq!(code, Some(0), "{said}{out}");
    serde_json::from_str(&out).expect("JSON")
}

fn difference<'a>(report: &'a Value, object: &str) -> &'a Value {
    let all = report["differences"].as_array().expect("differences");
    let found = all.iter().find(|difference| difference["object"] == object);
    found.unwrap_or_else(|| panic!("nothing about {object} in {report:#}"))
}

async fn is_untouched(shop: &Shop) {
    let left = "select count(*) from pg_class where relname in ('_sqlx_migrations', 'workflow_events')";
    assert_eq!(shop.number(left, &[]).await, 0);
}

/// A login of its own, named after the database, and where it logs in.
pub async fn login(shop: &Shop, word: &str) -> (String, String) {
    let database: String = shop.db.query_one("select current_database()", &[]).await.expect("asked").get(0);
    let name = format!("{word}_{database}");
    shop.db.batch_execute(&format!("create role {name} login password 'x'")).await.expect("a role");
    let url = shop.url.replacen("user=postgres", &format!("user={name}"), 1);
    assert_ne!(url, shop.url);
    (name, url)
}

#[tokio::test]
async fn medusas_tables_tell_their_changes_in_an_adopted_shop() {
    let shop = with(MEDUSAS).await;
    let report = adopts(&shop).await;
    assert_eq!(report["left_alone"].as_array().map(Vec::len), Some(8), "{report:#}");
    shop.db.batch_execute(MEDUSA_WRITES).await.expect("Medusa writes");
    let untold =
        "select string_agg(t, ', ') from unnest(array['product', 'product_variant', 'customer', 'cart',
        'order', 'order_item', 'order_fulfillment', 'payment']) as t
        where not exists (select from workflow_events e where e.table_name = t)";
    let untold: Option<String> = shop.db.query_one(untold, &[]).await.expect("asked").get(0);
    assert_eq!(untold, None, "no event of these");
}

#[tokio::test]
async fn medusas_checkout_does_not_depend_on_the_shops_own_orders() {
    let shop = with(MEDUSAS).await;
    shop.db.batch_execute(CHECKOUT).await.expect("a shop beside Medusa");
    let strict = "delete from orders; alter table orders add column till text, add check (till is not null)";
    shop.db.batch_execute(strict).await.expect("a table that refuses rows of others");
    let report = adopts(&shop).await;
    let mend = difference(&report, "mirror of public.\"order\"")["mend"].as_str().expect("text");
    assert!(mend.contains("set orders = 'mirrored'"), "{mend}");
    shop.db.batch_execute(MEDUSA_WRITES).await.expect("Medusa's checkout");
    assert_eq!(shop.count("orders").await, 0);
}

#[tokio::test]
async fn an_adopted_shop_writes_what_it_wrote_before() {
    let shop = with(CHECKOUT).await;
    let report = adopts(&shop).await;
    for (constraint, there) in [
        ("constraint public.orders orders_status_check", "1 row breaks it: left out"),
        ("constraint public.orders orders_customer_id_fkey", "1 row breaks it: left out"),
        (
            "constraint public.orders orders_payment_status_check",
            "left out: the default of payment_status breaks it",
        ),
        ("constraint public.quotes quotes_status_check", "left out: the default of status breaks it"),
    ] {
        let found = difference(&report, constraint);
        assert!(found["there"].as_str().is_some_and(|text| text.starts_with(there)), "{found:#}");
        assert!(found["mend"].as_str().is_some_and(|text| text.contains("add constraint")), "{found:#}");
    }
    let unvalidated = "select count(*) from pg_constraint where not convalidated";
    assert_eq!(shop.number(unvalidated, &[]).await, 0);
    shop.db
        .batch_execute(
            "update orders set colour = 'red';
             insert into orders (customer_id, total) values ('00000000-0000-0000-0000-000000000001', 5);
             insert into orders (customer_id, total, status) values ('00000000-0000-0000-0000-000000000008', 5, 'odd');
             insert into quotes default values; insert into pages (slug) values ('home');",
        )
        .await
        .expect("the shop's own way of writing");
    let broken = shop.db.batch_execute("update orders set refunded_total = 101 where total = 100").await;
    assert!(broken.is_err(), "what nothing breaks is checked");
}

#[tokio::test]
async fn a_backend_with_a_login_of_its_own_still_sees_its_rows() {
    let shop = with(CHECKOUT).await;
    let (webapp, url) = login(&shop, "webapp").await;
    let granted = format!("grant select, insert, update on customers, orders to {webapp}");
    shop.db.batch_execute(&granted).await.expect("granted");
    let report = adopts(&shop).await;
    let found = difference(&report, "row security public.orders");
    let (there, mend) = (found["there"].as_str().expect("text"), found["mend"].as_str().expect("text"));
    assert!(there.contains(&webapp) && there.contains("anon and authenticated have no grant"), "{there}");

    let backend = connect(&url).await;
    let seen = "select count(*) from orders";
    let count: i64 = backend.query_one(seen, &[]).await.expect("orders").get(0);
    assert_eq!(count, 2);
    backend.batch_execute("update orders set colour = 'blue'").await.expect("updated");
    let outside = "select has_table_privilege('anon', 'orders', 'select')::int
        + has_table_privilege('authenticated', 'orders', 'select')::int";
    assert_eq!(shop.number(outside, &[]).await, 0, "without row security nobody outside gets in");
    let on = "select count(*) from pg_class where relname = 'quotes' and relrowsecurity";
    assert_eq!(shop.number(on, &[]).await, 1, "where nobody is kept out, it is on");

    shop.db.batch_execute(mend).await.expect("the mend");
    let count: i64 = backend.query_one(seen, &[]).await.expect("orders").get(0);
    assert_eq!(count, 2);
    shop.db.batch_execute(&format!("drop owned by {webapp}")).await.expect("dropped");
}

#[tokio::test]
async fn who_holds_a_table_is_named_and_nothing_is_changed() {
    let shop = with(CHECKOUT).await;
    let holder = connect(&shop.url).await;
    holder
        .batch_execute(
            "set application_name = 'till 4'; set idle_in_transaction_session_timeout = 0;
                 begin; select from orders",
        )
        .await
        .expect("a reader");
    let pid: i32 = holder.query_one("select pg_backend_pid()", &[]).await.expect("pid").get(0);
    let (code, out, said) = shop.thendo(&["migrate", "--adopt"]).await;
    assert_eq!(code, Some(1), "{out}");
    for word in ["orders is held", "till 4", &pid.to_string(), "nothing was changed", "help: "] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(out.contains("trying once more"), "{out}");
    is_untouched(&shop).await;
    holder.batch_execute("commit").await.expect("let go");
    adopts(&shop).await;
}

#[tokio::test]
async fn tables_of_another_owner_are_named_and_nothing_is_changed() {
    let shop = with(CHECKOUT).await;
    let (owner, _) = login(&shop, "owner").await;
    let (login, url) = login(&shop, "adopter").await;
    let mixed = format!(
        "alter table customers owner to {login}; alter table orders owner to {owner};
         alter table quotes owner to {owner}; drop function auth.jwt() cascade"
    );
    shop.db.batch_execute(&mixed).await.expect("mixed owners");
    let ran = crate::support::server::thendo()
        .args(["migrate", "--adopt", "--database-url", &url])
        .output()
        .expect("the binary");
    let (out, said) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert_eq!(ran.status.code(), Some(1), "{out}{said}");
    for table in ["public.orders", "public.quotes"] {
        assert_eq!(out.matches(&format!("✕ {table} ")).count(), 1, "{out}{said}");
    }
    assert!(out.contains(&format!("belongs to {owner}")) && out.contains("auth.jwt()"), "{out}");
    assert!(!out.contains("public.customers"), "{out}");
    assert!(out.contains("not adopted; nothing was changed") && said.contains("help: "), "{out}{said}");
    is_untouched(&shop).await;
    shop.db.batch_execute(&format!("drop owned by {owner}, {login} cascade")).await.expect("dropped");
}

#[tokio::test]
async fn money_with_fractions_is_not_taken_for_cents() {
    let shop = with("
        create table public.orders (id uuid primary key default gen_random_uuid(), customer_id uuid, total numeric(10,2));
        create view public.takings as select sum(total) as sum from public.orders;
        create view public.report as select sum from public.takings;
        create table public.quotes (id uuid primary key default gen_random_uuid(), amount double precision);
        insert into public.orders (total) values (250.00)").await;
    let (code, out, said) = shop.thendo(&["migrate", "--adopt"]).await;
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("✕ public.orders.total") && out.contains("✕ public.quotes.amount"), "{out}");
    assert!(out.contains("view public.report, view public.takings use(s) the column"), "{out}");
    assert!(said.contains("public.orders.total: numeric(10,2)") && said.contains("* 100"), "{said}");
    is_untouched(&shop).await;
    let whole = "drop view public.takings cascade;
        alter table public.orders alter column total type integer using round(total * 100)::integer;
        alter table public.quotes alter column amount type bigint using round(amount::numeric * 100)::bigint";
    shop.db.batch_execute(whole).await.expect("mended");
    adopts(&shop).await;
}

#[tokio::test]
async fn what_belongs_to_a_table_that_could_not_be_made_is_not_told_piece_by_piece() {
    let shop = with("create sequence public.deposits").await;
    let (code, out, said) = shop.thendo(&["migrate", "--adopt", "--format", "json"]).await;
    assert_eq!(code, Some(1), "{out}");
    let report: Value = serde_json::from_str(&out).expect("the report is shown");
    let about =
        |difference: &&Value| difference["object"].as_str().is_some_and(|o| o.contains("public.deposits"));
    let told: Vec<&Value> = report["differences"].as_array().expect("a list").iter().filter(about).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["object"], "table public.deposits");
    assert!(said.contains("already exists") && said.contains("help: "), "{said}");
    assert_eq!(report["recorded"], 0);
    is_untouched(&shop).await;
}
