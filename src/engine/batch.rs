//! One batch, from claim to commit: an execution's life can be read here from top to bottom.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::advance::{Run, Saved};
use super::apply::{Deliveries, Fault, Manner, Moved, Running, in_waves};
use super::plans::{InForce, Plans};
use crate::domain::event::{CustomerKey, Event, Row};
use crate::domain::execution::{Mode, Status, Step, StepOutcome};
use crate::domain::ids::{EventId, ExecutionId, WorkflowId};
use crate::store::effects::delivered;
use crate::store::executions::{
    Ended, Identity, Resting, Woken, load_customers, park, record, rows_by_now, take_waiting,
};
use crate::store::queue::{Claim, Claimed, Cursors, Due, claim_due, quarantine};
use crate::store::session::{Session, StoreError};
use crate::workflow::plan::Plan;

/// What a batch did.
#[derive(Debug, Default, Clone, Copy)]
pub struct Done {
    /// Queue rows it took.
    pub claimed: usize,
    /// How much event data it took, in bytes.
    pub bytes: usize,
    /// It handed something to the deliverers.
    pub handed: bool,
    /// Time spent on plans, conditions and templates, with the transaction open.
    pub thought: Duration,
}

/// A batch that was rolled back. Nothing of it happened.
#[derive(Debug, thiserror::Error)]
#[error("a batch of {} was rolled back", rows.len())]
pub struct BatchError {
    /// What it had claimed: back in the queue.
    pub rows: Vec<Claimed>,
    /// Why.
    #[source]
    pub source: Fault,
}

/// An execution that can't go on at all, with its story so far.
struct Broken {
    identity: Identity,
    steps: Vec<Step>,
    error: String,
}

/// How much a batch takes at once, and how it goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Queue rows at most.
    pub limit: usize,
    /// How many workers share what is ready.
    pub workers: usize,
    /// Together, or one by one.
    pub manner: Manner,
}

/// Claims, matches, advances, applies, records and commits up to `limit` queue rows.
///
/// # Errors
/// [`BatchError`]; the transaction is rolled back or dead with its connection.
pub async fn run(
    session: &Session,
    plans: &Plans,
    cursors: &mut Cursors,
    order: Order,
) -> Result<Done, BatchError> {
    let claimed = claim_due(session, cursors, order.limit, order.workers).await;
    let (rows, worked) = match claimed {
        Ok(claim) if claim.rows.is_empty() => {
            (claim.rows, session.transaction("rollback").await.map(|()| Done::default()).map_err(Fault::from))
        }
        Ok(claim) => {
            let worked = work(session, plans, &claim, order.manner).await;
            (claim.rows, worked)
        }
        Err(error) => (Vec::new(), Err(error.into())),
    };
    if worked.is_err() {
        let _ = session.transaction("rollback").await;
        cursors.undo();
    }
    worked.map_err(|source| BatchError { rows, source })
}

async fn work(session: &Session, plans: &Plans, claim: &Claim, manner: Manner) -> Result<Done, Fault> {
    let Claim { rows, now, epoch, bytes } = claim;
    let oldest = rows.iter().map(|row| row.due_at).min().unwrap_or(*now);
    plans.refresh(session, *epoch, oldest).await?;
    let (mut running, mut broken) = start(session, plans, rows, *now).await?;
    broken.extend(wake(session, plans, rows, *now, &mut running).await?);
    let Moved { handed, thought } =
        in_waves(session, &mut running, *now, manner, &mut Deliveries::HandOver).await?;
    settle(session, &mut running, &broken).await?;
    tell(rows, &running, &broken, *now);
    Ok(Done { claimed: rows.len(), bytes: *bytes, handed, thought })
}

