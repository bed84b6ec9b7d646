//! Undo: what an execution wrote is put back, all of it in one transaction or none.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::execution::{Change, Step};
use crate::domain::ids::{EffectId, ExecutionId, WorkflowId};
use crate::store::deliveries::cancel_pending;
use crate::store::session::{ErrorClass, Session, StoreError};
use crate::store::undo::{self, Attempt, Reversed, Root};

/// Its lines are reversed by others.
const LEDGER: &str = "loyalty_ledger";
/// The sums of those lines: they follow.
const BALANCES: &str = "loyalty_points";
/// A record of more steps may have left some out.
const SURELY_WHOLE: usize = 1_500;
/// How often it is tried where somebody else writes the same rows.
const TRIES: usize = 3;

/// What is to be undone, and how.
#[derive(Debug, Clone)]
pub struct Order {
    /// Any attempt of it.
    pub execution: ExecutionId,
    /// Who says so.
    pub by: String,
    /// For real; else it is rolled back.
    pub confirmed: bool,
    /// What changes by it is as if the shop itself had written it.
    pub starts_workflows: bool,
}

/// How a row is put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PutBack)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Its columns get their former values.
    Restored,
    /// It was added, and is deleted.
    Deleted,
    /// It was deleted, and is added again.
    AddedAgain,
    /// A line of the ledger is reversed by another one.
    CounterEntry,
}

/// One row that is put back.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Reversal {
    /// What the execution made of it.
    #[serde(flatten)]
    pub change: Change,
    /// How it is put back.
    pub how: How,
    /// The written columns as they are now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_now: Option<Value>,
    /// Points of the counter-entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<i64>,
    /// Why nothing has to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why it can't be put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<String>,
}

/// What undoing an execution came to.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = UndoneRows)]
pub struct Undone {
    /// The first attempt.
    #[schema(value_type = Uuid)]
    pub execution: ExecutionId,
    /// All of them.
    #[schema(value_type = Vec<Uuid>)]
    pub attempts: Vec<ExecutionId>,
    /// Of which workflow.
    #[schema(value_type = Uuid)]
    pub workflow: WorkflowId,
    /// It was done, and stays. Not if it was not confirmed, or has conflicts.
    pub undone: bool,
    /// The rows, in the order in which they are put back.
    pub changes: Vec<Reversal>,
    /// Mails and requests that had not begun, and are called off.
    pub called_off: u64,
    /// What its steps did that is no row: it stays as it is.
    pub started: Vec<String>,
}

impl Undone {
    /// The rows that can't be put back.
    pub fn conflicts(&self) -> impl Iterator<Item = &Reversal> {
        self.changes.iter().filter(|reversal| reversal.conflict.is_some())
    }
}

/// Why an execution can't be undone at all. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// No such execution.
    #[error("there is no execution {0}, or it is not kept any more")]
    Unknown(ExecutionId),
    /// It, or another attempt of it.
    #[error("execution {0} has not ended: it rests")]
    Rests(ExecutionId),
    /// It is done only once.
    #[error("execution {of} was undone before, at {} by {by}", at.format("%Y-%m-%d %H:%M:%S UTC"))]
    Before {
        /// Which.
        of: ExecutionId,
        /// By whom.
        by: String,
        /// When.
        at: DateTime<Utc>,
    },
    /// Some of what it did is not written down.
    #[error(
        "the record of execution {0} is not whole: it had too many steps, so nobody knows all that it changed"
    )]
    NotWhole(ExecutionId),
    /// The record can't be read.
    #[error("the record of execution {0} can't be read: {1}")]
    Unreadable(ExecutionId, String),
    /// The database, or a trigger of the shop's.
    #[error("the database refuses: {}", .0.reason())]
    Store(#[from] StoreError),
}

/// Puts back what an execution and its other attempts wrote; deliveries that have not begun are called off. Without
/// `confirmed`, or where rows have changed since, all of it is rolled back and only told.
///
/// # Errors
/// [`UndoError`]; nothing was changed.
pub async fn undo(session: &Session, order: &Order) -> Result<Undone, UndoError> {
    let mut tries = 0;
    loop {
        tries += 1;
        session.transaction(BEGIN).await?;
        let done = in_transaction(session, order).await;
        let done = match done {
            Ok(done) if done.undone => {
                session.transaction("commit").await.map(|()| done).map_err(UndoError::from)
            }
            done => {
                let rolled_back = session.transaction("rollback").await;
                done.and_then(|done| rolled_back.map(|()| done).map_err(UndoError::from))
            }
        };
        match done {
            Err(UndoError::Store(error)) if error.class() == ErrorClass::Transient && tries < TRIES => {}
            done => return done,
        }
    }
}

