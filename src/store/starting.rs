//! Starting workflows by hand, or by other workflows.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::effects::Asked;
use super::session::{Session, Sql, StoreError};
use crate::domain::effect::{Answer, Effect};
use crate::domain::ids::EffectId;

pub(super) static START_WORKFLOWS: Sql = Sql {
    name: "start_workflows",
    text: "select id, workflow_id from public.start_workflows($1, $2, $3, $4, $5)",
};

/// Starts what is asked for, in the transaction that the caller holds.
///
/// # Errors
/// [`StoreError`]; a workflow that is not in force is refused.
pub(super) async fn start_workflows(
    session: &Session,
    asked: &[Asked],
) -> Result<HashMap<EffectId, Answer>, StoreError> {
    let (mut ids, mut names, mut by, mut depths) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut inputs: Vec<Json<&Map<String, Value>>> = Vec::new();
    for Asked { execution, depth, request, .. } in asked {
        if let Effect::StartWorkflow { workflow, input } = &request.effect {
            ids.push(request.id.0);
            names.push(workflow.as_str());
            inputs.push(Json(input));
            by.push(format!("execution {execution}"));
            depths.push(i32::from(*depth) + 1);
        }
    }
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = session.query(&START_WORKFLOWS, &[&ids, &names, &inputs, &by, &depths]).await?;
    let name_of: HashMap<Uuid, &str> = ids.iter().copied().zip(names.iter().copied()).collect();
    let answer = |row: &tokio_postgres::Row| {
        let (id, workflow): (Uuid, Option<Uuid>) = (row.get("id"), row.get("workflow_id"));
        let name = name_of.get(&id).copied().unwrap_or_default();
        let answer = match workflow {
            Some(workflow) => Answer::Done {
                result: json!({"workflow_id": workflow, "event_id": id}),
                changes: Vec::new(),
                why: format!("started `{name}`"),
            },
            None => Answer::Refused {
                reason: format!(
                    "there is no workflow `{name}` in force that begins with `manual`, or several are called so"
                ),
            },
        };
        (EffectId(id), answer)
    };
    Ok(rows.iter().map(answer).collect())
}
