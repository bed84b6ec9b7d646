//! An execution's life, without the world: nodes run in the plan's order until all that is left waits.
//!
//! A node runs once, when every edge into it is settled and at least one of them is live. If all are dead it is
//! skipped, and so is what follows it alone. A failed or disabled node leaves dead edges; other ways go on.
//! The same plan, context and time give the same requests.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, Utc};
use petgraph::Direction;
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};

use crate::domain::effect::{Answer, Effect, Request};
use crate::domain::event::Event;
use crate::domain::execution::{Move, Status, Step, StepOutcome};
use crate::domain::ids::{EffectId, ExecutionId, NodeId};
use crate::workflow::catalogue::Decision;
use crate::workflow::context::Context;
use crate::workflow::plan::{Plan, PlanNode, Work};

/// Where a node stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Turn {
    /// Not yet.
    Open,
    /// Its request is out; no answer came yet.
    Asked,
    /// Its delivery is on the way.
    Waiting,
    /// It ran, and left by this branch if it has branches.
    Done(Option<String>),
    /// Its edges are dead.
    Dead,
}

/// An execution in memory.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its identity; effects are keyed by it.
    pub id: ExecutionId,
    /// Where it stands.
    pub status: Status,
    /// What its nodes did, in the order in which it happened.
    pub steps: Vec<Step>,
    context: Context,
    turns: Vec<Turn>,
}

/// What an execution that rests is stored as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// Where it stands.
    pub status: Status,
    /// What its nodes did.
    pub steps: Vec<Step>,
    /// What conditions and templates see.
    pub context: Context,
}

/// A stored execution that does not fit the plan it is to go on with.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored execution is of another version: this one has no node `{0}`")]
pub struct NotOfThisPlan(pub NodeId);

impl Run {
    /// A new execution of `plan` for `event`. Nothing has run but the trigger.
    pub fn start(id: ExecutionId, plan: &Plan, event: &Event, now: DateTime<Utc>) -> Self {
        let context = Context::new(event, plan.trigger_kind(), plan.subject_of(event), id, now);
        let turns = vec![Turn::Open; plan.len()];
        Self { id, status: Status::Running, steps: Vec::new(), context, turns }
    }

    /// What conditions and templates see.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Goes on as far as it can without the world, and says what it wants done. Empty when it rests or has ended;
    /// [`Self::status`] tells which.
    pub fn advance(&mut self, plan: &Plan, now: DateTime<Utc>) -> Vec<Request> {
        let mut requests = Vec::new();
        if !matches!(self.status, Status::Running | Status::Waiting) || self.turns.len() != plan.len() {
            return requests;
        }
        self.context.set_now(now);
        let mut moved = false;
        for at in 0..plan.len() {
            if self.turns[at] != Turn::Open {
                continue;
            }
            let Some(node) = node_at(plan, at) else { continue };
            match self.way_to(plan, at) {
                Way::Unsettled => continue,
                Way::Dead => self.skip(at, node, "no way led here", now),
                Way::Live if !node.enabled => self.skip(at, node, "it is disabled", now),
                Way::Live => requests.extend(self.run(at, node, now)),
            }
            moved = true;
        }
        if moved && self.status == Status::Waiting {
            self.go(Move::Resumed);
        }
        self.settle();
        requests
    }

    /// Takes what became of a node's request; [`Self::advance`] goes on from there. Ignored unless the node asked
    /// or waits.
    pub fn answer(&mut self, plan: &Plan, node: &NodeId, answer: Answer, now: DateTime<Utc>) {
        let Some(at) = plan.position(node).filter(|at| self.awaits(*at)) else { return };
        if self.status == Status::Waiting && !matches!(answer, Answer::Handed { .. }) {
            self.go(Move::Resumed);
        }
        match answer {
            Answer::Done { result, changes, why } => {
                self.context.set_step(node.clone(), result.clone());
                self.turns[at] = Turn::Done(None);
                let why = Some(why).filter(|why| !why.is_empty());
                self.record(Step {
                    why,
                    result: Some(result),
                    changes,
                    ..step(node, StepOutcome::Done, now)
                });
            }
            Answer::Handed { why } => {
                self.turns[at] = Turn::Waiting;
                self.record(Step { why: Some(why), ..step(node, StepOutcome::Waiting, now) });
            }
            Answer::Refused { reason } => self.fail(at, node, reason, now),
        }
    }

    /// Ends the execution at an admin's wish: what waits or was not reached does not happen any more.
    pub fn cancel(&mut self) {
        self.go(Move::Stopped);
    }

    /// The nodes whose deliveries are on the way.
    pub fn waiting_for(&self) -> Vec<NodeId> {
        let waiting = self.steps.iter().filter(|step| step.outcome == StepOutcome::Waiting);
        waiting.map(|step| step.node.clone()).collect()
    }

    /// What must be stored so that [`Self::restore`] can go on. Nodes whose requests got no answer ask again then.
    pub fn save(&self) -> Saved {
        Saved { status: self.status, steps: self.steps.clone(), context: self.context.clone() }
    }

