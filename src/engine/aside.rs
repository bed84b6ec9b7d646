//! Rows that no batch survives are set aside.

use super::advance::Run;
use super::alerts::{announce, note};
use super::plans::Plans;
use super::record::settle;
use super::resume::{Broken, Moving};
use super::start::identity;
use crate::domain::alert::Kind;
use crate::store::executions::take_waiting;
use crate::store::queue::{Claimed, Due, quarantine};
use crate::store::session::{Session, StoreError};

/// Takes a row off the queue that no batch survives, and records why for each execution it was to start.
///
/// # Errors
/// [`StoreError`]; nothing happened.
pub async fn set_aside(
    session: &Session,
    plans: &Plans,
    row: &Claimed,
    reason: &str,
) -> Result<(), StoreError> {
    session.transaction("begin").await?;
    let done = async {
        if !quarantine(session, row).await? {
            session.transaction("rollback").await?;
            return Ok(Vec::new()); // Somebody else has it.
        }
        let mut moving = Moving::default();
        let aside = |identity, state| Broken {
            identity,
            steps: Vec::new(),
            state,
            error: format!("set aside: {reason}"),
        };
        match &row.what {
            Due::Event(event) => moving.broken.extend(plans.started_by(event).iter().map(|in_force| {
                let identity = identity(event, in_force, row.lane, event.at);
                let run = Run::start(identity.id, &in_force.plan, event, event.at);
                aside(identity, serde_json::to_value(run.save()).ok())
            })),
            Due::Unreadable(event, _) => moving.broken.extend(
                plans
                    .listening_to(event)
                    .iter()
                    .map(|in_force| aside(identity(event, in_force, row.lane, event.at), None)),
            ),
            Due::Execution(id) | Due::Offer(id, _) => moving.broken.extend(
                take_waiting(session, &[*id])
                    .await?
                    .into_iter()
                    .map(|woken| aside(woken.identity, woken.state.ok())),
            ),
            Due::Gone(_) => {}
        }
        let message = format!(
            "a row of the queue that no batch survives was set aside ({}); `thendo executions list --status failed` says why",
            row.what.name()
        );
        note(&mut moving.alarms, Kind::SetAside, None, message);
        settle(session, plans, &mut moving, row.due_at).await
    };
    match done.await {
        Ok(alerts) => {
            announce(&alerts);
            Ok(())
        }
        Err(error) => {
            let _ = session.transaction("rollback").await;
            Err(error)
        }
    }
}
