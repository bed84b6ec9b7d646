//! What workflows did: executions, their steps and deliveries; and what admins tell them.

mod undo;
mod words;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use undo::{Undo, UndoHow, UndoneWhole};
pub(in crate::operations) use words::by_whom;
pub use words::{
    Answer, Answered, Approvals, Approve, Cancel, CancelWhat, Refuse, Retry, RetryWhat, Told, Which,
};

use super::{Asked, Context, Kind, Nothing, Operation, Page, Refusal, Verb, aside, cursor, page_size};
use crate::store::history::{self, Place};
use crate::store::lists::{self, DeliveryRow, ExecutionDetail, ExecutionRow};

/// A state of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It rests.
    Waiting,
    /// It ended well.
    Succeeded,
    /// It ended by a failure.
    Failed,
    /// It was ended.
    Cancelled,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Which of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only of this workflow: its id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// Only those in this state.
    #[param(inline)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Only those that come after this execution in the list; `cursor` does the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Uuid>,
    /// Most items: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

fn unknown(id: Uuid) -> Refusal {
    Refusal::new(Kind::Missing, "no-such-execution", format!("there is no execution {id}"))
        .help("`thendo executions list` lists them")
}

/// Lists executions.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/executions";
    const NAME: &'static str = "listExecutions";
    const ABOUT: &'static str = "Executions, those that rest included, the newest event first. Among very many a page \
                                 may have fewer than `limit`: `next` leads on.";
    type Path = Nothing;
    type Query = Filter;
    type Body = Nothing;
    type Output = Page<ExecutionRow>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<ExecutionRow>, Refusal> {
        let Filter { workflow, status, before, limit, cursor } = asked.query;
        let limit = page_size(limit)?;
        let mut place: Option<Place> = cursor::read(cursor.as_deref())?;
        if let (None, Some(id)) = (place, before) {
            let found = lists::execution(&context.pool, id).await?.ok_or_else(|| unknown(id))?;
            place = Some((found.row.event_at, id));
        }
        let status = status.map(Status::word);
        let filter = history::Filter { workflow, status, before: place, limit: limit + 1 };
        let found = history::executions(&context.pool, &filter).await?;
        let page = Page::cut(found.rows, limit, |row| (row.event_at, row.id));
        let further = || found.further.map(|place| cursor::write(&place));
        Ok(Page { next: page.next.or_else(further), ..page })
    }
}

/// Which execution.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OfExecution {
    /// Its id.
    pub execution: Uuid,
}

/// Bytes of the steps that are told whole.
const MOST_BYTES: usize = 1024 * 1024;
/// Bytes of those that are told at all.
const MOST_BYTES_OF_ALL: usize = 2 * MOST_BYTES;

/// What an answer had no room for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// So many steps are told without their results and changes: they say `left_out` instead.
    pub contents: usize,
    /// So many, the last ones, are not told.
    pub steps: usize,
}

/// Takes out of the steps what is too much. What that was.
fn bounded(steps: &mut Value) -> Option<LeftOut> {
    let steps = steps.as_array_mut()?;
    let (mut bytes, mut left) = (0, LeftOut::default());
    let size = |step: &Value| step.to_string().len();
    for at in 0..steps.len() {
        let whole = size(&steps[at]);
        if bytes + whole <= MOST_BYTES {
            bytes += whole;
            continue;
        }
        if let Some(step) = steps[at].as_object_mut() {
            for name in ["result", "changes"] {
                step.remove(name);
            }
            step.insert("left_out".into(), true.into());
            left.contents += 1;
        }
        bytes += size(&steps[at]);
        if bytes > MOST_BYTES_OF_ALL {
            left.contents -= 1;
            left.steps = steps.len() - at;
            steps.truncate(at);
            break;
        }
    }
    (left != LeftOut::default()).then_some(left)
}

/// All that is known of an execution.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Execution)]
pub struct Shown {
    /// It, with its steps.
    pub execution: ExecutionDetail,
    /// What of its steps this answer had no room for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    /// Its first 1,000 mails and requests, without what they say.
    pub deliveries: Vec<DeliveryRow>,
}

/// Shows an execution.
#[derive(Debug)]
pub struct Show;

impl Operation for Show {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/executions/{execution}";
    const NAME: &'static str = "showExecution";
    const ABOUT: &'static str = "An execution with its steps, why each did what it did, and its mails and requests. Of very large steps it says what it left \
        out; what a mail or a request says is told by `GET /deliveries/{delivery}`.";
    type Path = OfExecution;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Shown;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Shown, Refusal> {
        let id = asked.path.execution;
        let mut execution = lists::execution(&context.pool, id).await?.ok_or_else(|| unknown(id))?;
        let (execution, left_out) = aside(move || {
            let left_out = bounded(&mut execution.steps);
            (execution, left_out)
        })
        .await?;
        let deliveries = lists::deliveries(&context.pool, &[id]).await?;
        Ok(Shown { execution, left_out, deliveries })
    }
}
