//! What an execution that rests is stored as. Nodes go by their names, so that it can be read by whoever has the plan.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::frame::{Frame, Loop, Tried, Turn};
use super::{Admission, Cancel, ITEMS_AT_A_TIME, Run};
use crate::domain::execution::{Status, Step, StepOutcome};
use crate::domain::ids::{ExecutionId, NodeId};
use crate::workflow::context::{Context, Item};
use crate::workflow::control::Wants;
use crate::workflow::plan::Plan;

/// What an execution that rests is stored as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// Where it stands.
    pub status: Status,
    /// What its nodes did.
    pub steps: Vec<Step>,
    /// What conditions and templates see.
    pub context: Context,
    /// The turns that nodes had, outside of loops.
    pub turns: Vec<SavedTurn>,
    /// Loops that were left with failures, as they are to be tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<SavedTurn>,
    /// Failures that nothing followed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u32,
    /// Events that end it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancels: Vec<Cancel>,
    /// Events that happened before this instant have been looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<DateTime<Utc>>,
    /// The instant that is queued for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timer: Option<DateTime<Utc>>,
    /// Items that its loops have been given so far.
    #[serde(default)]
    pub begun: usize,
    /// What happened from then on is news to it: it has not moved since, though it would have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// It has not begun, and does not before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<DateTime<Utc>>,
    /// How far flow control is with it.
    #[serde(default, skip_serializing_if = "Admission::has_ended")]
    pub admission: Admission,
}

/// A node and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedTurn(NodeId, Stand);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stand {
    Handed,
    Again { tried: Tried, until: DateTime<Utc> },
    Resting { since: DateTime<Utc>, until: Option<DateTime<Utc>>, wants: Wants },
    Done(Option<String>),
    Failed,
    Dead,
    Looping(Box<SavedLoop>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedLoop {
    items: Vec<Value>,
    next: u32,
    at_once: usize,
    stop_on_failure: bool,
    succeeded: u32,
    failed: u32,
    active: Vec<SavedItem>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    broken: Vec<SavedItem>,
}

/// An item under way: what it has beside what is around the loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedItem {
    index: u32,
    value: Value,
    turns: Vec<SavedTurn>,
    steps: Vec<Step>,
    results: Map<String, Value>,
    /// What came around the loop after the item had begun: it does not see it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    without: Vec<NodeId>,
    /// Its variables, if they are otherwise than around the loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vars: Option<Map<String, Value>>,
    failed: u32,
}

/// A stored execution that does not fit the plan it is to go on with.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored execution is of another version: this one has no node `{0}`")]
pub struct NotOfThisPlan(pub NodeId);

impl Run {
    /// What must be stored so that [`Self::restore`] can go on. Nodes whose requests got no answer ask again then.
    pub fn save(&self) -> Saved {
        Saved {
            status: self.status,
            steps: self.root.steps.clone(),
            context: self.root.context.clone(),
            turns: turns_of(&self.root),
            again: self.root.again.iter().filter_map(|(slot, of)| loop_of(&self.root, *slot, of)).collect(),
            failed: self.root.failed,
            cancels: self.cancels.clone(),
            looked: self.looked,
            timer: self.timer,
            begun: self.begun,
            since: (!self.moved).then_some(self.since),
            begins: self.begins,
            admission: self.admission.clone(),
        }
    }

    /// The execution as it was saved.
    ///
    /// # Errors
    /// [`NotOfThisPlan`] if a node that had its turn is not in the plan.
    pub fn restore(
        id: ExecutionId,
        plan: &Plan,
        saved: Saved,
        now: DateTime<Utc>,
    ) -> Result<Self, NotOfThisPlan> {
        let Saved {
            status,
            steps,
            context,
            turns,
            again,
            failed,
            cancels,
            looked,
            timer,
            begun,
            since,
            begins,
            admission,
        } = saved;
        // What was queued until now has been claimed.
        let timer = timer.filter(|timer| *timer > now);
        let mut root = Frame {
            waiting: waiting(&steps),
            steps,
            failed,
            ..Frame::new(plan, 0, Vec::new(), context, now)
        };
        lay_out(&mut root, plan, 0, turns)?;
        lay_out_again(&mut root, plan, again)?;
        Ok(Self {
            id,
            status,
            root,
            cancels,
            looked,
            items_left: ITEMS_AT_A_TIME,
            timer,
            begun,
            since: since.unwrap_or(now),
            moved: false,
            begins,
            ended_by: None,
            admission,
            stopping: None,
            mails: std::sync::Arc::default(),
            assumed: std::sync::Arc::default(),
            inputs: None,
        })
    }
}

fn turns_of(frame: &Frame) -> Vec<SavedTurn> {
    let stands = frame.turns.iter().zip(&*frame.nodes).filter_map(|(turn, node)| {
        let stand = match turn {
            Turn::Open | Turn::Asked => return None,
            Turn::Handed => Stand::Handed,
            Turn::Again { tried, until } => Stand::Again { tried: *tried, until: *until },
            Turn::Resting { since, until, wants } => {
                Stand::Resting { since: *since, until: *until, wants: wants.clone() }
            }
            Turn::Done(branch) => Stand::Done(branch.as_deref().map(str::to_owned)),
            Turn::Failed => Stand::Failed,
            Turn::Dead => Stand::Dead,
            Turn::Looping(of) => Stand::Looping(Box::new(saved_loop(frame, of))),
        };
        Some(SavedTurn(node.clone(), stand))
    });
    stands.collect()
}

