//! A shop that was there before thendo is taken in as it is; and thendo can be taken off again.

use serde_json::Value;
use uuid::Uuid;

use crate::support::{Shop, points_and_deposit, until};

const COMMITTED: &str = include_str!("../../schema.sql");

/// An older shop: whole-number totals, no currencies, doubtful rows, doors of its own, Medusa's catalogue.
const OLDER_SHOP: &str = "
    create table public.customers (id uuid primary key default gen_random_uuid(), email text not null, name text);
    create table public.orders (
        id uuid primary key default gen_random_uuid(), customer_id uuid not null,
        status text not null default 'pending', total integer not null, colour text);
    create table public.pages (id uuid primary key default gen_random_uuid(), slug text not null unique);
    create table public.product (id text primary key, title text, medusas_own jsonb);
    create index orders_by_customer on public.orders using btree (customer_id);
    create function public.set_updated_at() returns trigger language plpgsql as
        $$ begin new.updated_at := now(); return new; end $$;
    alter table public.orders enable row level security;
    create policy \"Own orders\" on public.orders for select to authenticated using (customer_id = auth.uid());
    grant select, delete on public.orders to anon;
    insert into public.customers (id, email) values
        ('00000000-0000-0000-0000-000000000001', 'ada@example.com'),
        ('00000000-0000-0000-0000-000000000002', 'bob@example.com'),
        ('00000000-0000-0000-0000-000000000003', 'bob@example.com');
    insert into public.orders (customer_id, status, total, colour)
        select '00000000-0000-0000-0000-000000000001', 'completed', n, 'red' from generate_series(1, 500) n;
    insert into public.orders (customer_id, status, total) values
        ('00000000-0000-0000-0000-000000000001', 'odd', 100),
        ('00000000-0000-0000-0000-000000000001', 'stranger', 100),
        ('00000000-0000-0000-0000-000000000009', 'pending', 100);
    insert into public.pages (slug) values ('home'), ('about');
    insert into public.product values ('prod_1', 'A tent', '{}');";

/// Every row of the older shop, in the columns that it had.
const ROWS: &str = "select md5(string_agg(line, e'\\n' order by line)) from (
    select row(id, email, name)::text from public.customers
    union all select row(id, customer_id, status, total, colour)::text from public.orders
    union all select row(id, slug)::text from public.pages
    union all select row(id, title, medusas_own)::text from public.product) as rows (line)";

async fn older_shop() -> Shop {
    let shop = Shop::without_thendo().await;
    shop.db.batch_execute(OLDER_SHOP).await.expect("an older shop");
    shop
}

/// An older shop, taken in.
pub async fn adopted() -> Shop {
    let shop = older_shop().await;
    let (code, out, said) = shop.thendo(&["migrate", "--adopt"]).await;
    assert_eq!(code, Some(0), "{said}{out}");
    shop
}

async fn rows(shop: &Shop) -> String {
    shop.db.query_one(ROWS, &[]).await.expect("rows").get(0)
}

async fn schema_of(shop: &Shop) -> String {
    let (code, schema, said) = shop.thendo(&["migrate", "--print-schema", "--with-rows"]).await;
    assert_eq!(code, Some(0), "{said}");
    schema
}

/// The difference about an object: what is there, and how much it matters.
fn about<'a>(report: &'a Value, object: &str) -> (&'a str, &'a str) {
    let all = report["differences"].as_array().expect("differences");
    let found = all.iter().find(|difference| difference["object"] == object);
    let found = found.unwrap_or_else(|| panic!("nothing about {object} in {report:#}"));
    (found["there"].as_str().expect("text"), found["weight"].as_str().expect("text"))
}

