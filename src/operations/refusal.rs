//! Why something asked was not done: what happened, and what to do about it, for people and for programs.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::postgres::PgDatabaseError;
use utoipa::ToSchema;

use crate::workflow::diagnostics::Diagnostic;

/// What sort of refusal; it decides the status over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was asked can't be read, or is out of bounds.
    Malformed,
    /// It is not known who asks.
    Unknown,
    /// Who asks may not.
    Forbidden,
    /// It is not there.
    Missing,
    /// It is not asked for in this way.
    WrongVerb,
    /// It is not in the state in which this can be done.
    Conflict,
    /// It was changed since it was seen.
    Stale,
    /// More was sent than is taken.
    TooLarge,
    /// What was sent is no JSON.
    WrongType,
    /// It can be read, but is not good.
    Invalid,
    /// It was not said which edition was seen.
    Unguarded,
    /// Too many failures.
    TooMany,
    /// Something broke.
    Broken,
    /// It can't be done right now.
    Busy,
    /// It took too long.
    Late,
}

/// Every sort, with its status.
pub const KINDS: [(Kind, u16, &str); 15] = [
    (Kind::Malformed, 400, "The request can't be read"),
    (Kind::Unknown, 401, "Sign in first"),
    (Kind::Forbidden, 403, "This may not be done"),
    (Kind::Missing, 404, "Not there"),
    (Kind::WrongVerb, 405, "Not asked for in this way"),
    (Kind::Conflict, 409, "Not in this state"),
    (Kind::Stale, 412, "Changed since it was seen"),
    (Kind::TooLarge, 413, "Too large"),
    (Kind::WrongType, 415, "No JSON"),
    (Kind::Invalid, 422, "Not valid"),
    (Kind::Unguarded, 428, "If-Match is missing"),
    (Kind::TooMany, 429, "Too many failures"),
    (Kind::Broken, 500, "Something broke"),
    (Kind::Busy, 503, "Not right now"),
    (Kind::Late, 504, "It took too long"),
];

impl Kind {
    /// Its status over HTTP.
    pub fn status(self) -> u16 {
        KINDS.iter().find(|known| known.0 == self).map_or(500, |known| known.1)
    }

    /// In a few words.
    pub fn title(self) -> &'static str {
        KINDS.iter().find(|known| known.0 == self).map_or("", |known| known.2)
    }

    /// The sort that a status stands for.
    pub fn of_status(status: u16) -> Self {
        KINDS.iter().find(|known| known.1 == status).map_or(Self::Broken, |known| known.0)
    }
}

/// A workflow that is refused, and what the compiler says of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Faulty {
    /// Its name.
    pub workflow: String,
    /// What is drawn, where it is at hand.
    #[serde(skip)]
    pub drawing: Option<Value>,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// Why something asked was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The one who asks can mend it, or wait.
    #[error("{}", .0.message)]
    Told(Box<Told>),
    /// The database refused, or is gone.
    #[error(transparent)]
    Database(sqlx::Error),
    /// What nobody thought of.
    #[error(transparent)]
    Broken(anyhow::Error),
}

/// What is said of a refusal.
#[derive(Debug, Clone)]
pub struct Told {
    /// Which sort.
    pub kind: Kind,
    /// For programs: `no-such-workflow`.
    pub code: String,
    /// What happened, and where.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Workflows that are refused.
    pub faulty: Vec<Faulty>,
}

impl Refusal {
    /// A refusal without help.
    pub fn new(kind: Kind, code: &str, message: impl Into<String>) -> Self {
        let (code, message) = (code.to_owned(), message.into());
        Self::Told(Box::new(Told { kind, code, message, help: None, faulty: Vec::new() }))
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        if let Self::Told(told) = &mut self {
            told.help = Some(help.into());
        }
        self
    }

    /// Workflows are refused for what the compiler says of them. `done` is what was not done: `published`.
    pub fn faulty(done: &str, faulty: Vec<Faulty>, of: usize) -> Self {
        let message = format!("nothing was {done}: {} of {of} can't be {done}", faulty.len());
        match Self::new(Kind::Invalid, "faulty-workflow", message).help("mend what the diagnostics name") {
            Self::Told(mut told) => {
                told.faulty = faulty;
                Self::Told(told)
            }
            other => other,
        }
    }

    /// As it is told to one who does not work the machine: nothing of the database's own words.
    pub fn told(&self) -> Told {
        match self {
            Self::Told(told) => (**told).clone(),
            Self::Broken(_) => broken(),
            Self::Database(fault) => of_database(fault),
        }
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(fault: sqlx::Error) -> Self {
        Self::Database(fault)
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(fault: anyhow::Error) -> Self {
        fault.downcast::<Self>().unwrap_or_else(Self::Broken)
    }
}

fn told(kind: Kind, code: &str, message: &str, help: &str) -> Told {
    let help = Some(help.to_owned());
    Told { kind, code: code.into(), message: message.into(), help, faulty: Vec::new() }
}

fn broken() -> Told {
    told(Kind::Broken, "broken", "something broke on the way", "the daemon's log says what")
}

fn of_database(fault: &sqlx::Error) -> Told {
    let said = fault.as_database_error().and_then(|said| said.try_downcast_ref::<PgDatabaseError>());
    match said.map(|said| said.code()) {
        // Data that can't be stored, such as the letter U+0000.
        Some(code) if code.starts_with("22") => told(
            Kind::Malformed,
            "unstorable",
            "a value can't be stored",
            "leave out the letter U+0000 and numbers beyond all bounds",
        ),
        Some(code) if code.starts_with("23") => told(
            Kind::Conflict,
            "conflict",
            "it does not fit what is stored",
            "look at what is there, and try again",
        ),
        Some(code) if code.starts_with("53") || code.starts_with("57") || code.starts_with("40") => busy(),
        Some("55P03") => busy(),
        Some(_) => broken(),
        None if matches!(
            fault,
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_)
        ) =>
        {
            busy()
        }
        None => broken(),
    }
}

fn busy() -> Told {
    told(Kind::Busy, "busy", "the database can't do this right now", "try again in a moment")
}
