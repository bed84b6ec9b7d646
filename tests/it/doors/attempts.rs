//! Ways past the doors that have been tried elsewhere.

use tokio_postgres::Client;

use super::matrix::Who;
use super::rows::{Side, Table, admin, id, put_in_place};
use crate::support::Shop;

/// A shop with all rows, in a transaction that never ends well.
async fn opened() -> (Shop, Vec<Table>) {
    let shop = Shop::open().await;
    let tables = put_in_place(&shop.db).await;
    shop.db.batch_execute("begin; savepoint visit").await.expect("begun");
    (shop, tables)
}

/// What comes of statements done as someone; afterwards all is as before. The number is the last one's rows.
async fn done(db: &Client, who: &str, statements: &str) -> Result<u64, String> {
    let answers = db.simple_query(&format!("{who} {statements}")).await;
    db.batch_execute("rollback to savepoint visit").await.expect("taken back");
    let answers = answers.map_err(|fault| {
        let fault = fault.as_db_error().unwrap_or_else(|| panic!("{statements}: {fault:?}"));
        format!("{}: {}", fault.code().code(), fault.message())
    })?;
    let rows = answers.iter().rev().find_map(|answer| match answer {
        tokio_postgres::SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
        _ => None,
    });
    Ok(rows.expect("an answer"))
}

async fn refused(db: &Client, who: Who, statements: &str) {
    let answer = done(db, &who.comes(), statements).await;
    assert!(matches!(&answer, Err(fault) if fault.starts_with("42501")), "{who:?}: {statements}: {answer:?}");
}

/// A session of A's account with these claims added, `"key": value`, or put in place of its own.
fn claiming(more: &str) -> String {
    let sub = id("user", Side::Near);
    format!(
        r#"select set_config('request.jwt.claims',
               (jsonb '{{"role": "authenticated", "sub": "{sub}", "email": "near@example.com"}}' || '{{{more}}}')::text, true);
           set local role authenticated;"#
    )
}

#[tokio::test]
async fn no_token_makes_its_bearer_an_admin() {
    let (shop, _) = opened().await;
    let is_admin = "select 1 where public.is_admin(auth.uid())";
    for claims in [
        r#""user_metadata": {"role": "admin", "is_admin": true}"#,
        r#""app_metadata": {"role": "admin"}, "is_admin": true"#,
        r#""role": "service_role""#,
        r#""role": "admin""#,
    ] {
        let who = claiming(claims);
        assert_eq!(done(&shop.db, &who, is_admin).await, Ok(0), "{claims}");
        assert_eq!(done(&shop.db, &who, "select 1 from quotes").await, Ok(0), "{claims}");
        assert_eq!(done(&shop.db, &who, "select 1 from customers").await, Ok(1), "{claims}");
    }
    assert_eq!(done(&shop.db, &Who::Admin.comes(), is_admin).await, Ok(1));
    // Without any account, and with one that is gone.
    let nobody = r#""sub": "00000000-0000-0000-0000-000000000000", "email": "admin@example.com""#;
    for who in [claiming(nobody), "set local role authenticated;".to_owned()] {
        for table in ["customers", "quotes", "product_waitlist", "orders", "saved_addresses"] {
            assert_eq!(
                done(&shop.db, &who, &format!("select 1 from {table}")).await,
                Ok(0),
                "{who}: {table}"
            );
        }
    }
}

#[tokio::test]
async fn nobody_makes_themselves_an_admin() {
    let (shop, _) = opened().await;
    let user = id("user", Side::Near);
    for attempt in [
        format!("insert into user_roles (user_id, role) values ('{user}', 'admin')"),
        "update user_roles set role = 'admin'".into(),
        format!("select public.grant_admin('{user}')"),
        format!("update auth.users set id = '{}' where id = '{user}'", admin()),
        "select email from auth.users".into(),
        "set local role service_role".into(),
        "select public.erase_customer(gen_random_uuid())".into(),
    ] {
        for who in [Who::Anon, Who::Owner] {
            // A session of ours may take any role: PostgREST's, which logs in as authenticator, may not do that within one.
            if !attempt.starts_with("set") {
                refused(&shop.db, who, &attempt).await;
            }
        }
    }
    refused(&shop.db, Who::Admin, &format!("select public.grant_admin('{user}')")).await;
}

