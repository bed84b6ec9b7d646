//! What is printed: text or JSON, colours, shapes, errors with their help.

use std::io::{ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

use super::settings::SettingsError;
use crate::app::WrongSchema;
use crate::database::adopt::AdoptError;
use crate::database::attach::AttachError;
use crate::database::connect::ConnectError;
use crate::database::find::NoDatabase;
use crate::database::migrate::MigrateError;
use crate::database::pooler::SharedSessions;
use crate::database::server::ServerError;
use crate::http::CannotListen;
use crate::operations;
use crate::seed::SeedError;

/// For people or for programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is under way.
pub const WAIT: Style = AnsiColor::Yellow.on_default();
/// What went wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What is beside the point.
pub const QUIET: Style = Style::new().dimmed();
/// What counts.
pub const STRONG: Style = Style::new().bold();

/// An error of the command line with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Advice {
    /// What happened, and where.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Advice {
    /// The error, ready to be returned.
    pub fn error(message: impl Into<String>, help: impl Into<String>) -> anyhow::Error {
        Self { message: message.into(), help: help.into() }.into()
    }
}

/// Prints one line on standard output.
///
/// # Errors
/// When it can't be written. A reader that has gone away (`| head`) is no error.
pub fn print_line(line: impl std::fmt::Display) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(fault) if fault.kind() != ErrorKind::BrokenPipe => Err(fault.into()),
        _ => Ok(()),
    }
}

/// Prints one line on standard error, where nobody may be listening.
pub fn eprint_line(line: impl std::fmt::Display) {
    let _unheard = writeln!(anstream::stderr().lock(), "{line}");
}

/// Prints a value as JSON.
///
/// # Errors
/// When it can't be written.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print_line(serde_json::to_string_pretty(value)?)
}

/// Prints `error: …`, what caused it, and `help: …`.
pub fn print_error(fault: &anyhow::Error) {
    let mut said = String::new();
    for (place, cause) in fault.chain().enumerate() {
        let database = from_database(cause);
        let words = database.as_ref().map_or_else(|| cause.to_string(), Refusal::words);
        if place == 0 {
            eprint_line(format_args!("{BAD}error{BAD:#}: {words}"));
        } else if !said.contains(&words) {
            eprint_line(format_args!("  {QUIET}because{QUIET:#}: {words}"));
        }
        if let Some(refusal) = database {
            for (name, more) in [("detail", refusal.detail), ("hint", refusal.hint)] {
                if let Some(more) = more {
                    eprint_line(format_args!("  {QUIET}{name}{QUIET:#}: {}", one_line(&more)));
                }
            }
            // What comes below it says the same again, with lines of the server's source.
            break;
        }
        said = words;
    }
    if let Some(help) = help_for(fault) {
        eprint_line(format_args!("{GOOD}help{GOOD:#}: {help}"));
    }
}

/// What the server said.
struct Refusal {
    code: String,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
}

impl Refusal {
    fn words(&self) -> String {
        format!("{} (SQLSTATE {})", one_line(&self.message), self.code)
    }
}

fn from_database(cause: &(dyn std::error::Error + 'static)) -> Option<Refusal> {
    use sqlx::migrate::MigrateError as Migrating;

    let cause = match cause.downcast_ref::<operations::Refusal>() {
        Some(operations::Refusal::Database(fault)) => fault,
        _ => cause,
    };

    if let Some(said) = cause.downcast_ref::<tokio_postgres::Error>().and_then(|fault| fault.as_db_error()) {
        return Some(Refusal {
            code: said.code().code().to_owned(),
            message: said.message().to_owned(),
            detail: said.detail().map(str::to_owned),
            hint: said.hint().map(str::to_owned),
        });
    }
    let migrating = cause.downcast_ref::<Migrating>().and_then(|fault| match fault {
        Migrating::Execute(fault) | Migrating::ExecuteMigration(fault, _) => Some(fault),
        _ => None,
    });
    let said = migrating.or_else(|| cause.downcast_ref())?.as_database_error()?;
    let said = said.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?;
    Some(Refusal {
        code: said.code().to_owned(),
        message: said.message().to_owned(),
        detail: said.detail().map(str::to_owned),
        hint: said.hint().map(str::to_owned),
    })
}

/// As whoever is connected has no right to something.
const DENIED: &str = "42501";

/// Whether the database says that whoever is connected has no right to do this.
pub fn is_denied(fault: &anyhow::Error) -> bool {
    fault.chain().any(|cause| from_database(cause).is_some_and(|refusal| refusal.code == DENIED))
}

fn help_for(fault: &anyhow::Error) -> Option<String> {
    fault.chain().find_map(|cause| {
        macro_rules! help_of {
            ($($kind:ty),+) => {
                $(if let Some(known) = cause.downcast_ref::<$kind>() { return Some(known.help()); })+
            };
        }
        help_of!(
            SettingsError,
            ServerError,
            ConnectError,
            SharedSessions,
            MigrateError,
            AdoptError,
            NoDatabase,
            WrongSchema,
            CannotListen,
            SeedError
        );
        if let Some(advice) = cause.downcast_ref::<Advice>() {
            return Some(advice.help.clone());
        }
        if let Some(operations::Refusal::Told(told)) = cause.downcast_ref() {
            return told.help.clone();
        }
        if let Some(known) = cause.downcast_ref::<AttachError>() {
            return known.help();
        }
        match &*from_database(cause)?.code {
            // A table, column or function that is not there.
            "42P01" | "42703" | "42883" => Some("run `thendo migrate` on this database".into()),
            DENIED => Some(
                "connect as the owner of the tables, as `thendo migrate` does, not as the daemon's user"
                    .into(),
            ),
            _ => None,
        }
    })
}

/// The shape and colour of a state.
pub fn shape(state: &str) -> (Style, &'static str) {
    match state {
        "succeeded" | "done" | "sent" | "applied" | "valid" => (GOOD, "●"),
        "waiting" | "pending" | "sending" | "running" | "unchecked" => (WAIT, "◐"),
        "failed" | "refused" | "unknown" | "changed" | "broken" => (BAD, "✕"),
        _ => (QUIET, "○"),
    }
}

/// One step of an execution as a line: shape, node, branch, why.
pub fn step_line(step: &Value) -> String {
    let field = |name: &str| step[name].as_str().unwrap_or_default();
    let (style, shape) = shape(field("outcome"));
    let branch = if field("branch").is_empty() { String::new() } else { format!(" → {}", field("branch")) };
    let why = if field("why").is_empty() { field("outcome") } else { field("why") };
    format!(
        "{style}{shape}{style:#} {:<20} {}",
        format!("{}{branch}", one_line(field("node"))),
        one_line(why)
    )
}

/// Text from elsewhere, safe for a terminal: no control characters, one line.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A point in time for people.
pub fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Seconds for people.
pub fn seconds(took: std::time::Duration) -> String {
    format!("{:.2} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_one_safe_line() {
        let step = serde_json::json!({"node": "big", "outcome": "done", "branch": "true", "why": "250.00 is\n\u{1b}[31m at least 100.00"});
        let line = anstream::adapter::strip_str(&step_line(&step)).to_string();
        assert!(line.starts_with("● big → true"), "{line}");
        assert!(!line.contains('\n') && !line.contains('\u{1b}'), "{line}");
    }

    #[test]
    fn help_is_found_under_context() {
        let fault =
            anyhow::Error::from(Advice { message: "no".into(), help: "do this".into() }).context("above");
        assert_eq!(help_for(&fault).as_deref(), Some("do this"));
    }
}
