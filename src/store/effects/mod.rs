//! Database effects: one set-based statement for each kind, whatever the number of executions.

mod points;
mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use uuid::Uuid;

use super::cause::Causes;
use super::deliveries::{FINISH, HAND_OVER, LEASE, POSTPONE, hand_over};
use super::session::{Session, Sql, StoreError};
use super::starting::{START_WORKFLOWS, start_workflows};
use crate::domain::effect::{Answer, Effect, EffectKind, Request, Target};
use crate::domain::ids::{EffectId, ExecutionId, WorkflowId};

pub(super) use points::AWARD_POINTS;
pub use rows::STATEMENTS;

// What is judged is locked in key order before it is, or daemons that meet in one row deadlock.
macro_rules! lock {
    ($target:ident, $name:literal, $table:literal, $key:literal, $strength:literal) => {
        (
            Target::$target,
            Sql {
                name: $name,
                text: concat!(
                    "select ",
                    $key,
                    " from public.",
                    $table,
                    " where ",
                    $key,
                    " = any ($1::uuid[]) order by ",
                    $key,
                    " for ",
                    $strength
                ),
            },
        )
    };
}
pub(super) static LOCKS: [(Target, Sql); 4] = [
    // Rows refer to customers and orders: who only adds such a row is not to wait.
    lock!(Customer, "lock_customers", "customers", "id", "no key update"),
    lock!(Order, "lock_orders", "orders", "id", "no key update"),
    lock!(Deposit, "lock_deposits", "deposits", "id", "no key update"),
    lock!(Balance, "lock_balances", "loyalty_points", "customer_id", "update"),
];

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

/// The statements that effects of a kind can't do without, beside those that every batch sends.
pub fn carried_by(kind: EffectKind) -> Vec<&'static Sql> {
    match kind {
        EffectKind::AwardPoints => vec![&AWARD_POINTS],
        EffectKind::Rows(name) => {
            let own = STATEMENTS.iter().copied().filter(|sql| sql.name == name);
            let judged = rows::judged(name);
            own.chain(LOCKS.iter().filter(|(target, _)| Some(*target) == judged).map(|(_, sql)| sql))
                .collect()
        }
        EffectKind::StartWorkflow => vec![&START_WORKFLOWS],
        EffectKind::Delivery => vec![&HAND_OVER, &LEASE, &FINISH, &POSTPONE],
    }
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
    let rounds = rows::rounds(asked);
    if let Some(first) = rounds.first() {
        // A pause between two statements lets others in front.
        session.prepare_all(&first.iter().map(rows::Group::statement).collect::<Vec<_>>()).await?;
    }
    let (told, locked, points, rows, started, deliveries) = tokio::join!(
        biased;
        causes.tell(session, asked),
        lock_targets(session, asked),
        points::award(session, asked),
        rows::write(session, &rounds),
        start_workflows(session, asked),
        hand_over(session, asked),
    );
    told?;
    locked?;
    let mut answers = points?;
    answers.extend(rows?);
    answers.extend(started?);
    answers.extend(deliveries?);
    Ok(answers)
}

/// Locks all rows that the effects of a wave judge, table by table.
async fn lock_targets(session: &Session, asked: &[Asked]) -> Result<(), StoreError> {
    let judges_balances = |asked: &Asked| match &asked.request.effect {
        Effect::Rows(rows) => rows.targets.iter().any(|(target, _)| *target == Target::Balance),
        _ => false,
    };
    // Awards alone write their balances in key order by themselves.
    let judged = asked.iter().any(judges_balances);
    let mut targets: BTreeMap<Target, BTreeSet<Uuid>> = BTreeMap::new();
    for Asked { request, .. } in asked {
        match &request.effect {
            Effect::AwardPoints { customer, .. } if judged => {
                targets.entry(Target::Balance).or_default().insert(*customer);
            }
            Effect::Rows(rows) => {
                for (target, key) in &rows.targets {
                    targets.entry(*target).or_default().insert(*key);
                }
            }
            _ => {}
        }
    }
    let locks = LOCKS.iter().filter_map(|(target, sql)| {
        let keys: Vec<Uuid> = targets.get(target)?.iter().copied().collect();
        Some(async move { session.execute(sql, &[&keys]).await })
    });
    for locked in futures_util::future::join_all(locks).await {
        locked?;
    }
    Ok(())
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
