//! Regions: the workflow as a whole, and the body of each loop. A body is what its loop's branch `each` leads to; no
//! way leads into it but that one, and none out of it.

use super::compile::Compiler;
use super::diagnostics::Diagnostic;
use super::plan::Branch;
use super::resolve::Resolved;

/// The branch of a loop that leads to its body.
pub const EACH: &str = "each";
/// The branch by which a loop is left when all items are done.
pub const AFTER: &str = "after";
/// Loops within loops.
const MAX_DEPTH: usize = 3;

/// Nodes that take their turns together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// The loop whose body it is, by its place in the plan's order; none for the workflow as a whole.
    pub owner: Option<usize>,
    /// Its nodes by their places in the plan's order, ascending. Bodies of inner loops are regions of their own.
    pub nodes: Vec<usize>,
}

/// For each drawn node, the loops that it is within, from the outermost.
pub(super) struct Bodies {
    within: Vec<Vec<usize>>,
}

impl Bodies {
    /// The regions of a plan whose nodes are `order`, drawn nodes by number.
    pub(super) fn regions(&self, order: &[usize]) -> Vec<Region> {
        let mut regions = vec![Region { owner: None, nodes: Vec::new() }];
        let mut of_loop = std::collections::HashMap::new();
        for (at, &node) in order.iter().enumerate() {
            let region = match self.within.get(node).and_then(|loops| loops.last()) {
                None => 0,
                Some(&owner) => *of_loop.entry(owner).or_insert_with(|| {
                    let owner = order.iter().position(|other| *other == owner);
                    regions.push(Region { owner, nodes: Vec::new() });
                    regions.len() - 1
                }),
            };
            if let Some(region) = regions.get_mut(region) {
                region.nodes.push(at);
            }
        }
        regions
    }
}

impl Compiler<'_> {
    /// What is in which loop's body; ways that lead into a body from elsewhere are faults.
    pub(super) fn bodies(&mut self, resolved: &Resolved<'_>, loops: &[usize], branches: &[Branch]) -> Bodies {
        let mut within: Vec<Vec<usize>> = vec![Vec::new(); resolved.nodes.len()];
        // Outer loops come before inner ones in any order of the graph; by size, larger bodies first, they do too.
        let mut bodies: Vec<(usize, Vec<bool>)> = Vec::new();
        for &owner in loops {
            let starts: Vec<usize> = resolved
                .edges
                .iter()
                .zip(branches)
                .filter(|((from, ..), branch)| *from == owner && branch.as_deref() == Some(EACH))
                .map(|((_, to, _), _)| *to)
                .collect();
            let node = resolved.nodes[owner].0;
            if starts.is_empty() {
                let message = format!("the loop `{}` has no body: no edge leaves it by `{EACH}`", node.id);
                let fault = Diagnostic::warning("empty-loop", message).node(&node.id).at(&node.path);
                self.diagnostics.push(fault.help(format!("draw an edge with the handle `{EACH}`")));
            }
            let body = resolved.graph.reachable_from(starts);
            if !body[owner] {
                bodies.push((owner, body));
            }
        }
        bodies.sort_by_key(|(_, body)| std::cmp::Reverse(body.iter().filter(|is| **is).count()));
        for (owner, body) in &bodies {
            for (node, _) in body.iter().enumerate().filter(|(_, is)| **is) {
                within[node].push(*owner);
            }
        }
        self.leaks(resolved, &bodies, branches);
        for (node, loops) in within.iter().enumerate().filter(|(_, loops)| loops.len() > MAX_DEPTH) {
            if loops.last().is_some_and(|inner| resolved.edges.iter().any(|e| e.0 == *inner && e.1 == node)) {
                let node = resolved.nodes[node].0;
                let message = format!("loops are nested more than {MAX_DEPTH} deep");
                let fault = Diagnostic::error("too-deep", message).node(&node.id).at(&node.path);
                self.diagnostics.push(fault.help("start another workflow for each item instead"));
            }
        }
        Bodies { within }
    }

    /// Each way into a body from outside, told once: of the innermost loop, which is the last in `bodies`.
    fn leaks(&mut self, resolved: &Resolved<'_>, bodies: &[(usize, Vec<bool>)], branches: &[Branch]) {
        for ((from, to, edge), branch) in resolved.edges.iter().zip(branches) {
            let enters = |(owner, body): &&(usize, Vec<bool>)| {
                let by_its_loop = from == owner && branch.as_deref() == Some(EACH);
                body[*to] && !body[*from] && !by_its_loop
            };
            let Some((owner, _)) = bodies.iter().rev().find(enters) else { continue };
            let (owner, to) = (&resolved.nodes[*owner].0.id, &resolved.nodes[*to].0.id);
            let message =
                format!("`{to}` is in the body of the loop `{owner}`, and this way leads to it from outside");
            let fault =
                Diagnostic::error("loop-leak", message).node(to).edge(edge.id.as_deref()).at(&edge.path);
            let help = format!(
                "what is to follow all items leaves `{owner}` by `{AFTER}`; draw a node of its own for it"
            );
            self.diagnostics.push(fault.help(help));
        }
    }
}
