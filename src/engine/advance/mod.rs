//! An execution's life, without the world: nodes take their turns in the plan's order until all that is left waits.
//!
//! A node runs once, when every way into it is settled and at least one of them is live. If all are dead it is
//! skipped, and so is what follows it alone. A failed node's ways are dead but for its branch `error`; other ways go
//! on. The body of a loop takes its turns for each item, in a frame of its own. The same plan, context and time give
//! the same requests. `docs/semantics.md` says all of it.

mod admission;
mod again;
mod frame;
mod inputs;
mod offers;
mod saved;
mod turns;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::effect::{Answer, Request};
use crate::domain::event::{Event, Row};
use crate::domain::execution::{Move, Status, Step};
use crate::domain::ids::{EffectId, ExecutionId, NodeId};
use crate::workflow::context::Context;
use crate::workflow::mails::Mails;
use crate::workflow::plan::Plan;

use frame::{Frame, Turn};
use inputs::Inputs;
use turns::{Limits, Turns};

pub use admission::{Admission, Stage};
pub use inputs::Input;
pub use offers::{Awaits, Cancel, Rests, keys_of, may_await};
pub use saved::{NotOfThisPlan, Saved};

/// Items of loops that an execution begins before it rests for a moment, so that no transaction lasts.
const ITEMS_AT_A_TIME: usize = 500;
/// Steps kept of one execution; beyond them only those of items that failed, up to twice as many.
const MAX_STEPS: usize = 2_000;

/// An execution in memory.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its root: its own id, or that of the first attempt. Effects are keyed by it.
    pub id: ExecutionId,
    /// Where it stands.
    pub status: Status,
    root: Frame,
    cancels: Vec<Cancel>,
    /// Events that happened before this instant have been looked for.
    looked: Option<DateTime<Utc>>,
    /// Items that it may begin before it rests for a moment.
    items_left: usize,
    /// The instant that is queued for it.
    timer: Option<DateTime<Utc>>,
    /// Items that its loops have been given so far.
    begun: usize,
    /// When it last began to move.
    since: DateTime<Utc>,
    /// It has not begun, and does not before this instant.
    begins: Option<DateTime<Utc>>,
    /// It has taken turns since it was woken, or begun.
    moved: bool,
    /// Who ended it, in words.
    ended_by: Option<String>,
    /// How far flow control is with it.
    admission: Admission,
    /// It is to end, as failed or not, once what it has asked for is answered.
    stopping: Option<bool>,
    /// The stored mails that its nodes send.
    mails: Arc<Mails>,
    /// Branches by which nodes are left without being asked.
    assumed: Arc<BTreeMap<NodeId, String>>,
    /// What its nodes read, if that is wanted.
    inputs: Option<Inputs>,
}

/// A node's turn that waits for the world: the node, and its item in each of the loops around it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spot {
    /// The node.
    pub node: NodeId,
    /// From the outermost loop; empty outside of loops.
    pub item: Vec<u32>,
}

impl Run {
    /// A new execution of `plan` for `event`. Nothing has run yet.
    pub fn start(id: ExecutionId, plan: &Plan, event: &Event, now: DateTime<Utc>) -> Self {
        let context = Context::new(event, plan.trigger_kind(), plan.subject_of(event), id, now);
        Self::begun(id, Frame::new(plan, 0, Vec::new(), context, event.at), Admission::of(plan))
    }

    fn begun(id: ExecutionId, root: Frame, admission: Admission) -> Self {
        Self {
            id,
            status: Status::Running,
            since: root.since,
            root,
            cancels: Vec::new(),
            looked: None,
            items_left: ITEMS_AT_A_TIME,
            timer: None,
            begun: 0,
            begins: None,
            moved: false,
            ended_by: None,
            admission,
            stopping: None,
            mails: Arc::default(),
            assumed: Arc::default(),
            inputs: None,
        }
    }

    /// Has its nodes see these stored mails.
    pub fn set_mails(&mut self, mails: &Arc<Mails>) {
        self.mails = mails.clone();
    }

    /// Has nodes be left by these branches without being asked; by [`ERROR`](crate::workflow::plan::ERROR) as if they had
    /// failed. Not saved: for executions that nobody lays to rest.
    pub fn assume(&mut self, branches: Arc<BTreeMap<NodeId, String>>) {
        self.assumed = branches;
    }

    /// Notes from now on what its nodes read. Not saved.
    pub fn note_inputs(&mut self) {
        self.inputs = Some(Inputs::default());
    }

    /// What its nodes read, in the order of their turns, as far as that was noted.
    pub fn inputs(&self) -> &[Input] {
        self.inputs.as_ref().map_or(&[], Inputs::list)
    }

    /// Puts its beginning off; nothing of it has run.
    pub fn put_off(&mut self, until: DateTime<Utc>) {
        self.begins = Some(until);
        // What happens before it begins is not what it waits for then.
        self.since = until;
        self.go(Move::Parked);
    }

    /// Whether it has not begun, by its trigger's wish.
    pub fn is_put_off(&self) -> bool {
        self.begins.is_some() && !self.admission.puts_off()
    }

    /// Begins with the row as it is by now.
    pub fn begin_with(&mut self, row: Row) {
        self.root.context.set_row(row);
    }

    /// What conditions and templates see, outside of loops.
    pub fn context(&self) -> &Context {
        &self.root.context
    }

    /// What its nodes did, in the order in which it happened; items of loops that are under way are missing.
    pub fn steps(&self) -> &[Step] {
        &self.root.steps
    }

