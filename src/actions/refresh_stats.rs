//! `refresh_stats`: have the statistics of page views made anew.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::domain::effect::{Effect, EffectKind, Rows};
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, action, schema};
use crate::workflow::context::Context;
use crate::workflow::subjects::{Field, FieldType};

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "refresh_stats",
        label: "Refresh statistics",
        docs: "Has the statistics of page views made anew, within a minute: it takes longer than a step may, so the workflow \
               goes on meanwhile. Without it they are as old as the setting `maintenance.page_view_stats_every_s` says.",
        icon: "chart-bar",
        example: "{}",
        schema: schema::<RefreshStats>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("refresh_stats"),
    writes: &[],
    needs: &[],
    result: &[Field::new("asked_at", FieldType::Time)],
    build: action::<RefreshStats>,
};

/// There is nothing to set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshStats {}

impl Action for RefreshStats {
    fn plan(&self, _context: &Context) -> Result<Effect, PlanError> {
        Ok(Effect::Rows(Rows::new("refresh_stats", json!({}))))
    }
}
