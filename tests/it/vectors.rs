//! Semantic search, where the server has pgvector: indexed, within what a reader may see, and picked up whenever it comes.

use tokio_postgres::Client;
use uuid::Uuid;

use crate::acts::{account, as_role};
use crate::support::Shop;
use crate::support::server::thendo;

/// Posts with embeddings around 50 directions; those of an odd number are drafts.
async fn fills(db: &Client, posts: i32) {
    let sql = "select setseed(0.5);
        create or replace function pg_temp.near(n integer) returns extensions.vector language sql volatile as $$
            select array_agg(sin(n % 50 * 37 + d) + random() * 0.3)::real[]::extensions.vector(1536) from generate_series(1, 1536) d $$;
        set maintenance_work_mem = '512MB'";
    db.batch_execute(sql).await.expect("prepared");
    let sql = "insert into blog_posts (slug, title, status, embedding)
        select 'post-' || n, 'Post ' || n, case when n % 2 = 0 then 'published' else 'draft' end, pg_temp.near(n / 2)
          from generate_series(1, $1) n";
    db.execute(sql, &[&posts]).await.expect("posts");
    db.batch_execute("analyze blog_posts").await.expect("analysed");
}

const NEAREST: &str = "select s.slug, p.status from search_content(
    (select embedding from blog_posts where slug = 'post-100'), $1) s left join blog_posts p on p.id = s.id";

