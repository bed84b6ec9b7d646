//! `thendo detach` and `thendo attach`: all of thendo's triggers, and nobody is held up by it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::server::Server;
use crate::support::supabase::Guest;
use crate::support::{Shop, connect};

const TRIGGERS: &str = "select count(*) from pg_trigger t join pg_proc p on p.oid = t.tgfoid
    where not t.tgisinternal and p.proname in ('record_event', 'mirror_medusa_order', 'mirror_medusa_fulfilment', 'mirror_medusa_stock')";
const ALL: &str = "select count(*) from pg_trigger where not tgisinternal";
const MIRRORS: &str =
    "select count(*) from pg_trigger where tgname like 'mirror_medusa_%' and not tgisinternal";

/// Runs it with `--format json`.
async fn told(shop: &Shop, args: &[&str]) -> Value {
    let (code, out, said) = shop.thendo(&[args, &["--format", "json"]].concat()).await;
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&out).expect("JSON")
}

async fn goes_and_comes_back(shop: &Shop, mirrors: i64) {
    let (before, all) = (shop.number(TRIGGERS, &[]).await, shop.number(ALL, &[]).await);
    assert_eq!(shop.number(MIRRORS, &[]).await, mirrors);
    let (_, _, said) = shop.thendo(&["detach"]).await;
    assert!(said.contains(&format!("would remove {before} triggers")), "{said}");
    let removed = told(shop, &["detach", "--yes"]).await;
    assert_eq!(removed["removed"], before, "{removed:#}");
    assert_eq!(removed["triggers"].as_array().map(Vec::len), usize::try_from(before).ok());
    assert_eq!(shop.number(TRIGGERS, &[]).await, 0);
    assert_eq!(shop.number(ALL, &[]).await, all - before);

    let (code, out, said) = shop.thendo(&["migrate"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(!out.contains("picked up"), "{out}");
    assert_eq!(shop.number(TRIGGERS, &[]).await, 0, "migrating attaches nothing that was detached");
    assert_eq!(told(shop, &["detach", "--yes"]).await["removed"], 0);

    assert_eq!(told(shop, &["attach"]).await["attached"], before);
    assert_eq!(shop.number(ALL, &[]).await, all);
    assert_eq!(shop.number(MIRRORS, &[]).await, mirrors);
}

#[tokio::test]
async fn detaching_counts_the_triggers_it_takes_off() {
    goes_and_comes_back(&Shop::open().await, 4).await;
}

#[tokio::test]
async fn detached_from_medusa_its_orders_are_ours_no_more_and_then_again() {
    let guest = Guest::of_plain_owner(Server::Usual).await;
    connect(&guest.url)
        .await
        .batch_execute(include_str!("support/medusa.sql"))
        .await
        .expect("Medusa's tables");
    let ran = guest.migrates();
    assert!(ran.status.success(), "migrate: {}", String::from_utf8_lossy(&ran.stderr));
    let shop = guest.opens().await;
    let sql = "insert into \"order\" (id, email, currency_code, status, is_draft_order, version)
        values ($1, 'grace@example.com', 'eur', 'pending', false, 1)";
    shop.db.execute(sql, &[&"order_1"]).await.expect("an order");
    assert_eq!(shop.count("orders").await, 1);
    goes_and_comes_back(&shop, 10).await;
    told(&shop, &["detach", "--yes"]).await;
    shop.db.execute(sql, &[&"order_2"]).await.expect("an order");
    assert_eq!(shop.count("orders").await, 1);
    told(&shop, &["attach"]).await;
    shop.db.execute(sql, &[&"order_3"]).await.expect("an order");
    // The orders that the mirror itself linked are no sign that the shop links them.
    assert_eq!(shop.count("orders").await, 2);
}

#[tokio::test]
async fn detaching_gives_way_to_a_long_reader_and_names_it() {
    let shop = Shop::open().await;
    let before = shop.number(TRIGGERS, &[]).await;
    let reader = connect(&shop.url).await;
    reader
        .batch_execute("set application_name = 'report'; begin; select count(*) from orders")
        .await
        .expect("read");
    shop.db.batch_execute("set lock_timeout = 0").await.expect("set");
    let others = async {
        let mut longest = Duration::ZERO;
        for _ in 0..30 {
            let begun = Instant::now();
            shop.count("orders").await;
            longest = longest.max(begun.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        longest
    };
    let ((code, out, said), longest) = tokio::join!(shop.thendo(&["detach", "--yes"]), others);
    assert_eq!(code, Some(1), "{out}");
    assert!(longest < Duration::from_secs(3), "a reader waited {longest:?}");
    let pid: i32 = reader.query_one("select pg_backend_pid()", &[]).await.expect("a number").get(0);
    assert!(said.contains("table orders is in use") && said.contains("(report)"), "{said}");
    assert!(said.contains("help") && said.contains(&format!("pg_terminate_backend({pid})")), "{said}");
    assert_eq!(shop.number(TRIGGERS, &[]).await, before, "all or nothing");
    reader.batch_execute("rollback").await.expect("over");
    assert_eq!(told(&shop, &["detach", "--yes"]).await["removed"], before);
}

#[tokio::test]
async fn tables_of_medusa_s_own_user_are_left_to_it_until_it_lets_us_in() {
    let guest = Guest::of_plain_owner(Server::Usual).await;
    let medusa = connect(&guest.admin_url).await;
    medusa.batch_execute(include_str!("support/medusa.sql")).await.expect("Medusa's tables");
    let ran = guest.migrates();
    assert!(ran.status.success(), "migrate: {}", String::from_utf8_lossy(&ran.stderr));
    let shop = guest.opens().await;
    let product = "insert into product (id, title, handle, status) values ($1, 'Tea', $1, 'draft')";
    medusa.execute(product, &[&"prod_1"]).await.expect("Medusa works");
    let events = "select count(*) from workflow_events where table_name = 'product'";
    assert_eq!(shop.number(events, &[]).await, 0);
    medusa
        .batch_execute(
            "do $$ declare one regclass; begin
                 for one in select c.oid from pg_class c where c.relkind = 'r' and c.relowner <> 'shop_owner'::regrole
                                and c.relnamespace = 'public'::regnamespace
                 loop execute format('grant select, trigger on %s to shop_owner', one); end loop; end $$",
        )
        .await
        .expect("let in");
    told(&shop, &["attach"]).await;
    medusa.execute(product, &[&"prod_2"]).await.expect("Medusa works");
    assert_eq!(shop.number(events, &[]).await, 1);
    let order = "insert into \"order\" (id, email, currency_code, status, is_draft_order, version)
        values ('order_1', 'grace@example.com', 'eur', 'pending', false, 1)";
    medusa.execute(order, &[]).await.expect("Medusa works");
    assert_eq!(shop.count("orders").await, 1);
}
