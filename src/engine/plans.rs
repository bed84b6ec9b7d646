//! The plans in force, and those that resting executions are pinned to; with them, the stored mails.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::blocking::blocking;
use super::in_force::{InForce, Table};
use crate::domain::ids::WorkflowId;
use crate::store::cursors::Cursors;
use crate::store::mails::stored;
use crate::store::queue::oldest_due;
use crate::store::session::{Session, StoreError};
use crate::store::workflows::{Version, definition_of, plan_epoch, versions_in_force};
use crate::workflow::catalogue::Catalogue;
use crate::workflow::compile::{self, compile};
use crate::workflow::mails::Mails;
use crate::workflow::plan::Plan;

/// Plans kept, whether in force or not.
const MOST_COMPILED: usize = 4096;

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

    /// What the compiler says of `definition`.
    pub async fn compile(&self, definition: Arc<Value>) -> compile::Compiled {
        let catalogue = self.catalogue;
        blocking(move || compile(&definition, &catalogue)).await
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
        if self.table.load().epoch != epoch {
            self.table.store(self.read(session, epoch, oldest).await?);
        }
        Ok(())
    }

    /// Loads what is in force ahead of the first event that asks for it: to compile takes its time.
    ///
    /// # Errors
    /// [`StoreError`]; the old plans stay.
    pub async fn load(&self, session: &Session) -> Result<(), StoreError> {
        let known = self.table.load_full();
        // First the epoch: what is put in force after this look has a later one.
        let (epoch, now) = plan_epoch(session).await?;
        if known.epoch != epoch {
            let table = self.read(session, epoch, now).await?;
            // A batch that was quicker knows better.
            self.table.compare_and_swap(&known, table);
        }
        Ok(())
    }

    async fn read(
        &self,
        session: &Session,
        epoch: i64,
        oldest: DateTime<Utc>,
    ) -> Result<Arc<Table>, StoreError> {
        // Events older than a version's end may still be queued, or be committed late.
        let since = oldest_due(session, &Cursors::from_lane(0).bounds())
            .await?
            .map_or(oldest, |queued| queued.min(oldest));
        let versions = versions_in_force(session, since - chrono::TimeDelta::days(1)).await?;
        let mut in_force = Vec::with_capacity(versions.len());
        for version in versions {
            let Version { workflow, number, definition, active_from: from, active_to: to } = version;
            let plan = match self.known(workflow, number) {
                Some(known) => known,
                None => self.compile_once(workflow, number, definition.unwrap_or(Value::Null)).await,
            };
            in_force.extend(plan.map(|plan| Arc::new(InForce { workflow, version: number, plan, from, to })));
        }
        let (rows, known) = (stored(session).await?, self.table());
        let table = blocking(move || {
            let mails = Arc::new(Mails::load(rows, &known.mails));
            Arc::new(Table::new(epoch, mails, in_force.into_iter()))
        });
        let table = table.await;
        tracing::debug!(epoch, "plans loaded");
        Ok(table)
    }

    /// What is in force.
    pub fn table(&self) -> Arc<Table> {
        self.table.load_full()
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
        Ok(self.compile_once(workflow, number, definition).await)
    }

    fn known(&self, workflow: WorkflowId, number: i32) -> Option<Option<Arc<Plan>>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(&(workflow, number)).cloned()
    }

    async fn compile_once(&self, workflow: WorkflowId, number: i32, definition: Value) -> Option<Arc<Plan>> {
        let plan = self.compile(Arc::new(definition)).await.plan.map(Arc::new);
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
