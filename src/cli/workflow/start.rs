//! `thendo workflow start`: start a workflow by hand.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::Session;
use crate::cli::output::{Format, GOOD, QUIET, one_line, print_json, print_line};
use crate::operations::workflows::{self, OfWorkflow, StartWith};
use crate::operations::{Asked, Nothing};

/// `thendo workflow start`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow start call-the-customer
  thendo workflow start call-the-customer --input '{\"customer\": \"ada@example.com\"}'
  thendo workflow start call-the-customer --key ticket-4711

Starts a workflow that is in force and begins with the trigger `manual`; what it is given is its
`manual.input`. The daemon runs it at once; `thendo executions list` shows what came of it.")]
pub struct Start {
    /// Its name or id
    #[arg(value_name = "NAME|ID")]
    workflow: String,
    /// What it is given: a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = object)]
    input: Map<String, Value>,
    /// Start it once, however often this is asked with the same key and input
    #[arg(long)]
    key: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("this must be a JSON object, such as {\"order\": 7}".into()),
        Err(fault) => Err(format!("this is not JSON: {fault}")),
    }
}

impl Start {
    /// Runs it.
    ///
    /// # Errors
    /// When there is no such workflow in force, or it does not begin with `manual`.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let (path, body) =
            (OfWorkflow { workflow: self.workflow }, StartWith { input: self.input, key: self.key });
        let asked = Asked::<workflows::Start>::new(path, Nothing {}, body);
        let started = session.desk().await?.ask(asked).await?;
        match self.format {
            Format::Json => print_json(&started)?,
            Format::Text => {
                let (name, event) = (one_line(&started.workflow), started.event_id);
                print_line(format_args!("{GOOD}●{GOOD:#} {name} starts  {QUIET}event {event}{QUIET:#}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
