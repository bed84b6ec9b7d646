//! Which workflow is tried, and what happens.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::cli::output::{Advice, Format, one_line};
use crate::cli::{Session, validate, workflow as stored};
use crate::domain::event::Event;
use crate::domain::ids::WorkflowId;
use crate::kinds;
use crate::store::versions;
use crate::testrun::Stage;
use crate::workflow::compile::compile;
use crate::workflow::event_file::{self, Given};
use crate::workflow::plan::Plan;

/// What is tried.
pub struct Tried {
    /// Compiled.
    pub plan: Arc<Plan>,
    /// Nil for a file.
    pub id: WorkflowId,
    /// 0 for a file and for a draft.
    pub version: i32,
}

/// The workflow that is meant; `None` if it does not compile, which has been said.
pub async fn workflow(
    session: &Session,
    name: &str,
    version: &str,
    format: Format,
) -> anyhow::Result<Option<Tried>> {
    let file = Path::new(name);
    let (id, number, source) = if file.is_file() || name.ends_with(".json") {
        let Some(source) = validate::read(file, format)? else { return Ok(None) };
        (WorkflowId(Uuid::nil()), 0, source)
    } else {
        let pool = session.pool().await?;
        let head = stored::named(&pool, name).await?;
        let number = match version {
            "draft" => 0,
            "live" => head.live_version.ok_or_else(|| {
                Advice::error(
                    format!("`{}` has no version in force", one_line(name)),
                    "`--version draft` tries what is drawn",
                )
            })?,
            number => number.parse().map_err(|_| {
                Advice::error(
                    format!("there is no version `{}`", one_line(number)),
                    "name `draft`, `live` or a number",
                )
            })?,
        };
        let drawing = match number {
            0 => head.drawing(),
            number => {
                let text = versions::definition_of(&mut *pool.acquire().await?, head.id, number).await?;
                versions::read(&text.ok_or_else(|| {
                    Advice::error(
                        format!("`{}` has no version {number}", one_line(name)),
                        "`thendo workflow show` lists its versions",
                    )
                })?)
            }
        };
        (WorkflowId(head.id), number, stored::source_of(&head.name, stored::readable(name, drawing)?))
    };
    let compiled = compile(&source.value, &kinds::catalogue());
    let Some(plan) = compiled.plan else {
        validate::print(&source, &compiled.diagnostics, format)?;
        return Ok(None);
    };
    Ok(Some(Tried { plan: Arc::new(plan), id, version: number }))
}

/// What happens: one of several ways to say so.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Happens {
    /// An event file: {"type", "at", "data": {…}}
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// A recorded event
    #[arg(long, value_name = "ID")]
    event_id: Option<Uuid>,
    /// A row as it is now, as if it were written this moment
    #[arg(long, value_name = "TABLE:ID")]
    row: Option<String>,
    /// The latest recorded event that would start it, else the latest row of its table
    #[arg(long)]
    sample: bool,
}

/// An event, rows that are to be there, and what the reader should know.
type Happened = (Event, Vec<Given>, Vec<String>);

/// Said of what is not of the event's own time.
const TODAY: &str = "the customer and whatever else is looked up are as they are now, not as they were then";

impl Happens {
    /// What happens; `None` if the file is faulty, which has been said.
    pub async fn read(&self, stage: &Stage, plan: &Plan, format: Format) -> anyhow::Result<Option<Happened>> {
        if let Some(file) = &self.event {
            let Some(source) = validate::read(file, format)? else { return Ok(None) };
            return match event_file::read(&source.value, &kinds::catalogue()) {
                Ok(read) => Ok(Some((read.event, read.given, Vec::new()))),
                Err(faults) => {
                    validate::print(&source, &faults, format)?;
                    Ok(None)
                }
            };
        }
        let (event, labels) = if let Some(id) = self.event_id {
            let found = stage.recorded(id).await?.ok_or_else(|| {
                Advice::error(format!("there is no event {id}"), "`thendo events list` lists them")
            })?;
            (found, vec![TODAY.to_owned()])
        } else if let Some(row) = &self.row {
            let (table, id) = row.split_once(':').ok_or_else(|| {
                Advice::error(format!("--row {}: it is no TABLE:ID", one_line(row)), "write --row orders:ID")
            })?;
            (of_row(stage, plan, table, id).await?, Vec::new())
        } else {
            sample(stage, plan).await?
        };
        Ok(Some((event, Vec::new(), labels)))
    }
}

/// A row as its trigger would tell of it.
async fn of_row(stage: &Stage, plan: &Plan, table: &str, id: &str) -> anyhow::Result<Event> {
    let tables: Vec<&str> = plan.sources().iter().map(|source| &*source.table).collect();
    if !tables.contains(&table) {
        return Err(Advice::error(
            format!("the workflow does not begin with rows of `{}`", one_line(table)),
            format!("its trigger looks at {}", tables.join(", ")),
        ));
    }
    let row = stage.row(table, id).await?.ok_or_else(|| {
        Advice::error(
            format!("there is no row `{}` in `{}`", one_line(id), one_line(table)),
            "name a row by its id, of a table whose changes are recorded",
        )
    })?;
    Ok(stage.event_of(plan, table, row).await?)
}

async fn sample(stage: &Stage, plan: &Plan) -> anyhow::Result<(Event, Vec<String>)> {
    if let Some(event) = stage.latest(plan).await? {
        let label = format!("on the latest recorded event that would start it, {} of {}", event.id, event.at);
        return Ok((event, vec![label, TODAY.to_owned()]));
    }
    for source in plan.sources() {
        if let Some(row) = stage.latest_row(&source.table).await? {
            let id = row.get("id").map(Value::to_string).unwrap_or_default();
            let event = stage.event_of(plan, &source.table, row).await?;
            return Ok((event, vec![format!("on the latest row of {}: {id}", source.table)]));
        }
    }
    let tables: Vec<&str> = plan.sources().iter().map(|source| &*source.table).collect();
    let example = Map::from_iter([("type".to_owned(), Value::from(plan.trigger_kind()))]);
    Err(Advice::error(
        format!("no event is recorded that would start it, and there is no row in {}", tables.join(", ")),
        format!("write an event file and name it with --event; it begins like {}", Value::Object(example)),
    ))
}
