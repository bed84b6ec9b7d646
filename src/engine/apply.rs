//! Advance and apply, in waves: what all executions of a batch ask for is done in one statement for each
//! kind, the answers are fed back, and they advance again, until all have ended or rest.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::advance::Run;
use crate::domain::effect::{Answer, Effect, HttpRequest, Outgoing};
use crate::domain::ids::{EffectId, NodeId};
use crate::mail::content::finish;
use crate::store::cause::Causes;
use crate::store::effects::{self, Asked};
use crate::store::executions::Identity;
use crate::store::rights::Rights;
use crate::store::session::{ErrorClass, Session, StoreError};
use crate::workflow::mails::Mails;
use crate::workflow::plan::Plan;

/// Savepoints that a transaction keeps at most, and that are tried at once beyond them. Every savepoint that is kept is a
/// subtransaction until the commit, and more than 64 of them at any one time slow every snapshot of the whole server: these,
/// those that are tried, and the one around these stay below.
const MOST_SAVEPOINTS: usize = 30;

/// Savepoints that a transaction has kept so far: one count for each transaction, however often its executions are moved.
#[derive(Debug, Default)]
pub struct Kept(usize);

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
    Render(Rendering),
}

/// What would have left, with its effect and the node that asked for it.
type Left = (EffectId, NodeId, Outgoing);

/// What a test run makes of effects.
#[derive(Default)]
pub struct Rendering {
    /// What would have left.
    pub outgoing: Vec<Left>,
    /// What actions are assumed to have given: they do nothing then.
    pub results: BTreeMap<NodeId, Value>,
    /// Under whose rights rows must be writable, too.
    pub rights: Option<Rights>,
    /// Actions that were done and wrote no row: whether those rights would do is not known.
    pub untried: BTreeSet<NodeId>,
}

impl Rendering {
    fn note_untried(&mut self, asked: &Asked, answer: &Answer) {
        let node = &asked.request.node;
        let leaves = matches!(asked.request.effect, Effect::SendEmail(_) | Effect::HttpRequest(_));
        let is_empty = matches!(answer, Answer::Done { changes, .. } if changes.is_empty());
        if self.rights.is_some() && is_empty && !leaves && !self.results.contains_key(node) {
            self.untried.insert(node.clone());
        }
    }
}

impl Deliveries {
    fn rights(&self) -> Option<&Rights> {
        match self {
            Self::HandOver => None,
            Self::Render(rendering) => rendering.rights.as_ref(),
        }
    }

    /// Answers that are assumed.
    fn assumed(&mut self, asked: &[Asked]) -> HashMap<EffectId, Answer> {
        let mut answers = HashMap::new();
        if let Self::Render(rendering) = self {
            for asked in asked {
                let Some(result) = rendering.results.get(&asked.request.node).cloned() else { continue };
                // What can't be rendered is wrong, whatever would have come of it.
                let mut answer = match asked.request.effect {
                    Effect::SendEmail(_) | Effect::HttpRequest(_) => {
                        as_if_done(asked, &mut rendering.outgoing)
                    }
                    _ => Answer::Done { result: Value::Null, changes: Vec::new(), why: String::new() },
                };
                if let Answer::Done { result: given, why, .. } = &mut answer {
                    (*given, *why) = (result, "its result is assumed".to_owned());
                }
                answers.insert(asked.request.id, answer);
            }
        }
        answers
    }
}

/// How a batch goes about its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// All requests of a wave together; given up when so much time went into plans, conditions and templates,
    /// for a transaction must not last. (The way to the server is not the batch's fault, nor shorter for fewer.)
    Together(Duration),
    /// Each request under a savepoint of its own: one that fails is refused, and only that, if constraints are checked at once
    /// ([`check_at_once`](crate::store::constraints::check_at_once)).
    OneByOne,
}

/// Why a batch is rolled back.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database said so.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It took too long: to be done again in smaller parts.
    #[error("the batch took too long and is done again in smaller parts")]
    TooLong,
    /// One of its rows was in hand when a daemon died.
    #[error("a daemon died with one of the batch's rows in hand; they are taken one by one")]
    Suspects,
    /// Likewise, and only a moment ago.
    #[error("a daemon died with this row in hand a moment ago; it is taken later")]
    TooSoon,
    /// Daemons died of it.
    #[error("daemons died again and again with this row in hand")]
    Deadly,
    /// It could not be written down what is in hand.
    #[error("it could not be written down what the batch has in hand")]
    Unsaid(#[source] StoreError),
}

