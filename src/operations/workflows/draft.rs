//! What is drawn: read and written with the edition that was seen, so that two admins don't overwrite each other.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::guards::{refuse_taken, unchanged};
use super::{DRAWING_BODY, OfWorkflow, catalogue, compiled, one, one_to_edit};
use crate::operations::refusal::Faulty;
use crate::operations::{Asked, Context, Match, Nothing, Operation, Refusal, Verb, aside, audit};
use crate::store::versions::{self, Head};
use crate::workflow::compile::compile;
use crate::workflow::diagnostics::Diagnostic;
use crate::workflow::hash::hash;

/// Faults with which a drawing can't even be stored.
pub const UNSTORABLE: &[&str] = &[
    "not-json",
    "not-an-object",
    "not-a-workflow",
    "bad-name",
    "unstorable",
    "too-large",
    "no-nodes",
    "not-a-list",
];

/// What is drawn of a workflow.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Draft {
    /// Its identity.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// `draft`, `published`, `paused`, `archived`.
    pub status: String,
    /// The version in force.
    pub live_version: Option<i32>,
    /// Whether what is drawn differs from what was published last.
    pub has_draft: bool,
    /// This edition, for `If-Match`; it is the header `ETag`, too.
    pub edition: String,
    /// What the compiler says of the drawing.
    pub diagnostics: Vec<Diagnostic>,
    /// React Flow JSON; nothing if what is stored can't be read.
    #[schema(value_type = Option<Object>)]
    pub definition: Option<Value>,
    /// What is stored, if it can't be read: the database holds numbers that nothing else does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

impl Draft {
    /// What is drawn.
    ///
    /// # Errors
    /// [`Refusal`] that says why it can't be read.
    pub fn drawing(&self) -> Result<&Value, Refusal> {
        let reason = || {
            let told = self.diagnostics.first().map_or("", |first| first.message.as_str());
            told.strip_prefix(UNREADABLE).unwrap_or(told).to_owned()
        };
        let drawing = self.definition.as_ref().ok_or_else(reason);
        super::readable(&self.name, drawing)
    }
}

const UNREADABLE: &str = "this JSON can't be read: ";

/// Which edition of name, description and drawing this is.
pub fn edition_of(head: &Head) -> String {
    let drawn = head.draft.as_deref().unwrap_or(&head.definition);
    let told = serde_json::json!([head.name, head.description, drawn]);
    hash(vec![told.to_string()])
}

async fn drawn(head: Head) -> Result<Draft, Refusal> {
    aside(move || judged(head)).await
}

fn judged(head: Head) -> Draft {
    let edition = edition_of(&head);
    let drawing = head.drawing();
    let diagnostics = match &drawing {
        Ok(drawing) => compile(drawing, catalogue()).diagnostics,
        Err(reason) => vec![Diagnostic::error("not-json", format!("{UNREADABLE}{reason}"))],
    };
    Draft {
        id: head.id,
        name: head.name,
        description: head.description,
        status: head.status,
        live_version: head.live_version,
        has_draft: head.draft.is_some(),
        edition,
        diagnostics,
        unreadable: drawing.is_err().then(|| head.draft.unwrap_or(head.definition)),
        definition: drawing.ok(),
    }
}

/// What it is for from now on: nothing said stays as it was, and the empty text is none.
pub(super) fn described<'a>(said: Option<&'a str>, head: &'a Head) -> Option<&'a str> {
    said.or(head.description.as_deref()).filter(|text| !text.is_empty())
}

/// Why something can't even be stored, if it can't.
pub(super) async fn unstorable(of: &NewWorkflow) -> Result<Option<Faulty>, Refusal> {
    let (name, description, drawing) = (of.name.as_str(), of.description.as_deref(), of.definition.clone());
    let fault = match name.chars().count() {
        0 => Some("the name is empty"),
        201.. => Some("the name has more than 200 letters"),
        _ if name.parse::<Uuid>().is_ok() => Some("the name is an id, by which workflows are told apart"),
        _ if name.contains('\0') => Some("the name has the letter U+0000, which can't be stored"),
        _ if description.is_some_and(|text| text.contains('\0')) => {
            Some("the description has the letter U+0000, which can't be stored")
        }
        _ => None,
    };
    let (drawing, mut found) = match fault {
        Some(fault) => (drawing, vec![Diagnostic::error("bad-name", fault).at("/name")]),
        None => {
            let (drawing, outcome) = compiled(drawing).await?;
            (drawing, outcome.diagnostics)
        }
    };
    found.retain(|fault| UNSTORABLE.contains(&fault.code));
    let faulty = |diagnostics| Faulty { workflow: name.to_owned(), drawing: Some(drawing), diagnostics };
    Ok((!found.is_empty()).then(|| faulty(found)))
}

