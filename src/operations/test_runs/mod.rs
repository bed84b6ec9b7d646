//! What a workflow would do for an event, without doing it: the engine runs it in a transaction that is rolled back.

mod happens;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::editions::{self, Edition, Sketch};
use super::refusal::Faulty;
use super::workflows::{DRAWING_BODY, catalogue};
use super::{Asked, Context, End, Kind, Nothing, Opened, Operation, Refusal, Verb, aside, key_file};
use crate::domain::ids::WorkflowId;
use crate::domain::settings::Settings as OfDaemon;
use crate::engine::apply::Fault;
use crate::kinds;
use crate::mail::compose::Composer;
use crate::store::staging::StagingError;
use crate::testrun::cases::Settings;
use crate::testrun::{Report, Stage, TestRun, TestRunError};
use crate::workflow::diagnostics::Diagnostic;

/// What the event is called among what is faulty …
pub const EVENT: &str = "the event";
/// … and those that are assumed to be waited for.
pub const AWAITED: &str = "the events that are waited for";

/// A row as it is now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RowOf {
    /// Its table.
    pub table: String,
    /// Its id.
    pub key: String,
}

/// What is tried, and on what.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToTry {
    /// A stored workflow: its id or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// Of a stored one: `draft` (what is drawn now), `live`, or a version's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Edition>,
    /// Or a drawing that is stored nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawing: Option<Sketch>,
    /// What happens: an event file, `{"type", "at", "data": {…}}`.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Value>,
    /// Or a recorded event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Uuid>,
    /// Or a row as it is now, as if it were written this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<RowOf>,
    /// Or the latest recorded event that would start it, else the latest row of its table.
    pub sample: bool,
    /// What is taken for granted.
    pub settings: Settings,
    /// Leave no note of it among the executions.
    pub no_record: bool,
}

/// Tries a workflow.
#[derive(Debug)]
pub struct Try;

impl Operation for Try {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/test-runs";
    const NAME: &'static str = "testRun";
    const ABOUT: &'static str = "What a workflow would do for an event: steps, changes, mails and requests as they would be, and what it \
        would start. Nothing is changed and nothing is sent.";
    const LARGEST_BODY: usize = DRAWING_BODY;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ToTry;
    type Output = Report;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Report, Refusal> {
        let ToTry { workflow, version, drawing, settings, no_record, .. } = &asked.body;
        happens::one_of(&asked.body)?;
        let mut connection = context.pool.acquire().await?;
        let found = editions::found(&mut connection, workflow.as_deref(), *version, drawing.clone()).await?;
        drop(connection);
        if let Some(given) = asked.body.event.as_ref().and_then(|event| event["given"].as_object())
            && !context.who.is_local()
        {
            given.keys().try_for_each(|table| may_lay_in(table))?;
        }
        // What takes the processor long is done before a place and a connection are taken.
        let name = if found.head.is_some() { &found.called } else { &found.name };
        let (plan, _) = editions::plan(name, found.drawing).await?;
        let (made_up, settings) = (asked.body.event.clone(), settings.clone());
        let (made_up, assumed) =
            aside(move || (made_up.map(|file| happens::of_file(&file)), settings.read(catalogue()))).await?;
        let made_up = made_up.transpose()?;
        let assumed = assumed.map_err(|faults| faulty(AWAITED, faults))?;
        let staged = staged(context).await?;
        let (event, given, labels) = match made_up {
            Some(happened) => happened,
            None => happens::found(&staged.stage, &plan, &asked.body).await?,
        };
        if !context.who.is_local() {
            let made_up = asked.body.event.as_ref().map(|_| &*event.table);
            given.iter().map(|of| &*of.table).chain(made_up).try_for_each(may_lay_in)?;
        }
        let trial = TestRun {
            workflow: WorkflowId(found.head.map(|head| head.id).unwrap_or_default()),
            version: found.number,
            assumed,
            ..TestRun::of(plan, event, given)
        };
        let mut report = staged.stage.run(&trial).await.map_err(refused)?;
        report.warnings.extend(labels);
        if !no_record {
            match staged.stage.record(&trial, &report).await {
                Ok(execution) => report.execution = execution,
                Err(fault) => {
                    tracing::warn!(%fault, "a test run could not be noted");
                    report.warnings.push(format!("it could not be noted: {}", fault.told()));
                }
            }
        }
        Ok(report)
    }
}

