//! What the catalog says of the whole schema: keys, indexes, policies, functions, the audit trail, the document's names.

mod document;

use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::support::Shop;
use document::OF_THE_DOCUMENT;

/// Who executes what, beside its owner. A function that is not here is executed by nobody.
const CALLERS: &[(&str, &str)] = &[
    ("anew", "service_role"),
    ("answer_approval", "thendo_api"),
    ("audit_loyalty", "service_role thendo_engine"),
    ("campaign_audience", "service_role thendo_engine"),
    ("campaign_sample", "thendo_api"),
    ("campaign_size", "thendo_api"),
    ("start_campaign", "thendo_engine"),
    ("campaign_content", "thendo_engine"),
    ("feed_campaign", "thendo_engine"),
    ("expire_points", "thendo_engine"),
    ("store_embedding", "thendo_engine"),
    ("write_row", "thendo_engine"),
    ("refresh_stats_soon", "thendo_engine"),
    ("create_project_order", "authenticated service_role"),
    ("create_subscription", "service_role"),
    ("current_customer_id", "authenticated service_role"),
    ("decrypted", "authenticated service_role"),
    ("encrypted", "authenticated service_role"),
    ("grant_admin", "service_role"),
    ("handed_over", "authenticated service_role"),
    ("is_admin", "authenticated service_role thendo_api"),
    ("claim_customer", "authenticated"),
    ("update_my_profile", "authenticated"),
    ("check_constraints_at_once", "thendo_engine"),
    ("mail_hash", "service_role thendo_engine"),
    ("mail_stop", "service_role thendo_engine"),
    ("mark_checked", "thendo_api thendo_engine"),
    ("minor_units", "thendo_engine"),
    ("money_text", "thendo_engine"),
    ("prepare_partitions", "thendo_engine"),
    ("missing_secrets", "thendo_api"),
    ("erase_customer", "thendo_api"),
    ("customers_at", "thendo_api"),
    ("rows_that_stay", "thendo_api"),
    ("prune_api", "thendo_engine"),
    ("put_in_force", "thendo_api thendo_engine"),
    ("row_by_now", "thendo_engine"),
    ("start_workflows", "service_role thendo_api thendo_engine"),
    ("tell_executions", "service_role thendo_api thendo_engine"),
    ("tell_failures", "thendo_engine"),
    ("undo_changes", "thendo_engine"),
    ("lock_undone", "thendo_engine"),
    ("note_undo", "thendo_engine"),
    ("replay_events", "service_role thendo_api"),
    ("hold_workflow", "service_role thendo_api thendo_engine"),
    ("release_workflow", "service_role thendo_api"),
    ("start_times", "thendo_engine"),
    ("use_secrets", "thendo_engine"),
    ("hooks_at", "thendo_engine"),
    ("take_webhook", "thendo_engine"),
    ("take_stripe_event", "thendo_engine"),
    ("take_turn", "thendo_engine"),
    ("raise_alert", "thendo_engine"),
    ("raise_dead_letters", "thendo_engine"),
    ("look_for_trouble", "thendo_engine"),
    ("detach_expired", "thendo_engine"),
    ("drop_detached", "thendo_engine"),
    ("delete_expired", "thendo_engine"),
    ("read_google_calendar_tokens", "authenticated service_role"),
    ("read_oauth_client_secret", "service_role"),
    ("read_page_view_stats", "authenticated"),
    ("refresh_page_view_stats", "thendo_engine"),
    // Where the server has pgvector. All that anon executes.
    ("related_posts", "anon authenticated service_role"),
    ("rotate_token_key", "service_role"),
    ("search_content", "anon authenticated service_role"),
    ("store_google_calendar_tokens", "authenticated service_role"),
    ("store_oauth_client_secret", "authenticated service_role"),
    ("use_referral_code", "service_role"),
    ("verified_email", "authenticated service_role"),
];

