//! `thendo postgres`: only the private server, in the foreground.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::Session;
use super::output::print_line;
use crate::app;
use crate::database::connect;
use crate::database::server::{DATABASE, PrivateServer, ServerError, others_are_connected};

/// `thendo postgres`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo postgres
  thendo postgres --data-dir /tmp/tests --exit-when-idle 30 &

Prints one line, the connection string, once the server accepts connections; then runs until Ctrl-C,
SIGTERM, or the given time without any client.")]
pub struct Postgres {
    /// Stop once no client has been connected for so long
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    exit_when_idle: Option<u64>,
    /// If one already runs there, print its connection string and exit 0
    #[arg(long)]
    reuse: bool,
}

impl Postgres {
    /// Runs it.
    ///
    /// # Errors
    /// When the server can't start, or ends by itself.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let shutdown = CancellationToken::new();
        app::end_on_signals(&shutdown, || {})?;
        let server = match app::start_private_server(&session.settings).await {
            Err(fault) if self.reuse && is_in_use(&fault) => return reuse(session, fault).await,
            started => started?,
        };
        let url = SecretString::from(server.url("postgres"));
        print_line(server.url(DATABASE))?;
        let watch = tokio::spawn(app::watch_private_server(server, shutdown.clone(), shutdown.clone()));
        if let Some(seconds) = self.exit_when_idle {
            let idle = until_idle(&url, Duration::from_secs(seconds));
            tokio::select! {
                ended = idle => {
                    // If the server can't be asked any more, its watcher knows why.
                    if let Err(fault) = ended {
                        tracing::warn!(%fault, "can't see whether clients are connected");
                    }
                    shutdown.cancel();
                }
                () = shutdown.cancelled() => {}
            }
        }
        watch.await.context("watching the private server broke off")??;
        Ok(ExitCode::SUCCESS)
    }
}

fn is_in_use(fault: &anyhow::Error) -> bool {
    matches!(fault.downcast_ref(), Some(ServerError::InUse { .. }))
}

/// The other one may still be starting.
async fn reuse(session: &Session, fault: anyhow::Error) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if let Some(url) = PrivateServer::url_if_running(&session.settings.data_dir, DATABASE)
            && connect::single(&url.clone().into(), "reuse").await.is_ok()
        {
            print_line(url)?;
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(fault)
}

/// Returns once no client but us has been connected for `patience`.
async fn until_idle(url: &SecretString, patience: Duration) -> anyhow::Result<()> {
    let client = connect::connect_driven(url, "idle watch").await?;
    let mut since = Instant::now();
    loop {
        if others_are_connected(&client).await? {
            since = Instant::now();
        } else if since.elapsed() >= patience {
            return Ok(());
        }
        tokio::time::sleep((patience / 4).clamp(Duration::from_millis(100), Duration::from_secs(1))).await;
    }
}
