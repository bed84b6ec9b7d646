//! A frame: the turns of one region's nodes. The workflow as a whole is one; each item under way in a loop is another.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{MAX_STEPS, Spot};
use crate::domain::effect::Answer;
use crate::domain::execution::{Step, StepOutcome};
use crate::domain::ids::{EffectId, NodeId};
use crate::domain::retry::Trouble;
use crate::workflow::context::Context;
use crate::workflow::control::{Next, Wake, Wants};
use crate::workflow::plan::{Plan, PlanNode, Work};
use crate::workflow::regions::AFTER;
use crate::workflow::retry::policy_of_rows;

/// Where a node stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Turn {
    /// Not yet.
    Open,
    /// Its request is out; no answer came yet.
    Asked,
    /// Its delivery is on the way.
    Handed,
    /// It rests, for what happens from `since` on.
    Resting { since: DateTime<Utc>, until: Option<DateTime<Utc>>, wants: Wants },
    /// The database said no; it is tried again at that instant.
    Again { tried: Tried, until: DateTime<Utc> },
    /// Its body runs.
    Looping(Box<Loop>),
    /// It ran, and left by this branch if it has branches.
    Done(Option<Arc<str>>),
    /// It gave up: of its ways only `error` is live.
    Failed,
    /// Its ways are dead.
    Dead,
}

/// Attempts that were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tried {
    /// How many.
    pub attempts: u16,
    /// When the first was.
    pub first: DateTime<Utc>,
}

/// A loop under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Loop {
    /// Items that have not begun.
    pub items: VecDeque<Value>,
    /// The index of the first of these.
    pub next: u32,
    /// Items under way.
    pub active: Vec<Frame>,
    /// How many may be under way at once.
    pub at_once: usize,
    /// Nothing begins after a failure.
    pub stop_on_failure: bool,
    /// Items that have ended.
    pub succeeded: u32,
    /// Items of which something failed that nothing followed.
    pub failed: u32,
    /// These items as they ended, if they are not too many: whoever tries the execution again goes on with them.
    pub broken: Vec<Frame>,
}

/// The turns of one region's nodes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    /// Its place in the loops around it, from the outermost.
    pub item: Vec<u32>,
    /// What its nodes see.
    pub context: Context,
    /// By place in the region.
    pub turns: Vec<Turn>,
    /// The nodes' names, by place in the region.
    pub nodes: Arc<[NodeId]>,
    /// What its nodes did.
    pub steps: Vec<Step>,
    /// Steps that waited, now or before.
    pub waiting: u32,
    /// When it last began to move: what happened from then on is news to what rests from now on.
    pub since: DateTime<Utc>,
    /// Failures that nothing followed.
    pub failed: u32,
    /// Former attempts of nodes whose requests are out, by place.
    pub tried: BTreeMap<usize, Tried>,
    /// Loops that were left with failures, as they are to be tried again, by place.
    pub again: BTreeMap<usize, Box<Loop>>,
}

impl Loop {
    /// Nothing is under way, but items are left.
    pub fn is_idle(&self) -> bool {
        self.active.is_empty() && !self.items.is_empty()
    }

    /// As it is tried again: only what failed, and what has not begun. `None` if that is not known of each item.
    pub fn again(&self) -> Option<Self> {
        let known = self.failed > 0 && self.broken.len() == self.failed as usize;
        let again = || Self { active: self.broken.clone(), broken: Vec::new(), failed: 0, ..self.clone() };
        known.then(again)
    }

    pub fn result(&self) -> Value {
        json!({
            "items": self.succeeded + self.failed, "succeeded": self.succeeded, "failed": self.failed,
            "left": self.items.len(),
        })
    }
}

impl Frame {
    pub fn new(plan: &Plan, region: usize, item: Vec<u32>, context: Context, since: DateTime<Utc>) -> Self {
        let nodes = plan.names(region);
        Self {
            item,
            context,
            turns: vec![Turn::Open; nodes.len()],
            nodes,
            steps: Vec::new(),
            waiting: 0,
            since,
            failed: 0,
            tried: BTreeMap::new(),
            again: BTreeMap::new(),
        }
    }

    /// The frame and the place there of a node's turn.
    pub fn find<'f, 'p>(
        &'f mut self,
        plan: &'p Plan,
        node: &NodeId,
        item: &[u32],
    ) -> Option<(&'f mut Frame, usize, &'p PlanNode)> {
        let at = plan.position(node)?;
        let (mut region, slot) = plan.place(at)?;
        // From the inside out: the loops around the node.
        let mut owners = Vec::new();
        while let Some(owner) = plan.regions().get(region)?.owner {
            let (outer, slot) = plan.place(owner)?;
            owners.push(slot);
            region = outer;
        }
        if owners.len() != item.len() {
            return None;
        }
        let mut frame = self;
        for (slot, index) in owners.iter().rev().zip(item) {
            let Some(Turn::Looping(of)) = frame.turns.get_mut(*slot) else { return None };
            frame = of.active.iter_mut().find(|frame| frame.item.last() == Some(index))?;
        }
        Some((frame, slot, plan.node(at)?))
    }

