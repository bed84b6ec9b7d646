//! Executions: recording those that ended, laying to rest those that wait, waking them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use super::json::Readable;
use super::session::{Session, Sql, StoreError};
use crate::domain::event::{CustomerKey, Row};
use crate::domain::execution::{Mode, Status, Step};
use crate::domain::ids::{EffectId, EventId, ExecutionId, WorkflowId};

pub(super) static LOAD_CUSTOMERS: Sql = Sql {
    name: "load_customers",
    text: "select k.n, to_jsonb(found.c) as customer
           from unnest($1::uuid[], $2::uuid[], $3::text[]) with ordinality as k (id, order_id, email, n)
           cross join lateral (select c from public.customers c where c.id = coalesce(k.id,
               (select o.customer_id from public.orders o where o.id = k.order_id),
               (select e.id from public.customers e where lower(e.email) = lower(k.email) limit 1)) limit 1) found",
};
pub(super) static TAKE_WAITING: Sql = Sql {
    name: "take_waiting",
    text: "delete from public.workflow_waiting where id = any ($1::uuid[])
           returning id, root, attempt, event_at, event_id, workflow_id, version, lane, state, started_at, slot",
};
pub(super) static FINISHED_DELIVERIES: Sql = Sql {
    name: "finished_deliveries",
    text: "select execution_id, id, status, result from public.workflow_deliveries
           where execution_id = any ($1::uuid[]) and status in ('sent', 'refused', 'unknown', 'cancelled', 'suppressed')",
};
pub(super) static RECORD: Sql =
    Sql { name: "record_executions", text: include_str!("sql/record_executions.sql") };
pub(super) static REPLACE_PUT_OFF: Sql = Sql {
    name: "replace_put_off",
    text: "delete from public.workflow_waiting w
           using unnest($1::uuid[], $2::uuid[], $3::text[]) as i (id, workflow_id, put_off_for)
           where w.workflow_id = i.workflow_id and w.put_off_for = i.put_off_for and w.id <> i.id",
};
pub(super) static ROW_BY_NOW: Sql = Sql {
    name: "row_by_now",
    text: "select i.n, public.row_by_now(i.of_table, i.row_id) as row
           from unnest($1::text[], $2::text[]) with ordinality as i (of_table, row_id, n)",
};
pub(super) static PARK: Sql = Sql { name: "park_executions", text: include_str!("sql/park_executions.sql") };

/// What identifies an execution and its place, whatever it does.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Derived from event, workflow and replay number; of another attempt, from the first one and its number.
    pub id: ExecutionId,
    /// The first attempt: itself, or the one of which this is another.
    pub root: ExecutionId,
    /// 1 for the first.
    pub attempt: i16,
    /// Its event.
    pub event: EventId,
    /// When that happened.
    pub event_at: DateTime<Utc>,
    /// Its workflow …
    pub workflow: WorkflowId,
    /// … and the version it is pinned to.
    pub version: i32,
    /// The lane of its entity.
    pub lane: i16,
    /// On the database's clock.
    pub started_at: DateTime<Utc>,
}

impl Identity {
    /// Reads the columns that every row of an execution has.
    pub(super) fn of(row: &tokio_postgres::Row, started_at: DateTime<Utc>) -> Self {
        let id = ExecutionId(row.get("id"));
        Self {
            id,
            root: row.get::<_, Option<Uuid>>("root").map_or(id, ExecutionId),
            attempt: row.get("attempt"),
            event: EventId(row.get("event_id")),
            event_at: row.get("event_at"),
            workflow: WorkflowId(row.get("workflow_id")),
            version: row.get("version"),
            lane: row.get("lane"),
            started_at,
        }
    }

    /// The first attempt, if this is another.
    pub(super) fn other_root(&self) -> Option<Uuid> {
        (self.root != self.id).then_some(self.root.0)
    }
}

