//! What must also be true on a newer major version of PostgreSQL, and what only the one with pgvector can show.

use crate::support::server::thendo;
use crate::support::{Shop, points_and_deposit};

#[tokio::test]
#[ignore = "needs a newer PostgreSQL: make test"]
async fn all_migrations_run_on_a_newer_postgresql() {
    let shop = Shop::open_on_newer().await;
    let major = shop.number("select current_setting('server_version_num')::int / 10000", &[]).await;
    assert!(major > 15, "PostgreSQL {major} is not newer than the oldest that works");
    let check =
        thendo().args(["migrate", "--check", "--database-url", &shop.url]).output().expect("the binary");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    for sql in thendo::store::statements() {
        shop.db.prepare(sql.text).await.unwrap_or_else(|e| panic!("{}: {e:?}", sql.name));
    }
}

#[tokio::test]
#[ignore = "needs a newer PostgreSQL: make test"]
async fn an_order_awards_points_on_a_newer_postgresql() {
    let shop = Shop::open_on_newer().await;
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    let order = shop.places_order(249_99).await;
    shop.has_settled().await;
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 249);
    assert_eq!(shop.number("select amount from deposits where order_id = $1", &[&order]).await, 125_00);
}

#[tokio::test]
#[ignore = "needs a newer PostgreSQL: make test"]
async fn pgvector_and_contrib_are_to_be_had() {
    let shop = Shop::open_on_newer().await;
    shop.db
        .batch_execute(
            "create schema if not exists extensions;
             create extension if not exists vector schema extensions;
             create extension if not exists pgcrypto schema extensions;
             create table near (id int primary key, embedding extensions.vector(3));
             create index near_embedding on near using hnsw (embedding extensions.vector_cosine_ops);
             insert into near values (1, '[1,0,0]'), (2, '[0,1,0]'), (3, '[0.9,0.1,0]');",
        )
        .await
        .expect("a vector's column and its index");
    let nearest = "select id from near order by embedding operator(extensions.<=>) '[0.8,0.2,0]' limit 1";
    assert_eq!(shop.number(nearest, &[]).await, 3);
    let sealed = "select length(extensions.pgp_sym_encrypt('token', 'key', 'cipher-algo=aes256'))";
    assert!(shop.number(sealed, &[]).await > 0);
}
