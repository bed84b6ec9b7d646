//! Offers: what an execution rests for, and what comes of events and words that it is handed.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::frame::{Turn, step};
use super::{Run, Spot};
use crate::domain::event::{Event, Operation};
use crate::domain::execution::{Move, Status, Step, StepOutcome};
use crate::domain::ids::NodeId;
use crate::workflow::context::Context;
use crate::workflow::control::{Awaited, Key, Wake, Wants};
use crate::workflow::plan::{Plan, Work};

/// An event that ends the execution.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Cancel {
    /// The node that said so.
    pub node: NodeId,
    /// Whose events.
    pub key: Key,
    /// What happened from then on.
    #[serde(default)]
    pub since: DateTime<Utc>,
}

/// What a resting execution rests for, beside deliveries.
#[derive(Debug, Default, PartialEq)]
pub struct Rests {
    /// The earliest instant at which it goes on by itself.
    pub due: Option<DateTime<Utc>>,
    /// Turns that wait for an event, and whose.
    pub events: Vec<(Spot, Key)>,
    /// Turns that wait for an admin.
    pub approvals: Vec<Spot>,
}

/// Events that an execution is to be handed: those of one table and operation, with this key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Awaits {
    /// The node that waits, or that ends the execution.
    pub node: NodeId,
    /// Without its schema.
    pub table: Cow<'static, str>,
    /// What is done to the row.
    pub operation: Operation,
    /// Whose events.
    pub key: Key,
}

/// The keys under which executions that rest for an event like this are found.
pub fn keys_of(event: &Event) -> Vec<Key> {
    let mut keys = vec![Key::Any];
    keys.extend(event.row_id().map(|id| Key::Row(id.into_owned())));
    keys.extend(event.customer_id().map(Key::Customer));
    keys
}

impl Run {
    /// What it rests for, beside deliveries.
    pub fn rests(&self) -> Rests {
        let mut rests = Rests { due: self.begins, ..Rests::default() };
        self.root.each_turn(&mut |spot, turn| {
            let due = match turn {
                Turn::Resting { until, wants, .. } => {
                    match wants {
                        Wants::Time => {}
                        Wants::Event(key) => rests.events.push((spot, key.clone())),
                        Wants::Approval => rests.approvals.push(spot),
                    }
                    *until
                }
                Turn::Again { until, .. } => Some(*until),
                // It goes on as soon as somebody has time.
                Turn::Looping(of) if of.is_idle() => Some(self.root.context.now()),
                _ => None,
            };
            rests.due = [rests.due, due].into_iter().flatten().min();
        });
        rests
    }

    /// The events that end it.
    pub fn cancels(&self) -> &[Cancel] {
        &self.cancels
    }

    /// The events that it is to be handed while it rests, each once.
    pub fn awaits(&self, plan: &Plan) -> Vec<Awaits> {
        let rests = self.rests().events.into_iter().map(|(spot, key)| (spot.node, key));
        let cancels = self.cancels.iter().map(|cancel| (cancel.node.clone(), cancel.key.clone()));
        let mut nodes: Vec<(NodeId, Key)> = Vec::new();
        for one in rests.chain(cancels) {
            if !nodes.contains(&one) {
                nodes.push(one);
            }
        }
        let mut awaits = Vec::new();
        for (node, key) in nodes {
            let sources = awaited(plan, &node).map(|awaited| awaited.trigger.sources()).unwrap_or_default();
            for source in sources {
                awaits.extend(source.operations.iter().map(|operation| Awaits {
                    node: node.clone(),
                    table: source.table.clone(),
                    operation: *operation,
                    key: key.clone(),
                }));
            }
        }
        awaits
    }

    /// From which instant on it must be asked what has happened already: something of what it rests for was not yet
    /// known to it when the events were handled. `None` if there is no such thing.
    pub fn looks_back(&self) -> Option<DateTime<Utc>> {
        let mut from: Option<DateTime<Utc>> = None;
        let mut since = |since: DateTime<Utc>| {
            if self.looked.is_none_or(|looked| looked <= since) {
                from = Some(from.map_or(since, |from| from.min(since)));
            }
        };
        self.cancels.iter().for_each(|cancel| since(cancel.since));
        self.root.each_turn(&mut |_, turn| {
            if let Turn::Resting { since: from, wants: Wants::Event(_), .. } = turn {
                since(*from);
            }
        });
        from
    }

