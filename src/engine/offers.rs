//! Events for executions that rest: who rests for those of a batch, and what had happened before somebody was known to.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::advance::{keys_of, may_await};
use super::apply::Running;
use super::plans::Plans;
use crate::domain::event::Event;
use crate::domain::execution::Status;
use crate::store::queue::{Claim, Due, oldest_due};
use crate::store::session::{Session, StoreError};
use crate::store::waits::{self, Awaiting, Look, offer, offered, who_awaits};

/// Queues the events of a batch for the executions that rest for such.
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
    let keyed = |(n, event)| keys_of(event).into_iter().map(move |key| (n, event, key.to_string()));
    let asked: Vec<(usize, &Event, String)> = events.iter().copied().enumerate().flat_map(keyed).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let mut offers = Vec::new();
    let mut once = HashSet::new();
    for Awaiting { event, execution, node, workflow, version, lane } in who_awaits(session, &asked).await? {
        let Some(event) = events.get(event) else { continue };
        let plan = plans.pinned(session, workflow, version).await?;
        if plan.is_some_and(|plan| may_await(&plan, &node, event)) && once.insert((event.id, execution)) {
            offers.push((lane, *event, execution));
        }
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

/// Which executions are about to say that something did not happen in time although that is not known yet: events of
/// that time are still queued, or are on their way to them.
pub(super) async fn gives_up_too_early(
    session: &Session,
    awake: &[Running],
    now: DateTime<Utc>,
) -> Result<HashSet<usize>, StoreError> {
    let gives_up: HashMap<usize, DateTime<Utc>> = awake
        .iter()
        .enumerate()
        .filter(|(_, of)| matches!(of.run.status, Status::Waiting | Status::Running))
        .filter_map(|(n, of)| Some((n, of.run.gives_up_at(now)?)))
        .collect();
    if gives_up.is_empty() {
        return Ok(HashSet::new());
    }
    let asked: Vec<_> =
        gives_up.keys().map(|n| (*n, awake[*n].identity.lane, awake[*n].identity.id)).collect();
    let (oldest, offered) = tokio::join!(biased; oldest_due(session), offered(session, &asked));
    let oldest = oldest?;
    let mut too_early: HashSet<usize> = offered?.into_iter().collect();
    too_early.extend(
        gives_up.iter().filter(|(_, until)| oldest.is_some_and(|oldest| oldest <= **until)).map(|(n, _)| *n),
    );
    Ok(too_early)
}
