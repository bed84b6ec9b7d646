//! A folder's edits, all of them or none: new drafts, changed drafts, and what of it is put in force.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::draft::{NewWorkflow, edition_of, unstorable, written};
use super::files::few;
use super::guards::{gone_meanwhile, refuse_taken, unchanged};
use super::judged::Judged;
use super::publish::{self, Next, Published, count_afterwards, judge_stored, put_in_force};
use super::{DRAWINGS_BODY, one_line, readable};
use crate::operations::refusal::Faulty;
use crate::operations::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb, audit};
use crate::store::versions::{self, Head};

/// One edit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToPush {
    /// The workflow that is edited; without it, a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Uuid>,
    /// Its edition as it was read: if it was changed since, nothing is written at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// What it is to be; without it, what is drawn stays and is only published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawing: Option<NewWorkflow>,
}

/// All edits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushList {
    /// At most 1000.
    #[schema(min_items = 1, max_items = 1000)]
    pub workflows: Vec<ToPush>,
    /// Put them in force, too. Paused and archived ones are not.
    #[serde(default)]
    pub publish: bool,
}

/// What came of one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PushedWorkflow)]
pub struct Pushed {
    /// Its identity.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its edition now.
    pub edition: String,
    /// What is drawn now, as the database has it.
    #[schema(value_type = Object)]
    pub definition: Value,
    /// If it was put in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
}

/// Writes a folder's edits.
#[derive(Debug)]
pub struct Push;

impl Operation for Push {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/push";
    const NAME: &'static str = "pushWorkflows";
    const ABOUT: &'static str = "Writes drafts, new ones and such as were read before, and publishes them if that is asked; all or \
        none. One that was changed since it was read is refused with 412.";
    const LARGEST_BODY: usize = DRAWINGS_BODY;
    type Path = Nothing;
    type Query = Nothing;
    type Body = PushList;
    type Output = Vec<Pushed>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Vec<Pushed>, Refusal> {
        let PushList { workflows, publish } = asked.body;
        let of = workflows.len();
        few(of)?;
        let (mut judged, mut faulty) = (Judged::default(), Vec::new());
        for edit in &workflows {
            faulty.extend(judge(context, edit, publish, &mut judged).await?);
        }
        if !faulty.is_empty() {
            return Err(Refusal::faulty("pushed", faulty, of));
        }
        let mut transaction = context.begin().await?;
        versions::take_turn(&mut transaction).await?;
        let mut heads: Vec<Head> = Vec::with_capacity(of);
        for edit in workflows {
            let head = write(&mut transaction, context, edit).await?;
            if heads.iter().any(|other| other.id == head.id) {
                let message = format!("`{}` is named twice", one_line(&head.name));
                return Err(Refusal::new(Kind::Malformed, "twice", message).help("name each workflow once"));
            }
            heads.push(head);
        }
        let mut pushed = heads.iter().map(told).collect::<Result<Vec<Pushed>, Refusal>>()?;
        if publish {
            put(&mut transaction, context, &heads, (&mut pushed, &judged)).await?;
        }
        transaction.commit().await?;
        let published: Vec<&mut Published> =
            pushed.iter_mut().filter_map(|of| of.published.as_mut()).collect();
        count_afterwards(&context.pool, published).await;
        Ok(pushed)
    }
}

/// Judges one edit, before anything is locked. Why it can't be stored, or can't run if it is to.
async fn judge(
    context: &Context,
    edit: &ToPush,
    publish: bool,
    judged: &mut Judged,
) -> Result<Option<Faulty>, Refusal> {
    match (&edit.drawing, edit.workflow) {
        (Some(drawing), _) => match unstorable(drawing).await? {
            None if publish => judged.add_new(&context.pool, &drawing.name, &drawing.definition).await,
            found => Ok(found),
        },
        (None, Some(id)) if publish => {
            let found = versions::find(&mut *context.pool.acquire().await?, &id.to_string()).await?;
            match found.iter().find(|head| head.id == id).filter(|head| runs(head)) {
                Some(head) => judge_stored(judged, head).await,
                None => Ok(None),
            }
        }
        (None, _) => Ok(None),
    }
}

/// Whether publishing puts it in force.
fn runs(head: &Head) -> bool {
    matches!(&*head.status, "draft" | "published")
}

/// Writes one edit; the row as it is then, locked.
async fn write(connection: &mut PgConnection, context: &Context, edit: ToPush) -> Result<Head, Refusal> {
    let ToPush { workflow, edition, drawing } = edit;
    let head = match workflow {
        Some(id) => Some(versions::by_id(connection, id).await?.ok_or_else(|| {
            Refusal::new(Kind::Missing, "no-such-workflow", format!("there is no workflow `{id}`"))
                .help("it may have been removed since it was read; read anew")
        })?),
        None => None,
    };
    if let Some(head) = &head {
        if drawing.is_some() && edition.is_none() {
            let message = format!("it was not said which edition of `{}` was read", one_line(&head.name));
            return Err(Refusal::new(Kind::Unguarded, "no-edition", message)
                .help("name the `edition` of what was read, so that nobody is overwritten"));
        }
        unchanged(head, edition.as_deref())?;
    }
    let Some(NewWorkflow { name, description, definition }) = drawing else {
        return head.ok_or_else(|| {
            Refusal::new(Kind::Malformed, "nothing-named", "neither a workflow nor a drawing is named")
                .help("name one of them, or both")
        });
    };
    if head.as_ref().is_none_or(|head| head.name != name) {
        refuse_taken(connection, &name).await?;
    }
    let (id, act) = match head {
        None => {
            gone_meanwhile(&name, edition.as_deref())?;
            (versions::add(connection, &name, description.as_deref(), &definition).await?, "workflow.add")
        }
        Some(head) => {
            versions::draw(connection, head.id, &name, description.as_deref(), &definition).await?;
            (head.id, "workflow.draw")
        }
    };
    audit::note(connection, &context.who, act, id, json!({"name": name})).await?;
    written(connection, id).await
}

fn told(head: &Head) -> Result<Pushed, Refusal> {
    Ok(Pushed {
        id: head.id,
        name: head.name.clone(),
        description: head.description.clone(),
        edition: edition_of(head),
        definition: readable(&head.name, head.drawing())?,
        published: None,
    })
}

/// Puts those in force that run, or are to.
async fn put(
    connection: &mut PgConnection,
    context: &Context,
    heads: &[Head],
    (pushed, judged): (&mut [Pushed], &Judged),
) -> Result<(), Refusal> {
    let heads: Vec<Head> = heads.iter().filter(|head| runs(head)).cloned().collect();
    let published = put_in_force(connection, &heads, Next::Draft, judged).await?;
    let news: Vec<Published> = published.iter().filter(|of| of.new).cloned().collect();
    publish::note(connection, context, "workflow.publish", &news).await?;
    for of in published {
        if let Some(told) = pushed.iter_mut().find(|told| told.id == of.id) {
            told.published = Some(of);
        }
    }
    Ok(())
}
