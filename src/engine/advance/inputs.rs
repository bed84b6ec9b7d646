//! What nodes read when their turn comes: noted for who tries a workflow, and for nobody else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::ids::NodeId;
use crate::workflow::context::Context;
use crate::workflow::plan::PlanNode;
use crate::workflow::reads::shown;

/// Bytes of one value, as JSON; of a larger one only its size is told.
const MAX_VALUE_BYTES: usize = 4 * 1024;
/// Bytes of all values of an execution, as JSON; what is read beyond them is left out.
const MAX_BYTES: usize = 512 * 1024;

/// What a node read at its turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = StepInput)]
pub struct Input {
    /// Which node.
    #[schema(value_type = String)]
    pub node: NodeId,
    /// For which item of each loop around it, counted from 0, from the outermost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub item: Vec<u32>,
    /// What its settings name, as it was then: `order.total`, `steps.award.points`. Null where there was nothing.
    pub values: BTreeMap<String, Value>,
}

/// What was noted so far.
#[derive(Debug, Clone)]
pub(super) struct Inputs {
    of: Vec<Input>,
    room: usize,
}

impl Default for Inputs {
    fn default() -> Self {
        Self { of: Vec::new(), room: MAX_BYTES }
    }
}

impl Inputs {
    /// In the order of the turns.
    pub fn list(&self) -> &[Input] {
        &self.of
    }

    pub fn note(&mut self, node: &PlanNode, item: &[u32], context: &Context) {
        let mut values = BTreeMap::new();
        for path in &node.reads {
            let value = context.get(path).map_or(Value::Null, |value| value.into_owned());
            let bytes = value.to_string().len();
            let value = if bytes > MAX_VALUE_BYTES { format!("… {bytes} bytes").into() } else { value };
            // What does not fit is the end of it, so that nothing is missing in between.
            self.room = self.room.saturating_sub(bytes.min(MAX_VALUE_BYTES));
            if self.room == 0 {
                break;
            }
            values.insert(shown(path), value);
        }
        if !values.is_empty() {
            self.of.push(Input { node: node.id.clone(), item: item.to_vec(), values });
        }
    }
}