/// Match: the events against the plans in force, and an execution for each that agree.
async fn start(
    session: &Session,
    plans: &Plans,
    rows: &[Claimed],
    now: DateTime<Utc>,
) -> Result<(Vec<Running>, Vec<Broken>), StoreError> {
    let mut matched: Vec<(&Event, i16, Arc<InForce>)> = Vec::new();
    let mut broken = Vec::new();
    for row in rows {
        match &row.what {
            Due::Event(event) => {
                matched.extend(plans.started_by(event).into_iter().map(|plan| (&**event, row.lane, plan)));
            }
            // Nobody can say whether a trigger would agree: whoever listens is told.
            Due::Unreadable(event, reason) => {
                broken.extend(plans.listening_to(event).iter().map(|in_force| Broken {
                    identity: identity(event, in_force, row.lane, now),
                    steps: Vec::new(),
                    error: format!("the event's row can't be read: {reason}"),
                }));
            }
            Due::Execution(_) | Due::Gone(_) => {}
        }
    }
    let wanted: HashSet<CustomerKey> =
        matched.iter().filter_map(|(event, _, in_force)| in_force.plan.customer_of(event)).collect();
    let customers = load_customers(session, wanted.into_iter().collect()).await?;

    let mut once = HashSet::new();
    let mut running = Vec::with_capacity(matched.len());
    for (event, lane, in_force) in matched {
        let identity = identity(event, &in_force, lane, now);
        if !once.insert(identity.id) {
            continue; // The same event twice in one batch.
        }
        let plan = &in_force.plan;
        let known = match plan.customer_of(event).and_then(|key| customers.get(&key)) {
            Some(Ok(customer)) => Cow::Owned(Event { customer: Some(customer.clone()), ..event.clone() }),
            Some(Err(reason)) => {
                let error = format!("the customer's row can't be read: {reason}");
                broken.push(Broken { identity, steps: Vec::new(), error });
                continue;
            }
            None => Cow::Borrowed(event),
        };
        // A filter may ask about the customer, so it comes last.
        if plan.passes_filter(&known) {
            let mut run = Run::start(identity.id, plan, &known, now);
            let later = plan.trigger_settings().and_then(|trigger| trigger.starts_at(event));
            if let Some(later) = later.filter(|later| *later > now) {
                run.put_off(later);
            }
            running.push(Running { identity, plan: plan.clone(), run });
        }
    }
    Ok((running, broken))
}

fn identity(event: &Event, in_force: &InForce, lane: i16, now: DateTime<Utc>) -> Identity {
    Identity {
        id: ExecutionId::derive(event.id, event.at, in_force.workflow, 0),
        event: event.id,
        event_at: event.at,
        workflow: in_force.workflow,
        version: in_force.version,
        lane,
        started_at: now,
    }
}

/// Takes claimed executions out of their rest and hands them what they waited for.
async fn wake(
    session: &Session,
    plans: &Plans,
    rows: &[Claimed],
    now: DateTime<Utc>,
    running: &mut Vec<Running>,
) -> Result<Vec<Broken>, StoreError> {
    let ids: Vec<ExecutionId> = rows
        .iter()
        .filter_map(|row| match row.what {
            Due::Execution(id) => Some(id),
            _ => None,
        })
        .collect();
    let (mut broken, mut put_off) = (Vec::new(), Vec::new());
    for Woken { identity, state, deliveries } in take_waiting(session, &ids).await? {
        let plan = plans.pinned(session, identity.workflow, identity.version).await?;
        match restored(&identity, plan, state, now) {
            Ok((plan, mut run)) => {
                for (id, spot) in run.waiting_for() {
                    let answer = deliveries.iter().find(|(of, ..)| *of == id);
                    if let Some((_, status, result)) = answer {
                        let answer = delivered(status, result.clone());
                        run.answer(&plan, &spot.node, &spot.item, answer, now);
                    }
                }
                match run.is_put_off() {
                    true => put_off.push(Running { identity, plan, run }),
                    false => running.push(Running { identity, plan, run }),
                }
            }
            Err((steps, error)) => broken.push(Broken { identity, steps, error }),
        }
    }
    running.extend(begin(session, put_off).await?);
    Ok(broken)
}

/// Of executions that were put off, those whose rows still count; they begin with the rows as they are by now. The others
/// never were.
async fn begin(session: &Session, put_off: Vec<Running>) -> Result<Vec<Running>, StoreError> {
    if put_off.is_empty() {
        return Ok(put_off);
    }
    let table =
        |of: &Running| of.plan.sources().first().map_or_else(String::new, |source| source.table.to_string());
    let tables: Vec<String> = put_off.iter().map(table).collect();
    let ids: Vec<String> = put_off.iter().map(|of| of.run.context().row_key()).collect();
    let rows = rows_by_now(session, &tables, &ids).await?;
    let mut begun = Vec::with_capacity(put_off.len());
    for (mut of, row) in put_off.into_iter().zip(rows) {
        let still = |row: &Row| of.plan.trigger_settings().is_some_and(|trigger| trigger.still(row));
        if let Some(row) = row.filter(still) {
            of.run.begin_with(row);
            begun.push(of);
        }
    }
    Ok(begun)
}

fn restored(
    identity: &Identity,
    plan: Option<Arc<Plan>>,
    state: Result<Value, String>,
    now: DateTime<Utc>,
) -> Result<(Arc<Plan>, Run), (Vec<Step>, String)> {
    let unreadable = |reason: String| format!("its saved state can't be read: {reason}");
    let state = state.map_err(|reason| (Vec::new(), unreadable(reason)))?;
    let steps = || {
        state.get("steps").and_then(|steps| serde_json::from_value(steps.clone()).ok()).unwrap_or_default()
    };
    let gone = || format!("version {} is gone or does not compile any more", identity.version);
    let plan = plan.ok_or_else(|| (steps(), gone()))?;
    let saved: Saved =
        serde_json::from_value(state.clone()).map_err(|error| (steps(), unreadable(error.to_string())))?;
    let run = Run::restore(identity.id, &plan, saved, now).map_err(|error| (steps(), error.to_string()))?;
    Ok((plan, run))
}

