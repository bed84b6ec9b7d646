//! `thendo campaigns …`: how mailings to many do, and a pause for them.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use super::Session;
use super::output::{Format, QUIET, STRONG, one_line, print_json, print_line, shape, time};
use crate::store::campaigns::{self, Listed};
use crate::store::lists;

/// `thendo campaigns …`
#[derive(Debug, Subcommand)]
pub enum Campaigns {
    /// List campaigns, the newest first
    List(List),
    /// Show how one does; before it starts, how many it would go to
    Show(One),
    /// Stop sending for now: what has not begun stays queued
    Pause(One),
    /// Go on sending
    Resume(One),
    /// Call it off: who was not mailed yet will not be
    Cancel(One),
}

/// `thendo campaigns list`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo campaigns list
  thendo campaigns list --format json")]
pub struct List {
    /// Most to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=lists::MOST))]
    limit: i64,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A campaign.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo campaigns show \"Back in stock\"
  thendo campaigns pause 0193…")]
pub struct One {
    /// Its name or id
    campaign: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Campaigns {
    /// Runs it.
    ///
    /// # Errors
    /// When there is no such campaign, it can't be moved so, or the database can't be asked.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let (one, from, to): (One, &[&str], &str) = match self {
            Self::List(List { limit, format }) => {
                let found = campaigns::list(&pool, None, limit).await?;
                return print(&found, format);
            }
            Self::Show(one) => (one, &[], ""),
            Self::Pause(one) => (one, &["scheduled", "sending"], "paused"),
            Self::Resume(one) => (one, &["paused"], "sending"),
            Self::Cancel(one) => (one, &["draft", "scheduled", "sending", "paused"], "cancelled"),
        };
        let One { campaign: named, format } = one;
        let found = campaigns::list(&pool, Some(&named), 2).await?;
        let campaign = match found.as_slice() {
            [] => bail!("there is no campaign `{named}`; `thendo campaigns list` shows them"),
            [campaign] => campaign,
            _ => bail!(
                "several campaigns are called `{named}`: say its id, which `thendo campaigns list` shows"
            ),
        };
        if !to.is_empty() && !campaigns::moves(&pool, campaign.id, from, to).await? {
            bail!("`{named}` is {}: it can't become {to}", campaign.status);
        }
        let id = campaign.id;
        let now = campaigns::list(&pool, Some(&id.to_string()), 1).await?;
        if to.is_empty() && campaign.started_at.is_none() {
            let recipients = campaigns::preview(&pool, id).await?;
            match format {
                Format::Json => print_json(&json!({ "campaign": now.first(), "would_go_to": recipients }))?,
                Format::Text => {
                    print(&now, format)?;
                    print_line(format_args!("  would go to {recipients} by now"))?;
                }
            }
            return Ok(ExitCode::SUCCESS);
        }
        print(&now, format)
    }
}

fn print(found: &[Listed], format: Format) -> anyhow::Result<ExitCode> {
    if format == Format::Json {
        print_json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        print_line(format_args!("{QUIET}no campaigns{QUIET:#}"))?;
    }
    for of in found {
        let (style, shape) = shape(&of.status);
        let when = match (of.finished_at, of.started_at, of.scheduled_at) {
            (Some(at), ..) => format!("ended {}", time(at)),
            (None, Some(at), _) => format!("started {}", time(at)),
            (None, None, Some(at)) => format!("from {}", time(at)),
            (None, None, None) => String::new(),
        };
        print_line(format_args!(
            "{style}{shape}{style:#} {STRONG}{}{STRONG:#} {}  {QUIET}{when}  {}{QUIET:#}",
            one_line(&of.name),
            of.status,
            of.id
        ))?;
        let counts = [
            ("sent", of.sent),
            ("queued", of.queued),
            ("sending", of.sending),
            ("refused", of.failed),
            ("unknown", of.unknown),
            ("suppressed", of.suppressed),
            ("cancelled", of.cancelled),
        ];
        let told: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        if of.recipients > 0 {
            print_line(format_args!("  {} of {}", told.join(", "), of.recipients))?;
        }
        if let Some(error) = &of.error {
            print_line(format_args!("  {}", one_line(error)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
