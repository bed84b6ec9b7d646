//! Flow control: which executions of a batch begin, which later, and which not at all. Between match and advance.
//!
//! What the rules keep is locked in one order, the decisions are made in the order of events, and all is written at
//! once; workflows without such rules cost nothing. Who is put off rests as any other, and is asked again when woken.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::advance::Stage;
use super::apply::Running;
use super::resume::Moving;
use crate::domain::execution::Status;
use crate::domain::ids::{ExecutionId, WorkflowId};
use crate::store::flow::{Kept as Row, Occupant, Place, keep_flow, lock_flow};
use crate::store::session::{Session, StoreError};
use crate::workflow::flow::decide::{Kept, Quiet};
use crate::workflow::flow::{Flow, Per, Rule};

/// Events of one statement begin with the same letters (`record_event()`).
const OF_STATEMENT: usize = 24;
/// How long the limit of a key of concurrency is remembered after its last use.
const REMEMBERED: TimeDelta = TimeDelta::days(1);

/// A workflow of which too many executions started at once. Those beyond the bound rest, and are to be let go, or not, by
/// whoever releases the workflow: [`super::advance::Run::is_guarded`] tells which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub workflow: WorkflowId,
    /// Which bound it is beyond, in words.
    pub reason: String,
}

/// Decides about those running that have not begun: they begin, are put off, or are taken out. Gives the workflows that are
/// to be held.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn admit(
    session: &Session,
    moving: &mut Moving,
    now: DateTime<Utc>,
) -> Result<Vec<Held>, StoreError> {
    let Moving { running, resting, .. } = moving;
    let mut order: Vec<usize> = (0..running.len()).filter(|n| is_asked(&running[*n], now)).collect();
    // In the database all of them are out of their rest at this moment, and are counted by nobody else.
    let in_hand = || running.iter().chain(resting.iter().map(|(of, _)| of));
    if order.is_empty() && !in_hand().any(|of| of.run.slot().is_some()) {
        return Ok(Vec::new());
    }
    order.sort_by_key(|n| {
        (running[*n].run.counts_at(), running[*n].identity.event_at, running[*n].identity.event)
    });
    let mut desk = Desk { now, ..Desk::default() };
    for &n in &order {
        desk.wants(&running[n]);
    }
    // Who goes on with a slot may give it back: in the same order as whoever asks for one.
    for of in in_hand() {
        if let Some(slot) = of.run.slot() {
            desk.notes(of.identity.workflow, Rule::Concurrency, slot.to_owned());
            *desk.slots.entry((of.identity.workflow, slot.to_owned())).or_default() += 1;
        }
    }
    desk.load(session).await?;
    for n in order {
        desk.decide(&mut running[n]);
    }
    running.retain(|of| !desk.out.contains(&of.identity.id));
    desk.store(session).await?;
    Ok(desk.held)
}

/// Which slots those have, or wait for, that are laid to rest.
pub(super) fn places<'a>(all: impl Iterator<Item = &'a Running>) -> Vec<Occupant> {
    let resting = all.filter(|of| matches!(of.run.status, Status::Waiting | Status::Running));
    let places = resting.map(|Running { identity, run, .. }| {
        (identity.id, run.slot().map(str::to_owned), run.wants_slot().map(str::to_owned))
    });
    places.filter(|(_, slot, wanted)| slot.is_some() || wanted.is_some()).collect()
}

fn is_asked(Running { plan, run, .. }: &Running, now: DateTime<Utc>) -> bool {
    plan.flow().is_some() && run.stage() != Stage::Admitted && !run.begins_after(now)
}

/// What is known while a batch is decided about.
#[derive(Default)]
struct Desk {
    now: DateTime<Utc>,
    /// In the order in which they are locked: what is kept, and whether it changed.
    kept: BTreeMap<Place, (Kept, bool)>,
    /// Slots that are taken: by those that rest, and by those of this batch.
    slots: HashMap<(WorkflowId, String), i64>,
    /// Taken out: as if they had never been.
    out: HashSet<ExecutionId>,
    /// Those of them that may rest in the database.
    replaced: Vec<ExecutionId>,
    held: Vec<Held>,
}