async fn finds(db: &Client, n: i32) -> Vec<String> {
    db.query(NEAREST, &[&n]).await.expect("found").iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
#[ignore = "needs a newer PostgreSQL: make test"]
async fn readers_find_what_they_may_read_and_enough_of_it() {
    let shop = Shop::open_on_newer().await;
    fills(&shop.db, 2000).await;
    let anon = as_role(&shop, "anon", None).await;
    // Many of the nearest are drafts, and the index by itself gives 40.
    for n in [1, 5, 100] {
        let found = finds(&anon, n).await;
        assert_eq!(found.len(), usize::try_from(n).expect("small"), "{n} asked for");
        assert!(found.iter().all(|slug| slug[5..].parse::<u32>().expect("a number") % 2 == 0), "{found:?}");
    }
    assert_eq!(finds(&anon, 1000).await.len(), 100, "at most 100");
    assert_eq!(finds(&anon, 1).await, ["post-100"]);
    let (boss, _) = account(&shop.db, "boss@x.example").await;
    shop.db.execute("select grant_admin($1)", &[&boss]).await.expect("granted");
    let admin = as_role(&shop, "authenticated", Some(boss)).await;
    assert!(finds(&admin, 100).await.iter().any(|slug| slug[5..].parse::<u32>().expect("a number") % 2 == 1));
    let related =
        "select r.slug, r.distance from blog_posts p, related_posts(p.id, 5) r where p.slug = 'post-100'";
    let rows = anon.query(related, &[]).await.expect("related");
    let far: Vec<f64> = rows.iter().map(|row| row.get(1)).collect();
    assert!(rows.len() == 5 && far.is_sorted() && far[0] > 0.0, "{far:?}");
    assert!(rows.iter().all(|row| row.get::<_, String>(0) != "post-100"), "not itself");
    let hidden: Uuid = shop
        .db
        .query_one("select id from blog_posts where slug = 'post-101'", &[])
        .await
        .expect("a draft")
        .get(0);
    for asked in [hidden, Uuid::nil()] {
        let rows = anon.query("select slug from related_posts($1, 5)", &[&asked]).await.expect("asked");
        assert!(rows.is_empty(), "what one can't read has no neighbours");
    }
    let scheduled = "update blog_posts set published_at = now() + interval '1 day' where slug = 'post-100'";
    shop.db.execute(scheduled, &[]).await.expect("scheduled");
    assert!(anon.query(related, &[]).await.expect("asked").is_empty());
}

#[tokio::test]
#[ignore = "needs a newer PostgreSQL: make test"]
async fn the_index_answers_among_many() {
    let shop = Shop::open_on_newer().await;
    shop.db.batch_execute("drop index idx_blog_posts_embedding").await.expect("built anew, which is faster");
    fills(&shop.db, 10_000).await;
    // Among 100,000 posts. The others have no embedding yet: to build all of them into an index takes minutes.
    let others = "insert into blog_posts (slug, title, status) select 'plain-' || n, 'Post', 'published' from generate_series(1, 90000) n";
    shop.db.execute(others, &[]).await.expect("posts");
    let build =
        "create index idx_blog_posts_embedding on blog_posts using hnsw (embedding extensions.vector_l2_ops)";
    shop.db.batch_execute(build).await.expect("built");
    shop.db.batch_execute("analyze blog_posts").await.expect("analysed");
    for (role, who) in [("anon", "a reader"), ("service_role", "the backend")] {
        let db = as_role(&shop, role, None).await;
        let like = "explain (costs off) select p.id, p.embedding operator(extensions.<->) (select o.embedding from blog_posts o where o.slug = 'post-100')
            from blog_posts p where p.embedding is not null order by 2 limit 5";
        let plan: Vec<String> =
            db.query(like, &[]).await.expect("a plan").iter().map(|row| row.get(0)).collect();
        assert!(
            plan.iter().any(|line| line.contains("Index Scan using idx_blog_posts_embedding")),
            "{who}: {plan:#?}"
        );
    }
    let anon = as_role(&shop, "anon", None).await;
    let scans = "select idx_scan from pg_stat_user_indexes where indexrelname = 'idx_blog_posts_embedding'";
    assert_eq!(finds(&anon, 5).await.len(), 5);
    drop(anon);
    crate::support::until("the functions' scans are counted", || async { shop.number(scans, &[]).await > 0 })
        .await;
}

#[tokio::test]
#[ignore = "needs a newer PostgreSQL: make test"]
async fn vectors_that_come_later_are_picked_up() {
    let shop = Shop::open_on_newer().await;
    // As a server that had no pgvector when it was migrated.
    shop.db
        .batch_execute("drop extension vector cascade; drop function if exists related_posts(uuid, integer)")
        .await
        .expect("without");
    let there = "select (select count(*) from pg_attribute where attrelid = 'blog_posts'::regclass and attname = 'embedding' and not attisdropped)
        + (select count(*) from pg_proc where proname in ('related_posts', 'search_content')) + (select count(*) from pg_indexes where indexname = 'idx_blog_posts_embedding')";
    assert_eq!(shop.number(there, &[]).await, 0);
    shop.db
        .batch_execute("insert into blog_posts (slug, title, status) values ('a', 'A', 'published')")
        .await
        .expect("all else works");
    for _ in 0..2 {
        let ran = thendo().args(["migrate", "--database-url", &shop.url]).output().expect("the binary");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        assert_eq!(shop.number(there, &[]).await, 4);
    }
    let anon = as_role(&shop, "anon", None).await;
    let none = "select count(*) from blog_posts p, related_posts(p.id, 5)";
    assert_eq!(anon.query_one(none, &[]).await.expect("asked").get::<_, i64>(0), 0);
    let wrong = shop.db.execute("update blog_posts set embedding = '[1,2,3]'", &[]).await;
    assert!(wrong.is_err(), "another model's");
}

#[tokio::test]
async fn without_pgvector_all_else_works() {
    let shop = Shop::open().await;
    let offered = "select count(*) from pg_available_extensions where name = 'vector'";
    if shop.number(offered, &[]).await > 0 {
        return;
    }
    assert!(!shop.db.query_one("select pick_up_vectors()", &[]).await.expect("asked").get::<_, bool>(0));
    shop.db.batch_execute("insert into blog_posts (slug, title) values ('a', 'A')").await.expect("a post");
}
