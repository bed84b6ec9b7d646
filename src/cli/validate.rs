//! `thendo validate`: every fault of workflow files, as a good compiler tells it.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::output::{Advice, Format, eprint_line, print_error, print_json, print_line};
use crate::kinds;
use crate::workflow::compile::{Compiled, compile};
use crate::workflow::cycles::{Named, through_database};
use crate::workflow::diagnostics::{Diagnostic, Severity, any_error};
use crate::workflow::plan::Plan;
use crate::workflow::report::{self, Style};

/// `thendo validate`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo validate workflow.json
  thendo validate --format json workflows-examples/*/workflow.json

With --format json, one file gives one object, several give a list of them.
Exits 0 if all files are valid, 1 if one is not, 2 if one can't be read. Warnings alone are valid.
Of several files it is told, too, where they would start each other in a circle.")]
pub struct Validate {
    /// Workflow files: React Flow JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A JSON file, read.
#[derive(Debug)]
pub struct Source {
    /// Its name, as messages show it.
    pub name: String,
    /// What it says.
    pub text: String,
    /// What it means.
    pub value: Value,
}

impl Validate {
    /// Checks the files one after the other and prints what is wrong with them.
    ///
    /// # Errors
    /// Only when the answer can't be written.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let catalogue = kinds::catalogue();
        let (mut unreadable, mut invalid) = (false, false);
        let as_list = self.format == Format::Json && self.files.len() > 1;
        let mut verdicts = Vec::new();
        let mut checked = Vec::with_capacity(self.files.len());
        for file in &self.files {
            match try_read(file) {
                Ok(Ok(source)) => {
                    let Compiled { plan, diagnostics } = compile(&source.value, &catalogue);
                    let named = plan.map(|plan| (name_in(&source.value, file), plan));
                    checked.push((source, diagnostics, named));
                }
                Ok(Err((source, fault))) => checked.push((source, vec![*fault], None)),
                Err(fault) => {
                    print_error(&fault);
                    unreadable = true;
                }
            }
        }
        warn_of_cycles(&mut checked);
        for (source, diagnostics, _) in checked {
            invalid |= any_error(&diagnostics);
            match as_list {
                true => verdicts.push(verdict(&source, &diagnostics)),
                false => print(&source, &diagnostics, self.format)?,
            }
        }
        if as_list {
            print_json(&verdicts)?;
        }
        Ok(match (unreadable, invalid) {
            (true, _) => ExitCode::from(2),
            (false, true) => ExitCode::FAILURE,
            (false, false) => ExitCode::SUCCESS,
        })
    }
}

/// A file with what is wrong with it, and its workflow with its name if there is one.
type Checked = (Source, Vec<Diagnostic>, Option<(String, Plan)>);

/// Warns of the cycles through the database that the files make with each other.
fn warn_of_cycles(checked: &mut [Checked]) {
    let found: Vec<Vec<Diagnostic>> = {
        let plans = || checked.iter().filter_map(|(_, _, named)| named.as_ref());
        let all: Vec<Named<'_>> = plans().map(|(name, plan)| Named { name, plan }).collect();
        let cycles = |(_, _, named): &Checked| match named {
            Some((name, plan)) => through_database(Named { name, plan }, &all),
            None => Vec::new(),
        };
        checked.iter().map(cycles).collect()
    };
    for ((_, diagnostics, _), cycles) in checked.iter_mut().zip(found) {
        diagnostics.extend(cycles);
    }
}

/// What a workflow is called: its `name`, else as its file is.
fn name_in(value: &Value, file: &Path) -> String {
    let own = value.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    own.map_or_else(|| name_of(file), str::to_owned)
}

/// `NAME` of `NAME/workflow.json` and of `NAME.json`.
pub fn name_of(file: &Path) -> String {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let is_plain = absolute.file_name() == Some(OsStr::new("workflow.json"));
    let name = if is_plain { absolute.parent().and_then(Path::file_name) } else { absolute.file_stem() };
    name.unwrap_or(absolute.as_os_str()).to_string_lossy().into_owned()
}

/// Reads a JSON file. `None` if it is not JSON: then that is printed already.
///
/// # Errors
/// When it can't be read at all.
pub fn read(file: &Path, format: Format) -> anyhow::Result<Option<Source>> {
    match try_read(file)? {
        Ok(source) => Ok(Some(source)),
        Err((source, fault)) => {
            print(&source, &[*fault], format)?;
            Ok(None)
        }
    }
}

/// The file, or why it is not JSON.
///
/// # Errors
/// When it can't be read at all.
pub fn try_read(file: &Path) -> anyhow::Result<Result<Source, (Source, Box<Diagnostic>)>> {
    let name = file.display().to_string();
    let text = match file.as_os_str() == "-" {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(file),
    };
    let text = text.map_err(|fault| {
        Advice::error(format!("{name} can't be read: {fault}"), "name a file of JSON that is there")
    })?;
    let text = without_mark(text);
    Ok(match report::parse(&text) {
        Ok(value) => Ok(Source { name, text, value }),
        Err(fault) => Err((Source { name, text, value: Value::Null }, fault)),
    })
}

/// A text without the byte order mark that some editors put at its start.
pub fn without_mark(text: String) -> String {
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

/// The answer for machines.
pub fn verdict(source: &Source, diagnostics: &[Diagnostic]) -> Value {
    json!({"file": source.name, "valid": !any_error(diagnostics), "diagnostics": diagnostics})
}

/// Shows each fault on standard error, with an excerpt.
pub(super) fn explain(source: &Source, diagnostics: &[Diagnostic]) {
    if !diagnostics.is_empty() {
        let colour = std::io::stderr().is_terminal();
        let width = terminal_size::terminal_size().map_or(100, |(width, _)| width.0.into());
        let text = report::text(&source.name, &source.text, diagnostics, Style { colour, width });
        eprint_line(format_args!("{text}\n"));
    }
}

/// Prints the diagnostics of a file: for people the faults on standard error and the verdict on standard output.
///
/// # Errors
/// When it can't be written.
pub fn print(source: &Source, diagnostics: &[Diagnostic], format: Format) -> anyhow::Result<()> {
    let valid = !any_error(diagnostics);
    if format == Format::Json {
        return print_json(&verdict(source, diagnostics));
    }
    explain(source, diagnostics);
    let count = |severity, what| {
        let count = diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        (count > 0).then(|| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
    };
    let counts: Vec<String> = [count(Severity::Error, "error"), count(Severity::Warning, "warning")]
        .into_iter()
        .flatten()
        .collect();
    let counts = if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
    print_line(format_args!("{}: {}{counts}", source.name, if valid { "valid" } else { "invalid" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(file: &str, value: Value) -> Checked {
        let Compiled { plan, diagnostics } = compile(&value, &kinds::catalogue());
        let named = plan.map(|plan| (name_in(&value, Path::new(file)), plan));
        (Source { name: file.into(), text: String::new(), value }, diagnostics, named)
    }

    fn that_starts(starts: &str) -> Value {
        json!({
            "nodes": [
                {"id": "t", "data": {"triggerType": "manual"}},
                {"id": "next", "data": {"controlType": "start_workflow", "config": {"workflow": starts}}},
            ],
            "edges": [{"source": "t", "target": "next"}],
        })
    }

    #[test]
    fn files_that_start_each_other_in_a_circle_are_told() {
        let mut named = that_starts("second");
        named["name"] = "First".into();
        let mut all = vec![
            checked("folder/one.json", named),
            checked("second/workflow.json", that_starts("third")),
            checked("third.json", that_starts("First")),
            checked("alone.json", that_starts("nobody")),
            checked("broken.json", json!([])),
        ];
        warn_of_cycles(&mut all);
        let codes = |at: usize| all[at].1.iter().map(|fault| fault.code).collect::<Vec<_>>();
        for (source, told, _) in &all[..3] {
            let codes: Vec<_> = told.iter().map(|fault| fault.code).collect();
            assert_eq!(codes, ["cycle-through-database"], "{}: {told:?}", source.name);
        }
        assert_eq!((codes(3), codes(4)), (vec![], vec!["not-an-object"]));
        assert!(all[0].1[0].message.contains("`third`"), "{}", all[0].1[0].message);
        let mut two: Vec<Checked> = all.drain(..).skip(1).take(2).collect();
        two.iter_mut().for_each(|(_, diagnostics, _)| diagnostics.clear());
        warn_of_cycles(&mut two);
        assert!(two.iter().all(|(_, diagnostics, _)| diagnostics.is_empty()), "without the first no circle");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("it.json");
        std::fs::write(&file, "\u{feff}{\"nodes\": []}").expect("written");
        let source =
            try_read(&file).expect("it can be read").map_err(|(_, fault)| fault).expect("it is JSON");
        assert_eq!((source.text.as_str(), source.value), ("{\"nodes\": []}", json!({"nodes": []})));
    }
}
