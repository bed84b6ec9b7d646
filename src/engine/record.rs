//! Record: executions that ended, executions that rest; and the commit that makes all of it true.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::advance::{Run, Saved};
use super::alerts::raise_all;
use super::apply::Running;
use super::changes::Changes;
use super::figures;
use super::flow::places;
use super::plans::Plans;
use super::resume::{Broken, Moving, Rest};
use crate::domain::alert::Alert;
use crate::domain::event::{MAX_DEPTH, Operation};
use crate::domain::execution::{Mode, Status, Step, StepOutcome};
use crate::domain::ids::{ExecutionId, WorkflowId};
use crate::domain::word::WORDS;
use crate::store::alerts::raise_dead_letters;
use crate::store::changes;
use crate::store::dead_letters::{self, Dead, Failure};
use crate::store::deliveries::cancel_pending;
use crate::store::executions::{Ended, Identity, Resting, park, record};
use crate::store::flow::{Occupant, take_places};
use crate::store::session::{Session, StoreError};
use crate::store::waits::{Registered, register, unqueue};
use crate::workflow::context::time;
use crate::workflow::plan::Plan;

/// The trigger that begins with failures. Its own failures begin nothing.
const WORKFLOW_FAILED: &str = "workflow_failed";

/// Writes down what became of a batch, and commits. The alarms that were raised are to be announced.
pub(super) async fn settle(
    session: &Session,
    plans: &Plans,
    changes: &Changes,
    moving: &mut Moving,
    now: DateTime<Utc>,
) -> Result<Vec<Alert>, StoreError> {
    let Moving { running, resting, broken, alarms } = moving;
    let mut raised = raise_all(session, alarms).await?;
    let told = plans.table().begin_with_failures();
    let places = places(running.iter().chain(resting.iter().map(|(of, _)| of)));
    let mut down = Down { places, ..Down::default() };
    for Broken { identity, steps, state, error, tells } in broken.iter() {
        let (mode, status) = (Mode::Live, Status::Failed);
        down.ended.push(Ended { identity, mode, status, steps, error: Some(error.clone()) });
        down.letters.extend(state.clone().map(|state| (identity, state, error.clone())));
        if let Some(depth) = tells.filter(|_| told) {
            down.failures.push(failed(identity, steps, error, None, depth, now));
        }
    }
    for Running { identity, plan, run } in running {
        if matches!(run.status, Status::Waiting | Status::Running) {
            let timer = if run.looks_back().is_some() { Some(now) } else { run.queues() };
            down.lay(identity, plan, run, timer, false);
            continue;
        }
        let error = run.ended_by().map(str::to_owned).or_else(|| failure(run.steps()));
        if run.status == Status::Failed {
            let reason = error.clone().unwrap_or_else(|| "failed".into());
            if let Some(depth) = tells(plan.trigger_kind(), run.context().depth()).filter(|_| told) {
                down.failures.push(failed(identity, run.steps(), &reason, Some(run), depth, now));
            }
            down.letters.push((identity, serde_json::to_value(run.save()).unwrap_or_default(), reason));
        }
        if run.status == Status::Cancelled {
            down.cancelled.push(identity.id);
        }
        down.timers.extend(run.queued_for().map(|at| (identity.lane, at, identity.id)));
        let (mode, status, steps) = (Mode::Live, run.status, run.steps());
        down.ended.push(Ended { identity, mode, status, steps, error });
    }
    for (Running { identity, plan, run }, rest) in resting {
        let (timer, held) = match rest {
            Rest::Held => (None, true),
            Rest::Until(at) => (Some(*at), false),
        };
        down.lay(identity, plan, run, timer, held);
    }
    let letters = down.letters.len() as u64;
    raised.extend(down.write(session, changes.is_watched()).await?);
    figures::of_settled(moving, letters, now);
    trace_settled(moving);
    Ok(raised)
}

/// So that an execution can be followed to its end.
fn trace_settled(moving: &Moving) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    for of in moving.running.iter().chain(moving.resting.iter().map(|(of, _)| of)) {
        let Identity { id, workflow, event, .. } = &of.identity;
        let (status, steps) = (of.run.status.as_str(), of.run.steps().len());
        tracing::debug!(execution = %id, %workflow, %event, status, steps, "recorded");
    }
}

/// What is written down of a batch.
#[derive(Default)]
struct Down<'a> {
    ended: Vec<Ended<'a>>,
    resting: Vec<Resting<'a, Saved>>,
    awaits: Vec<Registered<'a>>,
    letters: Vec<(&'a Identity, Value, String)>,
    failures: Vec<Failure>,
    places: Vec<Occupant>,
    cancelled: Vec<ExecutionId>,
    /// Instants that executions were to be woken at and have no use for any more.
    timers: Vec<(i16, DateTime<Utc>, ExecutionId)>,
}