/// An execution that has ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// Which.
    pub identity: &'a Identity,
    /// Live, test or backtest.
    pub mode: Mode,
    /// Succeeded, failed or cancelled.
    pub status: Status,
    /// Its steps.
    pub steps: &'a [Step],
    /// Why it failed.
    pub error: Option<String>,
}

/// An execution that rests.
#[derive(Debug)]
pub struct Resting<'a, S> {
    /// Which.
    pub identity: &'a Identity,
    /// All it needs to go on.
    pub state: S,
    /// When it is to go on by itself, unless that is queued already.
    pub timer: Option<DateTime<Utc>>,
    /// It has not begun: the id of the row whose next event takes its place.
    pub put_off_for: Option<String>,
    /// It would go on, but its workflow is held.
    pub held: bool,
}

/// An execution that was woken.
#[derive(Debug)]
pub struct Woken {
    /// Which.
    pub identity: Identity,
    /// What was saved when it was laid to rest, or why that can't be read.
    pub state: Result<Value, String>,
    /// The slot of its workflow's concurrency that it has.
    pub slot: Option<String>,
    /// Its deliveries that ended: id, status, result.
    pub deliveries: Vec<(EffectId, String, Option<Value>)>,
}

/// The customers that these keys lead to, as `to_jsonb` gives them, or why that can't be read. Unknown ones are missing.
///
/// # Errors
/// [`StoreError`].
pub async fn load_customers(
    session: &Session,
    keys: Vec<CustomerKey>,
) -> Result<HashMap<CustomerKey, Result<Arc<Row>, String>>, StoreError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let (mut ids, mut orders, mut emails) = (Vec::new(), Vec::new(), Vec::new());
    for key in &keys {
        ids.push(if let CustomerKey::Id(id) = key { Some(*id) } else { None });
        orders.push(if let CustomerKey::Order(order) = key { Some(*order) } else { None });
        emails.push(if let CustomerKey::Email(email) = key { Some(email.as_str()) } else { None });
    }
    let rows = session.query(&LOAD_CUSTOMERS, &[&ids, &orders, &emails]).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let at = usize::try_from(row.get::<_, i64>("n") - 1).unwrap_or(usize::MAX);
        let customer = Readable::members(Some(row.get("customer"))).map(Arc::new);
        found.extend(keys.get(at).map(|key| (key.clone(), customer)));
    }
    Ok(found)
}

/// Takes executions out of their rest, in this transaction. One that is not resting is not in the answer.
///
/// # Errors
/// [`StoreError`].
pub async fn take_waiting(session: &Session, ids: &[ExecutionId]) -> Result<Vec<Woken>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let (rows, finished) = tokio::join!(
        biased;
        async { session.query(&TAKE_WAITING, &[&ids]).await },
        async { session.query(&FINISHED_DELIVERIES, &[&ids]).await },
    );
    let rows = rows?;
    let mut deliveries: HashMap<Uuid, Vec<(EffectId, String, Option<Value>)>> = HashMap::new();
    for row in &finished? {
        let id = EffectId(row.get("id"));
        deliveries.entry(row.get("execution_id")).or_default().push((
            id,
            row.get("status"),
            row.get::<_, Option<Readable>>("result").map(Readable::or_null),
        ));
    }
    Ok(rows
        .iter()
        .map(|row| {
            let id: Uuid = row.get("id");
            Woken {
                identity: Identity::of(row, row.get("started_at")),
                state: row.get::<_, Readable>("state").0,
                slot: row.get("slot"),
                deliveries: deliveries.remove(&id).unwrap_or_default(),
            }
        })
        .collect())
}

