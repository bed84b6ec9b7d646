//! Workflows that come as files, all of them or none: stored as drafts, or as what runs.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::draft::NewWorkflow;
use super::guards::{refuse_archived, refuse_loss, refuse_twice};
use super::publish::unfit;
use super::{DRAWINGS_BODY, one_line, only};
use crate::operations::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb, audit};
use crate::store::versions::{self, Head};
use crate::store::workflow_files::{self, Stored, WorkflowFile};

/// Workflows that are stored at once, at most.
const MOST_AT_ONCE: usize = 1_000;

/// What is stored at once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = WorkflowFiles)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// At most 1000.
    #[schema(min_items = 1, max_items = 1000)]
    pub workflows: Vec<NewWorkflow>,
}

/// What became of one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = StoredFile)]
pub struct StoredFile {
    /// The workflow.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Whether it is new, took the place of another drawing, or was there.
    pub stored: Stored,
}

/// Refuses lists that are too long, or empty.
pub(super) fn few(of: usize) -> Result<(), Refusal> {
    if (1..=MOST_AT_ONCE).contains(&of) {
        return Ok(());
    }
    Err(Refusal::new(Kind::Malformed, "bad-number", format!("{of} workflows are named"))
        .help(format!("name 1 to {MOST_AT_ONCE}")))
}

/// Stores drafts.
#[derive(Debug)]
pub struct Import;

impl Operation for Import {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/import";
    const NAME: &'static str = "importWorkflows";
    const ABOUT: &'static str = "Stores drawings as drafts of new workflows, which do not run; they may still have faults. One that is \
        there already is kept. If a name is taken by another drawing, nothing is stored.";
    const LARGEST_BODY: usize = DRAWINGS_BODY;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Files;
    type Output = Vec<StoredFile>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Vec<StoredFile>, Refusal> {
        let files = asked.body.workflows;
        few(files.len())?;
        let mut faulty = Vec::new();
        for of in &files {
            faulty.extend(unfit(of, false).await?);
        }
        if !faulty.is_empty() {
            return Err(Refusal::faulty("imported", faulty, files.len()));
        }
        let mut transaction = context.begin().await?;
        versions::take_turn(&mut transaction).await?;
        let mut stored = Vec::with_capacity(files.len());
        for of in files {
            let found = versions::find_to_edit(&mut transaction, &of.name).await?;
            let found: Vec<Head> = found.into_iter().filter(|head| head.name == of.name).collect();
            let same = |head: &&Head| head.drawing().is_ok_and(|drawing| drawing == of.definition);
            let (id, what) = match found.iter().find(same) {
                Some(head) => (head.id, Stored::Kept),
                None if found.is_empty() => {
                    let description = of.description.as_deref();
                    let id = versions::add(&mut transaction, &of.name, description, &of.definition).await?;
                    let detail = json!({"name": of.name});
                    audit::note(&mut transaction, &context.who, "workflow.add", id, detail).await?;
                    (id, Stored::Added)
                }
                None => {
                    let name = one_line(&of.name);
                    let message = format!("there is another workflow `{name}`: nothing was imported");
                    return Err(Refusal::new(Kind::Conflict, "name-taken", message).help(
                        "give the file another `name`, or have `thendo workflow publish FILE` or `push` change that one",
                    ));
                }
            };
            stored.push(StoredFile { id, name: of.name, stored: what });
        }
        transaction.commit().await?;
        Ok(stored)
    }
}

/// What is to run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = WorkflowsToLoad)]
#[serde(deny_unknown_fields)]
pub struct ToLoad {
    /// At most 1000.
    #[schema(min_items = 1, max_items = 1000)]
    pub workflows: Vec<NewWorkflow>,
    /// Load also where a draft that is in no version is lost by it.
    #[serde(default)]
    pub force: bool,
}

/// Stores what is to run.
#[derive(Debug)]
pub struct Load;

impl Operation for Load {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/load";
    const NAME: &'static str = "loadWorkflows";
    const ABOUT: &'static str = "Stores drawings as published, in place of what has their names; a daemon has them in force within a \
        second, a paused one too. If one is broken, nothing is stored. `POST /publish` says more of what it does.";
    const LARGEST_BODY: usize = DRAWINGS_BODY;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ToLoad;
    type Output = Vec<StoredFile>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Vec<StoredFile>, Refusal> {
        let ToLoad { workflows: files, force } = asked.body;
        few(files.len())?;
        refuse_twice(files.iter().map(|of| &*of.name))?;
        let mut faulty = Vec::new();
        for of in &files {
            faulty.extend(unfit(of, true).await?);
        }
        if !faulty.is_empty() {
            return Err(Refusal::faulty("loaded", faulty, files.len()));
        }
        let files = files.into_iter().map(|of| {
            let NewWorkflow { name, description, definition } = of;
            WorkflowFile { name, description, definition, as_draft: false }
        });
        let files: Vec<WorkflowFile> = files.collect();
        let mut transaction = context.begin().await?;
        versions::take_turn(&mut transaction).await?;
        for of in &files {
            let found = versions::find_to_edit(&mut transaction, &of.name).await?;
            let found: Vec<Head> = found.into_iter().filter(|head| head.name == of.name).collect();
            if !found.is_empty() {
                let head = only(&mut transaction, found, &of.name).await?;
                refuse_archived(&head)?;
                // A draft of what runs stays beside it.
                if !force && !head.keeps_drafts() {
                    refuse_loss(&mut transaction, &head, &of.definition, "loaded").await?;
                }
            }
        }
        let stored = workflow_files::put(&mut transaction, &files, true).await?;
        let mut told = Vec::with_capacity(files.len());
        for (of, (id, stored)) in files.into_iter().zip(stored) {
            if stored != Stored::Kept {
                let detail = json!({"name": of.name, "stored": stored});
                audit::note(&mut transaction, &context.who, "workflow.load", id, detail).await?;
            }
            told.push(StoredFile { id, name: of.name, stored });
        }
        transaction.commit().await?;
        Ok(told)
    }
}
