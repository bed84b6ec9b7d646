//! Holding workflows from within a batch.

use super::session::{Session, Sql, StoreError};
use crate::domain::ids::WorkflowId;

pub(super) static HOLD: Sql =
    Sql { name: "hold_workflow", text: "select public.hold_workflow($1, $2, 'thendo') as held" };

/// Brings a workflow to a stop, with the transaction that the caller holds. False if it is held already.
///
/// # Errors
/// [`StoreError`].
pub async fn hold(session: &Session, workflow: WorkflowId, reason: &str) -> Result<bool, StoreError> {
    let rows = session.query(&HOLD, &[&workflow.0, &reason]).await?;
    Ok(rows.first().is_some_and(|row| row.get("held")))
}
