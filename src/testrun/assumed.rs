//! What a test run takes for granted beside its event: the clock, results, branches, events that are waited for, and whose
//! rights count.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::event::Event;
use crate::domain::ids::NodeId;
use crate::engine::advance::may_await;
use crate::workflow::diagnostics::did_you_mean;
use crate::workflow::plan::{ERROR, Plan, PlanNode, Work};

/// All of it; nothing by default.
#[derive(Debug, Clone, Default)]
pub struct Assumed {
    /// The clock at the beginning, instead of the event's.
    pub at: Option<DateTime<Utc>>,
    /// What actions gave: they do nothing then.
    pub results: BTreeMap<NodeId, Value>,
    /// The branches by which nodes are left; `error` as if they had failed.
    pub branches: Arc<BTreeMap<NodeId, String>>,
    /// Events that `wait_for_event` nodes are handed, each once.
    pub awaited: Vec<(NodeId, Event)>,
    /// Whose rights count, instead of the engine's.
    pub role: Option<Role>,
}

/// Whose rights and policies a test run is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AssumedRole)]
pub enum Role {
    /// Nobody who signed in.
    Anon,
    /// The event's customer, signed in.
    Customer,
    /// An admin, signed in.
    Admin,
    /// The shop's backend.
    ServiceRole,
}

impl Assumed {
    /// What does not fit the plan, in words.
    pub fn faults(&self, plan: &Plan) -> Vec<String> {
        let mut faults = Vec::new();
        for node in self.results.keys() {
            match self.node(plan, node, &mut faults).map(|of| &of.work) {
                None | Some(Work::Action(_)) => {}
                Some(_) => faults.push(format!("node `{node}` is no action: it has no result to assume")),
            }
        }
        for (node, branch) in &*self.branches {
            let Some(of) = self.node(plan, node, &mut faults) else { continue };
            let branches = branches_of(of);
            if !branches.contains(&branch.as_str()) {
                faults.push(format!(
                    "node `{node}` can't be left by `{branch}`, but by {}",
                    branches.join(", ")
                ));
            }
        }
        for (node, event) in &self.awaited {
            if self.node(plan, node, &mut faults).is_some() && !may_await(plan, node, event) {
                faults.push(format!(
                    "node `{node}` waits for no such event ({} of {})",
                    event.operation.as_str(),
                    event.table
                ));
            }
        }
        faults
    }

    fn node<'p>(&self, plan: &'p Plan, id: &NodeId, faults: &mut Vec<String>) -> Option<&'p PlanNode> {
        let found = plan.position(id).and_then(|at| plan.node(at));
        if found.is_none() {
            let ids = (0..plan.order().len()).filter_map(|at| plan.node(at)).map(|node| node.id.as_str());
            let near = did_you_mean(id.as_str(), ids).map(|near| format!("; {near}")).unwrap_or_default();
            faults.push(format!("the workflow has no node `{id}`{near}"));
        }
        found
    }
}

/// The branches by which a node can be left.
fn branches_of(node: &PlanNode) -> Vec<&str> {
    let mut branches = match &node.work {
        Work::Trigger(_) => return Vec::new(),
        Work::Condition(condition) => condition.branches(),
        Work::Control(control) => control.branches(),
        Work::Action(_) => Vec::new(),
    };
    branches.push(ERROR);
    branches
}
