//! Embeddings: the answer of a model's server becomes a post's vector, and not a step's result.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::delivery::DeliveryError;
use crate::domain::retry::Trouble;
use crate::engine::listen::Side;
use crate::engine::side_session;
use crate::store::embeddings::store;

/// What a step says whose key nobody has stored.
pub(super) fn off(secret: &str) -> Value {
    json!({ "status": 0, "stored": false, "why": format!("off: no secret `{secret}` is stored") })
}

/// Stores what an OpenAI-compatible server answered. What later nodes see.
///
/// # Errors
/// [`DeliveryError`]: the answer has no embedding, it does not fit, or the database is away.
pub(super) async fn keep(mut side: Side, post: Uuid, answer: &Value) -> Result<Value, DeliveryError> {
    let refused = |reason: String| DeliveryError::Refused { peer: "thendo".into(), reason };
    let numbers = answer.pointer("/body/data/0/embedding").and_then(Value::as_array);
    let numbers: Option<Vec<f32>> = numbers
        .and_then(|all| all.iter().map(|number| number.as_f64().map(|number| number as f32)).collect());
    let numbers = numbers.filter(|numbers| numbers.iter().all(|number| number.is_finite()));
    let numbers =
        numbers.ok_or_else(|| refused("the answer has no embedding at data[0].embedding".into()))?;
    let session = side_session(&mut side).await;
    let stored = store(&session, post, &numbers).await.map_err(|error| DeliveryError::Transient {
        peer: "the database".into(),
        trouble: Trouble::Connection,
        retry_after: None,
        source: error.into(),
    })?;
    match stored {
        Some(fault) => Err(refused(fault)),
        None => Ok(json!({ "status": answer["status"], "stored": true, "dimensions": numbers.len(),
            "model": answer.pointer("/body/model") })),
    }
}
