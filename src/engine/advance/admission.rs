//! How far flow control is with an execution. Decided elsewhere; here is what is remembered of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Run;
use crate::domain::execution::Move;
use crate::workflow::plan::Plan;

/// What was decided about an execution last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing yet.
    Fresh,
    /// It begins when nothing more happens.
    Quiet,
    /// Too many started at once: it is held until an admin lets it go.
    Guarded,
    /// It begins at an instant, so that not too many begin.
    Spread,
    /// It waits for others to end.
    Queued,
    /// It may run.
    #[default]
    Admitted,
}

/// How far flow control is with an execution.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    stage: Stage,
    /// When it was to begin, in the time of events; it may be noticed late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<DateTime<Utc>>,
    /// The slot that it has, or waits for. Who has which is in columns of their own.
    #[serde(skip)]
    slot: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wants: Option<String>,
}

impl Admission {
    pub(super) fn of(plan: &Plan) -> Self {
        let stage = if plan.flow().is_some() { Stage::Fresh } else { Stage::Admitted };
        Self { stage, ..Self::default() }
    }

    /// Of another attempt: it was judged before, but it needs a slot as any.
    pub(super) fn again(plan: &Plan) -> Self {
        let stage = if plan.flow().is_some() { Stage::Spread } else { Stage::Admitted };
        Self { stage, ..Self::default() }
    }

    /// There is nothing to remember any more.
    pub(super) fn has_ended(&self) -> bool {
        self.stage == Stage::Admitted
    }

    /// Whether flow control, and nobody else, says when it begins.
    pub(super) fn puts_off(&self) -> bool {
        !matches!(self.stage, Stage::Fresh | Stage::Admitted)
    }

    /// Whether it waits for something else than an instant.
    pub(super) fn waits(&self) -> bool {
        matches!(self.stage, Stage::Guarded | Stage::Queued)
    }
}

impl Run {
    /// What flow control decided last.
    pub fn stage(&self) -> Stage {
        self.admission.stage
    }

    /// The instant that counts for flow control: when it was to begin, else when its event happened.
    pub fn counts_at(&self) -> DateTime<Utc> {
        self.admission.due.or(self.begins).unwrap_or(self.context().event().at)
    }

    /// Whether it is to rest until an instant that is still to come.
    pub fn begins_after(&self, now: DateTime<Utc>) -> bool {
        self.begins.is_some_and(|begins| begins > now)
    }

    /// It starts though it would count as one too many: as another attempt, it needs a slot as any.
    pub fn lift_guards(&mut self, plan: &Plan) {
        self.admission = Admission::again(plan);
    }

    /// It may run; with a slot, if it needs one.
    pub fn admit(&mut self, slot: Option<String>) {
        self.admission = Admission { slot, ..Admission::default() };
    }

    /// It begins at `until`, or is looked at again then; `due` is when that was to be, in the time of events.
    pub fn rest_until(&mut self, stage: Stage, until: DateTime<Utc>, due: DateTime<Utc>) {
        self.admission = Admission { stage, due: Some(due), ..Admission::default() };
        self.begins = Some(until);
        self.go(Move::Parked);
    }

    /// It is held until an admin lets it go.
    pub fn guard(&mut self) {
        self.admission = Admission { stage: Stage::Guarded, ..Admission::default() };
        self.begins = None;
        self.go(Move::Parked);
    }

    /// It waits for a slot of that key.
    pub fn queue_for(&mut self, key: String) {
        self.admission = Admission { stage: Stage::Queued, wants: Some(key), ..Admission::default() };
        self.begins = None;
        self.go(Move::Parked);
    }

    /// Whether it is held because too many started at once: whoever releases the workflow lets it go.
    pub fn is_guarded(&self) -> bool {
        self.admission.stage == Stage::Guarded
    }

    /// The slot that it has.
    pub fn slot(&self) -> Option<&str> {
        self.admission.slot.as_deref()
    }

    /// The slot that it waits for.
    pub fn wants_slot(&self) -> Option<&str> {
        self.admission.wants.as_deref()
    }

    /// It was woken, with this slot.
    pub fn woken_with(&mut self, slot: Option<String>) {
        self.admission.slot = slot;
    }
}
