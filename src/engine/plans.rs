//! The plans in force, by what starts them, and those that resting executions are pinned to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::domain::event::{Event, Operation};
use crate::domain::ids::WorkflowId;
use crate::store::cursors::Cursors;
use crate::store::queue::oldest_due;
use crate::store::session::{Session, StoreError};
use crate::store::workflows::{Version, definition_of, versions_in_force};
use crate::workflow::catalogue::Catalogue;
use crate::workflow::compile::compile;
use crate::workflow::plan::Plan;
use crate::workflow::subjects::FAILURE;

/// Plans kept, whether in force or not.
const MOST_COMPILED: usize = 4096;

/// A version, compiled, and when it is in force.
pub struct InForce {
    /// Of which workflow.
    pub workflow: WorkflowId,
    /// Its number.
    pub version: i32,
    /// What it does.
    pub plan: Arc<Plan>,
    from: DateTime<Utc>,
    to: Option<DateTime<Utc>>,
}

#[derive(Default)]
struct Table {
    epoch: i64,
    starts: HashMap<(String, Operation), Vec<Arc<InForce>>>,
}

/// By workflow and number; `None` for a version that does not compile in this release.
type Compiled = HashMap<(WorkflowId, i32), Option<Arc<Plan>>>;

/// All plans that this daemon knows.
pub struct Plans {
    catalogue: Catalogue,
    table: ArcSwap<Table>,
    // A plan is compiled once, however many executions are pinned to it. Versions never change.
    compiled: Mutex<Compiled>,
}

impl Plans {
    /// Knows nothing yet: the first [`Plans::refresh`] loads what is in force.
    pub fn new(catalogue: Catalogue) -> Self {
        Self { catalogue, table: ArcSwap::default(), compiled: Mutex::default() }
    }

    /// The compiler's catalogue.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Loads what is in force, if `epoch` says that it changed. `oldest` is the oldest event at hand.
    ///
    /// # Errors
    /// [`StoreError`]; the old plans stay.
    pub async fn refresh(
        &self,
        session: &Session,
        epoch: i64,
        oldest: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if self.table.load().epoch == epoch {
            return Ok(());
        }
        // Events older than a version's end may still be queued, or be committed late.
        let since = oldest_due(session, &Cursors::from_lane(0).bounds())
            .await?
            .map_or(oldest, |queued| queued.min(oldest));
        let versions = versions_in_force(session, since - chrono::TimeDelta::days(1)).await?;
        let mut table = Table { epoch, ..Table::default() };
        for version in versions {
            let Some(plan) = self.plan_of(&version) else { continue };
            let sources: Vec<(String, Operation)> = plan
                .sources()
                .iter()
                .flat_map(|of| {
                    of.operations.iter().map(|operation| (of.table.clone().into_owned(), *operation))
                })
                .collect();
            let in_force = Arc::new(InForce {
                workflow: version.workflow,
                version: version.number,
                plan,
                from: version.active_from,
                to: version.active_to,
            });
            for source in sources {
                table.starts.entry(source).or_default().push(in_force.clone());
            }
        }
        tracing::debug!(epoch, "plans loaded");
        self.table.store(Arc::new(table));
        Ok(())
    }

    /// The plans that `event` starts unless their filter objects: in force at its own time, and their trigger agrees.
    pub fn started_by(&self, event: &Event) -> Vec<Arc<InForce>> {
        self.in_force_for(event, |in_force| {
            let plan = &in_force.plan;
            let trigger = plan.trigger_settings();
            // Events that are for one workflow say so.
            let addressed_elsewhere = trigger.is_some_and(|trigger| trigger.is_addressed())
                && event.row.get("workflow_id").and_then(Value::as_str).and_then(|id| id.parse().ok())
                    != Some(in_force.workflow.0);
            !addressed_elsewhere && plan.would_start(event)
        })
    }

    /// Whether a workflow in force begins with the failures of others.
    pub fn begin_with_failures(&self) -> bool {
        self.table.load().starts.contains_key(&(FAILURE.table.to_owned(), Operation::Insert))
    }

    /// The version of a workflow that is in force now.
    pub fn in_force(&self, workflow: WorkflowId) -> Option<Arc<InForce>> {
        let table = self.table.load();
        let mut all = table.starts.values().flatten();
        all.find(|in_force| in_force.workflow == workflow && in_force.to.is_none()).cloned()
    }

    /// The plans in force at `event`'s time that look at such events, whether they would start or not.
    pub fn listening_to(&self, event: &Event) -> Vec<Arc<InForce>> {
        self.in_force_for(event, |_| true)
    }

    fn in_force_for(&self, event: &Event, also: impl Fn(&InForce) -> bool) -> Vec<Arc<InForce>> {
        let table = self.table.load();
        let Some(candidates) = table.starts.get(&(event.table.clone(), event.operation)) else {
            return Vec::new();
        };
        candidates
            .iter()
            .filter(|c| c.from <= event.at && c.to.is_none_or(|to| event.at < to) && also(c))
            .cloned()
            .collect()
    }

    /// The plan of a version that an execution is pinned to. `None` if it is gone or compiles no more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pinned(
        &self,
        session: &Session,
        workflow: WorkflowId,
        number: i32,
    ) -> Result<Option<Arc<Plan>>, StoreError> {
        if let Some(known) = self.known(workflow, number) {
            return Ok(known);
        }
        let Some(definition) = definition_of(session, workflow, number).await? else { return Ok(None) };
        Ok(self.compile_once(workflow, number, &definition))
    }

    fn plan_of(&self, version: &Version) -> Option<Arc<Plan>> {
        self.known(version.workflow, version.number).unwrap_or_else(|| {
            let unread = Value::Null;
            let definition = version.definition.as_ref().unwrap_or(&unread);
            self.compile_once(version.workflow, version.number, definition)
        })
    }

    fn known(&self, workflow: WorkflowId, number: i32) -> Option<Option<Arc<Plan>>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(&(workflow, number)).cloned()
    }

    fn compile_once(&self, workflow: WorkflowId, number: i32, definition: &Value) -> Option<Arc<Plan>> {
        let plan = compile(definition, &self.catalogue).plan.map(Arc::new);
        if plan.is_none() {
            // It compiled when it was published: this daemon is older or newer than the one that did.
            tracing::error!(%workflow, version = number, "a published version does not compile in this release");
        }
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        // Edits add versions for as long as the daemon lives; what is forgotten is compiled again when asked for.
        if compiled.len() >= MOST_COMPILED {
            compiled.clear();
        }
        compiled.insert((workflow, number), plan.clone());
        plan
    }
}