async fn storable(of: &NewWorkflow) -> Result<(), Refusal> {
    unstorable(of).await?.map_or(Ok(()), |faulty| Err(Refusal::faulty("stored", vec![faulty], 1)))
}

pub(super) async fn written(connection: &mut PgConnection, id: Uuid) -> Result<Head, Refusal> {
    let head = versions::by_id(connection, id).await?;
    head.ok_or_else(|| anyhow::anyhow!("a workflow that was just written is gone").into())
}

/// A workflow to be stored.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWorkflow {
    /// Its name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// React Flow JSON.
    #[schema(value_type = Object)]
    pub definition: Value,
}

/// Adds a workflow.
#[derive(Debug)]
pub struct Add;

impl Operation for Add {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/workflows";
    const NAME: &'static str = "addWorkflow";
    const ABOUT: &'static str =
        "Stores a new workflow as a draft, which does not run. It may still have faults.";
    const LARGEST_BODY: usize = DRAWING_BODY;
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = NewWorkflow;
    type Output = Draft;

    fn edition(output: &Draft) -> Option<&str> {
        Some(&output.edition)
    }

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Draft, Refusal> {
        storable(&asked.body).await?;
        let NewWorkflow { name, description, definition } = asked.body;
        let mut transaction = context.begin().await?;
        versions::take_turn(&mut transaction).await?;
        refuse_taken(&mut transaction, &name).await?;
        let id = versions::add(&mut transaction, &name, description.as_deref(), &definition).await?;
        let head = written(&mut transaction, id).await?;
        let detail = serde_json::json!({"name": name});
        audit::note(&mut transaction, &context.who, "workflow.add", id, detail).await?;
        transaction.commit().await?;
        drawn(head).await
    }
}

/// Reads what is drawn.
#[derive(Debug)]
pub struct ReadDraft;

impl Operation for ReadDraft {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/workflows/{workflow}/draft";
    const NAME: &'static str = "readDraft";
    const ABOUT: &'static str =
        "What is drawn now, whether or not it is in force, with its edition as `ETag`.";
    type Path = OfWorkflow;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Draft;

    fn edition(output: &Draft) -> Option<&str> {
        Some(&output.edition)
    }

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Draft, Refusal> {
        let head = one(&mut *context.pool.acquire().await?, &asked.path.workflow).await?;
        drawn(head).await
    }
}

/// What is to be drawn.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = DraftEdit)]
#[serde(deny_unknown_fields)]
pub struct Drawn {
    /// Another name; without it the name stays.
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for; without it that stays, and the empty text takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// React Flow JSON.
    #[schema(value_type = Object)]
    pub definition: Value,
}

/// Writes what is drawn.
#[derive(Debug)]
pub struct WriteDraft;

impl Operation for WriteDraft {
    const VERB: Verb = Verb::Put;
    const PATH: &'static str = "/workflows/{workflow}/draft";
    const NAME: &'static str = "writeDraft";
    const ABOUT: &'static str = "Writes what is drawn, and no more: what runs goes on as it is. `If-Match` names the edition \
        that was read.";
    const LARGEST_BODY: usize = DRAWING_BODY;
    const IF_MATCH: Match = Match::Must;
    type Path = OfWorkflow;
    type Query = Nothing;
    type Body = Drawn;
    type Output = Draft;

    fn edition(output: &Draft) -> Option<&str> {
        Some(&output.edition)
    }

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Draft, Refusal> {
        let Drawn { name, description, definition } = asked.body;
        // Before anything is locked: to compile takes its time, and whether it can be stored is a matter of the drawing alone.
        let head = one(&mut *context.pool.acquire().await?, &asked.path.workflow).await?;
        unchanged(&head, asked.if_match.as_deref())?;
        let called = name.clone().unwrap_or(head.name);
        let of = NewWorkflow { name: called, description: description.clone(), definition };
        storable(&of).await?;
        let definition = of.definition;
        let mut transaction = context.begin().await?;
        versions::take_turn(&mut transaction).await?;
        let head = one_to_edit(&mut transaction, &asked.path.workflow).await?;
        unchanged(&head, asked.if_match.as_deref())?;
        let name = name.unwrap_or_else(|| head.name.clone());
        if name != head.name {
            refuse_taken(&mut transaction, &name).await?;
        }
        let description = described(description.as_deref(), &head);
        versions::draw(&mut transaction, head.id, &name, description, &definition).await?;
        let head = written(&mut transaction, head.id).await?;
        let detail = serde_json::json!({"name": name});
        audit::note(&mut transaction, &context.who, "workflow.draw", head.id, detail).await?;
        transaction.commit().await?;
        drawn(head).await
    }
}
