//! Recorded events: one by its id.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio_postgres::Row;
use uuid::Uuid;

use super::json::Readable;
use super::session::{Session, Sql, StoreError};
use crate::domain::event::{Event, Operation};
use crate::domain::ids::{EventId, ExecutionId};

pub(super) static FIND_EVENT: Sql = Sql {
    name: "find_event",
    text: "select e.id, e.at, e.table_name, e.operation::text as operation, e.row_data, e.old_data, e.cause, e.depth
           from public.workflow_events e
           where e.at >= statement_timestamp() - $2::integer * interval '1 day'
             and e.at < statement_timestamp() - $3::integer * interval '1 day' and e.id = $1 limit 1",
};

/// Events have no index by their id alone, for every write would pay for it. So one is looked for where it most likely
/// is: from so many days ago to so many days ago.
const WHERE_TO_LOOK: [(i32, i32); 4] = [(1, -1), (35, 1), (400, 35), (36_500, 400)];

/// An event, or why its row can't be read.
pub type Loaded = Result<Event, String>;

/// The event of this id, if it is still kept.
///
/// # Errors
/// [`StoreError`].
pub async fn find_event(session: &Session, id: EventId) -> Result<Option<Loaded>, StoreError> {
    for (from, to) in &WHERE_TO_LOOK {
        if let Some(row) = session.query(&FIND_EVENT, &[&id.0, from, to]).await?.first() {
            return Ok(Some(loaded(row)));
        }
    }
    Ok(None)
}

fn loaded(row: &Row) -> Loaded {
    let operation: &str = row.get("operation");
    let members = |name| Readable::members(row.get(name)).map(Arc::<Map<String, Value>>::new);
    Ok(Event {
        id: EventId(row.get("id")),
        at: row.get("at"),
        table: row.get("table_name"),
        operation: Operation::from_text(operation)
            .ok_or_else(|| format!("nobody knows the operation `{operation}`"))?,
        row: members("row_data")?,
        old: members("old_data")?,
        cause: row.get::<_, Option<Uuid>>("cause").map(ExecutionId),
        depth: row.get("depth"),
        customer: None,
    })
}
