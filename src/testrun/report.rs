//! What a test run answers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::effect::Outgoing;
use crate::domain::execution::{Change, Status, Step};
use crate::domain::ids::{ExecutionId, NodeId, WorkflowId};
use crate::engine::advance::Input;

/// All of it, as DESIGN says for machines; `expected.json` may leave out any part.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = TestRunReport)]
pub struct Report {
    /// How it would end.
    pub outcome: Outcome,
    /// Each node's turn.
    pub steps: Vec<Step>,
    /// What each node read, in the order of their turns. Large values are cut, and 512 KiB are told in all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// Rows that would change.
    pub changes: Vec<Change>,
    /// Mails and requests that would be sent, whole but for secrets.
    pub deliveries: Vec<Delivery>,
    /// Waits that were passed by, each with the instant at which it would end.
    pub timers: Vec<Timer>,
    /// Workflows in force that what it writes would start.
    pub would_start: Vec<WouldStart>,
    /// What the reader should know.
    pub warnings: Vec<String>,
    /// What it is recorded as, with the mode `test`.
    #[schema(value_type = Option<Uuid>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<ExecutionId>,
}

impl Report {
    pub(super) fn filtered() -> Self {
        Self {
            outcome: Outcome::Filtered,
            steps: Vec::new(),
            inputs: Vec::new(),
            changes: Vec::new(),
            deliveries: Vec::new(),
            timers: Vec::new(),
            would_start: Vec::new(),
            warnings: Vec::new(),
            execution: None,
        }
    }
}

/// How an execution would end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every node that was to run is done.
    Succeeded,
    /// A node gave up.
    Failed,
    /// It would rest.
    Waiting,
    /// The trigger does not start for this event.
    Filtered,
}

impl From<Status> for Outcome {
    fn from(status: Status) -> Self {
        match status {
            Status::Succeeded => Self::Succeeded,
            Status::Running | Status::Waiting => Self::Waiting,
            Status::Failed | Status::Cancelled => Self::Failed,
        }
    }
}

/// A mail or a request that would be sent.
#[derive(Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// Who asks for it.
    pub node: NodeId,
    /// What.
    #[serde(flatten)]
    pub what: Outgoing,
    /// A mail's headers, as it would be sent. Those of a request are part of it.
    #[serde(default, rename = "mail_headers", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// By hand: it is a mail or a request, beside its node.
impl PartialSchema for Delivery {
    fn schema() -> RefOr<Schema> {
        let kinds = ["email", "suppressed_email", "http"];
        Object::builder()
            .property(
                "node",
                Object::builder().schema_type(Type::String).description(Some("Who asks for it.")),
            )
            .required("node")
            .property("kind", Object::builder().schema_type(Type::String).enum_values(Some(kinds)))
            .required("kind")
            .description(Some("A mail or a request that would be sent, whole but for secrets."))
            .into()
    }
}

impl ToSchema for Delivery {
    fn name() -> std::borrow::Cow<'static, str> {
        "WouldDeliver".into()
    }
}

/// A wait that was passed by.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PassedWait)]
pub struct Timer {
    /// Who rested.
    #[schema(value_type = String)]
    pub node: NodeId,
    /// For which item of each loop around it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub item: Vec<u32>,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// A workflow that would begin with what this one writes.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct WouldStart {
    /// Its name.
    pub workflow: String,
    /// Its identity.
    #[schema(value_type = Uuid)]
    pub id: WorkflowId,
    /// The kind of its trigger.
    pub event: String,
    /// The table that was written.
    pub table: String,
}
