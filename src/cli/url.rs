//! `thendo url`: the private server's connection string.

use std::process::ExitCode;

use clap::Args;
use secrecy::ExposeSecret;

use super::Session;
use super::output::print_line;
use crate::database::find;

/// `thendo url`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  psql \"$(thendo url)\"

The private server must be running: `thendo up` runs it. It listens on a Unix socket only.")]
pub struct Url {}

impl Url {
    /// Runs it.
    ///
    /// # Errors
    /// When the private server does not run.
    pub fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        print_line(find::find_private(&session.settings)?.expose_secret())?;
        Ok(ExitCode::SUCCESS)
    }
}
