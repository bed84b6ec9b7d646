//! The other way: each execution's effects are applied by the engine's own statements, in a transaction that is rolled back.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::effects::Happened;
use super::side::Started;
use crate::domain::event::Event;
use crate::domain::execution::Status;
use crate::engine::advance::Run;
use crate::engine::apply::{Deliveries, Fault, Kept, Manner, Rendering, Running, in_waves};
use crate::engine::in_force::InForce;
use crate::store::constraints;
use crate::store::executions::Identity;
use crate::store::session::{ErrorClass, Session, StoreError};
use crate::workflow::mails::Mails;

/// What one execution may take; a statement that is under way then may take 200 ms more. So nobody waits longer than half a second
/// for a row that it has locked.
const MOST: Duration = Duration::from_millis(300);
/// How often one is tried that met somebody else's lock.
const TRIES: usize = 3;

/// One execution to its end. What it did is undone before this returns.
pub(super) async fn run_one(
    session: &Session,
    of: &InForce,
    mails: &Arc<Mails>,
    event: &Event,
    started: &mut Started,
    in_words: bool,
) -> Result<(), StoreError> {
    let mut reason = String::new();
    for _ in 0..TRIES {
        session
            .transaction(
                "begin; set local role thendo_engine; set local lock_timeout = '100ms'; set local statement_timeout = '200ms'; set local idle_in_transaction_session_timeout = '500ms'",
            )
            .await?;
        let tried = tokio::time::timeout(MOST, moved(session, of, mails, event, &started.run, started.now));
        let tried = tried.await;
        session.transaction("rollback").await?;
        match tried {
            Ok(Ok((run, deliveries))) => {
                started.effects = Happened::of_steps(&of.plan, run.steps(), &deliveries, in_words);
                started.run = run;
                return Ok(());
            }
            Ok(Err(Fault::Store(error))) if error.class() == ErrorClass::Disconnected => return Err(error),
            Ok(Err(Fault::Store(error))) => {
                reason = error.reason();
                if error.class() == ErrorClass::Other {
                    break;
                }
            }
            Ok(Err(fault)) => reason = fault.to_string(),
            Err(_) => {
                reason = format!("it took longer than {} ms", MOST.as_millis());
                break;
            }
        }
    }
    started.broken = Some(format!("it could not be tried in the database: {reason}"));
    Ok(())
}

/// As a test run has it: waits are passed by, deliveries are rendered.
async fn moved(
    session: &Session,
    of: &InForce,
    mails: &Arc<Mails>,
    event: &Event,
    run: &Run,
    mut now: DateTime<Utc>,
) -> Result<(Run, Deliveries), Fault> {
    let identity = Identity {
        id: run.id,
        root: run.id,
        attempt: 1,
        event: event.id,
        event_at: event.at,
        workflow: of.workflow,
        version: of.version,
        lane: 0,
        started_at: now,
    };
    let mut running = [Running { identity, plan: of.plan.clone(), run: run.clone() }];
    let (mut deliveries, mut kept) = (Deliveries::Render(Rendering::default()), Kept::default());
    constraints::check_at_once(session).await?;
    loop {
        in_waves(session, &mut running, mails, now, Manner::OneByOne, &mut deliveries, &mut kept).await?;
        let [Running { run, .. }] = &mut running;
        let Some(due) = run.rests().due.filter(|_| run.status == Status::Waiting) else { break };
        now = now.max(due);
        run.refresh();
    }
    let [Running { run, .. }] = running;
    Ok((run, deliveries))
}
