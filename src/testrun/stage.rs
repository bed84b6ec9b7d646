//! Where workflows are tried: a connection whose transactions are rolled back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::assumed::{Assumed, Role};
use super::lay_in::lay_in;
use super::report::{Delivery, Outcome, Report, Timer, WouldStart};
use super::{LONGEST, TestRun, TestRunError};
use crate::database::connect;
use crate::domain::effect::Outgoing;
use crate::domain::event::Event;
use crate::domain::execution::{Mode, Status};
use crate::domain::ids::{EffectId, ExecutionId, NodeId, WorkflowId};
use crate::engine::advance::Run;
use crate::engine::apply::{Deliveries, Kept, Manner, Rendering, Running, in_waves};
use crate::engine::plans::Plans;
use crate::engine::would_start;
use crate::mail::compose::Composer;
use crate::store::OF_A_BATCH;
use crate::store::constraints;
use crate::store::executions::{Ended, Identity, load_customers, record};
use crate::store::mails::stored;
use crate::store::rights::{Rights, account_of};
use crate::store::session::{ErrorClass, Session, StoreError};
use crate::store::testing::{an_admin, clock, names_of, written_events};
use crate::workflow::catalogue::Catalogue;
use crate::workflow::mails::Mails;
use crate::workflow::plan::Plan;

/// Whoever has a row in hand is waited for so often.
const TRIES: u32 = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
/// The last of them for who is stopped or cut off in the middle.
const BEGIN: &str = "begin; set local lock_timeout = '100ms'; set local statement_timeout = '1s';
    set local idle_in_transaction_session_timeout = '500ms'";

/// A database that workflows are tried on.
pub struct Stage {
    url: SecretString,
    pub(super) session: Session,
    plans: Plans,
    composer: Option<Arc<Composer>>,
}

impl Stage {
    /// A connection of its own; what is in force there is loaded. With a composer mails get their headers.
    ///
    /// # Errors
    /// [`TestRunError::Connect`], [`TestRunError::Store`].
    pub async fn open(
        url: SecretString,
        catalogue: Catalogue,
        composer: Option<Arc<Composer>>,
    ) -> Result<Self, TestRunError> {
        let session = Session::new(connect::connect_driven(&url, "test run").await?);
        Self::on(session, url, catalogue, composer).await
    }

    /// On a connection that is there; `url` is where statements on it are cancelled. Its user must be one that may lay in rows.
    ///
    /// # Errors
    /// [`TestRunError::Store`].
    pub async fn on(
        session: Session,
        url: SecretString,
        catalogue: Catalogue,
        composer: Option<Arc<Composer>>,
    ) -> Result<Self, TestRunError> {
        let plans = Plans::new(catalogue);
        plans.load(&session).await?;
        // Ahead, as in a batch: so the first error is the one that counts.
        session.prepare_all(OF_A_BATCH).await?;
        Ok(Self { url, session, plans, composer })
    }

    /// Runs it. Nothing stays: the rows of the event that are missing are laid in, the effects are applied, and all of it is
    /// rolled back; deliveries are rendered, not made.
    ///
    /// # Errors
    /// [`TestRunError`].
    pub async fn run(&self, test: &TestRun) -> Result<Report, TestRunError> {
        let faults = test.assumed.faults(&test.plan);
        if !faults.is_empty() {
            return Err(TestRunError::Assumed(faults));
        }
        if !test.plan.matches(&test.event) {
            return Ok(Report::filtered());
        }
        let mut tries = 0;
        loop {
            tries += 1;
            match self.once(test).await {
                Err(error) if error.may_pass() && tries < TRIES => sleep(BETWEEN_TRIES).await,
                answer => return answer,
            }
        }
    }

    async fn once(&self, test: &TestRun) -> Result<Report, TestRunError> {
        let session = &self.session;
        session.transaction(BEGIN).await?;
        let report = match timeout(LONGEST, self.in_transaction(test)).await {
            Ok(report) => report,
            Err(_) => {
                // Whether or not that is heard: the statement has its own limit, and what comes next is taken back.
                let _ = timeout(BETWEEN_TRIES, connect::cancel(&self.url, session.client())).await;
                Err(TestRunError::TooLong)
            }
        };
        let undone = session.transaction("rollback").await;
        let report = report?;
        undone?;
        Ok(report)
    }

