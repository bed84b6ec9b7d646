//! Undo: what an execution wrote is put back, all of it in one transaction or none.

mod net;
mod whole;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::sleep;
use utoipa::ToSchema;
use uuid::Uuid;

use self::net::to_reverse;
use self::whole::surely_whole;
use super::LONGEST;

use crate::domain::execution::{Change, Step};
use crate::domain::ids::{EffectId, ExecutionId, WorkflowId};
use crate::store::deliveries::cancel_pending;
use crate::store::session::{ErrorClass, Session, StoreError};
use crate::store::undo::{self, Attempt, Reversed, Root};

/// Its lines are reversed by others.
const LEDGER: &str = "loyalty_ledger";
/// Rows that are put back by one statement.
const AT_ONCE: usize = 100;
/// A look begins with no further rows when it has no more time than this.
const TOO_LITTLE: Duration = Duration::from_millis(400);
/// Whoever has a row in hand is waited for so often.
const TRIES: usize = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
/// What is confirmed holds what it has locked no longer than this; a look at it, no longer than a test run does.
const LONGEST_CONFIRMED: Duration = Duration::from_secs(20);

/// What is to be undone, and how.
#[derive(Debug, Clone)]
pub struct Order {
    /// Any attempt of it.
    pub execution: ExecutionId,
    /// Who says so.
    pub by: String,
    /// Who is written down for it in the audit: in words, and their account if they have one.
    pub noted: (String, Option<Uuid>),
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
    /// Rows beyond those: there was no time to look at them, and nothing was to be done.
    #[serde(skip_serializing_if = "is_none")]
    pub not_looked_at: usize,
    /// Mails and requests that had not begun, and are called off.
    pub called_off: u64,
    /// What its steps did that is no row: it stays as it is.
    pub started: Vec<String>,
}

fn is_none(count: &usize) -> bool {
    *count == 0
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
        "the record of execution {0} is not whole: it had more steps than are kept, so nobody knows all that it changed"
    )]
    NotWhole(ExecutionId),
    /// The record can't be read.
    #[error("the record of execution {0} can't be read: {1}")]
    Unreadable(ExecutionId, String),
    /// It would have held its locks for too long.
    #[error("it was ended and rolled back after {:.1} s: no longer may it hold the rows that it has locked", .0.as_secs_f64())]
    TooLong(Duration),
    /// Somebody else has rows in hand, and kept them.
    #[error("somebody else has some of these rows in hand: {0}")]
    Busy(String),
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
    let (begin, longest) = match order.confirmed {
        true => (BEGIN_CONFIRMED, LONGEST_CONFIRMED),
        false => (BEGIN, LONGEST),
    };
    let mut tries = 0;
    loop {
        tries += 1;
        session.transaction(begin).await?;
        let done = in_transaction(session, order, &Limit { until: Instant::now() + longest, longest }).await;
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
            Err(UndoError::Store(error)) if error.is_timeout() => return Err(UndoError::TooLong(longest)),
            Err(UndoError::Store(error)) if error.class() == ErrorClass::Transient => {
                if tries == TRIES {
                    return Err(UndoError::Busy(error.reason()));
                }
                sleep(BETWEEN_TRIES).await;
            }
            done => return done,
        }
    }
}

/// The last of them for who is stopped or cut off in the middle.
const BEGIN: &str = "begin; set local lock_timeout = '100ms'; set local statement_timeout = '1s';
    set local idle_in_transaction_session_timeout = '1500ms'; set local role thendo_engine";
const BEGIN_CONFIRMED: &str = "begin; set local lock_timeout = '300ms'; set local statement_timeout = '5s';
    set local idle_in_transaction_session_timeout = '10s'; set local role thendo_engine";

/// How long a transaction may hold what it has locked.
struct Limit {
    until: Instant,
    longest: Duration,
}

impl Limit {
    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// No statement from here on ends later.
    async fn keep(&self, session: &Session) -> Result<(), UndoError> {
        let left = self.left();
        // 0 would be none.
        if left < Duration::from_millis(1) {
            return Err(UndoError::TooLong(self.longest));
        }
        Ok(undo::end_statements_within(session, left).await?)
    }
}

async fn in_transaction(session: &Session, order: &Order, limit: &Limit) -> Result<Undone, UndoError> {
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
    let reversed = reverse(session, root, &wanted, order.confirmed, limit).await?;
    let not_looked_at = wanted.len().saturating_sub(reversed.len());
    limit.keep(session).await?;
    let (who, account) = &order.noted;
    undo::note(session, root, who, *account).await?;
    let called_off = cancel_pending(session, &ids).await?;
    if !order.starts_workflows {
        undo::start_nothing(session, root).await?;
    }
    let changes: Vec<Reversal> = wanted.into_iter().zip(reversed).map(reversal).collect();
    let undone =
        order.confirmed && not_looked_at == 0 && changes.iter().all(|reversal| reversal.conflict.is_none());
    let started = started(&steps);
    Ok(Undone {
        execution: root.id,
        attempts: ids,
        workflow,
        undone,
        changes,
        not_looked_at,
        called_off,
        started,
    })
}

/// Locks all the rows in one order, and puts them back in theirs, some at a time.
async fn reverse(
    session: &Session,
    root: Root,
    wanted: &[Change],
    confirmed: bool,
    limit: &Limit,
) -> Result<Vec<Reversed>, UndoError> {
    limit.keep(session).await?;
    undo::lock(session, root, wanted).await?;
    let mut reversed = Vec::with_capacity(wanted.len());
    for page in wanted.chunks(AT_ONCE) {
        if !confirmed && !reversed.is_empty() && limit.left() < TOO_LITTLE {
            break;
        }
        limit.keep(session).await?;
        let of_page = undo::reverse(session, root, page).await?;
        if of_page.len() != page.len() {
            return Err(UndoError::NotWhole(root.id));
        }
        reversed.extend(of_page);
    }
    Ok(reversed)
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
        steps.extend(of.map_err(|reason| UndoError::Unreadable(id, reason))?);
    }
    if !surely_whole(&steps) {
        return Err(UndoError::NotWhole(root.id));
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
