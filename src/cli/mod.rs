//! The command line: one file per subcommand.
//!
//! Each is a `clap::Args` with `async fn run(self, &Session) -> anyhow::Result<ExitCode>`.
//! Exit codes: 0 it worked, 1 it failed or something is invalid, 2 the command was misspelled.

mod adopt;
pub mod alerts;
pub mod api_keys;
pub mod ask;
pub mod attach;
pub mod backtest;
pub mod bounce;
pub mod campaigns;
pub mod catalog;
pub mod config;
pub mod customer;
pub mod demo;
pub mod desk;
pub mod events;
pub mod executions;
pub mod health;
mod impact;
pub mod link;
pub mod logging;
pub mod migrate;
pub mod output;
pub mod postgres;
pub mod secrets;
pub mod serve;
pub mod sessions;
pub mod settings;
pub mod test;
mod test_run;
pub mod tokens;
pub mod undo;
pub mod up;
pub mod url;
pub mod validate;
pub mod workflow;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};
use secrecy::SecretString;
use sqlx::PgPool;

use crate::database::role::Role;
use crate::database::{connect, find};
use crate::domain::settings::Settings;
use crate::operations::{self, Context, Who};
use desk::Desk;
use output::Advice;
use settings::{Flags, Loaded};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Blue.on_default().bold())
    .usage(AnsiColor::Blue.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// When something happens in the database, then do something about it.
#[derive(Debug, Parser)]
#[command(name = "thendo", version, styles = STYLES, max_term_width = 100, propagate_version = true,
    disable_help_subcommand = true, after_help = "\
Examples:
  thendo up                            start everything, with a private PostgreSQL
  thendo demo order --total 250.00     place a sample order and watch what happens
  thendo serve --database-url URL      run the daemon on your own database")]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every subcommand takes.
#[derive(Debug, Args)]
struct Global {
    /// Settings file (TOML); without it `thendo.toml` here or in the configuration folder
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the private server and the mailbox
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The database, instead of the private one
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// Ask the daemon there, with the key in THENDO_API_KEY, instead of a database (or THENDO_SERVER)
    #[arg(long, global = true, value_name = "URL", conflicts_with = "database_url")]
    server: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything: a private PostgreSQL, the example workflows, the daemon, the page
    Up(up::Up),
    /// Run the daemon on a database that is there
    Serve(serve::Serve),
    /// Bring a database's schema up to date
    Migrate(migrate::Migrate),
    /// Have the shop's tables tell the daemon what happens, after `detach`
    Attach(attach::Attach),
    /// Take thendo's triggers off the shop's tables; all data stays
    Detach(attach::Detach),
    /// Print the private server's connection string
    Url(url::Url),
    /// Check workflow files and print every fault
    Validate(validate::Validate),
    /// See every kind of node that a workflow can have
    Catalog(catalog::Catalog),
    /// See what a workflow would do for an event, without doing it
    TestRun(test_run::TestRun),
    /// Try the cases beside workflow files; exits 0 if all are as expected
    Test(test::Test),
    /// See what a workflow would have done for the events of a time, without doing it
    Backtest(backtest::Backtest),
    /// Publish, pause, compare and keep workflows in files
    #[command(subcommand)]
    Workflow(workflow::Workflow),
    /// See what workflows did
    #[command(subcommand)]
    Executions(executions::Executions),
    /// Put back what an execution wrote
    Undo(undo::Undo),
    /// See what happened, and have it start what it starts once more
    #[command(subcommand)]
    Events(events::Events),
    /// See what somebody should know: alarms
    #[command(subcommand)]
    Alerts(alerts::Alerts),
    /// Mailings to many: how they do, and a pause for them
    #[command(subcommand)]
    Campaigns(campaigns::Campaigns),
    /// Remove a person's data
    #[command(subcommand)]
    Customer(customer::Customer),
    /// Take in a mail that came back (from a mail server's pipe)
    Bounce(bounce::Bounce),
    /// Change the key that OAuth tokens are encrypted with
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// Store what workflows need to speak to other services
    #[command(subcommand)]
    Secrets(secrets::Secrets),
    /// Keys for programs that use the API
    #[command(subcommand)]
    Keys(api_keys::Keys),
    /// Who is signed in to the daemon's pages, and an end to that
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    /// Print a link that signs in to the daemon's pages, once
    Link(link::Link),
    /// Try thendo with sample data
    #[command(subcommand)]
    Demo(demo::Demo),
    /// Look at the settings
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Ask a running daemon whether it works
    Health(health::Health),
    /// Run only the private PostgreSQL, for psql, maintenance and tests
    #[command(hide = true)]
    Postgres(postgres::Postgres),
}

impl Command {
    /// Why no daemon can be asked for it by `--server`, if none can.
    fn stays_here(&self) -> Option<&'static str> {
        Some(match self {
            Self::Up(_) | Self::Serve(_) => "it is a daemon itself, on this machine",
            Self::Migrate(_) | Self::Attach(_) | Self::Detach(_) => {
                "it needs the rights of the database's owner, which a daemon has not"
            }
            Self::Url(_) | Self::Postgres(_) => "it is about this machine's private server",
            Self::Demo(_) => "it writes to the shop as its customers do, which a daemon may not",
            Self::Tokens(_) | Self::Secrets(secrets::Secrets::Rotate(_)) => {
                "it needs the old key and the new one, and those stay where the database is"
            }
            Self::Bounce(_) => "a daemon takes returned mail at its own address, POST /bounces",
            _ => return None,
        })
    }
}

