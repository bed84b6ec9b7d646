//! `thendo health`: for containers and scripts.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::Session;
use super::output::{Advice, Format, GOOD, QUIET, WAIT, one_line, print_json, print_line, time};
use crate::operations::{Asked, Nothing, health};
use crate::store::figures::State;

/// `thendo health`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo health
  thendo health --url http://127.0.0.1:7878 && echo works

  thendo health --server https://thendo.shop.example --format json

Exits 0 if the daemon is ready, 1 if not. With --server (or THENDO_SERVER) it is asked by its API, with a key.")]
pub struct Health {
    /// Where the daemon answers; the setting `listen` unless given
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Health {
    /// Runs it.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        if session.server.is_some() && self.url.is_none() {
            let desk = session.desk().await?;
            let shown = desk.ask(Asked::<health::Show>::new(Nothing {}, Nothing {}, Nothing {})).await?;
            match self.format {
                Format::Json => print_json(&shown)?,
                Format::Text => print(&shown)?,
            }
            return Ok(if shown.ready { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        let url = self.url.unwrap_or_else(|| {
            let mut address = session.settings.listen;
            if address.ip().is_unspecified() {
                address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
            }
            format!("http://{address}")
        });
        let asked = format!("{}/readyz", url.trim_end_matches('/'));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build()?;
        let answer = client.get(&asked).send().await.map_err(|fault| {
            let help = "start it with `thendo up` or `thendo serve`, or name its address with --url";
            Advice::error(
                format!("no daemon answers at {asked}: {}", crate::database::connect::in_full(&fault)),
                help,
            )
        })?;
        let ready = answer.status().is_success();
        let said = answer.text().await?;
        match self.format {
            Format::Json => {
                let reason = Some(said.trim().trim_start_matches("not ready: ")).filter(|_| !ready);
                print_json(&json!({"ready": ready, "reason": reason}))?;
            }
            Format::Text => print_line(said.trim())?,
        }
        Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What `/readyz` says, and how things stand.
fn print(shown: &health::Shown) -> anyhow::Result<()> {
    match &shown.reason {
        None => print_line("ready")?,
        Some(reason) => print_line(format_args!("not ready: {}", one_line(reason)))?,
    }
    let State { lag_s, due, waiting, deliveries, dead_letters, held, .. } = shown.figures;
    print_line(format_args!(
        "{QUIET}{due} due in the queue, for {lag_s:.0} s at most; {waiting} executions wait, {deliveries} deliveries are on \
         their way{QUIET:#}"
    ))?;
    if dead_letters > 0 || held > 0 {
        print_line(format_args!("{WAIT}◐{WAIT:#} {dead_letters} failed executions, {held} workflows held"))?;
    }
    for daemon in &shown.daemons {
        let (host, version) = (one_line(&daemon.host), one_line(&daemon.version));
        let since = time(daemon.started_at);
        print_line(format_args!(
            "{GOOD}●{GOOD:#} {host} {} {QUIET}thendo {version}, since {since}{QUIET:#}",
            daemon.pid
        ))?;
    }
    for alarm in &shown.alarms {
        let (at, kind, message) = (time(alarm.happened_at), one_line(&alarm.kind), one_line(&alarm.message));
        print_line(format_args!("{QUIET}{at}{QUIET:#} {kind}: {message}"))?;
    }
    Ok(())
}
