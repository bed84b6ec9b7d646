//! The publisher: checks workflows that were edited, and puts published ones in force.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::health::Health;
use super::listen::Side;
use super::plans::Plans;
use super::wake::Wake;
use crate::store::session::{Session, StoreError};
use crate::store::workflows::{Edited, mark_checked, put_in_force, take_out_of_force, unchecked};
use crate::workflow::compile::compile;

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

async fn check_all(session: &Session, plans: &Plans) -> Result<(), StoreError> {
    loop {
        let edited = unchecked(session).await?;
        for workflow in &edited {
            if let Err(error) = check(session, plans, workflow).await {
                if error.class() != crate::store::session::ErrorClass::Other {
                    return Err(error);
                }
                tracing::error!(
                    workflow = workflow.name,
                    error = &error as &dyn std::error::Error,
                    "a workflow could not be published"
                );
                let fault = serde_json::json!([{ "severity": "error", "code": "not_stored", "message": error.reason() }]);
                mark_checked(session, workflow, false, &fault).await?;
            }
        }
        if edited.len() < 100 {
            return Ok(());
        }
    }
}

async fn check(session: &Session, plans: &Plans, workflow: &Edited) -> Result<(), StoreError> {
    let compiled = compile(&workflow.definition, plans.catalogue());
    let diagnostics = serde_json::to_value(&compiled.diagnostics).unwrap_or(Value::Null);
    let published = workflow.status == "published";
    if !published && take_out_of_force(session, workflow.id.0).await? {
        tracing::info!(workflow = workflow.name, status = workflow.status, "taken out of force");
    }
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
            }
        }
    }
    Ok(())
}