#[tokio::test]
async fn a_populated_shop_is_adopted_and_no_row_of_it_changes() {
    let shop = older_shop().await;
    let (before, schema) = (rows(&shop).await, schema_of(&shop).await);

    let (code, _, said) = shop.thendo(&["migrate"]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("public.orders") && said.contains("--adopt"), "{said}");

    let (code, out, said) = shop.thendo(&["migrate", "--adopt", "--dry-run"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("only tried") && out.contains("public.orders.total"), "{out}");
    assert_eq!(schema_of(&shop).await, schema, "a dry run changes nothing");

    let (code, out, said) = shop.thendo(&["migrate", "--adopt", "--format", "json"]).await;
    assert_eq!(code, Some(0), "{said}{out}");
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["adopted"], true);
    assert_eq!(rows(&shop).await, before, "what was there is as it was");
    differences_are_told(&report);
    own_doors_are_kept(&shop).await;

    let (code, _, said) = shop.thendo(&["migrate", "--check"]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, _, said) = shop.thendo(&["migrate", "--adopt"]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("thendo's already"), "{said}");
}

fn differences_are_told(report: &Value) {
    assert_eq!(about(report, "public.orders.total"), ("integer", "warns"));
    let (there, _) = about(report, "constraint public.orders orders_status_check");
    assert!(there.starts_with("2 rows break it"), "{there}");
    let (there, _) = about(report, "constraint public.orders orders_customer_id_fkey");
    assert!(there.starts_with("1 row breaks it"), "{there}");
    let (there, _) = about(report, "constraint public.customers customers_email_key");
    assert!(there.contains("bob@example.com"), "{there}");
    assert_eq!(about(report, "public.pages.title").0, "added, null in the rows that are there");
    assert!(about(report, "function public.set_updated_at()").0.contains("now()"));
    assert!(about(report, "grant on public.orders to anon").0.contains("delete"));
    let added = report["added"].as_array().expect("a list");
    for what in ["table public.deposits", "column public.orders.currency", "table public.workflow_events"] {
        assert!(added.iter().any(|added| added == what), "{what} is not in {added:#?}");
    }
    assert!(
        !added.iter().any(|added| added == "index public.orders idx_orders_customer_id"),
        "an index of that kind was there under another name"
    );
    assert_eq!(report["left_alone"], serde_json::json!(["public.product"]));
}

async fn own_doors_are_kept(shop: &Shop) {
    let outside = "select string_agg(policyname::text, ', ') from pg_policies
        where tablename = 'orders' and roles && array['anon', 'authenticated', 'public']::name[]";
    let names: String = shop.db.query_one(outside, &[]).await.expect("policies").get(0);
    assert_eq!(names, "Own orders");
    let still: bool = shop
        .db
        .query_one("select has_table_privilege('anon', 'public.orders', 'delete')", &[])
        .await
        .expect("asked")
        .get(0);
    assert!(still, "no grant is taken away");
}

#[tokio::test]
async fn workflows_run_in_an_adopted_shop() {
    let mut shop = older_shop().await;
    let (code, _, said) = shop.thendo(&["migrate", "--adopt"]).await;
    assert_eq!(code, Some(0), "{said}");
    shop.customer = Uuid::from_u128(1);
    let _daemon = shop.daemon().await;
    shop.publishes("deposits", &points_and_deposit()).await;
    let order: Uuid = shop
        .db
        .query_one(
            "insert into orders (customer_id, total) values ($1, 25000) returning id",
            &[&shop.customer],
        )
        .await
        .expect("an order")
        .get(0);
    until("the deposit is there", || async {
        shop.number("select count(*) from deposits where order_id = $1 and amount = 12500", &[&order]).await
            == 1
    })
    .await;
}

