//! `thendo undo`: put back what an execution wrote.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use uuid::Uuid;

use super::Session;
use super::executions::delivery_line;
use super::output::{BAD, Format, GOOD, QUIET, STRONG, eprint_line, one_line, print_json, print_line};
use crate::operations::executions::{self, OfExecution, UndoHow, UndoneWhole};
use crate::operations::{Asked, Nothing};
use crate::store::lists::DeliveryRow;
use crate::testrun::undo::{How, Reversal, Undone};

/// `thendo undo`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo undo 01963d7e-2a30-5cc1-9d39-d8fb0a86bd13              what would be put back
  thendo undo 01963d7e-2a30-5cc1-9d39-d8fb0a86bd13 --confirm    put it back

All rows that the execution and its other attempts wrote are put back in one transaction, or none: it is refused if
somebody has written the same columns since. Points are taken back, or given back, by another line of the ledger. Mails
and requests can't be undone: they are listed, and those that have not begun are called off. Without --confirm
nothing is done, and it exits with 1; such a look holds its rows for 1.5 s at most, what is confirmed for 20 s. What changes by it starts no workflows, unless --starts-workflows says so.")]
pub struct Undo {
    /// Its id, as `executions list` prints it
    execution: Uuid,
    /// Do it
    #[arg(long)]
    confirm: bool,
    /// What changes by it starts workflows, as if the shop itself had written it
    #[arg(long)]
    starts_workflows: bool,
    /// Who says so [default: the command line; by --server whose key it is]
    #[arg(long)]
    by: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Undo {
    /// Runs it.
    ///
    /// # Errors
    /// When there is no such execution, or it can't be undone at all.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let path = OfExecution { execution: self.execution };
        let how = UndoHow { confirm: self.confirm, starts_workflows: self.starts_workflows, by: self.by };
        let whole = session.desk().await?.ask(Asked::<executions::Undo>::new(path, Nothing {}, how)).await?;
        let UndoneWhole { undone: done, deliveries } = &whole;
        match self.format {
            Format::Json => print_json(&whole)?,
            Format::Text => print_undone(done, deliveries)?,
        }
        let conflicts = done.conflicts().count();
        if done.undone {
            return Ok(ExitCode::SUCCESS);
        }
        eprint_line(match conflicts {
            0 => "nothing was done: add --confirm to do it".to_owned(),
            1 => "nothing was done: 1 row can't be put back".to_owned(),
            many => format!("nothing was done: {many} rows can't be put back"),
        });
        Ok(ExitCode::FAILURE)
    }
}

fn print_undone(done: &Undone, deliveries: &[DeliveryRow]) -> anyhow::Result<()> {
    let head = if done.undone { "Undone" } else { "Would be undone" };
    print_line(format_args!("{STRONG}{head}{STRONG:#}  {QUIET}execution {}{QUIET:#}", done.execution))?;
    if done.changes.is_empty() {
        print_line(format_args!("  {QUIET}no rows: it changed none, or put them back itself{QUIET:#}"))?;
    }
    for reversal in &done.changes {
        print_reversal(reversal)?;
    }
    if done.not_looked_at > 0 {
        print_line(format_args!(
            "  {QUIET}and {} more rows, which a look has no time for: it would hold them for too long{QUIET:#}",
            done.not_looked_at
        ))?;
    }
    if !deliveries.is_empty() {
        print_line(format_args!("\n{STRONG}Can't be undone{STRONG:#}"))?;
        for delivery in deliveries {
            print_line(format_args!("  {}", delivery_line(delivery)))?;
        }
        if done.called_off > 0 {
            let verb = if done.undone { "were" } else { "would be" };
            print_line(format_args!(
                "  {QUIET}{} {verb} called off: not begun yet{QUIET:#}",
                done.called_off
            ))?;
        }
    }
    for started in &done.started {
        print_line(format_args!("  {QUIET}{}: undo that by itself{QUIET:#}", one_line(started)))?;
    }
    Ok(())
}

fn print_reversal(reversal: &Reversal) -> anyhow::Result<()> {
    let Reversal { change, how, is_now, points, note, conflict } = reversal;
    print_line(format_args!("  {} {QUIET}{}{QUIET:#}", one_line(&change.table), one_line(&change.key)))?;
    if let Some(conflict) = conflict {
        return print_line(format_args!("    {BAD}✕ {}{BAD:#}", one_line(conflict)));
    }
    if let Some(note) = note {
        return print_line(format_args!("    {QUIET}{}{QUIET:#}", one_line(note)));
    }
    if *how == How::CounterEntry {
        let points = points.unwrap_or_default();
        return print_line(format_args!("    {GOOD}{points:+} points by another line of the ledger{GOOD:#}"));
    }
    let member = |side: &Option<Value>, name: &str| {
        side.as_ref()
            .and_then(|side| side.get(name))
            .map_or_else(|| "gone".into(), |value| one_line(&value.to_string()))
    };
    let names: BTreeSet<&String> = [&change.before, &change.after]
        .into_iter()
        .filter_map(|side| side.as_ref()?.as_object())
        .flat_map(|members| members.keys())
        .collect();
    for name in names {
        let (now, then) = (member(is_now, name), member(&change.before, name));
        if now != then {
            print_line(format_args!("    {}: {BAD}{now}{BAD:#} → {GOOD}{then}{GOOD:#}", one_line(name)))?;
        }
    }
    Ok(())
}
