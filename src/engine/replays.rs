//! Replays: events that are asked for once more. Each is claimed as an event of no table, and stands for the one that it
//! is of.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::domain::event::Event;
use crate::domain::ids::{EventId, WorkflowId};
use crate::store::events::load_events;
use crate::store::queue::{Claim, Due};
use crate::store::session::{Session, StoreError};

/// The table that replays are events of.
const REPLAYS: &str = "thendo.replay";

/// An event, once more.
#[derive(Debug)]
pub(super) struct Replay {
    /// The event as it was.
    pub event: Event,
    /// Which replay of it; the first is 1.
    pub number: u32,
    /// When it was asked for: what is in force then counts.
    pub at: DateTime<Utc>,
    /// Only this workflow.
    pub workflow: Option<WorkflowId>,
    /// Also where flow settings would have it start no more.
    pub lifts_guards: bool,
}

/// As `replay_events()` writes it.
#[derive(Debug, Deserialize)]
struct Asked {
    event_at: DateTime<Utc>,
    event_id: Uuid,
    number: u32,
    #[serde(default)]
    workflow_id: Option<Uuid>,
    #[serde(default)]
    lifts_guards: bool,
}

/// The replays among what was claimed, by the events that ask for them. What can't be replayed is told in the log.
pub(super) async fn claimed(
    session: &Session,
    claim: &Claim,
) -> Result<HashMap<EventId, Replay>, StoreError> {
    let mut asked = Vec::new();
    for row in &claim.rows {
        let Due::Event(event) = &row.what else { continue };
        if event.table != REPLAYS {
            continue;
        }
        match serde_json::from_value::<Asked>(Value::Object((*event.row).clone())) {
            Ok(of) => asked.push((event.id, event.at, of)),
            Err(fault) => {
                tracing::error!(event = %event.id, %fault, "a replay can't be read and is passed over")
            }
        }
    }
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: Vec<_> = asked.iter().map(|(.., of)| (of.event_at, EventId(of.event_id))).collect();
    let mut replays = HashMap::with_capacity(asked.len());
    for ((id, at, of), found) in asked.into_iter().zip(load_events(session, &wanted).await?) {
        match found {
            Some(Ok(event)) => {
                let workflow = of.workflow_id.map(WorkflowId);
                replays.insert(
                    id,
                    Replay { event, number: of.number, at, workflow, lifts_guards: of.lifts_guards },
                );
            }
            Some(Err(_)) => {
                tracing::error!(event = %of.event_id, "an event whose row can't be read can't be replayed");
            }
            None => tracing::warn!(event = %of.event_id, "an event that is no longer kept can't be replayed"),
        }
    }
    Ok(replays)
}