#[tokio::test]
async fn adopting_what_thendo_itself_would_make_finds_nothing() {
    let shop = Shop::without_thendo().await;
    shop.db.batch_execute("set statement_timeout = 0").await.expect("set");
    shop.db.batch_execute(COMMITTED).await.expect("schema.sql");
    let (code, out, said) = shop.thendo(&["migrate", "--adopt", "--format", "json"]).await;
    assert_eq!(code, Some(0), "{said}");
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["differences"], serde_json::json!([]), "{report:#}");
    assert_eq!(report["added"], serde_json::json!([]), "{report:#}");
    let schema = schema_of(&shop).await;
    let other = schema.lines().zip(COMMITTED.lines()).find(|(is, expected)| is != expected);
    assert_eq!(other, None);
    assert_eq!(schema, COMMITTED);
    let (code, ..) = shop.thendo(&["migrate", "--check"]).await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn an_adoption_that_the_engine_could_not_work_with_leaves_nothing() {
    let shop = Shop::without_thendo().await;
    let other = "create table public.customers (id text primary key, email text not null unique);
        create table public.deposits (id uuid primary key, order_id uuid not null, amount bigint not null,
            ledger text not null);
        insert into public.customers values ('cus_1', 'ada@example.com')";
    shop.db.batch_execute(other).await.expect("another shop");
    let before = schema_of(&shop).await;
    let (code, out, said) = shop.thendo(&["migrate", "--adopt"]).await;
    assert_eq!(code, Some(1), "{out}");
    assert!(said.contains("public.customers.id") && said.contains("can't be prepared"), "{said}");
    assert!(said.contains("public.deposits.ledger"), "{said}");
    assert!(said.contains("help: ") && said.contains("set default"), "{said}");
    assert!(out.contains("mend") && out.contains("alter table public.customers alter column id"), "{out}");
    assert_eq!(schema_of(&shop).await, before);
    let left = shop.number("select count(*) from pg_class where relname = '_sqlx_migrations'", &[]).await;
    assert_eq!(left, 0);
}

#[tokio::test]
async fn only_types_and_keys_that_the_engine_stumbles_over_are_in_the_way_of_adopting() {
    let shop = Shop::without_thendo().await;
    let other = "create table public.customers (id uuid primary key, email varchar(100) not null unique);
        create table public.loyalty_points (customer_id uuid primary key, balance integer not null default 0)";
    shop.db.batch_execute(other).await.expect("another shop");
    let (code, out, said) = shop.thendo(&["migrate", "--adopt", "--dry-run", "--format", "json"]).await;
    assert_eq!(code, Some(1), "{said}");
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(about(&report, "public.customers.email"), ("character varying(100)", "warns"));
    assert_eq!(about(&report, "public.loyalty_points.balance"), ("integer", "blocks"));
    let obstacle = &report["obstacles"][0];
    assert_eq!(obstacle["statement"], "award_points", "{report:#}");
    assert_eq!(obstacle["about"], serde_json::json!(["public.loyalty_points.balance"]));

    // No key to meet: an `on conflict` could not be planned.
    let keyless = "alter table public.loyalty_points drop constraint loyalty_points_pkey,
            alter column balance type bigint, add primary key (balance, customer_id)";
    shop.db.batch_execute(keyless).await.expect("another key");
    let (code, _, said) = shop.thendo(&["migrate", "--adopt"]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("award_points") && said.contains("ON CONFLICT"), "{said}");
}

#[tokio::test]
async fn detached_a_shop_keeps_its_data_and_tells_nothing_until_it_is_attached() {
    let shop = Shop::open().await;
    shop.places_order(100).await;
    let (code, _, said) = shop.thendo(&["detach"]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("--yes"), "{said}");
    assert!(shop.number(TRIGGERS, &[]).await > 0, "nobody agreed");

    let (code, out, said) = shop.thendo(&["detach", "--yes"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("− orders") && out.contains("record_insert") && out.contains("queued"), "{out}");
    assert_eq!(shop.number(TRIGGERS, &[]).await, 0);
    let events = shop.count("workflow_events").await;
    shop.places_order(200).await;
    assert_eq!(shop.count("workflow_events").await, events);
    assert_eq!(shop.count("orders").await, 2);

    let (code, out, said) = shop.thendo(&["attach"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("+ orders"), "{out}");
    shop.places_order(300).await;
    assert!(shop.count("workflow_events").await > events);
}

const TRIGGERS: &str = "select count(*) from pg_trigger where tgfoid = 'public.record_event'::regproc";
