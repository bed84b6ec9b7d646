//! What is kept of pages, their views, campaigns, and what housekeeping prepares.

use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::acts::{account, as_role, code};
use crate::support::{Shop, connect, until};

async fn page(shop: &Shop, slug: &str) -> Uuid {
    let sql = "insert into pages (slug, title, status) values ($1, $1, 'published') returning id";
    shop.db.query_one(sql, &[&slug]).await.expect("a page").get(0)
}

#[tokio::test]
async fn every_state_of_a_section_is_kept_with_its_number_and_who() {
    let shop = Shop::open().await;
    let (boss, _) = account(&shop.db, "boss@x.example").await;
    shop.db.execute("select grant_admin($1)", &[&boss]).await.expect("granted");
    let admin = as_role(&shop, "authenticated", Some(boss)).await;
    let home = page(&shop, "home").await;
    let sql = "insert into page_content (page_id, section) values ($1, 'hero') returning id";
    let hero: Uuid = admin.query_one(sql, &[&home]).await.expect("a section").get(0);
    // Sixteen at once: no number twice, none left out.
    let mut rush = Vec::new();
    for n in 0..16 {
        let url = shop.url.clone();
        rush.push(tokio::spawn(async move {
            let db = connect(&url).await;
            let sql = "update page_content set content = jsonb_build_object('blocks', '[]'::jsonb, 'n', $2::int) where id = $1";
            db.execute(sql, &[&hero, &n]).await.expect("edited");
        }));
    }
    for one in rush {
        one.await.expect("no panic");
    }
    let numbers =
        "select (count(*) = 17 and min(version) = 1 and max(version) = 17)::int from page_content_history";
    assert_eq!(shop.number(numbers, &[]).await, 1);
    admin.execute("update page_content set section = section", &[]).await.expect("touched");
    assert_eq!(shop.count("page_content_history").await, 17, "nothing changed");
    admin.execute("update page_content set status = 'published'", &[]).await.expect("published");
    admin.execute("delete from page_content where id = $1", &[&hero]).await.expect("deleted");
    let by = "select string_agg(operation || version, ' ' order by version) from page_content_history where created_by = $1";
    let by: String = shop.db.query_one(by, &[&boss]).await.expect("history").get(0);
    assert_eq!(by, "insert1 update18 delete19");
    let forged = "update page_content_history set content = '{}'";
    assert_eq!(code(admin.execute(forged, &[]).await), Some(SqlState::INSUFFICIENT_PRIVILEGE));
    // A page takes all of it with it, and the account only its name.
    let sql = "insert into page_content (page_id, section) select $1, 's' || n from generate_series(1, 3) n";
    admin.execute(sql, &[&home]).await.expect("sections");
    shop.db.execute("delete from auth.users where id = $1", &[&boss]).await.expect("gone");
    assert_eq!(
        shop.number("select count(*) from page_content_history where created_by is not null", &[]).await,
        0
    );
    shop.db.execute("delete from pages where id = $1", &[&home]).await.expect("gone");
    assert_eq!((shop.count("page_content").await, shop.count("page_content_history").await), (0, 0));
}

