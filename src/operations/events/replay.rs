//! Events start what they start once more.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgPool;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Done, filter_of, one};
use crate::operations::executions::by_whom;
use crate::operations::moment::Moment;
use crate::operations::workflows;
use crate::operations::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb, audit, cursor};
use crate::store::events::{self, EventFilter};
use crate::store::replays::{self, AT_ONCE, Counted, Wanted};

/// Events that one transaction asks for are so many times [`AT_ONCE`]: others who replay wait for it.
const TURNS: usize = 4;
/// Events that are named by their ids.
const MOST_NAMED: usize = 500;

/// What is replayed: events by their ids, or all of a time.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayWhat {
    /// Their ids, at most 500.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 500)]
    pub events: Vec<Uuid>,
    /// Or from then on: `2h`, `7d` (ago), a day or an instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// Before then; without it, until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Of a time, only of this table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Of a time, only where this was done to the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Done>,
    /// Of a time, only of this customer, or of a row without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Only for this workflow: its id or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// Also those that were replayed before.
    pub again: bool,
    /// Also where flow settings would have a workflow start no more.
    pub lift_guards: bool,
    /// Do it; without it is only told what would be done.
    pub confirm: bool,
    /// `next` of the answer before: goes on behind what that one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Who says so. For the command line on a database: who else asks is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What comes of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct ReplayAnswer {
    /// Events that are queued; none if it was not confirmed.
    pub replayed: usize,
    /// Events that are meant, by kind. Told once: not where an answer before is gone on from.
    pub events: Vec<Counted>,
    /// Workflows that begin with such, unless their filters object. Told once, too.
    pub workflows: Vec<String>,
    /// There is more to do: hand it in as `cursor`, with all else as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// How far a time is replayed: its bounds, and the last event that was asked for.
type Reached = (DateTime<Utc>, DateTime<Utc>, Option<(DateTime<Utc>, Uuid)>);

/// The events that are meant.
enum Meant {
    These(Vec<(DateTime<Utc>, Uuid)>),
    Range(EventFilter, Option<(DateTime<Utc>, Uuid)>),
}

/// Replays events.
#[derive(Debug)]
pub struct Replay;

impl Operation for Replay {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/events/replay";
    const NAME: &'static str = "replayEvents";
    const ABOUT: &'static str = "Has events start what they start once more, for real. Without `confirm` it only tells what would \
        be replayed. Of many, one request does some thousands: `next` goes on.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = ReplayWhat;
    type Output = ReplayAnswer;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<ReplayAnswer, Refusal> {
        let (pool, what) = (&context.pool, asked.body);
        let reached: Option<Reached> = cursor::read(what.cursor.as_deref())?;
        check(&what, reached.is_some())?;
        let workflow = match &what.workflow {
            Some(name) => Some(workflows::one(&mut *pool.acquire().await?, name).await?),
            None => None,
        };
        let wanted = Wanted {
            workflow: workflow.as_ref().map(|head| head.id),
            lifts_guards: what.lift_guards,
            again: what.again,
            by: by_whom(context, what.by.clone())?,
        };
        let (meant, counted) = meant(pool, &what, &wanted, reached).await?;
        let mut answer = ReplayAnswer::default();
        if reached.is_none() {
            let (tables, operations): (Vec<_>, Vec<_>) =
                counted.iter().map(|of| (of.table_name.clone(), of.operation.clone())).unzip();
            let listeners = replays::listeners(pool, &tables, &operations, wanted.workflow).await?;
            answer.workflows = listeners.into_iter().map(|(_, name)| name).collect();
            answer.events = counted;
            if answer.workflows.is_empty() {
                return Err(nothing(workflow.map(|head| head.name).as_deref()));
            }
        }
        if what.confirm {
            (answer.replayed, answer.next) = ask(context, &what, meant, &wanted).await?;
        }
        Ok(answer)
    }
}

fn check(what: &ReplayWhat, goes_on: bool) -> Result<(), Refusal> {
    let bad = |message: &str, help: &str| {
        Err(Refusal::new(Kind::Malformed, "bad-body", message.to_owned()).help(help.to_owned()))
    };
    let of_time = [what.since.is_some(), what.until.is_some(), what.table.is_some()].contains(&true)
        || what.operation.is_some()
        || what.entity.is_some();
    match (what.events.len(), what.since.is_some()) {
        (0, false) => bad("it is not said which events are meant", "say `events` or `since`"),
        (1.., _) if of_time || goes_on => {
            bad("events are named, and a time besides", "say `events`, or `since` and what narrows it")
        }
        (n, _) if n > MOST_NAMED => bad(&format!("{n} events are named"), "name at most 500 at once"),
        _ if goes_on && !what.confirm => bad("nothing was done that could be gone on with", "say `confirm`"),
        _ => Ok(()),
    }
}