    async fn in_transaction(&self, test: &TestRun) -> Result<Report, TestRunError> {
        let session = &self.session;
        let TestRun { plan, workflow, version, given, assumed, .. } = test;
        let mut event = test.event.clone();
        lay_in(session, plan, &mut event, given.clone()).await?;
        let mails = Arc::new(Mails::load(stored(session).await?, &Mails::default()));
        constraints::check_at_once(session).await?;
        let rights = match assumed.role {
            None => None,
            Some(role) => Some(rights_of(session, role, plan, &event).await?),
        };
        // From here on it may do what the engine may, and no more.
        session.transaction("set local role thendo_engine").await?;
        // Not that of a real one: what was done for that has not been done for this. What it decides by its own id is the same
        // each time, and what it writes is keyed by another one, or two test runs of one event would wait for each other.
        let id = ExecutionId::derive(event.id, event.at, *workflow, u32::MAX);
        let root = ExecutionId::derive(event.id, event.at, WorkflowId(Uuid::new_v4()), u32::MAX);
        let begins = assumed.at.unwrap_or(event.at);
        let identity = Identity {
            id,
            root,
            attempt: 1,
            event: event.id,
            event_at: event.at,
            workflow: *workflow,
            version: *version,
            lane: 0,
            started_at: begins,
        };
        // What starts later than its event is passed by to as well.
        let later =
            plan.trigger_settings().and_then(|trigger| trigger.starts_at(&event)).filter(|at| *at > begins);
        let mut timers: Vec<Timer> = later
            .map(|until| Timer { node: plan.trigger_id(), item: Vec::new(), until })
            .into_iter()
            .collect();
        let mut run = Run::start(id, plan, &event, later.unwrap_or(begins));
        run.id = root;
        run.assume(assumed.branches.clone());
        run.note_inputs();
        let mut running = [Running { identity, plan: plan.clone(), run }];
        let mut warnings = plan.flow().map(|flow| flow.notes(event.at)).unwrap_or_default();
        let outgoing = self
            .pass_by(
                &mut running,
                &mails,
                (assumed, rights),
                later.unwrap_or(begins),
                &mut timers,
                &mut warnings,
            )
            .await?;
        let starts = self.starts(id).await?;
        let [Running { run, .. }] = running;
        Ok(Report {
            outcome: run.status.into(),
            changes: run.steps().iter().flat_map(|step| step.changes.iter().cloned()).collect(),
            steps: run.steps().to_vec(),
            inputs: run.inputs().to_vec(),
            deliveries: outgoing.into_iter().map(|left| self.delivery(left)).collect(),
            timers,
            would_start: starts,
            warnings,
            execution: None,
        })
    }