    /// Goes on as far as it can without the world, and says what it wants done. Empty when it rests or has ended;
    /// [`Self::status`] tells which.
    pub fn advance(&mut self, plan: &Plan, now: DateTime<Utc>) -> Vec<Request> {
        if !matches!(self.status, Status::Running | Status::Waiting) {
            return Vec::new();
        }
        if self.stopping.is_some() {
            self.stop();
            return Vec::new();
        }
        if self.begins.is_some_and(|begins| begins > now) || self.admission.waits() {
            return Vec::new();
        }
        self.begins = None;
        self.moved = true;
        let limits = Limits {
            items_left: self.items_left,
            begun: self.begun,
            under_way: self.root.under_way(),
            since: self.since,
            mails: self.mails.clone(),
            assumed: self.assumed.clone(),
        };
        let mut turns = Turns::new(self.id, plan, now, limits);
        turns.inputs = self.inputs.take();
        turns.frame(&mut self.root, 0);
        let Turns { requests, moved, stop, items_left, begun, cancels, inputs, .. } = turns;
        self.inputs = inputs;
        (self.items_left, self.begun, self.status) = (items_left, begun, self.moved(moved));
        for cancel in cancels {
            if !self.cancels.contains(&cancel) {
                self.cancels.push(cancel);
            }
        }
        self.stopping = stop;
        match stop {
            Some(_) => self.stop(),
            None => self.settle(!requests.is_empty()),
        }
        requests
    }

    /// Ends it, unless it still waits for answers: what took its turn before the end is done and told.
    fn stop(&mut self) {
        if let Some(failed) = self.stopping
            && !self.root.any(&|turn| matches!(turn, Turn::Asked))
        {
            self.go(if failed { Move::GaveUp } else { Move::Ended });
        }
    }

    fn moved(&self, moved: bool) -> Status {
        match self.status {
            Status::Waiting if moved => self.status.after(Move::Resumed).unwrap_or(self.status),
            status => status,
        }
    }

    /// Takes what became of a node's request; [`Self::advance`] goes on from there. Ignored unless the node asked
    /// or waits for its delivery.
    pub fn answer(&mut self, plan: &Plan, node: &NodeId, item: &[u32], answer: Answer, now: DateTime<Utc>) {
        if !matches!(self.status, Status::Running | Status::Waiting) {
            return;
        }
        let Some((frame, slot, of)) = self.root.find(plan, node, item) else { return };
        if !matches!(frame.turns.get(slot), Some(Turn::Asked | Turn::Handed)) {
            return;
        }
        let handed = matches!(answer, Answer::Handed { .. });
        frame.answer(slot, of, answer, now);
        if self.status == Status::Waiting && !handed {
            self.go(Move::Resumed);
        }
    }

    /// Ends the execution: what waits or was not reached does not happen any more.
    pub fn cancel(&mut self) {
        self.go(Move::Stopped);
    }

    /// Ends it at somebody's wish.
    pub fn cancel_by(&mut self, why: String) {
        self.cancel();
        self.ended_by = Some(why);
    }

    /// At whose wish it ended, in words.
    pub fn ended_by(&self) -> Option<&str> {
        self.ended_by.as_deref()
    }

    /// The deliveries that are on the way, by their effects' ids.
    pub fn waiting_for(&self) -> Vec<(EffectId, Spot)> {
        let mut spots = Vec::new();
        self.root.each_turn(&mut |spot, turn| {
            if matches!(turn, Turn::Handed) {
                spots.push((EffectId::derive(self.id, &spot.node, &spot.item), spot));
            }
        });
        spots
    }

    /// The instants that its turns rest for.
    pub fn timers(&self) -> Vec<(Spot, DateTime<Utc>)> {
        let mut timers = Vec::new();
        self.root.each_turn(&mut |spot, turn| {
            if let Turn::Resting { until: Some(until), .. } | Turn::Again { until, .. } = turn {
                timers.push((spot, *until));
            }
        });
        timers
    }

    /// When it is to be woken, if that is not queued yet; it counts as queued from now on.
    pub fn queues(&mut self) -> Option<DateTime<Utc>> {
        let due = self.rests().due.filter(|due| self.timer.is_none_or(|queued| *due < queued));
        self.timer = due.or(self.timer);
        due
    }

    /// The instant that is queued for it, as far as is known.
    pub fn queued_for(&self) -> Option<DateTime<Utc>> {
        self.timer
    }

    /// Lets it begin more items of its loops: it is in another transaction now.
    pub fn refresh(&mut self) {
        self.items_left = ITEMS_AT_A_TIME;
    }

    /// Rests or ends, if nothing was asked of the world. Called when nothing can go on without it.
    fn settle(&mut self, asks: bool) {
        if self.status != Status::Running || asks || self.root.any(&|turn| matches!(turn, Turn::Asked)) {
            return;
        }
        self.go(match () {
            () if !self.root.is_settled() => Move::Parked,
            () if self.root.failed > 0 => Move::GaveUp,
            () => Move::Ended,
        });
    }

    fn go(&mut self, to: Move) {
        if let Ok(status) = self.status.after(to) {
            self.status = status;
        }
        if !matches!(self.status, Status::Running | Status::Waiting) {
            self.root.fold();
        }
    }
}

#[cfg(test)]
mod control_tests;
#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod input_tests;
#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod retry_tests;
#[cfg(test)]
mod tests;
