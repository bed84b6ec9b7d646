//! `thendo workflow show`.

use std::process::ExitCode;

use clap::Args;

use super::{readable, source_of};
use crate::cli::output::{Format, GOOD, QUIET, STRONG, WAIT, one_line, print_json, print_line, shape, time};
use crate::cli::{Session, validate};
use crate::operations::workflows::{self, OfVersion, OfWorkflow, Shown};
use crate::operations::{Asked, Nothing};

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

impl Show {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let (path, query) =
            (OfWorkflow { workflow: self.workflow.clone() }, OfVersion { version: self.version });
        let shown = session.desk().await?.ask(Asked::<workflows::Show>::new(path, query, Nothing {})).await?;
        if self.definition {
            let drawing = shown.definition.ok_or_else(|| {
                shown.diagnostics.first().map(|fault| fault.message.clone()).unwrap_or_default()
            });
            print_json(&readable(&shown.name, drawing)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.format == Format::Json {
            print_json(&shown)?;
            return Ok(ExitCode::SUCCESS);
        }
        self.print(&shown)?;
        if let Some(next_at) = shown.next_at {
            print_line(format_args!("  starts next {}", time(next_at)))?;
        }
        let which = self.version.map_or_else(String::new, |number| format!(" v{number}"));
        let source = source_of(&format!("{}{which}", shown.name), shown.definition.unwrap_or_default());
        validate::print(&source, &shown.diagnostics, self.format)?;
        Ok(ExitCode::SUCCESS)
    }

    fn print(&self, head: &Shown) -> anyhow::Result<()> {
        let (known, in_flight) = (&head.versions, &head.in_flight);
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
        if head.has_draft {
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
