//! Drafts become versions in force, all that are named or none.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use super::draft::{NewWorkflow, described, unstorable};
use super::guards::{gone_meanwhile, refuse_archived, refuse_loss, refuse_twice, unchanged};
use super::judged::{Judged, Verdict};
use super::{DRAWINGS_BODY, catalogue, compiled, one, one_line, one_to_edit, only, readable};
use crate::operations::refusal::Faulty;
use crate::operations::{Asked, Context, Kind, Match, Nothing, Operation, Refusal, Verb, aside, audit};
use crate::store::versions::{self, Head, InFlight};
use crate::store::{mails, secrets};
use crate::workflow::diagnostics::{Diagnostic, any_error};
use crate::workflow::diff;
use crate::workflow::mails::{Mails, sent_by};
use crate::workflow::plan::Plan;

/// Workflows that are published at once, at most.
const MOST_AT_ONCE: usize = 200;

/// What is published.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The draft of the workflow with this id or name.
    Workflow(String),
    /// This drawing: it takes the place of the workflow of the same name, or is a new one.
    Drawing(NewWorkflow),
}

/// Everything that is published at once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishList {
    /// At most 200.
    #[schema(min_items = 1, max_items = 200)]
    pub workflows: Vec<Subject>,
    /// Only say what would change and who is under way.
    #[serde(default)]
    pub dry_run: bool,
    /// Publish a drawing also where a draft that is in no version is lost by it.
    #[serde(default)]
    pub force: bool,
}

/// What came of publishing one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Published {
    /// Its identity.
    pub id: Uuid,
    /// Its name.
    pub workflow: String,
    /// The number in force now.
    pub version: i32,
    /// The number that was in force before.
    pub before: Option<i32>,
    /// Whether the version is a new one.
    pub new: bool,
    /// What it does otherwise than the one that was in force before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<diff::Diff>,
    /// The version that it is compared with, and what is drawn now.
    #[serde(skip)]
    pub compared: Option<(i32, Arc<Value>)>,
    /// Executions that go on with older versions.
    pub in_flight: Vec<InFlight>,
    /// What it needs of the database and does not find there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Diagnostic>,
    /// What it names.
    #[serde(skip)]
    pub secrets: BTreeSet<String>,
    /// Secrets that it names and nobody has stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_secrets: Vec<String>,
}

/// Publishes workflows.
#[derive(Debug)]
pub struct Publish;

impl Operation for Publish {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/publish";
    const NAME: &'static str = "publish";
    const ABOUT: &'static str = "Puts drafts in force as versions, all that are named or none. If one is broken, nothing is \
        published. `If-Match` may name the edition of a single draft.";
    const LARGEST_BODY: usize = DRAWINGS_BODY;
    const IF_MATCH: Match = Match::May;
    type Path = Nothing;
    type Query = Nothing;
    type Body = PublishList;
    type Output = Vec<Published>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Vec<Published>, Refusal> {
        let PublishList { workflows, dry_run, force } = asked.body;
        let of = workflows.len();
        if !(1..=MOST_AT_ONCE).contains(&of) {
            return Err(Refusal::new(Kind::Malformed, "bad-number", format!("{of} workflows are named"))
                .help(format!("name 1 to {MOST_AT_ONCE}")));
        }
        if of > 1 && asked.if_match.is_some() {
            return Err(Refusal::new(
                Kind::Malformed,
                "one-edition",
                "`If-Match` names one edition of several",
            )
            .help("publish them one by one, or leave it out"));
        }
        let drawings = workflows.iter().filter_map(|subject| match subject {
            Subject::Drawing(drawing) => Some(&*drawing.name),
            Subject::Workflow(_) => None,
        });
        refuse_twice(drawings)?;
        let mut judged = Judged::default();
        let faulty = judge(&context.pool, &workflows, &mut judged).await?;
        if !faulty.is_empty() {
            return Err(Refusal::faulty("published", faulty, of));
        }
        let mut transaction = context.begin().await?;
        versions::take_turn(&mut transaction).await?;
        let mut heads: Vec<Head> = Vec::with_capacity(of);
        for subject in workflows {
            heads.push(match subject {
                Subject::Workflow(name) => {
                    let head = one_to_edit(&mut transaction, &name).await?;
                    unchanged(&head, asked.if_match.as_deref())?;
                    head
                }
                Subject::Drawing(drawing) => {
                    written(&mut transaction, &drawing, (asked.if_match.as_deref(), force)).await?
                }
            });
        }
        heads.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        heads.dedup_by_key(|head| head.id);
        let mut published = put_in_force(&mut transaction, &heads, Next::Draft, &judged).await?;
        match dry_run {
            true => transaction.rollback().await?,
            false => {
                note(&mut transaction, context, "workflow.publish", &published).await?;
                transaction.commit().await?;
            }
        }
        count_afterwards(&context.pool, &mut published).await;
        Ok(published)
    }
}

