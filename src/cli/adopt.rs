//! `thendo migrate --adopt`: an existing shop is taken in, and told what is otherwise there.

use std::process::ExitCode;

use secrecy::SecretString;

use super::migrate;
use super::output::{BAD, Format, GOOD, QUIET, STRONG, WAIT, one_line, print_json, print_line};
use crate::database::adopt::{self, AdoptError, Difference, Report, Step, Weight};
use crate::store;

/// Longer definitions are shortened for people; `--format json` has them whole.
const LONGEST: usize = 160;

/// Adopts and prints the report.
///
/// # Errors
/// When the database can't be reached, is thendo's already, or has something that the engine can't work with.
pub(super) async fn run(url: &SecretString, dry_run: bool, format: Format) -> anyhow::Result<ExitCode> {
    let all = store::statements();
    let statements: Vec<(&str, &str)> = all.map(|sql| (sql.name, sql.text)).collect();
    let report = adopt::run(url, dry_run, &statements, |step| {
        if format == Format::Text {
            tell(&step);
        }
    })
    .await?;
    match format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&report)?,
    }
    if report.is_blocked() {
        if dry_run {
            return Ok(ExitCode::FAILURE);
        }
        let (what, mend) = (report.obstacles_in_words(), report.mends());
        return Err(AdoptError::Obstacles { what, mend }.into());
    }
    Ok(ExitCode::SUCCESS)
}

/// One line of progress.
fn tell(step: &Step<'_>) {
    let line = match step {
        Step::Migrate(progress) => return migrate::tell(progress),
        Step::Phase(what) => format!("{QUIET}… {what}{QUIET:#}"),
        Step::Table(table) => format!("{QUIET}…   {table}{QUIET:#}"),
        Step::Again(held) => {
            format!("{WAIT}◐{WAIT:#} {}: all taken back, trying once more", one_line(held))
        }
    };
    // A reader that went away does not stop an adoption.
    let _unheard = print_line(line);
}

fn print(report: &Report) -> anyhow::Result<()> {
    for added in &report.added {
        print_line(format_args!("{GOOD}+{GOOD:#} {}", one_line(added)))?;
    }
    for table in &report.left_alone {
        print_line(format_args!("{QUIET}○ {table}: Medusa's, left alone{QUIET:#}"))?;
    }
    for name in &report.picked_up {
        print_line(format_args!("{GOOD}●{GOOD:#} {}: picked up", one_line(name)))?;
    }
    if !report.differences.is_empty() {
        print_line(format_args!("\n{STRONG}What is otherwise than thendo would have made it{STRONG:#}"))?;
    }
    let width =
        report.differences.iter().map(|found| found.object.chars().count()).max().unwrap_or(0).min(40);
    for difference in &report.differences {
        print_difference(difference, width)?;
    }
    for obstacle in &report.obstacles {
        let reason = one_line(&obstacle.reason);
        print_line(format_args!("{BAD}✕ the engine's statement {}{BAD:#}: {reason}", obstacle.statement))?;
        if !obstacle.about.is_empty() {
            print_line(format_args!("    about   {}", obstacle.about.join(", ")))?;
        }
        print_line(format_args!("    mend    {}", one_line(&obstacle.mend)))?;
    }
    print_line(summary(report))
}

fn print_difference(found: &Difference, width: usize) -> anyhow::Result<()> {
    let (style, shape, word) = match found.weight {
        Weight::Blocks => (BAD, "✕", "blocks"),
        Weight::Warns => (WAIT, "◐", "does not block; look at it"),
        Weight::Note => (QUIET, "○", "does not block"),
    };
    print_line(format_args!("{style}{shape} {:<width$}{style:#}  {word}", one_line(&found.object)))?;
    print_line(format_args!("    there   {}", short(&found.there)))?;
    print_line(format_args!("    thendo  {}", short(&found.expected)))?;
    if !found.mend.is_empty() {
        print_line(format_args!("    {QUIET}mend    {}{QUIET:#}", one_line(&found.mend)))?;
    }
    Ok(())
}

fn summary(report: &Report) -> String {
    let (added, differ) = (report.added.len(), report.differences.len());
    let counted = format!("{added} added, {differ} differences, {} migrations recorded", report.recorded);
    match (report.adopted, report.is_blocked(), report.dry_run) {
        (true, ..) => format!("\n{GOOD}●{GOOD:#} adopted: {counted}; what was there is as it was"),
        (_, true, true) => format!("\n{BAD}✕{BAD:#} it would be refused: {counted}; nothing was changed"),
        (_, true, false) => format!("\n{BAD}✕{BAD:#} not adopted; nothing was changed"),
        (_, false, _) => format!("\n{WAIT}◐{WAIT:#} only tried: {counted}; all taken back"),
    }
}

fn short(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = one_line(&text);
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
