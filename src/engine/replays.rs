//! Replays: events that are asked for once more. Each is claimed as an event of no table, and stands for the one that it
//! is of.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::alerts::{Alarm, note};
use super::in_force::InForce;
use crate::domain::alert::Kind;
use crate::domain::event::Event;
use crate::domain::ids::{EventId, WorkflowId};
use crate::store::events::{Unreadable, load_events};
use crate::store::queue::{Claimed, Due};
use crate::store::session::{Session, StoreError};

/// The table that replays are events of.
const REPLAYS: &str = "thendo.replay";
/// Events that one alarm names.
const MOST_NAMED: usize = 20;

/// An event, once more.
#[derive(Debug)]
pub(super) struct Replay {
    /// The event as it was.
    event: Event,
    /// Why its row can't be read: then it is without it.
    unreadable: Option<String>,
    /// Which replay of it; the first is 1.
    number: u32,
    /// When it was asked for: what is in force then counts.
    at: DateTime<Utc>,
    /// Only this workflow.
    workflow: Option<WorkflowId>,
    /// Also where flow settings would have it start no more.
    lifts_guards: bool,
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

/// An event that is to start what begins with it: as it happens, or once more.
#[derive(Clone, Copy)]
pub(super) struct Meant<'a> {
    /// The event.
    pub event: &'a Event,
    /// Why its row can't be read: then it is without it.
    pub unreadable: Option<&'a str>,
    /// What is in force then counts.
    pub at: DateTime<Utc>,
    /// Which replay of it; 0 for none.
    pub number: u32,
    /// Also where flow settings would have it start no more.
    pub lifts_guards: bool,
    only: Option<WorkflowId>,
}

impl Meant<'_> {
    /// Whether it is meant for this workflow.
    pub fn is_for(&self, in_force: &InForce) -> bool {
        self.only.is_none_or(|only| only == in_force.workflow)
    }

    /// What it is, for a log line: never its content.
    pub fn name(&self) -> String {
        let Event { id, table, .. } = self.event;
        match self.number {
            0 => format!("event {id} of {table}"),
            number => format!("replay {number} of event {id} of {table}"),
        }
    }
}

/// The replays among rows of the queue, by the events that ask for them.
#[derive(Debug, Default)]
pub(super) struct Replays(HashMap<EventId, Replay>);

impl Replays {
    /// Looks up what these rows ask for once more. An alarm names what can't be replayed.
    pub async fn load(
        session: &Session,
        rows: &[Claimed],
        alarms: &mut Vec<Alarm>,
    ) -> Result<Self, StoreError> {
        let (mut asked, mut lost) = (Vec::new(), Vec::new());
        for row in rows {
            let (Due::Event(event) | Due::Unreadable(event, _)) = &row.what else { continue };
            if event.table != REPLAYS {
                continue;
            }
            match serde_json::from_value::<Asked>(Value::Object((*event.row).clone())) {
                Ok(of) => asked.push((event.id, event.at, of)),
                Err(_) => lost.push(format!("what event {} asks for can't be read", event.id)),
            }
        }
        let mut replays = HashMap::with_capacity(asked.len());
        let wanted: Vec<_> = asked.iter().map(|(.., of)| (of.event_at, EventId(of.event_id))).collect();
        let found = if wanted.is_empty() { Vec::new() } else { load_events(session, &wanted).await? };
        for ((id, at, of), found) in asked.into_iter().zip(found) {
            let (event, unreadable) = match found {
                Some(Ok(event)) => (event, None),
                Some(Err(Unreadable { event, reason })) => {
                    lost.push(format!("the row of event {} can't be read", event.id));
                    (*event, Some(reason))
                }
                None => {
                    lost.push(format!("event {} is no longer kept", of.event_id));
                    continue;
                }
            };
            let Asked { number, workflow_id, lifts_guards, .. } = of;
            let workflow = workflow_id.map(WorkflowId);
            replays.insert(id, Replay { event, unreadable, number, at, workflow, lifts_guards });
        }
        if !lost.is_empty() {
            // The alarm is raised once in a while, and names some.
            tracing::warn!(?lost, "events could not be replayed");
            note(alarms, Kind::ReplayFailed, None, in_words(&lost));
        }
        Ok(Self(replays))
    }

    /// What a row of the queue is to start; `None` if it is no event.
    pub fn meant<'a>(&'a self, row: &'a Claimed) -> Option<Meant<'a>> {
        let (event, unreadable) = match &row.what {
            Due::Event(event) => (event, None),
            Due::Unreadable(event, reason) => (event, Some(reason.as_str())),
            Due::Execution(_) | Due::Offer(..) | Due::Gone(_) => return None,
        };
        Some(match self.0.get(&event.id) {
            None => Meant { event, unreadable, at: event.at, number: 0, lifts_guards: false, only: None },
            Some(Replay { event, unreadable, number, at, workflow, lifts_guards }) => Meant {
                event,
                unreadable: unreadable.as_deref(),
                at: *at,
                number: *number,
                lifts_guards: *lifts_guards,
                only: *workflow,
            },
        })
    }
}

/// For an alarm: which events, and what to do.
fn in_words(lost: &[String]) -> String {
    let named = lost.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    let more = match lost.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!(
        "{} could not be replayed: {named}{more}. What is not kept starts nothing; for what can't be read, `thendo executions list \
         --status failed` has an execution of each workflow that begins with it. The log names all of them",
        if lost.len() == 1 { "an event" } else { "events" }
    )
}