    /// The execution to its end, whatever it rests for: the clock goes to the next instant at which it goes on by itself, or
    /// at which what it waits for is assumed to happen.
    async fn pass_by(
        &self,
        running: &mut [Running; 1],
        mails: &Arc<Mails>,
        (assumed, rights): (&Assumed, Option<Rights>),
        mut now: DateTime<Utc>,
        timers: &mut Vec<Timer>,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<(EffectId, NodeId, Outgoing)>, TestRunError> {
        let results = assumed.results.clone();
        let mut deliveries = Deliveries::Render(Rendering { results, rights, ..Rendering::default() });
        let (mut awaited, mut kept) = (assumed.awaited.clone(), Kept::default());
        awaited.sort_by_key(|(_, event)| std::cmp::Reverse(event.at));
        loop {
            // So that the time limit holds where nothing is asked of the database.
            tokio::task::yield_now().await;
            let manner = Manner::OneByOne;
            in_waves(&self.session, running, mails, now, manner, &mut deliveries, &mut kept).await?;
            let [Running { run, plan, .. }] = running;
            if run.status != Status::Waiting {
                break;
            }
            let rests = run.rests();
            let in_time =
                |(_, event): &&(NodeId, Event)| rests.due.is_none_or(|due| event.at.max(now) <= due);
            if !rests.events.is_empty()
                && let Some((node, event)) = awaited.last().filter(in_time).cloned()
            {
                awaited.pop();
                now = now.max(event.at);
                // What happened before somebody waited for it happens now.
                let event = Event { at: now, ..event };
                if !run.offer(plan, &event, now) {
                    warnings.push(format!("the event assumed for `{node}` is not what it waits for"));
                }
                continue;
            }
            let Some(due) = rests.due else { break };
            let ended = run.timers().into_iter().filter(|(_, until)| *until <= due);
            timers.extend(ended.map(|(spot, until)| Timer { node: spot.node, item: spot.item, until }));
            now = now.max(due);
            run.refresh();
        }
        warnings.extend(
            awaited.iter().map(|(node, _)| format!("the event assumed for `{node}` was not waited for")),
        );
        match deliveries {
            Deliveries::Render(Rendering { outgoing, untried, .. }) => {
                warnings.extend(untried.iter().map(|node| {
                    format!("`{node}` wrote no row that could be tried under other rights than the daemon's")
                }));
                Ok(outgoing)
            }
            Deliveries::HandOver => Ok(Vec::new()),
        }
    }

    /// What would start by what the execution wrote.
    async fn starts(&self, id: ExecutionId) -> Result<Vec<WouldStart>, TestRunError> {
        let events = written_events(&self.session, id).await?;
        let started = would_start(&self.session, &self.plans, &events).await?;
        let ids: Vec<WorkflowId> = started.iter().map(|(_, in_force)| in_force.workflow).collect();
        let names: BTreeMap<_, _> =
            names_of(&self.session, &ids).await?.into_iter().map(|(id, name)| (id.0, name)).collect();
        let told = started.into_iter().map(|(n, in_force)| WouldStart {
            workflow: names.get(&in_force.workflow.0).cloned().unwrap_or_default(),
            id: in_force.workflow,
            event: in_force.plan.trigger_kind().to_owned(),
            table: events[n].table.clone(),
        });
        Ok(told.collect())
    }

    fn delivery(&self, (id, node, what): (EffectId, NodeId, Outgoing)) -> Delivery {
        let letter = match (&self.composer, &what) {
            (Some(composer), Outgoing::Email(email)) => composer.compose(id, email.clone()).ok(),
            _ => None,
        };
        let headers = letter.map(|letter| headers_of(&letter.bytes)).unwrap_or_default();
        Delivery { node, what, headers }
    }

    /// Notes that it was tried, with the mode `test`; what it is noted as.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record(&self, test: &TestRun, report: &Report) -> Result<Option<ExecutionId>, StoreError> {
        let (status, error) = match report.outcome {
            Outcome::Filtered => return Ok(None),
            Outcome::Succeeded => (Status::Succeeded, None),
            Outcome::Failed => (Status::Failed, Some("see its steps".to_owned())),
            Outcome::Waiting => (Status::Cancelled, Some("it would rest".to_owned())),
        };
        let TestRun { event, workflow, version, .. } = test;
        // Each time it is tried is one, and it stands at the time at which it was tried: the event's may be any.
        let now = clock(&self.session).await?;
        let id = ExecutionId::derive(event.id, now, WorkflowId(Uuid::new_v4()), 0);
        let identity = Identity {
            id,
            root: id,
            attempt: 1,
            event: event.id,
            event_at: now,
            workflow: *workflow,
            version: *version,
            lane: 0,
            started_at: now,
        };
        let steps = &report.steps;
        record(&self.session, &[Ended { identity: &identity, mode: Mode::Test, status, steps, error }])
            .await?;
        Ok(Some(id))
    }
}

/// The headers of a message, each on one line.
fn headers_of(message: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(message);
    let head = text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ").replace("\r\n\t", " ");
    let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    head.split("\r\n").filter_map(pair).collect()
}

/// Whose rights and policies count.
async fn rights_of(
    session: &Session,
    role: Role,
    plan: &Plan,
    event: &Event,
) -> Result<Rights, TestRunError> {
    let (account, email) = match role {
        Role::Anon | Role::ServiceRole => (None, None),
        Role::Admin => {
            let admin = an_admin(session).await?.ok_or(TestRunError::Nobody(
                "nobody is an admin here: `select grant_admin(…)` makes somebody one",
            ))?;
            account_of(session, None, Some(admin)).await?
        }
        Role::Customer => {
            let mut customer = event.customer.clone();
            if let (None, Some(key)) = (&customer, plan.owner_of(event)) {
                customer =
                    load_customers(session, vec![key]).await?.into_values().next().and_then(Result::ok);
            }
            let id = customer.as_ref().and_then(|row| row.get("id")?.as_str()?.parse::<Uuid>().ok());
            let id = id.ok_or(TestRunError::Nobody("the event belongs to no customer"))?;
            let (account, email) = account_of(session, Some(id), None).await?;
            let none = "the event's customer has no account (`customers.user_id`)";
            (Some(account.ok_or(TestRunError::Nobody(none))?), email)
        }
    };
    let (who, role) = match role {
        Role::Anon => ("anon", "anon"),
        Role::Customer => ("customer", "authenticated"),
        Role::Admin => ("admin", "authenticated"),
        Role::ServiceRole => ("service_role", "service_role"),
    };
    let rights = Rights { who, role, account, email };
    // So that what keeps us from it is not taken for a verdict.
    session.transaction("savepoint effect").await?;
    match rights.take(session).await {
        Err(fault) if fault.class() == ErrorClass::Other => {
            return Err(TestRunError::NotAs(role, fault.reason()));
        }
        taken => taken?,
    }
    session.transaction("rollback to savepoint effect; release savepoint effect").await?;
    Ok(rights)
}
