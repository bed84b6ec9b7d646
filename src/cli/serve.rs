//! `thendo serve`: the daemon on a database that is there.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::Session;
use crate::app;
use crate::operations::key_file;

/// `thendo serve`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo migrate --database-url postgres://shop@db/shop
  DATABASE_URL=postgres://shop@db/shop thendo serve
  thendo serve --listen 0.0.0.0:7878
  thendo serve --log-format json

Use the direct connection or a pooler in session mode; where notifications do not arrive, it polls.")]
pub struct Serve {
    /// Where to answer HTTP [default: 127.0.0.1:7878]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Serve the studio's files from this folder, not from the binary: for developing it
    #[arg(long, value_name = "DIR")]
    pub ui_dir: Option<PathBuf>,
    /// The log for people or for machines [default: for people on a terminal, else for machines]
    #[arg(long, value_name = "FORMAT", value_parser = ["auto", "text", "json"])]
    pub log_format: Option<String>,
}

impl Serve {
    /// Runs it until Ctrl-C or SIGTERM.
    ///
    /// # Errors
    /// When it can't start, or a part of it fails.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let shutdown = CancellationToken::new();
        app::end_on_signals(&shutdown, || {})?;
        let keys = Arc::new(key_file::load(&session.settings)?);
        app::serve(Arc::clone(&session.settings), keys, session.database_url()?, shutdown).await?;
        Ok(ExitCode::SUCCESS)
    }
}