    /// Looks at every turn, those of items under way too.
    pub fn each_turn(&self, look: &mut dyn FnMut(Spot, &Turn)) {
        for (turn, node) in self.turns.iter().zip(&*self.nodes) {
            if !matches!(turn, Turn::Open | Turn::Done(_) | Turn::Failed | Turn::Dead) {
                look(Spot { node: node.clone(), item: self.item.clone() }, turn);
            }
            if let Turn::Looping(of) = turn {
                of.active.iter().for_each(|frame| frame.each_turn(look));
            }
        }
    }

    pub fn any(&self, is: &impl Fn(&Turn) -> bool) -> bool {
        self.turns.iter().any(|turn| {
            is(turn) || matches!(turn, Turn::Looping(of) if of.active.iter().any(|frame| frame.any(is)))
        })
    }

    /// Nothing in it is to come any more.
    pub fn is_settled(&self) -> bool {
        self.turns.iter().all(|turn| matches!(turn, Turn::Done(_) | Turn::Failed | Turn::Dead))
    }

    /// Writes down what became of a node's request.
    pub fn answer(&mut self, slot: usize, node: &PlanNode, answer: Answer, now: DateTime<Utc>) {
        let former = self.tried.remove(&slot);
        let (attempts, answer) = match answer {
            Answer::Tried { attempts, answer } => (attempts, *answer),
            answer => (former.map_or(1, |tried| tried.attempts.saturating_add(1)), answer),
        };
        let attempt = Some(attempts).filter(|attempts| *attempts > 1);
        match answer {
            Answer::Done { result, changes, why } => {
                self.context.set_step(node.id.clone(), result.clone());
                self.turns[slot] = Turn::Done(None);
                let why = Some(why).filter(|why| !why.is_empty());
                let step = step(&node.id, &self.item, StepOutcome::Done, now);
                self.record(Step { why, result: Some(result), changes, attempt, ..step });
            }
            Answer::Handed { why } => {
                self.turns[slot] = Turn::Handed;
                let step = step(&node.id, &self.item, StepOutcome::Waiting, now);
                self.record(Step { why: Some(why), ..step });
            }
            Answer::Refused { reason } => {
                let tried = Tried { attempts, first: former.map_or(now, |tried| tried.first) };
                self.refused(slot, node, tried, reason, now);
            }
            Answer::Tried { .. } => {
                self.fail(slot, node, "internal fault: attempts within attempts".into(), now)
            }
        }
    }

    /// The answer is no: for good, or until the next attempt.
    fn refused(&mut self, slot: usize, node: &PlanNode, tried: Tried, reason: String, now: DateTime<Utc>) {
        let id = EffectId::derive(self.context.execution(), &node.id, &self.item);
        let asked = matches!(self.turns.get(slot), Some(Turn::Asked));
        let policy = policy_of_rows(node.class, node.retry.as_ref()).filter(|_| asked);
        let Tried { attempts, first } = tried;
        let pause = policy
            .as_ref()
            .and_then(|policy| policy.pause(id, attempts, now - first, Trouble::Refused))
            .and_then(|pause| now.checked_add_signed(pause));
        let attempt = Some(attempts).filter(|attempts| *attempts > 1);
        let Some(until) = pause else {
            let reason = match attempt.filter(|_| policy.is_some()) {
                Some(attempts) => format!("given up after {attempts} attempts: {reason}"),
                None => reason,
            };
            return self.fail_after(attempt, slot, node, reason, now);
        };
        self.turns[slot] = Turn::Again { tried, until };
        let why = Some(format!("{reason}; it is tried again"));
        self.record(Step { why, attempt, ..step(&node.id, &self.item, StepOutcome::Waiting, now) });
    }

    /// Hands a resting control what came. False if it goes on resting as before.
    pub fn wake(&mut self, slot: usize, node: &PlanNode, wake: &Wake, now: DateTime<Utc>) -> bool {
        let (Work::Control(control), Some(Turn::Resting { .. })) = (&node.work, self.turns.get(slot)) else {
            return false;
        };
        self.context.set_now(now);
        let context = &self.context;
        match super::turns::guarded(|| control.wake(context, wake)) {
            Ok(Next::Pass { branch, result, why }) => self.pass(slot, node, branch, result, why, now),
            Ok(Next::Rest { until, wants, why }) => self.rest(slot, node, until, wants, why, now),
            Ok(_) => self.fail(slot, node, "internal fault: what woke leads nowhere".into(), now),
            Err(reason) => self.fail(slot, node, reason, now),
        }
        true
    }