/// What one execution counts by.
fn place(of: &Running, rule: Rule, per: &Per) -> Place {
    (of.identity.workflow, rule.as_str(), per.key(of.run.context()))
}

impl Desk {
    fn notes(&mut self, workflow: WorkflowId, rule: Rule, key: String) {
        self.kept.entry((workflow, rule.as_str(), key)).or_default();
    }

    /// Notes what must be known to decide about it.
    fn wants(&mut self, of: &Running) {
        let Some(flow) = of.plan.flow() else { return };
        let stage = of.run.stage();
        if matches!(stage, Stage::Fresh | Stage::Quiet) {
            let once = flow.once.as_ref().map(|rule| place(of, Rule::Once, &rule.per));
            let debounce = flow.debounce.as_ref().map(|rule| place(of, Rule::Debounce, &rule.per));
            let guard = flow.bulk_guard.as_ref().map(|_| place(of, Rule::Guard, &Per::Workflow));
            for place in [once, debounce, guard].into_iter().flatten() {
                self.kept.entry(place).or_default();
            }
        }
        if stage != Stage::Queued
            && stage != Stage::Spread
            && let Some(rate) = &flow.rate
        {
            self.kept.entry(place(of, Rule::Rate, &rate.per)).or_default();
        }
        if let Some(concurrency) = &flow.concurrency {
            let place = place(of, Rule::Concurrency, &concurrency.per);
            self.slots.entry((place.0, place.2.clone())).or_default();
            self.kept.entry(place).or_default();
        }
    }

    async fn load(&mut self, session: &Session) -> Result<(), StoreError> {
        let places: Vec<Place> = self.kept.keys().cloned().collect();
        let slots: Vec<(WorkflowId, String)> = self.slots.keys().cloned().collect();
        let (kept, taken) = lock_flow(session, &places, &slots).await?;
        for (place, row) in places.into_iter().zip(kept) {
            self.kept.insert(place, (from_row(row), false));
        }
        for (slot, taken) in slots.into_iter().zip(taken) {
            *self.slots.entry(slot).or_default() += taken;
        }
        Ok(())
    }

    async fn store(&self, session: &Session) -> Result<(), StoreError> {
        let changed = self.kept.iter().filter(|(_, (_, changed))| *changed);
        let rows: Vec<(&Place, Row)> = changed.map(|(place, (kept, _))| (place, to_row(kept))).collect();
        let rows: Vec<(&Place, &Row)> = rows.iter().map(|(place, row)| (*place, row)).collect();
        keep_flow(session, &rows, &self.replaced).await
    }

    /// What is kept at a place, to be decided with; `decide` tells whether it changed it.
    fn at<T>(&mut self, place: Place, decide: impl FnOnce(&mut Kept) -> T) -> T {
        let (kept, changed) = self.kept.entry(place).or_default();
        let before = kept.clone();
        let decided = decide(kept);
        *changed |= before != *kept;
        decided
    }

    fn decide(&mut self, of: &mut Running) {
        let plan = of.plan.clone();
        // A later event of this batch has taken its place.
        let Some(flow) = plan.flow().filter(|_| !self.out.contains(&of.identity.id)) else { return };
        let stage = of.run.stage();
        let at = match stage {
            Stage::Guarded => self.now,
            _ => of.run.counts_at(),
        };
        if matches!(stage, Stage::Fresh | Stage::Quiet) {
            if stage == Stage::Fresh && flow.debounce.is_some() {
                return self.waits_for_quiet(flow, of, at);
            }
            if !self.counts(flow, of, at) {
                self.out.insert(of.identity.id);
                return;
            }
            if self.is_beyond(flow, of, at) {
                return of.run.guard();
            }
        }
        let spread = matches!(stage, Stage::Fresh | Stage::Quiet | Stage::Guarded);
        if let (Some(rate), true) = (&flow.rate, spread) {
            let place = place(of, Rule::Rate, &rate.per);
            let start = self.at(place, |kept| rate.starts_at(kept, at));
            if start > self.now {
                return of.run.rest_until(Stage::Spread, start, start);
            }
        }
        self.takes_slot(flow, of);
    }

