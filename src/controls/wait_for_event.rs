//! `wait_for_event`: rest until something happens.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::awaited::{Events, Of};
use crate::workflow::catalogue::{About, ControlKind, PlanError, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::control::{Awaited, Control, Next, Wake, Wants};
use crate::workflow::span::Span;
use crate::workflow::subjects::{Field, FieldType};

/// The kind.
pub const KIND: ControlKind = ControlKind {
    about: About {
        name: "wait_for_event",
        label: "Wait for event",
        docs: "Rests until something happens, such as a payment of the same order, and goes on by `event`; or by `timeout` \
               when it has not for too long.",
        icon: "hourglass",
        example: r#"{"event": "order_created", "of": "customer", "timeout": "7d"}"#,
        schema: schema::<Settings>,
    },
    branches: BRANCHES,
    result: &[Field::new("event", FieldType::Text), Field::new("row", FieldType::Json)],
    build,
};

const BRANCHES: &[&str] = &["event", "timeout"];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the first four describe the settings; they are read by `Events`")]
struct Settings {
    /// The trigger whose events are meant: `order_paid`.
    event: String,
    /// That trigger's settings.
    config: Option<serde_json::Map<String, Value>>,
    /// Whose events. Without it: of the same row where that can be, else of the same customer, else of anyone.
    of: Option<Of>,
    /// What else must hold: rules or an expression. The row of the event is `awaited` there.
    #[serde(rename = "match")]
    matching: Option<serde_json::Map<String, Value>>,
    /// How long it may take; then it goes on by `timeout`. Without it, for ever.
    timeout: Option<Span>,
}

#[derive(Debug)]
struct WaitForEvent {
    events: Events,
    timeout: Option<Span>,
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Control>> {
    let settings = reader.read::<Settings>()?;
    let events = Events::read(reader)?;
    Some(Box::new(WaitForEvent { events, timeout: settings.timeout }))
}

impl Control for WaitForEvent {
    fn branches(&self) -> Vec<&str> {
        BRANCHES.to_vec()
    }

    fn enter(&self, context: &Context) -> Result<Next, PlanError> {
        let wants = Wants::Event(self.events.key(context)?);
        let until = self.timeout.map(|timeout| timeout.after(context.now()));
        let limit = self.timeout.map_or_else(String::new, |timeout| format!(", at most {timeout}"));
        Ok(Next::Rest { until, wants, why: format!("waits for {}{limit}", self.events.told()) })
    }

    fn wake(&self, _: &Context, wake: &Wake) -> Result<Next, PlanError> {
        let kind = self.events.awaited.kind;
        Ok(match wake {
            Wake::Event(row) => {
                Next::branch("event", json!({"event": kind, "row": row}), format!("`{kind}` happened"))
            }
            Wake::Time | Wake::Approval { .. } => {
                let result = json!({"event": null, "row": {}});
                Next::branch("timeout", result, format!("`{kind}` did not happen in time"))
            }
        })
    }

    fn awaits(&self) -> Option<&Awaited> {
        Some(&self.events.awaited)
    }
}
