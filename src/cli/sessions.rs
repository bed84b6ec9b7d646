//! `thendo sessions …`: who is signed in by a browser, and an end to it.

use std::process::ExitCode;

use chrono::Utc;
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::Session;
use super::output::{Format, GOOD, QUIET, STRONG, one_line, print_json, print_line, time};
use crate::operations::session::{self as operation, OfSession};
use crate::operations::{Asked, Nothing, Part};
use crate::store::lists;

/// `thendo sessions …`
#[derive(Debug, Subcommand)]
pub enum Sessions {
    /// List sessions, the newest first
    List(List),
    /// End one, whosever it is
    End(End),
}

/// `thendo sessions list`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo sessions list
  thendo sessions list --format json")]
pub struct List {
    /// Most to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=lists::MOST))]
    limit: i64,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `thendo sessions end`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo sessions end 0b7c5a4e-8a41-4a37-9a8c-0b3a4e1f2d11
  thendo sessions end 0b7c5a4e-8a41-4a37-9a8c-0b3a4e1f2d11 --format json")]
pub struct End {
    /// Its id
    #[arg(value_name = "ID")]
    session: Uuid,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Sessions {
    /// Runs it.
    ///
    /// # Errors
    /// When the database or the daemon refuses.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(list) => list.run(session).await,
            Self::End(end) => end.run(session).await,
        }
    }
}

impl List {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let query = |limit, cursor| Part { limit, cursor };
        let found = session.desk().await?.list::<operation::List, _>(self.limit, query).await?;
        if self.format == Format::Json {
            print_json(&found)?;
            return Ok(ExitCode::SUCCESS);
        }
        if found.is_empty() {
            print_line(format_args!("{QUIET}nobody is signed in{QUIET:#}"))?;
        }
        for one in &found {
            let ended = one.ended_at.is_some() || one.expires_at <= Utc::now();
            let (style, shape) = if ended { (QUIET, "○") } else { (GOOD, "●") };
            print_line(format_args!(
                "{style}{shape}{style:#} {} {STRONG}{}{STRONG:#} {QUIET}since {}, seen {}, until {}{QUIET:#}",
                one.id,
                one_line(&one.who),
                time(one.began_at),
                time(one.seen_at),
                time(one.ended_at.unwrap_or(one.expires_at))
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl End {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let path = OfSession { session: self.session };
        let desk = session.desk().await?;
        let row = desk.ask(Asked::<operation::End>::new(path, Nothing {}, Nothing {})).await?;
        match self.format {
            Format::Json => print_json(&row)?,
            Format::Text => print_line(format_args!("{GOOD}●{GOOD:#} {} is signed out", one_line(&row.who)))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
