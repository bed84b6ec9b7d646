//! `thendo validate`: check workflow files and print every fault.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::kinds::catalogue;
use crate::workflow::compile::compile;
use crate::workflow::diagnostics::{Diagnostic, Severity, any_error};
use crate::workflow::report::{self, Style};

/// Check workflow files; exit 0 if all are valid, 1 if one is not, 2 if one can't be read.
#[derive(Debug, Args)]
pub struct Validate {
    /// Workflow files: React Flow JSON. `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// For people, or one JSON object per file for machines.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Validate {
    /// Checks the files one after the other.
    ///
    /// # Errors
    /// Only if the answer can't be written.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (mut out, mut unreadable, mut invalid) = (std::io::stdout().lock(), false, false);
        for file in &self.files {
            let name = file.display().to_string();
            let source = match read(file) {
                Ok(source) => source,
                Err(error) => {
                    unreadable = true;
                    eprintln!("error: {name} can't be read: {error}");
                    continue;
                }
            };
            let diagnostics = check(&source);
            invalid |= any_error(&diagnostics);
            match self.format {
                Format::Json => writeln!(out, "{}", as_json(&name, &diagnostics))?,
                Format::Text => write_text(&mut out, &name, &source, &diagnostics)?,
            }
        }
        Ok(match (unreadable, invalid) {
            (true, _) => ExitCode::from(2),
            (false, true) => ExitCode::from(1),
            (false, false) => ExitCode::SUCCESS,
        })
    }
}

fn read(file: &std::path::Path) -> std::io::Result<String> {
    if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    }
}

fn check(source: &str) -> Vec<Diagnostic> {
    match report::parse(source) {
        Ok(file) => compile(&file, &catalogue()).diagnostics,
        Err(fault) => vec![*fault],
    }
}

fn as_json(name: &str, diagnostics: &[Diagnostic]) -> serde_json::Value {
    serde_json::json!({"file": name, "valid": !any_error(diagnostics), "diagnostics": diagnostics})
}

/// Faults go to standard error as a compiler's do, the verdict to standard output.
fn write_text(
    out: &mut impl Write,
    name: &str,
    source: &str,
    diagnostics: &[Diagnostic],
) -> anyhow::Result<()> {
    let count = |severity| diagnostics.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if !diagnostics.is_empty() {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let width = terminal_size::terminal_size().map_or(100, |(width, _)| width.0.into());
        eprintln!("{}\n", report::text(name, source, diagnostics, Style { colour, width }));
    }
    let number = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let verdict = if errors == 0 { "valid" } else { "invalid" };
    let counts = match (errors, warnings) {
        (0, 0) => String::new(),
        (0, _) => format!(" ({})", number(warnings, "warning")),
        (_, 0) => format!(" ({})", number(errors, "error")),
        _ => format!(" ({}, {})", number(errors, "error"), number(warnings, "warning")),
    };
    writeln!(out, "{name}: {verdict}{counts}")?;
    Ok(())
}
