//! Rows that no batch survives are set aside.

use super::advance::Run;
use super::alerts::{announce, note};
use super::changes::Changes;
use super::in_force::InForce;
use super::plans::Plans;
use super::record::{settle, tells};
use super::replays::{Meant, Replays};
use super::resume::{Broken, Moving};
use super::start::identity;
use crate::domain::alert::Kind;
use crate::domain::event::Event;
use crate::store::executions::{load_customers, take_waiting};
use crate::store::queue::{Claimed, Due, quarantine};
use crate::store::session::{Session, StoreError};

/// Takes a row off the queue that no batch survives, and records why for each execution it was to start.
///
/// # Errors
/// [`StoreError`]; nothing happened.
pub async fn set_aside(
    session: &Session,
    (plans, changes): (&Plans, &Changes),
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
        let aside = |identity, state, tells| {
            let error = format!("set aside: {reason}");
            Broken { identity, steps: Vec::new(), state, error, tells }
        };
        let replays = Replays::load(session, std::slice::from_ref(row), &mut moving.alarms).await?;
        let meant = replays.meant(row);
        match (&row.what, &meant) {
            (_, Some(meant @ Meant { event, unreadable: None, at, number, lifts_guards, .. })) => {
                let started = plans.table().perhaps_started_by(event, *at).into_iter();
                for in_force in started.filter(|in_force| meant.is_for(in_force)) {
                    let known = with_customer(session, event, &in_force).await?;
                    let identity = identity(event, &in_force, row.lane, *at, *number);
                    let mut run = Run::start(identity.id, &in_force.plan, &known, *at);
                    if *lifts_guards {
                        run.lift_guards(&in_force.plan);
                    }
                    let tells = tells(in_force.plan.trigger_kind(), event.depth);
                    moving.broken.push(aside(identity, serde_json::to_value(run.save()).ok(), tells));
                }
            }
            (_, Some(meant @ Meant { event, at, number, .. })) => {
                let listening = plans.table().listening_to(event, *at).into_iter();
                moving.broken.extend(listening.filter(|in_force| meant.is_for(in_force)).map(|in_force| {
                    let tells = tells(in_force.plan.trigger_kind(), event.depth);
                    aside(identity(event, &in_force, row.lane, *at, *number), None, tells)
                }));
            }
            (Due::Execution(id) | Due::Offer(id, _), None) => {
                let woken = take_waiting(session, &[*id]).await?.into_iter();
                moving.broken.extend(woken.map(|woken| aside(woken.identity, woken.state.ok(), None)));
            }
            (_, None) => {}
        }
        let name = meant.map_or_else(|| row.what.name(), |meant| meant.name());
        let message = format!(
            "a row of the queue that no batch survives was set aside ({name}); `thendo executions list --status failed` says why"
        );
        note(&mut moving.alarms, Kind::SetAside, None, message);
        settle(session, plans, changes, &mut moving, row.due_at).await
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

/// The event as the execution would have seen it: whoever tries it again needs the customer, too.
async fn with_customer(session: &Session, event: &Event, in_force: &InForce) -> Result<Event, StoreError> {
    let key = in_force.plan.customer_of(event);
    let found = load_customers(session, key.into_iter().collect()).await?;
    let customer = found.into_values().next().and_then(Result::ok);
    Ok(Event { customer, ..event.clone() })
}
