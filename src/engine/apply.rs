//! Advance and apply, in waves: what all executions of a batch ask for is done in one statement for each
//! kind, the answers are fed back, and they advance again, until all have ended or rest.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::advance::Run;
use crate::domain::effect::{Answer, Effect, Email};
use crate::store::effects::{self, Asked};
use crate::store::executions::Identity;
use crate::store::session::{Session, StoreError};
use crate::workflow::plan::Plan;

/// An execution that moves.
pub struct Running {
    /// Which, and where it belongs.
    pub identity: Identity,
    /// What it follows.
    pub plan: Arc<Plan>,
    /// How far it is.
    pub run: Run,
}

/// What becomes of effects that leave the database.
pub enum Deliveries {
    /// They are handed to the deliverers; the execution rests until they are done.
    HandOver,
    /// They are only rendered, and the execution goes on as if they were done.
    Render(Vec<Email>),
}

/// Moves `running` as far as they go, within a transaction that the caller holds.
/// Tells whether anything was handed over.
///
/// # Errors
/// [`StoreError`]; the transaction is then to be rolled back.
pub async fn in_waves(
    session: &Session,
    running: &mut [Running],
    now: DateTime<Utc>,
    deliveries: &mut Deliveries,
) -> Result<bool, StoreError> {
    let mut handed = false;
    // Those that got an answer in the last wave; the others have nothing new to say.
    let mut moving: Vec<usize> = (0..running.len()).collect();
    while !moving.is_empty() {
        let mut asked = Vec::new();
        let mut owners = Vec::new();
        for &n in &moving {
            let Running { identity, plan, run } = &mut running[n];
            for request in run.advance(plan, now) {
                owners.push(n);
                asked.push(Asked { execution: identity.id, lane: identity.lane, request });
            }
        }
        if asked.is_empty() {
            break;
        }
        let mut answers = effects::apply(session, &asked).await?;
        for (asked, n) in asked.iter().zip(&owners) {
            let mut answer = answers.remove(&asked.request.id).unwrap_or_else(|| Answer::Refused {
                reason: "the database gave no answer for this effect".into(),
            });
            if let (Answer::Handed { .. }, Deliveries::Render(rendered)) = (&answer, &mut *deliveries) {
                answer = as_if_done(asked, rendered);
            }
            handed |= matches!(answer, Answer::Handed { .. });
            let Running { plan, run, .. } = &mut running[*n];
            run.answer(plan, &asked.request.node, answer, now);
        }
        owners.dedup();
        moving = owners;
    }
    Ok(handed)
}

fn as_if_done(asked: &Asked, rendered: &mut Vec<Email>) -> Answer {
    let Effect::SendEmail(email) = &asked.request.effect else {
        return Answer::Refused { reason: "only mails are handed over".into() };
    };
    rendered.push(email.clone());
    let result = json!({ "message_id": asked.request.id.0, "to": email.to, "subject": email.subject, "status": "rendered" });
    Answer::Done { result, changes: Vec::new(), why: format!("rendered for {}, not sent", email.to) }
}
