//! Rows that no batch survives are set aside.

use std::sync::Arc;

use super::plans::{InForce, Plans};
use super::start::identity;
use crate::domain::event::Event;
use crate::domain::execution::{Mode, Status};
use crate::store::executions::{Ended, Identity, record, take_waiting};
use crate::store::queue::{Claimed, Due, quarantine};
use crate::store::session::{Session, StoreError};

/// Takes a row off the queue that no batch survives, and records why for each execution it was to start.
///
/// # Errors
/// [`StoreError`]; nothing happened.
pub async fn set_aside(
    session: &Session,
    plans: &Plans,
    row: &Claimed,
    reason: &str,
) -> Result<(), StoreError> {
    session.transaction("begin").await?;
    let done = async {
        if !quarantine(session, row).await? {
            return session.transaction("rollback").await; // Somebody else has it.
        }
        let identities = match &row.what {
            Due::Event(event) => identities(event, &plans.started_by(event), row.lane),
            Due::Unreadable(event, _) => identities(event, &plans.listening_to(event), row.lane),
            Due::Execution(id) => {
                take_waiting(session, &[*id]).await?.into_iter().map(|woken| woken.identity).collect()
            }
            Due::Gone(_) => Vec::new(),
        };
        let ended: Vec<_> = identities
            .iter()
            .map(|identity| Ended {
                identity,
                mode: Mode::Live,
                status: Status::Failed,
                steps: &[],
                error: Some(format!("set aside: {reason}")),
            })
            .collect();
        record(session, &ended).await?;
        session.transaction("commit").await
    };
    let done = done.await;
    if done.is_err() {
        let _ = session.transaction("rollback").await;
    }
    done
}

fn identities(event: &Event, plans: &[Arc<InForce>], lane: i16) -> Vec<Identity> {
    plans.iter().map(|in_force| identity(event, in_force, lane, event.at)).collect()
}
