//! A made-up past: the same for the same seed, sound, and silent.

use std::process::Output;

use serde_json::Value;

use crate::support::server::thendo;
use crate::support::{Shop, points_and_deposit, until};

const UNTIL: &str = "2026-06-01";

fn seed(shop: &Shop, more: &[&str]) -> Output {
    seed_of(shop, "2000", UNTIL, more)
}

fn seed_of(shop: &Shop, orders: &str, until: &str, more: &[&str]) -> Output {
    thendo()
        .args(["demo", "seed", "--orders", orders, "--until", until, "--format", "json"])
        .args(["--database-url", &shop.url])
        .args(more)
        .output()
        .expect("the built binary")
}

fn sound(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Without orders of its own. (Its one customer stays.)
async fn seeded(more: &[&str]) -> (Shop, Value) {
    let shop = Shop::open().await;
    shop.db.batch_execute("truncate workflow_events, workflow_queue").await.expect("forgotten");
    let told = sound(&seed(&shop, more));
    (shop, told)
}

/// A checksum of each table that was filled, without what the database itself drew or stamped.
async fn checksums(shop: &Shop, told: &Value) -> Vec<(String, String)> {
    let mut sums = Vec::new();
    let tables = told["tables"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|table| table["table"].as_str().expect("a name"));
    for table in tables.chain(["loyalty_points", "page_content_history"]) {
        let stamped = match table {
            "page_content_history" | "loyalty_points" => "'{id,created_at,updated_at}'::text[]",
            _ => "'{}'::text[]",
        };
        let made_here = if table == "customers" { "where email <> 'ada@example.com'" } else { "" };
        let sql = format!(
            "select coalesce(md5(string_agg(r, '' order by r)), '')
               from (select (to_jsonb(t) - {stamped})::text as r from {table} t {made_here}) rows"
        );
        let sum = shop.db.query_one(&sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0);
        sums.push((table.to_owned(), sum));
    }
    sums
}

#[tokio::test]
async fn the_same_seed_makes_the_same_shop_and_another_another() {
    let (one, told) = seeded(&[]).await;
    let (two, _) = seeded(&[]).await;
    let (other, _) = seeded(&["--seed", "7"]).await;
    let (sums, same, others) =
        (checksums(&one, &told).await, checksums(&two, &told).await, checksums(&other, &told).await);
    assert!(sums.len() >= 30, "{sums:?}");
    for ((sum, same), other) in sums.iter().zip(&same).zip(&others) {
        assert_eq!(sum, same);
        assert_ne!(sum, other);
    }
}

#[tokio::test]
async fn a_second_run_refuses_and_another_seed_goes_beside_it() {
    let (shop, _) = seeded(&[]).await;
    let said = |output: Output| {
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let again = said(seed(&shop, &[]));
    assert!(again.contains("already seeded with --seed 1") && again.contains("--seed 2"), "{again}");
    let larger = said(seed_of(&shop, "2001", UNTIL, &[]));
    assert!(larger.contains("--orders 2000 --until 2026-06-01"), "{larger}");
    assert_eq!(shop.count("orders").await, 2_000);
    sound(&seed(&shop, &["--seed", "2"]));
    assert_eq!(shop.count("orders").await, 4_000);
}

#[tokio::test]
async fn a_shop_with_orders_of_its_own_is_left_alone_unless_told() {
    let shop = Shop::open().await;
    shop.places_order(80_00).await;
    let refused = seed(&shop, &[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("--yes"), "{said}");
    assert_eq!(shop.count("orders").await, 1);
    sound(&seed(&shop, &["--yes"]));
    assert_eq!(shop.count("orders").await, 2_001);
    let events = "select count(*) from workflow_queue";
    assert_eq!(shop.number(events, &[]).await, shop.count("workflow_events").await, "only its own");
}

#[tokio::test]
async fn an_interrupted_seeding_goes_on() {
    let (shop, told) = seeded(&[]).await;
    let before = checksums(&shop, &told).await;
    // As if it had stopped after the base.
    shop.db
        .batch_execute(
            "truncate orders, customers cascade;
             truncate product_waitlist, waitlist_campaign_recipients, page_views, campaign_opens, campaign_clicks restart identity cascade;
             update maintenance set took_ms = 0 where task like 'demo seed%'",
        )
        .await
        .expect("half of it");
    sound(&seed(&shop, &[]));
    assert_eq!(checksums(&shop, &told).await, before);
}

#[tokio::test]
async fn events_are_recorded_if_they_are_wanted() {
    let shop = Shop::open().await;
    sound(&seed_of(&shop, "50", UNTIL, &["--with-events"]));
    let events = "select count(*) from workflow_events e join workflow_queue q on q.event_id = e.id
                   where e.table_name = 'orders' and e.operation = 'insert'";
    assert_eq!(shop.number(events, &[]).await, 50);
}

#[tokio::test]
async fn the_past_is_sound_and_starts_nothing() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.has_settled().await;
    shop.db.batch_execute("truncate workflow_events").await.expect("forgotten");
    let told = sound(&seed(&shop, &[]));
    assert_eq!(
        told["tables"].as_array().expect("a list").iter().find(|t| t["table"] == "orders").expect("orders")["rows"],
        2_000
    );
    for silent in [
        "workflow_events",
        "workflow_queue",
        "workflow_executions",
        "workflow_waiting",
        "workflow_deliveries",
    ] {
        assert_eq!(shop.count(silent).await, 0, "{silent}");
    }
    for (what, sql) in NEVER {
        assert_eq!(
            shop.number(&format!("select count(*) from ({sql}) broken"), &[]).await,
            0,
            "{what}: {sql}"
        );
    }
    for (what, sql, least, most) in ABOUT {
        let share = shop.number(sql, &[]).await;
        assert!((*least..=*most).contains(&share), "{what}: {share} is not between {least} and {most}");
    }
}

/// What there must be none of.
const NEVER: &[(&str, &str)] = &[
    ("a balance that is not the sum of its lines",
     "select from loyalty_points p full join (select customer_id, sum(points) as s from loyalty_ledger group by 1) l using (customer_id)
       where p.balance is distinct from l.s"),
    ("a balance that was ever below zero",
     "select from (select sum(points) over (partition by customer_id order by created_at, id) as s from loyalty_ledger) l where s < 0"),
    ("an address that reaches somebody",
     "select from (select email from customers union all select email from subscribers union all select email from product_waitlist
       union all select email from waitlist_campaign_recipients union all select email from consents) a
       where email !~ '@example\\.(com|org|net)$'"),
    ("an instant after the past's end",
     "select from orders where greatest(created_at, updated_at, paid_at, fulfilled_at, cancelled_at) > '2026-06-01Z'"),
    ("instants in another order than things happen",
     "select from orders where paid_at < created_at or fulfilled_at < paid_at or cancelled_at < created_at"),
    ("money without an instant, or the other way round",
     "select from orders where (payment_status in ('paid', 'partially_refunded', 'refunded')) <> (paid_at is not null)"),
    ("a customer who ordered before being one",
     "select from orders o join customers c on c.id = o.customer_id where o.created_at < c.created_at"),
    ("a deposit that is not half, rounded up",
     "select from deposits d join orders o on o.id = d.order_id where d.amount <> (o.total + 1) / 2 or d.due_date <> o.created_at + interval '7 days'"),
    ("a review of what was not bought",
     "select from reviews r left join orders o on o.id = r.order_id and o.customer_id = r.customer_id and o.status = 'completed' where o.id is null"),
    ("a code counted wrongly",
     "select from referral_codes c where c.uses <> (select count(*) from customers r where r.referred_by = c.customer_id)"),
    ("a product that is not there",
     "select product_id from reviews union select product_id from product_waitlist union select product_id from product_category_mappings
       except select id from product"),
    ("a click without an opened mail",
     "select from campaign_clicks k left join campaign_opens o using (recipient_id) where o.recipient_id is null"),
];

/// In percent, or as told.
const ABOUT: &[(&str, &str, i64, i64)] = &[
    (
        "completed orders",
        "select 100 * count(*) filter (where status = 'completed') / count(*) from orders",
        75,
        95,
    ),
    ("orders in EUR", "select 100 * count(*) filter (where currency = 'EUR') / count(*) from orders", 78, 92),
    (
        "middle total, of what is no project",
        "select percentile_disc(0.5) within group (order by total) from orders where id not in (select order_id from deposits)",
        3_500,
        5_500,
    ),
    ("good ratings", "select 100 * count(*) filter (where rating >= 4) / count(*) from reviews", 70, 95),
    (
        "approved reviews",
        "select 100 * count(*) filter (where status = 'approved') / count(*) from reviews",
        80,
        100,
    ),
    (
        "orders of the second year",
        "select 100 * count(*) filter (where created_at > '2025-06-01') / count(*) from orders",
        65,
        85,
    ),
    (
        "orders of the best customer",
        "select max(n) from (select count(*) as n from orders group by customer_id) c",
        12,
        80,
    ),
    ("languages", "select count(distinct locale) from customers", 15, 40),
    ("posts", "select count(*) from blog_posts", 200, 400),
];

#[tokio::test]
async fn seeding_refuses_columns_of_another_type() {
    let shop = Shop::open().await;
    let other = "alter table public.consents alter column created_at drop default, alter column created_at type double precision using 0";
    shop.db.batch_execute(other).await.expect("another type");
    let ran = seed(&shop, &[]);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(!ran.status.success());
    assert!(
        said.contains("consents.created_at is of type float8") && said.contains("timestamp with time zone"),
        "{said}"
    );
    assert_eq!(shop.count("product_categories").await, 0, "before the first row");
}

#[tokio::test]
async fn seeding_that_is_interrupted_tells_the_command_that_goes_on() {
    let shop = Shop::open().await;
    let child = thendo()
        .args(["demo", "seed", "--orders", "100000", "--until", UNTIL, "--yes", "--database-url", &shop.url])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the built binary");
    until("it has begun", || async { shop.count("product_categories").await > 0 }).await;
    let interrupted = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("kill").success());
    let ended =
        tokio::task::spawn_blocking(|| child.wait_with_output().expect("its end")).await.expect("no panic");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("thendo demo seed --seed 1 --orders 100000 --until 2026-06-01 --yes"), "{said}");
}
