//! `thendo workflow diff`: what two editions of a workflow do differently.

use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::Style;
use clap::Args;
use serde_json::Value;

use super::{files, refuse};
use crate::cli::Session;
use crate::cli::output::{BAD, Format, GOOD, QUIET, STRONG, WAIT, one_line, print_json, print_line};
use crate::operations::workflows::{Compare, Compared, OfWorkflow, Sides};
use crate::operations::{Asked, Nothing};
use crate::workflow::diff::{self as meaning, EdgeChange, FieldChange, NodeChange, Way};

/// The longest value that is printed whole, in letters.
const MOST_SHOWN: usize = 200;

/// `thendo workflow diff`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow diff order-thanks                    what publishing the draft would change
  thendo workflow diff order-thanks --from 1 --to 3
  thendo workflow diff order-thanks order-thanks.json  what the file changes
  thendo workflow diff order-thanks --from 2 --format json

Compares what the drawings do. Where boxes stand is no difference, and a caption is told apart. Without --from
it compares with the version in force, else with the last one; without --to, with what is drawn now.")]
pub struct Diff {
    /// Its name or id
    #[arg(value_name = "NAME|ID")]
    workflow: String,
    /// Compare with this file
    #[arg(value_name = "FILE", conflicts_with = "to")]
    file: Option<PathBuf>,
    /// The older version
    #[arg(long, value_name = "N")]
    from: Option<i32>,
    /// The newer version
    #[arg(long, value_name = "M")]
    to: Option<i32>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Diff {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let file = match &self.file {
            None => None,
            Some(path) => {
                let (mut read, broken) = files::read_all(std::slice::from_ref(path))?;
                if !broken.is_empty() {
                    return refuse(&broken, self.format, "compared", 1);
                }
                read.pop()
            }
        };
        let (name, definition) = file.map(|file| (file.source.name, file.workflow.definition)).unzip();
        let path = OfWorkflow { workflow: self.workflow };
        let sides = Sides { from: self.from, to: self.to, definition, name };
        let compared = session.desk().await?.ask(Asked::<Compare>::new(path, Nothing {}, sides)).await?;
        if self.format == Format::Json {
            print_json(&compared)?;
            return Ok(ExitCode::SUCCESS);
        }
        let Compared { workflow, from, to, nodes, edges, captions, .. } = compared;
        print_line(format_args!("{STRONG}{}{STRONG:#}  {from} → {to}", one_line(&workflow)))?;
        print(&meaning::Diff { nodes, edges, captions })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The differences, one below the other.
pub(super) fn print(diff: &meaning::Diff) -> anyhow::Result<()> {
    if diff.is_same() {
        print_line(format_args!("{QUIET}they do the same{QUIET:#}"))?;
    }
    let head = |style: Style, sign: &str, node: &str, kind: &Option<String>| {
        let kind = one_line(kind.as_deref().unwrap_or("no kind"));
        print_line(format_args!("{style}{sign} node {}{style:#}  {kind}", one_line(node)))
    };
    for change in &diff.nodes {
        match change {
            NodeChange::Removed { node, kind } => head(BAD, "-", node, kind)?,
            NodeChange::Added { node, kind, fields } => {
                head(GOOD, "+", node, kind)?;
                fields.iter().try_for_each(print_field)?;
            }
            NodeChange::Changed { node, kind, fields } => {
                head(WAIT, "~", node, kind)?;
                fields.iter().try_for_each(print_field)?;
            }
        }
    }
    for change in &diff.edges {
        match change {
            EdgeChange::Removed { edge } => print_line(format_args!("{BAD}- edge{BAD:#} {}", way(edge)))?,
            EdgeChange::Added { edge } => print_line(format_args!("{GOOD}+ edge{GOOD:#} {}", way(edge)))?,
            EdgeChange::Rerouted { from, to } => {
                print_line(format_args!("{WAIT}~ edge{WAIT:#} {}", way(from)))?;
                print_line(format_args!("    now  {}", way(to)))?;
            }
        }
    }
    for change in &diff.captions {
        let caption =
            |of: &Option<String>| of.as_deref().map_or_else(|| "none".into(), |text| short(&text.into()));
        print_line(format_args!(
            "{QUIET}  caption of {}: {} → {}{QUIET:#}",
            one_line(&change.node),
            caption(&change.from),
            caption(&change.to)
        ))?;
    }
    Ok(())
}

fn print_field(field: &FieldChange) -> anyhow::Result<()> {
    let path = one_line(&field.path);
    if let (Some(Value::String(from)), Some(Value::String(to))) = (&field.from, &field.to)
        && (from.contains('\n') || to.contains('\n'))
    {
        return print_lines(&path, from, to);
    }
    match (&field.from, &field.to) {
        (None, Some(to)) => print_line(format_args!("    {GOOD}+{GOOD:#} {path}: {}", short(to))),
        (Some(from), None) => print_line(format_args!("    {BAD}-{BAD:#} {path}: {}", short(from))),
        (from, to) => {
            let text = |value: &Option<Value>| value.as_ref().map(short).unwrap_or_default();
            print_line(format_args!("    {WAIT}~{WAIT:#} {path}: {} → {}", text(from), text(to)))
        }
    }
}

/// A long text's lines that came and went, without what is the same before and behind them.
fn print_lines(path: &str, from: &str, to: &str) -> anyhow::Result<()> {
    let (from, to): (Vec<&str>, Vec<&str>) = (from.lines().collect(), to.lines().collect());
    let head = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
    let (before, after) = (&from[head..], &to[head..]);
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(from, to)| from == to).count();
    print_line(format_args!("    {WAIT}~{WAIT:#} {path}, line {}:", head + 1))?;
    for line in &before[..before.len() - tail] {
        print_line(format_args!("      {BAD}-{BAD:#} {}", one_line(line)))?;
    }
    for line in &after[..after.len() - tail] {
        print_line(format_args!("      {GOOD}+{GOOD:#} {}", one_line(line)))?;
    }
    Ok(())
}

fn way(way: &Way) -> String {
    let branch = way.branch.as_ref().map_or_else(String::new, |branch| format!("{} → ", one_line(branch)));
    format!("{} → {branch}{}", one_line(&way.source), one_line(&way.target))
}

fn short(value: &Value) -> String {
    let text = one_line(&value.to_string());
    match text.char_indices().nth(MOST_SHOWN) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text,
    }
}
