//! What executions rest for: who rests for an event, and what has happened since somebody began to.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::executions::Identity;
use super::json::Readable;
use super::session::{Session, Sql, StoreError};
use crate::domain::event::{Event, Operation};
use crate::domain::ids::{EventId, ExecutionId, NodeId, WorkflowId};

pub(super) static REGISTER_AWAITS: Sql =
    Sql { name: "register_awaits", text: include_str!("sql/register_awaits.sql") };
pub(super) static WHO_AWAITS: Sql = Sql {
    name: "who_awaits",
    text: "select i.n, a.execution_id, a.node_id, a.workflow_id, a.version, a.lane
           from unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) as i (n, table_name, operation, key)
           join public.workflow_awaits a
             on a.table_name = i.table_name and a.operation = i.operation and a.key = i.key",
};
pub(super) static STATES_OF: Sql = Sql {
    name: "states_of",
    text: "select id, state from public.workflow_waiting where id = any ($1::uuid[])",
};
pub(super) static OFFER: Sql = Sql {
    name: "offer_events",
    text: "insert into public.workflow_queue (due_at, lane, event_at, event_id, execution_id)
           select clock_timestamp(), i.lane, i.event_at, i.event_id, i.execution_id
           from unnest($1::smallint[], $2::timestamptz[], $3::uuid[], $4::uuid[])
               as i (lane, event_at, event_id, execution_id)",
};
pub(super) static LOOK_BACK: Sql = Sql { name: "look_back", text: include_str!("sql/look_back.sql") };
pub(super) static OFFERED: Sql = Sql {
    name: "offered_events",
    text: "select i.n from unnest($1::bigint[], $2::smallint[], $3::uuid[]) as i (n, lane, execution_id)
           where exists (select from public.workflow_queue q
               where q.lane = i.lane and q.due_at <= statement_timestamp() and q.execution_id = i.execution_id
                 and q.event_id is not null)",
};

pub(super) static UNQUEUE: Sql = Sql {
    name: "unqueue",
    text: "delete from public.workflow_queue q
           using unnest($1::smallint[], $2::timestamptz[], $3::uuid[]) as i (lane, due_at, execution_id)
           where q.lane = i.lane and q.due_at = i.due_at and q.execution_id = i.execution_id and q.event_id is null",
};

/// Events found by one look; there may be more behind them.
pub const MOST_AT_ONCE: usize = 2000;

/// What an execution rests for.
#[derive(Debug)]
pub struct Registered<'a> {
    /// Whose.
    pub identity: &'a Identity,
    /// The node that rests.
    pub node: NodeId,
    /// The places of the items around it, where that counts.
    pub item: Vec<i32>,
    /// Whose events.
    pub table: String,
    /// What is done to the row.
    pub operation: Operation,
    /// As it is looked up: `*`, `row:ID`, `customer:ID`.
    pub key: String,
}

