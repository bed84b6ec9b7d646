//! `thendo workflow show`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{one, readable, source_of};
use crate::cli::output::{
    Advice, Format, GOOD, QUIET, STRONG, WAIT, one_line, print_json, print_line, shape, time,
};
use crate::cli::{Session, validate};
use crate::kinds;
use crate::store::lists::{MOST, next_time};
use crate::store::versions::{self, Head, InFlight, VersionRow};
use crate::workflow::compile::compile;
use crate::workflow::diagnostics::Diagnostic;

/// `thendo workflow show`
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  thendo workflow show order-thanks
  thendo workflow show order-thanks --version 2 --definition > v2.json
  thendo workflow show 0b7c5a4e-8a41-4a37-9a8c-0b3a4e1f2d11 --format json"
)]
pub struct Show {
    /// Its name or id
    #[arg(value_name = "NAME|ID")]
    workflow: String,
    /// Of this version; else of what is drawn now
    #[arg(long, value_name = "N")]
    version: Option<i32>,
    /// Print the drawing and nothing else
    #[arg(long)]
    definition: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What a version draws.
pub(in crate::cli) async fn definition_of(
    connection: &mut sqlx::PgConnection,
    head: &Head,
    number: i32,
) -> anyhow::Result<Value> {
    let Some(text) = versions::definition_of(connection, head.id, number).await? else {
        let known = versions::versions(connection, head.id, 10).await?;
        let numbers: Vec<String> = known.iter().map(|version| version.number.to_string()).collect();
        return Err(Advice::error(
            format!("`{}` has no version {number}", one_line(&head.name)),
            match numbers.is_empty() {
                true => "it was never published: `thendo workflow publish` makes version 1".into(),
                false => format!("the last ones are {}", numbers.join(", ")),
            },
        ));
    };
    readable(&head.name, versions::read(&text))
}

impl Show {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let mut connection = pool.acquire().await?;
        let head = one(&mut connection, &self.workflow).await?;
        let drawing = match self.version {
            Some(number) => Ok(definition_of(&mut connection, &head, number).await?),
            None => head.drawing(),
        };
        if self.definition {
            print_json(&readable(&head.name, drawing)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        let known = versions::versions(&mut connection, head.id, MOST).await?;
        let in_flight = versions::in_flight(&mut connection, head.id).await?;
        let next_at = next_time(&mut connection, head.id).await?;
        let diagnostics = match &drawing {
            Ok(drawing) => compile(drawing, &kinds::catalogue()).diagnostics,
            Err(reason) => {
                vec![Diagnostic::error("not-json", format!("this JSON can't be read: {reason}"))]
            }
        };
        if self.format == Format::Json {
            print_json(&json!({
                "id": head.id, "name": head.name, "description": head.description, "status": head.status,
                "health": head.health, "live_version": head.live_version, "has_draft": head.draft.is_some(),
                "updated_at": head.updated_at, "of_version": self.version, "diagnostics": diagnostics,
                "versions": known, "in_flight": in_flight, "next_at": next_at, "definition": drawing.ok(),
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        self.print(&head, &known, &in_flight)?;
        if let Some(next_at) = next_at {
            print_line(format_args!("  starts next {}", time(next_at)))?;
        }
        let which = self.version.map_or_else(String::new, |number| format!(" v{number}"));
        let source = source_of(&format!("{}{which}", head.name), drawing.unwrap_or_default());
        validate::print(&source, &diagnostics, self.format)?;
        Ok(ExitCode::SUCCESS)
    }

    fn print(&self, head: &Head, known: &[VersionRow], in_flight: &[InFlight]) -> anyhow::Result<()> {
        let (style, shape) = shape(if head.status == "published" { &head.health } else { &head.status });
        let version = head.live_version.map_or_else(String::new, |number| format!(", v{number} in force"));
        print_line(format_args!(
            "{STRONG}{}{STRONG:#}  {style}{shape} {}{style:#}{version}",
            one_line(&head.name),
            head.status
        ))?;
        if let Some(description) = &head.description {
            print_line(one_line(description))?;
        }
        print_line(format_args!("{QUIET}{}  last change {}{QUIET:#}", head.id, time(head.updated_at)))?;
        if head.draft.is_some() {
            print_line(format_args!(
                "{WAIT}◐{WAIT:#} a draft is not in force yet: `thendo workflow diff` shows what it changes"
            ))?;
        }
        for version in known.iter().filter(|version| self.version.is_none_or(|only| only == version.number)) {
            let under_way = in_flight.iter().find(|of| of.version == version.number);
            let under_way = under_way.map_or_else(String::new, |of| format!(", {} in flight", of.executions));
            let by = version.created_by.map_or_else(String::new, |by| format!("  by {by}"));
            let until = version
                .active_to
                .map_or_else(|| format!("{GOOD}in force{GOOD:#}"), |until| format!("until {}", time(until)));
            print_line(format_args!(
                "  v{:<4} {:.12}  from {} {until}{by}{under_way}",
                version.number,
                version.hash,
                time(version.active_from)
            ))?;
        }
        Ok(())
    }
}