    pub fn pass(
        &mut self,
        slot: usize,
        node: &PlanNode,
        branch: Option<String>,
        result: Value,
        why: String,
        now: DateTime<Utc>,
    ) {
        let told = result.as_object().is_none_or(|fields| !fields.is_empty()).then(|| result.clone());
        self.context.set_step(node.id.clone(), result);
        self.turns[slot] = Turn::Done(branch.as_deref().map(Into::into));
        let step = step(&node.id, &self.item, StepOutcome::Done, now);
        self.record(Step { branch, why: Some(why), result: told, ..step });
    }

    pub fn rest(
        &mut self,
        slot: usize,
        node: &PlanNode,
        until: Option<DateTime<Utc>>,
        wants: Wants,
        why: String,
        now: DateTime<Utc>,
    ) {
        let since = self.context.event().at.max(self.since);
        self.turns[slot] = Turn::Resting { since, until, wants };
        let step = step(&node.id, &self.item, StepOutcome::Waiting, now);
        self.record(Step { why: Some(why), ..step });
    }

    pub fn skip(&mut self, slot: usize, node: &PlanNode, why: &str, now: DateTime<Utc>) {
        self.turns[slot] = Turn::Dead;
        let step = step(&node.id, &self.item, StepOutcome::Skipped, now);
        self.record(Step { why: Some(why.to_owned()), ..step });
    }

    pub fn fail(&mut self, slot: usize, node: &PlanNode, reason: String, now: DateTime<Utc>) {
        self.fail_after(None, slot, node, reason, now);
    }

    fn fail_after(
        &mut self,
        attempt: Option<u16>,
        slot: usize,
        node: &PlanNode,
        reason: String,
        now: DateTime<Utc>,
    ) {
        self.turns[slot] = Turn::Failed;
        // What deals with it may say why.
        self.context.add_to_step(&node.id, "error", reason.clone().into());
        if !node.handles_errors {
            self.failed += 1;
        }
        let step = step(&node.id, &self.item, StepOutcome::Failed, now);
        self.record(Step { why: Some(reason), attempt, ..step });
    }

    /// A loop whose items have all ended, or that begins no more: how it is left.
    pub fn leave_loop(&mut self, slot: usize, node: &PlanNode, of: &Loop, now: DateTime<Utc>) {
        let result = of.result();
        if of.failed == 0 {
            let why = format!("{} items done", of.succeeded);
            return self.pass(slot, node, Some(AFTER.to_owned()), result, why, now);
        }
        let why = format!("{} of {} items failed", of.failed, of.succeeded + of.failed);
        if of.stop_on_failure || node.handles_errors {
            self.context.set_step(node.id.clone(), result);
            return self.fail(slot, node, why, now);
        }
        // What follows all items still does; the execution has failed.
        self.failed += 1;
        self.pass(slot, node, Some(AFTER.to_owned()), result, why, now);
    }

    /// Takes over what the nodes of all items under way did: nothing comes of them any more. Failures first.
    pub fn fold(&mut self) {
        for slot in 0..self.turns.len() {
            let Turn::Looping(of) = &mut self.turns[slot] else { continue };
            let mut active = std::mem::take(&mut of.active);
            active.iter_mut().for_each(Self::fold);
            active.sort_by_key(|frame| frame.steps.iter().all(|step| step.outcome != StepOutcome::Failed));
            active.into_iter().for_each(|frame| self.keep(frame));
        }
    }

    /// Items under way, in inner loops too.
    pub fn under_way(&self) -> usize {
        let of = |turn: &Turn| match turn {
            Turn::Looping(of) => of.active.iter().map(|frame| 1 + frame.under_way()).sum(),
            _ => 0,
        };
        self.turns.iter().map(of).sum()
    }

    /// Takes over what an item's nodes did.
    pub fn keep(&mut self, frame: Frame) {
        let failed = frame.steps.iter().any(|step| step.outcome == StepOutcome::Failed);
        let room = if failed { 2 * MAX_STEPS } else { MAX_STEPS };
        if self.steps.len() + frame.steps.len() <= room {
            self.steps.extend(frame.steps);
        }
    }

    /// A node has one step: that of its end takes the place of that of its waiting.
    pub fn record(&mut self, step: Step) {
        // Looked for where there is one only: most nodes never wait, and records can be long.
        if step.outcome == StepOutcome::Waiting {
            self.waiting += 1;
        }
        if self.waiting == 0 {
            return self.steps.push(step);
        }
        let waiting = |old: &&mut Step| {
            old.outcome == StepOutcome::Waiting && old.node == step.node && old.item == step.item
        };
        match self.steps.iter_mut().find(waiting) {
            Some(old) => *old = step,
            None => self.steps.push(step),
        }
    }
}

pub(super) fn step(node: &NodeId, item: &[u32], outcome: StepOutcome, at: DateTime<Utc>) -> Step {
    let (branch, why, result, attempt, changes) = (None, None, None, None, Vec::new());
    Step { node: node.clone(), item: item.to_vec(), outcome, branch, why, result, attempt, changes, at }
}