/// The command line as clap knows it, for whoever goes through all commands.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// What a subcommand works with.
#[derive(Debug)]
pub struct Session {
    /// The settings that hold.
    pub settings: Arc<Settings>,
    /// Those settings, and where each comes from.
    pub loaded: Loaded,
    /// The daemon that is asked instead of a database.
    pub server: Option<String>,
}

impl Session {
    /// The database that is meant.
    ///
    /// # Errors
    /// [`find::NoDatabase`] with the ways to name one; and when a daemon is to be asked instead.
    pub fn database_url(&self) -> anyhow::Result<SecretString> {
        if let Some(server) = &self.server {
            return Err(Advice::error(
                format!("this can't be asked of the daemon at {server}: it works on a database"),
                "run it where the database is, without --server (and without THENDO_SERVER)",
            ));
        }
        Ok(find::find(&self.settings)?)
    }

    /// Who answers: the daemon of `--server`, else the database that is meant.
    ///
    /// # Errors
    /// When it can't be reached.
    pub async fn desk(&self) -> anyhow::Result<Desk> {
        if let Some(server) = &self.server {
            return Ok(Desk::Server(desk::Server::new(server, std::env::var("THENDO_API_KEY").ok())?));
        }
        let data = operations::DataPlane::new(self.database_url()?, Role::Login, 2);
        let (pool, settings) = (self.pool().await?, Arc::clone(&self.settings));
        let context = Context { pool, who: here(), settings, data, health: None };
        Ok(Desk::Database(Box::new(context)))
    }

    /// A small pool on the database that is meant.
    ///
    /// # Errors
    /// When none is meant or it can't be reached.
    pub async fn pool(&self) -> anyhow::Result<PgPool> {
        Ok(connect::pool(&self.database_url()?, 2, Role::Login).await?)
    }
}

/// Whoever runs this command, and so has the database.
fn here() -> Who {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
    let name = format!("command line:{}", output::one_line(&name)).trim_end_matches(':').to_owned();
    Who { name, account: None, scopes: operations::keys::all_scopes(), until: None }
}