const BEGIN: &str = "begin; set local lock_timeout = '300ms'; set local statement_timeout = '5s'; set local role thendo_engine";

async fn in_transaction(session: &Session, order: &Order) -> Result<Undone, UndoError> {
    let unknown = || UndoError::Unknown(order.execution);
    let root = undo::root_of(session, order.execution).await?.ok_or_else(unknown)?;
    if let Some(rests) = undo::resting(session, root).await? {
        return Err(UndoError::Rests(rests));
    }
    // Nobody tries it again meanwhile, or afterwards; then what is recorded is all.
    undo::forget_dead(session, root).await?;
    if let Some(rests) = undo::resting(session, root).await? {
        return Err(UndoError::Rests(rests));
    }
    let attempts = undo::attempts(session, root).await?;
    let workflow = attempts.first().ok_or_else(unknown)?.workflow;
    let ids: Vec<ExecutionId> = attempts.iter().map(|attempt| attempt.id).collect();
    let steps = whole_record(session, root, attempts, &ids).await?;
    let wanted = to_reverse(&steps);
    if !undo::mark_undone(session, root, &order.by).await? {
        let (by, at) = undo::undone_by(session, root).await?.unwrap_or_default();
        return Err(UndoError::Before { of: root.id, by, at });
    }
    if !order.starts_workflows {
        undo::say_cause(session, root).await?;
    }
    let reversed = undo::reverse(session, root, &wanted).await?;
    if reversed.len() != wanted.len() {
        return Err(UndoError::NotWhole(root.id));
    }
    let called_off = cancel_pending(session, &ids).await?;
    if !order.starts_workflows {
        undo::start_nothing(session, root).await?;
    }
    let changes: Vec<Reversal> = wanted.into_iter().zip(reversed).map(reversal).collect();
    let undone = order.confirmed && changes.iter().all(|reversal| reversal.conflict.is_none());
    let started = started(&steps);
    Ok(Undone { execution: root.id, attempts: ids, workflow, undone, changes, called_off, started })
}

/// The steps of all attempts, if they are all that there were.
async fn whole_record(
    session: &Session,
    root: Root,
    attempts: Vec<Attempt>,
    ids: &[ExecutionId],
) -> Result<Vec<Step>, UndoError> {
    let mut steps = Vec::new();
    for Attempt { id, steps: of, .. } in attempts {
        let of = of.map_err(|reason| UndoError::Unreadable(id, reason))?;
        if of.len() > SURELY_WHOLE {
            return Err(UndoError::NotWhole(id));
        }
        steps.extend(of);
    }
    // Effects are keyed by root, node and item.
    let known: HashSet<EffectId> =
        steps.iter().map(|step| EffectId::derive(root.id, &step.node, &step.item)).collect();
    match undo::effects_done(session, ids).await?.iter().all(|done| known.contains(done)) {
        true => Ok(steps),
        false => Err(UndoError::NotWhole(root.id)),
    }
}

fn reversal((change, reversed): (Change, Reversed)) -> Reversal {
    let how = match (&change.before, &change.after) {
        _ if change.table == LEDGER => How::CounterEntry,
        (None, _) => How::Deleted,
        (_, None) => How::AddedAgain,
        _ => How::Restored,
    };
    let Reversed { conflict, note, is_now, points } = reversed;
    Reversal { change, how, is_now, points: points.filter(|points| *points != 0), note, conflict }
}

/// What started workflows, in words.
fn started(steps: &[Step]) -> Vec<String> {
    let mut started = Vec::new();
    for step in steps {
        let event = step
            .result
            .as_ref()
            .filter(|of| of.get("workflow_id").is_some())
            .and_then(|of| of.get("event_id"));
        if let (Some(event), Some(why)) = (event.and_then(Value::as_str), &step.why) {
            let words = format!("{why} by event {event}");
            if !started.contains(&words) {
                started.push(words);
            }
        }
    }
    started
}

/// What is left of all changes of a row, before the first and after the last, and where its place is.
struct Net {
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
    place: usize,
}

