//! Effects: what actions want done, as data. Actions decide, the applier does.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::execution::Change;
use super::ids::{EffectId, NodeId};
use super::money::Money;
use super::retry::Retry;
use super::veiled::Veiled;

/// One thing to do: rows of this database, but for the last two, which leave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// Adds points to a customer's balance, with a line in the ledger.
    AwardPoints {
        /// Whose balance.
        customer: Uuid,
        /// The order that earned them, if one did.
        order: Option<Uuid>,
        /// More than zero.
        points: i64,
        /// Shown to the customer.
        reason: String,
    },
    /// Asks for part of an order's total.
    CreateDeposit {
        /// The order.
        order: Uuid,
        /// How much.
        amount: Money,
        /// Until when.
        due: DateTime<Utc>,
    },
    /// Starts another workflow, by an event that is for it.
    StartWorkflow {
        /// By name or id.
        workflow: String,
        /// What it is given: `manual.input`.
        input: Map<String, Value>,
    },
    /// Sends one mail: a delivery, done after commit.
    SendEmail(Email),
    /// Makes one request: a delivery, done after commit.
    HttpRequest(HttpRequest),
}

/// A mail, rendered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Email {
    /// One address, `name@host`.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The plain part.
    pub text: String,
    /// The HTML part, if the action has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// A request to somebody else's server, rendered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// `http` or `https`, with a host, without user and password.
    pub url: Veiled,
    /// By name, in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Veiled>,
    /// What is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Veiled>,
    /// The secret that it is signed with, as Standard Webhooks has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_with: Option<String>,
    /// Time for one attempt, the answer included; the setting's if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// Headers whose values are nobody's business.
const SECRET_HEADERS: &[&str] =
    &["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-auth-token"];

impl HttpRequest {
    /// As it may be shown and kept: secrets by their names, or as stars.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let secret = |name: &str| SECRET_HEADERS.contains(&name.to_lowercase().as_str());
        for (name, value) in &mut self.headers {
            let is_open = secret(name) && value.names().is_empty();
            *value = if is_open { "****".into() } else { value.to_string().into() };
        }
        self.url = self.url.to_string().into();
        self.body = self.body.map(|body| body.to_string().into());
        self
    }

    /// The names of all secrets that it needs.
    pub fn secrets(&self) -> BTreeSet<&str> {
        let texts = std::iter::once(&self.url).chain(self.headers.values()).chain(&self.body);
        texts.flat_map(Veiled::names).chain(self.signed_with.as_deref()).collect()
    }
}

/// What leaves the database, whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outgoing {
    /// A mail.
    Email(Email),
    /// A request.
    Http(HttpRequest),
}

/// An effect that an execution asks for, under the key that makes it happen once.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Derived from execution, node and item.
    pub id: EffectId,
    /// Who asks.
    pub node: NodeId,
    /// For which item of each loop around it, from the outermost.
    pub item: Vec<u32>,
    /// What for.
    pub effect: Effect,
    /// What its node says of trying again.
    pub retry: Option<Retry>,
}

impl Answer {
    /// Which answer it is, without what it says.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Handed { .. } => "handed over",
            Self::Refused { .. } => "refused",
            Self::Tried { .. } => "tried again",
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It is done, now or by an earlier attempt.
    Done {
        /// What later nodes see as `steps.NODE`.
        result: Value,
        /// Rows it changed.
        changes: Vec<Change>,
        /// What was done, in words, for the step.
        why: String,
    },
    /// It leaves the database: the execution rests until the delivery ends.
    Handed {
        /// In words, for the step.
        why: String,
    },
    /// It can't be done; the reason is shown to the admin.
    Refused {
        /// In words.
        reason: String,
    },
    /// It took several attempts.
    Tried {
        /// How many.
        attempts: u16,
        /// What came of it.
        answer: Box<Answer>,
    },
}
