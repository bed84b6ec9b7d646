//! `thendo workflow pause|resume|archive|unarchive|restore`: what runs and what does not.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::publish::{self, Next};
use super::show::definition_of;
use super::{one_to_edit, readable, refuse, source_of};
use crate::cli::Session;
use crate::cli::output::{Advice, Format, GOOD, QUIET, one_line, print_json, print_line};
use crate::kinds;
use crate::store::versions::{self, Head, InFlight};
use crate::workflow::compile::compile;
use crate::workflow::diagnostics::any_error;

/// What these commands are told.
#[derive(Debug, Args)]
struct Which {
    /// Its name or id
    #[arg(value_name = "NAME|ID")]
    workflow: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `thendo workflow pause`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow pause order-thanks
  thendo workflow pause order-thanks --format json

A paused workflow starts nothing, from the moment this command ends. What is under way goes on to its end.
Events that happen meanwhile are recorded, but they don't start it, not even when it is resumed: it
sees only what happens from then on. `thendo test-run` shows what one of them would have done.")]
pub struct Pause {
    #[command(flatten)]
    which: Which,
}

/// `thendo workflow resume`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow resume order-thanks

Puts what was in force before the pause in force again, for events from now on; it gets the next number.
A draft that was drawn meanwhile stays a draft: `thendo workflow publish` puts that in force.")]
pub struct Resume {
    #[command(flatten)]
    which: Which,
}

/// `thendo workflow archive`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow archive order-thanks

It starts nothing more; what is under way goes on to its end. Its versions and executions stay.")]
pub struct Archive {
    #[command(flatten)]
    which: Which,
}

/// `thendo workflow unarchive`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow unarchive order-thanks
  thendo workflow publish order-thanks      have it run again")]
pub struct Unarchive {
    #[command(flatten)]
    which: Which,
}

/// `thendo workflow restore`
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  thendo workflow restore order-thanks --version 2
  thendo workflow diff order-thanks         see what publishing it would change
  thendo workflow publish order-thanks      put it in force, as a new version

What runs goes on as it is until then. A draft that is in no version is not drawn over unless --force says so."
)]
pub struct Restore {
    #[command(flatten)]
    which: Which,
    /// The version to take back
    #[arg(long, value_name = "N")]
    version: i32,
    /// Draw over a draft that is in no version
    #[arg(long)]
    force: bool,
}

impl Pause {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let out = Out { from: &["published"], to: "paused", done: "paused" };
        out.take(session, &self.which).await
    }
}

impl Archive {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let out = Out { from: &["draft", "published", "paused"], to: "archived", done: "archived" };
        out.take(session, &self.which).await
    }
}

impl Unarchive {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let out = Out { from: &["archived"], to: "draft", done: "a draft again" };
        out.take(session, &self.which).await
    }
}

/// A change to a state in which nothing starts.
struct Out {
    from: &'static [&'static str],
    to: &'static str,
    done: &'static str,
}

impl Out {
    async fn take(&self, session: &Session, which: &Which) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let mut transaction = versions::begin(&pool).await?;
        let head = one_to_edit(&mut transaction, &which.workflow).await?;
        if head.status == self.to {
            return tell(which, &head, self.to, &format!("is {} already", self.done), &[]);
        }
        if !self.from.contains(&&*head.status) {
            return Err(wrong_state(&head, self.from));
        }
        take_out(&mut transaction, &head, self.to).await?;
        let in_flight = versions::in_flight(&mut transaction, head.id).await?;
        transaction.commit().await?;
        tell(which, &head, self.to, &format!("is {}", self.done), &in_flight)
    }
}

