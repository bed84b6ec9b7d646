//! `thendo workflow load`: publishes workflows from files.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::refused;
use crate::cli::output::{Advice, BAD, Format, GOOD, eprint_line, one_line, print_json, print_line};
pub(super) use crate::cli::validate::name_of;
use crate::cli::{Session, validate};
use crate::kinds;
use crate::operations::examples::EXAMPLES;
use crate::operations::workflows::{self, ToLoad};
use crate::operations::{Asked, Nothing};
use crate::store::workflow_files::WorkflowFile;
use crate::workflow::compile::compile;
use crate::workflow::diagnostics::any_error;

/// `thendo workflow load`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo workflow load order-thanks.json
  thendo workflow load workflows-examples

A folder stands for every NAME/workflow.json and NAME.json in it. The workflow is named by `name` in the
file, else by NAME. Every file is
checked first; if one is broken, nothing is loaded. The daemon has it in force within a second,
also where it was paused.")]
pub struct Load {
    /// Files or folders
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Load also where a draft that is in no version is lost by it
    #[arg(long)]
    force: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Load {
    /// Runs it.
    ///
    /// # Errors
    /// When a file is no workflow (then none is stored) or the database can't be written.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let Some(files) = self.checked()? else { return Ok(ExitCode::FAILURE) };
        let workflows = files.into_iter().map(Into::into).collect();
        let asked =
            Asked::<workflows::Load>::new(Nothing {}, Nothing {}, ToLoad { workflows, force: self.force });
        let stored = match session.desk().await?.ask(asked).await {
            Ok(stored) => stored,
            Err(refusal) => return refused(refusal, self.format),
        };
        if self.format == Format::Json {
            print_json(&stored)?;
        } else {
            for of in stored {
                let stored = format!("{:?}", of.stored).to_lowercase();
                print_line(format_args!("{GOOD}●{GOOD:#} {} {stored}", one_line(&of.name)))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// All files, if every one of them compiles; else their faults are printed.
    fn checked(&self) -> anyhow::Result<Option<Vec<WorkflowFile>>> {
        let catalogue = kinds::catalogue();
        let (mut files, mut broken) = (Vec::new(), 0);
        for file in self.paths.iter().map(|path| files_in(path)).collect::<anyhow::Result<Vec<_>>>()?.concat()
        {
            let Some(source) = validate::read(&file, self.format)? else {
                broken += 1;
                continue;
            };
            let diagnostics = compile(&source.value, &catalogue).diagnostics;
            if any_error(&diagnostics) {
                validate::print(&source, &diagnostics, self.format)?;
                broken += 1;
            } else {
                files.push(read(&source.text, &name_of(&file), &source.name)?);
            }
        }
        if broken == 0 {
            return Ok(Some(files));
        }
        eprint_line(format_args!(
            "{BAD}error{BAD:#}: nothing was loaded: {broken} of the files can't be published"
        ));
        Ok(None)
    }
}

/// The examples that run from the first start on; the others wait as drafts for whoever wants them.
const STARTERS: &[&str] = &["post-to-editor", "waitlist-welcome", "welcome-points"];

/// The examples that are built in.
///
/// # Errors
/// When one of them is no JSON.
pub fn examples() -> anyhow::Result<Vec<WorkflowFile>> {
    let example = |(name, text, ..): &(&str, &str, &str, &str)| {
        let file = read(text, name, &format!("the example {name}"))?;
        Ok(WorkflowFile { as_draft: !STARTERS.contains(name), ..file })
    };
    EXAMPLES.iter().map(example).collect()
}

/// The workflow files that a path stands for.
///
/// # Errors
/// When a folder can't be read or holds none.
pub(super) fn files_in(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let own = path.join("workflow.json");
    if own.is_file() {
        return Ok(vec![own]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).with_context(|| format!("can't read {}", path.display()))? {
        let entry = entry?.path();
        // Editors' and our own notes about the folder.
        if entry.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        if entry.join("workflow.json").is_file() {
            found.push(entry.join("workflow.json"));
        } else if entry.is_file() && entry.extension() == Some(OsStr::new("json")) {
            found.push(entry);
        }
    }
    if found.is_empty() {
        let help = "name a folder with NAME/workflow.json or NAME.json in it";
        return Err(Advice::error(format!("{} holds no workflow", path.display()), help));
    }
    found.sort();
    Ok(found)
}

/// Takes a file apart: its name and description are columns of their own.
///
/// # Errors
/// When it is no workflow.
pub(super) fn read(text: &str, name: &str, from: &str) -> anyhow::Result<WorkflowFile> {
    let refuse = |reason: String| {
        Advice::error(
            format!("{from} is no workflow: {reason}"),
            "`thendo validate FILE` says all that is wrong with one",
        )
    };
    let mut definition: Value = serde_json::from_str(text).map_err(|fault| refuse(fault.to_string()))?;
    let Some(members) = definition.as_object_mut() else { return Err(refuse("it is no JSON object".into())) };
    if !members.contains_key("nodes") || !members.contains_key("edges") {
        return Err(refuse("`nodes` or `edges` is missing".into()));
    }
    // Both are columns of their own.
    let mut taken = |key: &str| members.remove(key).and_then(|value| value.as_str().map(str::to_owned));
    let (named, description) = (taken("name"), taken("description"));
    Ok(WorkflowFile {
        name: named.unwrap_or_else(|| name.to_owned()),
        description,
        definition,
        as_draft: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_is_named_by_its_file_or_itself() {
        assert_eq!(name_of(Path::new("/x/thanks/workflow.json")), "thanks");
        assert_eq!(name_of(Path::new("/x/thanks.json")), "thanks");
        let named = read("{\"name\": \"Thanks\", \"nodes\": [], \"edges\": []}", "file", "f").expect("reads");
        assert_eq!(named.name, "Thanks");
        assert_eq!(named.definition, serde_json::json!({"nodes": [], "edges": []}));
        assert!(
            read("[]", "x", "x.json").expect_err("no object").to_string().contains("x.json is no workflow")
        );
    }

    #[test]
    fn the_built_in_examples_can_be_read() {
        let examples = examples().expect("all read");
        assert_eq!(examples.len(), EXAMPLES.len());
        assert_eq!(examples.iter().filter(|example| !example.as_draft).count(), STARTERS.len());
    }
}
