//! Events by what a trigger calls them: `order_paid` is a change of an order that makes it paid.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::PgPool;
use utoipa::ToSchema;

use super::{Done, Listed};
use crate::domain::event::{Event, Operation as OnRow};
use crate::domain::ids::{EventId, ExecutionId};
use crate::kinds;
use crate::operations::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb, cursor};
use crate::store::events::{self, EventFilter, EventRow, Found, Looked, Place as Behind};
use crate::workflow::catalogue::{Trigger, TriggerKind};
use crate::workflow::config::Reader;
use crate::workflow::diagnostics::{any_error, did_you_mean};
use crate::workflow::scope::Scope;

/// Events that are read at a time …
const AT_A_TIME: i64 = 200;
/// … and in all, for a list that may stay short.
const MOST_LOOKED_AT: usize = 20_000;

/// Their names. (`row_changed` is any change of a table: the filter `table`.)
pub fn names() -> Vec<&'static str> {
    let all = kinds::catalogue().triggers.iter().map(|kind| kind.about.name);
    all.filter(|name| *name != "row_changed").collect()
}

/// Where events of a kind are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = EventPlace)]
pub struct Place {
    /// The table.
    pub table: String,
    /// What is done to its rows.
    pub operations: Vec<Done>,
}

/// A kind of event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventKind {
    /// As the filter `type` and drawings spell it: `order_paid`.
    pub kind: String,
    /// As people read it.
    pub label: String,
    /// When it happens.
    pub about: String,
    /// Where such events are looked for.
    pub places: Vec<Place>,
}

/// Lists the kinds of events.
#[derive(Debug)]
pub struct Kinds;

impl Operation for Kinds {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/event-kinds";
    const NAME: &'static str = "listEventKinds";
    const ABOUT: &'static str = "The kinds of events that triggers tell apart: what the filter `type` takes.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Vec<EventKind>;

    async fn run(_context: &Context, _asked: Asked<Self>) -> Result<Vec<EventKind>, Refusal> {
        let catalogue = kinds::catalogue();
        let known = catalogue.triggers.iter().filter(|kind| kind.about.name != "row_changed");
        let told = known.map(|kind| EventKind {
            kind: kind.about.name.to_owned(),
            label: kind.about.label.to_owned(),
            about: kind.about.docs.to_owned(),
            places: kind
                .sources
                .iter()
                .map(|of| Place {
                    table: of.table.clone().into_owned(),
                    operations: of.operations.iter().filter_map(|on| Done::read(on.as_str())).collect(),
                })
                .collect(),
        });
        Ok(told.collect())
    }
}

/// Events of a kind, the newest first, behind `before`.
pub(super) async fn list(
    pool: &PgPool,
    filter: &EventFilter,
    kind: &str,
    mut before: Option<Behind>,
    limit: i64,
) -> Result<Listed, Refusal> {
    let limit = usize::try_from(limit).unwrap_or_default();
    let catalogue = kinds::catalogue();
    let known = catalogue.trigger(kind).filter(|_| names().contains(&kind));
    let Some(kind) = known else { return Err(unknown(kind)) };
    let (of_kind, trigger) = (sources(kind), plain(kind));
    let (mut listed, mut looked_at) = (Listed { items: Vec::new(), next: None, given_up_at: None }, 0);
    loop {
        let Found { rows, further } = events::list_of_kind(pool, filter, &of_kind, before, AT_A_TIME).await?;
        for Looked { event, row, old } in &rows {
            let counts = match (&trigger, event_of(event, row, old.as_deref())) {
                (Some(trigger), Some(event)) => trigger.matches(&event),
                // Without its settings a trigger says no more than where it looks; an unreadable row, nothing at all.
                (None, _) => true,
                (Some(_), None) => false,
            };
            if counts {
                listed.items.push(event.clone());
            }
            if listed.items.len() == limit {
                listed.next = Some(cursor::write(&(event.at, event.id)));
                return Ok(listed);
            }
        }
        looked_at += rows.len();
        let is_enough = further.is_some() || looked_at >= MOST_LOOKED_AT;
        let last = rows.last().map(|looked| (looked.event.at, looked.event.id));
        // Where it was looked to the end of what there is, no page is full.
        let is_full = i64::try_from(rows.len()) == Ok(AT_A_TIME);
        before = further.or(last.filter(|_| is_full));
        let Some((_, id)) = before else { return Ok(listed) };
        if is_enough {
            (listed.next, listed.given_up_at) = (before.as_ref().map(cursor::write), Some(id));
            return Ok(listed);
        }
    }
}

fn unknown(kind: &str) -> Refusal {
    let help = did_you_mean(kind, names()).map(|near| format!("{near}; ")).unwrap_or_default();
    Refusal::new(Kind::Malformed, "no-such-kind", format!("there is no kind of event `{kind}`"))
        .help(format!("{help}GET /api/v1/event-kinds lists them"))
}

/// Where it looks: each a table, a blank and an operation.
fn sources(kind: &TriggerKind) -> Vec<String> {
    let pairs = kind.sources.iter().flat_map(|of| of.operations.iter().map(move |on| (of, on)));
    pairs.map(|(of, on)| format!("{} {}", of.table, on.as_str())).collect()
}

/// A trigger of this kind with no settings, if it can do without.
fn plain(kind: &TriggerKind) -> Option<Box<dyn Trigger>> {
    let (catalogue, settings) = (kinds::catalogue(), Value::Object(Map::new()));
    let (schema, scope) = ((kind.about.schema)(), Scope::default());
    let mut reader = Reader::new("trigger", &settings, "", &schema, &scope, &catalogue);
    let built = (kind.build)(&mut reader);
    built.filter(|_| !any_error(&reader.faults))
}

fn event_of(event: &EventRow, row: &str, old: Option<&str>) -> Option<Event> {
    let members = |text: &str| serde_json::from_str::<Map<String, Value>>(text).ok().map(Arc::new);
    Some(Event {
        id: EventId(event.id),
        at: event.at,
        table: event.table_name.clone(),
        operation: OnRow::from_text(&event.operation)?,
        row: members(row)?,
        old: old.map_or_else(|| Some(Arc::default()), members)?,
        cause: event.cause.map(ExecutionId),
        depth: event.depth,
        customer: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_but_that_of_any_table_says_where_it_looks() {
        for name in names() {
            let kind = kinds::catalogue().trigger(name).expect("it is one of them");
            assert!(!sources(kind).is_empty(), "{name}");
        }
        let plain = |name| kinds::catalogue().trigger(name).and_then(plain).is_some();
        assert!(plain("order_paid") && !plain("points_balance_reached"));
    }
}
