//! What happened already, or might: recorded events, and rows as they are now.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::{Stage, TestRunError};
use crate::domain::event::{Event, Operation, Row};
use crate::domain::ids::EventId;
use crate::store::events::find_event;
use crate::store::testing::{clock, latest_events, latest_row, row_of};
use crate::workflow::plan::Plan;

/// Recorded events that are looked at for one that starts a workflow.
const MOST_LOOKED_AT: i64 = 500;

impl Stage {
    /// A recorded event, if it is still kept.
    ///
    /// # Errors
    /// [`TestRunError`].
    pub async fn recorded(&self, id: Uuid) -> Result<Option<Event>, TestRunError> {
        match find_event(&self.session, EventId(id)).await? {
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(unreadable)) => Err(TestRunError::Unreadable(id, unreadable.reason)),
            None => Ok(None),
        }
    }

    /// The latest recorded event that would start the plan, of the last few hundred of its tables.
    ///
    /// # Errors
    /// [`TestRunError`].
    pub async fn latest(&self, plan: &Plan) -> Result<Option<Event>, TestRunError> {
        let tables: Vec<&str> = plan.sources().iter().map(|source| &*source.table).collect();
        let events = latest_events(&self.session, &tables, MOST_LOOKED_AT).await?;
        Ok(events.into_iter().find(|event| plan.matches(event)))
    }

    /// A row as it is now.
    ///
    /// # Errors
    /// [`TestRunError`].
    pub async fn row(&self, table: &str, id: &str) -> Result<Option<Row>, TestRunError> {
        Ok(row_of(&self.session, table, id).await?)
    }

    /// The row of a table that was made last.
    ///
    /// # Errors
    /// [`TestRunError`].
    pub async fn latest_row(&self, table: &str) -> Result<Option<Row>, TestRunError> {
        match latest_row(&self.session, table).await? {
            Some(id) => self.row(table, &id).await,
            None => Ok(None),
        }
    }

    /// The event of a row, as if it were written now, in the way that the plan's trigger looks at first. Of an update nothing is
    /// known of what was before.
    ///
    /// # Errors
    /// [`TestRunError`].
    pub async fn event_of(&self, plan: &Plan, table: &str, row: Row) -> Result<Event, TestRunError> {
        let source = plan.sources().iter().find(|source| source.table == table);
        let operation =
            source.and_then(|source| source.operations.first().copied()).unwrap_or(Operation::Insert);
        let text = Value::Object(row.clone()).to_string();
        Ok(Event {
            id: EventId(Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes())),
            at: clock(&self.session).await?,
            table: table.to_owned(),
            operation,
            row: Arc::new(row),
            old: Arc::default(),
            cause: None,
            depth: 0,
            customer: None,
        })
    }
}
