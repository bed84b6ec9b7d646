//! Effects: what actions want done, as data. Actions decide, the applier does.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::execution::Change;
use super::ids::{EffectId, NodeId};
use super::mail::Consent;
use super::retry::Retry;
use super::veiled::Veiled;

/// One thing to do: rows of this database, but for the last two, which leave it.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Adds points to a customer's balance, with a line in the ledger: what shops do most has a way of its own.
    AwardPoints {
        /// Whose balance.
        customer: Uuid,
        /// The order that earned them, if one did.
        order: Option<Uuid>,
        /// Zero awards nothing.
        points: i64,
        /// Shown to the customer.
        reason: String,
        /// When those expire that are not spent by then.
        expires: Option<DateTime<Utc>>,
    },
    /// Writes rows by a statement of the store's.
    Rows(Rows),
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

/// What carries an effect out: effects of one kind stand and fall together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EffectKind {
    /// The statement for points awarded.
    AwardPoints,
    /// The statement of that name.
    Rows(&'static str),
    /// What starts other workflows.
    StartWorkflow,
    /// The deliverers: mails and requests.
    Delivery,
}

impl Effect {
    /// What carries it out.
    pub fn kind(&self) -> EffectKind {
        match self {
            Self::AwardPoints { .. } => EffectKind::AwardPoints,
            Self::Rows(rows) => EffectKind::Rows(rows.kind),
            Self::StartWorkflow { .. } => EffectKind::StartWorkflow,
            Self::SendEmail(_) | Self::HttpRequest(_) => EffectKind::Delivery,
        }
    }
}

/// Rows to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The kind of effect, by which its statement is found: `redeem_points`.
    pub kind: &'static str,
    /// What the statement takes.
    pub input: Value,
    /// Rows that it judges before it writes: nobody else changes them meanwhile, and of two effects that have one in
    /// common one comes after the other.
    pub targets: Vec<(Target, Uuid)>,
    /// Rows that it writes, as far as they are known beforehand: by them events find who caused them.
    pub writes: Vec<(Cow<'static, str>, Key)>,
}

/// Tables whose rows effects judge, in the order in which they are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// `customers`.
    Customer,
    /// `orders`.
    Order,
    /// `deposits`.
    Deposit,
    /// `loyalty_points`, by the customer.
    Balance,
    /// What can be public, by its table: nothing is locked, for a slug is no key.
    Published,
}

/// The key of a row that an effect writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The effect's own id: a new row.
    Own,
    /// A row that is there.
    Of(Uuid),
}

impl Rows {
    /// What `kind` takes, as a value that becomes an object.
    pub fn new(kind: &'static str, input: impl Serialize) -> Self {
        let input = serde_json::to_value(input).unwrap_or_default();
        Self { kind, input, targets: Vec::new(), writes: Vec::new() }
    }

    /// With a row that it judges.
    #[must_use]
    pub fn judging(mut self, table: Target, key: Uuid) -> Self {
        self.targets.push((table, key));
        self
    }

    /// With a row that it writes.
    #[must_use]
    pub fn writing(mut self, table: &'static str, key: Key) -> Self {
        self.writes.push((Cow::Borrowed(table), key));
        self
    }

    /// With a row of a table that settings name, if its key is an id.
    #[must_use]
    pub fn of_table(mut self, table: &str, key: Option<Key>) -> Self {
        self.writes.extend(key.map(|key| (Cow::Owned(table.to_owned()), key)));
        self
    }
}

/// A mail, rendered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// Who may be sent it.
    #[serde(default, skip_serializing_if = "Consent::is_transactional")]
    pub consent: Consent,
    /// It is about the blog: whoever subscribed to that agreed to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_blog: bool,
    /// Who opens it and follows its links is noted: only mails of campaigns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tracks: bool,
    /// The stored template that it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
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
    /// The post whose embedding the answer is. Without the secret that it names it is not made, and that is no failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embeds: Option<Uuid>,
    /// Time for one attempt, the answer included; the setting's if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// Headers whose values are nobody's business.
/// What names of headers, and of fields in an address, have in them where the value opens something.
const SECRET_WORDS: &[&str] = &[
    "authorization",
    "cookie",
    "token",
    "secret",
    "api-key",
    "api_key",
    "apikey",
    "access-key",
    "access_key",
    "password",
    "signature",
];

/// An address without the password and the fields that open something.
fn starred(url: &str, secret: impl Fn(&str) -> bool) -> String {
    let (place, query) = url.split_once('?').map_or((url, None), |(place, query)| (place, Some(query)));
    let (scheme, rest) = place.split_once("://").unwrap_or(("", place));
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = host.rsplit_once('@').map_or_else(|| host.to_owned(), |(_, host)| format!("****@{host}"));
    let colon = if scheme.is_empty() { "" } else { "://" };
    let fields = query.map(|query| {
        let field = |pair: &str| match pair.split_once('=') {
            Some((name, _)) if secret(name) => format!("{name}=****"),
            _ => pair.to_owned(),
        };
        format!("?{}", query.split('&').map(field).collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}{colon}{host}{path}{}", fields.unwrap_or_default())
}

impl HttpRequest {
    /// As it may be shown and kept: secrets by their names, or as stars.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let secret = |name: &str| {
            let name = name.to_lowercase();
            SECRET_WORDS.iter().any(|word| name.contains(word))
        };
        for (name, value) in &mut self.headers {
            let is_open = secret(name) && value.names().is_empty();
            *value = if is_open { "****".into() } else { value.to_string().into() };
        }
        let is_open = self.url.names().is_empty();
        let url = self.url.to_string();
        self.url = if is_open { starred(&url, secret) } else { url }.into();
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outgoing {
    /// A mail.
    Email(Email),
    /// A mail that its recipient is not to be sent, and why.
    SuppressedEmail {
        /// What would have been sent.
        #[serde(flatten)]
        email: Email,
        /// Why not.
        suppressed: String,
    },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_something_is_stars_where_a_request_is_shown() {
        let secret = |name: &str| SECRET_WORDS.iter().any(|word| name.contains(word));
        for (url, shown) in [
            ("https://a.example/x", "https://a.example/x"),
            ("https://ada:pa55@a.example/x?author=b", "https://****@a.example/x?author=b"),
            (
                "https://a.example?api_key=1&page=2&access_token=3",
                "https://a.example?api_key=****&page=2&access_token=****",
            ),
            ("https://a.example/u@b?signature", "https://a.example/u@b?signature"),
            ("{{ order.url }}?token=x", "{{ order.url }}?token=****"),
        ] {
            assert_eq!(starred(url, secret), shown);
        }
    }
}
