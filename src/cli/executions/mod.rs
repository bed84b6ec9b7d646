//! `thendo executions …`: what workflows did, and what admins tell them.

mod graph;
mod words;

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;
use uuid::Uuid;

use super::Session;
use super::desk::Desk;
use super::output::{BAD, Format, QUIET, STRONG, one_line, print_json, print_line, shape, step_line, time};
use crate::kinds;
use crate::operations::executions::{self, Filter, LeftOut, OfExecution, Shown};
use crate::operations::workflows::{ShowVersion, VersionPath};
use crate::operations::{Asked, Nothing, Refusal};
use crate::store::lists::{self, DeliveryRow};
use crate::workflow::react_flow;

/// Between two looks at an execution that is followed.
const GLANCE: Duration = Duration::from_millis(250);

/// `thendo executions …`
#[derive(Debug, Subcommand)]
pub enum Executions {
    /// List executions, the newest event first
    List(List),
    /// Show one execution with its steps and why each did what it did
    Show(Show),
    /// List what waits for an approval
    Approvals(words::Approvals),
    /// Say yes to an approval
    Approve(words::Answer),
    /// Say no to an approval
    Refuse(words::Answer),
    /// End executions that rest
    Cancel(words::Cancel),
    /// Try failed executions again
    Retry(words::Retry),
}

/// `thendo executions list`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo executions list --limit 5
  thendo executions list --workflow order-thanks --status failed --format json
  thendo executions list --before 01963d7e-…     go on after the last one of a list")]
pub struct List {
    /// Only of this workflow (name or id)
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
    /// Only those in this state
    #[arg(long, value_parser = ["waiting", "succeeded", "failed", "cancelled"])]
    status: Option<String>,
    /// Only those that come after this one in the list
    #[arg(long, value_name = "EXECUTION")]
    before: Option<Uuid>,
    /// Most to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=lists::MOST))]
    limit: i64,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `thendo executions show`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo executions show 01963d7e-2a30-5cc1-9d39-d8fb0a86bd13
  thendo executions show 01963d7e-2a30-5cc1-9d39-d8fb0a86bd13 --follow     until it has ended, or Ctrl-C
  thendo executions show 01963d7e-2a30-5cc1-9d39-d8fb0a86bd13 --format json")]
pub struct Show {
    /// Its id, as `executions list` prints it
    execution: Uuid,
    /// Tell each step as it happens, until it has ended
    #[arg(long)]
    follow: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Executions {
    /// Runs it.
    ///
    /// # Errors
    /// When the database can't be asked, or there is no such execution.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(list) => list.run(session).await,
            Self::Show(show) => show.run(session).await,
            Self::Approvals(approvals) => approvals.run(session).await,
            Self::Approve(answer) => answer.run(session, true).await,
            Self::Refuse(answer) => answer.run(session, false).await,
            Self::Cancel(cancel) => cancel.run(session).await,
            Self::Retry(retry) => retry.run(session).await,
        }
    }
}

