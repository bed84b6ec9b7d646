//! What flow control keeps between executions, and their slots.

use std::collections::HashMap;

use tokio_postgres::Row;
use uuid::Uuid;

use super::session::{Session, Sql, StoreError};
use crate::domain::ids::{ExecutionId, WorkflowId};

pub(super) static LOCK_FLOW: Sql = Sql {
    name: "lock_flow",
    text: "insert into public.workflow_flow as f (workflow_id, rule, key)
           select i.workflow_id, i.rule, i.key from unnest($1::uuid[], $2::text[], $3::text[]) as i (workflow_id, rule, key)
           order by i.workflow_id, i.rule, i.key
           on conflict (workflow_id, rule, key) do update set key = excluded.key
           returning f.workflow_id, f.rule, f.key, f.at, f.until, f.execution_id, f.counted, f.statement, f.of_statement",
};
pub(super) static TAKEN_SLOTS: Sql = Sql {
    name: "taken_slots",
    text: "select i.workflow_id, i.key, (select count(*) from public.workflow_waiting w
               where w.workflow_id = i.workflow_id and w.slot = i.key) as taken
           from unnest($1::uuid[], $2::text[]) as i (workflow_id, key)",
};
pub(super) static KEEP_FLOW: Sql = Sql {
    name: "keep_flow",
    text: "update public.workflow_flow f
           set at = i.at, until = i.until, execution_id = i.execution_id, counted = i.counted, statement = i.statement,
               of_statement = i.of_statement
           from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::uuid[], $7::integer[],
                       $8::text[], $9::integer[])
               as i (workflow_id, rule, key, at, until, execution_id, counted, statement, of_statement)
           where f.workflow_id = i.workflow_id and f.rule = i.rule and f.key = i.key",
};
/// One that is in other hands at this moment finds out by itself that another has taken its place.
pub(super) static REPLACE_QUIET: Sql = Sql {
    name: "replace_quiet",
    text: "delete from public.workflow_waiting where id = any (array(
               select w.id from public.workflow_waiting w where w.id = any ($1::uuid[]) for update skip locked))",
};
pub(super) static TAKE_PLACES: Sql = Sql {
    name: "take_places",
    text: "update public.workflow_waiting w set slot = i.slot, wants_slot = i.wants_slot
           from unnest($1::uuid[], $2::text[], $3::text[]) as i (id, slot, wants_slot) where w.id = i.id",
};
/// Not what events that are still queued would ask for.
pub static PRUNE_FLOW: Sql = Sql {
    name: "prune_flow",
    text: "delete from public.workflow_flow where ctid = any (array(
               select f.ctid from public.workflow_flow f
               where (f.until < least(now(), (select min(oldest.due_at) from generate_series(0, 63) as l (lane)
                         cross join lateral (select q.due_at from public.workflow_queue q
                             where q.lane = l.lane order by q.due_at, q.id limit 1) oldest)) - interval '1 day'
                      and not exists (select from public.workflow_waiting w where f.rule = 'concurrency'
                          and w.workflow_id = f.workflow_id and f.key in (w.slot, w.wants_slot)))
                  or not exists (select from public.workflows w where w.id = f.workflow_id)
               limit $1::bigint for update of f skip locked))",
};

/// A key of a rule of a workflow.
pub type Place = (WorkflowId, &'static str, String);

/// A row of `workflow_flow`, as it is and as it is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Nothing yet, if it is new.
    pub at: Option<chrono::DateTime<chrono::Utc>>,
    /// When it can be forgotten.
    pub until: Option<chrono::DateTime<chrono::Utc>>,
    /// The execution that is put off.
    pub execution: Option<Uuid>,
    /// Executions.
    pub counted: i32,
    /// Whose executions were counted last.
    pub statement: Option<String>,
    /// How many of these.
    pub of_statement: i32,
}

