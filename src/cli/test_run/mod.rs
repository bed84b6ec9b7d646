//! `thendo test-run`: what a workflow would do, without doing it.

mod print;
mod sources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use secrecy::SecretString;
use serde_json::Value;

use super::output::{Advice, BAD, Format, GOOD, QUIET, one_line, print_json, print_line};
use super::workflow::source_of;
use super::{Session, validate};
use crate::domain::ids::NodeId;
use crate::kinds;
use crate::operations::editions::Sketch;
use crate::operations::refusal::Faulty;
use crate::operations::test_runs::{AWAITED, EVENT, ToTry, Try, composer};
use crate::operations::{Asked, Nothing, Refusal};
use crate::testrun::cases::Settings;
use crate::testrun::expect::{Difference, differences, updated};
use crate::testrun::{Outcome, Report, Role, Stage};

/// `thendo test-run`
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  thendo test-run workflow.json --event event.json
  thendo test-run order-thanks --event-id 01963d7e-2a30-7cc1-9d39-d8fb0a86bd13
  thendo test-run order-thanks --row orders:6b79f9c2-8e0b-4376-80c1-cb0b4e9235b3
  thendo test-run order-thanks --sample --branch big=true --result charge='{\"status\": 402}'
  thendo test-run workflow.json --event event.json --expect expected.json

