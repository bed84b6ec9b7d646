//! Failed executions that an admin has tried again.

use chrono::{DateTime, Utc};

use super::advance::Run;
use super::apply::Running;
use super::plans::Plans;
use super::resume::{Broken, Inbox, read_saved};
use crate::domain::ids::ExecutionId;
use crate::domain::word::{From, Version, What, Word};
use crate::store::dead_letters;
use crate::store::executions::Identity;
use crate::store::session::{Session, StoreError};

/// Those of the inbox that have failed and are to be tried again: another attempt of the same root each.
pub(super) async fn try_again(
    session: &Session,
    plans: &Plans,
    inbox: &Inbox<'_>,
    now: DateTime<Utc>,
    broken: &mut Vec<Broken>,
) -> Result<Vec<Running>, StoreError> {
    let told = |id: &ExecutionId| {
        inbox.get(id)?.iter().find_map(|event| match Word::of(event)?.what {
            What::Retry { from, version } => Some((from, version)),
            _ => None,
        })
    };
    let ids: Vec<ExecutionId> = inbox.keys().filter(|id| told(id).is_some()).copied().collect();
    let mut again = Vec::with_capacity(ids.len());
    for (failed, state) in dead_letters::take(session, &ids, now).await? {
        let (from, version) = told(&failed.id).unwrap_or_default();
        let attempt = failed.attempt.saturating_add(1);
        let mut identity = Identity { id: ExecutionId::attempt(failed.root, attempt), attempt, ..failed };
        let plan = match version {
            Version::Original => plans.pinned(session, identity.workflow, identity.version).await?,
            Version::Latest => plans.table().in_force(identity.workflow).map(|in_force| {
                identity.version = in_force.version;
                in_force.plan.clone()
            }),
        };
        let made = read_saved(&identity, state, |saved| {
            let plan = plan
                .ok_or("there is no version to try it on: the one it ran on is gone, or none is in force")?;
            let run = match from {
                From::Start => Run::from_start(identity.root, &plan, &saved, now),
                From::Failed => Run::again(identity.root, &plan, saved, now)
                    .map_err(|error| format!("{error}; it can be tried again from the start"))?,
            };
            Ok((plan, run))
        });
        match made {
            Ok((plan, run)) => again.push(Running { identity, plan, run }),
            Err(fault) => broken.push(*fault),
        }
    }
    Ok(again)
}
