//! `thendo catalog`: every kind of node there is, for people, for editors and for the docs.

mod markdown;
mod settings;

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::output::{Advice, QUIET, STRONG, print_json, print_line};
use crate::http::api;
use crate::kinds;
use crate::workflow::catalogue::RetryClass;
use crate::workflow::describe::{Described, describe, describe_all};
use crate::workflow::diagnostics::nearest;
use crate::workflow::subjects::Field;

/// `thendo catalog`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo catalog
  thendo catalog award_points
  thendo catalog --format json                 for editors: forms come from each kind's schema
  thendo catalog --format markdown > nodes.md
  thendo catalog --format openapi              the API of the daemon, as OpenAPI")]
pub struct Catalog {
    /// One kind, in full
    kind: Option<String>,
    /// For people, for programs or for the docs
    #[arg(long, value_enum, default_value_t)]
    format: CatalogFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum CatalogFormat {
    #[default]
    Text,
    Json,
    Markdown,
    /// The API of the daemon
    Openapi,
}

/// The roles in the order in which people meet them, and their headings.
const ROLES: &[(&str, &str)] =
    &[("trigger", "Triggers"), ("condition", "Conditions"), ("control", "Controls"), ("action", "Actions")];

impl Catalog {
    /// Prints what was asked for.
    ///
    /// # Errors
    /// When there is no such kind.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if self.format == CatalogFormat::Openapi {
            print_json(api::document())?;
            return Ok(ExitCode::SUCCESS);
        }
        let catalogue = kinds::catalogue();
        let Some(name) = &self.kind else {
            let all = describe_all(&catalogue);
            match self.format {
                CatalogFormat::Json => print_json(&all)?,
                CatalogFormat::Markdown => print_line(markdown::page(&all).trim_end())?,
                CatalogFormat::Text | CatalogFormat::Openapi => list(&all)?,
            }
            return Ok(ExitCode::SUCCESS);
        };
        let Some(kind) = catalogue.find(name) else {
            let help = nearest(name, catalogue.names()).map_or_else(
                || "`thendo catalog` lists all kinds".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Advice::error(format!("there is no kind `{}`", name.escape_debug()), help));
        };
        let kind = describe(&kind);
        match self.format {
            CatalogFormat::Json => print_json(&kind)?,
            CatalogFormat::Markdown => print_line(markdown::section(&kind).trim_end())?,
            CatalogFormat::Text | CatalogFormat::Openapi => in_full(&kind)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The kinds of each role, a line each.
fn list(all: &[Described]) -> anyhow::Result<()> {
    for (role, heading) in ROLES {
        let of_role: Vec<&Described> = all.iter().filter(|kind| kind.role == *role).collect();
        if of_role.is_empty() {
            continue;
        }
        print_line(format_args!("{STRONG}{heading}{STRONG:#}"))?;
        for kind in of_role {
            let first = kind.docs.split_once(". ").map_or(kind.docs, |(first, _)| first);
            let (name, label, icon) = (kind.name, kind.label, kind.icon);
            let first = first.trim_end_matches('.');
            print_line(format_args!("  {name:<22} {label:<24} {QUIET}{icon:<20}{QUIET:#} {first}"))?;
        }
    }
    Ok(())
}

/// All that is known of one kind.
fn in_full(kind: &Described) -> anyhow::Result<()> {
    print_line(format_args!(
        "{STRONG}{}{STRONG:#}  {}  {QUIET}{}, icon {}{QUIET:#}",
        kind.name, kind.label, kind.role, kind.icon
    ))?;
    print_line(kind.docs)?;
    print_line(format_args!("\n{STRONG}Settings{STRONG:#}"))?;
    let rows = settings::rows(&kind.schema);
    if rows.is_empty() {
        print_line("  none")?;
    }
    for row in rows {
        print_line(format_args!(
            "  {STRONG}{}{STRONG:#}  {QUIET}{}, {}{QUIET:#}",
            row.name, row.ty, row.need
        ))?;
        if !row.docs.is_empty() {
            print_line(format_args!("      {}", row.docs))?;
        }
    }
    let example = serde_json::to_string_pretty(&kind.example)?.replace('\n', "\n  ");
    print_line(format_args!("\n{STRONG}Example{STRONG:#}\n  {example}"))?;
    for (heading, words) in facts(kind) {
        print_line(format_args!("\n{STRONG}{heading}{STRONG:#}"))?;
        for line in words {
            print_line(format_args!("  {line}"))?;
        }
    }
    Ok(())
}

/// What else is known of a kind: headings with their lines.
fn facts(kind: &Described) -> Vec<(&'static str, Vec<String>)> {
    let mut facts = Vec::new();
    let mut branches = Vec::new();
    if !kind.branches.is_empty() {
        branches.push(kind.branches.join(", "));
    }
    branches.extend(kind.branches_from.map(|from| format!("as the items of `{from}` are named")));
    branches.extend(kind.error_branch.map(|name| format!("`{name}` when it fails")));
    if !branches.is_empty() {
        facts.push(("Branches", branches));
    }
    let gives = kind.gives.iter().flatten().map(|of| {
        let more = if of.open { ", and others" } else { "" };
        let done = of.operations.join(", ");
        format!("{} ({} of {}): {}{more}", of.subject, done, of.table, fields(of.fields))
    });
    let gives: Vec<String> = gives.collect();
    if !gives.is_empty() {
        facts.push(("Gives", gives));
    }
    if !kind.result.is_empty() {
        facts.push(("Result, as steps.NODE", vec![fields(kind.result)]));
    }
    let needs: Vec<String> = kind.needs.iter().flatten().map(|need| need.replace('|', " or ")).collect();
    if !needs.is_empty() {
        facts.push(("Needs", needs));
    }
    let writes = kind.writes.iter().flatten().map(|to| format!("{} of {}", to.operation, to.table));
    let writes: Vec<String> = writes.collect();
    if !writes.is_empty() {
        facts.push(("Writes", writes));
    }
    if let Some(retry) = kind.retry {
        facts.push(("When it fails", vec![retry_in_words(retry).into()]));
    }
    facts
}

fn fields(fields: &[Field]) -> String {
    let named =
        fields.iter().map(|field| format!("{} ({})", field.name, format!("{:?}", field.ty).to_lowercase()));
    named.collect::<Vec<_>>().join(", ")
}

fn retry_in_words(retry: RetryClass) -> &'static str {
    match retry {
        RetryClass::Database => "it is part of the execution's own transaction: done once, or not at all",
        RetryClass::Harmless => "it is tried again: the other side knows it by its key",
        RetryClass::Once => {
            "it is tried again only while nothing can have arrived; else its outcome is unknown"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_page_is_what_the_catalogue_says() {
        let fresh = markdown::page(&describe_all(&kinds::catalogue()));
        assert!(
            fresh == include_str!("../../../docs/nodes.md"),
            "docs/nodes.md is not what the catalogue says: run `make docs`"
        );
    }

    #[test]
    fn every_kind_is_on_the_page_and_under_a_heading() {
        let all = describe_all(&kinds::catalogue());
        let page = markdown::page(&all);
        for kind in &all {
            assert!(ROLES.iter().any(|(role, _)| *role == kind.role), "{}", kind.role);
            assert!(page.contains(&format!("\n### `{}`: {}\n", kind.name, kind.label)), "{}", kind.name);
        }
    }
}