/// What moving came to.
#[derive(Debug, Clone, Copy)]
pub struct Moved {
    /// Something was handed to the deliverers.
    pub handed: bool,
    /// Time spent on plans, conditions and templates.
    pub thought: Duration,
}

/// Moves `running` as far as they go, within a transaction that the caller holds, which has `kept` so many savepoints.
/// `mails` are the stored ones.
///
/// # Errors
/// [`Fault`]; the transaction is then to be rolled back.
pub async fn in_waves(
    session: &Session,
    running: &mut [Running],
    mails: &Arc<Mails>,
    now: DateTime<Utc>,
    manner: Manner,
    deliveries: &mut Deliveries,
    kept: &mut Kept,
) -> Result<Moved, Fault> {
    running.iter_mut().for_each(|of| of.run.set_mails(mails));
    let mut causes = Causes::default();
    let mut moved = Moved { handed: false, thought: Duration::ZERO };
    // Those that got an answer in the last wave; the others have nothing new to say.
    let mut moving: Vec<usize> = (0..running.len()).collect();
    while !moving.is_empty() {
        let mut asked = Vec::new();
        let mut owners = Vec::new();
        let began = Instant::now();
        for &n in &moving {
            if matches!(manner, Manner::Together(most) if moved.thought + began.elapsed() > most) {
                return Err(Fault::TooLong);
            }
            let Running { identity, plan, run } = &mut running[n];
            for request in run.advance(plan, now) {
                tracing::debug!(execution = %identity.id, workflow = %identity.workflow, event = %identity.event,
                    node = %request.node, "asks for an effect");
                owners.push(n);
                let (execution, workflow, lane) = (identity.id, identity.workflow, identity.lane);
                let (depth, customer) = (run.context().depth(), run.context().customer_id());
                asked.push(Asked { execution, workflow, lane, depth, customer, request });
            }
        }
        moved.thought += began.elapsed();
        if asked.is_empty() {
            break;
        }
        let assumed = deliveries.assumed(&asked);
        let todo = match assumed.is_empty() {
            true => Cow::Borrowed(&asked),
            false => Cow::Owned(
                asked.iter().filter(|of| !assumed.contains_key(&of.request.id)).cloned().collect::<Vec<_>>(),
            ),
        };
        let mut answers = match manner {
            Manner::Together(_) => effects::apply(session, &mut causes, &todo).await?,
            Manner::OneByOne => one_by_one(session, &mut causes, &todo, kept, deliveries.rights()).await?,
        };
        answers.extend(assumed);
        for (asked, n) in asked.iter().zip(&owners) {
            let mut answer = answers.remove(&asked.request.id).unwrap_or_else(|| Answer::Refused {
                reason: "the database gave no answer for this effect".into(),
            });
            if let Deliveries::Render(rendering) = deliveries {
                rendering.note_untried(asked, &answer);
                answer = rendered_by(asked, answer, &mut rendering.outgoing);
            }
            moved.handed |= matches!(answer, Answer::Handed { .. });
            let Running { identity, plan, run } = &mut running[*n];
            tracing::debug!(execution = %identity.id, workflow = %identity.workflow, event = %identity.event,
                node = %asked.request.node, answer = answer.name(), "is answered");
            run.answer(plan, &asked.request.node, &asked.request.item, answer, now);
        }
        owners.dedup();
        moving = owners;
    }
    Ok(moved)
}

