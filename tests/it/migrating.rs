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