#[tokio::test]
async fn statistics_are_refreshed_by_one_and_read_through_their_door_only() {
    let shop = Shop::open().await;
    let home = page(&shop, "home").await;
    let sql = "insert into page_views (page_id, visitor, viewed_at)
               select $1, 'v' || n % 10, '2026-03-01T23:59:59Z'::timestamptz + n * interval '1 second' from generate_series(0, 99) n";
    shop.db.execute(sql, &[&home]).await.expect("views");
    let refreshes = "select public.refresh_page_view_stats($1::text::interval)";
    let mut rush = Vec::new();
    for _ in 0..8 {
        let url = shop.url.clone();
        rush.push(tokio::spawn(async move {
            let db = connect(&url).await;
            db.batch_execute("set role thendo_engine").await.expect("the engine's");
            db.query_one(refreshes, &[&"1 hour"]).await.expect("asked").get::<_, bool>(0)
        }));
    }
    let mut refreshed = 0;
    for one in rush {
        refreshed += i32::from(one.await.expect("no panic"));
    }
    assert_eq!(refreshed, 1, "once within the hour");
    assert!(!shop.db.query_one(refreshes, &[&"1 hour"]).await.expect("asked").get::<_, bool>(0));
    let (boss, _) = account(&shop.db, "boss@x.example").await;
    let db = as_role(&shop, "authenticated", Some(boss)).await;
    let door = "select string_agg(format('%s %s/%s', view_date, view_count, unique_visitors), ', ') from read_page_view_stats('2026-01-01')";
    assert_eq!(code(db.query(door, &[]).await), Some(SqlState::INSUFFICIENT_PRIVILEGE));
    shop.db.execute("select grant_admin($1)", &[&boss]).await.expect("granted");
    let seen: String = db.query_one(door, &[]).await.expect("an admin reads").get(0);
    assert_eq!(seen, "2026-03-02 99/10, 2026-03-01 1/1");
    assert_eq!(
        code(db.query("select * from page_view_stats", &[]).await),
        Some(SqlState::INSUFFICIENT_PRIVILEGE)
    );
    for role in ["anon", "service_role"] {
        let other = as_role(&shop, role, None).await;
        assert_eq!(code(other.query(door, &[]).await), Some(SqlState::INSUFFICIENT_PRIVILEGE), "{role}");
        let refused = code(other.query(refreshes, &[&"0"]).await);
        assert_eq!(refused, Some(SqlState::INSUFFICIENT_PRIVILEGE), "{role}");
    }
    assert_eq!(
        db.query("select * from read_page_view_stats('2026-01-01', '2027-01-01', -5)", &[])
            .await
            .expect("none")
            .len(),
        0
    );
    // Two daemons: housekeeping does it, and they don't meet.
    shop.db.execute("update maintenance set last_run_at = '-infinity'", &[]).await.expect("long ago");
    shop.db.execute("delete from page_views where visitor <> 'v0'", &[]).await.expect("fewer");
    let (_one, _two) = tokio::join!(shop.daemon(), shop.daemon());
    until("the daemons refreshed it", || async {
        shop.number("select sum(view_count) from page_view_stats", &[]).await == 10
    })
    .await;
}

#[tokio::test]
async fn a_campaign_s_figures_count_people_and_no_proxies() {
    let shop = Shop::open().await;
    let sql = "with t as (insert into email_templates (name, subject, text) values ('t', 's', 'x') returning id),
        c as (insert into waitlist_campaigns (name, template_id, status) select 'back', id, 'sent' from t returning id),
        r as (insert into waitlist_campaign_recipients (campaign_id, email, status)
              select c.id, n || '@x.example', case when n <= 6 then 'sent' when n = 7 then 'bounced' when n = 8 then 'unknown' else 'queued' end
                from c, generate_series(1, 10) n returning id, campaign_id, email),
        o as (insert into campaign_opens (campaign_id, recipient_id, is_proxy)
              select campaign_id, id, email like '2@%' from r, generate_series(1, 3) where email in ('1@x.example', '2@x.example', '3@x.example'))
        insert into campaign_clicks (campaign_id, recipient_id, url) select campaign_id, id, 'https://x.example' from r where email like '1@%'";
    shop.db.execute(sql, &[]).await.expect("a campaign");
    let stats = "select concat_ws(' ', recipients, queued, sent, failed, opened, clicked) from waitlist_campaign_stats";
    assert_eq!(shop.db.query_one(stats, &[]).await.expect("figures").get::<_, String>(0), "10 2 6 2 2 1");
    let (ann, _) = account(&shop.db, "ann@x.example").await;
    let customer = as_role(&shop, "authenticated", Some(ann)).await;
    assert_eq!(customer.query(stats, &[]).await.expect("asked").len(), 0, "the tables' policies hold");
    shop.db.execute("select grant_admin($1)", &[&ann]).await.expect("granted");
    assert_eq!(customer.query(stats, &[]).await.expect("asked").len(), 1);
    let anon = as_role(&shop, "anon", None).await;
    assert_eq!(code(anon.query(stats, &[]).await), Some(SqlState::INSUFFICIENT_PRIVILEGE));
}

