//! `thendo workflow list`.

use std::process::ExitCode;

use clap::Args;

use crate::cli::Session;
use crate::cli::output::{BAD, Format, QUIET, STRONG, one_line, print_json, print_line, shape, time};
use crate::operations::workflows::{self, Filter};
use crate::store::lists;

/// `thendo workflow list`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow list
  thendo workflow list --status published
  thendo workflow list --format json")]
pub struct List {
    /// Only those in this state
    #[arg(long, value_parser = ["draft", "published", "paused", "archived"])]
    status: Option<String>,
    /// Most to list
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=lists::MOST))]
    limit: i64,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl List {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let desk = session.desk().await?;
        let status =
            self.status.as_ref().map(|word| serde_json::from_value(word.as_str().into())).transpose()?;
        let query = |limit, cursor| Filter { status, limit, cursor };
        let found = desk.list::<workflows::List, _>(self.limit, query).await?;
        if self.format == Format::Json {
            print_json(&found)?;
            return Ok(ExitCode::SUCCESS);
        }
        if found.is_empty() {
            print_line(format_args!("{QUIET}no workflows{QUIET:#}"))?;
        }
        for row in &found {
            let (style, shape) = shape(if row.status == "published" { &row.health } else { &row.status });
            let version = row.live_version.map_or_else(|| "-".into(), |number| format!("v{number}"));
            let next = row.next_at.map_or_else(String::new, |next| format!(", next {}", time(next)));
            let draft = if row.has_draft { ", with a draft" } else { "" };
            let held = row.held.as_ref().map_or_else(String::new, |reason| match one_line(reason) {
                reason if reason.is_empty() => ", held".into(),
                reason => format!(", held: {reason}"),
            });
            print_line(format_args!(
                "{style}{shape}{style:#} {STRONG}{:<28}{STRONG:#} {:<9} {:<9} {version:<5} {:<24} {QUIET}{}{next}{draft}{QUIET:#}{BAD}{held}{BAD:#}",
                one_line(&row.name),
                row.status,
                row.health,
                one_line(row.trigger.as_deref().unwrap_or("-")),
                time(row.updated_at)
            ))?;
        }
        if i64::try_from(found.len()).is_ok_and(|count| count == self.limit) {
            print_line(format_args!("{QUIET}the first {}; --limit shows more{QUIET:#}", self.limit))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
