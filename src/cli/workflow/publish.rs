//! `thendo workflow publish`: drafts become versions in force, all that are named or none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::diff;
use super::files::{self, FileRead};
use super::{Judged, one_to_edit, only, readable, refuse, source_of};
use crate::cli::Session;
use crate::cli::backtest::Backtest;
use crate::cli::output::{Advice, Format, GOOD, QUIET, WAIT, eprint_line, one_line, print_json, print_line};
use crate::kinds;
use crate::store::versions::{self, Head, InFlight, MOST_COUNTED};
use crate::store::{mails, secrets};
use crate::workflow::compile::compile;
use crate::workflow::diagnostics::{Diagnostic, any_error};
use crate::workflow::diff as meaning;
use crate::workflow::mails::{Mails, sent_by};
use crate::workflow::plan::Plan;

/// `thendo workflow publish`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow publish order-thanks
  thendo workflow publish order-thanks.json welcome/workflow.json
  thendo workflow publish order-thanks --dry-run --backtest 30d

A name or an id stands for the draft in the database, a path for a file; a file takes the place of the
workflow of the same name, or is a new one. All are checked first; if one is broken, nothing is published.

The new version is in force for every event from now on when this command ends, whether or not a daemon
runs. Executions that are under way stay with the version they began with. What means the same as the
version in force makes no new one. A paused workflow runs again when it is published.")]
pub struct Publish {
    /// Names, ids or files
    #[arg(required = true, value_name = "NAME|FILE")]
    workflows: Vec<String>,
    /// Say what would change and who is under way, and publish nothing
    #[arg(long)]
    dry_run: bool,
    /// First what both versions do for the events since then (30d, a day, an instant), as `thendo backtest` says it
    #[arg(long, value_name = "SPAN|TIME", conflicts_with = "format")]
    backtest: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What came of publishing one.
#[derive(Debug, Serialize)]
pub(super) struct Published {
    pub id: Uuid,
    pub workflow: String,
    /// The number in force now.
    pub version: i32,
    /// The number that was in force before.
    pub before: Option<i32>,
    /// Whether the version is a new one.
    pub new: bool,
    /// What it does otherwise than the one that was in force before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<meaning::Diff>,
    /// Executions that go on with older versions.
    pub in_flight: Vec<InFlight>,
    /// What it needs of the database and does not find there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Diagnostic>,
    /// What it names.
    #[serde(skip)]
    secrets: BTreeSet<String>,
    /// Secrets that it names and nobody has stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_secrets: Vec<String>,
}

/// Whether a word on the command line is a file rather than a name.
pub(in crate::cli) fn is_file(word: &str) -> bool {
    Path::new(word).is_file() || word.contains('/') || word.ends_with(".json")
}

impl Publish {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let catalogue = kinds::catalogue();
        let (paths, names): (Vec<&String>, Vec<&String>) =
            self.workflows.iter().partition(|word| is_file(word));
        let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
        let mut faulty: Vec<Judged> = Vec::new();
        let (read, broken) = files::read_all(&paths)?;
        faulty.extend(broken);
        faulty.extend(files::faulty(&read));
        if !self.backtest(session).await? {
            return Ok(ExitCode::FAILURE);
        }
        let pool = session.pool().await?;
        let mut transaction = versions::begin(&pool).await?;
        let mut heads: Vec<Head> = Vec::new();
        for name in names {
            let head = one_to_edit(&mut transaction, name).await?;
            let drawing = readable(&head.name, head.drawing())?;
            let diagnostics = compile(&drawing, &catalogue).diagnostics;
            if any_error(&diagnostics) {
                faulty.push((source_of(&head.name, drawing), diagnostics));
            }
            heads.push(head);
        }
        if !faulty.is_empty() {
            return refuse(&faulty, self.format, "published", self.workflows.len());
        }
        for file in &read {
            heads.push(written(&mut transaction, file).await?);
        }
        heads.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        heads.dedup_by_key(|head| head.id);
        let mut published = put_in_force(&mut transaction, &heads, Next::Draft).await?;
        match self.dry_run {
            true => transaction.rollback().await.context("it could not be taken back")?,
            false => transaction.commit().await.context("publishing failed")?,
        }
        count_in_flight(&pool, &mut published).await?;
        if self.format == Format::Json {
            print_json(&published)?;
        } else {
            published.iter().try_for_each(|of| print_as(of, if self.dry_run { "would be" } else { "is" }))?;
            if self.dry_run {
                print_line(format_args!("{QUIET}nothing was published{QUIET:#}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What the editions do for what happened, beside those in force.
    async fn backtest(&self, session: &Session) -> anyhow::Result<bool> {
        let Some(since) = &self.backtest else { return Ok(true) };
        for workflow in &self.workflows {
            if Backtest::before_publishing(workflow, since).run(session).await? != ExitCode::SUCCESS {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The row of a file's workflow, with the file as its draft.
async fn written(connection: &mut PgConnection, file: &FileRead) -> anyhow::Result<Head> {
    let found = versions::find_to_edit(connection, &file.workflow.name).await?;
    let found: Vec<Head> = found.into_iter().filter(|head| head.name == file.workflow.name).collect();
    let of = &file.workflow;
    let id = if found.is_empty() {
        versions::add(connection, &of.name, of.description.as_deref(), &of.definition).await?
    } else {
        let head = only(connection, found, &of.name).await?;
        let description = of.description.as_deref().or(head.description.as_deref());
        versions::draw(connection, head.id, &of.name, description, &of.definition).await?;
        head.id
    };
    versions::by_id(connection, id).await?.context("a workflow that was just written is gone")
}

/// What is put in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// What is drawn.
    Draft,
    /// What was in force last; a draft stays one.
    Definition,
}

/// Puts workflows in force, all or none. They are locked, and they compile.
pub(super) async fn put_in_force(
    connection: &mut PgConnection,
    heads: &[Head],
    next: Next,
) -> anyhow::Result<Vec<Published>> {
    let archived = heads.iter().find(|head| head.status == "archived");
    if let Some(head) = archived {
        let name = one_line(&head.name);
        return Err(Advice::error(
            format!("`{name}` is in the archive: nothing was published"),
            format!("take it back first: thendo workflow unarchive {name}"),
        ));
    }
    let catalogue = kinds::catalogue();
    let mut written = Vec::with_capacity(heads.len());
    for head in heads {
        written.push(match next {
            Next::Draft => versions::publish(connection, head.id).await?,
            Next::Definition => versions::set_status(connection, head.id, "published").await?,
        });
    }
    // All are compiled before the first is put in force: from then on claims wait for this transaction.
    let mut compiled = Vec::with_capacity(heads.len());
    for (head, written) in heads.iter().zip(written) {
        let definition = readable(&head.name, versions::read(&written.definition))?;
        let mut outcome = compile(&definition, &catalogue);
        let plan = outcome.plan.with_context(|| format!("`{}` does not compile", one_line(&head.name)))?;
        let warnings = missing_mails(connection, &plan).await?;
        outcome.diagnostics.extend(warnings.iter().cloned());
        let diagnostics = serde_json::to_value(&outcome.diagnostics)?;
        let (hash, secrets) = (plan.hash().to_owned(), plan.secrets());
        let changes = changes(connection, head, &definition).await?;
        compiled.push((head, written.revision, hash, diagnostics, plan.parts(), warnings, secrets, changes));
    }
    let mut published = Vec::with_capacity(heads.len());
    for (head, revision, hash, diagnostics, parts, warnings, secrets, changes) in compiled {
        let edit = (head.id, revision);
        let version = versions::put_in_force(connection, edit, &hash, &diagnostics, &parts).await?;
        let version = version.context("the row was edited meanwhile")?;
        let before = head.live_version.filter(|_| head.status == "published");
        let (id, workflow, new) = (head.id, head.name.clone(), before != Some(version));
        let (in_flight, missing_secrets) = (Vec::new(), Vec::new());
        published.push(Published {
            id,
            workflow,
            version,
            before,
            new,
            changes: changes.filter(|_| new),
            in_flight,
            warnings,
            secrets,
            missing_secrets,
        });
    }
    Ok(published)
}

/// What a drawing does otherwise than the version in force.
async fn changes(
    connection: &mut PgConnection,
    head: &Head,
    definition: &Value,
) -> anyhow::Result<Option<meaning::Diff>> {
    let Some(number) = head.live_version else { return Ok(None) };
    let former = versions::definition_of(connection, head.id, number).await?;
    // One that can't be read was in force all the same: what is to be must not fail by it.
    let former = former.and_then(|text| versions::read(&text).ok());
    Ok(former.map(|former| meaning::diff(&former, definition, &kinds::catalogue())))
}

/// Warnings about the stored mails that a plan names.
pub(super) async fn missing_mails(
    connection: &mut PgConnection,
    plan: &Plan,
) -> anyhow::Result<Vec<Diagnostic>> {
    let names: Vec<String> = sent_by(plan).map(|(_, name)| name.to_owned()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let found = mails::named(connection, &names).await?;
    Ok(Mails::load(found, &Mails::default()).warnings(plan))
}

/// Tells of them.
pub(super) fn warn(workflow: &str, warnings: &[Diagnostic]) {
    for Diagnostic { node, message, .. } in warnings {
        let node = node.as_deref().unwrap_or_default();
        let (workflow, node, message) = (one_line(workflow), one_line(node), one_line(message));
        eprint_line(format_args!("{WAIT}warning{WAIT:#}: {workflow}, `{node}`: {message}"));
    }
}

/// Counts who stays with older versions, and looks which secrets are not stored. After the commit: counting takes its time, and claims have waited.
pub(super) async fn count_in_flight<'a>(
    pool: &PgPool,
    published: impl IntoIterator<Item = &'a mut Published>,
) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await?;
    for of in published {
        of.in_flight = versions::in_flight(&mut connection, of.id).await?;
        of.in_flight.retain(|old| old.version != of.version);
        let names: Vec<String> = std::mem::take(&mut of.secrets).into_iter().collect();
        if !names.is_empty() {
            of.missing_secrets = secrets::missing(&mut connection, &names).await?;
        }
    }
    Ok(())
}

/// "v3 is in force", what it does otherwise, and who stays with the old ones.
pub(super) fn print(of: &Published) -> anyhow::Result<()> {
    print_as(of, "is")
}

fn print_as(of: &Published, is: &str) -> anyhow::Result<()> {
    let name = one_line(&of.workflow);
    if of.new {
        print_line(format_args!("{GOOD}●{GOOD:#} {name}: v{} {is} in force", of.version))?;
        of.changes.as_ref().map_or(Ok(()), diff::print)?;
    } else {
        print_line(format_args!(
            "{GOOD}●{GOOD:#} {name}: v{} means the same and is in force already",
            of.version
        ))?;
    }
    warn(&of.workflow, &of.warnings);
    for name in &of.missing_secrets {
        print_line(format_args!(
            "  {WAIT}◐{WAIT:#} it names the secret `{name}`, which is not stored: thendo secrets set {name}"
        ))?;
    }
    for old in &of.in_flight {
        print_line(format_args!("  {QUIET}{}{QUIET:#}", stays(*old)))?;
    }
    Ok(())
}

fn stays(old: InFlight) -> String {
    match old.executions {
        1 => format!("1 execution is in flight on v{} and stays with it", old.version),
        many if many >= MOST_COUNTED => {
            format!("{many} or more executions are in flight on v{}", old.version)
        }
        many => format!("{many} executions are in flight on v{} and stay with it", old.version),
    }
}
