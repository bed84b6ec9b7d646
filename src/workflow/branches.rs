//! Branches: which way out of its node each edge is.

use super::catalogue::Kind;
use super::compile::Compiler;
use super::diagnostics::{Diagnostic, did_you_mean};
use super::plan::{Branch, ERROR, Work};
use super::react_flow::DrawnEdge;
use super::resolve::Resolved;

impl Compiler<'_> {
    /// The branch of each edge, in the order of the edges.
    pub(super) fn branches(&mut self, resolved: &Resolved<'_>, works: &[Option<Work>]) -> Vec<Branch> {
        let mut leads_on = vec![false; works.len()];
        let mut branches = Vec::with_capacity(resolved.edges.len());
        for (from, _, edge) in &resolved.edges {
            leads_on[*from] = true;
            let (of, kind) = (&resolved.nodes[*from].0.id, &resolved.nodes[*from].1);
            let known = match (&works[*from], kind) {
                (Some(Work::Condition(condition)), _) => condition.branches(),
                (Some(Work::Control(control)), _) => control.branches(),
                (None, Some(Kind::Condition(kind))) => kind.branches.to_vec(),
                (None, Some(Kind::Control(kind))) => kind.branches.to_vec(),
                _ => Vec::new(),
            };
            let may_fail = !matches!(kind, Some(Kind::Trigger(_)));
            let found = edge.branches.iter().find_map(|(name, _)| known_branch(name, &known, may_fail));
            if found.is_none() && !known.is_empty() {
                let role = kind.as_ref().map_or("node", Kind::role);
                let fault = match edge.branches.first() {
                    None => {
                        let message = format!("this edge leaves the {role} `{of}` by no branch");
                        let help = format!("set `sourceHandle` to one of: {}", known.join(", "));
                        Diagnostic::error("missing-branch", message).at(&edge.path).help(help)
                    }
                    Some((name, path)) => {
                        let message = format!("the {role} `{of}` has no branch `{name}`");
                        let help = did_you_mean(name, known.iter().copied());
                        Diagnostic::error("unknown-branch", message).at(path).maybe_help(help)
                    }
                };
                self.diagnostics.push(fault.node(of).edge(edge.id.as_deref()));
            }
            if found.is_none() && known.is_empty() {
                self.error_by_another_name(edge, of, may_fail);
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

impl Compiler<'_> {
    /// An edge of a node without branches is taken when it succeeds; whoever gave it such a name meant the contrary.
    fn error_by_another_name(&mut self, edge: &DrawnEdge, of: &str, may_fail: bool) {
        let lower = |name: &str| name.trim().to_ascii_lowercase();
        let like = |name: &str| lower(name) == ERROR || LIKE_ERROR.contains(&lower(name).as_str());
        let Some((name, path)) = edge.branches.iter().find(|(name, _)| like(name)) else { return };
        let fault = match may_fail {
            true => {
                let message =
                    format!("`{of}` has no branch `{name}`: this edge is taken when the node succeeds");
                Diagnostic::warning("unknown-branch", message).help(format!("did you mean `{ERROR}`?"))
            }
            false => {
                let message = format!("the trigger `{of}` has no branch `{name}`: triggers don't fail");
                Diagnostic::error("unknown-branch", message).help("remove the edge, or its handle")
            }
        };
        self.diagnostics.push(fault.node(of).edge(edge.id.as_deref()).at(path));
    }
}

/// What the branch `error` is called elsewhere.
const LIKE_ERROR: &[&str] =
    &["errors", "failure", "failures", "failed", "fail", "catch", "onerror", "on_error", "on-error"];

/// Other words that editors use for branches.
const SAME: &[(&str, &str)] =
    &[("yes", "true"), ("no", "false"), ("body", "each"), ("loop", "each"), ("done", "after")];

/// The branch that a handle or label means.
pub(super) fn known_branch<'a>(name: &str, known: &[&'a str], may_fail: bool) -> Option<&'a str> {
    let name = name.trim();
    let lower = name.to_ascii_lowercase();
    let other = SAME.iter().find(|(word, _)| *word == lower).map_or(&*lower, |(_, means)| means);
    known
        .iter()
        .find(|branch| **branch == name)
        .or_else(|| known.iter().find(|branch| **branch == other))
        .copied()
        .or((may_fail && lower == ERROR).then_some(ERROR))
}
