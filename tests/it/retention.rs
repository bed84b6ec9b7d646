//! What is old goes, and takes nothing with it that is still needed.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Shop, connect, edge, node, points_and_deposit, until};

/// Makes the month's partitions of events and executions, so many months ago.
async fn has_month(shop: &Shop, months_ago: i32) -> String {
    let sql = "select public.make_partition(p.parent, p.clock, p.parent || to_char(m.month, '\"_\"YYYY\"_\"MM'), m.month),
            to_char(m.month, 'YYYY_MM')
        from (values ('workflow_events', 'at'), ('workflow_executions', 'event_at')) p (parent, clock),
             (select (date_trunc('month', now() at time zone 'UTC') - make_interval(months => $1))::date as month) m";
    let rows = shop.db.query(sql, &[&months_ago]).await.expect("made");
    rows[0].get(1)
}

async fn has_table(shop: &Shop, name: &str) -> bool {
    shop.number("select count(*) from pg_class where relname = $1", &[&name]).await == 1
}

/// The next daemon that looks does all of it.
async fn turn_is_due(shop: &Shop) {
    shop.db.execute("update maintenance set last_run_at = '-infinity'", &[]).await.expect("long ago");
}

async fn turn_is_taken(shop: &Shop) {
    until("somebody removed what is old", async || {
        let taken = "select count(*) from maintenance where task = 'remove_what_is_old' and last_run_at > '-infinity'";
        shop.number(taken, &[]).await == 1
    })
    .await;
}

fn later(wait: &str) -> Value {
    json!({"nodes": [
            node("start", "trigger", json!({"triggerType": "order_created", "config": {}})),
            node("wait", "control", json!({"controlType": "delay", "config": {"for": wait}})),
            node("points", "action", json!({"actionType": "award_points", "config": {"points": 5}}))],
        "edges": [edge("start", "wait"), edge("wait", "points")]})
}

/// An event of an order of so many days ago, queued or not.
async fn happened(shop: &Shop, days_ago: i32, queued: bool) -> Uuid {
    let sql = "with told as (
            insert into workflow_events (id, at, table_name, operation, entity, row_data)
            select gen_random_uuid(), now() - make_interval(days => $1), 'orders', 'insert', 'x', '{}' returning id, at),
        queued as (insert into workflow_queue (due_at, lane, event_at, event_id)
            select now() + interval '1 hour', 1, at, id from told where $2)
        select id from told";
    shop.db.query_one(sql, &[&days_ago, &queued]).await.expect("told").get(0)
}

#[tokio::test]
async fn months_that_are_old_go_and_those_with_queued_events_stay() {
    let shop = Shop::open().await;
    let (old, older) = (has_month(&shop, 6).await, has_month(&shop, 20).await);
    let events = |month: &str| format!("workflow_events_{month}");
    let queued = happened(&shop, 6 * 30 + 20, true).await;
    let home = "select count(*) from workflow_events where id = $1";
    shop.places_order(100).await;
    {
        // Both at once: the turn is one's.
        let (_one, _two) = (shop.daemon().await, shop.daemon().await);
        until("the oldest months are gone", async || {
            !has_table(&shop, &events(&older)).await
                && !has_table(&shop, &format!("workflow_executions_{older}")).await
        })
        .await;
    }
    assert_eq!(shop.number(home, &[&queued]).await, 1, "it is queued, and stays");
    assert!(has_table(&shop, &format!("workflow_executions_{old}")).await, "400 days are kept");
    // When nobody needs it any more, it goes.
    assert!(has_table(&shop, &events(&old)).await, "what is behind a queued event stays too");
    shop.db.execute("delete from workflow_queue", &[]).await.expect("emptied");
    turn_is_due(&shop).await;
    let _daemon = shop.daemon().await;
    until("the month is gone", async || !has_table(&shop, &events(&old)).await).await;
    until("its event too", async || shop.number(home, &[&queued]).await == 0).await;
    let left = "select count(*) from pg_class where relname like '%\\_detached'";
    until("nothing is left over", async || shop.number(left, &[]).await == 0).await;
    assert_eq!(
        shop.number("select count(*) from workflow_events where table_name = 'orders'", &[]).await,
        1,
        "today's"
    );
}

#[tokio::test]
async fn zero_keeps_for_ever_and_days_have_bounds() {
    let shop = Shop::open().await;
    let month = has_month(&shop, 30).await;
    let old = happened(&shop, 2_000, false).await;
    let _daemon = shop
        .daemon_with(&[("THENDO_RETENTION__EVENTS_DAYS", "0"), ("THENDO_RETENTION__EXECUTIONS_DAYS", "0")])
        .await;
    turn_is_taken(&shop).await;
    turn_is_due(&shop).await;
    let _second = shop.daemon_with(&[("THENDO_RETENTION__EVENTS_DAYS", "0")]).await;
    until("executions are removed", async || {
        !has_table(&shop, &format!("workflow_executions_{month}")).await
    })
    .await;
    assert!(has_table(&shop, &format!("workflow_events_{month}")).await);
    assert_eq!(shop.number("select count(*) from workflow_events where id = $1", &[&old]).await, 1);
}

