//! Database effects: one set-based statement for each kind, whatever the number of executions.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use uuid::Uuid;

use super::cause::Causes;
use super::deliveries::hand_over;
use super::session::{Session, Sql, StoreError};
use super::starting::start_workflows;
use crate::domain::effect::{Answer, Effect, Request};
use crate::domain::execution::Change;
use crate::domain::ids::{EffectId, ExecutionId, WorkflowId};

// Targets are locked in key order before they are written, or daemons that meet in one balance deadlock.
pub(super) static LOCK_BALANCES: Sql = Sql {
    name: "lock_balances",
    text: "select customer_id from public.loyalty_points where customer_id = any ($1::uuid[])
           order by customer_id for update",
};
pub(super) static AWARD_POINTS: Sql =
    Sql { name: "award_points", text: include_str!("sql/award_points.sql") };
pub(super) static CREATE_DEPOSITS: Sql =
    Sql { name: "create_deposits", text: include_str!("sql/create_deposits.sql") };

/// A request with the execution that makes it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whose.
    pub execution: ExecutionId,
    /// Of which workflow.
    pub workflow: WorkflowId,
    /// Its lane: a delivery comes back through it.
    pub lane: i16,
    /// The depth of its event.
    pub depth: i16,
    /// The customer whom it is about.
    pub customer: Option<Uuid>,
    /// What.
    pub request: Request,
}

/// Applies all requests of a wave, in one transaction that the caller holds. The answers by effect.
///
/// Kinds go in one fixed order and targets in key order, so that batches never wait in a circle.
///
/// # Errors
/// [`StoreError`]; what can be foreseen (no such customer) is an [`Answer::Refused`] instead.
pub async fn apply(
    session: &Session,
    causes: &mut Causes,
    asked: &[Asked],
) -> Result<HashMap<EffectId, Answer>, StoreError> {
    let (told, points, deposits, started, deliveries) = tokio::join!(
        biased;
        causes.tell(session, asked),
        award_points(session, asked),
        create_deposits(session, asked),
        start_workflows(session, asked),
        hand_over(session, asked),
    );
    told?;
    let mut answers = points?;
    answers.extend(deposits?);
    answers.extend(started?);
    answers.extend(deliveries?);
    Ok(answers)
}