/// Applies each request by itself. What the database refuses, say by a trigger of the shop's own that
/// raises, is the refused effect's business and nobody else's.
async fn one_by_one(
    session: &Session,
    causes: &mut Causes,
    asked: &[Asked],
    kept: &mut Kept,
    rights: Option<&Rights>,
) -> Result<HashMap<EffectId, Answer>, StoreError> {
    let mut answers = HashMap::with_capacity(asked.len());
    for portion in asked.chunks(MOST_SAVEPOINTS) {
        if kept.0 + portion.len() <= MOST_SAVEPOINTS {
            kept.0 += portion.len();
            answers.extend(each(session, causes, portion, rights).await?);
            continue;
        }
        // Nothing more can be kept. So it is only found out who is refused; the others are then applied together.
        session.transaction("savepoint portion").await?;
        let tried = each(session, causes, portion, rights).await?;
        session.transaction("rollback to savepoint portion; release savepoint portion").await?;
        let refused = |asked: &&Asked| matches!(tried.get(&asked.request.id), Some(Answer::Refused { .. }));
        let good: Vec<Asked> = portion.iter().filter(|asked| !refused(asked)).cloned().collect();
        let applied = effects::apply(session, causes, &good).await?;
        answers.extend(tried);
        answers.extend(applied);
    }
    Ok(answers)
}

/// Each request under a savepoint of its own.
async fn each(
    session: &Session,
    causes: &mut Causes,
    asked: &[Asked],
    rights: Option<&Rights>,
) -> Result<HashMap<EffectId, Answer>, StoreError> {
    let mut answers = HashMap::with_capacity(asked.len());
    for asked in asked {
        session.transaction("savepoint effect").await?;
        let applied = match rights {
            None => effects::apply(session, causes, std::slice::from_ref(asked)).await,
            Some(rights) => under(rights, session, causes, asked).await,
        };
        match applied {
            Ok(answer) => {
                answers.extend(answer);
                session.transaction("release savepoint effect").await?;
            }
            Err(error) if error.class() == ErrorClass::Other => {
                session.transaction("rollback to savepoint effect; release savepoint effect").await?;
                answers.insert(asked.request.id, Answer::Refused { reason: error.reason() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(answers)
}

/// Applies a request unless somebody's rights would not do for the rows that it writes.
async fn under(
    rights: &Rights,
    session: &Session,
    causes: &mut Causes,
    asked: &Asked,
) -> Result<HashMap<EffectId, Answer>, StoreError> {
    let answers = effects::apply(session, causes, std::slice::from_ref(asked)).await?;
    let changes = answers.values().flat_map(|answer| match answer {
        Answer::Done { changes, .. } => &changes[..],
        _ => &[],
    });
    let changes: Vec<_> = changes.cloned().collect();
    if changes.is_empty() {
        return Ok(answers);
    }
    match rights.refuse(session, &changes).await? {
        Some(reason) => Ok(HashMap::from([(asked.request.id, Answer::Refused { reason })])),
        None => effects::apply(session, causes, std::slice::from_ref(asked)).await,
    }
}

/// What a test run makes of an answer: nothing leaves.
fn rendered_by(asked: &Asked, answer: Answer, outgoing: &mut Vec<Left>) -> Answer {
    match (&answer, &asked.request.effect) {
        (Answer::Handed { .. }, _) => return as_if_done(asked, outgoing),
        (Answer::Done { why, .. }, Effect::SendEmail(email))
            if !outgoing.iter().any(|(id, ..)| *id == asked.request.id) =>
        {
            let what = Outgoing::SuppressedEmail { email: email.clone(), suppressed: why.clone() };
            outgoing.push((asked.request.id, asked.request.node.clone(), what));
        }
        _ => {}
    }
    answer
}

fn as_if_done(asked: &Asked, outgoing: &mut Vec<Left>) -> Answer {
    let mut leaves = |what| outgoing.push((asked.request.id, asked.request.node.clone(), what));
    let (result, why) = match &asked.request.effect {
        Effect::SendEmail(email) => {
            let email = match finish(email.clone()) {
                Ok(email) => email,
                Err(fault) => return Answer::Refused { reason: fault.to_string() },
            };
            let done = (
                json!({ "message_id": asked.request.id.0, "to": email.to, "subject": email.subject,
                    "status": "rendered" }),
                format!("rendered for {}, not sent", email.to),
            );
            leaves(Outgoing::Email(email));
            done
        }
        Effect::HttpRequest(request) => {
            let HttpRequest { method, url, .. } = request;
            leaves(Outgoing::Http(request.clone().masked()));
            (
                json!({ "status": 200, "headers": {}, "body": null }),
                format!("{method} {url}: rendered, not sent"),
            )
        }
        _ => return Answer::Refused { reason: "only mails and requests are handed over".into() },
    };
    Answer::Done { result, changes: Vec::new(), why }
}