#[tokio::test]
async fn a_place_on_the_waitlist_belongs_to_a_verified_address() {
    let (shop, _) = opened().await;
    let (db, places) = (&shop.db, "select 1 from product_waitlist");
    assert_eq!(done(db, &claiming(""), places).await, Ok(1));
    for email in ["far@example.com", "ada@example.com", ""] {
        let who = claiming(&format!(r#""email": "{email}""#));
        assert_eq!(done(db, &who, places).await, Ok(0), "a token that says {email}");
    }
    let unverified = format!("update auth.users set email_confirmed_at = null; {}", claiming(""));
    assert_eq!(done(db, &unverified, places).await, Ok(0), "nobody has verified anything");
    let moved =
        format!("update auth.users set email = 'new@example.com' where email like 'near%'; {}", claiming(""));
    assert_eq!(done(db, &moved, places).await, Ok(0), "the token is older than the address");
    let signs_up = |columns: &str, values: &str| {
        format!("insert into product_waitlist (product_id, {columns}) values ('prod_cup', {values})")
    };
    assert_eq!(done(db, &claiming(""), &signs_up("email", "'Near@Example.com'")).await, Ok(1));
    refused(db, Who::Owner, &signs_up("email", "'far@example.com'")).await;
    refused(db, Who::Owner, &signs_up("email, status", "'near@example.com', 'converted'")).await;
    refused(db, Who::Owner, &signs_up("email, notified_at", "'near@example.com', now()")).await;
    let of_b = format!("'near@example.com', '{}'", id("customer", Side::Far));
    refused(db, Who::Owner, &signs_up("email, customer_id", &of_b)).await;
    assert_eq!(done(db, &claiming(""), "update product_waitlist set status = 'cancelled'").await, Ok(1));
    refused(db, Who::Owner, "update product_waitlist set status = 'notified'").await;
}

#[tokio::test]
async fn nobody_says_that_their_own_review_is_good() {
    let (shop, _) = opened().await;
    let (a, b) = (id("customer", Side::Near), id("customer", Side::Far));
    let writes = |customer, columns: &str, values: &str| {
        format!(
            "insert into reviews (product_id, customer_id, rating{columns}) values ('prod_cup', '{customer}', 5{values})"
        )
    };
    assert_eq!(done(&shop.db, &claiming(""), &writes(a, "", "")).await, Ok(1));
    let order_of_b = format!(", '{}'", id("order", Side::Far));
    for (columns, values) in [
        (", status", ", 'approved'"),
        (", is_verified_purchase", ", true"),
        (", moderated_at", ", now()"),
        (", moderated_by", ", auth.uid()"),
        (", order_id", order_of_b.as_str()),
    ] {
        refused(&shop.db, Who::Owner, &writes(a, columns, values)).await;
    }
    refused(&shop.db, Who::Owner, &writes(b, "", "")).await;
    assert_eq!(done(&shop.db, &claiming(""), "update reviews set status = 'approved'").await, Ok(0));
}

#[tokio::test]
async fn nobody_gives_a_row_to_another() {
    let (shop, _) = opened().await;
    let (b, order) = (id("user", Side::Far), id("order", Side::Far));
    for attempt in [
        format!("update saved_addresses set user_id = '{b}'"),
        format!("update google_calendar_tokens set user_id = '{b}'"),
        format!("update project_comments set user_id = '{b}'"),
        format!("update project_comments set order_id = '{order}'"),
        "update product_waitlist set email = 'far@example.com'".into(),
        format!("update product_waitlist set customer_id = '{}'", id("customer", Side::Far)),
        format!("insert into project_comments (order_id, body) values ('{order}', 'Hello.')"),
    ] {
        refused(&shop.db, Who::Owner, &attempt).await;
    }
}

#[tokio::test]
async fn what_is_not_yet_public_is_not_read_through_what_is() {
    let (shop, _) = opened().await;
    let reads = |table: &str| format!("select 1 from {table}");
    for table in ["pages", "blog_posts", "changelog_entries"] {
        let ahead = format!(
            "update {table} set published_at = now() + interval '1 day' where status = 'published'; {}",
            Who::Anon.comes()
        );
        assert_eq!(done(&shop.db, &ahead, &reads(table)).await, Ok(0), "{table} of tomorrow");
        assert_eq!(done(&shop.db, &Who::Anon.comes(), &reads(table)).await, Ok(1), "{table} of today");
    }
    for hidden in ["status = 'draft'", "published_at = now() + interval '1 day'"] {
        let hidden = format!("update pages set {hidden} where status = 'published'; {}", Who::Anon.comes());
        assert_eq!(done(&shop.db, &hidden, "select 1 from page_content").await, Ok(0), "{hidden}");
    }
}

#[tokio::test]
async fn clients_do_not_say_when_or_by_whom_a_row_was_made() {
    let (shop, tables) = opened().await;
    let b = id("user", Side::Far);
    let mut proven = 0;
    for table in tables.iter().filter(|table| !table.is_view) {
        let name = &table.name;
        let audited = format!(
            "select 1 from information_schema.columns where table_schema = 'public' and column_name in ('created_by', 'updated_at')
                and table_name = '{}'",
            table.template.table
        );
        if done(&shop.db, "", &audited).await != Ok(2) {
            continue;
        }
        let forged = table.template.insert_with(
            Side::Near,
            "created_by, created_at, updated_at",
            &format!("'{b}', '2001-01-01', '2001-01-01'"),
        );
        for who in [Who::Owner, Who::Admin] {
            let by = if who == Who::Admin { admin() } else { id("user", Side::Near) };
            let true_to = format!(
                "select 1 from {name} where {} and created_by = '{by}' and created_at > '2002-01-01' and updated_at > '2002-01-01'",
                table.finds[0]
            );
            let fresh = format!(
                "{} delete from {name} where {}; {}",
                super::rows::out_of_the_way(&table.template.table),
                table.finds[0],
                who.comes()
            );
            let found = done(&shop.db, &fresh, &format!("{forged}; reset role; {true_to}")).await;
            match found {
                Err(fault) if fault.starts_with("42501") => continue,
                other => assert_eq!(other, Ok(1), "{who:?} inserts into {name}"),
            }
            let update = format!(
                "update {name} set created_by = '{b}', created_at = '2001-01-01', updated_at = '2001-01-01'"
            );
            let found = done(
                &shop.db,
                &fresh,
                &format!(
                    "{}; {update} where {}; reset role; {true_to}",
                    table.template.insert(Side::Near),
                    table.finds[0]
                ),
            )
            .await;
            assert_eq!(found, Ok(1), "{who:?} updates {name}");
            proven += 1;
        }
    }
    println!("{proven} tables of clients keep who and when");
    assert!(proven > 25, "only {proven} were tried");
}

#[tokio::test]
async fn only_admins_read_who_viewed_what() {
    let (shop, _) = opened().await;
    let reads = "select * from public.read_page_view_stats(current_date - 7)";
    for who in [Who::Anon, Who::Owner, Who::Other, Who::Backend, Who::Engine, Who::Api] {
        refused(&shop.db, who, reads).await;
        refused(&shop.db, who, "select * from page_view_stats").await;
    }
    assert_eq!(done(&shop.db, &Who::Admin.comes(), reads).await, Ok(2));
}

#[tokio::test]
async fn no_temporary_type_runs_as_the_owner_of_a_function() {
    let (shop, _) = opened().await;
    let trap = format!(
        "{} create function pg_temp.trap(value pg_catalog.date) returns boolean language plpgsql as $$
             begin raise exception 'ran as %', current_user; end $$;
         create domain pg_temp.date as pg_catalog.date check (pg_temp.trap(value));",
        Who::Engine.comes()
    );
    let made = done(&shop.db, &trap, "select public.prepare_partitions(1)").await;
    assert_eq!(made, Ok(1), "the function's own types count");
}

#[tokio::test]
async fn partitions_of_months_are_as_closed_as_the_default_one() {
    let (shop, _) = opened().await;
    let open = "select public.prepare_partitions(2);
        select 1 from pg_class c, pg_roles r where c.relnamespace = 'public'::regnamespace and c.relispartition
            and c.relkind = 'r' and r.rolname in ('anon', 'authenticated', 'service_role', 'thendo_engine', 'thendo_api')
            and (has_table_privilege(r.oid, c.oid, 'select, insert, update, delete, truncate') or not c.relrowsecurity)";
    assert_eq!(done(&shop.db, "", open).await, Ok(0));
    let made = "select public.prepare_partitions(2);
        select 1 from pg_class where relname ~ '^workflow_.*_[0-9]{4}_[0-9]{2}$' and relkind = 'r'";
    assert_eq!(done(&shop.db, "", made).await, Ok(6));
}

#[tokio::test]
async fn the_role_of_the_api_writes_what_its_operations_write_and_no_more() {
    let (shop, _) = opened().await;
    for statement in [
        "update api_keys set hash = sha256('x')",
        "update api_keys set scopes = '{admin}'",
        "update api_keys set expires_at = null",
        "insert into api_keys (id, name, hash, prefix, scopes) values (gen_random_uuid(), 'x', sha256('x'), 'x', '{admin}')",
        "update api_links set expires_at = now() + interval '1 day'",
        "update api_sessions set account = null",
        "update api_sessions set expires_at = now() + interval '1 year'",
        "insert into api_audit (at, who, act) values ('2020-01-01', 'ada', 'workflow.pause')",
        "update api_audit set who = 'ada'",
        "delete from api_audit",
        "update workflows set health = 'valid'",
        "update workflows set live_version = 1",
        "update workflows set edited_by = null",
        "insert into workflows (name, status) values ('x', 'published')",
        "update workflow_secrets set name = 'other'",
        "select ciphertext from workflow_secrets",
        "update waitlist_campaigns set content = '{}'",
        "update waitlist_campaigns set started_at = null",
        "insert into waitlist_campaigns (name, status) values ('x', 'scheduled')",
        "select note_undo('ada', null, gen_random_uuid())",
        // What the daemon's own functions tell the trigger by is theirs alone.
        "set local thendo.checking = 'on'; update workflows set description = 'x'",
    ] {
        refused(&shop.db, Who::Api, statement).await;
    }
    refused(&shop.db, Who::Admin, "set local thendo.checking = 'on'; update workflows set description = 'x'")
        .await;
    for statement in ["update workflows set description = 'x'", "update api_sessions set ended_at = now()"] {
        let answer = done(&shop.db, &Who::Api.comes(), statement).await;
        assert!(answer.as_ref().is_ok_and(|rows| *rows > 0), "{statement}: {answer:?}");
    }
}
