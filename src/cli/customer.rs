//! `thendo customer erase`: removes a person's data.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Session;
use super::ask::confirmed;
use super::desk::Desk;
use super::output::{Format, GOOD, QUIET, WAIT, eprint_line, print_json, print_line};
use crate::operations::customers::{self, Erased, Whom};
use crate::operations::{Asked, Nothing, Refusal};

/// `thendo customer …`
#[derive(Debug, Subcommand)]
pub enum Customer {
    /// Remove all that says who someone was; orders stay, of a customer without a name
    Erase(Erase),
}

/// `thendo customer erase`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo customer erase ada@example.com --dry-run     see what would be removed
  thendo customer erase ada@example.com
  thendo customer erase 6f1f8a0e-5b3c-4c37-9d39-d8fb0a86bd13 --yes

Addresses, tokens, waitlists, mails, reviews, comments, the account, events and
the traces of what workflows did are removed, also of someone who never ordered.
Orders, deposits and the points ledger stay, without a name; and a fingerprint
of the address, so that it is never mailed again. Backups and what has left the
database are not reached.")]
pub struct Erase {
    /// The customer's address or id
    #[arg(value_name = "EMAIL|ID")]
    who: String,
    /// Do it without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Customer {
    /// Runs it.
    ///
    /// # Errors
    /// When there is no such person, they are an admin, or the database can't be written.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let Self::Erase(erase) = self;
        let desk = session.desk().await?;
        if !erase.yes {
            let planned = erase.ask(&desk, true).await?;
            if erase.dry_run {
                return erase.told(&planned);
            }
            if erase.format == Format::Text {
                erase.told(&planned)?;
            }
            if !confirmed("This can't be taken back.")? {
                eprint_line("nothing was removed");
                return Ok(ExitCode::FAILURE);
            }
        }
        let done = erase.ask(&desk, false).await?;
        erase.told(&done)
    }
}

impl Erase {
    async fn ask(&self, desk: &Desk, dry_run: bool) -> Result<Erased, Refusal> {
        let body = Whom { who: self.who.clone(), dry_run };
        desk.ask(Asked::<customers::Erase>::new(Nothing {}, Nothing {}, body)).await
    }

    fn told(&self, erasure: &Erased) -> anyhow::Result<ExitCode> {
        if self.format == Format::Json {
            print_json(erasure)?;
            return Ok(ExitCode::SUCCESS);
        }
        let done = erasure.erased;
        let (style, shape) = if done { (GOOD, "●") } else { (WAIT, "◐") };
        print_line(if done { "removed:" } else { "would be removed:" })?;
        for rows in &erasure.removed {
            print_line(format_args!("  {style}{shape}{style:#} {:>6} {}", rows.row_count, rows.what))?;
        }
        if !erasure.stays.is_empty() {
            print_line(if done { "stays, without a name:" } else { "would stay, without a name:" })?;
        }
        for rows in &erasure.stays {
            print_line(format_args!("  {QUIET}○ {:>6} {}{QUIET:#}", rows.row_count, rows.what))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
