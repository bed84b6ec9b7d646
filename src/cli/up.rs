//! `thendo up`: everything on one command. Server, schema, examples, daemon, page.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::output::{Advice, GOOD, QUIET, STRONG, eprint_line, print_line, seconds};
use super::{Session, link, migrate as migrate_command, workflow};
use crate::app::{self, App};
use crate::database::connect;
use crate::database::migrate;
use crate::database::role::Role;
use crate::database::rows;
use crate::database::server::{DATABASE, PrivateServer};
use crate::domain::keys::Keys;
use crate::engine::Health;
use crate::http;
use crate::operations::key_file;
use crate::store::workflow_files::{self, Stored};

/// `thendo up`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo up
  thendo up --data-dir ./data --listen 127.0.0.1:8080

It keeps its data: a second start goes on where the first one ended. Ctrl-C stops everything cleanly,
a second Ctrl-C at once.")]
pub struct Up {
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

impl Up {
    /// Runs it until Ctrl-C or SIGTERM.
    ///
    /// # Errors
    /// When a part can't start or fails; everything that was started is stopped again.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        if let Some(origin) = session.loaded.origins.get("database_url") {
            let help = "for the database it names, use `thendo serve`";
            eprint_line(format_args!("note: `up` uses its private server, not what {origin} names; {help}"));
        }
        let begun = Instant::now();
        // First of all, for it is what fails most often and costs nothing.
        let listener = http::bind(session.settings.listen).await?;
        let shutdown = CancellationToken::new();
        let postmaster = Arc::new(AtomicU32::new(0));
        let known = Arc::clone(&postmaster);
        app::end_on_signals(&shutdown, move || end_at_once(known.load(Ordering::Relaxed)))?;
        let keys = Arc::new(key_file::load_or_make(&session.settings)?);
        let server = match app::start_private_server(&session.settings).await {
            // Ctrl-C reaches initdb too: that it broke off is no fault.
            Err(_) if shutdown.is_cancelled() => {
                print_line("\nstopped")?;
                return Ok(ExitCode::from(130));
            }
            started => started?,
        };
        postmaster.store(server.pid().unwrap_or(0), Ordering::Relaxed);
        let url = SecretString::from(server.url(DATABASE));
        tell_server(&server, session, begun)?;

        let stop_server = CancellationToken::new();
        let watch = tokio::spawn(app::watch_private_server(server, stop_server.clone(), shutdown.clone()));

