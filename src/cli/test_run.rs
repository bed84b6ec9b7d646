//! `thendo test-run`: what a workflow would do, without doing it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::output::{Advice, BAD, Format, GOOD, QUIET, STRONG, print_json, print_line, shape, step_line};
use super::{Session, validate};
use crate::database::connect;
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
rendered, not sent. The clock is the event's. Exits 0 if it would succeed or be filtered, 1 if it would fail.")]
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
            Ok(read) => read.event,
            Err(faults) => {
                validate::print(&event, &faults, self.format)?;
                return Ok(ExitCode::FAILURE);
            }
        };
        let url = session.database_url()?;
        let client = connect::connect_driven(&url, "test run").await?;
        let report = test_run(&store::session::Session::new(client), Arc::new(plan), event).await?;
        match self.format {
            Format::Json => print_json(&report)?,
            Format::Text => print_report(&self.file, &report)?,
        }
        Ok(if report.outcome == Outcome::Failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