/// Tables that say who may what, and what is recorded of which table (a row of those has triggers made).
const NOT_LAID_IN: [&str; 10] = [
    "user_roles",
    "event_tables",
    "maintenance",
    "medusa_mirror",
    "oauth_providers",
    "google_calendar_tokens",
    "user",
    "api_key",
    "auth_identity",
    "provider_identity",
];

/// Rows are laid in by the daemon's own login, which may more than who asks: not where it says who may what, and what runs.
fn may_lay_in(table: &str) -> Result<(), Refusal> {
    let is_ours = ["workflow", "api_", "_"].iter().any(|begin| table.starts_with(begin));
    if !is_ours && !NOT_LAID_IN.contains(&table) {
        return Ok(());
    }
    Err(Refusal::new(Kind::Invalid, "unfit-event", format!("no row is laid into `{table}` for a test run"))
        .help("make up rows of the shop's tables; `thendo test-run` where the database is takes any"))
}

/// Where workflows are tried; its connection and its place are held as long as it is there.
struct Staged {
    stage: Stage,
    _end: End,
}

async fn staged(context: &Context) -> Result<Staged, Refusal> {
    let Opened { session, end } = context.login("test run").await?;
    let composer = composer(&context.settings);
    let stage = Stage::on(session, context.data.url.clone(), kinds::catalogue(), composer).await;
    Ok(Staged { stage: stage.map_err(refused)?, _end: end })
}

/// What gives mails their headers; without one they are shown without.
pub fn composer(settings: &OfDaemon) -> Option<Arc<Composer>> {
    key_file::load(settings)
        .and_then(|keys| Composer::from_settings(settings, Arc::new(keys)))
        .inspect_err(|fault| tracing::warn!(%fault, "mails are shown without their headers"))
        .ok()
        .map(Arc::new)
}

/// Something beside the workflow is faulty.
fn faulty(what: &str, diagnostics: Vec<Diagnostic>) -> Refusal {
    let message = format!("nothing was tried: {what} can't be read");
    match Refusal::new(Kind::Invalid, "faulty-event", message).help("mend what the diagnostics name") {
        Refusal::Told(mut told) => {
            told.faulty = vec![Faulty { workflow: what.to_owned(), drawing: None, diagnostics }];
            Refusal::Told(told)
        }
        other => other,
    }
}

/// Why there is no answer. Nothing stayed then either.
fn refused(error: TestRunError) -> Refusal {
    let again = "nothing was changed; try again in a moment";
    let (kind, code, help) = match &error {
        passes if passes.may_pass() => (Kind::Busy, "rows-in-hand", again),
        TestRunError::Assumed(_) => {
            (Kind::Invalid, "bad-assumption", "name nodes, branches and events as the drawing has them")
        }
        TestRunError::Staging(
            StagingError::NoTable(_) | StagingError::Unfit { .. } | StagingError::Busy(_),
        ) => (Kind::Invalid, "unfit-event", "mend the event, or name one that was recorded"),
        TestRunError::Nobody(_) => (Kind::Conflict, "nobody", "assume other rights, or try another event"),
        TestRunError::NotAs(..) => (Kind::Conflict, "not-as", "or assume no other rights"),
        TestRunError::Unreadable(..) => (Kind::Conflict, "unreadable-event", "try another event"),
        TestRunError::TooLong => (Kind::Late, "took-too-long", again),
        TestRunError::Store(_) | TestRunError::Fault(_) => {
            (Kind::Conflict, "database-refuses", "nothing was changed; the reason says what is in the way")
        }
        TestRunError::Staging(StagingError::Database(_)) | TestRunError::Connect(_) => {
            return Refusal::Broken(error.into());
        }
    };
    // The log has what the server said, but for what may stand in rows; who asks has what helps to mend the workflow.
    let message = match &error {
        TestRunError::Store(fault) | TestRunError::Fault(Fault::Store(fault) | Fault::Unsaid(fault)) => {
            tracing::warn!(%fault, "a test run could not be done");
            format!("the test run could not be done: {}", fault.told())
        }
        TestRunError::NotAs(role, reason) => {
            tracing::warn!(role, reason, "a test run could not take the role");
            error.to_string()
        }
        TestRunError::Fault(fault) => format!("{error}: {fault}"),
        error => error.to_string(),
    };
    let message: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Refusal::new(kind, code, message).help(help)
}
