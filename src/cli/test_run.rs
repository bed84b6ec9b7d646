//! `thendo test-run`: what a workflow would do, without doing it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::Value;

use super::output::{BAD, Format, GOOD, QUIET, STRONG, one_line, print_json, print_line, shape, step_line};
use super::{Session, validate};
use crate::database::connect;
use crate::domain::effect::Outgoing;
use crate::domain::execution::Change;
use crate::kinds;
use crate::store;
use crate::testrun::{Outcome, Report, test_run};
use crate::workflow::compile::compile;
use crate::workflow::event_file;

/// `thendo test-run`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo test-run workflow.json --event event.json
  thendo test-run workflows-examples/welcome-points/workflow.json \\
      --event workflows-examples/welcome-points/event.json --format json

The engine itself runs the workflow on the event, in a transaction that is always rolled back; mails are
rendered, not sent. The clock is the event's; waits are passed by. Exits 0 if it would succeed or be filtered, 1 if it would fail.")]
pub struct TestRun {
    /// The workflow: a file of React Flow JSON
    file: PathBuf,
    /// The event: a file {"type", "at", "data": {…}}
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl TestRun {
    /// Runs it and prints what would have happened.
    ///
    /// # Errors
    /// A file that can't be read, a database that can't be asked.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let catalogue = kinds::catalogue();
        let Some(workflow) = validate::read(&self.file, self.format)? else { return Ok(ExitCode::FAILURE) };
        let Some(event) = validate::read(&self.event, self.format)? else { return Ok(ExitCode::FAILURE) };
        let compiled = compile(&workflow.value, &catalogue);
        let Some(plan) = compiled.plan else {
            validate::print(&workflow, &compiled.diagnostics, self.format)?;
            return Ok(ExitCode::FAILURE);
        };
        let event = match event_file::read(&event.value, &catalogue) {
            Ok(read) => read,
            Err(faults) => {
                validate::print(&event, &faults, self.format)?;
                return Ok(ExitCode::FAILURE);
            }
        };
        let url = session.database_url()?;
        let client = connect::connect_driven(&url, "test run").await?;
        let report =
            test_run(&store::session::Session::new(client), Arc::new(plan), event.event, event.given).await?;
        match self.format {
            Format::Json => print_json(&report)?,
            Format::Text => print_report(&self.file, &report)?,
        }
        Ok(if report.outcome == Outcome::Failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// The report for people: steps, then what would change, then the mails as they would arrive.
fn print_report(file: &Path, report: &Report) -> anyhow::Result<()> {
    let outcome = serde_json::to_value(report.outcome)?;
    let outcome = outcome.as_str().unwrap_or_default();
    let (style, shape) = shape(outcome);
    print_line(format!("{style}{shape} {outcome}{style:#}  {QUIET}{}{QUIET:#}", file.display()))?;
    if report.outcome == Outcome::Filtered {
        return print_line("  its trigger does not start for this event");
    }
    for step in &report.steps {
        print_line(format!("  {}", step_line(&serde_json::to_value(step)?)))?;
    }
    for timer in &report.timers {
        let until = timer.until.format("%Y-%m-%d %H:%M:%S UTC");
        print_line(format!("  {QUIET}{} would rest until {until}; passed by here{QUIET:#}", timer.node))?;
    }
    if !report.changes.is_empty() {
        print_line(format!("\n{STRONG}Would change{STRONG:#}"))?;
        for change in &report.changes {
            print_change(change)?;
        }
    }
    for delivery in &report.deliveries {
        let email = match delivery {
            Outgoing::Email(email) => email,
            Outgoing::SuppressedEmail { email, suppressed } => {
                let (to, why) = (one_line(&email.to), one_line(suppressed));
                print_line(format!("\n{STRONG}Would not send{STRONG:#}  to {to}: {why}"))?;
                continue;
            }
            Outgoing::Http(request) => {
                let (method, url) = (&request.method, one_line(&request.url.to_string()));
                print_line(format!("\n{STRONG}Would ask{STRONG:#}  {method} {url}"))?;
                for (name, value) in &request.headers {
                    print_line(format!("  {name}: {}", one_line(&value.to_string())))?;
                }
                let body = request.body.as_ref().map(ToString::to_string).unwrap_or_default();
                for line in body.lines() {
                    print_line(format!("  {}", one_line(line)))?;
                }
                continue;
            }
        };
        print_line(format!("\n{STRONG}Would send{STRONG:#}  to {}", one_line(&email.to)))?;
        print_line(format!("  Subject: {}", one_line(&email.subject)))?;
        let body =
            if email.text.is_empty() { email.html.as_deref().unwrap_or_default() } else { &email.text };
        for line in body.lines() {
            print_line(format!("  {}", one_line(line)))?;
        }
    }
    print_line(format!("\n{QUIET}Nothing was changed and nothing was sent.{QUIET:#}"))
}

fn print_change(change: &Change) -> anyhow::Result<()> {
    print_line(format!("  {} {QUIET}{}{QUIET:#}", change.table, one_line(&change.key)))?;
    let member = |side: &Option<Value>, name: &str| {
        side.as_ref().and_then(|side| side.get(name)).map(|value| one_line(&value.to_string()))
    };
    let names: BTreeSet<&String> = [&change.before, &change.after]
        .into_iter()
        .filter_map(|side| side.as_ref()?.as_object())
        .flat_map(|members| members.keys())
        .collect();
    for name in names {
        match (member(&change.before, name), member(&change.after, name)) {
            (Some(before), Some(after)) if before != after => {
                print_line(format!("    {name}: {BAD}{before}{BAD:#} → {GOOD}{after}{GOOD:#}"))?;
            }
            (None, Some(after)) => print_line(format!("    {name}: {GOOD}{after}{GOOD:#}"))?,
            (Some(before), None) => print_line(format!("    {name}: {BAD}{before}{BAD:#} → gone"))?,
            _ => {}
        }
    }
    Ok(())
}
