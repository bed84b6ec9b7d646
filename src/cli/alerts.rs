//! `thendo alerts …`: what somebody should know.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::Session;
use super::output::{BAD, Format, QUIET, STRONG, one_line, print_json, print_line, time};
use crate::domain::alert::Kind;
use crate::operations::alerts::{self, Filter};
use crate::store::lists;

/// `thendo alerts …`
#[derive(Debug, Subcommand)]
pub enum Alerts {
    /// List alarms, the newest first
    List(List),
}

/// `thendo alerts list`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo alerts list
  thendo alerts list --kind bulk_guard --format json
  thendo alerts list --before 5e1c0f0e-…     go on after the last one of a list")]
pub struct List {
    /// Only of this kind
    #[arg(long, value_parser = Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>())]
    kind: Option<String>,
    /// Only those that come after this one in the list
    #[arg(long, value_name = "ALERT")]
    before: Option<Uuid>,
    /// Most to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=lists::MOST))]
    limit: i64,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Alerts {
    /// Runs it.
    ///
    /// # Errors
    /// When the database can't be asked.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let Self::List(List { kind, before, limit, format }) = self;
        let query = |limit, cursor| Filter { kind: kind.clone(), before, limit, cursor };
        let found = session.desk().await?.list::<alerts::List, _>(limit, query).await?;
        if format == Format::Json {
            print_json(&found)?;
            return Ok(ExitCode::SUCCESS);
        }
        if found.is_empty() {
            print_line(format_args!("{QUIET}no alarms{QUIET:#}"))?;
        }
        for alert in &found {
            let workflow =
                alert.workflow.as_deref().map_or_else(String::new, |name| format!(" {}", one_line(name)));
            let told = match alert.told_at {
                Some(at) => format!("told {}", time(at)),
                None => "not told".into(),
            };
            print_line(format_args!(
                "{BAD}!{BAD:#} {} {STRONG}{}{STRONG:#}{workflow}  {}  {QUIET}{told}  {}{QUIET:#}",
                time(alert.happened_at),
                alert.kind,
                one_line(&alert.message),
                alert.id
            ))?;
        }
        if i64::try_from(found.len()).is_ok_and(|count| count == limit) {
            print_line(format_args!("{QUIET}the newest {limit}; --limit shows more{QUIET:#}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
