//! `thendo workflow publish`: drafts become versions in force, all that are named or none.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{Judged, diff, files, refuse, refused};
use crate::cli::Session;
use crate::cli::backtest::Backtest;
use crate::cli::output::{Format, GOOD, QUIET, WAIT, eprint_line, one_line, print_json, print_line};
use crate::operations::workflows::{self, PublishList, Published, Subject};
use crate::operations::{Asked, Nothing};
use crate::store::versions::{InFlight, MOST_COUNTED};
use crate::workflow::diagnostics::Diagnostic;

/// `thendo workflow publish`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow publish order-thanks
  thendo workflow publish order-thanks.json welcome/workflow.json
  thendo workflow publish order-thanks --dry-run --backtest 30d

A name or an id stands for the draft in the database, a path for a file; a file takes the place of the
workflow of the same name, or is a new one. All are checked first; if one is broken, nothing is published.

The new version is in force for every event from now on when this command ends, whether or not a daemon
runs. Executions that are under way stay with the version they began with. What means the same as the
version in force makes no new one. A paused workflow runs again when it is published.")]
pub struct Publish {
    /// Names, ids or files
    #[arg(required = true, value_name = "NAME|FILE")]
    workflows: Vec<String>,
    /// Say what would change and who is under way, and publish nothing
    #[arg(long)]
    dry_run: bool,
    /// Publish a file also where another draft of that workflow, which is in no version, is lost by it
    #[arg(long)]
    force: bool,
    /// First what both versions do for the events since then (30d, a day, an instant), as `thendo backtest` says it
    #[arg(long, value_name = "SPAN|TIME", conflicts_with = "format")]
    backtest: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Whether a word on the command line is a file rather than a name.
pub(in crate::cli) fn is_file(word: &str) -> bool {
    Path::new(word).is_file() || word.contains('/') || word.ends_with(".json")
}

impl Publish {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let (paths, names): (Vec<&String>, Vec<&String>) =
            self.workflows.iter().partition(|word| is_file(word));
        let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
        let mut faulty: Vec<Judged> = Vec::new();
        let (read, broken) = files::read_all(&paths)?;
        faulty.extend(broken);
        faulty.extend(files::faulty(&read));
        if !self.backtest(session).await? {
            return Ok(ExitCode::FAILURE);
        }
        if !faulty.is_empty() {
            return refuse(&faulty, self.format, "published", self.workflows.len());
        }
        let drawings = read.into_iter().map(|file| Subject::Drawing(file.workflow.into()));
        let named = names.into_iter().map(|name| Subject::Workflow(name.clone()));
        let workflows = named.chain(drawings).collect();
        let body = PublishList { workflows, dry_run: self.dry_run, force: self.force };
        let asked = Asked::<workflows::Publish>::new(Nothing {}, Nothing {}, body);
        let published = match session.desk().await?.ask(asked).await {
            Ok(published) => published,
            Err(refusal) => return refused(refusal, self.format),
        };
        if self.format == Format::Json {
            print_json(&published)?;
        } else {
            published.iter().try_for_each(|of| print_as(of, if self.dry_run { "would be" } else { "is" }))?;
            if self.dry_run {
                print_line(format_args!("{QUIET}nothing was published{QUIET:#}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What the editions do for what happened, beside those in force.
    async fn backtest(&self, session: &Session) -> anyhow::Result<bool> {
        let Some(since) = &self.backtest else { return Ok(true) };
        for workflow in &self.workflows {
            if Backtest::before_publishing(workflow, since).run(session).await? != ExitCode::SUCCESS {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Tells of them.
pub(super) fn warn(workflow: &str, warnings: &[Diagnostic]) {
    for Diagnostic { node, message, .. } in warnings {
        let node = node.as_deref().unwrap_or_default();
        let (workflow, node, message) = (one_line(workflow), one_line(node), one_line(message));
        eprint_line(format_args!("{WAIT}warning{WAIT:#}: {workflow}, `{node}`: {message}"));
    }
}

/// "v3 is in force", what it does otherwise, and who stays with the old ones.
pub(super) fn print(of: &Published) -> anyhow::Result<()> {
    print_as(of, "is")
}

fn print_as(of: &Published, is: &str) -> anyhow::Result<()> {
    let name = one_line(&of.workflow);
    if of.new {
        print_line(format_args!("{GOOD}●{GOOD:#} {name}: v{} {is} in force", of.version))?;
        of.changes.as_ref().map_or(Ok(()), diff::print)?;
    } else {
        print_line(format_args!(
            "{GOOD}●{GOOD:#} {name}: v{} means the same and is in force already",
            of.version
        ))?;
    }
    warn(&of.workflow, &of.warnings);
    for name in &of.missing_secrets {
        print_line(format_args!(
            "  {WAIT}◐{WAIT:#} it names the secret `{name}`, which is not stored: thendo secrets set {name}"
        ))?;
    }
    for old in &of.in_flight {
        print_line(format_args!("  {QUIET}{}{QUIET:#}", stays(*old)))?;
    }
    Ok(())
}

fn stays(old: InFlight) -> String {
    match old.executions {
        1 => format!("1 execution is in flight on v{} and stays with it", old.version),
        many if many >= MOST_COUNTED => {
            format!("{many} or more executions are in flight on v{}", old.version)
        }
        many => format!("{many} executions are in flight on v{} and stay with it", old.version),
    }
}