The engine itself runs the workflow on the event, in a transaction that is always rolled back; mails and requests are
rendered, not sent. The clock is the event's; waits are passed by. Exits 0 if it would succeed or be filtered, 1 if it
would fail; with --expect, 0 if it is as expected. Sequences advance, for no rollback takes that back; so does what
triggers of the shop's own do outside of the database."
)]
pub struct TestRun {
    /// The workflow: a file of React Flow JSON, or the name or id of a stored one
    workflow: String,
    /// Of a stored one: `draft` (what an editor shows), `live`, or a version's number
    #[arg(long, value_name = "VERSION", default_value = "draft")]
    version: String,
    #[command(flatten)]
    happens: sources::Happens,
    /// The clock at the beginning, instead of the event's: 2026-11-22T10:00:00Z
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime<Utc>>,
    /// What an action is assumed to have given; it does nothing then (repeat)
    #[arg(long = "result", value_name = "NODE=JSON")]
    results: Vec<String>,
    /// The branch by which a node is assumed to be left; `error`: it failed (repeat)
    #[arg(long = "branch", value_name = "NODE=BRANCH")]
    branches: Vec<String>,
    /// The event that a `wait_for_event` node is handed; without one its time runs out (repeat)
    #[arg(long = "awaited", value_name = "NODE=FILE")]
    awaited: Vec<String>,
    /// Under whose rights and policies, instead of the engine's
    #[arg(long = "as", value_name = "ROLE", value_enum)]
    role: Option<As>,
    /// Compare the report with this file, which may leave out any part
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Write that file as the report is
    #[arg(long, requires = "expect")]
    update: bool,
    /// Show the HTML of mails beside their text
    #[arg(long, conflicts_with = "format")]
    html: bool,
    /// Note nothing in workflow_executions
    #[arg(long)]
    no_record: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// As [`Role`].
#[derive(Debug, Clone, Copy, ValueEnum)]
enum As {
    /// Nobody who signed in
    Anon,
    /// The event's customer, signed in
    Customer,
    /// An admin, signed in
    Admin,
    /// The shop's backend
    #[value(name = "service_role")]
    ServiceRole,
}

impl TestRun {
    /// Runs it and prints what would have happened.
    ///
    /// # Errors
    /// A file that can't be read, a database or a daemon that can't be asked.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let Some(workflow) = sources::workflow(&self.workflow, &self.version, self.format)? else {
            return Ok(ExitCode::FAILURE);
        };
        let Some(happens) = self.happens.read(self.format)? else { return Ok(ExitCode::FAILURE) };
        let sources::Happened { event, event_id, row, sample } = happens;
        let body = ToTry {
            workflow: workflow.stored,
            version: workflow.version,
            drawing: workflow.file.as_ref().map(|file| Sketch {
                name: None,
                edition: Some(file.name.clone()),
                definition: file.value.clone(),
            }),
            event: event.as_ref().map(|file| file.value.clone()),
            event_id,
            row,
            sample,
            settings: self.settings()?,
            no_record: self.no_record,
        };
        let asked = Asked::<Try>::new(Nothing {}, Nothing {}, body);
        match session.desk().await?.ask(asked).await {
            Ok(report) => self.answer(&report),
            Err(Refusal::Told(told)) if !told.faulty.is_empty() => {
                let mut files: Vec<validate::Source> = workflow.file.into_iter().collect();
                if let Some(event) = event {
                    files.push(validate::Source { name: EVENT.into(), ..event });
                }
                self.tell(told.faulty, files)
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// What the compiler says, beside what was read here.
    fn tell(&self, faulty: Vec<Faulty>, mut files: Vec<validate::Source>) -> anyhow::Result<ExitCode> {
        for Faulty { workflow: name, drawing, diagnostics } in faulty {
            let mut source = match files.iter().position(|file| file.name == name) {
                Some(at) => files.remove(at),
                None => source_of(&name, drawing.unwrap_or_default()),
            };
            match name.as_str() {
                EVENT => source.name = self.happens.name(),
                AWAITED => source.name = "--awaited".into(),
                _ => {}
            }
            validate::print(&source, &diagnostics, self.format)?;
        }
        Ok(ExitCode::FAILURE)
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let mut results = BTreeMap::new();
        for (node, text) in pairs(&self.results, "--result", "NODE=JSON")? {
            let value = serde_json::from_str(text).with_context(|| {
                format!("--result {node}=… is no JSON; a text needs quotes: {node}='\"text\"'")
            })?;
            results.insert(node, value);
        }
        let mut awaited = BTreeMap::new();
        for (node, file) in pairs(&self.awaited, "--awaited", "NODE=FILE")? {
            awaited.insert(node, json_of(Path::new(file))?);
        }
        let branches = pairs(&self.branches, "--branch", "NODE=BRANCH")?;
        Ok(Settings {
            at: self.at,
            results,
            branches: branches.into_iter().map(|(node, branch)| (node, branch.to_owned())).collect(),
            awaited,
            role: self.role.map(|role| match role {
                As::Anon => Role::Anon,
                As::Customer => Role::Customer,
                As::Admin => Role::Admin,
                As::ServiceRole => Role::ServiceRole,
            }),
        })
    }

    fn answer(&self, report: &Report) -> anyhow::Result<ExitCode> {
        match self.format {
            Format::Json => print_json(report)?,
            Format::Text => print::print_report(&self.workflow, report, self.html)?,
        }
        let Some(file) = &self.expect else {
            return Ok(if report.outcome == Outcome::Failed { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        };
        if self.update {
            let former = file.exists().then(|| json_of(file)).transpose()?;
            write(file, &updated(report, former.as_ref()))?;
            return Ok(ExitCode::SUCCESS);
        }
        let found = differences(report, &json_of(file)?);
        if self.format == Format::Text {
            print_differences(&file.display().to_string(), &found)?;
        }
        Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Where to try workflows: this database, with mails composed as the settings say.
pub(super) async fn stage_on(session: &Session, url: SecretString) -> anyhow::Result<Stage> {
    Ok(Stage::open(url, kinds::catalogue(), composer(&session.settings)).await?)
}

/// `NODE=…`, once for each node.
fn pairs<'t>(texts: &'t [String], flag: &str, form: &str) -> anyhow::Result<Vec<(NodeId, &'t str)>> {
    let mut found: Vec<(NodeId, &str)> = Vec::new();
    for text in texts {
        let (node, value) = text.split_once('=').filter(|(node, _)| !node.is_empty()).ok_or_else(|| {
            Advice::error(
                format!("{flag} {}: it is no {form}", one_line(text)),
                format!("write {flag} {form}"),
            )
        })?;
        let node = NodeId(node.into());
        if found.iter().any(|(other, _)| *other == node) {
            return Err(Advice::error(format!("{flag} names `{node}` twice"), "name each node once"));
        }
        found.push((node, value));
    }
    Ok(found)
}

/// A file of JSON.
pub(super) fn json_of(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
    serde_json::from_str(&validate::without_mark(text))
        .with_context(|| format!("{} is no JSON", file.display()))
}

/// A file of JSON, whole or not at all.
pub(super) fn write(file: &Path, value: &Value) -> anyhow::Result<()> {
    let part = file.with_extension("json.part");
    std::fs::write(&part, format!("{value:#}\n"))
        .with_context(|| format!("can't write {}", part.display()))?;
    std::fs::rename(&part, file).with_context(|| format!("can't write {}", file.display()))
}

/// Where a report is not as expected, for people.
pub(super) fn print_differences(name: &str, found: &[Difference]) -> anyhow::Result<()> {
    let name = one_line(name);
    if found.is_empty() {
        return print_line(format!("\n{GOOD}as expected{GOOD:#}  {QUIET}{name}{QUIET:#}"));
    }
    print_line(format!("\n{BAD}not as expected{BAD:#}  {QUIET}{name}{QUIET:#}"))?;
    for Difference { at, expected, seen } in found {
        let text = |value: &Value| one_line(&value.to_string());
        print_line(format!("  {at}"))?;
        print_line(format!("    {GOOD}expected{GOOD:#} {}", text(expected)))?;
        print_line(format!("    {BAD}seen    {BAD:#} {}", text(seen)))?;
    }
    Ok(())
}
