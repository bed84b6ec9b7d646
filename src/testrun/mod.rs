//! The dry run: the engine's own way through one event, in a transaction that is always rolled back.

pub mod undo;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use crate::domain::effect::Outgoing;
use crate::domain::event::Event;
use crate::domain::execution::{Change, Status, Step};
use crate::domain::ids::{ExecutionId, NodeId, WorkflowId};
use crate::engine::advance::Run;
use crate::engine::apply::{Deliveries, Fault, Manner, Running, in_waves};
use crate::store::OF_A_BATCH;
use crate::store::executions::{Identity, load_customers};
use crate::store::mails::stored;
use crate::store::session::{Session, StoreError};
use crate::store::staging::{StagingError, customer_id, insert_if_missing};
use crate::workflow::event_file::Given;
use crate::workflow::mails::Mails;
use crate::workflow::plan::Plan;
use crate::workflow::subjects::is_stored;

/// What a test run answers.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How it would end.
    pub outcome: Outcome,
    /// Each node's turn.
    pub steps: Vec<Step>,
    /// Rows that would change.
    pub changes: Vec<Change>,
    /// Mails and requests that would be sent, whole but for secrets.
    pub deliveries: Vec<Outgoing>,
    /// Waits that were passed by, each with the instant at which it would end.
    pub timers: Vec<Timer>,
    /// What the reader should know.
    pub warnings: Vec<String>,
}

/// How an execution would end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every node that was to run is done.
    Succeeded,
    /// A node gave up.
    Failed,
    /// It would rest.
    Waiting,
    /// The trigger does not start for this event.
    Filtered,
}

/// A wait that was passed by.
#[derive(Debug, Serialize)]
pub struct Timer {
    /// Who rested.
    pub node: NodeId,
    /// For which item of each loop around it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub item: Vec<u32>,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// Why a test run gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum TestRunError {
    /// The event's rows can't be laid into the database.
    #[error(transparent)]
    Staging(#[from] StagingError),
    /// The database.
    #[error("the test run could not be done: {}", .0.reason())]
    Store(#[from] StoreError),
    /// The engine gave up.
    #[error("the test run could not be done")]
    Fault(#[from] Fault),
}

/// Runs `plan` on `event`. The clock is the event's. Nothing stays: the rows of the event that are missing
/// are laid in, the effects are applied, and all of it is rolled back; deliveries are rendered, not made.
///
/// # Errors
/// [`TestRunError`]; nothing stays then either.
pub async fn test_run(
    session: &Session,
    plan: Arc<Plan>,
    event: Event,
    given: Vec<Given>,
) -> Result<Report, TestRunError> {
    if !plan.matches(&event) {
        return Ok(Report {
            outcome: Outcome::Filtered,
            steps: Vec::new(),
            changes: Vec::new(),
            deliveries: Vec::new(),
            timers: Vec::new(),
            warnings: Vec::new(),
        });
    }
    // Ahead, as in a batch: so the first error is the one that counts.
    session.prepare_all(OF_A_BATCH).await?;
    session
        .transaction("begin; set local lock_timeout = '100ms'; set local statement_timeout = '10s'")
        .await?;
    let report = in_transaction(session, plan, event, given).await;
    let undone = session.transaction("rollback").await;
    let report = report?;
    undone?;
    Ok(report)
}

/// Lays the event's rows in, and those given beside it, as far as they are missing; and finds the customer.
async fn lay_in(
    session: &Session,
    plan: &Plan,
    event: &mut Event,
    mut given: Vec<Given>,
) -> Result<(), TestRunError> {
    if let Some(customer) = &mut event.customer {
        insert_if_missing(session.client(), "customers", customer).await?;
        // The shop may know them already, by another id.
        if let Some(id) = customer_id(session.client(), customer).await? {
            let named = customer.get("id").cloned();
            Arc::make_mut(customer).insert("id".into(), json!(id));
            Arc::make_mut(&mut event.row).entry("customer_id").and_modify(|of| *of = json!(id));
            let theirs = given.iter_mut().filter_map(|given| given.row.get_mut("customer_id"));
            theirs.filter(|of| Some(&**of) == named.as_ref()).for_each(|of| *of = json!(id));
        }
    }
    for Given { table, row } in &given {
        insert_if_missing(session.client(), table, row).await?;
    }
    if is_stored(&event.table) {
        insert_if_missing(session.client(), &event.table, &event.row).await?;
    }
    if event.customer.is_none()
        && let Some(key) = plan.customer_of(event)
    {
        let found = load_customers(session, vec![key]).await?;
        event.customer = found.into_values().next().and_then(Result::ok);
    }
    Ok(())
}

async fn in_transaction(
    session: &Session,
    plan: Arc<Plan>,
    mut event: Event,
    given: Vec<Given>,
) -> Result<Report, TestRunError> {
    lay_in(session, &plan, &mut event, given).await?;
    // From here on it may do what the engine may, and no more.
    session.transaction("set local role thendo_engine").await?;
    let workflow = WorkflowId(uuid::Uuid::nil());
    let id = ExecutionId::derive(event.id, event.at, workflow, 0);
    let identity = Identity {
        id,
        root: id,
        attempt: 1,
        event: event.id,
        event_at: event.at,
        workflow,
        version: 0,
        lane: 0,
        started_at: event.at,
    };
    // What starts later than its event is passed by to as well.
    let later =
        plan.trigger_settings().and_then(|trigger| trigger.starts_at(&event)).filter(|at| *at > event.at);
    let (mut now, mut timers) = (later.unwrap_or(event.at), Vec::new());
    timers.extend(later.map(|until| Timer { node: plan.trigger_id(), item: Vec::new(), until }));
    let run = Run::start(identity.id, &plan, &event, now);
    let mut running = [Running { identity, plan: plan.clone(), run }];
    let mails = Arc::new(Mails::load(stored(session).await?, &Mails::default()));
    let mut deliveries = Deliveries::Render(Vec::new());
    loop {
        in_waves(session, &mut running, &mails, now, Manner::OneByOne, &mut deliveries).await?;
        let [Running { run, .. }] = &mut running;
        // Nobody waits here: the clock goes to the next instant at which the execution goes on by itself.
        let Some(due) = run.rests().due.filter(|_| run.status == Status::Waiting) else { break };
        let ended = run.timers().into_iter().filter(|(_, until)| *until <= due);
        timers.extend(ended.map(|(spot, until)| Timer { node: spot.node, item: spot.item, until }));
        now = now.max(due);
        run.refresh();
    }
    let [Running { run, .. }] = running;
    let deliveries = match deliveries {
        Deliveries::Render(rendered) => rendered,
        Deliveries::HandOver => Vec::new(),
    };
    Ok(Report {
        outcome: match run.status {
            Status::Succeeded => Outcome::Succeeded,
            Status::Running | Status::Waiting => Outcome::Waiting,
            Status::Failed | Status::Cancelled => Outcome::Failed,
        },
        changes: run.steps().iter().flat_map(|step| step.changes.iter().cloned()).collect(),
        steps: run.steps().to_vec(),
        deliveries,
        timers,
        warnings: plan.flow().map(|flow| flow.notes(event.at)).unwrap_or_default(),
    })
}