        let work = work(session, keys, url, listener, begun, shutdown.clone());
        let outcome = tokio::select! {
            biased;
            outcome = work => outcome,
            // Only while starting: the running daemon ends by itself, in order.
            () = cancelled_for(&shutdown, Duration::from_secs(20)) => Ok(()),
        };
        stop_server.cancel();
        let server_outcome = watch.await.context("watching the private server broke off")?;
        // That the server is gone explains whatever the daemon said.
        server_outcome.and(outcome)?;
        print_line("stopped")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Schema, examples, daemon; until the shutdown.
async fn work(
    session: &Session,
    keys: Arc<Keys>,
    url: SecretString,
    listener: TcpListener,
    begun: Instant,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let applied = migrate::run(&url, |progress| migrate_command::tell(&progress)).await?;
    rows::allow(&url, &session.settings.rows.allow).await?;
    tell("schema", if applied == 0 { "up to date" } else { "migrated" }, started)?;

    // Before the daemon, whose readiness says that what was published is in force.
    let started = Instant::now();
    let examples = workflow::examples()?;
    let pool = connect::pool(&url, 1, Role::Login).await?;
    let stored =
        workflow_files::store(&pool, &examples, false).await.context("loading the examples failed")?;
    let link = link::new(&pool, &format!("http://{}", listener.local_addr()?)).await?;
    pool.close().await;
    let added = stored.iter().filter(|stored| **stored == Stored::Added).count();
    tell("workflows", &format!("{added} examples loaded, {} were there", stored.len() - added), started)?;

    let started = Instant::now();
    let app = App::start(Arc::clone(&session.settings), keys, url, listener, shutdown.clone()).await?;
    let running = app.health.clone();
    let daemon = tokio::spawn(app.run());
    if !shutdown.is_cancelled() && !daemon.is_finished() {
        wait_until_ready(&running, &shutdown).await?;
        tell("daemon", "ready", started)?;
        tell_what_next(session, &link, begun)?;
    }
    let outcome = daemon.await.context("the daemon broke off")?;
    print_line("\nstopping …")?;
    outcome
}

async fn wait_until_ready(health: &Health, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let begun = Instant::now();
    while let Err(reason) = health.ready() {
        if shutdown.is_cancelled() {
            return Ok(());
        }
        if begun.elapsed() > Duration::from_secs(30) {
            shutdown.cancel();
            let help = "the log above says more; THENDO_LOG__LEVEL=debug says still more";
            return Err(Advice::error(format!("the engine was not ready after 30 s: {reason}"), help));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

async fn cancelled_for(shutdown: &CancellationToken, patience: Duration) {
    shutdown.cancelled().await;
    tokio::time::sleep(patience).await;
}

/// Nothing that was committed is lost: the next start recovers.
fn end_at_once(postmaster: u32) {
    if let Some(pid) = i32::try_from(postmaster).ok().and_then(Pid::from_raw) {
        let _gone_already = kill_process(pid, Signal::QUIT);
    }
}

fn tell(what: &str, state: &str, since: Instant) -> anyhow::Result<()> {
    let took = seconds(since.elapsed());
    print_line(format_args!("{GOOD}●{GOOD:#} {what:<12} {state}  {QUIET}{took}{QUIET:#}"))
}

fn tell_server(server: &PrivateServer, session: &Session, since: Instant) -> anyhow::Result<()> {
    let kind = if server.is_fresh() { "new" } else { "existing" };
    let dir = session.settings.data_dir.display();
    tell("PostgreSQL", &format!("{}, {kind} data in {dir}", server.version()), since)
}

fn tell_what_next(session: &Session, link: &str, begun: Instant) -> anyhow::Result<()> {
    let settings = &session.settings;
    let mails = match &settings.mail.smtp_url {
        Some(_) => "the SMTP server of the settings".to_owned(),
        None => settings.mailbox().display().to_string(),
    };
    let thendo = program();
    let elsewhere = session.loaded.origins.contains_key("data_dir");
    let dir = format!(" --data-dir {}", shell_word(&settings.data_dir.display().to_string()));
    let dir = if elsewhere { dir.as_str() } else { "" };
    print_line(format_args!(
        "\n{STRONG}thendo runs{STRONG:#} {QUIET}after {}{QUIET:#}\n\n  \
         See what it does    {STRONG}{link}{STRONG:#}\n  \
         {QUIET}                    (signs in once, within 15 minutes; `{thendo} link{dir}` makes another){QUIET:#}\n  \
         Place an order      {STRONG}{thendo} demo order --total 250.00{dir}{STRONG:#}   {QUIET}(in another terminal){QUIET:#}\n  \
         Look into the data  {STRONG}psql \"$({thendo} url{dir})\"{STRONG:#}\n  \
         Mails go to         {mails}\n  \
         Stop it             Ctrl-C\n",
        seconds(begun.elapsed())
    ))
}

/// How this program is called from here: by its name if that leads to it, else by its path.
fn program() -> String {
    let Some(own) = std::env::current_exe().ok() else { return "thendo".into() };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|dir| dir.join("thendo")).find(|file| file.is_file());
    if on_path.and_then(|file| file.canonicalize().ok()) == own.canonicalize().ok() {
        return "thendo".into();
    }
    let here = std::env::current_dir().unwrap_or_default();
    shell_word(&own.strip_prefix(here).unwrap_or(&own).display().to_string())
}

/// A word as a shell reads it back.
fn shell_word(text: &str) -> String {
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c)) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn a_path_can_be_pasted_into_a_shell() {
        assert_eq!(shell_word("/var/lib/thendo"), "/var/lib/thendo");
        assert_eq!(shell_word("/a b/it's"), r"'/a b/it'\''s'");
    }
}
