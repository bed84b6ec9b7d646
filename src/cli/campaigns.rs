//! `thendo campaigns …`: how mailings to many do, and a pause for them.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Session;
use super::desk::Desk;
use super::output::{Format, QUIET, STRONG, one_line, print_json, print_line, shape, time};
use crate::operations::campaigns::{self as operation, OfCampaign};
use crate::operations::{Asked, Nothing, Operation, Part};
use crate::store::campaigns::Listed;
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
        let desk = session.desk().await?;
        let (now, format) = match self {
            Self::List(List { limit, format }) => {
                let query = |limit, cursor| Part { limit, cursor };
                return print(&desk.list::<operation::List, _>(limit, query).await?, format);
            }
            Self::Show(one) => return one.show(&desk).await,
            Self::Pause(one) => (desk.ask(one.asked::<operation::Pause>()).await?, one.format),
            Self::Resume(one) => (desk.ask(one.asked::<operation::Resume>()).await?, one.format),
            Self::Cancel(one) => (desk.ask(one.asked::<operation::Cancel>()).await?, one.format),
        };
        print(&[now], format)
    }
}

impl One {
    fn asked<O: Operation<Path = OfCampaign, Query = Nothing, Body = Nothing>>(&self) -> Asked<O> {
        Asked::new(OfCampaign { campaign: self.campaign.clone() }, Nothing {}, Nothing {})
    }

    async fn show(self, desk: &Desk) -> anyhow::Result<ExitCode> {
        let shown = desk.ask(self.asked::<operation::Show>()).await?;
        match (shown.would_go_to, self.format) {
            (Some(_), Format::Json) => print_json(&shown)?,
            (Some(recipients), Format::Text) => {
                print(&[shown.campaign], Format::Text)?;
                print_line(format_args!("  would go to {recipients} by now"))?;
            }
            (None, format) => return print(&[shown.campaign], format),
        }
        Ok(ExitCode::SUCCESS)
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
