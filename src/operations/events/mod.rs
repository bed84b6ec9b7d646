//! What happened: events as triggers recorded them, what they started, and those that are asked for once more.

mod kinds;
mod replay;

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use kinds::{EventKind, Kinds, Place, names};
pub use replay::{Replay, ReplayAnswer, ReplayWhat};

use super::moment::Moment;
use super::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb, cursor, page_size};
use crate::domain::event::Operation as OnRow;
use crate::store::events::{self, EventDetail, EventFilter, EventRow};
use crate::store::lists::ExecutionRow;
use crate::store::replays;

/// What was done to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Done {
    /// It was added.
    Insert,
    /// It was changed.
    Update,
    /// It was deleted.
    Delete,
}

impl Done {
    /// As the command line spells it.
    pub fn read(text: &str) -> Option<Self> {
        Some(match OnRow::from_text(text)? {
            OnRow::Insert => Self::Insert,
            OnRow::Update => Self::Update,
            OnRow::Delete => Self::Delete,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Which of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only of this table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Only where this was done to the row.
    #[param(inline)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Done>,
    /// Only of this customer, or of a row without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Only from then on: `2h`, `7d` (ago), a day or an instant.
    #[param(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// Only before then.
    #[param(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Only what a trigger of this kind would begin with, whatever its settings: `order_paid`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[param(rename = "type")]
    pub kind: Option<String>,
    /// Only those that come after this event in the list; `cursor` does the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Uuid>,
    /// Most items: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Events as they are listed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = EventPage)]
pub struct Listed {
    /// The newest first.
    pub items: Vec<EventRow>,
    /// What to hand in as `cursor` for those that come next; missing if these are the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// There may be more of them: enough was looked at, up to this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up_at: Option<Uuid>,
}

/// Which events, in the database's words.
async fn filter_of(
    pool: &PgPool,
    (table, operation, entity): (Option<String>, Option<Done>, Option<String>),
    (since, until): (Option<Moment>, Option<Moment>),
) -> Result<EventFilter, Refusal> {
    let now = events::clock(pool).await?;
    let (since, until) = (since.map(|at| at.before(now)), until.map(|at| at.before(now)));
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        let help = format!("`since` is {}, `until` is {}", since.to_rfc3339(), until.to_rfc3339());
        return Err(Refusal::new(Kind::Malformed, "bad-time", "`since` must be before `until`").help(help));
    }
    let operation = operation.map(|done| done.word().to_owned());
    Ok(EventFilter { table, operation, entity, since, until })
}

/// One event.
async fn one(pool: &PgPool, id: Uuid) -> Result<EventDetail, Refusal> {
    if let Some(found) = events::event(pool, id).await? {
        return Ok(found);
    }
    let message = match replays::of_gone(pool, id).await? {
        None => format!("there is no event {id}"),
        Some(of) => {
            let (number, at) = (of.number, of.replayed_at.format("%Y-%m-%d %H:%M:%S UTC"));
            let by: String = of.replayed_by.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            format!("event {id} is no longer kept; it was to be replayed by {by} at {at} (replay {number})")
        }
    };
    Err(Refusal::new(Kind::Missing, "no-such-event", message)
        .help("`thendo events list` lists them; `retention.events_days` says for how long they are kept"))
}

/// Lists events.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/events";
    const NAME: &'static str = "listEvents";
    const ABOUT: &'static str = "Recorded events, the newest first.";
    type Path = Nothing;
    type Query = Filter;
    type Body = Nothing;
    type Output = Listed;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Listed, Refusal> {
        let Filter { table, operation, entity, since, until, kind, before, limit, cursor } = asked.query;
        let (pool, limit) = (&context.pool, page_size(limit)?);
        let mut place: Option<events::Place> = cursor::read(cursor.as_deref())?;
        if let (None, Some(id)) = (place, before) {
            place = Some((one(pool, id).await?.event.at, id));
        }
        let filter = filter_of(pool, (table, operation, entity), (since, until)).await?;
        if let Some(kind) = kind {
            return kinds::list(pool, &filter, &kind, place, limit).await;
        }
        let found = events::list(pool, &filter, place, limit + 1).await?;
        let page = super::Page::cut(found.rows, limit, |event| (event.at, event.id));
        let next = page.next.or_else(|| found.further.as_ref().map(cursor::write));
        Ok(Listed { items: page.items, next, given_up_at: found.further.map(|(_, id)| id) })
    }
}

/// Which event.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OfEvent {
    /// Its id.
    pub event: Uuid,
}

/// All that is known of an event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ShownEvent)]
pub struct Shown {
    /// It, with its row.
    pub event: EventDetail,
    /// The executions that it started.
    pub executions: Vec<ExecutionRow>,
    /// When it was asked for once more.
    pub replays: Vec<replays::Replay>,
}

/// Shows an event.
#[derive(Debug)]
pub struct Show;

impl Operation for Show {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/events/{event}";
    const NAME: &'static str = "showEvent";
    const ABOUT: &'static str = "An event with its row, what changed, what it started, and its replays.";
    type Path = OfEvent;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Shown;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Shown, Refusal> {
        let event = one(&context.pool, asked.path.event).await?;
        let (id, at) = (event.event.id, event.event.at);
        let executions = events::started_by(&context.pool, id, at).await?;
        let replays = replays::of_event(&context.pool, id, at).await?;
        Ok(Shown { event, executions, replays })
    }
}
