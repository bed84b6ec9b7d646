//! What an execution would have done, in the terms by which it is counted and compared.

use serde_json::Value;

use super::tally::hash_of;
use crate::domain::effect::{Answer, Effect, Request};
use crate::workflow::plan::Plan;

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