/// Judges what is to be published, before anything is locked. What of it can't be.
async fn judge(pool: &PgPool, subjects: &[Subject], judged: &mut Judged) -> Result<Vec<Faulty>, Refusal> {
    let mut faulty = Vec::new();
    for subject in subjects {
        faulty.extend(match subject {
            Subject::Drawing(drawing) => judged.add_new(pool, &drawing.name, &drawing.definition).await?,
            Subject::Workflow(name) => {
                let head = one(&mut *pool.acquire().await?, name).await?;
                judge_stored(judged, &head).await?
            }
        });
    }
    Ok(faulty)
}

/// Judges what is drawn of a stored workflow. Why that can't run, if it can't.
pub(super) async fn judge_stored(judged: &mut Judged, head: &Head) -> Result<Option<Faulty>, Refusal> {
    readable(&head.name, head.drawing())?;
    let text = head.drawn();
    judged.add(text).await?;
    Ok(judged.get(text).and_then(|verdict| verdict.faulty(&head.name)))
}

/// Writes down who put them in force.
pub(super) async fn note(
    connection: &mut PgConnection,
    context: &Context,
    act: &str,
    published: &[Published],
) -> Result<(), Refusal> {
    for of in published {
        let detail = json!({"name": of.workflow, "version": of.version, "before": of.before});
        audit::note(connection, &context.who, act, of.id, detail).await?;
    }
    Ok(())
}

/// Why a drawing can't be put in force, if it can't.
pub(super) async fn faults(name: &str, drawing: Value) -> Result<Option<Faulty>, Refusal> {
    let (drawing, outcome) = compiled(drawing).await?;
    let (drawing, diagnostics) = (Some(drawing), outcome.diagnostics);
    Ok(any_error(&diagnostics).then(|| Faulty { workflow: name.to_owned(), drawing, diagnostics }))
}

/// Why something can't be stored, or can't run, if it is to.
pub(super) async fn unfit(of: &NewWorkflow, runs: bool) -> Result<Option<Faulty>, Refusal> {
    match unstorable(of).await? {
        None if runs => faults(&of.name, of.definition.clone()).await,
        found => Ok(found),
    }
}

/// The row of a drawing's workflow, with the drawing as its draft; what was there is the edition that was `seen`, if that is said.
/// A draft that nobody has elsewhere is drawn over only by `force`, or by who has seen it.
async fn written(
    connection: &mut PgConnection,
    of: &NewWorkflow,
    (seen, force): (Option<&str>, bool),
) -> Result<Head, Refusal> {
    let found = versions::find_to_edit(connection, &of.name).await?;
    let found: Vec<Head> = found.into_iter().filter(|head| head.name == of.name).collect();
    let id = if found.is_empty() {
        gone_meanwhile(&of.name, seen)?;
        versions::add(connection, &of.name, of.description.as_deref(), &of.definition).await?
    } else {
        let head = only(connection, found, &of.name).await?;
        unchanged(&head, seen)?;
        if seen.is_none() && !force {
            refuse_loss(connection, &head, &of.definition, "published").await?;
        }
        let description = described(of.description.as_deref(), &head);
        versions::draw(connection, head.id, &of.name, description, &of.definition).await?;
        head.id
    };
    let head = versions::by_id(connection, id).await?;
    Ok(head.context("a workflow that was just written is gone")?)
}

/// What is put in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// What is drawn.
    Draft,
    /// What was in force last; a draft stays one.
    Definition,
}

/// One that compiles, on its way.
struct Compiled<'a> {
    head: &'a Head,
    revision: i64,
    plan: &'a Plan,
    drawing: &'a Arc<Value>,
    diagnostics: Value,
    warnings: Vec<Diagnostic>,
}

