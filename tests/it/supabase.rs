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

/// All that each role may do in `public`, with its tables, columns, sequences, functions and the schema itself: one line
/// for each thing with which a role may do something. And what row security says.
async fn doors(shop: &Shop) -> Vec<String> {
    let sql = "with roles as (select oid, rolname from pg_roles
            where rolname in ('anon', 'authenticated', 'service_role', 'thendo_engine', 'thendo_api')),
        things as (select oid, relkind, relacl, oid::regclass::text as name from pg_class
            where relnamespace = 'public'::regnamespace)
        select format('%s: %s may %s', t.name, r.rolname, string_agg(p.privilege, ', ' order by p.privilege))
          from things t, roles r, unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'])
                 as p(privilege)
         where t.relkind in ('r', 'p', 'v', 'm') and has_table_privilege(r.oid, t.oid, p.privilege)
         group by t.name, r.rolname
        union all
        select format('%s: %s may use it', t.name, r.rolname) from things t, roles r
         where t.relkind = 'S' and has_sequence_privilege(r.oid, t.oid, 'usage, select, update')
        union all
        select format('%s.%s: %s', t.name, a.attname, regexp_replace(a.attacl::text, '/[^,}]*', '', 'g')) from things t
          join pg_attribute a on a.attrelid = t.oid where a.attacl is not null
        union all
        select format('%s: %s may execute', f.oid::regprocedure, r.rolname) from pg_proc f, roles r
         where f.pronamespace = 'public'::regnamespace and has_function_privilege(r.oid, f.oid, 'execute')
        union all
        select format('%s: %s may create', n.nspname, r.rolname) from pg_namespace n, roles r
         where n.nspname in ('public', 'extensions') and has_schema_privilege(r.oid, n.oid, 'create')
        union all
        select format('%s: %s may enter', n.nspname, r.rolname) from pg_namespace n, roles r
         where n.nspname in ('public', 'extensions') and has_schema_privilege(r.oid, n.oid, 'usage')
        union all
        select format('%s: %s, policy %s for %s to %s: %s, %s', tablename, permissive, policyname, cmd, roles, qual, with_check)
          from pg_policies where schemaname = 'public'
        union all
        select format('%s: row security %s', relname, relrowsecurity) from pg_class
         where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
        order by 1";
    shop.db.query(sql, &[]).await.expect("a list").iter().map(|row| row.get(0)).collect()
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
async fn whatever_new_tables_get_by_themselves_all_doors_end_the_same() {
    let new = doors(&migrated(Guest::of_supabase(Server::Usual, DefaultGrants::Revoked).await).await).await;
    let old =
        doors(&migrated(Guest::of_supabase(Server::Usual, DefaultGrants::OldProject).await).await).await;
    let apart = |these: &[String], those: &[String]| -> String {
        these.iter().filter(|line| !those.contains(line)).map(|line| format!("{line}\n")).collect()
    };
    let (only_new, only_old) = (apart(&new, &old), apart(&old, &new));
    assert!(only_new.is_empty() && only_old.is_empty(), "only new:\n{only_new}only old:\n{only_old}");
    println!("{} lines are the same", new.len());
    let plain = doors(&Shop::open().await).await;
    let ours = |lines: &[String]| -> Vec<String> {
        lines.iter().filter(|line| !line.starts_with("extensions:")).cloned().collect()
    };
    let (only_new, only_plain) = (apart(&ours(&new), &plain), apart(&ours(&plain), &new));
    assert!(
        only_new.is_empty() && only_plain.is_empty(),
        "only Supabase:\n{only_new}only plain:\n{only_plain}"
    );
    assert!(
        new.contains(&"workflows: service_role may delete, insert, select, update".to_owned()),
        "{new:#?}"
    );
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
