//! A test run's report, for people: steps, then what would change, then the mails as they would arrive.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cli::output::{BAD, GOOD, QUIET, STRONG, WAIT, one_line, print_line, shape, step_line};
use crate::domain::effect::{Email, Outgoing};
use crate::domain::execution::Change;
use crate::testrun::{Outcome, Report, WouldStart};

/// The report for people: steps, then what would change, then the mails as they would arrive, on request as HTML, too.
pub fn print_report(name: &str, report: &Report, html: bool) -> anyhow::Result<()> {
    let outcome = serde_json::to_value(report.outcome)?;
    let outcome = outcome.as_str().unwrap_or_default();
    let (style, shape) = shape(outcome);
    print_line(format!("{style}{shape} {outcome}{style:#}  {QUIET}{}{QUIET:#}", one_line(name)))?;
    if report.outcome == Outcome::Filtered {
        return print_line("  its trigger does not start for this event");
    }
    for step in &report.steps {
        print_line(format!("  {}", step_line(&serde_json::to_value(step)?)))?;
    }
    for timer in &report.timers {
        let until = timer.until.format("%Y-%m-%d %H:%M:%S UTC");
        print_line(format!("  {QUIET}{} would rest until {until}; passed by here{QUIET:#}", timer.node))?;
    }
    if !report.changes.is_empty() {
        print_line(format!("\n{STRONG}Would change{STRONG:#}"))?;
        for change in &report.changes {
            print_change(change)?;
        }
    }
    for delivery in &report.deliveries {
        let email = match &delivery.what {
            Outgoing::Email(email) => email,
            Outgoing::SuppressedEmail { email, suppressed } => {
                let (to, why) = (one_line(&email.to), one_line(suppressed));
                print_line(format!("\n{STRONG}Would not send{STRONG:#}  to {to}: {why}"))?;
                print_mail(email, &delivery.headers, html)?;
                continue;
            }
            Outgoing::Http(request) => {
                let (method, url) = (&request.method, one_line(&request.url.to_string()));
                print_line(format!("\n{STRONG}Would ask{STRONG:#}  {method} {url}"))?;
                for (name, value) in &request.headers {
                    print_line(format!("  {name}: {}", one_line(&value.to_string())))?;
                }
                let body = request.body.as_ref().map(ToString::to_string).unwrap_or_default();
                for line in body.lines() {
                    print_line(format!("  {}", one_line(line)))?;
                }
                continue;
            }
        };
        print_line(format!("\n{STRONG}Would send{STRONG:#}  to {}", one_line(&email.to)))?;
        print_mail(email, &delivery.headers, html)?;
    }
    print_starts(report)?;
    print_line(format!("\n{QUIET}Nothing was changed and nothing was sent.{QUIET:#}"))
}

fn print_change(change: &Change) -> anyhow::Result<()> {
    print_line(format!("  {} {QUIET}{}{QUIET:#}", change.table, one_line(&change.key)))?;
    let member = |side: &Option<Value>, name: &str| {
        side.as_ref().and_then(|side| side.get(name)).map(|value| one_line(&value.to_string()))
    };
    let names: BTreeSet<&String> = [&change.before, &change.after]
        .into_iter()
        .filter_map(|side| side.as_ref()?.as_object())
        .flat_map(|members| members.keys())
        .collect();
    for name in names {
        match (member(&change.before, name), member(&change.after, name)) {
            (Some(before), Some(after)) if before != after => {
                print_line(format!("    {name}: {BAD}{before}{BAD:#} → {GOOD}{after}{GOOD:#}"))?;
            }
            (None, Some(after)) => print_line(format!("    {name}: {GOOD}{after}{GOOD:#}"))?,
            (Some(before), None) => print_line(format!("    {name}: {BAD}{before}{BAD:#} → gone"))?,
            _ => {}
        }
    }
    Ok(())
}

/// A mail as it would arrive.
fn print_mail(email: &Email, headers: &BTreeMap<String, String>, html: bool) -> anyhow::Result<()> {
    print_line(format!("  Subject: {}", one_line(&email.subject)))?;
    for (name, value) in
        headers.iter().filter(|(name, _)| !matches!(name.as_str(), "To" | "Subject" | "Date"))
    {
        print_line(format!("  {QUIET}{name}: {}{QUIET:#}", one_line(value)))?;
    }
    print_line("")?;
    let body = if email.text.is_empty() { email.html.as_deref().unwrap_or_default() } else { &email.text };
    for line in body.lines() {
        print_line(format!("  {}", one_line(line)))?;
    }
    match (&email.html, html) {
        (Some(source), true) if !email.text.is_empty() => {
            print_line(format!("\n  {QUIET}as HTML:{QUIET:#}"))?;
            source.lines().try_for_each(|line| print_line(format!("  {}", one_line(line))))
        }
        (Some(source), false) if !email.text.is_empty() => {
            print_line(format!("  {QUIET}and {} bytes of HTML: --html shows them{QUIET:#}", source.len()))
        }
        _ => Ok(()),
    }
}

/// What would begin by it, and what the reader should know.
fn print_starts(report: &Report) -> anyhow::Result<()> {
    if !report.would_start.is_empty() {
        print_line(format!("\n{STRONG}Would start{STRONG:#}"))?;
    }
    for WouldStart { workflow, event, table, .. } in &report.would_start {
        print_line(format!(
            "  {} {QUIET}by {event}, for it writes {}{QUIET:#}",
            one_line(workflow),
            one_line(table)
        ))?;
    }
    for warning in &report.warnings {
        print_line(format!("\n{WAIT}note{WAIT:#}: {}", one_line(warning)))?;
    }
    if let Some(execution) = report.execution {
        print_line(format!(
            "\n{QUIET}It is noted as {execution}: `thendo executions show` shows it again.{QUIET:#}"
        ))?;
    }
    Ok(())
}
