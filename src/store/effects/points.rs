//! Points awarded: what shops do most, in one statement for ledger and balances.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Asked;
use crate::domain::effect::{Answer, Effect};
use crate::domain::execution::Change;
use crate::domain::ids::EffectId;
use crate::store::session::{Session, Sql, StoreError};

pub(in crate::store) static AWARD_POINTS: Sql =
    Sql { name: "award_points", text: include_str!("../sql/award_points.sql") };

/// Awards points, in the order of the balances.
pub(super) async fn award(
    session: &Session,
    asked: &[Asked],
) -> Result<HashMap<EffectId, Answer>, StoreError> {
    let mut ids: Vec<Uuid> = Vec::new();
    let (mut customers, mut orders, mut points) = (Vec::new(), Vec::new(), Vec::new());
    let (mut reasons, mut executions, mut expiries) =
        (Vec::new(), Vec::new(), Vec::<Option<DateTime<Utc>>>::new());
    for Asked { execution, request, .. } in asked {
        if let Effect::AwardPoints { customer, order, points: award, reason, expires } = &request.effect {
            ids.push(request.id.0);
            customers.push(*customer);
            orders.push(*order);
            points.push(*award);
            reasons.push(reason.as_str());
            executions.push(execution.0);
            expiries.push(*expires);
        }
    }
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let values: [&(dyn ToSql + Sync); 7] =
        [&ids, &customers, &orders, &points, &reasons, &executions, &expiries];
    let rows = session.query(&AWARD_POINTS, &values).await?;
    let by_id: HashMap<Uuid, usize> = ids.iter().enumerate().map(|(n, id)| (*id, n)).collect();
    // What is not seen belongs to nobody.
    let mut seen: Vec<Option<(bool, i64)>> = vec![None; ids.len()];
    for row in &rows {
        if let Some(n) = by_id.get(&row.get::<_, Uuid>("id")) {
            seen[*n] = Some((row.get("entered_now"), row.get("balance")));
        }
    }
    // The statement gives the balance after the whole wave: walk back to what each award found.
    let mut running: HashMap<Uuid, i64> = HashMap::new();
    for (n, seen) in seen.iter().enumerate() {
        if let Some((entered, balance)) = seen {
            let entry = running.entry(customers[n]).or_insert(*balance);
            *entry -= if *entered { points[n] } else { 0 };
        }
    }
    let mut answers = HashMap::with_capacity(ids.len());
    for (n, id) in ids.iter().enumerate() {
        let answer = match seen[n] {
            Some((true, _)) => {
                let before = running.get(&customers[n]).copied().unwrap_or(0);
                running.insert(customers[n], before + points[n]);
                awarded(*id, customers[n], points[n], before)
            }
            Some((false, balance)) => Answer::Done {
                result: json!({ "points": points[n], "balance": balance }),
                changes: Vec::new(),
                why: match points[n] {
                    0 => "no points to award".into(),
                    points => format!("{points} points, awarded before"),
                },
            },
            None => Answer::Refused { reason: format!("there is no customer {}", customers[n]) },
        };
        answers.insert(EffectId(*id), answer);
    }
    Ok(answers)
}

fn awarded(id: Uuid, customer: Uuid, points: i64, before: i64) -> Answer {
    let balance = before + points;
    Answer::Done {
        result: json!({ "points": points, "balance": balance }),
        changes: vec![
            Change {
                table: "loyalty_ledger".into(),
                key: id.to_string(),
                before: None,
                after: Some(json!({ "points": points })),
            },
            Change {
                table: "loyalty_points".into(),
                key: customer.to_string(),
                before: Some(json!({ "balance": before })),
                after: Some(json!({ "balance": balance })),
            },
        ],
        why: format!("{points} points: {before} → {balance}"),
    }
}