impl List {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let status =
            self.status.as_ref().map(|word| serde_json::from_value(word.as_str().into())).transpose()?;
        let query = |limit, cursor| Filter {
            workflow: self.workflow.clone(),
            status,
            before: self.before,
            limit,
            cursor,
        };
        let rows = session.desk().await?.list::<executions::List, _>(self.limit, query).await?;
        if self.format == Format::Json {
            print_json(&rows)?;
            return Ok(ExitCode::SUCCESS);
        }
        if rows.is_empty() {
            print_line(format_args!("{QUIET}no executions{QUIET:#}"))?;
        }
        for row in &rows {
            let (style, shape) = shape(&row.status);
            let workflow = one_line(row.workflow.as_deref().unwrap_or("(gone)"));
            let error =
                row.error.as_deref().map_or_else(String::new, |error| format!("  {}", one_line(error)));
            print_line(format_args!(
                "{style}{shape} {:<9}{style:#} {}  {}  {workflow} v{}{BAD}{error}{BAD:#}",
                row.status,
                time(row.event_at),
                row.id,
                row.version
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let desk = session.desk().await?;
        let mut shown = look(&desk, self.execution).await?;
        if self.follow {
            shown = follow(&desk, shown, self.format).await?;
        }
        if self.format == Format::Json {
            print_json(&shown)?;
        } else {
            let row = &shown.execution.row;
            let path = VersionPath { workflow: row.workflow_id.to_string(), number: row.version };
            // It is shown without its drawing if that is not there any more.
            let version = desk.ask(Asked::<ShowVersion>::new(path, Nothing {}, Nothing {})).await;
            let drawn = version.ok().map(|version| version.definition);
            print_execution(&shown, drawn.as_ref())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn look(desk: &Desk, execution: Uuid) -> Result<Shown, Refusal> {
    desk.ask(Asked::<executions::Show>::new(OfExecution { execution }, Nothing {}, Nothing {})).await
}

/// Looks until it has ended; people are told each step as it comes, and again when its outcome is another.
async fn follow(desk: &Desk, mut shown: Shown, format: Format) -> anyhow::Result<Shown> {
    let mut told: HashSet<String> = HashSet::new();
    loop {
        for step in shown.execution.steps.as_array().into_iter().flatten() {
            let line = step_line(step);
            if format == Format::Text && told.insert(format!("{} {line}", step["item"])) {
                print_line(format_args!("  {line}"))?;
            }
        }
        if shown.execution.row.status != "waiting" {
            if format == Format::Text {
                print_line("")?;
            }
            return Ok(shown);
        }
        tokio::time::sleep(GLANCE).await;
        shown = look(desk, shown.execution.row.id).await?;
    }
}

fn print_execution(shown: &Shown, definition: Option<&Value>) -> anyhow::Result<()> {
    let Shown { execution: found, left_out, deliveries } = shown;
    let row = &found.row;
    let (style, shape) = shape(&row.status);
    let workflow = one_line(row.workflow.as_deref().unwrap_or("(gone)"));
    print_line(format_args!(
        "{STRONG}{workflow}{STRONG:#} v{}  {style}{shape} {}{style:#}",
        row.version, row.status
    ))?;
    print_line(format_args!(
        "{QUIET}execution {}  event {} of {}{QUIET:#}",
        row.id,
        row.event_id,
        time(row.event_at)
    ))?;
    if let (Some(by), Some(at)) = (&found.undone_by, found.undone_at) {
        print_line(format_args!("{BAD}undone by {}, {}{BAD:#}", one_line(by), time(at)))?;
    }
    if let Some(definition) = definition {
        let (drawing, _) = react_flow::read(definition, &kinds::catalogue());
        for line in graph::lines(&drawing, &found.steps) {
            print_line(format_args!("  {line}"))?;
        }
        print_line("")?;
    }
    for step in found.steps.as_array().into_iter().flatten() {
        print_line(format_args!("  {}", step_line(step)))?;
        for change in step["changes"].as_array().into_iter().flatten() {
            let field = |name: &str| one_line(change[name].as_str().unwrap_or_default());
            print_line(format_args!(
                "      {QUIET}{} {} {}{QUIET:#}",
                field("table"),
                field("key"),
                change["after"]
            ))?;
        }
    }
    if let Some(LeftOut { contents, steps }) = left_out {
        print_line(format_args!(
            "  {BAD}too much to show: {contents} steps are without their results and changes, and the last {steps} are missing{BAD:#}"
        ))?;
    }
    for delivery in deliveries {
        print_line(format_args!("  {}", delivery_line(delivery)))?;
    }
    if let Some(error) = &row.error {
        print_line(format_args!("{BAD}{}{BAD:#}", one_line(error)))?;
    }
    Ok(())
}

/// A mail as a line: state, recipient, subject, where it is; a request: state, method and URL.
pub(super) fn delivery_line(delivery: &DeliveryRow) -> String {
    let (style, shape) = shape(&delivery.status);
    let line = |text: &Option<String>| one_line(text.as_deref().unwrap_or_default());
    let (to, status) = (line(&delivery.to), &delivery.status);
    if delivery.kind == "http" {
        return format!("{style}{shape}{style:#} {} {to}, {status}", line(&delivery.method));
    }
    let file = delivery.file.as_deref().map(one_line);
    let place = file.map_or_else(|| status.clone(), |file| format!("{status} in {file}"));
    format!("{style}{shape}{style:#} mail to {to}: “{}”, {place}", line(&delivery.subject))
}
