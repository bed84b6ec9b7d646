//! `thendo validate`: every fault of workflow files, as a good compiler tells it.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::output::{Advice, Format, eprint_line, print_error, print_json, print_line};
use crate::kinds;
use crate::workflow::compile::compile;
use crate::workflow::diagnostics::{Diagnostic, Severity, any_error};
use crate::workflow::report::{self, Style};

/// `thendo validate`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo validate workflow.json
  thendo validate --format json workflows-examples/*/workflow.json

With --format json, one file gives one object, several give a list of them.
Exits 0 if all files are valid, 1 if one is not, 2 if one can't be read. Warnings alone are valid.")]
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
        for file in &self.files {
            let (source, diagnostics) = match try_read(file) {
                Ok(Ok(source)) => {
                    let diagnostics = compile(&source.value, &catalogue).diagnostics;
                    (source, diagnostics)
                }
                Ok(Err((source, fault))) => (source, vec![*fault]),
                Err(fault) => {
                    print_error(&fault);
                    unreadable = true;
                    continue;
                }
            };
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

/// Prints the diagnostics of a file: for people the faults on standard error and the verdict on standard output.
///
/// # Errors
/// When it can't be written.
pub fn print(source: &Source, diagnostics: &[Diagnostic], format: Format) -> anyhow::Result<()> {
    let valid = !any_error(diagnostics);
    if format == Format::Json {
        return print_json(&verdict(source, diagnostics));
    }
    if !diagnostics.is_empty() {
        let colour = std::io::stderr().is_terminal();
        let width = terminal_size::terminal_size().map_or(100, |(width, _)| width.0.into());
        let text = report::text(&source.name, &source.text, diagnostics, Style { colour, width });
        eprint_line(format_args!("{text}\n"));
    }
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