/// Runs the program and gives its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        output::eprint_line("warning: another TLS provider is installed");
    }
    match run(cli) {
        Ok(code) => code,
        Err(fault) => {
            output::print_error(&fault);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // Who names a database on the command line means that one, whatever the environment says.
    let of_environment = || std::env::var("THENDO_SERVER").ok().filter(|server| !server.is_empty());
    let is_named = cli.global.database_url.is_some() || cli.global.data_dir.is_some();
    let server = cli.global.server.or_else(|| of_environment().filter(|_| !is_named));
    if let (Some(server), Some(why)) = (&server, cli.command.stays_here()) {
        return Err(Advice::error(
            format!("this can't be asked of the daemon at {server}: {why}"),
            "run it where the database is, without --server (and without THENDO_SERVER)",
        ));
    }
    let flags = Flags {
        config: cli.global.config,
        data_dir: cli.global.data_dir,
        database_url: cli.global.database_url,
        listen: match &cli.command {
            Command::Up(up) => up.listen.clone(),
            Command::Serve(serve) => serve.listen.clone(),
            _ => None,
        },
        ui_dir: match &cli.command {
            Command::Up(up) => up.ui_dir.clone(),
            Command::Serve(serve) => serve.ui_dir.clone(),
            _ => None,
        },
        log_format: match &cli.command {
            Command::Up(up) => up.log_format.clone(),
            Command::Serve(serve) => serve.log_format.clone(),
            _ => None,
        },
    };
    let loaded = settings::load(&flags)?;
    let session = Session { settings: Arc::new(loaded.settings.clone()), loaded, server };
    let is_daemon = matches!(cli.command, Command::Up(_) | Command::Serve(_));
    logging::start(&session.settings.log, is_daemon)?;
    // More than there are processors: two workers deep in thought must not silence /healthz.
    let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4) + 2;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context("can't start the async runtime")?;
    let outcome = runtime.block_on(dispatch(cli.command, &session));
    // A stuck blocking task must not hold up the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome
}

async fn dispatch(command: Command, session: &Session) -> anyhow::Result<ExitCode> {
    match command {
        Command::Up(up) => up.run(session).await,
        Command::Serve(serve) => serve.run(session).await,
        Command::Migrate(migrate) => migrate.run(session).await,
        Command::Attach(attach) => attach.run(session).await,
        Command::Detach(detach) => detach.run(session).await,
        Command::Url(url) => url.run(session),
        Command::Validate(validate) => validate.run(),
        Command::Catalog(catalog) => catalog.run(),
        Command::TestRun(test_run) => test_run.run(session).await,
        Command::Test(test) => test.run(session).await,
        Command::Backtest(backtest) => backtest.run(session).await,
        Command::Workflow(workflow) => workflow.run(session).await,
        Command::Executions(executions) => executions.run(session).await,
        Command::Undo(undo) => undo.run(session).await,
        Command::Events(events) => events.run(session).await,
        Command::Alerts(alerts) => alerts.run(session).await,
        Command::Campaigns(campaigns) => campaigns.run(session).await,
        Command::Customer(customer) => customer.run(session).await,
        Command::Bounce(bounce) => bounce.run(session).await,
        Command::Tokens(tokens) => tokens.run(session).await,
        Command::Secrets(secrets) => secrets.run(session).await,
        Command::Keys(keys) => keys.run(session).await,
        Command::Sessions(sessions) => sessions.run(session).await,
        Command::Link(link) => link.run(session).await,
        Command::Demo(demo) => demo.run(session).await,
        Command::Config(config) => config.run(session).await,
        Command::Health(health) => health.run(session).await,
        Command::Postgres(postgres) => postgres.run(session).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_sound_and_every_command_has_examples() {
        fn every_leaf(command: &clap::Command, path: &str) {
            for inner in command.get_subcommands() {
                let path = format!("{path} {}", inner.get_name());
                if inner.has_subcommands() {
                    every_leaf(inner, &path);
                } else {
                    let help = inner.get_after_help().map(ToString::to_string).unwrap_or_default();
                    assert!(help.contains("Example"), "`{path} --help` has no example");
                }
            }
        }
        let command = Cli::command();
        command.clone().debug_assert();
        every_leaf(&command, "thendo");
    }
}
