//! `thendo test`: the cases beside workflows, each a test run.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::desk::Desk;
use super::output::{Advice, BAD, Format, GOOD, QUIET, one_line, print_json, print_line};
use super::test_run::{json_of, print_differences, stage_on, write};
use super::{Session, validate};
use crate::database::migrate;
use crate::database::server::{DATABASE, Options, PrivateServer};
use crate::kinds;
use crate::operations::editions::Sketch;
use crate::operations::test_runs::{ToTry, Try};
use crate::operations::{Asked, Nothing};
use crate::testrun::cases::Case;
use crate::testrun::expect::{Difference, differences, updated};
use crate::testrun::{Report, Stage};
use crate::workflow::compile::compile;
use crate::workflow::diagnostics::Diagnostic;
use crate::workflow::plan::Plan;

/// Folders within folders that are looked into.
const DEEPEST: usize = 8;

/// `thendo test`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo test workflows-examples
  thendo test workflows/order-thanks --update
  thendo test workflows --format json --jobs 8

A folder with workflow.json is a workflow. Its first case is event.json with expected.json; the others are cases/*.json:
{\"event\": {…}, \"settings\": {\"at\", \"results\", \"branches\", \"awaited\", \"as\"}, \"expect\": {…}}, where settings may be
left out. Each is a test run that leaves no trace. Without a database that is named, a private server is made and thrown
away; by --server a daemon tries them, at most two at the same time. Exits 0 if all are as expected.")]
pub struct Test {
    /// Folders of workflows; looked through to their end
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Write the expectations as the reports are
    #[arg(long)]
    update: bool,
    /// Cases at the same time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    jobs: u8,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A case with its workflow.
struct Found {
    name: String,
    plan: Result<Drawn, String>,
    /// Where the case is, or its event and its expectation are.
    files: Files,
}

/// A workflow's drawing, and what the compiler makes of it.
#[derive(Clone)]
struct Drawn {
    drawing: Arc<Value>,
    plan: Arc<Plan>,
}

/// Where cases are tried.
enum Place {
    Here(Box<Stage>),
    /// A daemon.
    There(Arc<Desk>),
}

/// As many as a daemon has places.
const MOST_THERE: usize = 2;

enum Files {
    Pair { event: PathBuf, expected: PathBuf },
    One(PathBuf),
}

/// What became of one.
#[derive(Debug, Serialize)]
struct Tried {
    name: String,
    passed: bool,
    ms: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
    /// Why it could not be tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

impl Test {
    /// Runs all of them.
    ///
    /// # Errors
    /// Folders that can't be read, a database that can't be asked.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let mut found = Vec::new();
        for folder in &self.folders {
            find(folder, 0, &mut found)?;
        }
        if found.is_empty() {
            let help = "a folder with workflow.json, and event.json with expected.json or cases/*.json beside it, is looked for";
            return Err(Advice::error("there are no cases", help));
        }
        let began = Instant::now();
        let all = found.len();
        let mut _server = None;
        let tried = if session.server.is_some() {
            let desk = Arc::new(session.desk().await?);
            let jobs = usize::from(self.jobs).min(all).min(MOST_THERE);
            let places = (0..jobs).map(|_| Place::There(desk.clone())).collect();
            self.try_all(places, found).await?
        } else {
            let url;
            (url, _server) = database(session).await?;
            let mut places = Vec::new();
            for _ in 0..usize::from(self.jobs).min(all) {
                places.push(Place::Here(Box::new(stage_on(session, url.clone()).await?)));
            }
            self.try_all(places, found).await?
        };
        let failed = tried.iter().filter(|tried| !tried.passed).count();
        if self.format == Format::Json {
            print_json(&json!({ "passed": all - failed, "failed": failed, "cases": tried }))?;
        } else {
            let style = if failed == 0 { GOOD } else { BAD };
            let took = began.elapsed().as_secs_f64();
            print_line(format!(
                "\n{style}{} of {all} as expected{style:#}  {QUIET}{took:.1} s{QUIET:#}",
                all - failed
            ))?;
        }
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// In the order in which they end.
    async fn try_all(&self, places: Vec<Place>, found: Vec<Found>) -> anyhow::Result<Vec<Tried>> {
        let todo: Arc<Mutex<VecDeque<Found>>> = Arc::new(Mutex::new(found.into()));
        let (update, format) = (self.update, self.format);
        let mut trials = JoinSet::new();
        for place in places {
            let todo = todo.clone();
            trials.spawn(async move {
                let mut done = Vec::new();
                loop {
                    let Some(next) = todo.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else {
                        break;
                    };
                    let tried = try_one(&place, next, update).await;
                    if format == Format::Text {
                        tell(&tried)?;
                    }
                    done.push(tried);
                }
                anyhow::Ok(done)
            });
        }
        let mut all = Vec::new();
        while let Some(done) = trials.join_next().await {
            all.extend(done.context("a case fell over")??);
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }
}

fn tell(tried: &Tried) -> anyhow::Result<()> {
    let (name, ms) = (one_line(&tried.name), tried.ms);
    match (&tried.fault, tried.passed) {
        (_, true) => print_line(format!("{GOOD}●{GOOD:#} {name}  {QUIET}{ms} ms{QUIET:#}")),
        (Some(fault), _) => print_line(format!("{BAD}✗ {name}{BAD:#}\n  {}", one_line(fault))),
        (None, _) => print_differences(&tried.name, &tried.differences),
    }
}

/// The database that is meant, or one that is thrown away at the end.
async fn database(session: &Session) -> anyhow::Result<(SecretString, Option<Private>)> {
    if let Ok(url) = session.database_url() {
        return Ok((url, None));
    }
    let folder = tempfile::Builder::new().prefix("thendo-test").tempdir().context("can't make a folder")?;
    let postgres = &session.settings.postgres;
    let server = PrivateServer::start(&Options {
        data_dir: folder.path().join("data"),
        bin_dir: postgres.bin_dir.clone(),
        // Nothing of it is kept.
        settings: [("fsync".to_owned(), "off".to_owned())]
            .into_iter()
            .chain(postgres.settings.clone())
            .collect(),
    })?;
    let url: SecretString = server.url(DATABASE).into();
    migrate::run(&url, |_| {}).await?;
    Ok((url, Some(Private { server, _folder: folder })))
}

/// Stopped before its folder goes.
struct Private {
    server: PrivateServer,
    _folder: tempfile::TempDir,
}

impl Drop for Private {
    fn drop(&mut self) {
        self.server.stop();
    }
}

fn find(folder: &Path, depth: usize, found: &mut Vec<Found>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    if folder.join("workflow.json").is_file() {
        return cases_of(folder, found);
    }
    for path in paths.iter().filter(|path| path.is_dir() && depth < DEEPEST) {
        find(path, depth + 1, found)?;
    }
    Ok(())
}

fn cases_of(folder: &Path, found: &mut Vec<Found>) -> anyhow::Result<()> {
    let file = folder.join("workflow.json");
    let plan = match validate::try_read(&file)? {
        Ok(source) => {
            let compiled = compile(&source.value, &kinds::catalogue());
            let drawing = Arc::new(source.value);
            let drawn = compiled.plan.map(|plan| Drawn { drawing, plan: Arc::new(plan) });
            drawn.ok_or_else(|| words(&compiled.diagnostics))
        }
        Err((_, fault)) => Err(words(&[*fault])),
    };
    let plan = plan.map_err(|why| format!("{}: {why}; `thendo validate` shows where", file.display()));
    let name = validate::name_of(&file);
    let (event, expected) = (folder.join("event.json"), folder.join("expected.json"));
    if event.is_file() && expected.is_file() {
        let files = Files::Pair { event, expected };
        found.push(Found { name: name.clone(), plan: plan.clone(), files });
    }
    let cases = folder.join("cases");
    if cases.is_dir() {
        let entries = std::fs::read_dir(&cases).with_context(|| format!("can't read {}", cases.display()))?;
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        paths.sort();
        for path in paths {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            found.push(Found { name: format!("{name}/{stem}"), plan: plan.clone(), files: Files::One(path) });
        }
    }
    Ok(())
}

fn words(faults: &[Diagnostic]) -> String {
    faults.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>().join("; ")
}

async fn try_one(place: &Place, found: Found, update: bool) -> Tried {
    let began = Instant::now();
    let name = found.name.clone();
    let outcome = differences_of(place, found, update).await;
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Ok(differences) => Tried { name, passed: differences.is_empty(), ms, differences, fault: None },
        Err(fault) => {
            Tried { name, passed: false, ms, differences: Vec::new(), fault: Some(format!("{fault:#}")) }
        }
    }
}

async fn differences_of(place: &Place, found: Found, update: bool) -> anyhow::Result<Vec<Difference>> {
    let plan = found.plan.map_err(anyhow::Error::msg)?;
    let read = |file: &Path| -> anyhow::Result<Case> {
        serde_json::from_value(json_of(file)?).with_context(|| format!("{} is no case", file.display()))
    };
    let case = match &found.files {
        Files::Pair { event, expected } => Case {
            about: None,
            event: json_of(event)?,
            settings: Default::default(),
            expect: json_of(expected)?,
        },
        Files::One(file) => read(file)?,
    };
    let report = report_of(place, plan, &case).await?;
    let found_differences = differences(&report, &case.expect);
    if update && !found_differences.is_empty() {
        let expect = updated(&report, Some(&case.expect));
        match &found.files {
            Files::Pair { expected, .. } => write(expected, &expect)?,
            Files::One(file) => {
                let mut whole = json_of(file)?;
                whole
                    .as_object_mut()
                    .and_then(|whole| whole.insert("expect".into(), expect))
                    .unwrap_or(Value::Null);
                write(file, &whole)?;
            }
        }
        return Ok(Vec::new());
    }
    Ok(found_differences)
}

async fn report_of(place: &Place, drawn: Drawn, case: &Case) -> anyhow::Result<Report> {
    let trial = case.test_run(drawn.plan, &kinds::catalogue());
    let trial = trial.map_err(|faults| anyhow::Error::msg(words(&faults)))?;
    match place {
        Place::Here(stage) => Ok(stage.run(&trial).await?),
        Place::There(desk) => {
            let definition = Value::clone(&drawn.drawing);
            let body = ToTry {
                drawing: Some(Sketch { name: None, edition: None, definition }),
                event: Some(case.event.clone()),
                settings: case.settings.clone(),
                no_record: true,
                ..ToTry::default()
            };
            Ok(desk.ask(Asked::<Try>::new(Nothing {}, Nothing {}, body)).await?)
        }
    }
}
