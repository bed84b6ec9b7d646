//! What is in force: the compiled versions, found by the events that they look at.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::domain::event::{CustomerKey, Event, Operation, Row};
use crate::domain::ids::WorkflowId;
use crate::workflow::index::Index;
use crate::workflow::mails::Mails;
use crate::workflow::plan::Plan;
use crate::workflow::subjects::{FAILURE, Subject};

/// A version, compiled, and when it is in force.
pub struct InForce {
    /// Of which workflow.
    pub workflow: WorkflowId,
    /// Its number.
    pub version: i32,
    /// What it does.
    pub plan: Arc<Plan>,
    /// From when on …
    pub from: DateTime<Utc>,
    /// … and until when, if it has been replaced.
    pub to: Option<DateTime<Utc>>,
}

impl InForce {
    fn is_at(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }

    /// Whether the event starts it unless its filter objects.
    pub fn would_start(&self, event: &Event) -> bool {
        let trigger = self.plan.trigger_settings();
        // Events that are for one workflow say so.
        let addressed_elsewhere = trigger.is_some_and(|trigger| trigger.is_addressed())
            && event.row.get("workflow_id").and_then(Value::as_str).and_then(|id| id.parse().ok())
                != Some(self.workflow.0);
        !addressed_elsewhere && self.plan.would_start(event)
    }
}

/// All versions in force, by what starts them.
#[derive(Default)]
pub struct Table {
    /// Changes whenever another is in force.
    pub epoch: i64,
    /// The stored mails of that epoch.
    pub mails: Arc<Mails>,
    by_source: HashMap<(String, Operation), Vec<Listeners>>,
}

/// Versions that look at the same rows under the same name.
struct Listeners {
    subject: &'static Subject,
    all: Vec<Arc<InForce>>,
    index: Index,
}

impl Table {
    /// Of all versions in force.
    pub fn new(epoch: i64, mails: Arc<Mails>, all: impl Iterator<Item = Arc<InForce>>) -> Self {
        let mut by_source: HashMap<(String, Operation), Vec<Listeners>> = HashMap::new();
        for in_force in all {
            let sources = in_force.plan.sources().iter();
            for (source, operation) in sources.flat_map(|of| of.operations.iter().map(move |on| (of, *on))) {
                let here = by_source.entry((source.table.clone().into_owned(), operation)).or_default();
                match here.iter_mut().find(|listeners| listeners.subject == source.subject) {
                    Some(listeners) => listeners.all.push(in_force.clone()),
                    None => {
                        let (subject, all) = (source.subject, vec![in_force.clone()]);
                        here.push(Listeners { subject, all, index: Index::default() });
                    }
                }
            }
        }
        for Listeners { subject, all, index } in by_source.values_mut().flatten() {
            let anchors = all.iter().map(|of| of.plan.anchors(subject.name, of.workflow));
            *index = Index::new(&anchors.collect::<Vec<_>>(), subject.name);
        }
        Self { epoch, mails, by_source }
    }

    /// The plans that `event` starts unless their filter objects: in force at `at`, its own time if it is no replay, and their
    /// trigger agrees. Some that only the customer decides about are missing: [`Self::started_with`].
    pub fn started_by(&self, event: &Event, at: DateTime<Utc>) -> Vec<Arc<InForce>> {
        self.of(event, at, InForce::would_start, |of| of.index.of_event(&event.row, &event.old))
    }

    /// How the customer is found whom [`Self::started_with`] is to know.
    pub fn customers_of(&self, event: &Event) -> impl Iterator<Item = CustomerKey> {
        let asking = self.listeners(event).iter().filter(|of| of.index.asks_for_customer());
        asking.filter_map(|of| of.subject.customer_of(&event.row))
    }

    /// Beside those of [`Self::started_by`], those that may be started with the customer: the row, or why it can't be read.
    pub fn started_with<'c>(
        &self,
        event: &Event,
        at: DateTime<Utc>,
        customer: impl Fn(&CustomerKey) -> Option<&'c Result<Arc<Row>, String>>,
    ) -> Vec<Arc<InForce>> {
        self.of(event, at, InForce::would_start, |of| {
            if !of.index.asks_for_customer() {
                return Vec::new();
            }
            match of.subject.customer_of(&event.row).and_then(|key| customer(&key)) {
                Some(Ok(row)) => of.index.of_customer(Some(row)),
                None => of.index.of_customer(None),
                // Nobody can say.
                Some(Err(_)) => of.index.of_any_customer(),
            }
        })
    }

    /// The plans in force at `at` that `event` starts unless their filter objects, whoever its customer is.
    pub fn perhaps_started_by(&self, event: &Event, at: DateTime<Utc>) -> Vec<Arc<InForce>> {
        let mut all = self.started_by(event, at);
        let others = self.of(event, at, InForce::would_start, |of| of.index.of_any_customer());
        all.extend(
            others
                .into_iter()
                .filter(|other| !all.iter().any(|one| Arc::ptr_eq(one, other)))
                .collect::<Vec<_>>(),
        );
        all
    }

    /// The plans in force at `at` that look at such events, whether they would start or not.
    pub fn listening_to(&self, event: &Event, at: DateTime<Utc>) -> Vec<Arc<InForce>> {
        self.of(event, at, |_, _| true, |of| (0..of.all.len()).collect())
    }

    /// Whether a workflow in force begins with the failures of others.
    pub fn begin_with_failures(&self) -> bool {
        self.by_source.contains_key(&(FAILURE.table.to_owned(), Operation::Insert))
    }

    /// The version of a workflow that is in force now.
    pub fn in_force(&self, workflow: WorkflowId) -> Option<Arc<InForce>> {
        let mut all = self.by_source.values().flatten().flat_map(|of| &of.all);
        all.find(|in_force| in_force.workflow == workflow && in_force.to.is_none()).cloned()
    }

    fn listeners(&self, event: &Event) -> &[Listeners] {
        self.by_source.get(&(event.table.clone(), event.operation)).map_or(&[], Vec::as_slice)
    }

    fn of(
        &self,
        event: &Event,
        at: DateTime<Utc>,
        agrees: impl Fn(&InForce, &Event) -> bool,
        found: impl Fn(&Listeners) -> Vec<usize>,
    ) -> Vec<Arc<InForce>> {
        let each =
            self.listeners(event).iter().flat_map(|of| found(of).into_iter().filter_map(|at| of.all.get(at)));
        each.filter(|of| of.is_at(at) && agrees(of, event)).cloned().collect()
    }
}