    /// It was asked what has happened until now; what comes later it is handed.
    pub fn looked_back(&mut self, now: DateTime<Utc>) {
        self.looked = Some(now);
    }

    /// The latest instant at or before `now` until which a turn waits for an event: what happened until then must be
    /// known before it is said that nothing did.
    pub fn gives_up_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut latest = None;
        self.root.each_turn(&mut |_, turn| {
            if let Turn::Resting { until: Some(until), wants: Wants::Event(_), .. } = turn
                && *until <= now
            {
                latest = latest.max(Some(*until));
            }
        });
        latest
    }

    /// Hands the execution an event. True if it goes on by it, or was ended by it.
    pub fn offer(&mut self, plan: &Plan, event: &Event, now: DateTime<Utc>) -> bool {
        if !matches!(self.status, Status::Waiting | Status::Running) {
            return false;
        }
        let ends = self.cancels.iter().find(|cancel| {
            cancel.since <= event.at
                && applies(&cancel.key, event)
                && awaits(plan, &cancel.node, &self.root.context, event)
        });
        if let Some(Cancel { node, .. }) = ends.cloned() {
            let why = format!("ended by an event: {} of {}", event.operation.as_str(), event.table);
            self.root.record(Step { why: Some(why), ..step(&node, &[], StepOutcome::Done, now) });
            self.cancel();
            return true;
        }
        let mut woken = false;
        for (spot, key) in self.rests().events {
            let Some((frame, slot, node)) = self.root.find(plan, &spot.node, &spot.item) else { continue };
            // Whoever looks late decides nothing: what counts is when it happened.
            let in_time = matches!(frame.turns.get(slot), Some(Turn::Resting { since, until, .. })
                if *since <= event.at && until.is_none_or(|until| event.at <= until));
            if in_time && applies(&key, event) && awaits(plan, &spot.node, &frame.context, event) {
                let row = (*event.row).clone();
                woken |= frame.wake(slot, node, &Wake::Event(row), now);
            }
        }
        if woken {
            self.go(Move::Resumed);
        }
        woken
    }

    /// Hands the execution an admin's word. False if it does not wait for one there.
    pub fn decide(&mut self, plan: &Plan, spot: &Spot, word: &Wake, now: DateTime<Utc>) -> bool {
        if !matches!(self.status, Status::Waiting | Status::Running) || !matches!(word, Wake::Approval { .. })
        {
            return false;
        }
        let Some((frame, slot, node)) = self.root.find(plan, &spot.node, &spot.item) else { return false };
        let asked = matches!(frame.turns.get(slot), Some(Turn::Resting { wants: Wants::Approval, .. }));
        let woken = asked && frame.wake(slot, node, word, now);
        if woken {
            self.go(Move::Resumed);
        }
        woken
    }
}

/// Whether an event is one of those that a key speaks of.
fn applies(key: &Key, event: &Event) -> bool {
    match key {
        Key::Any => true,
        Key::Row(id) => event.row_id().is_some_and(|found| found == id.as_str()),
        Key::Customer(id) => event.customer_id() == Some(*id),
    }
}

fn awaited<'p>(plan: &'p Plan, node: &NodeId) -> Option<&'p Awaited> {
    match &plan.node(plan.position(node)?)?.work {
        Work::Control(control) => control.awaits(),
        _ => None,
    }
}

/// Whether a node of the plan may wait for such an event, as far as can be said without its execution.
pub fn may_await(plan: &Plan, node: &NodeId, event: &Event) -> bool {
    awaited(plan, node).is_some_and(|awaited| {
        awaited.trigger.sources().iter().any(|source| source.covers(event)) && awaited.trigger.matches(event)
    })
}

/// Whether an event is what a node waits for: its trigger agrees, and so does its filter.
fn awaits(plan: &Plan, node: &NodeId, context: &Context, event: &Event) -> bool {
    may_await(plan, node, event)
        && awaited(plan, node).is_some_and(|awaited| {
            awaited.filter.as_ref().is_none_or(|filter| {
                let beside = context.beside((*event.row).clone());
                filter.decide(&beside).is_ok_and(|verdict| verdict.holds)
            })
        })
}
