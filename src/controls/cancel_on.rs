//! `cancel_on`: from here on, something that happens ends the execution.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::awaited::{Events, Of};
use crate::workflow::catalogue::{About, ControlKind, PlanError, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::control::{Awaited, Control, Next};
use crate::workflow::diagnostics::Diagnostic;

/// The kind.
pub const KIND: ControlKind = ControlKind {
    about: About {
        name: "cancel_on",
        label: "Cancel on",
        docs: "Goes on at once. From here on, if such an event happens while the execution rests, it ends as cancelled: what \
               waits or was not reached does not happen any more.",
        icon: "circle-x",
        example: r#"{"event": "order_created", "of": "customer"}"#,
        schema: schema::<Settings>,
    },
    branches: &[],
    result: &[],
    build,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "they describe the settings, which are read by `Events`")]
struct Settings {
    /// The trigger whose events are meant: `order_cancelled`.
    event: String,
    /// That trigger's settings.
    config: Option<serde_json::Map<String, Value>>,
    /// Whose events. Without it: of the same row where that can be, else of the same customer, else of anyone.
    of: Option<Of>,
    /// What else must hold: rules or an expression. The row of the event is `awaited` there.
    #[serde(rename = "match")]
    matching: Option<serde_json::Map<String, Value>>,
}

#[derive(Debug)]
struct CancelOn(Events);

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Control>> {
    reader.read::<Settings>()?;
    if reader.scope.in_loop {
        let fault =
            Diagnostic::error("misplaced", "this is in the body of a loop, but it ends the whole execution");
        reader.fault(fault.at(reader.path).help("draw it before the loop"));
        return None;
    }
    Some(Box::new(CancelOn(Events::read(reader)?)))
}

impl Control for CancelOn {
    fn enter(&self, context: &Context) -> Result<Next, PlanError> {
        let key = self.0.key(context)?;
        Ok(Next::CancelOn { key, why: format!("{} ends this execution from now on", self.0.told()) })
    }

    fn awaits(&self) -> Option<&Awaited> {
        Some(&self.0.awaited)
    }
}
