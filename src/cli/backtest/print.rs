//! A backtest's answer for people.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::HumanCount;

use super::chart::Columns;
use crate::cli::output::{BAD, GOOD, QUIET, STRONG, WAIT, one_line, print_line, shape, time};
use crate::testrun::backtest::{Against, Difference, Glimpse, Report, Sum, Totals};

/// Letters before a chart's bars.
const MARGIN: usize = 12;

/// The whole report.
pub(super) fn report(name: &str, report: &Report, lists: bool, took: Duration) -> anyhow::Result<()> {
    let Report { version, since, until, events, totals, .. } = report;
    print_line(format_args!(
        "{STRONG}{}{STRONG:#}  {}  {QUIET}{} → {}{QUIET:#}",
        one_line(name),
        one_line(version),
        time(*since),
        time(*until)
    ))?;
    print_line(format_args!(
        "{} events looked at: {} would start it, {} are filtered",
        number(*events),
        number(totals.started),
        number(totals.filtered)
    ))?;
    let states = [(GOOD, "●", "succeed", totals.succeeded), (BAD, "✕", "fail", totals.failed)];
    for (style, shape, what, count) in states.into_iter().chain([(WAIT, "◐", "rest", totals.rests)]) {
        if count > 0 {
            print_line(format_args!("  {style}{shape}{style:#} {:>9} would {what}", number(count)))?;
        }
    }
    chart(report)?;
    effects(totals, report.against.as_ref())?;
    failures(totals)?;
    if let Some(against) = &report.against {
        comparison(against, lists)?;
    }
    for (head, all) in [("Taken for granted", &report.assumed), ("Warnings", &report.warnings)] {
        if !all.is_empty() {
            print_line(format_args!("\n{STRONG}{head}{STRONG:#}"))?;
            all.iter().try_for_each(|one| print_line(format_args!("  {QUIET}{}{QUIET:#}", one_line(one))))?;
        }
    }
    let rate = (*events as f64 / took.as_secs_f64().max(0.001)) as u64;
    print_line(format_args!(
        "\n{QUIET}{:.2} s, {} events/s. Nothing was changed and nothing was sent.{QUIET:#}",
        took.as_secs_f64(),
        number(rate)
    ))
}

/// Days as bars, for whoever looks.
fn chart(report: &Report) -> anyhow::Result<()> {
    if !std::io::stdout().is_terminal() {
        return Ok(());
    }
    let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    // The highest value stands behind the bars.
    let Some(columns) = Columns::new(&report.days, width.saturating_sub(MARGIN + 14).max(10)) else {
        return Ok(());
    };
    print_line("")?;
    let (started, failed) = (columns.bars(|day| day.started), columns.bars(|day| day.failed));
    for (style, what, (bars, most)) in [(GOOD, "started", started), (BAD, "failed", failed)] {
        if most > 0 {
            print_line(format_args!(
                "  {what:<10}{style}{bars}{style:#} {QUIET}≤ {}{QUIET:#}",
                number(most)
            ))?;
        }
    }
    let each = match columns.days_each {
        1 => String::new(),
        days => format!("  {days} days a bar"),
    };
    print_line(format_args!("  {:<10}{QUIET}{}{each}{QUIET:#}", "", columns.axis()))
}

fn effects(totals: &Totals, against: Option<&Against>) -> anyhow::Result<()> {
    let there = against.map(|against| &against.totals);
    let kinds: BTreeSet<&str> = [Some(totals), there]
        .into_iter()
        .flatten()
        .flat_map(|of| of.effects.keys().map(|kind| &**kind))
        .collect();
    if kinds.is_empty() {
        return Ok(());
    }
    print_line(format_args!("\n{STRONG}Would do{STRONG:#}"))?;
    for kind in kinds {
        print_line(format_args!("  {kind:<22}{}", sum(totals.effects.get(kind))))?;
        if let (Some(there), Some(against)) = (there, against) {
            let said = sum(there.effects.get(kind));
            print_line(format_args!("  {QUIET}{:>20}  {said}{QUIET:#}", one_line(&against.version)))?;
        }
    }
    Ok(())
}

fn sum(of: Option<&Sum>) -> String {
    let Some(of) = of else { return format!("{:>9}", 0) };
    let mut said = format!("{:>9}", number(of.count));
    if let Some(points) = of.points {
        said.push_str(&format!("   {} points", signed(points)));
    }
    for (currency, minor) in &of.amounts {
        let sign = if *minor < 0 { "-" } else { "" };
        let (whole, cents) = (minor.unsigned_abs() / 100, minor.unsigned_abs() % 100);
        said.push_str(&format!("   {sign}{}.{cents:02} {}", number(whole), one_line(currency)));
    }
    if let Some(recipients) = &of.recipients {
        let more = if recipients.may_be_more() { " or more" } else { "" };
        said.push_str(&format!("   to {}{more} addresses", number(recipients.count() as u64)));
    }
    said
}

