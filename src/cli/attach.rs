//! `thendo detach` and `thendo attach`: takes thendo's triggers off the shop's tables, and puts them on again.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Session;
use super::output::{Advice, Format, GOOD, QUIET, STRONG, one_line, print_json, print_line};
use crate::database::attach::{self, Remaining, Trigger};

/// `thendo detach`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo detach                        ask, then take the triggers off
  thendo detach --yes                  without asking
  thendo attach                        the way back

All data stays. From then on the daemon hears nothing of what happens in the
shop, and what happens meanwhile it never learns; Medusa's orders and stock are
mirrored no more. What is queued by then is still done by a running daemon.")]
pub struct Detach {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `thendo attach`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  thendo attach

Puts on the triggers that `thendo detach` took off. What happened meanwhile
started no workflow and will not.")]
pub struct Attach {
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Detach {
    /// Runs it.
    ///
    /// # Errors
    /// When the database can't be reached, or nobody is there to be asked.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let before = attach::triggers(&pool).await?;
        if !self.yes && !before.is_empty() && !agreed(&before)? {
            print_line("nothing was changed")?;
            return Ok(ExitCode::FAILURE);
        }
        let removed = attach::detach(&pool).await?;
        let counted = removed.len();
        let remaining = attach::remaining(&pool).await?;
        if self.format == Format::Json {
            print_json(&json!({"removed": counted, "triggers": removed, "remaining": remaining}))?;
            return Ok(ExitCode::SUCCESS);
        }
        list(&removed, "−")?;
        match counted {
            0 => print_line("there were no triggers of thendo's: nothing was changed")?,
            _ => {
                let word = if counted == 1 { "trigger" } else { "triggers" };
                print_line(format_args!("{GOOD}●{GOOD:#} {counted} {word} removed; all data is as it was"))?
            }
        }
        print_line(what_remains(&remaining))?;
        print_line("the daemon hears nothing of the shop from now on; `thendo attach` is the way back")?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Attach {
    /// Runs it.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let (added, on) = attach::attach(&pool).await?;
        if self.format == Format::Json {
            print_json(&json!({"attached": added.len(), "triggers": added}))?;
            return Ok(ExitCode::SUCCESS);
        }
        list(&added, "+")?;
        print_line(format_args!("{GOOD}●{GOOD:#} {on} triggers are on; the daemon hears of the shop"))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn list(triggers: &[Trigger], sign: &str) -> anyhow::Result<()> {
    let mut by_table: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for trigger in triggers {
        by_table.entry(&trigger.table).or_default().push(&trigger.name);
    }
    for (table, names) in by_table {
        print_line(format_args!(
            "{sign} {:<28} {QUIET}{}{QUIET:#}",
            one_line(table),
            one_line(&names.join(", "))
        ))?;
    }
    Ok(())
}

fn what_remains(remaining: &Remaining) -> String {
    let Remaining { queued, waiting, deliveries } = remaining;
    if queued + waiting + deliveries == 0 {
        return "nothing is left to do".into();
    }
    format!(
        "still to do, by a running daemon: {queued} queued, {waiting} resting executions, {deliveries} deliveries"
    )
}

fn agreed(triggers: &[Trigger]) -> anyhow::Result<bool> {
    let mut tables: Vec<&str> = triggers.iter().map(|trigger| &*trigger.table).collect();
    tables.dedup();
    if !std::io::stdin().is_terminal() {
        return Err(Advice::error(
            format!("`thendo detach` would remove {} triggers, and nobody can be asked", triggers.len()),
            "add --yes",
        ));
    }
    let question = format!(
        "{STRONG}Remove {} triggers from {} tables?{STRONG:#} The daemon then hears nothing. [y/N] ",
        triggers.len(),
        tables.len()
    );
    let mut out = anstream::stdout().lock();
    write!(out, "{question}")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
