//! What runs and what does not: pause, resume, archive, unarchive, restore.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{PgConnection, Postgres, Transaction};
use utoipa::ToSchema;
use uuid::Uuid;

use super::judged::Judged;
use super::publish::{self, Next, Published};
use super::{OfWorkflow, catalogue, definition_of, one, one_line, one_to_edit, readable};
use crate::operations::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb, audit};
use crate::store::versions::{self, Head, InFlight};
use crate::workflow::compile::compile;

/// An edit that comes between reading and locking is judged anew, so often.
const MOST_TRIES: u32 = 4;

/// A change of state, in which nothing starts from then on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = MovedWorkflow)]
pub struct Moved {
    /// Its identity.
    pub id: Uuid,
    /// Its name.
    pub workflow: String,
    /// Its state now.
    pub status: String,
    /// Its state before.
    pub before: String,
    /// Executions under way: they go on to their end.
    pub in_flight: Vec<InFlight>,
}

macro_rules! takes_out {
    ($(#[$doc:meta])* $name:ident, $path:literal, $id:literal, $about:literal, $act:literal, $from:expr, $to:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Operation for $name {
            const VERB: Verb = Verb::Post;
            const PATH: &'static str = $path;
            const NAME: &'static str = $id;
            const ABOUT: &'static str = $about;
            type Path = OfWorkflow;
            type Query = Nothing;
            type Body = Nothing;
            type Output = Moved;

            async fn run(context: &Context, asked: Asked<Self>) -> Result<Moved, Refusal> {
                take(context, &asked.path.workflow, $act, $from, $to).await
            }
        }
    };
}

takes_out!(
    /// Has a workflow start nothing for now.
    Pause, "/workflows/{workflow}/pause", "pauseWorkflow",
    "Has a workflow start nothing from now on. What is under way goes on to its end.",
    "workflow.pause", &["published"], "paused"
);
takes_out!(
    /// Puts a workflow aside.
    Archive, "/workflows/{workflow}/archive", "archiveWorkflow",
    "Puts a workflow aside for good; its history stays.",
    "workflow.archive", &["draft", "published", "paused"], "archived"
);
takes_out!(
    /// Takes a workflow back from the archive.
    Unarchive, "/workflows/{workflow}/unarchive", "unarchiveWorkflow",
    "Takes a workflow back from the archive, as a draft.",
    "workflow.unarchive", &["archived"], "draft"
);

async fn take(context: &Context, name: &str, act: &str, from: &[&str], to: &str) -> Result<Moved, Refusal> {
    let (mut transaction, head, judged) = locked(context, name, to != "paused").await?;
    let mut moved = Moved {
        id: head.id,
        workflow: head.name.clone(),
        status: to.to_owned(),
        before: head.status.clone(),
        in_flight: Vec::new(),
    };
    if head.status == to {
        return Ok(moved);
    }
    if !from.contains(&&*head.status) {
        return Err(wrong_state(&head, from));
    }
    take_out(&mut transaction, &head, to, &judged).await?;
    let detail = json!({"name": head.name, "before": head.status});
    audit::note(&mut transaction, &context.who, act, head.id, detail).await?;
    transaction.commit().await?;
    // After the commit: it takes its time, and claims have waited.
    moved.in_flight = publish::under_way(&context.pool, head.id).await;
    Ok(moved)
}

/// A workflow to edit, and what the compiler says of what it has: judged before it is locked, and again if it was edited
/// meanwhile. `drawn` is what the status to come has as its definition: what is drawn, or what was published last.
async fn locked(
    context: &Context,
    name: &str,
    drawn: bool,
) -> Result<(Transaction<'static, Postgres>, Head, Judged), Refusal> {
    let text = |head: &Head| if drawn { head.drawn().to_owned() } else { head.definition.clone() };
    let mut judged = Judged::default();
    let mut seen = text(&one(&mut *context.pool.acquire().await?, name).await?);
    for _ in 0..MOST_TRIES {
        judged.add(&seen).await?;
        let mut transaction = context.begin().await?;
        versions::take_turn(&mut transaction).await?;
        let head = one_to_edit(&mut transaction, name).await?;
        let now = text(&head);
        if now == seen {
            return Ok((transaction, head, judged));
        }
        seen = now;
    }
    Err(Refusal::new(Kind::Busy, "busy", "somebody else edits it again and again")
        .help("try again in a moment"))
}