/// The changes to be reversed, each row once, in the order in which they are: rows that were added last go first, so that
/// none is deleted that another one refers to.
fn to_reverse(steps: &[Step]) -> Vec<Change> {
    let mut rows: BTreeMap<(&str, &str), Net> = BTreeMap::new();
    let all = steps.iter().flat_map(|step| &step.changes).filter(|change| change.table != BALANCES);
    for (place, change) in all.enumerate() {
        let of = |side: &Option<Value>| side.as_ref().and_then(Value::as_object).cloned();
        let (before, after) = (of(&change.before), of(&change.after));
        match rows.get_mut(&(change.table.as_str(), change.key.as_str())) {
            None => {
                rows.insert((&change.table, &change.key), Net { before, after, place });
            }
            Some(net) => net.then(before, after, place),
        }
    }
    let mut rows: Vec<_> = rows.into_iter().filter(|(_, net)| net.is_a_change()).collect();
    rows.sort_by_key(|(_, net)| std::cmp::Reverse(net.place));
    let change = |((table, key), net): ((&str, &str), Net)| Change {
        table: table.to_owned(),
        key: key.to_owned(),
        before: net.before.map(Value::Object),
        after: net.after.map(Value::Object),
    };
    rows.into_iter().map(change).collect()
}

impl Net {
    fn then(&mut self, before: Option<Map<String, Value>>, after: Option<Map<String, Value>>, place: usize) {
        // Of a row that was added there is nothing before it, whatever was written to it later.
        if let (Some(first), Some(before)) = (&mut self.before, before) {
            for (name, value) in before {
                first.entry(name).or_insert(value);
            }
        }
        self.after = after.map(|after| {
            let mut merged = self.after.take().unwrap_or_default();
            merged.extend(after);
            merged
        });
        if self.before.is_some() {
            self.place = place;
        }
    }

    fn is_a_change(&self) -> bool {
        self.before != self.after
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(changes: Value) -> Step {
        let step = json!({"node": "a", "outcome": "done", "changes": changes, "at": "2026-11-22T10:00:00Z"});
        serde_json::from_value(step).expect("a step")
    }

    fn put_back(changes: Value) -> Value {
        serde_json::to_value(to_reverse(&[step(changes)])).expect("JSON")
    }

    #[test]
    fn each_row_goes_back_to_what_it_was_before_all_of_it() {
        let change = |before: Value, after: Value| json!({"table": "orders", "key": "1", "before": before, "after": after});
        let twice = [
            change(json!({"status": "a"}), json!({"status": "b"})),
            change(json!({"status": "b", "note": null}), json!({"status": "c", "note": "x"})),
        ];
        assert_eq!(
            put_back(json!(twice)),
            json!([change(json!({"status": "a", "note": null}), json!({"status": "c", "note": "x"}))])
        );
        let there_and_back = [twice[0].clone(), change(json!({"status": "b"}), json!({"status": "a"}))];
        assert_eq!(put_back(json!(there_and_back)), json!([]));
    }

    #[test]
    fn what_was_added_is_deleted_last_first_and_what_came_and_went_is_nothing() {
        let adds = |key: &str, after: Value| json!({"table": "t", "key": key, "after": after});
        let gone = json!({"table": "t", "key": "3", "before": {"a": 1}});
        let writes = json!({"table": "t", "key": "1", "before": {"a": 1}, "after": {"a": 2}});
        let all = [
            adds("1", json!({"a": 1})),
            adds("2", json!({"of": 1})),
            adds("3", json!({"a": 1})),
            gone,
            writes,
        ];
        assert_eq!(put_back(json!(all)), json!([adds("2", json!({"of": 1})), adds("1", json!({"a": 2}))]));
        // A second attempt tells what the first one did as well.
        let twice: Vec<Value> = all.iter().chain(&all).cloned().collect();
        assert_eq!(put_back(json!(twice)), json!([adds("2", json!({"of": 1})), adds("1", json!({"a": 2}))]));
    }

    #[test]
    fn balances_follow_their_lines() {
        let all = json!([{"table": "loyalty_ledger", "key": "1", "after": {"points": 5}},
            {"table": "loyalty_points", "key": "2", "before": {"balance": 0}, "after": {"balance": 5}}]);
        assert_eq!(put_back(all), json!([{"table": "loyalty_ledger", "key": "1", "after": {"points": 5}}]));
    }
}
