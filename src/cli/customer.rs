//! `thendo customer erase`: removes a person's data.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use sqlx::PgPool;
use sqlx::postgres::PgDatabaseError;
use uuid::Uuid;

use super::Session;
use super::ask::confirmed;
use super::output::{Advice, Format, GOOD, QUIET, WAIT, eprint_line, print_json, print_line};
use crate::store::erasure::{self, Erasure, Person};

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
        let pool = session.pool().await?;
        let person = find(&pool, &erase.who).await?;
        if !erase.yes {
            let planned = erasure::erase(&pool, &person, false).await.map_err(explained)?;
            if planned.removed.is_empty() && planned.stays.is_empty() {
                return Err(nobody(&erase.who));
            }
            if erase.dry_run {
                return erase.told(&person, &planned, false);
            }
            if erase.format == Format::Text {
                erase.told(&person, &planned, false)?;
            }
            if !confirmed("This can't be taken back.")? {
                eprint_line("nothing was removed");
                return Ok(ExitCode::FAILURE);
            }
        }
        let done = erasure::erase(&pool, &person, true).await.map_err(explained)?;
        if person.customer.is_none() && done.removed.is_empty() {
            return Err(nobody(&erase.who));
        }
        erase.told(&person, &done, true)
    }
}

impl Erase {
    fn told(&self, person: &Person, erasure: &Erasure, done: bool) -> anyhow::Result<ExitCode> {
        if self.format == Format::Json {
            print_json(
                &serde_json::json!({"person": person, "erased": done, "removed": erasure.removed, "stays": erasure.stays}),
            )?;
            return Ok(ExitCode::SUCCESS);
        }
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

async fn find(pool: &PgPool, who: &str) -> anyhow::Result<Person> {
    if let Ok(id) = who.parse::<Uuid>() {
        return Ok(Person { customer: Some(id), address: None });
    }
    if !who.contains('@') {
        return Err(Advice::error(
            format!("`{who}` is neither an address nor an id"),
            "name the person by e-mail address, or by the id of the row in customers",
        ));
    }
    match erasure::customers_with(pool, who).await?.as_slice() {
        several @ [_, _, ..] => {
            let ids: Vec<_> = several.iter().map(ToString::to_string).collect();
            let help = format!("name one by id: {}", ids.join(", "));
            Err(Advice::error(format!("{} customers have the address {who}", ids.len()), help))
        }
        found => Ok(Person { customer: found.first().copied(), address: Some(who.to_owned()) }),
    }
}

fn nobody(who: &str) -> anyhow::Error {
    Advice::error(format!("nothing is known of {who}"), "check the spelling; ids are those of customers.id")
}

/// What the database says for people is told as such.
fn explained(fault: sqlx::Error) -> anyhow::Error {
    let said = fault.as_database_error().and_then(|said| said.try_downcast_ref::<PgDatabaseError>());
    match said {
        Some(said) if matches!(said.code(), "P0002" | "55000") => {
            Advice::error(said.message(), said.hint().unwrap_or("`customers.id` has the ids"))
        }
        _ => fault.into(),
    }
}
