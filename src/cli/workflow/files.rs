//! `thendo workflow import|export`, and how a workflow and a file become each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Judged, folder, load, refuse, refused};
use crate::cli::desk::Desk;
use crate::cli::output::{Advice, Format, GOOD, QUIET, WAIT, eprint_line, one_line, print_json, print_line};
use crate::cli::{Session, validate};
use crate::kinds;
use crate::operations::workflows::{self, Files, NewWorkflow, OfWorkflow, VersionPath};
use crate::operations::{Asked, Nothing};
use crate::store::workflow_files::{Stored, WorkflowFile};
use crate::workflow::compile::{MAX_BYTES, compile};
use crate::workflow::diagnostics::{Diagnostic, any_error};
use crate::workflow::hash::{canonical, hash};

/// Bytes of a file: layout and blanks may take more than what is drawn.
const MOST_BYTES: u64 = 8 * MAX_BYTES as u64;
/// Faults with which a drawing can't even be stored.
const UNSTORABLE: &[&str] =
    &["not-json", "not-a-workflow", "bad-name", "unstorable", "too-large", "no-nodes", "not-a-list"];

/// `thendo workflow import`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow import order-thanks.json
  thendo workflow import workflows-examples --format json

They are stored as drafts: nothing runs until `thendo workflow publish`. A draft may still have faults. The
workflow is named by `name` in the file, else by the file. One whose name is taken by another drawing is
refused; if a file can't be read or a name is taken, nothing is stored.")]
pub struct Import {
    /// Files or folders
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `thendo workflow export`
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  thendo workflow export order-thanks > order-thanks.json
  thendo workflow export order-thanks welcome --out workflows
  thendo workflow export order-thanks --version 2

The JSON is sorted and keeps its layout: equal drawings give equal files. With --out each workflow becomes a
file NAME.json, where letters that no file name should have become `-`. A file with another content is not
written over unless --force says so. To keep a folder in step with the database, see `thendo workflow pull`."
)]
pub struct Export {
    /// Names or ids
    #[arg(required = true, value_name = "NAME|ID")]
    workflows: Vec<String>,
    /// The folder to write to, instead of standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// This version, instead of what is drawn now
    #[arg(long, value_name = "N")]
    version: Option<i32>,
    /// Write over files with another content
    #[arg(long)]
    force: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A workflow file, taken apart.
#[derive(Debug)]
pub(in crate::cli) struct FileRead {
    /// Where it is.
    pub path: PathBuf,
    /// As diagnostics point into it.
    pub source: validate::Source,
    /// What it holds.
    pub workflow: WorkflowFile,
}

impl From<WorkflowFile> for NewWorkflow {
    fn from(of: WorkflowFile) -> Self {
        let WorkflowFile { name, description, definition, .. } = of;
        Self { name, description, definition }
    }
}

/// Reads files. Those that hold no workflow come back with why.
pub(in crate::cli) fn read_all(paths: &[PathBuf]) -> anyhow::Result<(Vec<FileRead>, Vec<Judged>)> {
    let (mut read, mut broken) = (Vec::new(), Vec::new());
    for path in paths {
        if let Ok(about) = std::fs::metadata(path)
            && about.len() > MOST_BYTES
        {
            return Err(Advice::error(
                format!("{} has {} bytes: no workflow has that many", path.display(), about.len()),
                format!("a workflow file has at most {MOST_BYTES} bytes"),
            ));
        }
        let source = match validate::try_read(path)? {
            Ok(source) => source,
            Err((source, fault)) => {
                broken.push((source, vec![*fault]));
                continue;
            }
        };
        let workflow = match load::read(&source.text, &load::name_of(path), &source.name) {
            Ok(workflow) => workflow,
            Err(fault) => {
                let fault = Diagnostic::error("not-a-workflow", fault.to_string()).at("");
                broken.push((source, vec![fault]));
                continue;
            }
        };
        match name_fault(&workflow) {
            Some(fault) => broken.push((source, vec![fault])),
            None => read.push(FileRead { path: path.clone(), source, workflow }),
        }
    }
    let mut names: BTreeMap<&str, &Path> = BTreeMap::new();
    for file in &read {
        if let Some(other) = names.insert(&file.workflow.name, &file.path) {
            let (name, other, path) = (one_line(&file.workflow.name), other.display(), file.path.display());
            return Err(Advice::error(
                format!("{other} and {path} are both called `{name}`: nothing was stored"),
                "give one of them another `name`",
            ));
        }
    }
    Ok((read, broken))
}

fn name_fault(of: &WorkflowFile) -> Option<Diagnostic> {
    let fault = |what: &str| Some(Diagnostic::error("bad-name", what).at("/name"));
    match of.name.chars().count() {
        0 => fault("the name is empty"),
        201.. => fault("the name has more than 200 letters"),
        _ if of.name.contains('\0') => fault("the name has the letter U+0000, which can't be stored"),
        _ if of.description.as_ref().is_some_and(|text| text.contains('\0')) => {
            fault("the description has the letter U+0000, which can't be stored")
        }
        _ => None,
    }
}

/// Those that can't be published, with why.
pub(super) fn faulty(read: &[FileRead]) -> Vec<Judged> {
    judged(read, any_error)
}

/// Those that can't even be stored as a draft, with why.
pub(super) fn unstorable(read: &[FileRead]) -> Vec<Judged> {
    judged(read, |found| found.iter().any(|fault| UNSTORABLE.contains(&fault.code)))
}

fn judged(read: &[FileRead], is_bad: impl Fn(&[Diagnostic]) -> bool) -> Vec<Judged> {
    let catalogue = kinds::catalogue();
    let compiled = read.iter().map(|file| (file, compile(&file.source.value, &catalogue).diagnostics));
    compiled
        .filter(|(_, found)| is_bad(found))
        .map(|(file, found)| {
            let source = &file.source;
            let (name, text, value) = (source.name.clone(), source.text.clone(), source.value.clone());
            (validate::Source { name, text, value }, found)
        })
        .collect()
}

/// The content of a workflow's file: the drawing with name and description beside it.
pub(super) fn content(name: &str, description: Option<&str>, drawing: &Value) -> Value {
    let mut members = drawing.as_object().cloned().unwrap_or_default();
    members.insert("name".into(), name.into());
    match description {
        Some(description) => members.insert("description".into(), description.into()),
        None => members.remove("description"),
    };
    Value::Object(members)
}

/// The same text for the same content: keys sorted, one line end at the end.
pub(super) fn text_of(content: &Value) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(content)?))
}

