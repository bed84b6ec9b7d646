//! `thendo health`: for containers and scripts.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::Session;
use super::output::{Advice, print_line};

/// `thendo health`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo health
  thendo health --url http://127.0.0.1:7878 && echo works

Exits 0 if the daemon is ready, 1 if not.")]
pub struct Health {
    /// Where the daemon answers; the setting `listen` unless given
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl Health {
    /// Runs it.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
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
        print_line(answer.text().await?.trim())?;
        Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
