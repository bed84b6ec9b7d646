//! An event: what happened to one row of the shop, as a database trigger recorded it.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::ids::{EventId, ExecutionId};

/// Executions that stand one behind the other, each started by what the one before it wrote: then it is a loop.
pub const MAX_DEPTH: i16 = 8;

/// What was done to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// The row is new.
    Insert,
    /// The row changed; [`Event::old`] has the former values of what changed.
    Update,
    /// The row is gone; [`Event::row`] is what it was.
    Delete,
}

impl Operation {
    /// As `workflow_events.operation` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Insert, Self::Update, Self::Delete].into_iter().find(|o| o.as_str() == text)
    }
}

/// A row of any table: its columns.
pub type Row = Map<String, Value>;

/// One row of `workflow_events`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its identity.
    pub id: EventId,
    /// When the row was written, on the database's clock.
    pub at: DateTime<Utc>,
    /// The table, without its schema: `orders`.
    pub table: String,
    /// What was done to the row.
    pub operation: Operation,
    /// The row as it is after the operation (before it, for a delete).
    pub row: Arc<Row>,
    /// Former values of the columns that an update changed.
    pub old: Arc<Row>,
    /// The execution that wrote the row; `None` if somebody of the shop did.
    pub cause: Option<ExecutionId>,
    /// How many executions stand before it, each started by what the one before it wrote; at most [`MAX_DEPTH`], or it
    /// starts nothing.
    pub depth: i16,
    /// The customer of the row, where it has one and a plan asks for it (`customers`, one row).
    pub customer: Option<Arc<Row>>,
}

/// How the customer of a row is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CustomerKey {
    /// By the customer's id.
    Id(Uuid),
    /// By an order of the customer's.
    Order(Uuid),
    /// By the mail address.
    Email(String),
}

impl Event {
    /// The customer the row belongs to, read from `customer_id`; of a customer's own row, its id.
    pub fn customer_id(&self) -> Option<Uuid> {
        let column = if self.table == "customers" { "id" } else { "customer_id" };
        self.row.get(column).and_then(Value::as_str).and_then(|id| id.parse().ok())
    }

    /// The row's id as text.
    pub fn row_id(&self) -> Option<Cow<'_, str>> {
        Some(match self.row.get("id")? {
            Value::Null => return None,
            Value::String(id) => Cow::Borrowed(id.as_str()),
            id => Cow::Owned(id.to_string()),
        })
    }
}
