//! Right before mails are sent: may they be? What was so when they were handed over may be so no more.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::ids::EffectId;
use crate::domain::mail::Consent;
use crate::engine::figures::list;
use crate::store::deliveries::{Finished, Leased};
use crate::store::mails::{Cap, Stop, count};
use crate::store::session::{Session, StoreError};

/// Leased deliveries, parted.
#[derive(Default)]
pub(super) struct Judged {
    /// To be sent.
    pub go: Vec<Leased>,
    /// Whose recipients are not to be sent them.
    pub suppressed: Vec<Finished>,
    /// To be looked at again: id, token, and that they had not begun.
    pub later: Vec<(EffectId, Uuid, bool)>,
}

/// Parts what was leased.
///
/// # Errors
/// [`StoreError`], and what was leased: none of it has begun.
pub(super) async fn judged(
    session: &Session,
    leased: Vec<Leased>,
    cap: Cap,
) -> Result<Judged, (StoreError, Vec<Leased>)> {
    let counting: Vec<(EffectId, &str)> = leased.iter().filter_map(counts).collect();
    let mut stopped = match count(session, &counting, cap).await {
        Ok(stopped) => stopped,
        Err(error) => return Err((error, leased)),
    };
    let mut judged = Judged::default();
    for mut delivery in leased {
        let stop = delivery.stop.take().map(Stop::Suppressed).or_else(|| stopped.remove(&delivery.id));
        match stop {
            None => judged.go.push(delivery),
            Some(Stop::Later) => judged.later.push((delivery.id, delivery.token, false)),
            Some(Stop::Suppressed(reason)) => {
                let Leased { id, token, of, payload, .. } = delivery;
                let to = payload.ok().and_then(|payload| payload.get("to").cloned());
                let result = json!({ "status": "suppressed", "to": to, "reason": reason });
                metrics::counter!(list::DELIVERIES, "kind" => "email", "status" => "suppressed").increment(1);
                judged.suppressed.push(Finished {
                    id,
                    token,
                    of,
                    status: "suppressed",
                    result,
                    bounced: None,
                });
            }
        }
    }
    Ok(judged)
}

/// A marketing mail counts for its recipient, unless it did at an earlier attempt.
fn counts(delivery: &Leased) -> Option<(EffectId, &str)> {
    let payload = delivery.payload.as_ref().ok().filter(|_| delivery.kind == "email")?;
    let is_marketing = payload.get("consent").and_then(Value::as_str) == Some(Consent::Marketing.as_str());
    let counts = is_marketing && delivery.stop.is_none() && delivery.attempt <= 1;
    Some((delivery.id, payload.get("to")?.as_str()?)).filter(|_| counts)
}