    /// It rests until nothing more happens, unless it would not start then.
    fn waits_for_quiet(&mut self, flow: &Flow, of: &mut Running, at: DateTime<Utc>) {
        let Some(debounce) = &flow.debounce else { return };
        let id = of.identity.id;
        if let Some(once) = &flow.once {
            let place = place(of, Rule::Once, &once.per);
            if !self.at(place, |kept| once.allows(kept, at)) {
                self.out.insert(id);
                return;
            }
        }
        let place = place(of, Rule::Debounce, &debounce.per);
        match self.at(place, |kept| debounce.comes(kept, at, id.0)) {
            Quiet::Until(due, other) => {
                // Noticed late, later events may be queued still: they are looked at first.
                let until = due.max(self.now + TimeDelta::milliseconds(1));
                of.run.rest_until(Stage::Quiet, until, due);
                if let Some(other) = other.map(ExecutionId) {
                    self.out.insert(other);
                    self.replaced.push(other);
                }
            }
            Quiet::Older => {
                self.out.insert(id);
            }
        }
    }

    /// Whether it starts at all.
    fn counts(&mut self, flow: &Flow, of: &Running, at: DateTime<Utc>) -> bool {
        if let (Some(debounce), Stage::Quiet) = (&flow.debounce, of.run.stage()) {
            let place = place(of, Rule::Debounce, &debounce.per);
            if !self.at(place, |kept| debounce.is_over(kept, at, of.identity.id.0)) {
                return false;
            }
        }
        let Some(once) = &flow.once else { return true };
        let place = place(of, Rule::Once, &once.per);
        self.at(place, |kept| once.starts(kept, at))
    }

    fn is_beyond(&mut self, flow: &Flow, of: &Running, at: DateTime<Utc>) -> bool {
        let Some(guard) = &flow.bulk_guard else { return false };
        let event = of.identity.event.to_string();
        let statement = event.get(..OF_STATEMENT).unwrap_or(&event);
        let place = place(of, Rule::Guard, &Per::Workflow);
        let Some(reason) = self.at(place, |kept| guard.counts(kept, at, statement)) else { return false };
        let workflow = of.identity.workflow;
        if !self.held.iter().any(|held| held.workflow == workflow) {
            self.held.push(Held { workflow, reason });
        }
        true
    }

    fn takes_slot(&mut self, flow: &Flow, of: &mut Running) {
        let Some(concurrency) = &flow.concurrency else { return of.run.admit(None) };
        if let Some(slot) = of.run.slot().map(str::to_owned) {
            return of.run.admit(Some(slot)); // It was handed to it.
        }
        let place = place(of, Rule::Concurrency, &concurrency.per);
        let (workflow, key) = (place.0, place.2.clone());
        let until = self.now + REMEMBERED;
        self.at(place, |kept| {
            kept.counted = i32::try_from(concurrency.limit).unwrap_or(i32::MAX);
            kept.until = Some(until);
        });
        let taken = self.slots.entry((workflow, key.clone())).or_default();
        if *taken < i64::from(concurrency.limit) {
            *taken += 1;
            of.run.admit(Some(key));
        } else {
            of.run.queue_for(key);
        }
    }
}

fn from_row(row: Row) -> Kept {
    Kept {
        at: row.at,
        until: row.until,
        holder: row.execution,
        counted: row.counted,
        statement: row.statement,
        of_statement: row.of_statement,
    }
}

fn to_row(kept: &Kept) -> Row {
    Row {
        at: kept.at,
        until: kept.until,
        execution: kept.holder,
        counted: kept.counted,
        statement: kept.statement.clone(),
        of_statement: kept.of_statement,
    }
}
