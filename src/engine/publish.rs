//! The publisher: checks workflows that were edited, and puts published ones in force.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::health::Health;
use super::listen::Side;
use super::plans::Plans;
use super::wake::Wake;
use crate::store::session::{ErrorClass, Session, StoreError};
use crate::store::workflows::{Edited, mark_checked, put_in_force, unchecked};
use crate::workflow::compile::compile;
use crate::workflow::diagnostics::Diagnostic;

/// Publishes until `shutdown`.
pub async fn run(
    mut side: Side,
    plans: Arc<Plans>,
    wake: Arc<Wake>,
    health: Arc<Health>,
    shutdown: CancellationToken,
) {
    loop {
        let session = tokio::select! {
            session = super::side_session(&mut side) => session,
            () = shutdown.cancelled() => return,
        };
        if let Err(error) = check_all(&session, &plans).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "workflows could not be checked; trying again"
            );
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(100)) => continue,
                () = shutdown.cancelled() => return,
            }
        }
        Health::set(&health.published, true);
        // Without notifications an edit is still to be in force within a second.
        let notified = health.notified.load(std::sync::atomic::Ordering::Relaxed);
        let rest = Duration::from_millis(if notified { 5000 } else { 500 });
        tokio::select! {
            () = wake.publisher.notified() => {}
            () = tokio::time::sleep(rest) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// One that can't be checked just now is left for the next time; it holds up no other.
async fn check_all(session: &Session, plans: &Plans) -> Result<(), StoreError> {
    let mut last: Option<Edited> = None;
    let mut left = None;
    loop {
        let mut edited = unchecked(session, last.as_ref()).await?;
        for workflow in &edited {
            match check(session, plans, workflow).await {
                Err(error) if error.class() == ErrorClass::Other => {
                    tracing::error!(
                        workflow = workflow.name,
                        error = &error as &dyn std::error::Error,
                        "a workflow could not be published"
                    );
                    let fault = fault("not-stored", &error.reason());
                    mark_checked(session, workflow, false, &fault).await?;
                }
                Err(error) if error.class() == ErrorClass::Disconnected => return Err(error),
                Err(error) => left = Some(error),
                Ok(()) => {}
            }
        }
        let all = edited.len() < 100;
        last = edited.pop();
        if all {
            return left.map_or(Ok(()), Err);
        }
    }
}

async fn check(session: &Session, plans: &Plans, workflow: &Edited) -> Result<(), StoreError> {
    let definition = match &workflow.definition {
        Ok(definition) => definition,
        Err(reason) => {
            tracing::warn!(workflow = workflow.name, reason, "broken: its definition can't be read");
            let reason = format!("this JSON can't be read: {reason}");
            return mark_checked(session, workflow, false, &fault("not-json", &reason)).await;
        }
    };
    let compiled = compile(definition, plans.catalogue());
    let diagnostics = serde_json::to_value(&compiled.diagnostics).unwrap_or(Value::Null);
    let published = workflow.status == "published";
    match compiled.plan {
        Some(plan) if published => {
            if let Some(version) = put_in_force(session, workflow, plan.hash(), &diagnostics).await? {
                tracing::info!(workflow = workflow.name, version, "in force");
            }
        }
        plan => {
            mark_checked(session, workflow, plan.is_some(), &diagnostics).await?;
            if plan.is_none() && published {
                tracing::warn!(
                    workflow = workflow.name,
                    faults = compiled.diagnostics.len(),
                    stays = workflow.live_version,
                    "broken: not put in force; its diagnostics are in workflows.diagnostics"
                );
            } else if !published && workflow.live_version.is_some() {
                tracing::info!(workflow = workflow.name, status = workflow.status, "taken out of force");
            }
        }
    }
    Ok(())
}

fn fault(code: &'static str, message: &str) -> Value {
    serde_json::json!([Diagnostic::error(code, message)])
}
