//! Alarms: what somebody should be told of.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// What kind of trouble it is; `workflow_alerts.kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One statement started too many executions: the workflow is held.
    BulkGuard,
    /// Workflows start each other again and again.
    LoopGuard,
    /// A row of the queue that no batch survives was set aside.
    SetAside,
    /// Executions of a workflow fail one after the other.
    DeadLetters,
    /// Nobody knows whether a delivery arrived.
    DeliveryUnknown,
    /// What is due is not worked off in time.
    Lag,
    /// Rows fall into a default partition: months were not made ahead.
    DefaultPartition,
    /// A daemon died of what it worked on, perhaps.
    DaemonDied,
}

impl Kind {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::BulkGuard,
        Self::LoopGuard,
        Self::SetAside,
        Self::DeadLetters,
        Self::DeliveryUnknown,
        Self::Lag,
        Self::DefaultPartition,
        Self::DaemonDied,
    ];

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BulkGuard => "bulk_guard",
            Self::LoopGuard => "loop_guard",
            Self::SetAside => "set_aside",
            Self::DeadLetters => "dead_letters",
            Self::DeliveryUnknown => "delivery_unknown",
            Self::Lag => "lag",
            Self::DefaultPartition => "default_partition",
            Self::DaemonDied => "daemon_died",
        }
    }

    /// The kind that is stored so.
    pub fn of(stored: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == stored)
    }
}

/// An alarm, with neither names nor contents of rows in it: it is logged, mailed and posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its identity.
    pub id: Uuid,
    /// What kind.
    pub kind: Kind,
    /// The workflow that it is about, if it is about one.
    pub workflow: Option<Uuid>,
    /// What happened, and what to do.
    pub message: String,
    /// When.
    pub happened_at: DateTime<Utc>,
}