impl<'a> Down<'a> {
    fn lay(
        &mut self,
        identity: &'a Identity,
        plan: &Plan,
        run: &Run,
        timer: Option<DateTime<Utc>>,
        held: bool,
    ) {
        let put_off_for = run.is_put_off().then(|| run.context().row_key());
        if put_off_for.is_none() {
            self.awaits.extend(run.awaits(plan).into_iter().map(|awaits| Registered {
                identity,
                node: awaits.node,
                item: Vec::new(),
                table: awaits.table.into_owned(),
                operation: awaits.operation,
                key: awaits.key.to_string(),
            }));
            // Nobody looks these up by their key; they are what an admin is asked.
            self.awaits.extend(run.rests().approvals.into_iter().map(|spot| Registered {
                identity,
                node: spot.node,
                item: spot.item.into_iter().map(|index| i32::try_from(index).unwrap_or(i32::MAX)).collect(),
                table: WORDS.into(),
                operation: Operation::Insert,
                key: "approval".into(),
            }));
        }
        self.resting.push(Resting { identity, state: run.save(), timer, put_off_for, held });
    }

    async fn write(mut self, session: &Session, watched: bool) -> Result<Vec<Alert>, StoreError> {
        last_of_each_row(&mut self.resting);
        let dead = |(identity, state, reason): &'_ (&'a Identity, Value, String)| Dead {
            identity,
            state: state.clone(),
            reason: reason.clone(),
        };
        let dead: Vec<_> = self.letters.iter().map(dead).collect();
        let mut failing: Vec<_> = self.letters.iter().map(|(identity, ..)| identity.workflow.0).collect();
        failing.sort_unstable();
        failing.dedup();
        let (
            recorded,
            parked,
            placed,
            registered,
            unqueued,
            kept,
            heard,
            called_off,
            raised,
            told,
            committed,
        ) = tokio::join!(
            biased;
            record(session, &self.ended),
            park(session, &self.resting),
            take_places(session, &self.places),
            register(session, &self.awaits),
            unqueue(session, &self.timers),
            dead_letters::keep(session, &dead),
            dead_letters::tell(session, &self.failures),
            cancel_pending(session, &self.cancelled),
            raise_dead_letters(session, &failing),
            tell_changes(session, watched, &self.ended, &self.resting),
            session.transaction("commit"),
        );
        recorded.and(parked).and(placed).and(registered).and(unqueued).and(kept).and(heard)?;
        called_off?;
        told?;
        let raised = raised?;
        committed.map(|()| raised)
    }
}

async fn tell_changes(
    session: &Session,
    watched: bool,
    ended: &[Ended<'_>],
    resting: &[Resting<'_, Saved>],
) -> Result<(), StoreError> {
    if watched { changes::tell(session, ended, resting).await } else { Ok(()) }
}

/// Of several events of one row that put an execution off, the last counts.
fn last_of_each_row(resting: &mut Vec<Resting<'_, Saved>>) {
    let latest: HashMap<(WorkflowId, String), ExecutionId> = resting
        .iter()
        .filter_map(|r| Some(((r.identity.workflow, r.put_off_for.clone()?), r.identity.id)))
        .collect();
    resting.retain(|r| {
        let key = r.put_off_for.clone().map(|key| (r.identity.workflow, key));
        key.is_none_or(|key| latest.get(&key) == Some(&r.identity.id))
    });
}

/// Why an execution failed: its first failed step, in words.
pub fn failure(steps: &[Step]) -> Option<String> {
    let step = first_failed(steps)?;
    Some(format!("{}: {}", step.node, step.why.as_deref().unwrap_or("failed")))
}

fn first_failed(steps: &[Step]) -> Option<&Step> {
    steps.iter().find(|step| step.outcome == StepOutcome::Failed)
}

/// The depth of an execution's event, if workflows may begin with its failure: not if it began with one itself, nor if
/// nothing more may follow it.
pub(super) fn tells(trigger_kind: &str, depth: i16) -> Option<i16> {
    (trigger_kind != WORKFLOW_FAILED && depth < MAX_DEPTH).then_some(depth)
}

/// A failure as workflows see it that begin with one.
fn failed(
    identity: &Identity,
    steps: &[Step],
    reason: &str,
    run: Option<&Run>,
    depth: i16,
    now: DateTime<Utc>,
) -> Failure {
    let event = run.map(|run| run.context().event());
    let row = json!({
        "workflow": identity.workflow, "execution": identity.id, "attempt": identity.attempt,
        "node": first_failed(steps).map(|step| &step.node), "reason": reason, "failed_at": time(now),
        "event": {
            "id": identity.event, "at": time(identity.event_at), "type": event.map(|event| &event.kind),
            "row_id": run.map(|run| run.context().row_key()),
        },
    });
    Failure { row, execution: identity.id, depth }
}