fn loop_of(frame: &Frame, slot: usize, of: &Loop) -> Option<SavedTurn> {
    Some(SavedTurn(frame.nodes.get(slot)?.clone(), Stand::Looping(Box::new(saved_loop(frame, of)))))
}

fn saved_item(around: &Frame, frame: &Frame) -> SavedItem {
    SavedItem {
        index: frame.item.last().copied().unwrap_or_default(),
        value: frame.context.item().map(|item| (*item.value).clone()).unwrap_or_default(),
        turns: turns_of(frame),
        steps: frame.steps.clone(),
        results: frame.context.results_beyond(&around.context),
        without: around
            .context
            .results_beyond(&frame.context)
            .keys()
            .map(|node| node.as_str().into())
            .collect(),
        vars: frame.context.vars_unlike(&around.context),
        failed: frame.failed,
    }
}

fn saved_loop(around: &Frame, of: &Loop) -> SavedLoop {
    let saved = |frames: &[Frame]| frames.iter().map(|frame| saved_item(around, frame)).collect();
    SavedLoop {
        items: of.items.iter().cloned().collect(),
        next: of.next,
        at_once: of.at_once,
        stop_on_failure: of.stop_on_failure,
        succeeded: of.succeeded,
        failed: of.failed,
        active: saved(&of.active),
        broken: saved(&of.broken),
    }
}

fn lay_out(
    frame: &mut Frame,
    plan: &Plan,
    region: usize,
    turns: Vec<SavedTurn>,
) -> Result<(), NotOfThisPlan> {
    for SavedTurn(node, stand) in turns {
        let at = plan.position(&node);
        let place = at.and_then(|at| plan.place(at)).filter(|(of, _)| *of == region);
        let (Some(at), Some((_, slot))) = (at, place) else { return Err(NotOfThisPlan(node)) };
        frame.turns[slot] = match stand {
            Stand::Handed => Turn::Handed,
            Stand::Again { tried, until } => Turn::Again { tried, until },
            Stand::Resting { since, until, wants } => Turn::Resting { since, until, wants },
            Stand::Done(branch) => Turn::Done(branch.map(Into::into)),
            Stand::Failed => Turn::Failed,
            Stand::Dead => Turn::Dead,
            Stand::Looping(of) => {
                let body = plan.regions().iter().position(|region| region.owner == Some(at));
                Turn::Looping(Box::new(restored_loop(frame, plan, body.unwrap_or(usize::MAX), *of)?))
            }
        };
    }
    Ok(())
}

/// Loops to be tried again are read as turns, and are none yet.
fn lay_out_again(root: &mut Frame, plan: &Plan, again: Vec<SavedTurn>) -> Result<(), NotOfThisPlan> {
    let mut aside = Frame { turns: vec![Turn::Open; root.turns.len()], ..root.clone() };
    lay_out(&mut aside, plan, 0, again)?;
    let loops = aside.turns.into_iter().enumerate().filter_map(|(slot, turn)| match turn {
        Turn::Looping(of) => Some((slot, of)),
        _ => None,
    });
    root.again = loops.collect();
    Ok(())
}

fn restored_items(
    around: &Frame,
    plan: &Plan,
    body: usize,
    of: Vec<SavedItem>,
) -> Result<Vec<Frame>, NotOfThisPlan> {
    let mut items = Vec::with_capacity(of.len());
    for saved in of {
        let mut item = around.item.clone();
        item.push(saved.index);
        let mut context = around.context.for_item(Item { index: saved.index, value: saved.value.into() });
        for (node, result) in saved.results {
            context.set_step(node.as_str().into(), result);
        }
        saved.without.iter().for_each(|node| context.forget_step(node));
        if let Some(vars) = saved.vars {
            context.replace_vars(vars);
        }
        let fresh = Frame::new(plan, body, item, context, around.since);
        let waiting = waiting(&saved.steps);
        let mut frame = Frame { waiting, steps: saved.steps, failed: saved.failed, ..fresh };
        lay_out(&mut frame, plan, body, saved.turns)?;
        items.push(frame);
    }
    Ok(items)
}

fn restored_loop(around: &Frame, plan: &Plan, body: usize, of: SavedLoop) -> Result<Loop, NotOfThisPlan> {
    Ok(Loop {
        active: restored_items(around, plan, body, of.active)?,
        broken: restored_items(around, plan, body, of.broken)?,
        items: of.items.into(),
        next: of.next,
        at_once: of.at_once,
        stop_on_failure: of.stop_on_failure,
        succeeded: of.succeeded,
        failed: of.failed,
    })
}

fn waiting(steps: &[Step]) -> u32 {
    steps.iter().map(|step| u32::from(step.outcome == StepOutcome::Waiting)).sum()
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
