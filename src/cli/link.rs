//! `thendo link`: a link that signs in to a daemon's pages, once.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use sqlx::PgPool;

use super::output::{Format, QUIET, STRONG, print_json, print_line};
use super::{Session, here};
use crate::operations::links::{self, Made};
use crate::operations::{Asked, Nothing};

/// `thendo link`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo link
  thendo link --at https://thendo.shop.example
  thendo link --format json

Whoever opens it first, within 15 minutes, is signed in with all rights; then it opens nothing any more. Whoever has
the database makes one; by --server, whoever has a key with the scope `admin`.")]
pub struct Link {
    /// Where the daemon answers [default: the setting `listen`, or --server]
    #[arg(long, value_name = "URL")]
    at: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Link {
    /// Runs it.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let asked = Asked::<links::Make>::new(Nothing {}, Nothing {}, Nothing {});
        let made = session.desk().await?.ask(asked).await?;
        let here = || session.server.clone().unwrap_or_else(|| format!("http://{}", session.settings.listen));
        let link = below(&self.at.unwrap_or_else(here), &made);
        match self.format {
            Format::Json => print_json(&json!({"link": link, "seconds": made.seconds}))?,
            Format::Text => {
                print_line(format_args!("{STRONG}{link}{STRONG:#}"))?;
                print_line(format_args!("{QUIET}it opens once, within 15 minutes{QUIET:#}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A new link to the daemon at this address, where the database is.
///
/// # Errors
/// When the database can't be written.
pub async fn new(pool: &PgPool, at: &str) -> anyhow::Result<String> {
    Ok(below(at, &links::make(pool, &here()).await?))
}

fn below(at: &str, made: &Made) -> String {
    format!("{}{}", at.trim_end_matches('/'), made.path)
}
