//! `thendo migrate` as operators and several daemons run it.

use crate::support::Shop;

#[tokio::test]
async fn four_that_migrate_at_once_all_succeed() {
    let shop = Shop::without_thendo().await;
    let [a, b, c, d] = [(); 4].map(|()| shop.thendo(&["migrate"]));
    let (a, b, c, d) = tokio::join!(a, b, c, d);
    let mut worked = 0;
    for (code, out, said) in [a, b, c, d] {
        assert_eq!(code, Some(0), "{said}{out}");
        worked += usize::from(out.contains("0011 orders"));
        assert!(out.contains("0011 orders") || out.contains("up to date"), "{out}");
    }
    assert_eq!(worked, 1, "one of them migrates");
    let (code, ..) = shop.thendo(&["migrate", "--check"]).await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn every_migrate_picks_up_what_the_server_offers_by_now() {
    let shop = Shop::open().await;
    let offers = "create or replace function public.pick_up_optional() returns setof text
        language sql as $$ values ('vectors'), ('medusa') $$";
    shop.db.batch_execute(offers).await.expect("a function");
    let (code, out, said) = shop.thendo(&["migrate"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("● vectors: picked up") && out.contains("● medusa: picked up"), "{out}");
    assert!(out.contains("up to date"), "{out}");
}

#[tokio::test]
async fn migrating_goes_to_public_whatever_the_search_path() {
    let shop = Shop::without_thendo().await;
    let sql = "create schema shop; do $$ begin
        execute format('alter database %I set search_path = shop, public', current_database()); end $$";
    shop.db.batch_execute(sql).await.expect("another search_path");
    let (code, _, said) = shop.thendo(&["migrate"]).await;
    assert_eq!(code, Some(0), "{said}");
    let strays = "select count(*) from pg_class where relnamespace = 'shop'::regnamespace";
    assert_eq!(shop.number(strays, &[]).await, 0);
    assert_eq!(shop.number("select count(to_regclass('public._sqlx_migrations'))", &[]).await, 1);
    let (code, ..) = shop.thendo(&["migrate", "--check"]).await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn migrating_that_the_server_refuses_is_told_in_its_words() {
    let shop = Shop::without_thendo().await;
    shop.db
        .batch_execute("create function public.minor_units(numeric, text) returns text return $2")
        .await
        .expect("in the way");
    let (code, _, said) = shop.thendo(&["migrate"]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("(SQLSTATE 42723)") && said.contains("minor_units"), "{said}");
    assert!(!said.contains("at line"), "{said}");
}

#[tokio::test]
async fn migrating_by_a_user_without_the_roles_says_so_before_the_first_migration() {
    let shop = Shop::without_thendo().await;
    let user = format!("plain_{}", uuid::Uuid::new_v4().simple());
    let name: String =
        shop.db.query_one("select current_database()::text", &[]).await.expect("a name").get(0);
    let sql = format!(
        "create role {user} login; grant all on database \"{name}\" to {user}; grant all on schema public to {user}"
    );
    shop.db.batch_execute(&sql).await.expect("a user");
    let url = shop.url.replacen("user=postgres", &format!("user={user}"), 1);
    let ran = crate::support::server::thendo()
        .args(["migrate", "--database-url", &url])
        .output()
        .expect("the binary");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success() && said.contains("thendo_engine") && said.contains("help"), "{said}");
    assert_eq!(shop.number("select count(to_regclass('public._sqlx_migrations'))", &[]).await, 0);
    let gone = format!("drop owned by {user}; drop role {user}");
    shop.db.batch_execute(&gone).await.expect("gone");
}
