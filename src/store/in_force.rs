//! Which versions are in force now, by name.

use super::session::{Session, Sql, StoreError};
use crate::domain::ids::WorkflowId;

pub(super) static IN_FORCE_NOW: Sql = Sql {
    name: "in_force_now",
    text: "select w.id, w.name, w.live_version from public.workflows w
           where w.status = 'published' and w.live_version is not null order by w.id limit 10000",
};

/// The workflows in force: id, name and number of the version.
///
/// # Errors
/// [`StoreError`].
pub async fn in_force_now(session: &Session) -> Result<Vec<(WorkflowId, String, i32)>, StoreError> {
    let rows = session.query(&IN_FORCE_NOW, &[]).await?;
    let of =
        |row: &tokio_postgres::Row| (WorkflowId(row.get("id")), row.get("name"), row.get("live_version"));
    Ok(rows.iter().map(of).collect())
}