/// Record: executions that ended, executions that rest; and the commit that makes all of it true.
async fn settle(session: &Session, running: &mut [Running], broken: &[Broken]) -> Result<(), StoreError> {
    let mut ended: Vec<Ended<'_>> = broken
        .iter()
        .map(|b| Ended {
            identity: &b.identity,
            mode: Mode::Live,
            status: Status::Failed,
            steps: &b.steps,
            error: Some(b.error.clone()),
        })
        .collect();
    let mut resting = Vec::new();
    for Running { identity, run, .. } in running {
        match run.status {
            Status::Waiting => {
                let timer = run.queues();
                let put_off_for = run.is_put_off().then(|| run.context().row_key());
                resting.push(Resting { identity, state: run.save(), timer, put_off_for });
            }
            status => ended.push(Ended {
                identity,
                mode: Mode::Live,
                status,
                steps: run.steps(),
                error: failure(run.steps()),
            }),
        }
    }
    // Of several events of one row, the last counts.
    let latest: HashMap<(WorkflowId, String), ExecutionId> = resting
        .iter()
        .filter_map(|r| Some(((r.identity.workflow, r.put_off_for.clone()?), r.identity.id)))
        .collect();
    resting.retain(|r| {
        let key = r.put_off_for.clone().map(|key| (r.identity.workflow, key));
        key.is_none_or(|key| latest.get(&key) == Some(&r.identity.id))
    });
    let (recorded, parked, committed) = tokio::join!(
        biased;
        record(session, &ended),
        park(session, &resting),
        session.transaction("commit"),
    );
    recorded.and(parked).and(committed)
}

/// Why an execution failed: its first failed step, in words.
pub fn failure(steps: &[Step]) -> Option<String> {
    let step = steps.iter().find(|step| step.outcome == StepOutcome::Failed)?;
    Some(format!("{}: {}", step.node, step.why.as_deref().unwrap_or("failed")))
}

/// Takes a row off the queue that no batch survives, and records why for each execution it was to start.
///
/// # Errors
/// [`StoreError`]; nothing happened.
pub async fn set_aside(
    session: &Session,
    plans: &Plans,
    row: &Claimed,
    reason: &str,
) -> Result<(), StoreError> {
    session.transaction("begin").await?;
    let done = async {
        if !quarantine(session, row).await? {
            return session.transaction("rollback").await; // Somebody else has it.
        }
        let identities = match &row.what {
            Due::Event(event) => identities(event, &plans.started_by(event), row.lane),
            Due::Unreadable(event, _) => identities(event, &plans.listening_to(event), row.lane),
            Due::Execution(id) => {
                take_waiting(session, &[*id]).await?.into_iter().map(|woken| woken.identity).collect()
            }
            Due::Gone(_) => Vec::new(),
        };
        let ended: Vec<_> = identities
            .iter()
            .map(|identity| Ended {
                identity,
                mode: Mode::Live,
                status: Status::Failed,
                steps: &[],
                error: Some(format!("set aside: {reason}")),
            })
            .collect();
        record(session, &ended).await?;
        session.transaction("commit").await
    };
    let done = done.await;
    if done.is_err() {
        let _ = session.transaction("rollback").await;
    }
    done
}

fn identities(event: &Event, plans: &[Arc<InForce>], lane: i16) -> Vec<Identity> {
    plans.iter().map(|in_force| identity(event, in_force, lane, event.at)).collect()
}

fn tell(rows: &[Claimed], running: &[Running], broken: &[Broken], now: DateTime<Utc>) {
    let gone: Vec<EventId> = rows
        .iter()
        .filter_map(|row| match row.what {
            Due::Gone(id) => Some(id),
            _ => None,
        })
        .collect();
    if !gone.is_empty() {
        tracing::warn!(events = ?gone, "queued events that are no longer in workflow_events were passed over");
    }
    for broken in broken {
        tracing::error!(execution = %broken.identity.id, workflow = %broken.identity.workflow, error = broken.error,
            "an execution could not be resumed and was recorded as failed");
    }
    metrics::counter!("thendo_queue_rows_total").increment(rows.len() as u64);
    metrics::histogram!("thendo_batch_rows").record(rows.len() as f64);
    if let Some(oldest) = rows.iter().map(|row| row.due_at).min() {
        let lag = (now - oldest).num_microseconds().unwrap_or(0).max(0);
        metrics::histogram!("thendo_lag_seconds").record(lag as f64 / 1e6);
    }
    let mut outcomes: HashMap<&'static str, u64> = HashMap::new();
    for Running { run, .. } in running {
        *outcomes.entry(run.status.as_str()).or_default() += 1;
    }
    for (outcome, count) in outcomes {
        metrics::counter!("thendo_executions_total", "status" => outcome).increment(count);
    }
}
