//! `waitlist_joined`: somebody waits for a product.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::event::{Event, Operation};
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::WAITLIST;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "waitlist_joined",
        label: "Waitlist joined",
        docs: "Starts when somebody joins the waitlist of a product.",
        icon: "clock-plus",
        example: "{}",
        schema: schema::<WaitlistJoined>,
    },
    sources: SOURCES,
    build: trigger::<WaitlistJoined>,
};

const SOURCES: &[Source] = &[Source::of(&WAITLIST, &[Operation::Insert])];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitlistJoined {}

impl Trigger for WaitlistJoined {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, _event: &Event) -> bool {
        true
    }
}
