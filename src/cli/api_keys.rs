//! `thendo keys create|list|revoke`: keys for programs that use the API.

use std::process::ExitCode;

use chrono::{DateTime, Days, Utc};
use clap::{Args, Subcommand};

use super::Session;
use super::output::{Format, GOOD, QUIET, STRONG, WAIT, one_line, print_json, print_line, time};
use crate::operations::keys::{self, OfKey, SCOPES, Wanted};
use crate::operations::{Asked, Nothing, Part};
use crate::store::lists;

/// `thendo keys …`
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key and show it, this once
    Create(Create),
    /// List keys, without what opens
    List(List),
    /// Have a key open nothing any more
    Revoke(Revoke),
}

/// `thendo keys create`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo keys create dashboards --scope read
  thendo keys create deploys --scope read --scope author --expires 90d
  THENDO_API_KEY=thendo_… thendo --server https://thendo.shop.example workflow list

Scopes: read (see everything but secrets), author (draw, publish, pause), operate (retry, cancel, undo, approve,
replay, campaigns), secrets (store them), admin (keys, the audit). The key is shown once: what is stored opens nothing.")]
pub struct Create {
    /// What it is called
    name: String,
    /// What it may do; several times for more
    #[arg(long = "scope", required = true, value_name = "SCOPE", value_parser = SCOPES)]
    scopes: Vec<String>,
    /// Until when it opens: a span (90d) or an instant (2027-01-01T00:00:00Z)
    #[arg(long, value_name = "SPAN|TIME", value_parser = end)]
    expires: Option<DateTime<Utc>>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `thendo keys list`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo keys list
  thendo keys list --format json")]
pub struct List {
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `thendo keys revoke`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo keys revoke dashboards
  thendo keys revoke 0b7c5a4e-8a41-4a37-9a8c-0b3a4e1f2d11 --format json")]
pub struct Revoke {
    /// Its name or id
    #[arg(value_name = "NAME|ID")]
    key: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn end(text: &str) -> Result<DateTime<Utc>, String> {
    if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()) {
        let end = Utc::now().checked_add_days(Days::new(days.into()));
        return end.ok_or_else(|| "that is too far away".into());
    }
    text.parse()
        .map_err(|_| "write a span in days, such as 90d, or an instant, such as 2027-01-01T00:00:00Z".into())
}

impl Keys {
    /// Runs it.
    ///
    /// # Errors
    /// When the database or the daemon refuses.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List(list) => list.run(session).await,
            Self::Revoke(revoke) => revoke.run(session).await,
        }
    }
}

impl Create {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let body = Wanted { name: self.name, scopes: self.scopes, expires_at: self.expires };
        let made =
            session.desk().await?.ask(Asked::<keys::Create>::new(Nothing {}, Nothing {}, body)).await?;
        match self.format {
            Format::Json => print_json(&made)?,
            Format::Text => {
                print_line(format_args!("{STRONG}{}{STRONG:#}", made.key))?;
                print_line(format_args!(
                    "{QUIET}keep it well: it is shown this once. It may {}{QUIET:#}",
                    made.row.scopes.join(", ")
                ))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let query = |limit, cursor| Part { limit, cursor };
        let found = session.desk().await?.list::<keys::List, _>(lists::MOST, query).await?;
        if self.format == Format::Json {
            print_json(&found)?;
            return Ok(ExitCode::SUCCESS);
        }
        if found.is_empty() {
            print_line(format_args!("{QUIET}no keys{QUIET:#}"))?;
        }
        for key in &found {
            let ended = key.revoked_at.is_some() || key.expires_at.is_some_and(|end| end <= Utc::now());
            let (style, shape) = if ended { (QUIET, "○") } else { (GOOD, "●") };
            let used =
                key.last_used_at.map_or_else(|| "never used".into(), |at| format!("used {}", time(at)));
            let until = key.expires_at.map_or_else(String::new, |at| format!(", until {}", time(at)));
            let revoked = key.revoked_at.map_or_else(String::new, |at| format!(", revoked {}", time(at)));
            print_line(format_args!(
                "{style}{shape}{style:#} {STRONG}{:<24}{STRONG:#} {}…  {:<32} {QUIET}{used}{until}{QUIET:#}{WAIT}{revoked}{WAIT:#}",
                one_line(&key.name),
                one_line(&key.prefix),
                key.scopes.join(" ")
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Revoke {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let path = OfKey { key: self.key };
        let row = session.desk().await?.ask(Asked::<keys::Revoke>::new(path, Nothing {}, Nothing {})).await?;
        match self.format {
            Format::Json => print_json(&row)?,
            Format::Text => {
                print_line(format_args!("{GOOD}●{GOOD:#} {} opens nothing any more", one_line(&row.name)))?
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
