//! Match: the events of a batch against the plans in force.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::advance::Run;
use super::apply::Running;
use super::cause;
use super::in_force::{InForce, Table};
use super::plans::Plans;
use super::record::tells;
use super::replays::{Meant, Replays};
use super::resume::{Broken, Moving};
use crate::domain::event::{CustomerKey, Event, MAX_DEPTH};
use crate::domain::ids::ExecutionId;
use crate::store::executions::{Identity, load_customers};
use crate::store::queue::Claim;
use crate::store::session::{Session, StoreError};

/// The events against the plans in force, and an execution for each that agree.
pub(super) async fn start(
    session: &Session,
    plans: &Plans,
    claim: &Claim,
    moving: &mut Moving,
) -> Result<(), StoreError> {
    let (now, table) = (claim.now, plans.table());
    let replays = Replays::load(session, &claim.rows, &mut moving.alarms).await?;
    let matched = find(claim, &table, &replays, moving);
    let mut wanted: HashSet<CustomerKey> = HashSet::new();
    for Matched { meant: Meant { event, .. }, started, .. } in &matched {
        wanted.extend(started.iter().filter_map(|in_force| in_force.plan.customer_of(event)));
        wanted.extend(table.customers_of(event));
    }
    let customers = load_customers(session, wanted.into_iter().collect()).await?;

    let (mut once, mut looping) = (HashSet::new(), Vec::new());
    let started = matched.into_iter().flat_map(|Matched { meant, lane, mut started }| {
        started.extend(table.started_with(meant.event, meant.at, |key| customers.get(key)));
        started.retain(|in_force| meant.is_for(in_force));
        started.into_iter().map(move |in_force| (meant, lane, in_force))
    });
    for (Meant { event, number, lifts_guards, .. }, lane, in_force) in started {
        let identity = identity(event, &in_force, lane, now, number);
        if !once.insert(identity.id) {
            continue; // The same event twice in one batch.
        }
        let plan = &in_force.plan;
        let known = match plan.customer_of(event).and_then(|key| customers.get(&key)) {
            Some(Ok(customer)) => Cow::Owned(Event { customer: Some(customer.clone()), ..event.clone() }),
            Some(Err(reason)) => {
                let error = format!("the customer's row can't be read: {reason}");
                let tells = tells(plan.trigger_kind(), event.depth);
                moving.broken.push(Broken { identity, steps: Vec::new(), state: None, error, tells });
                continue;
            }
            None => Cow::Borrowed(event),
        };
        // A filter may ask about the customer, so it comes last.
        if !plan.passes_filter(&known) {
            continue;
        }
        if event.depth > MAX_DEPTH {
            looping.push((event.cause, identity));
        } else {
            let mut run = Run::start(identity.id, plan, &known, now);
            let later = plan.trigger_settings().and_then(|trigger| trigger.starts_at(event));
            if let Some(later) = later.filter(|later| *later > now) {
                run.put_off(later);
            }
            if lifts_guards {
                run.lift_guards(plan);
            }
            tracing::debug!(execution = %identity.id, workflow = %identity.workflow, event = %identity.event,
                version = identity.version, "an execution starts");
            moving.running.push(Running { identity, plan: plan.clone(), run });
        }
    }
    cause::end_loops(session, looping, moving).await?;
    Ok(())
}

/// Which plans in force these events would start: the place of the event, and the plan. Nothing is started.
///
/// # Errors
/// [`StoreError`].
pub async fn would_start(
    session: &Session,
    plans: &Plans,
    events: &[Event],
) -> Result<Vec<(usize, Arc<InForce>)>, StoreError> {
    let table = plans.table();
    let events = events.iter().enumerate().filter(|(_, event)| event.depth <= MAX_DEPTH);
    let matched: Vec<_> = events.map(|(n, event)| (n, event, table.started_by(event, event.at))).collect();
    let mut wanted: HashSet<CustomerKey> = HashSet::new();
    for (_, event, started) in &matched {
        wanted.extend(started.iter().filter_map(|in_force| in_force.plan.customer_of(event)));
        wanted.extend(table.customers_of(event));
    }
    let customers = load_customers(session, wanted.into_iter().collect()).await?;
    let (mut once, mut found) = (HashSet::new(), Vec::new());
    for (n, event, mut started) in matched {
        started.extend(table.started_with(event, event.at, |key| customers.get(key)));
        for in_force in started {
            let customer = in_force.plan.customer_of(event).and_then(|key| customers.get(&key));
            let customer = customer.and_then(|read| read.as_ref().ok()).cloned().or(event.customer.clone());
            let known = Event { customer, ..event.clone() };
            if in_force.plan.passes_filter(&known) && once.insert((n, in_force.workflow)) {
                found.push((n, in_force));
            }
        }
    }
    Ok(found)
}

/// An event and what it starts unless a filter objects.
struct Matched<'c> {
    meant: Meant<'c>,
    lane: i16,
    started: Vec<Arc<InForce>>,
}

/// The events, each with its lane and what it starts unless a filter objects.
fn find<'c>(claim: &'c Claim, table: &Table, replays: &'c Replays, moving: &mut Moving) -> Vec<Matched<'c>> {
    let mut matched: Vec<Matched<'_>> = Vec::new();
    for row in &claim.rows {
        let Some(meant) = replays.meant(row) else { continue };
        let Meant { event, unreadable, at, number, .. } = meant;
        let Some(reason) = unreadable else {
            matched.push(Matched { meant, lane: row.lane, started: table.started_by(event, at) });
            continue;
        };
        // Nobody can say whether a trigger would agree: whoever listens is told.
        let listening = table.listening_to(event, at).into_iter().filter(|in_force| meant.is_for(in_force));
        moving.broken.extend(listening.map(|in_force| Broken {
            identity: identity(event, &in_force, row.lane, claim.now, number),
            steps: Vec::new(),
            state: None,
            error: format!("the event's row can't be read: {reason}"),
            tells: tells(in_force.plan.trigger_kind(), event.depth),
        }));
    }
    matched
}

pub(super) fn identity(
    event: &Event,
    in_force: &InForce,
    lane: i16,
    now: DateTime<Utc>,
    replay: u32,
) -> Identity {
    let id = ExecutionId::derive(event.id, event.at, in_force.workflow, replay);
    Identity {
        id,
        root: id,
        attempt: 1,
        event: event.id,
        event_at: event.at,
        workflow: in_force.workflow,
        version: in_force.version,
        lane,
        started_at: now,
    }
}
