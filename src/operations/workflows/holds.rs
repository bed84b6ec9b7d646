//! The emergency stop: workflows are held, and go on when they are released. And starting one by hand.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{OfWorkflow, one, one_line};
use crate::operations::executions::by_whom;
use crate::operations::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb, audit};
use crate::store::telling::{self, ALL, Hold as HeldRow};
use crate::store::{audit as stored_audit, versions};
use crate::workflow::hash::hash;

/// Why something is held.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = HoldWhy)]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// For whoever finds it held.
    #[serde(default)]
    pub reason: String,
}

/// What is held.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = HeldWorkflow)]
pub struct Held {
    /// Which workflow; all zeros for all of them.
    pub workflow_id: Uuid,
    /// Its name; nothing for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// It is.
    pub held: bool,
    /// Whether it was already.
    pub was_held: bool,
}

/// Whether what was held is done.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = ReleaseHow)]
#[serde(deny_unknown_fields)]
pub struct How {
    /// Cancel what was held instead.
    #[serde(default)]
    pub discard: bool,
}

/// What goes on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ReleasedWorkflow)]
pub struct Released {
    /// Which workflow; all zeros for all of them.
    pub workflow_id: Uuid,
    /// Its name; nothing for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// How many executions were held.
    pub let_go: i64,
    /// Whether they are cancelled.
    pub discarded: bool,
}

/// One workflow, or all of them.
struct Meant {
    id: Uuid,
    name: Option<String>,
}

impl Meant {
    const ALL: Self = Self { id: ALL, name: None };

    async fn one(connection: &mut PgConnection, name: &str) -> Result<Self, Refusal> {
        let head = one(connection, name).await?;
        Ok(Self { id: head.id, name: Some(head.name) })
    }

    fn words(&self) -> String {
        self.name.as_ref().map_or_else(|| "every workflow".into(), |name| format!("`{}`", one_line(name)))
    }
}

/// Holds a workflow.
#[derive(Debug)]
pub struct Hold;

impl Operation for Hold {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/workflows/{workflow}/hold";
    const NAME: &'static str = "holdWorkflow";
    const ABOUT: &'static str = "The emergency stop: within a second nothing of a workflow moves any more, and nothing is lost. \
        What happens meanwhile is done when it is released.";
    type Path = OfWorkflow;
    type Query = Nothing;
    type Body = Why;
    type Output = Held;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Held, Refusal> {
        hold(context, Some(&asked.path.workflow), &asked.body.reason).await
    }
}

/// Holds all workflows.
#[derive(Debug)]
pub struct HoldAll;

impl Operation for HoldAll {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/hold";
    const NAME: &'static str = "holdAll";
    const ABOUT: &'static str = "The emergency stop of every workflow.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = Why;
    type Output = Held;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Held, Refusal> {
        hold(context, None, &asked.body.reason).await
    }
}

async fn hold(context: &Context, workflow: Option<&str>, reason: &str) -> Result<Held, Refusal> {
    let by = by_whom(context, None)?;
    let mut transaction = context.begin().await?;
    let meant = match workflow {
        Some(name) => Meant::one(&mut transaction, name).await?,
        None => Meant::ALL,
    };
    let is_new = telling::hold(&mut *transaction, meant.id, reason, &by).await?;
    if is_new {
        let detail = json!({"name": meant.name, "reason": reason});
        audit::note(&mut transaction, &context.who, "workflow.hold", meant.id, detail).await?;
    }
    transaction.commit().await?;
    Ok(Held { workflow_id: meant.id, workflow: meant.name, held: true, was_held: !is_new })
}

/// Releases a workflow.
#[derive(Debug)]
pub struct Release;

impl Operation for Release {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/workflows/{workflow}/release";
    const NAME: &'static str = "releaseWorkflow";
    const ABOUT: &'static str = "Lets a held workflow go on, with all that happened meanwhile, in its order; or without, if that is to be discarded.";
    type Path = OfWorkflow;
    type Query = Nothing;
    type Body = How;
    type Output = Released;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Released, Refusal> {
        release(context, Some(&asked.path.workflow), asked.body.discard).await
    }
}

/// Releases what holds all workflows.
#[derive(Debug)]
pub struct ReleaseAll;

impl Operation for ReleaseAll {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/release";
    const NAME: &'static str = "releaseAll";
    const ABOUT: &'static str =
        "Takes back the stop of every workflow. Those that are held by themselves stay held.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Released;

    async fn run(context: &Context, _asked: Asked<Self>) -> Result<Released, Refusal> {
        release(context, None, false).await
    }
}

