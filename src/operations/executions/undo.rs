//! Puts back what an execution wrote, all of it or nothing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::OfExecution;
use super::words::by_whom;
use crate::domain::ids::ExecutionId;
use crate::operations::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb};
use crate::store::lists::{self, DeliveryRow};
use crate::testrun::undo::{Order, UndoError, Undone, undo};

/// How it is undone.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoHow {
    /// Do it; without it is only told what would be done.
    #[serde(default)]
    pub confirm: bool,
    /// What changes by it starts workflows, as if the shop itself had written it.
    #[serde(default)]
    pub starts_workflows: bool,
    /// Who says so. For the command line on a database: who else asks is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = UndoneExecution)]
pub struct UndoneWhole {
    /// The rows.
    #[serde(flatten)]
    pub undone: Undone,
    /// Mails and requests, which can't be undone.
    pub deliveries: Vec<DeliveryRow>,
}

/// Undoes an execution.
#[derive(Debug)]
pub struct Undo;

impl Operation for Undo {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/executions/{execution}/undo";
    const NAME: &'static str = "undoExecution";
    const ABOUT: &'static str = "Puts back what an execution and its other attempts wrote, all rows or none. Without `confirm` it \
        only tells what would be done.";
    type Path = OfExecution;
    type Query = Nothing;
    type Body = UndoHow;
    type Output = UndoneWhole;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<UndoneWhole, Refusal> {
        let UndoHow { confirm, starts_workflows, by } = asked.body;
        let id = asked.path.execution;
        let by = by_whom(context, by)?;
        let noted = (context.who.name.clone(), context.who.account);
        let order = Order { execution: ExecutionId(id), by, noted, confirmed: confirm, starts_workflows };
        let opened = context.session("undo").await?;
        let undone = undo(&opened.session, &order).await.map_err(|error| refused(context, error))?;
        drop(opened);
        let attempts: Vec<Uuid> = undone.attempts.iter().map(|id| id.0).collect();
        let deliveries = match lists::deliveries(&context.pool, &attempts).await {
            Ok(deliveries) => deliveries,
            // It is done, and stays: that must not look like a failure.
            Err(fault) if undone.undone => {
                tracing::warn!(%fault, "mails and requests of what was undone could not be listed");
                Vec::new()
            }
            Err(fault) => return Err(fault.into()),
        };
        Ok(UndoneWhole { undone, deliveries })
    }
}

fn refused(context: &Context, error: UndoError) -> Refusal {
    let (kind, code, help) = match &error {
        UndoError::Unknown(_) => (Kind::Missing, "no-such-execution", "`thendo executions list` lists them"),
        UndoError::Rests(_) => {
            (Kind::Conflict, "rests", "`thendo executions cancel` ends it; then it can be undone")
        }
        UndoError::Before { .. } => {
            (Kind::Conflict, "undone-before", "`thendo executions show` tells what it had done")
        }
        UndoError::NotWhole(_) | UndoError::Unreadable(..) => (
            Kind::Conflict,
            "record-not-whole",
            "`thendo executions show` tells what is known of it; put the rest back by hand",
        ),
        UndoError::TooLong(_) => (
            Kind::Late,
            "took-too-long",
            "nothing was done. Try again when the server has less to do; or put those rows back by hand, as `thendo executions show` \
             has them",
        ),
        UndoError::Busy(_) => (
            Kind::Busy,
            "rows-in-hand",
            "nothing was done. Try again in a moment; a transaction that stays open shows in pg_stat_activity",
        ),
        UndoError::Store(_) => (
            Kind::Conflict,
            "database-refuses",
            "all of it was rolled back; try again, or put those rows back by hand",
        ),
    };
    let message = match &error {
        // A trigger of the shop's may say anything: that is for who works the machine.
        UndoError::Store(_) | UndoError::Busy(_) if !context.who.is_local() => {
            tracing::warn!(%error, "an execution could not be undone");
            match code {
                "rows-in-hand" => "somebody else has some of these rows in hand".into(),
                _ => "the database refuses, or a trigger of the shop's; the daemon's log says why".into(),
            }
        }
        error => error.to_string(),
    };
    let message: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Refusal::new(kind, code, message).help(help)
}