/// Ours: not what extensions brought.
const FUNCTIONS: &str = "pg_proc p where p.pronamespace = 'public'::regnamespace
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')";

const TABLES: &str = "pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')";

/// Foreign keys whose columns lead in no index, in any order. A partial one serves where it leaves out only what has no key.
const WITHOUT_INDEX: &str = "select format('%s: %s', c.conrelid::regclass, pg_get_constraintdef(c.oid)) from pg_constraint c
        where c.contype = 'f' and c.connamespace = 'public'::regnamespace and not exists (
            select from pg_index i join pg_class k on k.oid = i.indexrelid join pg_am m on m.oid = k.relam
            where i.indrelid = c.conrelid and i.indisvalid and m.amname = 'btree'
              and (select array_agg(n order by n) from unnest(c.conkey) n)
                = (select array_agg(n order by n) from unnest((i.indkey::int2[])[0:cardinality(c.conkey) - 1]) n)
              and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = (
                  select format('(%I IS NOT NULL)', a.attname) from pg_attribute a
                   where a.attrelid = c.conrelid and array[a.attnum] = c.conkey)))";

/// Indexes with the same keys as another, or the beginning of its keys, over the same rows, unless they keep it unique.
const TWICE: &str = "with indexes as (
            select i.indexrelid, i.indrelid, i.indisunique, m.amname, coalesce(pg_get_expr(i.indpred, i.indrelid), '') as rows,
                   array(select format('%s %s %s', pg_get_indexdef(i.indexrelid, n, true), i.indclass[n - 1], i.indoption[n - 1])
                           from generate_series(1, i.indnkeyatts::int) n order by n) as keys
              from pg_index i join pg_class k on k.oid = i.indexrelid join pg_am m on m.oid = k.relam
             where k.relnamespace = 'public'::regnamespace)
        select format('%s is served by %s', a.indexrelid::regclass, b.indexrelid::regclass)
          from indexes a join indexes b on a.indrelid = b.indrelid and a.indexrelid <> b.indexrelid
           and a.amname = b.amname and a.rows = b.rows
         where (a.keys = b.keys and (not a.indisunique or b.indisunique))
            or (a.amname = 'btree' and not a.indisunique and a.keys = b.keys[1:cardinality(a.keys)])";

/// Functions that a policy asks for every row and not once: not in a sub-select of their own.
const EACH_ROW: &str = "select format('%s: %s: %s', tablename, policyname, call[1]) from pg_policies,
            lateral (select concat(qual, ' ', with_check) as says) as policy,
            regexp_matches(says, '(?<!SELECT |[a-z_.])((?:[a-z_]+\\.)?[a-z_]+)\\(', 'g') as call
        where schemaname = 'public' and call[1] not in ('now', 'lower') order by 1";