#[tokio::test]
async fn a_wait_longer_than_all_that_is_kept_goes_on_and_is_recorded() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("later", &later("3s")).await;
    let order = shop.places_order(100_00).await;
    until("it rests", async || shop.count("workflow_waiting").await == 1).await;
    daemon.dies();
    // As if its event had been 500 days ago: its month is gone, from events and from executions.
    shop.db.batch_execute("update workflow_waiting set event_at = event_at - interval '500 days', started_at = started_at - interval '500 days'; delete from workflow_events")
        .await.expect("long ago");
    turn_is_due(&shop).await;
    let _daemon = shop.daemon().await;
    shop.has_settled().await;
    assert_eq!(shop.number("select count(*) from loyalty_ledger where order_id = $1", &[&order]).await, 1);
    let fell = "select count(*) from workflow_executions_default where status = 'succeeded' and finished_at > now() - interval '1 minute'";
    assert_eq!(shop.number(fell, &[]).await, 1, "its month is gone: the default partition takes it");
    // It stops no month, is kept after its end for as long as others, and no longer.
    let delete = "select public.delete_expired('workflow_executions', interval '400 days', 100)";
    assert_eq!(shop.number(delete, &[]).await, 0);
    let far = "select public.prepare_partitions(5)";
    assert_eq!(shop.number(far, &[]).await, 6, "three more months of both");
    shop.db
        .batch_execute("update workflow_executions set finished_at = now() - interval '401 days'")
        .await
        .expect("aged");
    assert_eq!(shop.number(delete, &[]).await, 1);
}

#[tokio::test]
async fn default_partitions_and_deliveries_are_emptied_of_what_is_old_alone() {
    let shop = Shop::open().await;
    for days in [1, 80, 100, 1_000] {
        happened(&shop, days, false).await;
    }
    let kept = happened(&shop, 99, true).await;
    let deliveries = "insert into workflow_deliveries (id, execution_id, node_id, kind, lane, payload, status, finished_at)
        select (lpad(to_hex((extract(epoch from now() - age) * 1000)::bigint), 12, '0') || right(replace(gen_random_uuid()::text, '-', ''), 20))::uuid,
               gen_random_uuid(), 'mail ' || n, 'email', 1, '{}', case n when 4 then 'pending' else 'sent' end, case when n <> 4 then now() - done end
          from (values (1, interval '200 days', interval '199 days'), (2, interval '200 days', interval '1 day'),
                       (3, interval '201 days', interval '199 days'), (4, interval '200 days', null),
                       (5, interval '10 days', interval '9 days')) t (n, age, done)";
    shop.db.execute(deliveries, &[]).await.expect("deliveries");
    let rests = "insert into workflow_waiting (id, event_at, event_id, workflow_id, version, lane, state, started_at)
        -- Another attempt of the execution that it was sent for: both begin with their event's time.
        select (left(d.id::text, 13) || '-4000-8000-000000000003')::uuid, now(), gen_random_uuid(), gen_random_uuid(), 1, 1, '{}', now()
          from workflow_deliveries d where d.node_id = 'mail 3'";
    shop.db.execute(rests, &[]).await.expect("rests");
    let delete = async |table: &str, most: i32| {
        let sql = "select public.delete_expired($1, interval '90 days', $2)";
        shop.number(sql, &[&table, &most]).await
    };
    assert_eq!(delete("workflow_events", 1).await, 1, "in batches");
    assert_eq!(delete("workflow_events", 100).await, 1);
    assert_eq!(shop.number("select count(*) from workflow_events where id = $1", &[&kept]).await, 1);
    assert_eq!(delete("workflow_deliveries", 100).await, 1, "one is finished, old and asked for by nobody");
    assert_eq!(delete("workflow_deliveries", 100).await, 0);
    assert_eq!(shop.count("workflow_deliveries").await, 4);
    // What effects were done goes as deliveries do, unless their execution rests.
    let effects = "insert into workflow_effects (id, execution_id, node_id, kind, done_at)
        select d.id, d.execution_id, d.node_id, 'add_tag', coalesce(d.finished_at, now()) from workflow_deliveries d
        union all select gen_random_uuid(), gen_random_uuid(), 'old', 'add_tag', now() - interval '100 days'";
    shop.db.execute(effects, &[]).await.expect("effects");
    assert_eq!(delete("workflow_effects", 100).await, 1);
    assert_eq!(shop.number("select count(*) from workflow_effects where node_id <> 'old'", &[]).await, 4);
    // Counts of marketing mails by their latest, and what Stripe said and nobody could read.
    let counts = "insert into marketing_mails select mail_hash(n::text), array[now() - interval '200 days', now() - n * interval '1 day']
                    from unnest(array[10, 100]) n;
        insert into stripe_objects (id, kind, told_at, events, created_at)
        select kind || n, kind, now(), '[]', now() - n * interval '1 day'
          from unnest(array[10, 100]) n, unnest(array['unread', 'customer']) kind";
    shop.db.batch_execute(counts).await.expect("both");
    assert_eq!(delete("marketing_mails", 100).await, 1);
    assert_eq!(delete("stripe_objects", 100).await, 1);
    assert_eq!((shop.count("marketing_mails").await, shop.count("stripe_objects").await), (1, 3));
}

#[tokio::test]
async fn a_month_that_is_in_use_stays_and_writers_wait_for_an_instant() {
    let shop = Shop::open().await;
    has_month(&shop, 20).await;
    let mut reader = connect(&shop.url).await;
    let held = reader.transaction().await.expect("begun");
    held.query("select count(*) from workflow_events", &[]).await.expect("reads");
    let began = std::time::Instant::now();
    let detach = "select coalesce(public.detach_expired('workflow_events', interval '90 days'), 'none')";
    let said: String = shop.db.query_one(detach, &[]).await.expect("tried").get(0);
    assert_eq!(said, "", "in use");
    assert!(began.elapsed() < std::time::Duration::from_secs(2));
    held.rollback().await.expect("done");
    let said: String = shop.db.query_one(detach, &[]).await.expect("tried").get(0);
    assert!(said.starts_with("workflow_events_"), "{said}");
    // A daemon that died here leaves a table apart; the next one drops it.
    let _daemon = shop.daemon().await;
    until("it is dropped", async || !has_table(&shop, &format!("{said}_detached")).await).await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
}
