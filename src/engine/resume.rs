//! Wake: executions that rest go on with what they waited for.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::advance::{Run, Saved};
use super::apply::Running;
use super::plans::Plans;
use crate::domain::event::Row;
use crate::domain::execution::Step;
use crate::domain::ids::ExecutionId;
use crate::store::effects::delivered;
use crate::store::executions::{Identity, Woken, rows_by_now, take_waiting};
use crate::store::queue::{Claimed, Due};
use crate::store::session::{Session, StoreError};
use crate::workflow::plan::Plan;

/// An execution that can't go on at all, with its story so far.
pub(super) struct Broken {
    /// Which.
    pub identity: Identity,
    /// What its nodes did.
    pub steps: Vec<Step>,
    /// Why.
    pub error: String,
}

/// Takes claimed executions out of their rest and hands them what they waited for.
pub(super) async fn wake(
    session: &Session,
    plans: &Plans,
    rows: &[Claimed],
    now: DateTime<Utc>,
    running: &mut Vec<Running>,
) -> Result<Vec<Broken>, StoreError> {
    let ids: Vec<ExecutionId> = rows
        .iter()
        .filter_map(|row| match row.what {
            Due::Execution(id) => Some(id),
            _ => None,
        })
        .collect();
    let (mut broken, mut put_off) = (Vec::new(), Vec::new());
    for Woken { identity, state, slot, deliveries } in take_waiting(session, &ids).await? {
        let plan = plans.pinned(session, identity.workflow, identity.version).await?;
        match restored(&identity, plan, state, now) {
            Ok((plan, mut run)) => {
                run.woken_with(slot);
                for (id, spot) in run.waiting_for() {
                    let answer = deliveries.iter().find(|(of, ..)| *of == id);
                    if let Some((_, status, result)) = answer {
                        let answer = delivered(status, result.clone());
                        run.answer(&plan, &spot.node, &spot.item, answer, now);
                    }
                }
                match run.is_put_off() {
                    true => put_off.push(Running { identity, plan, run }),
                    false => running.push(Running { identity, plan, run }),
                }
            }
            Err((steps, error)) => broken.push(Broken { identity, steps, error }),
        }
    }
    running.extend(begin(session, put_off).await?);
    Ok(broken)
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
) -> Result<(Arc<Plan>, Run), (Vec<Step>, String)> {
    let unreadable = |reason: String| format!("its saved state can't be read: {reason}");
    let state = state.map_err(|reason| (Vec::new(), unreadable(reason)))?;
    let steps = || {
        state.get("steps").and_then(|steps| serde_json::from_value(steps.clone()).ok()).unwrap_or_default()
    };
    let gone = || format!("version {} is gone or does not compile any more", identity.version);
    let plan = plan.ok_or_else(|| (steps(), gone()))?;
    let saved: Saved =
        serde_json::from_value(state.clone()).map_err(|error| (steps(), unreadable(error.to_string())))?;
    let run = Run::restore(identity.id, &plan, saved, now).map_err(|error| (steps(), error.to_string()))?;
    Ok((plan, run))
}