/// One column of texts.
async fn list(db: &Client, sql: &str) -> Vec<String> {
    db.query(sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")).iter().map(|row| row.get(0)).collect()
}

async fn none(db: &Client, what: &str, sql: &str) {
    let found = list(db, sql).await;
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[tokio::test]
async fn every_foreign_key_is_covered_by_an_index() {
    let shop = Shop::open().await;
    none(&shop.db, "foreign keys without an index", WITHOUT_INDEX).await;
    assert!(shop.number("select count(*) from pg_constraint where contype = 'f'", &[]).await > 50);
}

#[tokio::test]
async fn no_index_is_there_twice() {
    let shop = Shop::open().await;
    none(&shop.db, "superfluous indexes", TWICE).await;
}

#[tokio::test]
async fn these_checks_can_fail() {
    let shop = Shop::open().await;
    shop.db
        .batch_execute(
            "drop index idx_deposits_order_id; drop index idx_orders_customer_id;
             create index idx_orders_customer_id on orders (customer_id) where status = 'pending';
             create index again on quotes (order_id, status); create unique index once on pages (slug);
             create policy bare on orders for select to anon using (created_by = auth.uid());
             create policy asking on orders for delete to anon using (is_admin((select auth.uid())));",
        )
        .await
        .expect("a worse schema");
    assert_eq!(list(&shop.db, WITHOUT_INDEX).await.len(), 2);
    let twice = list(&shop.db, TWICE).await;
    assert!(twice.contains(&"idx_quotes_order_id is served by again".to_owned()), "{twice:?}");
    assert!(twice.contains(&"once is served by pages_slug_key".to_owned()), "{twice:?}");
    let asked = list(&shop.db, EACH_ROW).await;
    assert_eq!(asked, ["orders: asking: is_admin", "orders: bare: auth.uid"]);
}

#[tokio::test]
async fn row_security_is_on_and_each_policy_is_as_the_house_has_it() {
    let shop = Shop::open().await;
    let db = &shop.db;
    none(db, "without row security", &format!("select relname::text from {TABLES} and not c.relrowsecurity"))
        .await;
    let sql = "select format('%s: %s for %s', tablename, cmd, role) from pg_policies, unnest(roles) role
        where schemaname = 'public' and permissive = 'PERMISSIVE' group by tablename, cmd, role having count(*) > 1";
    none(db, "two policies for one role and action", sql).await;
    let sql = "select format('%s: %s', tablename, policyname) from pg_policies
        where schemaname = 'public' and (roles && '{public}' or cmd = 'ALL' or permissive <> 'PERMISSIVE')";
    none(db, "for everyone, for all actions, or restrictive", sql).await;
    none(db, "functions asked for every row", EACH_ROW).await;
    let sql = "select c.relname::text from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
        and c.relname <> 'token_handover' and not coalesce('security_invoker=true' = any (c.reloptions), false)";
    none(db, "views with their owner's rights", sql).await;
    // Beyond rows: nobody empties a table, hangs triggers on it or draws its numbers.
    let sql = "select format('%s: %s', c.relname, r.rolname) from pg_class c, pg_roles r
        where c.relnamespace = 'public'::regnamespace and r.rolname in ('anon', 'authenticated', 'service_role', 'thendo_engine', 'thendo_api')
          and case when c.relkind = 'S' then has_sequence_privilege(r.oid, c.oid, 'usage, select, update')
                   when c.relkind in ('r', 'p', 'v', 'm') then has_table_privilege(r.oid, c.oid, 'truncate, references, trigger') end";
    none(db, "granted beyond rows", sql).await;
    let sql = "select rolname::text from pg_roles where rolname in ('anon', 'authenticated', 'thendo_engine', 'thendo_api')
        and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolcanlogin)";
    none(db, "roles that may too much", sql).await;
}

#[tokio::test]
async fn functions_have_a_fixed_path_and_named_callers() {
    have_a_fixed_path_and_named_callers(&Shop::open().await).await;
}

#[tokio::test]
#[ignore = "needs a newer PostgreSQL: make test"]
async fn functions_of_vectors_on_a_newer_postgresql_have_a_fixed_path_and_named_callers() {
    let shop = Shop::open_on_newer().await;
    shop.db.batch_execute("select public.pick_up_optional()").await.expect("picked up");
    let vectors = "select count(*) from pg_proc where proname in ('related_posts', 'search_content')";
    assert_eq!(shop.number(vectors, &[]).await, 2);
    have_a_fixed_path_and_named_callers(&shop).await;
    let empties = "select count(*) from pg_class c, pg_roles r where c.relnamespace = 'public'::regnamespace
        and c.relkind in ('r', 'p', 'm') and r.rolname in ('anon', 'authenticated', 'service_role', 'thendo_engine', 'thendo_api')
        and has_table_privilege(r.oid, c.oid, 'maintain')";
    assert_eq!(shop.number(empties, &[]).await, 0);
}

async fn have_a_fixed_path_and_named_callers(shop: &Shop) {
    let sql = format!(
        "select p.proname::text from {FUNCTIONS}
            and p.prosqlbody is null and 'search_path=pg_catalog, pg_temp' <> all (coalesce(p.proconfig, '{{}}')) order by 1"
    );
    // Not even an empty path will do: temporary types come first unless pg_temp is named last. A body that was parsed when it
    // was made looks nothing up; mail_stop is put in place in the engine's own statements.
    assert_eq!(list(&shop.db, &sql).await, ["mail_stop"], "set search_path = pg_catalog, pg_temp");
    let sql = format!(
        "select p.proname::text, coalesce(string_agg(caller, ' ' order by caller), '') from {FUNCTIONS}"
    )
    .replace(
        "pg_proc p where",
        "pg_proc p left join lateral (
            select r.rolname::text as caller from pg_roles r where r.oid <> p.proowner
               and r.rolname in ('anon', 'authenticated', 'service_role', 'thendo_engine', 'thendo_api')
               and has_function_privilege(r.oid, p.oid, 'execute')
            union all
            select 'PUBLIC' from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0
        ) callers on true where",
    );
    let rows = shop.db.query(&format!("{sql} group by p.oid, p.proname"), &[]).await.expect("functions");
    let mut faults = Vec::new();
    for row in &rows {
        let (name, found): (String, String) = (row.get(0), row.get(1));
        let allowed = CALLERS.iter().find(|known| known.0 == name).map_or("", |known| known.1);
        if found != allowed {
            faults.push(format!("{name}: executed by [{found}], to be by [{allowed}]"));
        }
    }
    println!("{} functions, {} with callers", rows.len(), CALLERS.len());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The first cells of a table in a document, below a heading, without their backticks.
fn cells_below(document: &str, heading: &str) -> BTreeSet<String> {
    let section = document.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(cell, _)| cell.to_owned()).collect()
}