    /// The execution as it was saved.
    ///
    /// # Errors
    /// [`NotOfThisPlan`] if a node that had its turn is not in the plan.
    pub fn restore(id: ExecutionId, plan: &Plan, saved: Saved) -> Result<Self, NotOfThisPlan> {
        let Saved { status, steps, context } = saved;
        let mut turns = vec![Turn::Open; plan.len()];
        for step in &steps {
            let at = plan.position(&step.node).ok_or_else(|| NotOfThisPlan(step.node.clone()))?;
            turns[at] = match step.outcome {
                StepOutcome::Done => Turn::Done(step.branch.clone()),
                StepOutcome::Waiting => Turn::Waiting,
                StepOutcome::Skipped | StepOutcome::Failed => Turn::Dead,
            };
        }
        Ok(Self { id, status, steps, context, turns })
    }

    fn awaits(&self, at: usize) -> bool {
        matches!(self.turns.get(at), Some(Turn::Asked | Turn::Waiting))
            && matches!(self.status, Status::Running | Status::Waiting)
    }

    fn way_to(&self, plan: &Plan, at: usize) -> Way {
        let Some(&index) = plan.order().get(at) else { return Way::Dead };
        if index == plan.trigger() {
            return Way::Live;
        }
        let mut way = Way::Dead;
        for edge in plan.graph().edges_directed(index, Direction::Incoming) {
            let from = self.turns.get(edge.source().index());
            match from {
                Some(Turn::Done(left_by)) => {
                    if edge.weight().is_none() || edge.weight().as_deref() == left_by.as_deref() {
                        way = Way::Live;
                    }
                }
                Some(Turn::Dead) | None => {}
                Some(Turn::Open | Turn::Asked | Turn::Waiting) => return Way::Unsettled,
            }
        }
        way
    }

    fn run(&mut self, at: usize, node: &PlanNode, now: DateTime<Utc>) -> Option<Request> {
        let context = &self.context;
        let outcome = catch_unwind(AssertUnwindSafe(|| turn_of(node, context)))
            .unwrap_or_else(|_| Outcome::Failed("internal fault: this kind of node panicked".into()));
        match outcome {
            Outcome::Started => {
                self.turns[at] = Turn::Done(None);
                let why = Some(context.event().kind.replace('_', " "));
                self.record(Step { why, ..step(&node.id, StepOutcome::Done, now) });
                None
            }
            Outcome::Decided(Decision { branch, why }) => {
                self.turns[at] = Turn::Done(Some(branch.to_owned()));
                let branch = Some(branch.to_owned());
                self.record(Step { branch, why: Some(why), ..step(&node.id, StepOutcome::Done, now) });
                None
            }
            Outcome::Wants(effect) => {
                self.turns[at] = Turn::Asked;
                Some(Request { id: EffectId::derive(self.id, &node.id, &[]), node: node.id.clone(), effect })
            }
            Outcome::Failed(reason) => {
                self.fail(at, &node.id, reason, now);
                None
            }
        }
    }

    fn skip(&mut self, at: usize, node: &PlanNode, why: &str, now: DateTime<Utc>) {
        self.turns[at] = Turn::Dead;
        self.record(Step { why: Some(why.to_owned()), ..step(&node.id, StepOutcome::Skipped, now) });
    }

    fn fail(&mut self, at: usize, node: &NodeId, reason: String, now: DateTime<Utc>) {
        self.turns[at] = Turn::Dead;
        self.record(Step { why: Some(reason), ..step(node, StepOutcome::Failed, now) });
    }

    /// A node has one step: that of its end takes the place of that of its waiting.
    fn record(&mut self, step: Step) {
        let waiting = |old: &&mut Step| old.node == step.node && old.outcome == StepOutcome::Waiting;
        match self.steps.iter_mut().find(waiting) {
            Some(old) => *old = step,
            None => self.steps.push(step),
        }
    }

    /// Rests or ends, if nothing was asked of the world. Called when nothing can go on without it.
    fn settle(&mut self) {
        if self.status != Status::Running || self.turns.contains(&Turn::Asked) {
            return;
        }
        let failed = || self.steps.iter().any(|step| step.outcome == StepOutcome::Failed);
        self.go(match () {
            () if self.turns.contains(&Turn::Waiting) => Move::Parked,
            () if failed() => Move::GaveUp,
            () => Move::Ended,
        });
    }

    fn go(&mut self, to: Move) {
        if let Ok(status) = self.status.after(to) {
            self.status = status;
        }
    }
}

enum Way {
    Unsettled,
    Live,
    Dead,
}

enum Outcome {
    Started,
    Decided(Decision),
    Wants(Effect),
    Failed(String),
}

fn turn_of(node: &PlanNode, context: &Context) -> Outcome {
    match &node.work {
        Work::Trigger(_) => Outcome::Started,
        Work::Condition(condition) => match condition.decide(context) {
            Ok(decision) => Outcome::Decided(decision),
            Err(error) => Outcome::Failed(error.to_string()),
        },
        Work::Control(_) => Outcome::Failed("not yet".into()),
        Work::Action(action) => match action.plan(context) {
            Ok(effect) => Outcome::Wants(effect),
            Err(error) => Outcome::Failed(error.to_string()),
        },
    }
}

fn node_at(plan: &Plan, at: usize) -> Option<&PlanNode> {
    plan.graph().node_weight(*plan.order().get(at)?)
}

fn step(node: &NodeId, outcome: StepOutcome, at: DateTime<Utc>) -> Step {
    Step { node: node.clone(), outcome, branch: None, why: None, result: None, changes: Vec::new(), at }
}

#[cfg(test)]
#[path = "advance_tests.rs"]
mod tests;
