//! Mails and requests, and what became of them; and executions that failed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Asked, Context, Kind, Nothing, Operation, Page, Refusal, Verb, cursor, page_size};
use crate::store::outgoing::{self, DeadLetter, Listed, Shown};

/// A state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is to be sent.
    Pending,
    /// It is on its way.
    Sending,
    /// It was taken.
    Sent,
    /// It was given up.
    Refused,
    /// Nobody can say whether it arrived.
    Unknown,
    /// It was called off before it was sent.
    Cancelled,
    /// Its address wants no such mail.
    Suppressed,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
            Self::Suppressed => "suppressed",
        }
    }
}

/// What is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// Mails.
    Email,
    /// Requests.
    Http,
}

impl What {
    fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Http => "http",
        }
    }
}

/// Which of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only those in this state.
    #[param(inline)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Only mails, or only requests.
    #[param(inline)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<What>,
    /// Only what this execution, or this campaign, asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<Uuid>,
    /// Most items: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Lists deliveries.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/deliveries";
    const NAME: &'static str = "listDeliveries";
    const ABOUT: &'static str = "Mails and requests, those of the newest event first, without what they say.";
    type Path = Nothing;
    type Query = Filter;
    type Body = Nothing;
    type Output = Page<Listed>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<Listed>, Refusal> {
        let Filter { status, kind, execution, limit, cursor } = asked.query;
        let limit = page_size(limit)?;
        let behind = cursor::read(cursor.as_deref())?;
        let (status, kind) = (status.map(Status::word), kind.map(What::word));
        let filter = outgoing::Filter { status, kind, execution, behind };
        let found = outgoing::deliveries(&context.pool, &filter, limit + 1).await?;
        Ok(Page::cut(found, limit, |delivery| delivery.id))
    }
}

/// Which delivery.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OfDelivery {
    /// Its id.
    pub delivery: Uuid,
}

/// Shows a delivery.
#[derive(Debug)]
pub struct Show;

impl Operation for Show {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/deliveries/{delivery}";
    const NAME: &'static str = "showDelivery";
    const ABOUT: &'static str =
        "A mail or a request with what it says, and what came of it. Secrets of requests are stars.";
    type Path = OfDelivery;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Shown;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Shown, Refusal> {
        let id = asked.path.delivery;
        outgoing::delivery(&context.pool, id).await?.ok_or_else(|| {
            Refusal::new(Kind::Missing, "no-such-delivery", format!("there is no delivery {id}"))
                .help("GET /api/v1/deliveries lists them; those that ended long ago are removed")
        })
    }
}

/// Which failures.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DeadFilter {
    /// Only of this workflow: its id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// Most items: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Lists dead letters.
#[derive(Debug)]
pub struct DeadLetters;

impl Operation for DeadLetters {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/dead-letters";
    const NAME: &'static str = "listDeadLetters";
    const ABOUT: &'static str = "Failed executions that nobody has tried again, the newest failure first.";
    type Path = Nothing;
    type Query = DeadFilter;
    type Body = Nothing;
    type Output = Page<DeadLetter>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<DeadLetter>, Refusal> {
        let DeadFilter { workflow, limit, cursor } = asked.query;
        let limit = page_size(limit)?;
        let behind: Option<(DateTime<Utc>, Uuid)> = cursor::read(cursor.as_deref())?;
        let found = outgoing::dead_letters(&context.pool, workflow.as_deref(), behind, limit + 1).await?;
        Ok(Page::cut(found, limit, |letter| (letter.failed_at, letter.id)))
    }
}