#[tokio::test]
async fn every_table_has_its_audit_trail_or_a_reason() {
    let shop = Shop::open().await;
    let deviations = include_str!("../../docs/schema-deviations.md");
    let excused = cells_below(deviations, "## Tables without the whole audit trail");
    let sql = format!(
        "select c.relname::text from {TABLES} and not c.relispartition and not (
            (select count(*) = 3 from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
                and ((a.attname in ('created_at', 'updated_at') and a.attnotnull and a.atthasdef
                        and a.atttypid = 'timestamptz'::regtype)
                  or (a.attname = 'created_by' and a.atttypid in ('uuid'::regtype, 'text'::regtype))))
            and (select count(*) = 2 from pg_trigger t join pg_proc p on p.oid = t.tgfoid
                  where t.tgrelid = c.oid and p.proname in ('set_updated_at', 'set_created') and t.tgenabled = 'O')
            and (obj_description(c.oid) like '%Medusa has it%' or exists (
                select from pg_constraint k join pg_attribute a on a.attrelid = c.oid and k.conkey = array[a.attnum]
                 where k.conrelid = c.oid and a.attname = 'created_by' and k.confdeltype = 'n'
                   and k.confrelid = 'auth.users'::regclass)))"
    );
    let without: BTreeSet<_> = list(&shop.db, &sql).await.into_iter().collect();
    assert_eq!(without, excused, "without (left) and excused in docs/schema-deviations.md (right)");
    let of_the_shop: Vec<_> = OF_THE_DOCUMENT.iter().filter(|table| excused.contains(**table)).collect();
    assert_eq!(
        of_the_shop,
        [&"workflow_executions"],
        "tables of the document with less than the document says"
    );
    let changes = "with old as (select id, created_at, updated_at from customers where id = $1)
        update customers c set name = 'Eve' from old where old.id = c.id
        returning c.updated_at > old.updated_at and c.created_at = old.created_at";
    let changed = shop.db.query_one(changes, &[&shop.customer]).await.expect("a change");
    assert!(changed.get::<_, bool>(0), "updated_at follows each change");
}