async fn release(context: &Context, workflow: Option<&str>, discard: bool) -> Result<Released, Refusal> {
    let by = by_whom(context, None)?;
    let mut transaction = context.begin().await?;
    let meant = match workflow {
        Some(name) => Meant::one(&mut transaction, name).await?,
        None => Meant::ALL,
    };
    let Some(let_go) = telling::release(&mut *transaction, meant.id, discard, &by).await? else {
        return Err(Refusal::new(Kind::Conflict, "not-held", format!("{} is not held", meant.words()))
            .help("`thendo workflow list` tells what is; one that is paused is resumed"));
    };
    let detail = json!({"name": meant.name, "let_go": let_go, "discarded": discard});
    audit::note(&mut transaction, &context.who, "workflow.release", meant.id, detail).await?;
    transaction.commit().await?;
    Ok(Released { workflow_id: meant.id, workflow: meant.name, let_go, discarded: discard })
}

/// Lists what is held.
#[derive(Debug)]
pub struct Holds;

impl Operation for Holds {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/holds";
    const NAME: &'static str = "listHolds";
    const ABOUT: &'static str =
        "What is held, by whom and why, the oldest first; up to 500. All zeros stand for every workflow.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Vec<HeldRow>;

    async fn run(context: &Context, _asked: Asked<Self>) -> Result<Vec<HeldRow>, Refusal> {
        Ok(telling::holds(&context.pool).await?)
    }
}

/// What a workflow is started with.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = StartWith)]
#[serde(deny_unknown_fields)]
pub struct StartWith {
    /// Its `manual.input`.
    #[schema(value_type = Object)]
    #[serde(default)]
    pub input: Map<String, Value>,
    /// Asked again with the same key by the same one, it is not started again: the first start is told. For as long as the audit
    /// is kept.
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The line of the audit that a start with a key leaves; its target is the event.
const KEYED: &str = "workflow.start-key";

/// The event of a start with a key: the same one for the same who, workflow and key.
fn event_of(workflow: Uuid, who: &str, key: &str) -> Result<Uuid, Refusal> {
    if !(1..=200).contains(&key.chars().count()) {
        return Err(Refusal::new(Kind::Malformed, "bad-key", "`key` is empty, or has more than 200 letters")
            .help("take a random one, such as a UUID, for each start that is meant"));
    }
    Ok(Uuid::new_v5(&workflow, json!([who, key]).to_string().as_bytes()))
}

/// A workflow that starts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = StartedWorkflow)]
pub struct Started {
    /// Its name.
    pub workflow: String,
    /// Its identity.
    pub workflow_id: Uuid,
    /// The event that starts it.
    pub event_id: Uuid,
}

/// Starts a workflow by hand.
#[derive(Debug)]
pub struct Start;

impl Operation for Start {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/workflows/{workflow}/start";
    const NAME: &'static str = "startWorkflow";
    const ABOUT: &'static str = "Starts a workflow that is in force and begins with the trigger `manual`. A daemon runs it at once. With a `key` it is started \
        once, however often that is asked.";
    type Path = OfWorkflow;
    type Query = Nothing;
    type Body = StartWith;
    type Output = Started;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Started, Refusal> {
        let by = by_whom(context, None)?;
        let mut transaction = context.begin().await?;
        let head = one(&mut transaction, &asked.path.workflow).await?;
        let StartWith { input, key } = asked.body;
        let told = hash(vec![Value::Object(input.clone()).to_string()]);
        let once = key.map(|key| event_of(head.id, &context.who.name, &key)).transpose()?;
        if let Some(event_id) = once
            && let Some(before) = stored_audit::detail_once(&mut transaction, KEYED, event_id).await?
        {
            return match before["input"] == *told {
                true => Ok(Started { workflow: head.name, workflow_id: head.id, event_id }),
                false => {
                    Err(Refusal::new(Kind::Conflict, "key-used", "this key started it with another input")
                        .help("take a new key for a new start, or send the same input as before"))
                }
            };
        }
        let started = versions::start(&mut transaction, head.id, &input, (&by, once)).await?;
        let Some(event_id) = started else {
            let message = format!("`{}` can't be started by hand", one_line(&head.name));
            return Err(Refusal::new(Kind::Conflict, "not-by-hand", message).help(
                "it must be published and begin with the trigger `manual`: `thendo workflow show` tells both",
            ));
        };
        let detail = json!({"name": head.name, "event": event_id});
        audit::note(&mut transaction, &context.who, "workflow.start", head.id, detail).await?;
        if once.is_some() {
            let detail = json!({"name": head.name, "input": told});
            audit::note(&mut transaction, &context.who, KEYED, event_id, detail).await?;
        }
        transaction.commit().await?;
        Ok(Started { workflow: head.name, workflow_id: head.id, event_id })
    }
}
