//! Cycles through the database: a workflow writes rows whose events start a workflow that … starts it again. No graph
//! of one drawing shows them, and at run time they end at the limit of causation only.

use std::collections::{BTreeMap, VecDeque};

use super::diagnostics::Diagnostic;
use super::plan::{Plan, Work};

/// A workflow by its name.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// As admins know it.
    pub name: &'a str,
    /// What it does.
    pub plan: &'a Plan,
}

/// A way from one workflow to another.
struct Way<'a> {
    /// The node that leads on.
    node: &'a str,
    /// The table that it writes, or the workflow that it starts.
    by: String,
    /// To which workflow.
    to: usize,
}

/// Warns of each node of `of` from which a way leads back to `of`, by its own events or through `others`.
pub fn through_database(of: Named<'_>, others: &[Named<'_>]) -> Vec<Diagnostic> {
    let all: Vec<Named<'_>> =
        std::iter::once(of).chain(others.iter().copied().filter(|o| o.name != of.name)).collect();
    let mut known: BTreeMap<usize, Vec<Way<'_>>> = BTreeMap::new();
    let mut warnings = Vec::new();
    for first in ways(of.plan, &all) {
        let Some(rest) = way_back(first.to, &all, &mut known) else { continue };
        let mut told = format!("`{}` {}, which starts `{}`", first.node, first.by, all[first.to].name);
        for (node, by, to) in rest {
            told.push_str(&format!("; there `{node}` {by}, which starts `{to}`"));
        }
        let message = format!("a cycle through the database: {told}");
        let help = "let a condition or the trigger's filter end it: after 8 rounds thendo does, and the execution fails";
        let fault = Diagnostic::warning("cycle-through-database", message).node(first.node);
        warnings.push(fault.at("").help(help));
    }
    warnings.dedup_by(|a, b| a.node == b.node);
    warnings
}

/// The shortest way from a workflow to the first of all.
fn way_back<'a>(
    from: usize,
    all: &[Named<'a>],
    known: &mut BTreeMap<usize, Vec<Way<'a>>>,
) -> Option<Vec<(String, String, &'a str)>> {
    let mut came: BTreeMap<usize, Option<(usize, String, String)>> = BTreeMap::from([(from, None)]);
    let mut todo = VecDeque::from([from]);
    while let Some(at) = todo.pop_front() {
        if at == 0 {
            let mut path = Vec::new();
            let mut here = 0;
            while let Some(Some((before, node, by))) = came.get(&here) {
                path.push((node.clone(), by.clone(), all[here].name));
                here = *before;
            }
            path.reverse();
            return Some(path);
        }
        let leading = known.entry(at).or_insert_with(|| ways(all[at].plan, all));
        for way in leading.iter() {
            came.entry(way.to).or_insert_with(|| {
                todo.push_back(way.to);
                Some((at, way.node.to_owned(), way.by.clone()))
            });
        }
    }
    None
}

/// Where a workflow's nodes lead.
fn ways<'a>(plan: &'a Plan, all: &[Named<'_>]) -> Vec<Way<'a>> {
    let mut ways = Vec::new();
    for node in plan.graph().node_weights().filter(|node| node.enabled) {
        let starts = match &node.work {
            Work::Control(control) => control.starts(),
            _ => None,
        };
        for (to, other) in all.iter().enumerate() {
            if starts == Some(other.name) {
                ways.push(Way { node: node.id.as_str(), by: format!("starts `{}`", other.name), to });
            }
            let written = node.writes.iter().find(|write| {
                let starts = |source: &super::catalogue::Source| {
                    source.table == write.table && source.operations.contains(&write.operation)
                };
                other.plan.sources().iter().any(starts)
            });
            if let Some(write) = written {
                ways.push(Way { node: node.id.as_str(), by: format!("writes {}", write.table), to });
            }
        }
    }
    ways
}