fn failures(totals: &Totals) -> anyhow::Result<()> {
    if totals.failed == 0 {
        return Ok(());
    }
    print_line(format_args!("\n{STRONG}Would fail{STRONG:#}"))?;
    for reason in &totals.failures {
        let node = reason.node.as_ref().map_or_else(String::new, |node| format!("{node}: "));
        print_line(format_args!(
            "  {BAD}✕{BAD:#} {:>9}  {}{}  {QUIET}event {}{QUIET:#}",
            number(reason.count),
            one_line(&node),
            one_line(&reason.reason),
            reason.event
        ))?;
    }
    if totals.other_failures > 0 {
        print_line(format_args!("  {BAD}✕{BAD:#} {:>9}  for other reasons", number(totals.other_failures)))?;
    }
    Ok(())
}

fn comparison(against: &Against, lists: bool) -> anyhow::Result<()> {
    let Against { version, totals, comparison } = against;
    let version = one_line(version);
    print_line(format_args!(
        "\n{STRONG}Against {version}{STRONG:#}  {QUIET}{} would start, {} fail{QUIET:#}",
        number(totals.started),
        number(totals.failed)
    ))?;
    let by: Vec<String> =
        comparison.by.iter().map(|(what, count)| format!("{what} {}", number(*count))).collect();
    let by = if by.is_empty() { String::new() } else { format!("  ({})", by.join(", ")) };
    let rows = [
        (GOOD, "●", comparison.same, "events for which both do the same".to_owned()),
        (WAIT, "◐", comparison.differs, format!("do something else{by}")),
        (WAIT, "+", comparison.only_here, "start only here".to_owned()),
        (WAIT, "-", comparison.only_there, format!("start only in {version}")),
    ];
    for (style, shape, count, what) in rows {
        print_line(format_args!("  {style}{shape}{style:#} {:>9} {what}", number(count)))?;
    }
    let all = comparison.differs + comparison.only_here + comparison.only_there;
    if all > 0 && !lists {
        print_line(format_args!("  {QUIET}--show differences lists them{QUIET:#}"))?;
    }
    for difference in &comparison.differences {
        print_difference(difference, &version)?;
    }
    let more = all.saturating_sub(comparison.differences.len() as u64);
    if lists && more > 0 {
        print_line(format_args!("\n  {QUIET}and {} more: --limit shows more{QUIET:#}", number(more)))?;
    }
    Ok(())
}

fn print_difference(of: &Difference, version: &str) -> anyhow::Result<()> {
    print_line(format_args!(
        "\n  {STRONG}event {}{STRONG:#}  {QUIET}{}{QUIET:#}  {}",
        of.event,
        time(of.at),
        of.differs.join(", ")
    ))?;
    glimpse("here", of.here.as_ref())?;
    glimpse(version, of.there.as_ref())
}

fn glimpse(name: &str, of: Option<&Glimpse>) -> anyhow::Result<()> {
    let Some(of) = of else { return print_line(format_args!("    {name:<6} ○ does not start")) };
    let outcome = serde_json::to_value(of.outcome)?;
    let outcome = outcome.as_str().unwrap_or_default();
    let (style, shape) = shape(outcome);
    let why = of.why.as_ref().map_or_else(String::new, |why| format!(": {}", one_line(why)));
    let branches: Vec<String> = of
        .branches
        .iter()
        .map(|(node, branch)| format!("{} → {}", one_line(node.as_str()), one_line(branch)))
        .collect();
    print_line(format_args!(
        "    {name:<6} {style}{shape} {outcome}{style:#}{why}  {QUIET}{}{QUIET:#}",
        branches.join(", ")
    ))?;
    of.effects.iter().try_for_each(|effect| print_line(format_args!("             {}", one_line(effect))))
}

/// 1234567 as 1,234,567.
pub(super) fn number(value: u64) -> String {
    HumanCount(value).to_string()
}

fn signed(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", number(value.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let said: Vec<String> = [0, 12, 999, 1_000, 12_345, 1_234_567].map(number).into();
        assert_eq!(said, ["0", "12", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!(signed(-1_000), "-1,000");
    }
}
