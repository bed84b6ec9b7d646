//! Turns: what is due in a frame takes place, in the plan's order.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use petgraph::Direction;
use petgraph::visit::EdgeRef;

use super::Cancel;
use super::frame::{Frame, Loop, Turn, step};
use super::inputs::Inputs;
use crate::domain::effect::{Effect, Request};
use crate::domain::execution::{Step, StepOutcome};
use crate::domain::ids::{EffectId, ExecutionId, NodeId};
use crate::workflow::catalogue::PlanError;
use crate::workflow::context::Item;
use crate::workflow::control::{Next, Shape, Wake};
use crate::workflow::mails::Mails;
use crate::workflow::plan::{ERROR, Plan, PlanNode, Work};

/// Items that a loop may have.
const MAX_ITEMS: usize = 10_000;
/// Items that all loops of an execution may begin.
const MAX_BEGUN: usize = 100_000;
/// Items that may be under way at once, in all loops: each is part of what is stored when the execution rests.
const MAX_UNDER_WAY: usize = 1_000;
/// Bytes of variables, as JSON.
const MAX_VARS_BYTES: usize = 256 * 1024;

/// One pass over an execution.
pub(super) struct Turns<'p> {
    id: ExecutionId,
    plan: &'p Plan,
    now: DateTime<Utc>,
    /// What is wanted of the world.
    pub requests: Vec<Request>,
    /// Something took its turn.
    pub moved: bool,
    /// The execution is to end, as failed or not.
    pub stop: Option<bool>,
    /// Items of loops that may still begin.
    pub items_left: usize,
    /// Items that loops have been given so far.
    pub begun: usize,
    under_way: usize,
    since: DateTime<Utc>,
    mails: Arc<Mails>,
    assumed: Arc<BTreeMap<NodeId, String>>,
    /// Events that end the execution from now on.
    pub cancels: Vec<Cancel>,
    /// What its nodes read, if that is wanted.
    pub inputs: Option<Inputs>,
}

/// What an execution brings along to a pass.
pub(super) struct Limits {
    pub items_left: usize,
    pub begun: usize,
    pub under_way: usize,
    pub since: DateTime<Utc>,
    pub mails: Arc<Mails>,
    pub assumed: Arc<BTreeMap<NodeId, String>>,
}

enum Way {
    Unsettled,
    Live,
    Dead,
}

impl<'p> Turns<'p> {
    pub fn new(id: ExecutionId, plan: &'p Plan, now: DateTime<Utc>, limits: Limits) -> Self {
        let Limits { items_left, begun, under_way, since, mails, assumed } = limits;
        let (requests, cancels, moved, stop, inputs) = (Vec::new(), Vec::new(), false, None, None);
        Self {
            id,
            plan,
            now,
            requests,
            moved,
            stop,
            items_left,
            begun,
            under_way,
            since,
            mails,
            assumed,
            cancels,
            inputs,
        }
    }

    /// Everything in a frame that can go on does. Nodes come behind those that lead to them, so once is enough.
    pub fn frame(&mut self, frame: &mut Frame, region: usize) {
        frame.context.set_now(self.now);
        frame.context.set_mails(&self.mails);
        frame.since = self.since;
        let plan = self.plan;
        let Some(of) = plan.regions().get(region) else { return };
        for (slot, &at) in of.nodes.iter().enumerate() {
            if self.stop.is_some() {
                return;
            }
            let Some(node) = plan.node(at) else { continue };
            match &frame.turns[slot] {
                Turn::Open => match self.way_to(frame, at, region) {
                    Way::Unsettled => continue,
                    Way::Dead => frame.skip(slot, node, "no way led here", self.now),
                    Way::Live if !node.enabled => frame.skip(slot, node, "it is disabled", self.now),
                    Way::Live => self.turn(frame, slot, at, node),
                },
                Turn::Resting { until: Some(until), .. } if *until <= self.now => {
                    frame.wake(slot, node, &Wake::Time, self.now);
                }
                Turn::Again { tried, until } if *until <= self.now => {
                    frame.tried.insert(slot, *tried);
                    self.turn(frame, slot, at, node);
                }
                Turn::Looping(_) => self.go_round(frame, slot, at, node),
                _ => continue,
            }
            self.moved = true;
        }
    }

