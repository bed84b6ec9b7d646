//! Backtests as jobs: asked for, taken up by a daemon one after the other, told from, called off.

mod prepare;
mod runner;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use prepare::{MOST_DIFFERENCES, Prepared, Side, ToBacktest, Wanted, find};
pub use runner::run;

use super::workflows::DRAWING_BODY;
use super::{Asked, Context, Kind, Nothing, Operation, Page, Part, Refusal, Verb, audit, cursor, page_size};
use crate::store::backtests::{self, Drawings, Listed, MOST_WAITING};
use crate::store::events::clock;

/// Asks for a backtest.
#[derive(Debug)]
pub struct Start;

impl Operation for Start {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/backtests";
    const NAME: &'static str = "startBacktest";
    const ABOUT: &'static str = "Asks for what a workflow would have done for the events of a time. It is a job: it waits until a daemon \
        takes it up, and `GET /backtests/{backtest}` tells how far it is and what came out. Nothing is changed and nothing is sent.";
    const LARGEST_BODY: usize = DRAWING_BODY;
    const STATUS: u16 = 202;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ToBacktest;
    type Output = Listed;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Listed, Refusal> {
        if !context.data.has_room_for_jobs() {
            let message = "a backtest would have the only connection for such work for as long as it runs";
            return Err(Refusal::new(Kind::Busy, "too-few-connections", message)
                .help("set `pool_max` to 10, or ask for it where the database is"));
        }
        let asked = asked.body;
        if asked.differences > MOST_DIFFERENCES {
            let message = format!("{} differences are asked for", asked.differences);
            return Err(Refusal::new(Kind::Malformed, "bad-number", message)
                .help(format!("ask for at most {MOST_DIFFERENCES}")));
        }
        let now = clock(&context.pool).await?;
        let found = find(&mut *context.pool.acquire().await?, &asked, now).await?;
        let Prepared { called, wish, side, against } = found.prepare().await?;
        let other = against.as_ref().map(|of| of.version.name.clone());
        let drawings = Drawings {
            number: side.version.number,
            drawing: side.drawing,
            against: against.map(|of| (of.version.number, of.drawing)),
        };
        let drawings = serde_json::to_value(&drawings).map_err(anyhow::Error::from)?;
        let wanted = backtests::Asked {
            workflow: &called,
            workflow_id: Some(wish.workflow.0).filter(|id| !id.is_nil()),
            version: &side.version.name,
            against: other.as_deref(),
            since: wish.since,
            until: wish.until,
            differences: i32::try_from(wish.differences).unwrap_or(i32::MAX),
            in_database: wish.in_database,
            drawings: &drawings,
            by: &context.who.name,
        };
        let mut transaction = context.begin().await?;
        let Some(id) = backtests::ask(&mut transaction, &wanted).await? else {
            let message = format!("{MOST_WAITING} backtests wait already");
            return Err(Refusal::new(Kind::Conflict, "too-many-wait", message)
                .help("try again when one has ended, or call one off: DELETE /api/v1/backtests/{backtest}"));
        };
        let detail = json!({"workflow": called, "version": side.version.name, "against": other});
        audit::note(&mut transaction, &context.who, "backtest.start", id, detail).await?;
        let listed = one(&mut transaction, id).await?;
        transaction.commit().await?;
        context.data.jobs.notify_one();
        Ok(listed)
    }
}

/// Lists backtests.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/backtests";
    const NAME: &'static str = "listBacktests";
    const ABOUT: &'static str = "Backtests that were asked for, the newest first. They are kept for 30 days.";
    type Path = Nothing;
    type Query = Part;
    type Body = Nothing;
    type Output = Page<Listed>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<Listed>, Refusal> {
        let limit = page_size(asked.query.limit)?;
        let behind: Option<(DateTime<Utc>, Uuid)> = cursor::read(asked.query.cursor.as_deref())?;
        let found = backtests::list(&context.pool, behind, limit + 1).await?;
        Ok(Page::cut(found, limit, |of| (of.asked_at, of.id)))
    }
}

/// Which backtest.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OfBacktest {
    /// Its id.
    pub backtest: Uuid,
}

/// How a backtest does.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ShownBacktest)]
pub struct Shown {
    /// It.
    pub backtest: Listed,
    /// When it is `done`: what `thendo backtest --format json` prints.
    #[schema(value_type = Option<Object>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Value>,
}

/// Shows a backtest.
#[derive(Debug)]
pub struct Show;

impl Operation for Show {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/backtests/{backtest}";
    const NAME: &'static str = "showBacktest";
    const ABOUT: &'static str = "How far a backtest is, and what came out.";
    type Path = OfBacktest;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Shown;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Shown, Refusal> {
        let mut connection = context.pool.acquire().await?;
        let backtest = one(&mut connection, asked.path.backtest).await?;
        let outcome = match backtest.status.as_str() {
            "done" => backtests::outcome(&mut connection, backtest.id).await?,
            _ => None,
        };
        Ok(Shown { backtest, outcome })
    }
}

/// Calls a backtest off.
#[derive(Debug)]
pub struct Cancel;

impl Operation for Cancel {
    const VERB: Verb = Verb::Delete;
    const PATH: &'static str = "/backtests/{backtest}";
    const NAME: &'static str = "cancelBacktest";
    const ABOUT: &'static str = "Calls a backtest off that waits or runs.";
    type Path = OfBacktest;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Listed;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Listed, Refusal> {
        let id = asked.path.backtest;
        let mut transaction = context.begin().await?;
        let before = one(&mut transaction, id).await?;
        if !backtests::cancel(&mut transaction, id).await? {
            let message = format!("backtest {id} has ended: it is {}", before.status);
            return Err(Refusal::new(Kind::Conflict, "wrong-state", message)
                .help("that is done to one that is queued or running"));
        }
        let detail = json!({"workflow": before.workflow, "before": before.status});
        audit::note(&mut transaction, &context.who, "backtest.cancel", id, detail).await?;
        let now = one(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(now)
    }
}

async fn one(connection: &mut PgConnection, id: Uuid) -> Result<Listed, Refusal> {
    backtests::one(connection, id).await?.ok_or_else(|| {
        Refusal::new(Kind::Missing, "no-such-backtest", format!("there is no backtest {id}"))
            .help("GET /api/v1/backtests lists them; they are kept for 30 days")
    })
}