/// Locks what is kept of these places until the transaction ends, and gives it; `sorted` by place, each once. Beside it, how
/// many of `slots` are taken by executions that rest.
///
/// # Errors
/// [`StoreError`]: someone else decides about them for too long, the batch is to be done again.
pub async fn lock_flow(
    session: &Session,
    sorted: &[Place],
    slots: &[(WorkflowId, String)],
) -> Result<(Vec<Kept>, Vec<i64>), StoreError> {
    let workflows: Vec<Uuid> = sorted.iter().map(|(workflow, ..)| workflow.0).collect();
    let rules: Vec<&str> = sorted.iter().map(|(_, rule, _)| *rule).collect();
    let keys: Vec<&str> = sorted.iter().map(|(.., key)| key.as_str()).collect();
    let of_slots: Vec<Uuid> = slots.iter().map(|(workflow, _)| workflow.0).collect();
    let slot_keys: Vec<&str> = slots.iter().map(|(_, key)| key.as_str()).collect();
    // Counted by a statement of its own, whose snapshot is younger than the locks.
    let (locked, taken) = tokio::join!(
        biased;
        async { session.query(&LOCK_FLOW, &[&workflows, &rules, &keys]).await },
        async {
            match slots.is_empty() {
                true => Ok(Vec::new()),
                false => session.query(&TAKEN_SLOTS, &[&of_slots, &slot_keys]).await,
            }
        },
    );
    let (locked, taken) = (locked?, taken?);
    let by_place: HashMap<(Uuid, &str, &str), &Row> =
        locked.iter().map(|row| ((row.get(0), row.get(1), row.get(2)), row)).collect();
    let kept = workflows.iter().zip(&rules).zip(&keys).map(|((workflow, rule), key)| {
        by_place.get(&(*workflow, *rule, *key)).map_or_else(Kept::default, |row| kept(row))
    });
    let kept = kept.collect();
    let by_slot: HashMap<(Uuid, &str), i64> =
        taken.iter().map(|row| ((row.get(0), row.get(1)), row.get("taken"))).collect();
    let taken = slots.iter().map(|(workflow, key)| by_slot.get(&(workflow.0, key.as_str())).copied());
    Ok((kept, taken.map(Option::unwrap_or_default).collect()))
}

fn kept(row: &Row) -> Kept {
    Kept {
        at: row.get("at"),
        until: row.get("until"),
        execution: row.get("execution_id"),
        counted: row.get("counted"),
        statement: row.get("statement"),
        of_statement: row.get("of_statement"),
    }
}

/// Writes what is kept of places that are locked, and takes away the executions whose places others have taken.
///
/// # Errors
/// [`StoreError`].
pub async fn keep_flow(
    session: &Session,
    kept: &[(&Place, &Kept)],
    replaced: &[ExecutionId],
) -> Result<(), StoreError> {
    let workflows: Vec<Uuid> = kept.iter().map(|((workflow, ..), _)| workflow.0).collect();
    let rules: Vec<&str> = kept.iter().map(|((_, rule, _), _)| *rule).collect();
    let keys: Vec<&str> = kept.iter().map(|((.., key), _)| key.as_str()).collect();
    let ats: Vec<_> = kept.iter().map(|(_, kept)| kept.at).collect();
    let untils: Vec<_> = kept.iter().map(|(_, kept)| kept.until).collect();
    let executions: Vec<_> = kept.iter().map(|(_, kept)| kept.execution).collect();
    let counted: Vec<_> = kept.iter().map(|(_, kept)| kept.counted).collect();
    let statements: Vec<_> = kept.iter().map(|(_, kept)| kept.statement.as_deref()).collect();
    let of_statement: Vec<_> = kept.iter().map(|(_, kept)| kept.of_statement).collect();
    let replaced: Vec<Uuid> = replaced.iter().map(|id| id.0).collect();
    let (written, deleted) = tokio::join!(
        biased;
        async {
            if kept.is_empty() {
                return Ok(0);
            }
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 9] = [
                &workflows, &rules, &keys, &ats, &untils, &executions, &counted, &statements, &of_statement,
            ];
            session.execute(&KEEP_FLOW, &values).await
        },
        async {
            match replaced.is_empty() {
                true => Ok(0),
                false => session.execute(&REPLACE_QUIET, &[&replaced]).await,
            }
        },
    );
    written.and(deleted).map(|_| ())
}

/// An execution that rests, the slot that it has, and the slot that it waits for.
pub type Occupant = (ExecutionId, Option<String>, Option<String>);

/// Says which slots executions have that were just laid to rest, or wait for.
///
/// # Errors
/// [`StoreError`].
pub async fn take_places(session: &Session, occupants: &[Occupant]) -> Result<(), StoreError> {
    if occupants.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = occupants.iter().map(|(id, ..)| id.0).collect();
    let slots: Vec<_> = occupants.iter().map(|(_, slot, _)| slot.as_deref()).collect();
    let wanted: Vec<_> = occupants.iter().map(|(.., wanted)| wanted.as_deref()).collect();
    session.execute(&TAKE_PLACES, &[&ids, &slots, &wanted]).await.map(|_| ())
}
