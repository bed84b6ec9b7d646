//! 100,000 mixed awards, redemptions and reversals from 16 connections: is the ledger exact?

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use thendo::domain::effect::{Answer, Effect, Key, Request, Rows, Target};
use thendo::domain::ids::{EffectId, ExecutionId, WorkflowId};
use thendo::store::cause::Causes;
use thendo::store::effects::{Asked, apply};
use thendo::store::session::{ErrorClass, Session};
use uuid::Uuid;

use crate::Outcome;
use crate::lab::{Bound, Lab, connect};

const CONNECTIONS: usize = 16;
const EFFECTS: usize = 100_000;
const IN_A_BATCH: usize = 25;
const CUSTOMERS: i64 = 200;

/// All of them, then the audit.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    lab.probe()?;
    let (db, url) = lab.shop_with(&[]).await?;
    let made = "insert into customers (email) select 'ledger' || g || '@example.com' from generate_series(1, $1::bigint) g returning id";
    let customers: Arc<Vec<Uuid>> =
        Arc::new(db.query(made, &[&CUSTOMERS]).await?.iter().map(|row| row.get(0)).collect());
    let orders =
        "insert into orders (customer_id, total) select id, 10000 from customers, generate_series(1, 20)
        where email like 'ledger%' returning id, customer_id";
    let placed = db.query(orders, &[]).await?;
    let mut of: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    placed.iter().for_each(|row| of.entry(row.get(1)).or_default().push(row.get(0)));
    let of = Arc::new(of);

    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (url, customers, of) = (url.clone(), customers.clone(), of.clone());
        tasks.spawn(async move { one(&url, &customers, &of).await });
    }
    let mut expected: HashMap<Uuid, i64> = HashMap::new();
    let (mut done, mut again) = (0_usize, 0_usize);
    while let Some(ended) = tasks.join_next().await {
        let (changes, effects, tries) = ended??;
        done += effects;
        again += tries;
        changes.into_iter().for_each(|(customer, points)| *expected.entry(customer).or_default() += points);
    }
    let took = began.elapsed().as_secs_f64();
    let mut wrong = db.query("select customer_id from audit_loyalty()", &[]).await?.len();
    for (customer, points) in &expected {
        let sql = "select coalesce((select balance from loyalty_points where customer_id = $1), 0)";
        wrong += usize::from(db.query_one(sql, &[customer]).await?.get::<_, i64>(0) != *points);
    }
    let beside =
        format!("{done} effects from {CONNECTIONS} connections in {took:.0} s, {again} batches done again");
    lab.notes("ledger", "balances that are not exact", wrong as f64, Bound::AtMost(0.0), beside);
    drop(db);
    lab.drop_database(&url).await
}

type Changes = HashMap<Uuid, i64>;

/// One connection's share: what it changed, how many effects, how often a batch met another one.
async fn one(
    url: &str,
    customers: &[Uuid],
    of: &HashMap<Uuid, Vec<Uuid>>,
) -> Outcome<(Changes, usize, usize)> {
    let session = Session::new(connect(url).await?);
    session.client().batch_execute("set role thendo_engine; set lock_timeout = '300ms'").await?;
    session.prepare_all(thendo::store::OF_A_BATCH).await?;
    let (mut changes, mut done, mut again) = (Changes::new(), 0, 0);
    while done < EFFECTS / CONNECTIONS {
        let asked: Vec<Asked> = (0..IN_A_BATCH).map(|_| some_effect(customers, of)).collect();
        let answers = loop {
            session.transaction("begin").await?;
            let applied = apply(&session, &mut Causes::default(), &asked).await;
            let committed = match applied {
                Ok(answers) => session.transaction("commit").await.map(|()| answers),
                Err(error) => Err(error),
            };
            match committed {
                Ok(answers) => break answers,
                Err(error) if error.class() == ErrorClass::Transient => {
                    again += 1;
                    session.transaction("rollback").await?;
                }
                Err(error) => return Err(error.into()),
            }
        };
        for asked in &asked {
            if let Some(Answer::Done { result, .. }) = answers.get(&asked.request.id) {
                let points = result["points"].as_i64().unwrap_or(0);
                let sign = match &asked.request.effect {
                    Effect::Rows(rows) if rows.kind == "redeem_points" => -1,
                    _ => 1,
                };
                *changes.entry(asked.customer.unwrap_or_default()).or_default() += sign * points;
            }
        }
        done += asked.len();
    }
    Ok((changes, done, again))
}

fn some_effect(customers: &[Uuid], of: &HashMap<Uuid, Vec<Uuid>>) -> Asked {
    let customer = customers[fastrand::usize(..customers.len())];
    let orders = &of[&customer];
    let order = orders[fastrand::usize(..orders.len())];
    let points = fastrand::i64(1..200);
    let rows = |kind, input| {
        Effect::Rows(
            Rows::new(kind, input)
                .judging(Target::Balance, customer)
                .writing("loyalty_points", Key::Of(customer)),
        )
    };
    let effect = match fastrand::u8(..10) {
        0..5 => Effect::AwardPoints {
            customer,
            order: Some(order),
            points,
            reason: "order".into(),
            expires: None,
        },
        5..8 => rows(
            "redeem_points",
            json!({"customer": customer, "points": points, "order": order, "reason": "voucher"}),
        ),
        _ => rows(
            "reverse_points",
            json!({"customer": customer, "order": order, "execution": null, "part": fastrand::i64(1..=100), "whole": 100,
                "gives_back": fastrand::bool(), "reason": "refund"}),
        ),
    };
    let execution = ExecutionId(Uuid::new_v4());
    let request = Request {
        id: EffectId(Uuid::new_v4()),
        node: "points".into(),
        item: Vec::new(),
        effect,
        retry: None,
    };
    Asked { execution, workflow: WorkflowId::default(), lane: 0, depth: 0, customer: Some(customer), request }
}
