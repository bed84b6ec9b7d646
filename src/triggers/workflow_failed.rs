//! `workflow_failed`: an execution of a workflow failed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::changes::{MADE, now};
use crate::domain::event::Event;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::FAILURE;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "workflow_failed",
        label: "Workflow failed",
        docs: "Starts when an execution of another workflow fails. `failure` says where and why, `failure.event` what had \
               started it.",
        icon: "alert-triangle",
        example: r#"{"workflow": "Welcome points"}"#,
        schema: schema::<WorkflowFailed>,
    },
    sources: SOURCES,
    build: trigger::<WorkflowFailed>,
};

const SOURCES: &[Source] = &[Source::of(&FAILURE, MADE)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowFailed {
    /// Only this workflow: its name or its id.
    #[serde(default)]
    workflow: Option<String>,
}

impl Trigger for WorkflowFailed {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        let is = |column: &str, wanted: &str| {
            now(event, column).and_then(Value::as_str).is_some_and(|value| value.eq_ignore_ascii_case(wanted))
        };
        self.workflow.as_deref().is_none_or(|wanted| is("workflow_name", wanted) || is("workflow", wanted))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{counts, made};
    use super::*;

    #[test]
    fn failures_of_all_or_of_one_workflow_count() {
        let id = "018f2f6e-0000-7000-8000-00000000000a";
        let event = made("thendo.failure", json!({"workflow": id, "workflow_name": "Welcome"}));
        for config in
            [json!({}), json!({"workflow": null}), json!({"workflow": "welcome"}), json!({"workflow": id})]
        {
            assert!(counts(&KIND, config.clone(), &event), "{config}");
        }
        assert!(!counts(&KIND, json!({"workflow": "Goodbye"}), &event));
        assert!(!counts(&KIND, json!({}), &made("orders", json!({}))));
    }
}