/// Tells one content from another, layout included.
pub(super) fn fingerprint(content: &Value) -> String {
    hash(vec![canonical(content)])
}

/// Says of each draft with faults that it can't be published yet.
pub(super) fn warn_of_faults(read: &[FileRead]) {
    for (source, found) in faulty(read) {
        eprint_line(format_args!(
            "{WAIT}warning{WAIT:#}: {} can't be published yet: {} faults, see `thendo validate`",
            source.name,
            found.len()
        ));
    }
}

impl Import {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let paths =
            self.paths.iter().map(|path| load::files_in(path)).collect::<anyhow::Result<Vec<_>>>()?.concat();
        let (read, mut bad) = read_all(&paths)?;
        bad.extend(unstorable(&read));
        if !bad.is_empty() {
            return refuse(&bad, self.format, "imported", paths.len());
        }
        let workflows = read.iter().map(|file| file.workflow.clone().into()).collect();
        let asked = Asked::<workflows::Import>::new(Nothing {}, Nothing {}, Files { workflows });
        let stored = match session.desk().await?.ask(asked).await {
            Ok(stored) => stored,
            Err(refusal) => return refused(refusal, self.format),
        };
        if self.format == Format::Json {
            print_json(&stored)?;
        } else {
            warn_of_faults(&read);
            for of in stored {
                let what = if of.stored == Stored::Added { "added as a draft" } else { "was there" };
                print_line(format_args!("{GOOD}●{GOOD:#} {} {what}", one_line(&of.name)))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Export {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        if self.out.is_none() && self.workflows.len() > 1 {
            let help = "name a folder with --out";
            return Err(Advice::error("several workflows don't fit on standard output", help));
        }
        let desk = session.desk().await?;
        let mut found = Vec::with_capacity(self.workflows.len());
        for name in &self.workflows {
            found.push(self.one(&desk, name.clone()).await?);
        }
        let Some(dir) = &self.out else {
            for (_, _, text) in found {
                print_line(text.trim_end())?;
            }
            return Ok(ExitCode::SUCCESS);
        };
        let mut names = folder::Names::default();
        let mut files = Vec::with_capacity(found.len());
        for (id, name, text) in found {
            let path = dir.join(format!("{}.json", names.of(&name, id)));
            let is_other = std::fs::read_to_string(&path)
                .map_or_else(|fault| fault.kind() != std::io::ErrorKind::NotFound, |there| there != text);
            if is_other && !self.force {
                return Err(Advice::error(
                    format!("{} is there with another content: nothing was written", path.display()),
                    "say --force to write over it",
                ));
            }
            files.push((id, name, path, text));
        }
        for (_, _, path, text) in &files {
            folder::write(path, text)?;
        }
        if self.format == Format::Json {
            let list = files.iter().map(|(id, name, path, _)| json!({"id": id, "name": name, "file": path}));
            return print_json(&list.collect::<Vec<Value>>()).map(|()| ExitCode::SUCCESS);
        }
        for (_, name, path, _) in &files {
            let name = one_line(name);
            print_line(format_args!("{GOOD}●{GOOD:#} {name} {QUIET}{}{QUIET:#}", path.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The id, the name and the file of a workflow.
    async fn one(&self, desk: &Desk, workflow: String) -> anyhow::Result<(Uuid, String, String)> {
        let Some(number) = self.version else {
            let path = OfWorkflow { workflow };
            let draft = desk.ask(Asked::<workflows::ReadDraft>::new(path, Nothing {}, Nothing {})).await?;
            let text = text_of(&content(&draft.name, draft.description.as_deref(), draft.drawing()?))?;
            return Ok((draft.id, draft.name, text));
        };
        let path = VersionPath { workflow, number };
        let of = desk.ask(Asked::<workflows::ShowVersion>::new(path, Nothing {}, Nothing {})).await?;
        let text = text_of(&content(&of.workflow, of.description.as_deref(), &of.definition))?;
        Ok((of.id, of.workflow, text))
    }
}
