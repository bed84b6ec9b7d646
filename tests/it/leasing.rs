//! How deliveries are handed over, leased in turns, and called off, as statements alone.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::Value;
use thendo::domain::effect::{Answer, Effect, Email, Request};
use thendo::domain::ids::{EffectId, ExecutionId, WorkflowId};
use thendo::store::cause::Causes;
use thendo::store::deliveries::{self, Found, Turn, Wanted};
use thendo::store::effects::{Asked, apply};
use thendo::store::session::Session;
use uuid::Uuid;

use crate::support::{Shop, connect};

async fn with_status(shop: &Shop, status: &str) -> i64 {
    shop.number("select count(*) from workflow_deliveries where status = $1", &[&status]).await
}

async fn session(shop: &Shop) -> Session {
    Session::new(connect(&shop.url).await)
}

async fn lease(session: &Session, limit: usize, after: &Turn) -> Found {
    lease_with(session, limit, after, &HashMap::new()).await
}

async fn lease_with(
    session: &Session,
    limit: usize,
    after: &Turn,
    under_way: &HashMap<String, usize>,
) -> Found {
    let wanted = Wanted { limit, lease_ms: 60_000, repeatable: false, per_destination: 8, under_way, after };
    deliveries::lease(session, wanted).await.expect("leased")
}

const MANY: &str = "
insert into workflow_deliveries (id, execution_id, workflow_id, destination, node_id, kind, lane, payload, due_at)
select gen_random_uuid(), gen_random_uuid(), $1, $2, 'mail', 'email', 1, '{}', now() - interval '1 hour'
  from generate_series(1, $3::int)";

#[tokio::test]
async fn one_mail_does_not_wait_behind_a_hundred_thousand_of_another_workflow() {
    let shop = Shop::open().await;
    let (large, small) = (Uuid::from_u128(1), Uuid::from_u128(2));
    shop.db.execute(MANY, &[&large, &"mail", &100_000]).await.expect("many");
    shop.db.batch_execute("analyze workflow_deliveries").await.expect("analyzed");
    shop.db.execute(MANY, &[&small, &"mail", &1]).await.expect("one");
    let session = session(&shop).await;
    let began = Instant::now();
    let found = lease(&session, 4, &Turn::default()).await;
    println!("leasing 4 of 100,001: {:?}", began.elapsed());
    assert_eq!(found.leased.len(), 4);
    let left = "select count(*) from workflow_deliveries where workflow_id = $1 and status = 'pending'";
    assert_eq!(shop.number(left, &[&small]).await, 0, "it was among the first");
    // One place at a time, they take turns too.
    shop.db.execute(MANY, &[&small, &"mail", &3]).await.expect("three");
    let mut turn = Turn::default();
    for _ in 0..6 {
        turn = lease(&session, 1, &turn).await.next;
    }
    assert_eq!(shop.number(left, &[&small]).await, 0);

    // And looking costs little: neither is the table read, nor what is pending.
    let sql = include_str!("../../src/store/sql/lease_deliveries.sql");
    let prepare = format!("prepare lease as {sql}");
    shop.db.batch_execute(&prepare).await.expect("prepared");
    let explained = "explain (analyze, buffers, format json) execute
        lease(8, gen_random_uuid(), 10000, false, 8, '{}', '{}', '', '00000000-0000-0000-0000-000000000000')";
    let plan: Value = shop.db.query_one(explained, &[]).await.expect("a plan").get(0);
    let (blocks, ms) = (plan[0]["Plan"]["Shared Hit Blocks"].clone(), plan[0]["Execution Time"].clone());
    println!("leasing 8 of 100,000: {blocks} blocks, {ms} ms");
    assert!(blocks.as_u64().is_some_and(|blocks| blocks < 1_000), "{blocks}");
    assert!(!plan.to_string().contains("\"Seq Scan\",\"Relation Name\":\"workflow_deliveries\""));
}

#[tokio::test]
async fn turns_are_taken_though_there_are_more_than_one_look_takes() {
    let shop = Shop::open().await;
    // 300 servers that are away: their deliveries are put off. One that is due, in their midst.
    let sql = "insert into workflow_deliveries
            (id, execution_id, workflow_id, destination, node_id, kind, lane, payload, due_at)
        select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), format('https://s%s.example.com:443', n + 1000), 'hook',
               'http', 1, '{}', now() + case when n = 150 then interval '-1 s' else interval '1 hour' end
          from generate_series(1, 300) n";
    shop.db.execute(sql, &[]).await.expect("many");
    let session = session(&shop).await;
    for start in
        [String::new(), "https://s1149.example.com:443".into(), "https://s1290.example.com:443".into()]
    {
        let mut turn: Turn = (start.clone(), Uuid::nil());
        let mut looks = 0;
        loop {
            looks += 1;
            assert!(looks <= 8, "from {start:?}, not found within {looks} looks");
            let found = lease(&session, 4, &turn).await;
            if !found.leased.is_empty() {
                break;
            }
            turn = found.next;
        }
        let back = "update workflow_deliveries set status = 'pending', lease_token = null, lease_until = null
                    where status = 'sending'";
        shop.db.execute(back, &[]).await.expect("put back");
    }
}