    fn way_to(&self, frame: &Frame, at: usize, region: usize) -> Way {
        let Some(&index) = self.plan.order().get(at) else { return Way::Dead };
        if index == self.plan.trigger() {
            return Way::Live;
        }
        let first_is_enough = matches!(self.plan.node(at).map(|node| &node.work),
            Some(Work::Control(control)) if control.shape() == Shape::First);
        let (mut live, mut unsettled) = (false, false);
        for edge in self.plan.graph().edges_directed(index, Direction::Incoming) {
            let Some((of, slot)) = self.plan.place(edge.source().index()) else { continue };
            if of != region {
                // The loop's own way into its body: the item is there.
                live = true;
                continue;
            }
            let branch = edge.weight().as_deref();
            match frame.turns.get(slot) {
                Some(Turn::Done(left_by)) => live |= branch.is_none() || branch == left_by.as_deref(),
                Some(Turn::Failed) => live |= branch == Some(ERROR),
                Some(Turn::Dead) | None => {}
                Some(_) => unsettled = true,
            }
        }
        match (live, unsettled) {
            (true, true) if first_is_enough => Way::Live,
            (_, true) => Way::Unsettled,
            (true, false) => Way::Live,
            (false, false) => Way::Dead,
        }
    }

    fn turn(&mut self, frame: &mut Frame, slot: usize, at: usize, node: &PlanNode) {
        if let Some(branch) = self.assumed.get(&node.id) {
            let why = "its branch is assumed".to_owned();
            return match branch == ERROR {
                true => frame.fail(slot, node, why, self.now),
                false => frame.pass(slot, node, Some(branch.clone()), serde_json::json!({}), why, self.now),
            };
        }
        let context = &frame.context;
        if let Some(inputs) = &mut self.inputs {
            inputs.note(node, &frame.item, context);
        }
        match &node.work {
            Work::Trigger(_) => {
                frame.turns[slot] = Turn::Done(None);
                let why = Some(context.event().kind.replace('_', " "));
                frame.record(Step { why, ..step(&node.id, &frame.item, StepOutcome::Done, self.now) });
            }
            Work::Condition(condition) => match guarded(|| condition.decide(context)) {
                Ok(decision) => {
                    frame.turns[slot] = Turn::Done(Some(decision.branch.as_str().into()));
                    let step = step(&node.id, &frame.item, StepOutcome::Done, self.now);
                    frame.record(Step { branch: Some(decision.branch), why: Some(decision.why), ..step });
                }
                Err(reason) => frame.fail(slot, node, reason, self.now),
            },
            Work::Action(action) => match guarded(|| action.plan(context)) {
                Ok(effect) => self.ask(frame, slot, node, effect),
                Err(reason) => frame.fail(slot, node, reason, self.now),
            },
            Work::Control(control) => match guarded(|| control.enter(context)) {
                Ok(next) => self.next(frame, slot, at, node, next),
                Err(reason) => frame.fail(slot, node, reason, self.now),
            },
        }
    }

    fn ask(&mut self, frame: &mut Frame, slot: usize, node: &PlanNode, effect: Effect) {
        frame.turns[slot] = Turn::Asked;
        let id = EffectId::derive(self.id, &node.id, &frame.item);
        let (of, item, retry) = (node.id.clone(), frame.item.clone(), node.retry.clone());
        self.requests.push(Request { id, node: of, item, effect, retry });
    }

