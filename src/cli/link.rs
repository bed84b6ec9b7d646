//! `thendo link`: a link that signs in to a daemon's pages, once.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use sqlx::PgPool;

use super::Session;
use super::output::{Format, QUIET, STRONG, print_json, print_line};
use crate::operations::keys;
use crate::store::access;

/// For so long a link opens.
const SECONDS: i64 = 15 * 60;

/// `thendo link`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo link
  thendo link --at https://thendo.shop.example
  thendo link --format json

Whoever opens it first, within 15 minutes, is signed in with all rights; then it opens nothing any more. It is made
where the database is, since whoever has that has all.")]
pub struct Link {
    /// Where the daemon answers [default: the setting `listen`]
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
        let pool = session.pool().await?;
        let at = self.at.unwrap_or_else(|| format!("http://{}", session.settings.listen));
        let link = new(&pool, &at).await?;
        match self.format {
            Format::Json => print_json(&json!({"link": link, "seconds": SECONDS}))?,
            Format::Text => {
                print_line(format_args!("{STRONG}{link}{STRONG:#}"))?;
                print_line(format_args!("{QUIET}it opens once, within 15 minutes{QUIET:#}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A new link to the daemon at this address.
///
/// # Errors
/// When the database can't be written.
pub async fn new(pool: &PgPool, at: &str) -> anyhow::Result<String> {
    let (token, hash) = keys::draw()?;
    access::add_link(pool, &hash, "the command line", SECONDS).await?;
    Ok(format!("{}/enter?token={token}", at.trim_end_matches('/')))
}
