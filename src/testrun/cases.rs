//! Test cases in files: `{"event": {…}, "settings": {…}, "expect": {…}}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::TestRun;
use super::assumed::{Assumed, Role};
use crate::domain::ids::NodeId;
use crate::workflow::catalogue::Catalogue;
use crate::workflow::diagnostics::Diagnostic;
use crate::workflow::event_file;
use crate::workflow::plan::Plan;

/// A case, as its file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it is about, for people.
    #[serde(default)]
    pub about: Option<String>,
    /// An event file.
    pub event: Value,
    /// What is taken for granted.
    #[serde(default)]
    pub settings: Settings,
    /// Any part of a report.
    pub expect: Value,
}

/// What a case takes for granted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = Assumptions)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The clock at the beginning, instead of the event's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// By action: what it gave.
    #[schema(value_type = BTreeMap<String, Value>)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub results: BTreeMap<NodeId, Value>,
    /// By node: the branch by which it is left, or `error`.
    #[schema(value_type = BTreeMap<String, String>)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub branches: BTreeMap<NodeId, String>,
    /// By `wait_for_event` node: an event file.
    #[schema(value_type = BTreeMap<String, Object>)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub awaited: BTreeMap<NodeId, Value>,
    /// `anon`, `customer`, `admin`, `service_role`: whose rights count.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

impl Settings {
    /// With the events read.
    ///
    /// # Errors
    /// What is wrong with which event.
    pub fn read(self, catalogue: &Catalogue) -> Result<Assumed, Vec<Diagnostic>> {
        let Self { at, results, branches, awaited, role } = self;
        let mut events = Vec::with_capacity(awaited.len());
        for (node, file) in awaited {
            let read = event_file::read(&file, catalogue).map_err(|faults| {
                let of_node = |fault: Diagnostic| Diagnostic {
                    message: format!("the event assumed for `{node}`: {}", fault.message),
                    ..fault
                };
                faults.into_iter().map(of_node).collect::<Vec<_>>()
            })?;
            events.push((node, read.event));
        }
        Ok(Assumed { at, results, branches: Arc::new(branches), awaited: events, role })
    }
}

impl Case {
    /// The test run of a plan that the case asks for.
    ///
    /// # Errors
    /// What is wrong with its events.
    pub fn test_run(&self, plan: Arc<Plan>, catalogue: &Catalogue) -> Result<TestRun, Vec<Diagnostic>> {
        let event_file::EventFile { event, given, .. } = event_file::read(&self.event, catalogue)?;
        let assumed = self.settings.clone().read(catalogue)?;
        Ok(TestRun { assumed, ..TestRun::of(plan, event, given) })
    }
}