#[tokio::test]
async fn a_destination_with_enough_under_way_is_passed_over() {
    let shop = Shop::open().await;
    shop.db.execute(MANY, &[&Uuid::from_u128(1), &"https://a:443", &50]).await.expect("many");
    shop.db.execute(MANY, &[&Uuid::from_u128(2), &"https://a:443", &50]).await.expect("many");
    shop.db.execute(MANY, &[&Uuid::from_u128(1), &"https://b:443", &50]).await.expect("many");
    let session = session(&shop).await;
    let under_way = HashMap::from([("https://a:443".to_owned(), 5)]);
    let found = lease_with(&session, 20, &Turn::default(), &under_way).await;
    let to = |server: &str| found.leased.iter().filter(|of| of.destination == server).count();
    assert_eq!((to("https://a:443"), to("https://b:443")), (3, 8));
    let under_way = HashMap::from([("https://a:443".to_owned(), 8)]);
    let found = lease_with(&session, 20, &Turn::default(), &under_way).await;
    assert!(found.leased.iter().all(|of| of.destination == "https://b:443"));
}

fn asked(id: EffectId, execution: ExecutionId, subject: &str) -> Asked {
    let (to, text) = ("ada@example.com".into(), "t".into());
    let effect = Effect::SendEmail(Email { to, subject: subject.into(), text, ..Email::default() });
    let request = Request { id, node: "mail".into(), item: Vec::new(), effect, retry: None };
    Asked { execution, workflow: WorkflowId(Uuid::from_u128(1)), lane: 1, depth: 0, customer: None, request }
}

#[tokio::test]
async fn what_was_refused_or_called_off_is_taken_up_by_another_execution_only() {
    let shop = Shop::open().await;
    let session = session(&shop).await;
    let (id, first, second) =
        (EffectId(Uuid::new_v4()), ExecutionId(Uuid::new_v4()), ExecutionId(Uuid::new_v4()));
    let hand = async |execution: ExecutionId, subject: &str| {
        apply(&session, &mut Causes::default(), &[asked(id, execution, subject)])
            .await
            .expect("applied")
            .remove(&id)
            .expect("an answer")
    };
    let sets = async |status: &str| {
        let sql =
            "update workflow_deliveries set status = $1, result = '{\"reason\": \"no\"}', execution_id = $2";
        shop.db.execute(sql, &[&status, &first.0]).await.expect("set");
    };
    let row = async || {
        let sql = "select status, execution_id, payload ->> 'subject', attempt from workflow_deliveries";
        let row = shop.db.query_one(sql, &[]).await.expect("one");
        (row.get::<_, String>(0), row.get::<_, Uuid>(1), row.get::<_, String>(2), row.get::<_, i16>(3))
    };
    assert!(matches!(hand(first, "one").await, Answer::Handed { .. }));
    assert!(matches!(hand(first, "one").await, Answer::Handed { .. }), "a batch that is done again");
    // Still on its way: it comes back to whoever asked last.
    assert!(matches!(hand(second, "two").await, Answer::Handed { .. }));
    assert_eq!(row().await, ("pending".into(), second.0, "one".into(), 0));
    for status in ["refused", "cancelled"] {
        sets(status).await;
        assert!(
            matches!(hand(first, "one").await, Answer::Refused { .. }),
            "{status}: not sent again unasked"
        );
        assert_eq!(row().await.0, status);
        assert!(matches!(hand(second, "two").await, Answer::Handed { .. }));
        assert_eq!(row().await, ("pending".into(), second.0, "two".into(), 0), "{status}");
    }
    for (status, done) in [("sent", true), ("unknown", false)] {
        sets(status).await;
        let answer = hand(second, "three").await;
        assert_eq!(matches!(answer, Answer::Done { .. }), done, "{status}: {answer:?}");
        assert!(!matches!(answer, Answer::Handed { .. }), "{status}");
        assert_eq!(row().await.0, status);
    }
}

#[tokio::test]
async fn what_is_pending_is_called_off_and_what_is_being_sent_is_not() {
    let shop = Shop::open().await;
    let session = session(&shop).await;
    let execution = ExecutionId(Uuid::new_v4());
    let ids = [EffectId(Uuid::new_v4()), EffectId(Uuid::new_v4())];
    for id in ids {
        apply(&session, &mut Causes::default(), &[asked(id, execution, "one")]).await.expect("applied");
    }
    assert_eq!(lease(&session, 1, &Turn::default()).await.leased.len(), 1);
    assert_eq!(deliveries::cancel_pending(&session, &[execution]).await.expect("called off"), 1);
    assert_eq!(with_status(&shop, "cancelled").await, 1);
    assert_eq!(with_status(&shop, "sending").await, 1);
}
