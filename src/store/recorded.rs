//! What is recorded, read again: events in the order in which they happened, and what was true at an instant.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::queue::{Due, event};
use super::session::{Session, Sql, StoreError};
use crate::domain::event::Event;
use crate::domain::ids::EventId;

/// Events that one call reads. The literal in the statement: a limit that is a parameter is planned for any.
pub const PAGE: usize = 500;

// Rows of other tables count for the place that was reached, and are not sent.
pub(super) static RECORDED_EVENTS: Sql = Sql {
    name: "recorded_events",
    text: "select e.id as event_id, e.at as event_at, e.table_name, e.operation, e.cause, e.depth, e.truncated,
                  e.table_name = any ($5::text[]) as wanted,
                  case when e.table_name = any ($5::text[]) then e.row_data end as row_data,
                  case when e.table_name = any ($5::text[]) then e.old_data end as old_data
           from (select v.id, v.at, v.table_name, v.operation, v.cause, v.depth, v.truncated, v.row_data, v.old_data
                 from public.workflow_events v
                 where v.at >= $1 and v.at < $2 and (v.at, v.id) > ($3, $4)
                 order by v.at, v.id limit 500) e
           order by e.at, e.id",
};
pub(super) static BALANCES_AT: Sql = Sql {
    name: "balances_at",
    text: "select i.id, (coalesce(p.balance, 0) - coalesce(l.since, 0))::bigint as balance
           from unnest($1::uuid[]) as i (id)
           left join lateral (select p.balance from public.loyalty_points p where p.customer_id = i.id limit 1) p on true
           left join lateral (select sum(l.points) as since from public.loyalty_ledger l
                              where l.customer_id = i.id and l.created_at >= $2) l on true",
};
pub(super) static ORDER_TOTALS: Sql = Sql {
    name: "order_totals",
    text: "select o.id, o.total, o.currency from unnest($1::uuid[]) as i (id)
           cross join lateral (select o.id, o.total::bigint, o.currency from public.orders o where o.id = i.id limit 1) o",
};

/// How far events have been read.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// From when on …
    pub since: DateTime<Utc>,
    /// … and before when.
    pub until: DateTime<Utc>,
    /// The last one that was read.
    pub last: (DateTime<Utc>, Uuid),
}

impl Place {
    /// Before the first of them.
    pub fn new(since: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        Self { since, until, last: (since, Uuid::nil()) }
    }
}

/// Some events.
#[derive(Debug, Default)]
pub struct Page {
    /// Those of the tables that were asked for.
    pub events: Vec<Event>,
    /// Those whose rows this program can't read.
    pub unreadable: Vec<EventId>,
    /// How many were too large, and lack their long values.
    pub truncated: u64,
    /// How many were of other tables.
    pub others: u64,
    /// There is nothing behind it.
    pub is_last: bool,
}

/// The next events of these tables, by time, and moves `place` behind them.
///
/// # Errors
/// [`StoreError`].
pub async fn recorded_events(
    session: &Session,
    place: &mut Place,
    tables: &[String],
) -> Result<Page, StoreError> {
    let Place { since, until, last: (at, id) } = place;
    let rows = session.query(&RECORDED_EVENTS, &[since, until, at, id, &tables]).await?;
    let mut page = Page { is_last: rows.len() < PAGE, ..Page::default() };
    for row in &rows {
        let id: Uuid = row.get("event_id");
        place.last = (row.get("event_at"), id);
        if !row.get::<_, bool>("wanted") {
            page.others += 1;
            continue;
        }
        page.truncated += u64::from(row.get::<_, bool>("truncated"));
        match event(row, EventId(id)) {
            Due::Event(event) => page.events.push(*event),
            _ => page.unreadable.push(EventId(id)),
        }
    }
    Ok(page)
}

/// What customers had at an instant, by the ledger; nothing of those who never had any.
///
/// # Errors
/// [`StoreError`].
pub async fn balances_at(
    session: &Session,
    customers: &[Uuid],
    at: DateTime<Utc>,
) -> Result<HashMap<Uuid, i64>, StoreError> {
    let rows = session.query(&BALANCES_AT, &[&customers, &at]).await?;
    Ok(rows.iter().map(|row| (row.get("id"), row.get("balance"))).collect())
}

/// Total, in minor units, and currency of orders as they are by now. Unknown ones are missing.
///
/// # Errors
/// [`StoreError`].
pub async fn order_totals(
    session: &Session,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, (i64, String)>, StoreError> {
    let rows = session.query(&ORDER_TOTALS, &[&orders]).await?;
    Ok(rows.iter().map(|row| (row.get("id"), (row.get("total"), row.get("currency")))).collect())
}
