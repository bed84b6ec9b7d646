//! `deposit_paid`: a deposit was paid.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{WRITTEN, became};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::DEPOSIT;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "deposit_paid",
        label: "Deposit paid",
        docs: "Starts when the status of a deposit becomes `paid`. Only the step into it counts, never a change that leaves it there.",
        icon: "cash",
        example: "{}",
        schema: schema::<DepositPaid>,
    },
    sources: SOURCES,
    build: trigger::<DepositPaid>,
};

const SOURCES: &[Source] = &[Source::of(&DEPOSIT, WRITTEN)];

/// It has no settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DepositPaid {}

impl Trigger for DepositPaid {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        became(event, "status", "paid")
    }

    fn anchors(&self) -> Vec<Anchor> {
        Vec::from_iter(Anchor::texts("status", ["paid"]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::changes::tests::counts_the_step_only;
    use super::*;

    #[test]
    fn only_the_step_into_it_counts() {
        counts_the_step_only(&KIND, "deposits", "status", ("paid", "pending"));
    }
}
