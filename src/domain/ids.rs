//! Identities. What the engine creates is derived, so that doing it twice meets the same key.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id!(
    /// One row of `workflow_events`.
    EventId
);
uuid_id!(
    /// One row of `workflows`.
    WorkflowId
);
uuid_id!(
    /// One run of one version for one event.
    ExecutionId
);
uuid_id!(
    /// One effect: also the key of the row that it writes, so that it is written once.
    EffectId
);

/// The name of a node within its workflow, as the drawing spells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub Arc<str>);

impl NodeId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for NodeId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl EventId {
    /// The event that says that a time of a workflow's schedule has come.
    pub fn of_time(workflow: WorkflowId, due_at: DateTime<Utc>) -> Self {
        let mut name = [0u8; 24];
        name[..16].copy_from_slice(workflow.0.as_bytes());
        name[16..].copy_from_slice(&due_at.timestamp_micros().to_be_bytes());
        Self(derived(due_at.timestamp_millis(), &name))
    }
}

impl ExecutionId {
    /// The execution of `workflow` for `event`; `replay` is 0 unless someone asked for it again.
    pub fn derive(event: EventId, event_at: DateTime<Utc>, workflow: WorkflowId, replay: u32) -> Self {
        let mut name = [0u8; 36];
        name[..16].copy_from_slice(event.0.as_bytes());
        name[16..32].copy_from_slice(workflow.0.as_bytes());
        name[32..].copy_from_slice(&replay.to_be_bytes());
        Self(derived(event_at.timestamp_millis(), &name))
    }

    /// The `attempt`th try of the execution `root`; the first is the root itself.
    pub fn attempt(root: Self, attempt: i16) -> Self {
        if attempt <= 1 {
            return root;
        }
        let mut name = [0u8; 18];
        name[..16].copy_from_slice(root.0.as_bytes());
        name[16..].copy_from_slice(&attempt.to_be_bytes());
        Self(derived(root.at_ms(), &name))
    }

    /// Its event's time in milliseconds: what it begins with.
    fn at_ms(self) -> i64 {
        self.0.as_bytes()[..6].iter().fold(0, |ms, byte| (ms << 8) | i64::from(*byte))
    }
}

impl EffectId {
    /// The effect of `node` in the execution `root`; `item` is its place in the loops around it, outermost first.
    pub fn derive(root: ExecutionId, node: &NodeId, item: &[u32]) -> Self {
        let mut name = Vec::with_capacity(20 + node.0.len());
        name.extend_from_slice(root.0.as_bytes());
        name.extend_from_slice(&(item.len() as u32).to_be_bytes());
        item.iter().for_each(|index| name.extend_from_slice(&index.to_be_bytes()));
        name.extend_from_slice(node.0.as_bytes());
        Self(derived(root.at_ms(), &name))
    }
}

/// A hash of `name` behind a time prefix: equal for equal input, and near its neighbours in an index.
fn derived(at_ms: i64, name: &[u8]) -> Uuid {
    let mut bytes = *Uuid::new_v5(&Uuid::NAMESPACE_OID, name).as_bytes();
    bytes[..6].copy_from_slice(&at_ms.to_be_bytes()[2..]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_event_and_workflow_give_the_same_execution() {
        let (event, workflow) = (EventId(Uuid::from_u128(1)), WorkflowId(Uuid::from_u128(2)));
        let at = DateTime::from_timestamp_millis(1_790_000_000_123).expect("in range");
        let first = ExecutionId::derive(event, at, workflow, 0);
        assert_eq!(first, ExecutionId::derive(event, at, workflow, 0));
        assert_ne!(first, ExecutionId::derive(event, at, workflow, 1));
        assert_eq!(first, ExecutionId::attempt(first, 1));
        assert_ne!(ExecutionId::attempt(first, 2), ExecutionId::attempt(first, 3));
        assert_eq!(ExecutionId::attempt(first, 2).0.as_bytes()[..6], first.0.as_bytes()[..6]);
        let effect = EffectId::derive(first, &"points".into(), &[]);
        assert_ne!(effect, EffectId::derive(first, &"points".into(), &[0]));
        assert_eq!(effect.0.as_bytes()[..6], first.0.as_bytes()[..6], "both begin with the event's time");
    }
}