#[tokio::test]
async fn the_names_of_the_document_are_there_as_it_spells_them() {
    let shop = Shop::open().await;
    let db = &shop.db;
    let there: BTreeSet<_> =
        list(db, &format!("select relname::text from {TABLES} and not c.relispartition"))
            .await
            .into_iter()
            .collect();
    let missing: Vec<_> = OF_THE_DOCUMENT.iter().filter(|table| !there.contains(**table)).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
    for statement in [
        "select public.is_admin(user_id => auth.uid())",
        "insert into public.user_roles (user_id, role) values ($1, 'admin')",
        "select order_id, deposit_amount from public.create_project_order(customer_id => $1, amount => 1)",
        "insert into orders (customer_id, total, status) values ($1, 100, 'pending') returning id",
        "insert into deposits (order_id, amount, due_date) values ($1, 50, now() + interval '7 days')",
        "select page_id, view_date, view_count, unique_visitors from public.page_view_stats",
        "select date(viewed_at), count(distinct user_id) from public.page_views group by 1",
        "select created_by, created_at from page_content_history where page_id = $1 order by created_at desc limit 1",
        "select o.id, o.total, o.customer_id, c.name, c.email from orders o join customers c on c.id = o.customer_id
          where o.status = 'completed' order by o.created_at desc limit 50",
        "select content -> 'blocks' -> 0 -> 'props' from page_content where content @> '{\"blocks\": [{\"type\": \"heading\"}]}'",
        "select definition -> 'nodes', definition -> 'edges' from workflows",
        "select access_token_encrypted from google_calendar_tokens where user_id = auth.uid()",
        "select title, slug from blog_posts where published_at < now() order by published_at desc limit 5",
        "select email from customers where email = 'x'",
    ] {
        db.prepare(statement).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
    }
    let sql = "select proname || pg_get_function_identity_arguments(oid) || ' ' || pg_get_function_result(oid) from pg_proc
        where proname in ('is_admin', 'create_project_order') order by 1";
    let [project, admin] = [
        "create_project_ordercustomer_id uuid, amount integer TABLE(order_id uuid, deposit_amount integer)",
        "is_adminuser_id uuid boolean",
    ];
    assert_eq!(list(db, sql).await, [project, admin]);
    for (index, begins) in [
        ("idx_orders_customer_id", "orders USING btree (customer_id)"),
        ("idx_saved_addresses_user_id", "saved_addresses USING btree (user_id)"),
        ("idx_blog_posts_published_at", "blog_posts USING btree (published_at DESC)"),
    ] {
        let sql = format!("select pg_get_indexdef('public.{index}'::regclass)");
        assert!(list(db, &sql).await[0].ends_with(begins), "{index}");
    }
    none(
        db,
        "not unique",
        "select 'customers.email' where not exists (
        select from pg_constraint where conname = 'customers_email_key' and contype = 'u')",
    )
    .await;
}

#[tokio::test]
async fn the_figures_of_the_document_are_reached() {
    let shop = Shop::open().await;
    let count = async |sql: &str| shop.number(&format!("select count(*) from {sql}"), &[]).await;
    let tables =
        count(&format!("{TABLES} and not c.relispartition and c.relname <> '_sqlx_migrations'")).await;
    let policies = count("pg_policies where schemaname = 'public'").await;
    let indexes = count(
        "pg_index i join pg_class c on c.oid = i.indexrelid
        where c.relnamespace = 'public'::regnamespace and not i.indisprimary",
    )
    .await;
    let functions = count(FUNCTIONS).await;
    let migrations: Vec<i64> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
        .expect("migrations")
        .filter_map(|entry| entry.expect("an entry").file_name().to_str()?.split_once('_')?.0.parse().ok())
        .collect();
    println!(
        "{tables} tables, {policies} policies, {indexes} indexes beside primary keys, {functions} functions, {} migrations",
        migrations.len()
    );
    assert!(tables >= 42 && policies >= 100 && indexes >= 50);
    for number in 1..=55 {
        assert_eq!(migrations.iter().filter(|n| **n == number).count(), 1, "migration {number:04}");
    }
}