/// Registers what executions rest for, in the transaction that lays them to rest.
///
/// # Errors
/// [`StoreError`].
pub async fn register(session: &Session, awaits: &[Registered<'_>]) -> Result<(), StoreError> {
    if awaits.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = awaits.iter().map(|a| a.identity.id.0).collect();
    let nodes: Vec<_> = awaits.iter().map(|a| a.node.as_str()).collect();
    // An array of arrays would have to be of one length.
    let items: Vec<String> = awaits.iter().map(|a| braces(&a.item)).collect();
    let tables: Vec<_> = awaits.iter().map(|a| a.table.as_str()).collect();
    let operations: Vec<_> = awaits.iter().map(|a| a.operation.as_str()).collect();
    let keys: Vec<_> = awaits.iter().map(|a| a.key.as_str()).collect();
    session.execute(&REGISTER_AWAITS, &[&ids, &nodes, &items, &tables, &operations, &keys]).await.map(|_| ())
}

fn braces(item: &[i32]) -> String {
    let parts: Vec<String> = item.iter().map(ToString::to_string).collect();
    format!("{{{}}}", parts.join(","))
}

/// An execution that rests for events with one of the keys asked about.
#[derive(Debug)]
pub struct Awaiting {
    /// For which of the keys.
    pub asked: usize,
    /// Which execution.
    pub execution: ExecutionId,
    /// The node that rests.
    pub node: NodeId,
    /// Its workflow …
    pub workflow: WorkflowId,
    /// … and version.
    pub version: i32,
    /// Its lane.
    pub lane: i16,
}

/// Who rests for events with these keys: each as (table, operation, key).
///
/// # Errors
/// [`StoreError`].
pub async fn who_awaits(
    session: &Session,
    asked: &[(&str, &str, &str)],
) -> Result<Vec<Awaiting>, StoreError> {
    let numbers: Vec<_> = (0..asked.len()).map(|n| n as i64).collect();
    let tables: Vec<_> = asked.iter().map(|(table, ..)| *table).collect();
    let operations: Vec<_> = asked.iter().map(|(_, operation, _)| *operation).collect();
    let keys: Vec<_> = asked.iter().map(|(.., key)| *key).collect();
    let rows = session.query(&WHO_AWAITS, &[&numbers, &tables, &operations, &keys]).await?;
    Ok(rows
        .iter()
        .map(|row| Awaiting {
            asked: usize::try_from(row.get::<_, i64>("n")).unwrap_or(usize::MAX),
            execution: ExecutionId(row.get("execution_id")),
            node: row.get::<_, &str>("node_id").into(),
            workflow: WorkflowId(row.get("workflow_id")),
            version: row.get("version"),
            lane: row.get("lane"),
        })
        .collect())
}

/// What resting executions were saved as, or why that can't be read. They go on resting.
///
/// # Errors
/// [`StoreError`].
pub async fn states_of(
    session: &Session,
    executions: &[ExecutionId],
) -> Result<Vec<(ExecutionId, Result<Value, String>)>, StoreError> {
    if executions.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = executions.iter().map(|id| id.0).collect();
    let rows = session.query(&STATES_OF, &[&ids]).await?;
    Ok(rows.iter().map(|row| (ExecutionId(row.get("id")), row.get::<_, Readable>("state").0)).collect())
}

/// Queues events for executions, each as (lane, event, execution).
///
/// # Errors
/// [`StoreError`].
pub async fn offer(session: &Session, offers: &[(i16, &Event, ExecutionId)]) -> Result<(), StoreError> {
    let lanes: Vec<_> = offers.iter().map(|(lane, ..)| *lane).collect();
    let ats: Vec<_> = offers.iter().map(|(_, event, _)| event.at).collect();
    let events: Vec<_> = offers.iter().map(|(_, event, _)| event.id.0).collect();
    let executions: Vec<_> = offers.iter().map(|(.., execution)| execution.0).collect();
    session.execute(&OFFER, &[&lanes, &ats, &events, &executions]).await.map(|_| ())
}

/// What an execution asks about the past.
#[derive(Debug)]
pub struct Look {
    /// A number by which the asker knows it.
    pub of: usize,
    /// Whose events.
    pub table: String,
    /// What was done to the row.
    pub operation: Operation,
    /// As it is registered.
    pub key: String,
    /// From when on.
    pub since: DateTime<Utc>,
}

/// What happened since, oldest first, behind what was found last (`after`): at most [`MOST_AT_ONCE`], each with the number
/// of the asker. An event whose row can't be read is none that anybody waits for.
///
/// # Errors
/// [`StoreError`].
pub async fn look_back(
    session: &Session,
    looks: &[Look],
    after: Option<&(usize, Event)>,
) -> Result<Vec<(usize, Event)>, StoreError> {
    let numbers: Vec<_> = looks.iter().map(|look| look.of as i64).collect();
    let tables: Vec<_> = looks.iter().map(|look| look.table.as_str()).collect();
    let operations: Vec<_> = looks.iter().map(|look| look.operation.as_str()).collect();
    let keys: Vec<_> = looks.iter().map(|look| look.key.as_str()).collect();
    let since: Vec<_> = looks.iter().map(|look| look.since).collect();
    let (at, id, number) = after.map_or((DateTime::UNIX_EPOCH, Uuid::nil(), -1), |(number, event)| {
        (event.at, event.id.0, *number as i64)
    });
    let limit = MOST_AT_ONCE as i64;
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 9] =
        [&numbers, &tables, &operations, &keys, &since, &at, &id, &number, &limit];
    let rows = session.query(&LOOK_BACK, &values).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let members = |name| Readable::members(row.get(name));
        let number = usize::try_from(row.get::<_, i64>("n")).unwrap_or(usize::MAX);
        let operation = Operation::from_text(row.get("operation")).unwrap_or(Operation::Insert);
        let (whole, old) = (members("row_data").unwrap_or_default(), members("old_data").unwrap_or_default());
        let event = Event {
            id: EventId(row.get("id")),
            at: row.get("at"),
            table: row.get("table_name"),
            operation,
            row: whole.into(),
            old: old.into(),
            customer: None,
            cause: None,
            depth: 0,
        };
        found.push((number, event));
    }
    Ok(found)
}

/// Takes instants out of the queue that nobody waits for any more, each as (lane, instant, execution).
///
/// # Errors
/// [`StoreError`].
pub async fn unqueue(
    session: &Session,
    timers: &[(i16, DateTime<Utc>, ExecutionId)],
) -> Result<(), StoreError> {
    if timers.is_empty() {
        return Ok(());
    }
    let lanes: Vec<_> = timers.iter().map(|(lane, ..)| *lane).collect();
    let ats: Vec<_> = timers.iter().map(|(_, at, _)| *at).collect();
    let ids: Vec<_> = timers.iter().map(|(.., id)| id.0).collect();
    session.execute(&UNQUEUE, &[&lanes, &ats, &ids]).await.map(|_| ())
}

/// Which of these executions, each as (number, lane, id), have events in the queue that they were not yet handed.
///
/// # Errors
/// [`StoreError`].
pub async fn offered(
    session: &Session,
    executions: &[(usize, i16, ExecutionId)],
) -> Result<Vec<usize>, StoreError> {
    let numbers: Vec<_> = executions.iter().map(|(n, ..)| *n as i64).collect();
    let lanes: Vec<_> = executions.iter().map(|(_, lane, _)| *lane).collect();
    let ids: Vec<_> = executions.iter().map(|(.., id)| id.0).collect();
    let rows = session.query(&OFFERED, &[&numbers, &lanes, &ids]).await?;
    Ok(rows.iter().filter_map(|row| usize::try_from(row.get::<_, i64>("n")).ok()).collect())
}