/// Puts workflows in force, all or none. They are locked, and were judged before that.
///
/// # Errors
/// [`Refusal`] if one is in the archive, or was edited since it was judged.
pub(super) async fn put_in_force(
    connection: &mut PgConnection,
    heads: &[Head],
    next: Next,
    judged: &Judged,
) -> Result<Vec<Published>, Refusal> {
    heads.iter().try_for_each(refuse_archived)?;
    let mut written = Vec::with_capacity(heads.len());
    for head in heads {
        written.push(match next {
            Next::Draft => versions::publish(connection, head.id).await?,
            Next::Definition => versions::set_status(connection, head.id, "published").await?,
        });
    }
    // All are looked up before the first is put in force: from then on claims wait for this transaction.
    let mut all = Vec::with_capacity(heads.len());
    for (head, written) in heads.iter().zip(written) {
        let Verdict { drawing, outcome } = judged.of(&head.name, &written.definition)?;
        let plan = outcome.plan.as_ref();
        let plan = plan.with_context(|| format!("`{}` does not compile", one_line(&head.name)))?;
        let warnings = missing_mails(connection, plan).await?;
        let diagnostics: Vec<_> = outcome.diagnostics.iter().chain(&warnings).collect();
        let diagnostics = serde_json::to_value(&diagnostics).context("diagnostics")?;
        all.push(Compiled { head, revision: written.revision, plan, drawing, diagnostics, warnings });
    }
    let mut published = Vec::with_capacity(heads.len());
    for Compiled { head, revision, plan, drawing, diagnostics, warnings } in all {
        let edit = (head.id, revision);
        let version =
            versions::put_in_force(connection, edit, plan.hash(), &diagnostics, &plan.parts()).await?;
        let version = version.context("the row was edited meanwhile")?;
        let before = head.live_version.filter(|_| head.status == "published");
        let new = before != Some(version);
        published.push(Published {
            id: head.id,
            workflow: head.name.clone(),
            version,
            before,
            new,
            changes: None,
            compared: head.live_version.filter(|_| new).map(|former| (former, Arc::clone(drawing))),
            in_flight: Vec::new(),
            warnings,
            secrets: plan.secrets(),
            missing_secrets: Vec::new(),
        });
    }
    Ok(published)
}

/// What one does otherwise than the version that was in force.
async fn changes(connection: &mut PgConnection, of: &mut Published) -> Result<(), Refusal> {
    let Some((number, drawing)) = of.compared.take() else { return Ok(()) };
    let former = versions::definition_of(connection, of.id, number).await?;
    // One that can't be read was in force all the same: what is to be must not fail by it.
    if let Some(former) = former.and_then(|text| versions::read(&text).ok()) {
        of.changes = Some(aside(move || diff::diff(&former, &drawing, catalogue())).await?);
    }
    Ok(())
}

/// Warnings about the stored mails that a plan names.
///
/// # Errors
/// When the database can't be asked.
pub async fn missing_mails(connection: &mut PgConnection, plan: &Plan) -> Result<Vec<Diagnostic>, Refusal> {
    let names: Vec<String> = sent_by(plan).map(|(_, name)| name.to_owned()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let found = mails::named(connection, &names).await?;
    Ok(Mails::load(found, &Mails::default()).warnings(plan))
}

/// As [`count_in_flight`]. What was done is not undone by it: without the counts it is answered all the same.
pub(super) async fn count_afterwards<'a>(
    pool: &PgPool,
    published: impl IntoIterator<Item = &'a mut Published>,
) {
    if let Err(fault) = count_in_flight(pool, published).await {
        tracing::warn!(%fault, "who stays with older versions, or what changes, could not be told");
    }
}

/// Who is under way. What was done is not undone where that can't be told.
pub(super) async fn under_way(pool: &PgPool, id: Uuid) -> Vec<InFlight> {
    let counted = async { versions::in_flight(&mut *pool.acquire().await?, id).await };
    counted
        .await
        .inspect_err(|fault: &sqlx::Error| tracing::warn!(%fault, "who is under way could not be told"))
        .unwrap_or_default()
}

/// Counts who stays with older versions, and looks which secrets are not stored and what changes. After the commit: all that
/// takes its time, and claims have waited.
///
/// # Errors
/// When the database can't be asked.
pub async fn count_in_flight<'a>(
    pool: &PgPool,
    published: impl IntoIterator<Item = &'a mut Published>,
) -> Result<(), Refusal> {
    let mut connection = pool.acquire().await?;
    for of in published {
        changes(&mut connection, of).await?;
        of.in_flight = versions::in_flight(&mut connection, of.id).await?;
        of.in_flight.retain(|old| old.version != of.version);
        let names: Vec<String> = std::mem::take(&mut of.secrets).into_iter().collect();
        if !names.is_empty() {
            of.missing_secrets = secrets::missing(&mut connection, &names).await?;
        }
    }
    Ok(())
}
