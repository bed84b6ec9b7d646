//! Idle latency: from the order's commit to its points, through the daemon and through a listener written
//! by hand for this one job, which runs the same statements.

use std::sync::Arc;
use std::time::{Duration, Instant};

use thendo::domain::effect::{Answer, Effect, Request};
use thendo::domain::execution::StepOutcome;
use thendo::domain::execution::{Change, Mode, Status, Step};
use thendo::domain::ids::{EffectId, ExecutionId, NodeId, WorkflowId};
use thendo::store::cause::Causes;
use thendo::store::cursors::Cursors;
use thendo::store::effects::{Asked, apply};
use thendo::store::executions::{Ended, Identity, record};
use thendo::store::queue::{Due, claim_due};
use thendo::store::session::Session;
use tokio_postgres::{AsyncMessage, Client};
use uuid::Uuid;

use crate::Outcome;
use crate::lab::{Bound, Lab, connect, percentile, publish};

const ORDERS: usize = 200;
const ROUNDS: usize = 3;

/// Alternates daemon and listener, and tells the ratio of their medians.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (db, url) = lab.shop().await?;
    publish(lab, &db, &url).await?;
    for _ in 0..ROUNDS {
        lab.probe()?;
        let by_hand = tokio::spawn(listen_by_hand(url.clone()));
        tokio::time::sleep(Duration::from_millis(500)).await;
        let measured = measure(&db, &url).await;
        if by_hand.is_finished() {
            by_hand.await??;
            return Err("the listener ended".into());
        }
        theirs.extend(measured?);
        by_hand.abort();
        let _ = by_hand.await;
        let daemon = lab.daemon(&url).await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        ours.extend(measure(&db, &url).await?);
        drop(daemon);
    }
    let (own, own99) = (percentile(&mut ours, 0.5), percentile(&mut ours, 0.99));
    let (hand, hand99) = (percentile(&mut theirs, 0.5), percentile(&mut theirs, 0.99));
    let beside = format!("thendo {own:.2} ms, by hand {hand:.2} ms, from commit to commit");
    lab.notes("latency", "idle p50, to a listener by hand", own / hand, Bound::AtMost(1.5), beside);
    let beside = format!("thendo {own99:.2} ms, by hand {hand99:.2} ms");
    lab.notes("latency", "idle p99, to a listener by hand", own99 / hand99, Bound::AtMost(2.0), beside);
    Ok(())
}

/// Places orders with pauses of 30 to 90 ms and polls for their points.
pub async fn measure(db: &Client, url: &str) -> Outcome<Vec<f64>> {
    let watch = connect(url).await?;
    let order = "insert into orders (customer_id, total) values ((select id from customers limit 1), 15000) returning id";
    let order = db.prepare(order).await?;
    let points = watch.prepare("select 1 from loyalty_ledger where order_id = $1").await?;
    let mut took = Vec::new();
    for n in 0..ORDERS + 10 {
        let id: Uuid = db.query_one(&order, &[]).await?.get(0);
        let committed = Instant::now();
        while watch.query_opt(&points, &[&id]).await?.is_none() {
            if committed.elapsed() > Duration::from_secs(10) {
                return Err("no points came".into());
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        if n >= 10 {
            took.push(committed.elapsed().as_secs_f64() * 1e3);
        }
        tokio::time::sleep(Duration::from_millis(30 + (n as u64 * 37) % 60)).await;
    }
    Ok(took)
}

async fn listen_by_hand(url: String) -> Outcome<()> {
    let (client, mut connection) = thendo::database::connect::connect(
        &url.clone().into(),
        "by hand",
        thendo::database::role::Role::Engine,
    )
    .await?;
    let wake = Arc::new(tokio::sync::Notify::new());
    let woken = wake.clone();
    let listening = tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(_) = message {
                woken.notify_one();
            }
        }
    });
    let _end = tokio_util::task::AbortOnDropHandle::new(listening);
    client.batch_execute("listen thendo_orders").await?;
    let session = Session::new(connect(&url).await?);
    session.client().batch_execute("set role thendo_engine").await?;
    session.prepare_all(thendo::store::OF_A_BATCH).await?;
    let mut cursors = Cursors::from_lane(0);
    loop {
        while one_batch(&session, &mut cursors).await? > 0 {}
        wake.notified().await;
    }
}

async fn one_batch(session: &Session, cursors: &mut Cursors) -> Outcome<usize> {
    cursors.sweep();
    let claim = claim_due(session, cursors, 500, 1).await?;
    let mut asked = Vec::new();
    let mut identities = Vec::new();
    for row in &claim.rows {
        let Due::Event(event) = &row.what else { continue };
        let workflow = WorkflowId(Uuid::from_u128(42));
        let id = ExecutionId::derive(event.id, event.at, workflow, 0);
        let node = NodeId::from("points");
        // What was awarded is an event too; it has no total.
        let total = event.row.get("total").and_then(serde_json::Value::as_i64);
        let (Some(customer), Some(total)) = (event.customer_id(), total) else { continue };
        let order = event.row["id"].as_str().and_then(|id| id.parse().ok());
        let effect = Effect::AwardPoints {
            customer,
            order,
            points: total / 100,
            reason: "order".into(),
            expires: None,
        };
        asked.push(Asked {
            execution: id,
            workflow,
            lane: row.lane,
            depth: event.depth,
            customer: Some(customer),
            request: Request {
                id: EffectId::derive(id, &node, &[]),
                node,
                item: Vec::new(),
                effect,
                retry: None,
            },
        });
        identities.push(Identity {
            id,
            root: id,
            attempt: 1,
            event: event.id,
            event_at: event.at,
            workflow,
            version: 1,
            lane: row.lane,
            started_at: claim.now,
        });
    }
    let answers = apply(session, &mut Causes::default(), &asked).await?;
    let steps: Vec<Vec<Step>> =
        asked.iter().map(|asked| vec![step(asked, &answers[&asked.request.id], claim.now)]).collect();
    let ended: Vec<Ended<'_>> = identities
        .iter()
        .zip(&steps)
        .map(|(identity, steps)| Ended {
            identity,
            mode: Mode::Live,
            status: Status::Succeeded,
            steps,
            error: None,
        })
        .collect();
    record(session, &ended).await?;
    session.transaction("commit").await?;
    Ok(claim.rows.len())
}

fn step(asked: &Asked, answer: &Answer, at: chrono::DateTime<chrono::Utc>) -> Step {
    let (result, changes): (_, Vec<Change>) = match answer {
        Answer::Done { result, changes, .. } => (Some(result.clone()), changes.clone()),
        _ => (None, Vec::new()),
    };
    Step {
        item: Vec::new(),
        node: asked.request.node.clone(),
        outcome: StepOutcome::Done,
        branch: None,
        why: None,
        result,
        attempt: None,
        changes,
        at,
    }
}
