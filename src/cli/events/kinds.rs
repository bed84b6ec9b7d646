//! Events by what a trigger calls them: `order_paid` is a change of an order that makes it paid.

use std::sync::Arc;

use serde_json::{Map, Value};
use sqlx::PgPool;
use uuid::Uuid;

use chrono::{DateTime, Utc};

use crate::domain::event::{Event, Operation};
use crate::domain::ids::{EventId, ExecutionId};
use crate::kinds;
use crate::store::events::{self, EventFilter, EventRow, Looked};
use crate::workflow::catalogue::{Trigger, TriggerKind};
use crate::workflow::config::Reader;
use crate::workflow::diagnostics::any_error;
use crate::workflow::scope::Scope;

/// Events that are read at a time …
const AT_A_TIME: i64 = 200;
/// … and in all, for a list that may stay short.
const MOST_LOOKED_AT: usize = 20_000;

/// Their names, for the command line. (`row_changed` is any change of a table: `--table`.)
pub(super) fn names() -> Vec<&'static str> {
    let all = kinds::catalogue().triggers.iter().map(|kind| kind.about.name);
    all.filter(|name| *name != "row_changed").collect()
}

/// What a list by kind came to.
pub(super) struct Listed {
    pub found: Vec<EventRow>,
    /// It was given up after so many events: what comes behind this one was not looked at.
    pub given_up_at: Option<Uuid>,
}

/// Events of a kind, the newest first, behind `before`.
///
/// # Errors
/// When the database can't be asked.
pub(super) async fn list(
    pool: &PgPool,
    filter: &EventFilter,
    kind: &str,
    mut before: Option<(DateTime<Utc>, Uuid)>,
    limit: usize,
) -> anyhow::Result<Listed> {
    let mut listed = Listed { found: Vec::new(), given_up_at: None };
    let Some(kind) = kinds::catalogue().trigger(kind) else { return Ok(listed) };
    let (of_kind, trigger) = (sources(kind), plain(kind));
    let mut looked_at = 0;
    loop {
        let page = events::list_of_kind(pool, filter, &of_kind, before, AT_A_TIME).await?;
        for Looked { event, row, old } in &page {
            let counts = match (&trigger, event_of(event, row, old.as_deref())) {
                (Some(trigger), Some(event)) => trigger.matches(&event),
                // Without its settings a trigger says no more than where it looks; an unreadable row, nothing at all.
                (None, _) => true,
                (Some(_), None) => false,
            };
            if counts {
                listed.found.push(event.clone());
            }
            if listed.found.len() == limit {
                return Ok(listed);
            }
        }
        looked_at += page.len();
        let Some(last) = page.last().map(|looked| &looked.event) else { return Ok(listed) };
        before = Some((last.at, last.id));
        if looked_at >= MOST_LOOKED_AT {
            listed.given_up_at = Some(last.id);
            return Ok(listed);
        }
    }
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
        operation: Operation::from_text(&event.operation)?,
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
