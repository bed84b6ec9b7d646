//! Two versions on the same event: what they do differently.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::effects::Happened;
use super::tally::Ended;
use crate::domain::execution::Step;
use crate::domain::ids::{EventId, NodeId};
use crate::testrun::Outcome;

/// Effects of one execution that are shown.
const MOST_SHOWN: usize = 20;

/// An execution as it is compared.
#[derive(Debug)]
pub(super) struct Seen {
    pub ended: Ended,
    /// By which branches nodes were left.
    pub branches: Vec<(NodeId, Vec<u32>, String)>,
    pub effects: Vec<Happened>,
}

impl Seen {
    pub fn new(ended: Ended, steps: &[Step], effects: Vec<Happened>) -> Self {
        let left = |step: &Step| Some((step.node.clone(), step.item.clone(), step.branch.clone()?));
        Self { ended, branches: steps.iter().filter_map(left).collect(), effects }
    }
}

/// How two versions compare on all events.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Comparison {
    /// Events for which both do the same.
    pub same: u64,
    /// Events for which both start and do something else.
    pub differs: u64,
    /// Events that start this version alone.
    pub only_here: u64,
    /// Events that start the other one alone.
    pub only_there: u64,
    /// Of those that differ, how many do so in their outcome, in a branch, in what they do, in what that says.
    pub by: BTreeMap<Cow<'static, str>, u64>,
    /// The first of them, as many as were asked for.
    pub differences: Vec<Difference>,
}

/// An event for which two versions do not do the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Difference {
    /// Which.
    pub event: EventId,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// `started`, `outcome`, `branch`, `effects`, `content`.
    pub differs: Vec<Cow<'static, str>>,
    /// What this version does; nothing if it does not start.
    pub here: Option<Glimpse>,
    /// What the other one does.
    pub there: Option<Glimpse>,
}

/// What an execution would do, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Glimpse {
    /// How it would end.
    pub outcome: Outcome,
    /// Why it would fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// By which branches nodes are left; of nodes in loops the last.
    pub branches: BTreeMap<NodeId, String>,
    /// What it would do, in words: the first of it.
    pub effects: Vec<String>,
}

impl Glimpse {
    fn of(seen: &Seen) -> Self {
        Self {
            outcome: seen.ended.outcome,
            why: seen.ended.why.clone(),
            branches: seen.branches.iter().map(|(node, _, branch)| (node.clone(), branch.clone())).collect(),
            effects: seen.effects.iter().take(MOST_SHOWN).map(|effect| effect.what.clone()).collect(),
        }
    }
}

impl Comparison {
    /// Counts an event, and keeps what differs while there are fewer than `most`.
    pub(super) fn add(
        &mut self,
        (event, at): (EventId, DateTime<Utc>),
        here: Option<&Seen>,
        there: Option<&Seen>,
        most: usize,
    ) {
        let differs = match (here, there) {
            (None, None) => return self.same += 1,
            (Some(_), None) | (None, Some(_)) => vec!["started"],
            (Some(here), Some(there)) => differs(here, there),
        };
        match (here, there) {
            (Some(_), None) => self.only_here += 1,
            (None, Some(_)) => self.only_there += 1,
            _ if differs.is_empty() => return self.same += 1,
            _ => {
                self.differs += 1;
                differs.iter().for_each(|what| *self.by.entry(Cow::Borrowed(what)).or_default() += 1);
            }
        }
        if self.differences.len() < most {
            let (here, there) = (here.map(Glimpse::of), there.map(Glimpse::of));
            let differs = differs.into_iter().map(Cow::Borrowed).collect();
            self.differences.push(Difference { event, at, differs, here, there });
        }
    }
}

fn differs(here: &Seen, there: &Seen) -> Vec<&'static str> {
    let mut found = Vec::new();
    if here.ended != there.ended {
        found.push("outcome");
    }
    // A node that the other version does not have decides nothing there.
    let left = |of: &Seen, by: &Seen| {
        of.branches.iter().any(|(node, item, branch)| {
            by.branches.iter().any(|(other, at, way)| other == node && at == item && way != branch)
        })
    };
    if left(here, there) {
        found.push("branch");
    }
    // In whatever order they are done.
    let done = |of: &Seen| {
        let mut all: Vec<(String, u64)> = of.effects.iter().map(|e| (e.what.clone(), e.content)).collect();
        all.sort_unstable();
        all
    };
    let (ours, theirs) = (done(here), done(there));
    let whats = |all: &[(String, u64)]| all.iter().map(|(what, _)| what.clone()).collect::<Vec<_>>();
    if whats(&ours) != whats(&theirs) {
        found.push("effects");
    } else if ours != theirs {
        found.push("content");
    }
    found
}
