//! One batch, from claim to commit: an execution's life can be read here from top to bottom.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::alerts::{announce, note};
use super::apply::{Deliveries, Fault, Kept, Manner, Moved, Running, in_waves};
use super::changes::Changes;
use super::daemons::Hand;
use super::failing::lanes_of;
use super::figures;
use super::flow::{Held, admit};
use super::offers::offer_events;
use super::plans::Plans;
use super::record::settle;
use super::resume::{Moving, Rest, wake};
use super::start::start;
use crate::domain::alert::{Alert, Kind};
use crate::domain::execution::Status;
use crate::domain::ids::EventId;
use crate::store::constraints;
use crate::store::cursors::Cursors;
use crate::store::executions::Identity;
use crate::store::holds::hold;
use crate::store::queue::{Claim, Claimed, Due, claim_due};
use crate::store::session::{Session, StoreError};

/// What a batch did.
#[derive(Debug, Default, Clone, Copy)]
pub struct Done {
    /// Queue rows it took.
    pub claimed: usize,
    /// Their lanes, as bits.
    pub lanes: u64,
    /// One of them gave all that was asked of it: there is more.
    pub more: bool,
    /// How much event data it took, in bytes.
    pub bytes: usize,
    /// It took nothing, for what is due is in other hands.
    pub elsewhere: bool,
    /// It handed something to the deliverers.
    pub handed: bool,
    /// Time spent on plans, conditions and templates, with the transaction open.
    pub thought: Duration,
    /// Events among its rows.
    pub events: u64,
    /// It raised alarms, which are announced and not yet told.
    pub alarmed: bool,
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
pub(super) async fn run(
    session: &Session,
    plans: &Plans,
    changes: &Changes,
    cursors: &mut Cursors,
    order: Order,
    hand: Option<&mut Hand<'_>>,
) -> Result<Done, BatchError> {
    let claimed = claim_due(session, cursors, order.limit, order.workers).await;
    let (rows, worked) = match claimed {
        Ok(claim) if claim.rows.is_empty() => {
            let nothing = Done { elsewhere: claim.elsewhere, ..Done::default() };
            (claim.rows, session.transaction("rollback").await.map(|()| nothing).map_err(Fault::from))
        }
        Ok(claim) => {
            let worked = async {
                let _turn = match hand {
                    Some(hand) => {
                        // What is set aside is recorded for each plan that it would have started.
                        refresh(session, plans, &claim).await?;
                        Some(hand.take(session, &claim.rows).await?)
                    }
                    None => None,
                };
                work(session, plans, changes, &claim, order).await
            };
            let worked = worked.await;
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

/// Loads the plans in force, if they have changed.
async fn refresh(session: &Session, plans: &Plans, claim: &Claim) -> Result<(), StoreError> {
    let oldest = claim.rows.iter().map(|row| row.due_at).min().unwrap_or(claim.now);
    plans.refresh(session, claim.epoch, oldest).await
}

async fn work(
    session: &Session,
    plans: &Plans,
    changes: &Changes,
    claim: &Claim,
    order: Order,
) -> Result<Done, Fault> {
    let Claim { rows, now, bytes, .. } = claim;
    let Order { limit, manner, .. } = order;
    #[cfg(debug_assertions)]
    super::daemons::die_where_told(rows);
    refresh(session, plans, claim).await?;
    trace_claimed(rows);
    let mut moving = Moving::default();
    start(session, plans, claim, &mut moving).await?;
    offer_events(session, plans, claim).await?;
    wake(session, plans, claim, &mut moving).await?;
    hold_back(session, claim, &mut moving).await?;
    if manner == Manner::OneByOne {
        constraints::check_at_once(session).await?;
    }
    let (mut deliveries, mut kept) = (Deliveries::HandOver, Kept::default());
    let mails = &plans.table().mails;
    let Moved { handed, thought } =
        in_waves(session, &mut moving.running, mails, *now, manner, &mut deliveries, &mut kept).await?;
    let alerts = settle(session, plans, changes, &mut moving, *now).await?;
    tell(rows, &moving, &alerts, *now);
    let events =
        rows.iter().filter(|row| matches!(row.what, Due::Event(_) | Due::Unreadable(..))).count() as u64;
    let alarmed = !alerts.is_empty();
    let (claimed, lanes, more) = (rows.len(), lanes_of(rows), is_more(rows, limit));
    Ok(Done { claimed, lanes, more, bytes: *bytes, handed, thought, events, alarmed, elsewhere: false })
}

/// Whether a lane gave its whole share of `limit`.
fn is_more(rows: &[Claimed], limit: usize) -> bool {
    let mut by_lane: HashMap<i16, usize> = HashMap::new();
    rows.iter().for_each(|row| *by_lane.entry(row.lane).or_default() += 1);
    by_lane.values().any(|rows| rows * by_lane.len() >= limit)
}

/// What flow control says, and what is held: of that nothing moves, but what was decided about it holds.
async fn hold_back(session: &Session, claim: &Claim, moving: &mut Moving) -> Result<(), StoreError> {
    let beyond_their_guard = admit(session, moving, claim.now).await?;
    for Held { workflow, reason } in &beyond_their_guard {
        if hold(session, *workflow, reason).await? {
            let message =
                format!("{reason}; the workflow is held until `thendo workflow release` lets it go on");
            note(&mut moving.alarms, Kind::BulkGuard, Some(*workflow), message);
        }
    }
    if claim.held.is_empty() && beyond_their_guard.is_empty() {
        return Ok(());
    }
    let (resting, running) = std::mem::take(&mut moving.running).into_iter().partition(|of: &Running| {
        // One that rests on, whatever it was offered, is not held: it goes on resting.
        let due = of.run.status == Status::Running || of.run.rests().due.is_some_and(|due| due <= claim.now);
        let moves =
            (due && matches!(of.run.status, Status::Waiting | Status::Running)) || of.run.is_guarded();
        moves && (of.run.is_guarded() || claim.held.contains(&of.identity.workflow))
    });
    moving.running = running;
    moving.resting.extend(Vec::into_iter(resting).map(|of| (of, Rest::Held)));
    Ok(())
}

/// What a batch came to, once it is committed.
fn tell(rows: &[Claimed], moving: &Moving, alerts: &[Alert], now: DateTime<Utc>) {
    announce(alerts);
    figures::of_batch(rows, now);
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
    for broken in &moving.broken {
        let Identity { id, workflow, event, .. } = &broken.identity;
        // Why may quote its rows: that is for whoever may see those.
        tracing::error!(execution = %id, %workflow, %event,
            "an execution could not go on and was recorded as failed; `thendo executions show` says why");
    }
}

/// So that an execution can be followed from its event on.
fn trace_claimed(rows: &[Claimed]) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    for Claimed { lane, what, .. } in rows {
        match what {
            Due::Event(event) | Due::Unreadable(event, _) => tracing::debug!(
                event = %event.id, table = event.table, operation = event.operation.as_str(), lane, "an event is claimed"
            ),
            Due::Execution(id) => tracing::debug!(execution = %id, lane, "an execution is claimed"),
            Due::Offer(id, event) => {
                tracing::debug!(execution = %id, event = %event.id, lane, "an event is offered to an execution");
            }
            Due::Gone(_) => {}
        }
    }
}
