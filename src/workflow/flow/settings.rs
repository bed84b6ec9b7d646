//! What an admin sets.

use std::borrow::Cow;

use chrono::TimeDelta;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, IntoDeserializer};

use crate::workflow::span::Span;
use crate::workflow::template::Template;

/// How often, how soon and how many at once.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Not again for the same: the second event is passed over.
    pub once: Option<Once>,
    /// Only when nothing more happens: each further event begins the time anew, and the last one counts.
    pub debounce: Option<Debounce>,
    /// How many executions at the same time; the others wait for their turn.
    pub concurrency: Option<Concurrency>,
    /// How many executions in so long; the others start later, in their order.
    pub rate: Option<Rate>,
    /// More at once than this is a mistake: the workflow is held until an admin looks.
    pub bulk_guard: Option<BulkGuard>,
}

/// Not again.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Once {
    /// What counts together: `row`, `customer`, `workflow` or a template. Without it, each row by itself.
    #[serde(default = "row")]
    pub per: Per,
    /// For how long: `30d`; a second to ten years. Without it, for ever.
    pub within: Option<Span>,
}

/// When nothing more happens.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Debounce {
    /// What counts together: `row`, `customer`, `workflow` or a template. Without it, each row by itself.
    #[serde(default = "row")]
    pub per: Per,
    /// How long nothing must have happened: `10m`; a second to 90 days.
    #[serde(rename = "for")]
    pub quiet: Span,
    /// Start that long after the first event in any case: `1h`; at least as long as `for`, 90 days at most.
    pub at_most: Option<Span>,
}

/// How many at once.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    /// What counts together: `row`, `customer`, `workflow` or a template. Without it, the whole workflow.
    #[serde(default = "workflow")]
    pub per: Per,
    /// How many.
    #[schemars(range(min = 1, max = 10_000))]
    pub limit: u32,
}

/// So many in so long.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// What counts together: `row`, `customer`, `workflow` or a template. Without it, the whole workflow.
    #[serde(default = "workflow")]
    pub per: Per,
    /// How many.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub limit: u32,
    /// In how long: `1h`; a second to 366 days.
    pub every: Span,
}

/// More than ever at once.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkGuard {
    /// How many executions one statement, or one minute, may start.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub limit: u32,
}

/// What counts together.
#[derive(Debug, Clone)]
pub enum Per {
    /// Each row by itself.
    Row,
    /// All that belongs to one customer.
    Customer,
    /// All of the workflow.
    Workflow,
    /// What has the same value.
    Of(Template),
    /// None of these: a fault.
    Unknown(String),
}

fn row() -> Per {
    Per::Row
}

fn workflow() -> Per {
    Per::Workflow
}

impl<'de> Deserialize<'de> for Per {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.as_str() {
            "row" => Self::Row,
            "customer" => Self::Customer,
            "workflow" => Self::Workflow,
            source if source.contains("{{") || source.contains("{%") => {
                Self::Of(Template::deserialize(source.into_deserializer())?)
            }
            _ => Self::Unknown(text),
        })
    }
}

impl JsonSchema for Per {
    fn schema_name() -> Cow<'static, str> {
        "Per".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "template", "examples": ["row", "customer", "workflow"]})
    }
}

impl Flow {
    /// Each rule's name with what it counts by.
    pub(super) fn pers(&self) -> impl Iterator<Item = (&'static str, &Per)> {
        let once = self.once.as_ref().map(|rule| ("once", &rule.per));
        let debounce = self.debounce.as_ref().map(|rule| ("debounce", &rule.per));
        let concurrency = self.concurrency.as_ref().map(|rule| ("concurrency", &rule.per));
        let rate = self.rate.as_ref().map(|rule| ("rate", &rule.per));
        [once, debounce, concurrency, rate].into_iter().flatten()
    }

    /// Spans that are too short or too long: where, and what is allowed.
    pub(super) fn out_of_bounds(&self) -> Vec<(&'static str, &'static str)> {
        let second = TimeDelta::seconds(1);
        let days = TimeDelta::days;
        let mut faults = Vec::new();
        let mut bounded = |field, span: Span, longest, message| {
            if !(second..=longest).contains(&span.0) {
                faults.push((field, message));
            }
        };
        if let Some(within) = self.once.as_ref().and_then(|once| once.within) {
            bounded("once/within", within, days(3_660), "this is a second to ten years");
        }
        if let Some(rate) = &self.rate {
            bounded("rate/every", rate.every, days(366), "this is a second to 366 days");
        }
        if let Some(debounce) = &self.debounce {
            bounded("debounce/for", debounce.quiet, days(90), "this is a second to 90 days");
            if let Some(at_most) = debounce.at_most {
                let message = "this is as long as `for` at least, and 90 days at most";
                bounded("debounce/at_most", at_most, days(90), message);
                if at_most < debounce.quiet && at_most.0 >= second {
                    faults.push(("debounce/at_most", message));
                }
            }
        }
        faults
    }
}