/// Attached partitions that are months, closed and with row security; the default one is not among them.
const MONTHS: &str = "select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent in ('workflow_events'::regclass, 'workflow_executions'::regclass) and c.relname ~ '_[0-9]{4}_[0-9]{2}$'
      and c.relrowsecurity and not exists (select from unnest(array['anon', 'authenticated', 'service_role']) r
          where has_table_privilege(r, c.oid, 'select, insert, update, delete, truncate'))";

#[tokio::test]
async fn months_are_made_ahead_once_and_take_their_rows() {
    let shop = Shop::open().await;
    shop.has_no_months().await;
    let engine = as_role(&shop, "thendo_engine", None).await;
    let prepares = "select public.prepare_partitions(2)";
    assert_eq!(engine.query_one(prepares, &[]).await.expect("made").get::<_, i32>(0), 6);
    assert_eq!(engine.query_one(prepares, &[]).await.expect("made").get::<_, i32>(0), 0, "twice");
    assert_eq!(shop.number(MONTHS, &[]).await, 6);
    shop.places_order(100).await;
    let month = "select (tableoid::regclass::text = 'workflow_events_' || to_char(now() at time zone 'UTC', 'YYYY_MM'))::int from workflow_events";
    assert_eq!(shop.number(month, &[]).await, 1, "the month's partition takes it");
    // The last and the first instant of a month, and one that no month is made for.
    for (at, table) in [("1 microsecond", 0), ("0", 1), ("-40 months", -1)] {
        let sql = "insert into workflow_events (id, at, table_name, operation, entity, row_data)
            select gen_random_uuid(), (date_trunc('month', now() at time zone 'UTC') + interval '1 month') at time zone 'UTC' - $1::text::interval,
                   'x', 'insert', 'x', '{}' returning tableoid::regclass::text";
        let went: String = shop.db.query_one(sql, &[&at]).await.expect("a home").get(0);
        let expected = match table {
            -1 => "workflow_events_default".to_owned(),
            ahead => shop.db.query_one("select 'workflow_events_' || to_char(now() at time zone 'UTC' + make_interval(months => $1), 'YYYY_MM')", &[&ahead])
                .await.expect("a name").get(0),
        };
        assert_eq!(went, expected, "{at}");
    }
    let backend = as_role(&shop, "service_role", None).await;
    assert_eq!(code(backend.query(prepares, &[]).await), Some(SqlState::INSUFFICIENT_PRIVILEGE));
}

#[tokio::test]
async fn a_writer_is_never_held_up_by_a_month_to_come() {
    let shop = Shop::open().await;
    shop.has_no_months().await;
    let mut writer = connect(&shop.url).await;
    let engine = as_role(&shop, "thendo_engine", None).await;
    let order = "insert into orders (customer_id, total) values ($1, 1)";
    // It holds the default partition, and goes on while somebody wants to attach beside it.
    let tx = writer.transaction().await.expect("begun");
    tx.execute(order, &[&shop.customer]).await.expect("written");
    let began = Instant::now();
    let preparing = async {
        engine.query_one("select public.prepare_partitions(2)", &[]).await.expect("asked").get::<_, i32>(0)
    };
    let writing = async {
        let other = connect(&shop.url).await;
        while began.elapsed() < Duration::from_secs(1) {
            let begun = Instant::now();
            other.execute("set lock_timeout = '2s'", &[]).await.expect("set");
            other.execute(order, &[&shop.customer]).await.expect("never fails");
            assert!(begun.elapsed() < Duration::from_millis(900), "held up for {:?}", begun.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (made, ()) = tokio::join!(async { (preparing.await, began.elapsed()) }, writing);
    // The executions' months are nobody's concern and are made.
    assert!(made.0 <= 3 && made.1 < Duration::from_secs(2), "{made:?}");
    tx.execute(order, &[&shop.customer]).await.expect("still writing");
    tx.commit().await.expect("committed");
    // The present month has rows in the default partition by now: it stays there, the next ones are made.
    let later: i32 =
        engine.query_one("select public.prepare_partitions(2)", &[]).await.expect("asked").get(0);
    assert_eq!(made.0 + later, 5);
    assert!(shop.number("select count(*) from workflow_events_default", &[]).await > 2);
    shop.places_order(100).await;
}
