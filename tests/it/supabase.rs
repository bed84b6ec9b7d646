//! thendo as a guest: in a project of hosted Supabase, and with a plain owner; nowhere a superuser.

use crate::support::server::Server;
use crate::support::supabase::{DefaultGrants, Guest};
use crate::support::{Shop, connect, points_and_deposit};

async fn migrated(guest: Guest) -> Shop {
    let ran = guest.migrates();
    assert!(ran.status.success(), "migrate: {}", String::from_utf8_lossy(&ran.stderr));
    guest.opens().await
}

async fn awards_points(shop: &Shop) {
    let login = "select (rolsuper or not rolcreaterole)::int from pg_roles where rolname = session_user";
    assert_eq!(shop.number(login, &[]).await, 0, "no superuser");
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    let order = shop.places_order(249_99).await;
    shop.has_settled().await;
    assert_eq!(shop.number("select balance from loyalty_points", &[]).await, 249);
    assert_eq!(shop.number("select amount from deposits where order_id = $1", &[&order]).await, 125_00);
}

/// What each role may do with each table and function of `public`: one line for each that may something.
async fn doors(shop: &Shop) -> String {
    let sql = "select coalesce(string_agg(line, e'\n' order by line), '') from (
            select format('%s: %s may %s', c.oid::regclass, r.rolname,
                          string_agg(p.privilege, ', ' order by p.privilege)) as line
            from pg_class c, pg_roles r,
                 unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'])
                     as p(privilege)
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
              and r.rolname in ('anon', 'authenticated', 'service_role')
              and has_table_privilege(r.oid, c.oid, p.privilege)
            group by c.oid, r.rolname
            union all
            select format('%s: %s may execute', f.oid::regprocedure, r.rolname)
            from pg_proc f, pg_roles r
            where f.pronamespace = 'public'::regnamespace
              and r.rolname in ('anon', 'authenticated', 'service_role')
              and has_function_privilege(r.oid, f.oid, 'execute')
            union all
            select format('%s: %s may use it', c.oid::regclass, r.rolname)
            from pg_class c, pg_roles r
            where c.relnamespace = 'public'::regnamespace and c.relkind = 'S'
              and r.rolname in ('anon', 'authenticated', 'service_role')
              and has_sequence_privilege(r.oid, c.oid, 'usage, select, update')
        ) as lines";
    shop.db.query_one(sql, &[]).await.expect("a list").get(0)
}

#[tokio::test]
async fn the_whole_way_works_in_a_new_project_of_supabase() {
    let shop = migrated(Guest::of_supabase(Server::Usual, DefaultGrants::Revoked).await).await;
    awards_points(&shop).await;
}

#[tokio::test]
async fn the_whole_way_works_in_an_old_project_of_supabase() {
    let shop = migrated(Guest::of_supabase(Server::Usual, DefaultGrants::OldProject).await).await;
    awards_points(&shop).await;
}

#[tokio::test]
async fn the_whole_way_works_for_an_owner_who_may_only_create_roles() {
    let shop = migrated(Guest::of_plain_owner(Server::Usual).await).await;
    awards_points(&shop).await;
}

#[tokio::test]
#[ignore = "needs a newer PostgreSQL: make test"]
async fn the_whole_way_works_for_guests_of_a_newer_postgresql() {
    let shop = migrated(Guest::of_supabase(Server::Newer, DefaultGrants::Revoked).await).await;
    awards_points(&shop).await;
    let shop = migrated(Guest::of_plain_owner(Server::Newer).await).await;
    awards_points(&shop).await;
}

#[tokio::test]
async fn whatever_new_tables_get_by_themselves_the_engine_s_doors_end_the_same() {
    let new = migrated(Guest::of_supabase(Server::Usual, DefaultGrants::Revoked).await).await;
    let old = migrated(Guest::of_supabase(Server::Usual, DefaultGrants::OldProject).await).await;
    let (new, old) = (doors(&new).await, doors(&old).await);
    assert_eq!(of_the_engine(&new), of_the_engine(&old));
    assert!(new.contains("workflows: service_role may delete, insert, select, update"), "{new}");
}

/// What nobody but the daemon reads or writes.
fn of_the_engine(doors: &str) -> Vec<&str> {
    let tables = [
        "workflow_events",
        "workflow_queue",
        "workflow_waiting",
        "workflow_deliveries",
        "workflow_plan_epoch",
    ];
    doors
        .lines()
        .filter(|line| line.split_once(':').is_some_and(|(thing, _)| tables.contains(&thing)))
        .collect()
}

#[tokio::test]
async fn the_look_alike_is_as_locked_as_supabase() {
    let guest = Guest::of_supabase(Server::Usual, DefaultGrants::Revoked).await;
    let migrator = connect(&guest.url).await;
    for refused in [
        "create table auth.ours (id int)",
        "create function auth.ours() returns int language sql as 'select 1'",
        "create index on auth.users (created_at)",
        "alter table auth.users add column ours int",
        "create role another superuser",
        "set role supabase_admin",
        "set role supabase_auth_admin",
    ] {
        let fault = migrator.batch_execute(refused).await.expect_err(refused);
        assert_eq!(fault.code().map(|code| code.code()), Some("42501"), "{refused}: {fault:?}");
    }
    migrator
        .batch_execute(
            "create table ours (id uuid references auth.users, sealed bytea default extensions.gen_random_bytes(8));
             select auth.uid(), auth.role(), auth.jwt(), auth.email() from auth.users;
             set role service_role;",
        )
        .await
        .expect("what a project's owner may");
}