async fn award_points(session: &Session, asked: &[Asked]) -> Result<HashMap<EffectId, Answer>, StoreError> {
    let mut ids: Vec<Uuid> = Vec::new();
    let (mut customers, mut orders, mut points) = (Vec::new(), Vec::new(), Vec::new());
    let (mut reasons, mut executions) = (Vec::new(), Vec::new());
    for Asked { execution, request, .. } in asked {
        if let Effect::AwardPoints { customer, order, points: award, reason } = &request.effect {
            ids.push(request.id.0);
            customers.push(*customer);
            orders.push(*order);
            points.push(*award);
            reasons.push(reason.as_str());
            executions.push(execution.0);
        }
    }
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut targets: Vec<Uuid> = customers.iter().copied().collect::<HashSet<_>>().into_iter().collect();
    targets.sort_unstable();
    let (locked, rows) = tokio::join!(
        biased;
        async { session.execute(&LOCK_BALANCES, &[&targets]).await },
        async { session.query(&AWARD_POINTS, &[&ids, &customers, &orders, &points, &reasons, &executions]).await },
    );
    locked?;
    let rows = rows?;

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
                why: format!("{} points, awarded before", points[n]),
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

async fn create_deposits(
    session: &Session,
    asked: &[Asked],
) -> Result<HashMap<EffectId, Answer>, StoreError> {
    let mut ids: Vec<Uuid> = Vec::new();
    let (mut orders, mut amounts, mut currencies) = (Vec::new(), Vec::new(), Vec::new());
    let (mut dues, mut executions, mut amounts_in_words) = (Vec::new(), Vec::new(), Vec::new());
    for Asked { execution, request, .. } in asked {
        if let Effect::CreateDeposit { order, amount, due } = &request.effect {
            ids.push(request.id.0);
            orders.push(*order);
            amounts.push(amount.amount_minor);
            amounts_in_words.push(amount.to_string());
            currencies.push(amount.currency.as_str());
            dues.push(*due);
            executions.push(execution.0);
        }
    }
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows =
        session.query(&CREATE_DEPOSITS, &[&ids, &orders, &amounts, &currencies, &dues, &executions]).await?;
    let by_id: HashMap<Uuid, usize> = ids.iter().enumerate().map(|(n, id)| (*id, n)).collect();
    let mut answers = HashMap::with_capacity(ids.len());
    for row in &rows {
        let id: Uuid = row.get("id");
        let Some(&n) = by_id.get(&id) else { continue };
        let currency: Option<&str> = row.get("order_currency");
        let answer = if !row.get::<_, bool>("order_known") {
            Answer::Refused { reason: format!("there is no order {}", orders[n]) }
        } else if currency != Some(currencies[n]) {
            let has = currency.unwrap_or("another currency");
            Answer::Refused { reason: format!("the order is in {has}, the deposit in {}", currencies[n]) }
        } else {
            let whole = json!({ "order_id": orders[n], "amount": amounts[n], "currency": currencies[n],
                "due_date": dues[n], "status": "pending" });
            let change =
                Change { table: "deposits".into(), key: id.to_string(), before: None, after: Some(whole) };
            Answer::Done {
                result: json!({ "deposit_id": id, "amount": amounts[n], "currency": currencies[n],
                    "due_date": dues[n] }),
                changes: if row.get("entered_now") { vec![change] } else { Vec::new() },
                why: format!("{} until {}", amounts_in_words[n], dues[n].format("%Y-%m-%d")),
            }
        };
        answers.insert(EffectId(id), answer);
    }
    Ok(answers)
}

/// Why a recipient is sent no mail, in words.
fn not_mailed(reason: &str) -> String {
    let words = match reason {
        "unsubscribed" | "withdrawn" => "the recipient wants no such mails any more",
        "bounced" => "mails to this address came back: there is no such mailbox",
        "complained" => "the recipient called a mail of ours spam",
        "by_hand" => "an admin suppressed the address",
        "erased" => "the recipient's data was erased",
        "no_consent" => "the recipient never agreed to marketing mails (`consents`)",
        "capped" => "the recipient was sent as many marketing mails as they may be (mail.marketing_cap)",
        other => other,
    };
    format!("{words} ({reason})")
}

/// What a delivery's state means to the execution that asked for it. `attempt` in what came of it tells how many there were.
pub fn delivered(status: &str, mut result: Option<Value>) -> Answer {
    let attempts = result.as_mut().and_then(Value::as_object_mut).and_then(|result| result.remove("attempt"));
    let text = |field: &str| result.as_ref().and_then(|r| r.get(field)).and_then(Value::as_str);
    let answer = match status {
        "sent" => {
            let number = result.as_ref().and_then(|result| result.get("status")).and_then(Value::as_u64);
            let why = match (number, text("to")) {
                (Some(number), _) => format!("answered with {number}"),
                (None, to) => format!("sent to {}", to.unwrap_or("the customer")),
            };
            Answer::Done { result: result.unwrap_or(Value::Null), changes: Vec::new(), why }
        }
        // Whom a mail is not for is no failure.
        "suppressed" => {
            let why = format!("not sent: {}", not_mailed(text("reason").unwrap_or_default()));
            Answer::Done { result: result.unwrap_or(Value::Null), changes: Vec::new(), why }
        }
        "refused" | "unknown" => {
            let reason = text("reason").unwrap_or("no reason was given");
            Answer::Refused { reason: format!("the delivery is {status}: {reason}") }
        }
        "cancelled" => Answer::Refused { reason: "the delivery was cancelled before it was sent".into() },
        _ => return Answer::Handed { why: "it is on its way".into() },
    };
    match attempts
        .and_then(|attempts| u16::try_from(attempts.as_u64()?).ok())
        .filter(|attempts| *attempts > 1)
    {
        Some(attempts) => Answer::Tried { attempts, answer: Box::new(answer) },
        None => answer,
    }
}
