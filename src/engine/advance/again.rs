//! Again: an execution that failed is tried once more, from where it failed or from the start.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::frame::{Frame, Turn};
use super::{Admission, NotOfThisPlan, Run, Saved};
use crate::domain::execution::Status;
use crate::domain::ids::ExecutionId;
use crate::workflow::control::Shape;
use crate::workflow::plan::{Plan, Work};

impl Run {
    /// A failed execution once more, from where it failed: what gave up without being dealt with takes its turn again,
    /// and so does what was skipped. Of a loop only the items go on that failed, or had not begun. (Of more than a
    /// thousand all begin again, and so do those of loops in the bodies of others: what they did is not repeated.)
    ///
    /// # Errors
    /// [`NotOfThisPlan`] if a node that had its turn is not in the plan.
    pub fn again(
        root: ExecutionId,
        plan: &Plan,
        saved: Saved,
        now: DateTime<Utc>,
    ) -> Result<Self, NotOfThisPlan> {
        let mut run = Self::restore(root, plan, saved, now)?;
        run.status = Status::Running;
        (run.timer, run.begins, run.stopping, run.looked) = (None, None, None, None);
        run.admission = Admission::again(plan);
        reopen(&mut run.root, plan);
        Ok(run)
    }

    /// An execution once more, from the start, with the event as it was.
    pub fn from_start(root: ExecutionId, plan: &Plan, saved: &Saved, now: DateTime<Utc>) -> Self {
        let context = saved.context.anew(plan.trigger_kind(), now);
        let at = context.event().at;
        Self {
            since: now,
            ..Self::begun(root, Frame::new(plan, 0, Vec::new(), context, at), Admission::again(plan))
        }
    }
}

fn reopen(frame: &mut Frame, plan: &Plan) {
    let (mut reopened, mut told_anew) = (Vec::new(), HashSet::new());
    for slot in 0..frame.turns.len() {
        let Some(at) = plan.position(&frame.nodes[slot]) else { continue };
        let Some(node) = plan.node(at) else { continue };
        let is_loop = matches!(&node.work, Work::Control(control) if control.shape() == Shape::Loop);
        let opens = match &frame.turns[slot] {
            Turn::Failed => !node.handles_errors,
            Turn::Dead => true,
            Turn::Done(_) => is_loop && !node.handles_errors && frame.context.failed_items(&node.id) > 0,
            // What was on its way is asked for again: it is taken up where it is.
            Turn::Handed | Turn::Again { .. } => true,
            // Its items were under way when it ended: what they did is in the steps, and not done again.
            Turn::Looping(_) => true,
            _ => false,
        };
        if !opens {
            continue;
        }
        frame.context.forget_step(&node.id);
        reopened.push(node.id.clone());
        frame.turns[slot] = match frame.again.remove(&slot) {
            Some(mut of) => {
                for item in &mut of.active {
                    told_anew.extend(item.steps.iter().map(|step| (step.node.clone(), step.item.clone())));
                    reopen(item, plan);
                }
                Turn::Looping(of)
            }
            None => {
                let body = plan.regions().iter().position(|region| region.owner == Some(at));
                reopened.extend(body.iter().flat_map(|body| plan.names(*body).to_vec()));
                Turn::Open
            }
        };
    }
    frame.failed = 0;
    frame.steps.retain(|step| {
        !reopened.contains(&step.node) && !told_anew.contains(&(step.node.clone(), step.item.clone()))
    });
}