    fn next(&mut self, frame: &mut Frame, slot: usize, at: usize, node: &PlanNode, next: Next) {
        let now = self.now;
        match next {
            Next::Pass { branch, result, why } => frame.pass(slot, node, branch, result, why, now),
            Next::Rest { until, wants, why } => {
                frame.rest(slot, node, until, wants, why, now);
                if until.is_some_and(|until| until <= now) {
                    frame.wake(slot, node, &Wake::Time, now);
                }
            }
            Next::CancelOn { key, why } => {
                let since = frame.context.event().at.max(self.since);
                self.cancels.push(Cancel { node: node.id.clone(), key, since });
                frame.pass(slot, node, None, serde_json::json!({}), why, now);
            }
            Next::Set { vars, why } => {
                let before = frame.context.clone();
                frame.context.set_vars(vars);
                if frame.context.vars_bytes() > MAX_VARS_BYTES {
                    frame.context = before;
                    let most = MAX_VARS_BYTES / 1024;
                    return frame.fail(slot, node, format!("the variables are larger than {most} KiB"), now);
                }
                frame.pass(slot, node, None, serde_json::json!({}), why, now);
            }
            Next::Stop { failed, why } => {
                let outcome = if failed { StepOutcome::Failed } else { StepOutcome::Done };
                frame.turns[slot] = if failed { Turn::Failed } else { Turn::Done(None) };
                frame.record(Step { why: Some(why), ..step(&node.id, &frame.item, outcome, now) });
                self.stop = Some(failed);
            }
            Next::Do(effect) => self.ask(frame, slot, node, effect),
            Next::Each { items, .. } if items.len() > MAX_ITEMS => {
                let reason = format!("{} items: a loop takes at most {MAX_ITEMS}", items.len());
                frame.fail(slot, node, reason, now);
            }
            Next::Each { items, .. } if self.begun + items.len() > MAX_BEGUN => {
                let reason = format!("the loops of one execution take at most {MAX_BEGUN} items in all");
                frame.fail(slot, node, reason, now);
            }
            Next::Each { items, at_once, stop_on_failure } => {
                self.begun += items.len();
                let (items, at_once) = (items.into(), at_once.max(1));
                let (next, succeeded, failed) = (0, 0, 0);
                frame.turns[slot] = Turn::Looping(Box::new(Loop {
                    items,
                    next,
                    active: Vec::new(),
                    at_once,
                    stop_on_failure,
                    succeeded,
                    failed,
                    broken: Vec::new(),
                }));
                self.go_round(frame, slot, at, node);
            }
        }
    }

    /// One item of a loop may always be under way, or loops within others would wait for each other.
    fn may_begin(&self, of: &Loop) -> bool {
        self.items_left > 0 && (of.active.is_empty() || self.under_way < MAX_UNDER_WAY)
    }

    /// Begins items as far as they may, lets those under way go on, and leaves the loop when all have ended.
    fn go_round(&mut self, frame: &mut Frame, slot: usize, at: usize, node: &PlanNode) {
        let body = self.plan.regions().iter().position(|region| region.owner == Some(at));
        let Turn::Looping(mut of) = std::mem::replace(&mut frame.turns[slot], Turn::Open) else { return };
        loop {
            let halted = of.stop_on_failure && of.failed > 0;
            while !halted && of.active.len() < of.at_once && self.may_begin(&of) {
                let Some(value) = of.items.pop_front() else { break };
                let mut item = frame.item.clone();
                item.push(of.next);
                let context = frame.context.for_item(Item { index: of.next, value: Arc::new(value) });
                of.active.push(Frame::new(self.plan, body.unwrap_or(usize::MAX), item, context, self.since));
                of.next += 1;
                self.items_left -= 1;
                self.under_way += 1;
            }
            let mut under_way = Vec::with_capacity(of.active.len());
            let mut ended = false;
            for mut item in std::mem::take(&mut of.active) {
                if self.stop.is_none() {
                    self.frame(&mut item, body.unwrap_or(usize::MAX));
                }
                if !item.is_settled() {
                    under_way.push(item);
                    continue;
                }
                ended = true;
                self.under_way = self.under_way.saturating_sub(1);
                if item.failed > 0 {
                    of.failed += 1;
                    if of.broken.len() < MAX_UNDER_WAY {
                        of.broken.push(item.clone());
                    }
                } else {
                    of.succeeded += 1;
                }
                frame.keep(item);
            }
            of.active = under_way;
            let halted = of.stop_on_failure && of.failed > 0;
            if self.stop.is_none() && of.active.is_empty() && (of.items.is_empty() || halted) {
                frame.again.extend(of.again().map(|again| (slot, Box::new(again))));
                return frame.leave_loop(slot, node, &of, self.now);
            }
            if !ended || self.items_left == 0 || self.stop.is_some() {
                break;
            }
        }
        frame.turns[slot] = Turn::Looping(of);
    }
}

/// Runs a kind's own code: what panics there fails its node, and nothing else.
pub(super) fn guarded<T>(code: impl FnOnce() -> Result<T, PlanError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(done) => done.map_err(|error| error.0),
        Err(_) => Err("internal fault: this kind of node panicked".into()),
    }
}