/// Writes ended executions, each once.
///
/// # Errors
/// [`StoreError`].
pub async fn record(session: &Session, ended: &[Ended<'_>]) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
    }
    let of = |pick: fn(&Identity) -> Uuid| ended.iter().map(|e| pick(e.identity)).collect::<Vec<_>>();
    let (ids, events, workflows) = (of(|i| i.id.0), of(|i| i.event.0), of(|i| i.workflow.0));
    let event_ats: Vec<_> = ended.iter().map(|e| e.identity.event_at).collect();
    let versions: Vec<_> = ended.iter().map(|e| e.identity.version).collect();
    let started: Vec<_> = ended.iter().map(|e| e.identity.started_at).collect();
    let modes: Vec<_> = ended.iter().map(|e| e.mode.as_str()).collect();
    let statuses: Vec<_> = ended.iter().map(|e| e.status.as_str()).collect();
    let steps: Vec<_> = ended.iter().map(|e| Json(e.steps)).collect();
    let errors: Vec<_> = ended.iter().map(|e| e.error.as_deref()).collect();
    let roots: Vec<_> = ended.iter().map(|e| e.identity.other_root()).collect();
    let attempts: Vec<_> = ended.iter().map(|e| e.identity.attempt).collect();
    session
        .execute(
            &RECORD,
            &[
                &ids, &event_ats, &events, &workflows, &versions, &modes, &statuses, &steps, &errors,
                &started, &roots, &attempts,
            ],
        )
        .await
        .map(|_| ())
}

/// Lays executions to rest, each once.
///
/// # Errors
/// [`StoreError`].
pub async fn park<S: Serialize + fmt::Debug + Sync>(
    session: &Session,
    resting: &[Resting<'_, S>],
) -> Result<(), StoreError> {
    if resting.is_empty() {
        return Ok(());
    }
    let of = |pick: fn(&Identity) -> Uuid| resting.iter().map(|r| pick(r.identity)).collect::<Vec<_>>();
    let (ids, events, workflows) = (of(|i| i.id.0), of(|i| i.event.0), of(|i| i.workflow.0));
    let event_ats: Vec<_> = resting.iter().map(|r| r.identity.event_at).collect();
    let versions: Vec<_> = resting.iter().map(|r| r.identity.version).collect();
    let lanes: Vec<_> = resting.iter().map(|r| r.identity.lane).collect();
    let started: Vec<_> = resting.iter().map(|r| r.identity.started_at).collect();
    let states: Vec<_> = resting.iter().map(|r| Json(&r.state)).collect();
    let timers: Vec<_> = resting.iter().map(|r| r.timer).collect();
    let put_off: Vec<_> = resting.iter().map(|r| r.put_off_for.as_deref()).collect();
    let roots: Vec<_> = resting.iter().map(|r| r.identity.other_root()).collect();
    let attempts: Vec<_> = resting.iter().map(|r| r.identity.attempt).collect();
    let held: Vec<_> = resting.iter().map(|r| r.held).collect();
    let values: [&(dyn ToSql + Sync); 13] = [
        &ids, &event_ats, &events, &workflows, &versions, &lanes, &states, &started, &timers, &put_off,
        &roots, &attempts, &held,
    ];
    if put_off.iter().all(Option::is_none) {
        return session.execute(&PARK, &values).await.map(|_| ());
    }
    let (replaced, parked) = tokio::join!(
        biased;
        async { session.execute(&REPLACE_PUT_OFF, &[&ids, &workflows, &put_off]).await },
        async { session.execute(&PARK, &values).await },
    );
    replaced.and(parked).map(|_| ())
}

/// Rows as they are by now, in the order asked for, by table and id; `None` for what is gone or can't be read.
///
/// # Errors
/// [`StoreError`].
pub async fn rows_by_now(
    session: &Session,
    tables: &[String],
    ids: &[String],
) -> Result<Vec<Option<Row>>, StoreError> {
    let mut rows: Vec<Option<Row>> = vec![None; ids.len()];
    for row in &session.query(&ROW_BY_NOW, &[&tables, &ids]).await? {
        let at = usize::try_from(row.get::<_, i64>("n") - 1).unwrap_or(usize::MAX);
        let found = row.get::<_, Option<Readable>>("row").and_then(|row| Readable::members(Some(row)).ok());
        if let Some(place) = rows.get_mut(at) {
            *place = found;
        }
    }
    Ok(rows)
}