/// Gives a workflow a state in which nothing starts, at once: a daemon would do the same a moment later.
async fn take_out(connection: &mut PgConnection, head: &Head, status: &str) -> anyhow::Result<()> {
    let written = versions::set_status(connection, head.id, status).await?;
    // What can't be read is marked by the daemon, and out of force all the same.
    let drawn = versions::read(&written.definition).unwrap_or_default();
    let compiled = compile(&drawn, &kinds::catalogue());
    let diagnostics = serde_json::to_value(&compiled.diagnostics)?;
    let edit = (head.id, written.revision);
    versions::mark_checked(connection, edit, compiled.plan.is_some(), &diagnostics).await?;
    Ok(())
}

fn wrong_state(head: &Head, from: &[&str]) -> anyhow::Error {
    let name = one_line(&head.name);
    let help = match &*head.status {
        "draft" => format!("have it run: thendo workflow publish {name}"),
        "published" => format!("have it pause: thendo workflow pause {name}"),
        "paused" => format!("have it go on: thendo workflow resume {name}"),
        _ => format!("take it back: thendo workflow unarchive {name}"),
    };
    Advice::error(
        format!("`{name}` is {}, not {}: nothing was changed", head.status, from.join(" or ")),
        help,
    )
}

fn tell(
    which: &Which,
    head: &Head,
    status: &str,
    words: &str,
    in_flight: &[InFlight],
) -> anyhow::Result<ExitCode> {
    if which.format == Format::Json {
        print_json(&json!({
            "id": head.id, "workflow": head.name, "status": status, "before": head.status, "in_flight": in_flight,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    print_line(format_args!("{GOOD}●{GOOD:#} {} {words}", one_line(&head.name)))?;
    let under_way: i64 = in_flight.iter().map(|of| of.executions).sum();
    if under_way > 0 {
        let (what, goes) = if under_way == 1 { ("execution", "goes") } else { ("executions", "go") };
        print_line(format_args!("  {QUIET}{under_way} {what} in flight {goes} on to the end{QUIET:#}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Resume {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let mut transaction = versions::begin(&pool).await?;
        let head = one_to_edit(&mut transaction, &self.which.workflow).await?;
        if head.status == "published" {
            return tell(&self.which, &head, "published", "is not paused: it runs", &[]);
        }
        if head.status != "paused" {
            return Err(wrong_state(&head, &["paused"]));
        }
        let definition = readable(&head.name, versions::read(&head.definition))?;
        let diagnostics = compile(&definition, &kinds::catalogue()).diagnostics;
        if any_error(&diagnostics) {
            return refuse(
                &[(source_of(&head.name, definition), diagnostics)],
                self.which.format,
                "resumed",
                1,
            );
        }
        let heads = [head];
        let mut published = publish::put_in_force(&mut transaction, &heads, Next::Definition).await?;
        transaction.commit().await?;
        publish::count_in_flight(&pool, &mut published).await?;
        if self.which.format == Format::Json {
            print_json(&published)?;
        } else {
            published.iter().try_for_each(publish::print)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Restore {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let pool = session.pool().await?;
        let mut transaction = versions::begin(&pool).await?;
        let head = one_to_edit(&mut transaction, &self.which.workflow).await?;
        let drawing: Value = definition_of(&mut transaction, &head, self.version).await?;
        let name = one_line(&head.name);
        if !self.force && !versions::is_kept(&mut transaction, head.id).await? {
            return Err(Advice::error(
                format!("`{name}` has a draft that is in no version: nothing was restored"),
                format!("keep it with `thendo workflow export {name}`, or say --force to draw over it"),
            ));
        }
        versions::draw(&mut transaction, head.id, &head.name, head.description.as_deref(), &drawing).await?;
        transaction.commit().await?;
        let version = self.version;
        if self.which.format == Format::Json {
            print_json(
                &json!({"id": head.id, "workflow": head.name, "restored": version, "status": head.status}),
            )?;
        } else {
            print_line(format_args!("{GOOD}●{GOOD:#} {name}: v{version} is the draft"))?;
            print_line(format_args!("  {QUIET}`thendo workflow publish {name}` puts it in force{QUIET:#}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