async fn meant(
    pool: &PgPool,
    what: &ReplayWhat,
    wanted: &Wanted,
    reached: Option<Reached>,
) -> Result<(Meant, Vec<Counted>), Refusal> {
    if !what.events.is_empty() {
        return these(pool, &what.events, wanted).await;
    }
    let narrowed = (what.table.clone(), what.operation, what.entity.clone());
    if let Some((since, until, after)) = reached {
        let filter = filter_of(pool, narrowed, (None, None)).await?;
        let filter = EventFilter { since: Some(since), until: Some(until), ..filter };
        return Ok((Meant::Range(filter, after), Vec::new()));
    }
    let mut filter = filter_of(pool, narrowed, (what.since.clone(), what.until.clone())).await?;
    // What happens from now on is not replayed before it has happened.
    filter.until = filter.until.or(Some(events::clock(pool).await?));
    let counted = replays::count(pool, &filter, wanted).await?;
    Ok((Meant::Range(filter, None), counted))
}

async fn these(pool: &PgPool, ids: &[Uuid], wanted: &Wanted) -> Result<(Meant, Vec<Counted>), Refusal> {
    let (mut meant, mut counted) = (Vec::new(), Vec::<Counted>::new());
    for id in ids {
        let event = one(pool, *id).await?.event;
        let replays = replays::of_event(pool, *id, event.at).await?;
        let same = |of: Option<Uuid>| of.is_none() || wanted.workflow.is_none() || of == wanted.workflow;
        let replayed = replays.iter().any(|replay| same(replay.workflow_id));
        meant.push((event.at, *id));
        let kind = |of: &&mut Counted| {
            of.table_name == event.table_name && of.operation == event.operation && of.replayed == replayed
        };
        match counted.iter_mut().find(kind) {
            Some(of) => of.count += 1,
            None => {
                let (table_name, operation) = (event.table_name, event.operation);
                counted.push(Counted { table_name, operation, replayed, count: 1 });
            }
        }
    }
    Ok((Meant::These(meant), counted))
}

/// Asks for them in one transaction, noted in the audit; of a time as many as one transaction may, and where to go on.
async fn ask(
    context: &Context,
    what: &ReplayWhat,
    meant: Meant,
    wanted: &Wanted,
) -> Result<(usize, Option<String>), Refusal> {
    let mut transaction = context.begin().await?;
    let (mut asked, mut next) = (0, None);
    let target = match &meant {
        Meant::These(events) => events.first().map(|(_, id)| id.to_string()).unwrap_or_default(),
        Meant::Range(..) => String::new(),
    };
    match meant {
        Meant::These(events) => asked = replays::ask(&mut transaction, &events, wanted).await?.len(),
        Meant::Range(filter, mut after) => {
            for _ in 0..TURNS {
                let events = replays::next(&mut transaction, &filter, wanted, after).await?;
                let Some(last) = events.last().copied() else {
                    next = None;
                    break;
                };
                asked += replays::ask(&mut transaction, &events, wanted).await?.len();
                after = Some(last);
                let is_last = i64::try_from(events.len()).unwrap_or(0) < AT_ONCE;
                next = (!is_last).then(|| cursor::write(&(filter.since, filter.until, after)));
                if is_last {
                    break;
                }
            }
        }
    }
    if asked > 0 {
        let detail = json!({"events": asked, "since": what.since, "until": what.until, "table": what.table,
            "workflow": wanted.workflow, "again": wanted.again, "lift_guards": wanted.lifts_guards});
        audit::note(&mut transaction, &context.who, "event.replay", target, detail).await?;
    }
    transaction.commit().await?;
    Ok((asked, next))
}

fn nothing(workflow: Option<&str>) -> Refusal {
    let of = workflow.map_or_else(|| "no workflow".to_owned(), |name| format!("`{name}` does not"));
    let begins = if workflow.is_some() { "begin" } else { "in force begins" };
    let message = format!("there is nothing to replay: {of} {begins} with such events, or there are none");
    Refusal::new(Kind::Conflict, "nothing-to-replay", message)
        .help("`thendo events list` lists events, `thendo workflow list` what is in force")
}
