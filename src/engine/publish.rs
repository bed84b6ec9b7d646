//! The publisher: checks workflows that were edited, and puts published ones in force.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::blocking::blocking;
use super::health::Health;
use super::listen::Side;
use super::plans::Plans;
use super::wake::Wake;
use crate::store::in_force::in_force_now;
use crate::store::mails::stored;
use crate::store::session::{ErrorClass, Session, StoreError};
use crate::store::workflows::{Edited, mark_checked, put_in_force, unchecked};
use crate::workflow::cycles::{Named, through_database};
use crate::workflow::diagnostics::Diagnostic;
use crate::workflow::mails::{Mails, sent_by};
use crate::workflow::plan::Plan;

/// The longest pause before what could not be checked is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Publishes until `shutdown`.
pub async fn run(
    mut side: Side,
    plans: Arc<Plans>,
    wake: Arc<Wake>,
    health: Arc<Health>,
    shutdown: CancellationToken,
) {
    let mut pause = Duration::from_millis(100);
    // Something was edited or put in force, or has never been looked at.
    let mut called = true;
    loop {
        let session = tokio::select! {
            session = super::side_session(&mut side) => session,
            () = shutdown.cancelled() => return,
        };
        let mut checked = check_all(&session, &plans, &wake).await;
        if called {
            match plans.load(&session).await {
                Ok(()) => called = false,
                Err(error) => checked = Err(error),
            }
        }
        // Without notifications an edit is still to be in force within a second.
        let notified = health.notified.load(std::sync::atomic::Ordering::Relaxed);
        let mut rest = Duration::from_millis(if notified { 10_000 } else { 500 });
        if let Ok(true) = checked {
            pause = Duration::from_millis(100);
        } else {
            rest = rest.min(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        match checked {
            Ok(_) => Health::set(&health.published, true),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "workflows could not be checked");
            }
        }
        tokio::select! {
            () = wake.publisher.notified() => called = true,
            () = tokio::time::sleep(rest) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Checks what was edited. One that can't be checked just now is left for the next time and holds up no other;
/// then the answer is false.
async fn check_all(session: &Session, plans: &Plans, wake: &Wake) -> Result<bool, StoreError> {
    let mut last: Option<Edited> = None;
    let mut complete = true;
    loop {
        let mut edited = unchecked(session, last.as_ref()).await?;
        for workflow in &edited {
            let span = tracing::info_span!("publish", workflow = %workflow.id, name = workflow.name);
            let checked = match check(session, plans, wake, workflow).instrument(span).await {
                Err(error) if error.class() == ErrorClass::Other => {
                    let fault = fault("not-stored", &error.reason());
                    tracing::error!(
                        workflow = %workflow.id,
                        name = workflow.name,
                        error = &error as &dyn std::error::Error,
                        "a workflow could not be published"
                    );
                    mark_checked(session, workflow, false, &fault).await
                }
                checked => checked,
            };
            match checked {
                Err(error) if error.class() == ErrorClass::Disconnected => return Err(error),
                Err(error) => {
                    complete = false;
                    tracing::debug!(
                        workflow = %workflow.id,
                        name = workflow.name,
                        error = &error as &dyn std::error::Error,
                        "not checked yet"
                    );
                }
                Ok(done) => complete &= done,
            }
        }
        let all = edited.len() < 100;
        last = edited.pop();
        if all {
            return Ok(complete);
        }
    }
}

/// False if the row was edited meanwhile or is being edited.
async fn check(session: &Session, plans: &Plans, wake: &Wake, workflow: &Edited) -> Result<bool, StoreError> {
    let definition = match &workflow.definition {
        Ok(definition) => definition,
        Err(reason) => {
            tracing::warn!(reason, "broken: its definition can't be read");
            let reason = format!("this JSON can't be read: {reason}");
            return mark_checked(session, workflow, false, &fault("not-json", &reason)).await;
        }
    };
    let compiled = plans.compile(Arc::clone(definition)).await;
    let published = workflow.status == "published";
    let (plan, mut diagnostics) = (compiled.plan.map(Arc::new), compiled.diagnostics);
    if let Some(plan) = plan.as_ref().filter(|_| published) {
        diagnostics.extend(warnings(session, plans, workflow, plan).await?);
    }
    let faults = diagnostics.len();
    let drawn = plan.clone();
    let told = move || {
        let diagnostics = serde_json::to_value(diagnostics).unwrap_or(Value::Null);
        (diagnostics, drawn.map_or(Value::Null, |plan| plan.parts()))
    };
    let (diagnostics, parts) = blocking(told).await;
    match plan {
        Some(plan) if published => {
            let version = put_in_force(session, workflow, plan.hash(), &diagnostics, &parts).await?;
            if let Some(version) = version {
                tracing::info!(version, "in force");
                wake.scheduler.notify_one();
            }
            Ok(version.is_some())
        }
        plan => {
            let marked = mark_checked(session, workflow, plan.is_some(), &diagnostics).await?;
            if marked && plan.is_none() && published {
                tracing::warn!(
                    faults,
                    stays = workflow.live_version,
                    "broken: not put in force; its diagnostics are in workflows.diagnostics"
                );
            } else if marked && !published && workflow.live_version.is_some() {
                tracing::info!(status = workflow.status, "taken out of force");
            }
            Ok(marked)
        }
    }
}

/// Warnings about ways that lead through the database, and other workflows, back to this one; and about its stored mails.
async fn warnings(
    session: &Session,
    plans: &Plans,
    workflow: &Edited,
    plan: &Arc<Plan>,
) -> Result<Vec<Diagnostic>, StoreError> {
    let mut others = Vec::new();
    for (id, name, number) in in_force_now(session).await? {
        if id != workflow.id
            && let Some(plan) = plans.pinned(session, id, number).await?
        {
            others.push((name, plan));
        }
    }
    let rows = if sent_by(plan).next().is_some() { stored(session).await? } else { Vec::new() };
    let (name, plan, known) = (workflow.name.clone(), Arc::clone(plan), plans.table());
    let look = move || {
        let named: Vec<Named<'_>> = others.iter().map(|(name, plan)| Named { name, plan }).collect();
        let mut warnings = through_database(Named { name: &name, plan: &plan }, &named);
        warnings.extend(Mails::load(rows, &known.mails).warnings(&plan));
        warnings
    };
    Ok(blocking(look).await)
}

fn fault(code: &'static str, message: &str) -> Value {
    serde_json::json!([Diagnostic::error(code, message)])
}
