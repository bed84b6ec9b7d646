//! `thendo config show`: the settings that hold, and where each comes from.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Session;
use super::output::{Format, QUIET, print_json, print_line};
use crate::operations::{Asked, Nothing, settings};

/// `thendo config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the settings that hold; secrets are masked
    Show(Show),
}

/// `thendo config show`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo config show
  thendo config show --format json --config /etc/thendo.toml

Each setting can stand in thendo.toml (engine.batch under [engine]), in the environment
(THENDO_ENGINE__BATCH) or, some of them, in a flag.")]
pub struct Show {
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl ConfigCommand {
    /// Runs it.
    ///
    /// # Errors
    /// When nothing can be printed, or the daemon refuses.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let Self::Show(show) = self;
        if session.server.is_some() {
            // Where each comes from, the daemon does not say.
            let desk = session.desk().await?;
            let shown = desk.ask(Asked::<settings::Show>::new(Nothing {}, Nothing {}, Nothing {})).await?;
            match show.format {
                Format::Json => print_json(&shown)?,
                Format::Text => print_leaves("", &json!(shown.settings), &BTreeMap::new())?,
            }
            return Ok(ExitCode::SUCCESS);
        }
        let settings = serde_json::to_value(&*session.settings)?;
        if show.format == Format::Json {
            print_json(&json!({"settings": settings, "origins": session.loaded.origins}))?;
        } else {
            print_leaves("", &settings, &session.loaded.origins)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print_leaves(under: &str, value: &Value, origins: &BTreeMap<String, String>) -> anyhow::Result<()> {
    if let Some(members) = value.as_object() {
        for (name, value) in members {
            let key = if under.is_empty() { name.clone() } else { format!("{under}.{name}") };
            print_leaves(&key, value, origins)?;
        }
        return Ok(());
    }
    let shown = if value.is_null() { "-".into() } else { value.to_string() };
    let origin =
        origins.get(under).map_or_else(String::new, |origin| format!("  {QUIET}# {origin}{QUIET:#}"));
    print_line(format_args!("{under} = {shown}{origin}"))
}
