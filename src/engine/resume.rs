//! Wake: executions that rest go on with what they waited for, and failed ones are tried again.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::advance::{Run, Saved, Spot};
use super::again::try_again;
use super::alerts::Alarm;
use super::apply::Running;
use super::offers::{gives_up_too_early, look_back};
use super::plans::Plans;
use super::record::tells;
use crate::domain::event::{Event, Row};
use crate::domain::execution::{Status, Step};
use crate::domain::ids::ExecutionId;
use crate::domain::word::{Place, What, Word};
use crate::store::effects::delivered;
use crate::store::executions::{Identity, Woken, rows_by_now, take_waiting};
use crate::store::queue::{Claim, Claimed, Due};
use crate::store::session::{Session, StoreError};
use crate::workflow::control::Wake;
use crate::workflow::plan::Plan;

/// The executions of a batch.
#[derive(Default)]
pub(super) struct Moving {
    /// Those that go on.
    pub running: Vec<Running>,
    /// Those that are laid down as they are.
    pub resting: Vec<(Running, Rest)>,
    /// Those that can't go on at all.
    pub broken: Vec<Broken>,
    /// What somebody should be told of, once this is committed.
    pub alarms: Vec<Alarm>,
}

/// Why an execution that was claimed does not move.
pub(super) enum Rest {
    /// Its workflow is held.
    Held,
    /// It is looked at again then.
    Until(DateTime<Utc>),
}

/// An execution that can't go on at all, with its story so far.
pub(super) struct Broken {
    /// Which.
    pub identity: Identity,
    /// What its nodes did.
    pub steps: Vec<Step>,
    /// What it was saved as, if it was.
    pub state: Option<Value>,
    /// Why.
    pub error: String,
    /// The depth of its event, if workflows may begin with its failure ([`tells`]).
    pub tells: Option<i16>,
}

/// What was claimed for executions: their events and words, in order. None of them for one whose time has come.
pub(super) type Inbox<'a> = HashMap<ExecutionId, Vec<&'a Event>>;

fn inbox(rows: &[Claimed]) -> Inbox<'_> {
    let mut inbox = Inbox::new();
    for row in rows {
        match &row.what {
            Due::Execution(id) => {
                inbox.entry(*id).or_default();
            }
            Due::Offer(id, event) => inbox.entry(*id).or_default().push(event),
            Due::Event(_) | Due::Unreadable(..) | Due::Gone(_) => {}
        }
    }
    inbox
}

/// Takes claimed executions out of their rest and hands them what they waited for.
pub(super) async fn wake(
    session: &Session,
    plans: &Plans,
    claim: &Claim,
    moving: &mut Moving,
) -> Result<(), StoreError> {
    let mut inbox = inbox(&claim.rows);
    if inbox.is_empty() {
        return Ok(());
    }
    let ids: Vec<ExecutionId> = inbox.keys().copied().collect();
    let (mut awake, mut to_hand) = (Vec::new(), Vec::new());
    for Woken { identity, state, slot, deliveries } in take_waiting(session, &ids).await? {
        let handed = inbox.remove(&identity.id).unwrap_or_default();
        let plan = plans.pinned(session, identity.workflow, identity.version).await?;
        match restored(&identity, plan, state, claim.now) {
            Ok((plan, mut run)) => {
                run.woken_with(slot);
                for (id, spot) in run.waiting_for() {
                    let answer = deliveries.iter().find(|(of, ..)| *of == id);
                    if let Some((_, status, result)) = answer {
                        let answer = delivered(status, result.clone());
                        run.answer(&plan, &spot.node, &spot.item, answer, claim.now);
                    }
                }
                to_hand.push(handed);
                awake.push(Running { identity, plan, run });
            }
            Err(broken) => moving.broken.push(*broken),
        }
    }
    // What happened first counts first: the past comes before what is handed now.
    look_back(session, &mut awake, claim.now).await?;
    for (Running { plan, run, .. }, handed) in awake.iter_mut().zip(to_hand) {
        handed.iter().for_each(|event| hand(plan, run, event, claim.now));
    }
    // Who rests no more may have failed.
    awake.extend(try_again(session, plans, &inbox, claim.now, &mut moving.broken).await?);
    sort_out(session, awake, claim, moving).await
}

/// Hands an execution an event that it may rest for, or a word.
fn hand(plan: &Plan, run: &mut Run, event: &Event, now: DateTime<Utc>) {
    let Some(word) = Word::of(event) else {
        run.offer(plan, event, now);
        return;
    };
    let decide = |run: &mut Run, place: Place, granted: bool| {
        let spot = Spot { node: place.node.as_str().into(), item: place.item };
        run.decide(plan, &spot, &Wake::Approval { granted, by: word.by.clone(), comment: word.comment }, now)
    };
    match word.what {
        What::Approve(place) => {
            decide(run, place, true);
        }
        What::Refuse(place) => {
            decide(run, place, false);
        }
        What::Cancel => run.cancel_by(format!(
            "cancelled by {}",
            Some(word.by).filter(|by| !by.is_empty()).unwrap_or_else(|| "an admin".into())
        )),
        // It has not failed.
        What::Retry { .. } => {}
    }
}

/// Which of the executions at hand go on.
async fn sort_out(
    session: &Session,
    awake: Vec<Running>,
    claim: &Claim,
    moving: &mut Moving,
) -> Result<(), StoreError> {
    let too_early = gives_up_too_early(session, &awake, claim).await?;
    let mut put_off = Vec::new();
    for (n, of) in awake.into_iter().enumerate() {
        if !matches!(of.run.status, Status::Waiting | Status::Running) {
            moving.running.push(of);
        } else if let Some(again) = too_early.get(&n) {
            moving.resting.push((of, Rest::Until(*again)));
        } else if of.run.is_put_off() {
            put_off.push(of);
        } else {
            moving.running.push(of);
        }
    }
    moving.running.extend(begin(session, put_off).await?);
    Ok(())
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
) -> Result<(Arc<Plan>, Run), Box<Broken>> {
    let gone = || format!("version {} is gone or does not compile any more", identity.version);
    let of_plan = |saved| {
        let plan = plan.ok_or_else(gone)?;
        let run = Run::restore(identity.root, &plan, saved, now).map_err(|error| error.to_string())?;
        Ok((plan, run))
    };
    read_saved(identity, state, of_plan)
}

/// Reads what an execution was saved as and makes something of it; what can't be done is told with its story so far.
pub(super) fn read_saved<T>(
    identity: &Identity,
    state: Result<Value, String>,
    make: impl FnOnce(Saved) -> Result<T, String>,
) -> Result<T, Box<Broken>> {
    let broken = |steps, state: Option<Value>, error| {
        let context = state.as_ref().and_then(|state| state.get("context"));
        let kind = context.and_then(|context| context.pointer("/event/type")?.as_str());
        let depth = context.and_then(|context| i16::try_from(context.get("depth")?.as_i64()?).ok());
        // Of one that can't be read at all, nobody knows what it was.
        let tells = kind.and_then(|kind| tells(kind, depth.unwrap_or(0)));
        Box::new(Broken { identity: identity.clone(), steps, state, error, tells })
    };
    let unreadable = |reason: String| format!("its saved state can't be read: {reason}");
    let state = state.map_err(|reason| broken(Vec::new(), None, unreadable(reason)))?;
    let made =
        serde_json::from_value(state.clone()).map_err(|error| unreadable(error.to_string())).and_then(make);
    made.map_err(|error| {
        let steps = state.get("steps").and_then(|steps| serde_json::from_value(steps.clone()).ok());
        broken(steps.unwrap_or_default(), Some(state), error)
    })
}