/// Gives a workflow a state in which nothing starts, at once: a daemon would do the same a moment later.
async fn take_out(
    connection: &mut PgConnection,
    head: &Head,
    status: &str,
    judged: &Judged,
) -> Result<(), Refusal> {
    let written = versions::set_status(connection, head.id, status).await?;
    // What can't be read was not judged; it is broken, and out of force all the same.
    let unread;
    let outcome = match judged.get(&written.definition) {
        Some(verdict) => &verdict.outcome,
        None => {
            unread = compile(&Value::Null, catalogue());
            &unread
        }
    };
    let valid = outcome.plan.is_some();
    let diagnostics = serde_json::to_value(&outcome.diagnostics).map_err(anyhow::Error::from)?;
    let edit = (head.id, written.revision);
    versions::mark_checked(connection, edit, valid, &diagnostics).await?;
    Ok(())
}

fn wrong_state(head: &Head, from: &[&str]) -> Refusal {
    let name = one_line(&head.name);
    let help = match &*head.status {
        "draft" => format!("have it run: thendo workflow publish {name}"),
        "published" => format!("have it pause: thendo workflow pause {name}"),
        "paused" => format!("have it go on: thendo workflow resume {name}"),
        _ => format!("take it back: thendo workflow unarchive {name}"),
    };
    let message = format!("`{name}` is {}, not {}: nothing was changed", head.status, from.join(" or "));
    Refusal::new(Kind::Conflict, "wrong-state", message).help(help)
}

/// Has a paused workflow go on.
#[derive(Debug)]
pub struct Resume;

impl Operation for Resume {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/workflows/{workflow}/resume";
    const NAME: &'static str = "resumeWorkflow";
    const ABOUT: &'static str = "Puts what was in force before the pause in force again, for events from now on. An empty \
        list: it was not paused, and runs.";
    type Path = OfWorkflow;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Vec<Published>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Vec<Published>, Refusal> {
        let (mut transaction, head, judged) = locked(context, &asked.path.workflow, false).await?;
        if head.status == "published" {
            return Ok(Vec::new());
        }
        if head.status != "paused" {
            return Err(wrong_state(&head, &["paused"]));
        }
        readable(&head.name, versions::read(&head.definition))?;
        if let Some(faulty) = judged.of(&head.name, &head.definition)?.faulty(&head.name) {
            return Err(Refusal::faulty("resumed", vec![faulty], 1));
        }
        let mut published =
            publish::put_in_force(&mut transaction, &[head], Next::Definition, &judged).await?;
        publish::note(&mut transaction, context, "workflow.resume", &published).await?;
        transaction.commit().await?;
        publish::count_afterwards(&context.pool, &mut published).await;
        Ok(published)
    }
}

/// Which version to take back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = RestoreVersion)]
#[serde(deny_unknown_fields)]
pub struct RestoreWhat {
    /// Its number.
    pub version: i32,
    /// Draw over a draft that is in no version.
    #[serde(default)]
    pub force: bool,
}

/// A version that is the draft now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = RestoredWorkflow)]
pub struct Restored {
    /// Its identity.
    pub id: Uuid,
    /// Its name.
    pub workflow: String,
    /// Which version.
    pub restored: i32,
    /// The workflow's state, which stays.
    pub status: String,
}

/// Takes a former version back as a draft.
#[derive(Debug)]
pub struct Restore;

impl Operation for Restore {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/workflows/{workflow}/restore";
    const NAME: &'static str = "restoreVersion";
    const ABOUT: &'static str = "Makes a former version the draft. What runs goes on as it is.";
    type Path = OfWorkflow;
    type Query = Nothing;
    type Body = RestoreWhat;
    type Output = Restored;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Restored, Refusal> {
        let RestoreWhat { version, force } = asked.body;
        let mut transaction = context.begin().await?;
        versions::take_turn(&mut transaction).await?;
        let head = one_to_edit(&mut transaction, &asked.path.workflow).await?;
        let drawing: Value = definition_of(&mut transaction, &head, version).await?;
        if !force && !versions::is_kept(&mut transaction, head.id).await? {
            let name = one_line(&head.name);
            let message = format!("`{name}` has a draft that is in no version: nothing was restored");
            let help =
                format!("keep it with `thendo workflow export {name}`, or say --force to draw over it");
            return Err(Refusal::new(Kind::Conflict, "draft-not-kept", message).help(help));
        }
        versions::draw(&mut transaction, head.id, &head.name, head.description.as_deref(), &drawing).await?;
        let detail = json!({"name": head.name, "version": version});
        audit::note(&mut transaction, &context.who, "workflow.restore", head.id, detail).await?;
        transaction.commit().await?;
        Ok(Restored { id: head.id, workflow: head.name, restored: version, status: head.status })
    }
}
