//! Branches: which way out of a condition each edge is, and what the whole drawing means.

use serde_json::Value;

use super::catalogue::Kind;
use super::compile::Compiler;
use super::diagnostics::{Diagnostic, did_you_mean};
use super::hash::canonical;
use super::plan::{Branch, Work};
use super::resolve::Resolved;

impl Compiler<'_> {
    /// The branch of each edge, in the order of the edges.
    pub(super) fn branches(&mut self, resolved: &Resolved<'_>, works: &[Option<Work>]) -> Vec<Branch> {
        let mut leads_on = vec![false; works.len()];
        let mut branches = Vec::with_capacity(resolved.edges.len());
        for (from, _, edge) in &resolved.edges {
            leads_on[*from] = true;
            let known = match (&works[*from], &resolved.nodes[*from].1) {
                (Some(Work::Condition(condition)), _) => condition.branches(),
                (None, Some(Kind::Condition(kind))) => kind.branches.to_vec(),
                _ => Vec::new(),
            };
            if known.is_empty() {
                branches.push(None);
                continue;
            }
            let found = edge.branches.iter().find_map(|(name, _)| known_branch(name, &known));
            if found.is_none() {
                let source = &resolved.nodes[*from].0.id;
                let fault = match edge.branches.first() {
                    None => {
                        let message = format!("this edge leaves the condition `{source}` by no branch");
                        let help = format!("set `sourceHandle` to one of: {}", known.join(", "));
                        Diagnostic::error("missing-branch", message).at(&edge.path).help(help)
                    }
                    Some((name, path)) => {
                        let message = format!("the condition `{source}` has no branch `{name}`");
                        let help = did_you_mean(name, known.iter().copied());
                        Diagnostic::error("unknown-branch", message).at(path).maybe_help(help)
                    }
                };
                self.diagnostics.push(fault.node(source).edge(edge.id.as_deref()));
            }
            branches.push(found.map(Into::into));
        }
        for (at, (node, kind)) in resolved.nodes.iter().enumerate() {
            if matches!(kind, Some(Kind::Condition(_))) && !leads_on[at] {
                let message = format!("nothing follows the condition `{}`", node.id);
                self.diagnostics
                    .push(Diagnostic::warning("leads-nowhere", message).node(&node.id).at(&node.path));
            }
        }
        branches
    }
}

/// The branch that a handle or label means; yes and no are true and false.
fn known_branch<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.trim();
    let other = match name.to_ascii_lowercase().as_str() {
        "yes" => "true".to_owned(),
        "no" => "false".to_owned(),
        lower => lower.to_owned(),
    };
    known
        .iter()
        .find(|branch| **branch == name)
        .or_else(|| known.iter().find(|branch| **branch == other))
        .copied()
}

/// What the hash covers: id, kind, settings and whether it is enabled of each node; ends, handles and branch of
/// each edge.
pub(super) fn meaning(resolved: &Resolved<'_>, branches: &[Branch]) -> Vec<String> {
    let text = |parts: &[&str]| canonical(&Value::from(parts.to_vec()));
    let nodes = resolved.nodes.iter().map(|(node, kind)| {
        let kind = kind.map_or("", |kind| kind.about().name);
        format!("node {} {} {}", text(&[&node.id, kind]), node.enabled, canonical(&node.config))
    });
    let edges = resolved.edges.iter().zip(branches).map(|((_, _, edge), branch)| {
        let handle = |handle: &Option<String>| handle.clone().unwrap_or_default();
        let (source, target) = (handle(&edge.source_handle), handle(&edge.target_handle));
        let branch = branch.as_deref().unwrap_or_default();
        format!("edge {}", text(&[&edge.source, &source, &edge.target, &target, branch]))
    });
    debug_assert_eq!(resolved.index.len(), resolved.nodes.len());
    nodes.chain(edges).collect()
}
