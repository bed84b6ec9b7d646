//! Events for executions that rest: who rests for those of a batch, and what had happened before somebody was known to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::advance::{Run, Saved, keys_of, may_await};
use super::apply::Running;
use super::plans::Plans;
use crate::domain::event::Event;
use crate::domain::execution::Status;
use crate::domain::ids::ExecutionId;
use crate::store::queue::{Claim, Due, oldest_due};
use crate::store::session::{Session, StoreError};
use crate::store::waits::{self, Awaiting, Look, offer, offered, states_of, who_awaits};

/// Until what has happened by then is known, a wait that is over is looked at again after so long at least …
const KNOWN_SOON: TimeDelta = TimeDelta::milliseconds(250);
/// … and at most, since all that the execution does meanwhile waits with it.
const KNOWN_LATE: TimeDelta = TimeDelta::seconds(2);

/// Queues the events of a batch for the executions that rest for such. Each is asked beforehand, by what it was saved as:
/// thousands that wait for anyone's events would otherwise each be woken by each of them.
pub(super) async fn offer_events(session: &Session, plans: &Plans, claim: &Claim) -> Result<(), StoreError> {
    if !claim.somebody_awaits {
        return Ok(());
    }
    let events: Vec<&Event> = claim
        .rows
        .iter()
        .filter_map(|row| match &row.what {
            Due::Event(event) => Some(&**event),
            _ => None,
        })
        .collect();
    let mut by_key: BTreeMap<(&str, &str, String), Vec<usize>> = BTreeMap::new();
    for (n, event) in events.iter().enumerate() {
        for key in keys_of(event) {
            let key = (event.table.as_str(), event.operation.as_str(), key.to_string());
            by_key.entry(key).or_default().push(n);
        }
    }
    let asked: Vec<(&str, &str, &str)> =
        by_key.keys().map(|(table, op, key)| (*table, *op, key.as_str())).collect();
    if asked.is_empty() {
        return Ok(());
    }
    // What may concern whom, in the order of events.
    let groups: Vec<&Vec<usize>> = by_key.values().collect();
    let mut concerns: BTreeMap<ExecutionId, (Awaiting, BTreeSet<usize>)> = BTreeMap::new();
    for awaiting in who_awaits(session, &asked).await? {
        let Some(plan) = plans.pinned(session, awaiting.workflow, awaiting.version).await? else { continue };
        let group = groups.get(awaiting.asked).into_iter().flat_map(|group| group.iter().copied());
        let may: Vec<usize> = group.filter(|n| may_await(&plan, &awaiting.node, events[*n])).collect();
        if !may.is_empty() {
            concerns.entry(awaiting.execution).or_insert_with(|| (awaiting, BTreeSet::new())).1.extend(may);
        }
    }
    let ids: Vec<ExecutionId> = concerns.keys().copied().collect();
    let mut offers = Vec::new();
    for (id, state) in states_of(session, &ids).await? {
        let Some((of, may)) = concerns.get(&id) else { continue };
        let Some(plan) = plans.pinned(session, of.workflow, of.version).await? else { continue };
        let saved = state.ok().and_then(|state| serde_json::from_value::<Saved>(state).ok());
        let Some(mut copy) = saved.and_then(|saved| Run::restore(id, &plan, saved, claim.now).ok()) else {
            continue;
        };
        // What wakes the copy is offered to the execution itself, once for each of its rests.
        let wakes = may.iter().filter(|n| copy.offer(&plan, events[**n], claim.now));
        offers.extend(wakes.map(|n| (of.lane, events[*n], id)));
    }
    if offers.is_empty() {
        return Ok(());
    }
    offer(session, &offers).await
}

/// Hands executions what happened between the beginning of their rest and the moment since which they are known to rest:
/// from then on events are queued for them. An event that is committed later is claimed later, too.
pub(super) async fn look_back(
    session: &Session,
    awake: &mut [Running],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut looks = Vec::new();
    for (of, Running { run, plan, .. }) in awake.iter_mut().enumerate() {
        let has_ended = !matches!(run.status, Status::Waiting | Status::Running);
        let Some(since) = run.looks_back().filter(|_| !has_ended && !run.is_put_off()) else {
            continue;
        };
        looks.extend(run.awaits(plan).into_iter().map(|awaits| Look {
            of,
            table: awaits.table.into_owned(),
            operation: awaits.operation,
            key: awaits.key.to_string(),
            since,
        }));
        run.looked_back(now);
    }
    if looks.is_empty() {
        return Ok(());
    }
    let mut last = None;
    loop {
        let mut found = waits::look_back(session, &looks, last.as_ref()).await?;
        for (of, event) in &found {
            if let Some(Running { run, plan, .. }) = awake.get_mut(*of) {
                run.offer(plan, event, now);
            }
        }
        let all = found.len() < waits::MOST_AT_ONCE;
        last = found.pop();
        if all {
            return Ok(());
        }
    }
}

/// Which executions are about to say that something did not happen in time although that is not known yet, since events of
/// that time are still queued, or are on their way to them; each with when to look again.
pub(super) async fn gives_up_too_early(
    session: &Session,
    awake: &[Running],
    claim: &Claim,
) -> Result<HashMap<usize, DateTime<Utc>>, StoreError> {
    let now = claim.now;
    let gives_up: HashMap<usize, DateTime<Utc>> = awake
        .iter()
        .enumerate()
        .filter(|(_, of)| matches!(of.run.status, Status::Waiting | Status::Running))
        .filter_map(|(n, of)| Some((n, of.run.gives_up_at(now)?)))
        .collect();
    if gives_up.is_empty() {
        return Ok(HashMap::new());
    }
    let asked: Vec<_> =
        gives_up.keys().map(|n| (*n, awake[*n].identity.lane, awake[*n].identity.id)).collect();
    let (oldest, offered) = tokio::join!(biased; oldest_due(session, &claim.left), offered(session, &asked));
    let mut too_early: HashMap<usize, DateTime<Utc>> =
        offered?.into_iter().map(|n| (n, now + KNOWN_SOON)).collect();
    if let Some(oldest) = oldest? {
        // A queue that lags for minutes will not have caught up in a moment.
        let again = now + ((now - oldest) / 8).clamp(KNOWN_SOON, KNOWN_LATE);
        let early = gives_up.iter().filter(|(_, until)| oldest <= **until);
        too_early.extend(early.map(|(n, _)| (*n, again)));
    }
    Ok(too_early)
}
