//! What an execution would have done, in the terms by which it is counted and compared.

use serde_json::Value;

use super::tally::hash_of;
use crate::domain::effect::{Answer, Effect, Request};
use crate::domain::execution::{Step, StepOutcome};
use crate::engine::apply::Deliveries;
use crate::workflow::plan::{Plan, Work};

/// What is added up of an effect.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Amount {
    None,
    Points(i64),
    /// Currency and minor units.
    Money(String, i64),
    /// An address.
    Mail(String),
}

/// An effect that was done.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Happened {
    /// The kind of the node that asked for it.
    pub kind: &'static str,
    pub amount: Amount,
    /// In words, where versions are compared.
    pub what: String,
    /// A hash of all that it says beside.
    pub content: u64,
}

impl Happened {
    /// `None` if it was not done. `in_words` if it is to be compared.
    pub fn of(plan: &Plan, request: &Request, answer: &Answer, in_words: bool) -> Option<Self> {
        let Answer::Done { result, .. } = answer else { return None };
        let kind = plan.position(&request.node).and_then(|at| plan.node(at)).map_or("unknown", |of| of.kind);
        let amount = match &request.effect {
            Effect::AwardPoints { points, .. } => Amount::Points(*points),
            Effect::Rows(rows) if matches!(rows.kind, "redeem_points" | "reverse_points") => {
                Amount::Points(result["points"].as_i64().unwrap_or(0))
            }
            Effect::Rows(rows) if rows.kind == "create_deposit" => {
                let currency = result["currency"].as_str().unwrap_or("unknown").to_owned();
                Amount::Money(currency, result["amount"].as_i64().unwrap_or(0))
            }
            Effect::SendEmail(email) => Amount::Mail(email.to.clone()),
            Effect::Rows(_) | Effect::StartWorkflow { .. } | Effect::HttpRequest(_) => Amount::None,
        };
        let (what, content) =
            if in_words { words(kind, &request.effect, result) } else { Default::default() };
        Some(Self { kind, amount, what, content })
    }

    /// What the steps of an execution tell that was done in the database, with what was rendered.
    pub fn of_steps(plan: &Plan, steps: &[Step], rendered: &Deliveries, in_words: bool) -> Vec<Self> {
        let mut all: Vec<Self> =
            steps.iter().filter_map(|step| Self::of_step(plan, step, in_words)).collect();
        if let (Some(first), Deliveries::Render(rendered), true) = (all.first_mut(), rendered, in_words) {
            let outgoing: Vec<_> = rendered.outgoing.iter().map(|(_, _, what)| what).collect();
            let texts = serde_json::to_string(&outgoing).unwrap_or_default();
            first.content = hash_of(&(first.content, texts));
        }
        all
    }

    fn of_step(plan: &Plan, step: &Step, in_words: bool) -> Option<Self> {
        let node = plan.position(&step.node).and_then(|at| plan.node(at))?;
        let asks = matches!(node.work, Work::Action(_)) || node.kind == "start_workflow";
        let result = step.result.as_ref().filter(|_| asks && step.outcome == StepOutcome::Done)?;
        let text = |field: &str| result[field].as_str().map(str::to_owned);
        let amount = match node.kind {
            "award_points" | "redeem_points" | "reverse_points" => {
                Amount::Points(result["points"].as_i64().unwrap_or(0))
            }
            "create_deposit" => Amount::Money(text("currency")?, result["amount"].as_i64().unwrap_or(0)),
            // One that is not to be sent has nobody it was sent to.
            "send_email" => Amount::Mail(text("to")?),
            _ => Amount::None,
        };
        let (what, content) = match in_words {
            true => {
                let (said, changes) = (result.to_string(), serde_json::to_string(&step.changes));
                (format!("{} {}", node.kind, short(&said)), hash_of(&(said, changes.unwrap_or_default())))
            }
            false => Default::default(),
        };
        Some(Self { kind: node.kind, amount, what, content })
    }
}

fn words(kind: &str, effect: &Effect, result: &Value) -> (String, u64) {
    match effect {
        Effect::AwardPoints { customer, order, points, reason, expires } => {
            let beside = hash_of(&(order, reason, expires));
            (format!("{kind} {points} to customer {customer}"), beside)
        }
        Effect::Rows(rows) if rows.kind == "create_deposit" => {
            let (amount, currency) = (&result["amount"], result["currency"].as_str().unwrap_or("?"));
            let order = rows.input["order"].as_str().unwrap_or_default();
            (
                format!("{kind} {amount} {currency} (minor units) for order {order}"),
                hash_of(&rows.input.to_string()),
            )
        }
        Effect::Rows(rows) => {
            let input = rows.input.to_string();
            (format!("{kind} {}", short(&input)), hash_of(&input))
        }
        Effect::StartWorkflow { workflow, input } => {
            let input = Value::Object(input.clone()).to_string();
            (format!("{kind} `{workflow}` {}", short(&input)), hash_of(&input))
        }
        Effect::SendEmail(email) => {
            let beside = hash_of(&(&email.subject, &email.text, &email.html, &email.template));
            (format!("{kind} to {}: {}", email.to, short(&email.subject)), beside)
        }
        Effect::HttpRequest(request) => {
            let body = request.body.as_ref().map(ToString::to_string);
            let headers: Vec<String> =
                request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            let url = request.url.to_string();
            (format!("{kind} {} {}", request.method, short(&url)), hash_of(&(&url, headers, body)))
        }
    }
}

/// So much of a text as a line has room for.
fn short(text: &str) -> &str {
    text.char_indices().nth(160).map_or(text, |(at, _)| &text[..at])
}
