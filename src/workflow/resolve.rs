//! Names become nodes: each drawn node's kind, each edge's ends, and what is wrong with the graph they make.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::catalogue::Kind;
use super::compile::Compiler;
use super::diagnostics::{Diagnostic, did_you_mean, nearest};
use super::graph::Graph;
use super::react_flow::{Drawing, DrawnEdge, DrawnNode};
use super::regions::{AFTER, EACH};

/// The drawing with what is known of each node.
pub(super) struct Resolved<'d> {
    pub nodes: Vec<(&'d DrawnNode, Option<Kind<'static>>)>,
    pub index: HashMap<&'d str, usize>,
    pub edges: Vec<(usize, usize, &'d DrawnEdge)>,
    pub graph: Graph,
}

enum Meaning {
    Nothing,
    Kind(Option<Kind<'static>>),
}

impl Compiler<'_> {
    pub(super) fn resolve<'d>(&mut self, drawing: &'d Drawing) -> Resolved<'d> {
        let mut nodes: Vec<(&DrawnNode, Option<Kind<'static>>)> = Vec::new();
        let mut index: HashMap<&str, usize> = HashMap::new();
        let touched: BTreeSet<&str> =
            drawing.edges.iter().flat_map(|e| [e.source.as_str(), e.target.as_str()]).collect();
        for node in &drawing.nodes {
            if index.contains_key(node.id.as_str()) || drawing.inert.contains(&node.id) {
                let fault =
                    Diagnostic::error("duplicate-id", format!("there are several nodes `{}`", node.id));
                self.diagnostics.push(fault.node(&node.id).at(format!("{}/id", node.path)));
                continue;
            }
            match self.kind_of(node, touched.contains(node.id.as_str())) {
                Meaning::Nothing => continue,
                Meaning::Kind(kind) => {
                    index.insert(&node.id, nodes.len());
                    nodes.push((node, kind));
                }
            }
        }
        let edges = self.edges(drawing, &index, &nodes);
        let pairs: Vec<(usize, usize)> = edges.iter().map(|(from, to, _)| (*from, *to)).collect();
        let graph = Graph::new(nodes.len(), &pairs);
        Resolved { nodes, index, edges, graph }
    }

    fn kind_of(&mut self, node: &DrawnNode, touched: bool) -> Meaning {
        let known = || self.catalogue.kinds().filter(|kind| node.role.is_none_or(|role| role == kind.role()));
        let (severity, meaning): (fn(_, String) -> Diagnostic, _) = match touched {
            true => (Diagnostic::error, Meaning::Kind(None)),
            false => (Diagnostic::warning, Meaning::Nothing),
        };
        let Some((name, path)) = &node.kind else {
            let (fault, meaning) = match (&node.ty, node.role) {
                (_, Some(role)) => {
                    let message = format!("this {role} has no kind: `data.{role}Type` is missing");
                    let help = did_you_mean("", known().map(|kind| kind.about().name));
                    (Diagnostic::error("missing-kind", message).maybe_help(help), Meaning::Kind(None))
                }
                (Some(ty), None) => {
                    let help =
                        nearest(ty, self.catalogue.names()).map(|found| format!("did you mean `{found}`?"));
                    (
                        severity("unknown-type", format!("nodes of type `{ty}` mean nothing here"))
                            .maybe_help(help),
                        meaning,
                    )
                }
                (None, None) => (severity("missing-kind", "this node has no kind".into()), meaning),
            };
            self.diagnostics.push(fault.node(&node.id).at(&node.path));
            return meaning;
        };
        let fault = match self.catalogue.find(name) {
            Some(kind) if node.role.is_none_or(|role| role == kind.role()) => {
                return Meaning::Kind(Some(kind));
            }
            Some(kind) => {
                let message =
                    format!("`{name}` is a {}, not a {}", kind.role(), node.role.unwrap_or_default());
                Diagnostic::error("conflicting-kinds", message)
                    .help(format!("write `data.{}Type`", kind.role()))
            }
            None => Diagnostic::error(
                "unknown-kind",
                format!("there is no {} `{name}`", node.role.unwrap_or("kind")),
            )
            .maybe_help(did_you_mean(name, known().map(|kind| kind.about().name))),
        };
        self.diagnostics.push(fault.node(&node.id).at(path));
        Meaning::Kind(None)
    }

    fn edges<'d>(
        &mut self,
        drawing: &'d Drawing,
        index: &HashMap<&str, usize>,
        nodes: &[(&DrawnNode, Option<Kind<'static>>)],
    ) -> Vec<(usize, usize, &'d DrawnEdge)> {
        let mut edges = Vec::new();
        let drawn: HashSet<&str> =
            drawing.nodes.iter().map(|node| &node.id).chain(&drawing.inert).map(String::as_str).collect();
        let mut helps: HashMap<&str, Option<String>> = HashMap::new();
        for edge in &drawing.edges {
            let mut fault =
                |fault: Diagnostic| self.diagnostics.push(fault.edge(edge.id.as_deref()).at(&edge.path));
            let (from, to) = (index.get(edge.source.as_str()), index.get(edge.target.as_str()));
            if edge.source == edge.target {
                fault(
                    Diagnostic::error("self-loop", format!("`{}` leads to itself", edge.source))
                        .node(&edge.source)
                        .help("remove the edge; to do something several times, draw the loop `for_each`"),
                );
                continue;
            }
            match (from, to) {
                (Some(_), Some(to)) if matches!(nodes[*to].1, Some(Kind::Trigger(_))) => {
                    let message = format!("an edge leads into the trigger `{}`", edge.target);
                    fault(
                        Diagnostic::error("edge-into-trigger", message)
                            .node(&edge.target)
                            .help("remove the edge"),
                    );
                }
                (Some(from), Some(to)) => edges.push((*from, *to, edge)),
                _ => {
                    if drawing.inert.contains(&edge.source) && to.is_some() {
                        let message = format!(
                            "`{}` is a group, note or placeholder: no way leads out of it",
                            edge.source
                        );
                        fault(Diagnostic::error("inert-source", message).node(&edge.source));
                    }
                    for end in [&edge.source, &edge.target] {
                        if drawn.contains(end.as_str()) {
                            continue;
                        }
                        let help = helps.entry(end).or_insert_with(|| {
                            let help = self.searches.did_you_mean(end, index.keys().copied());
                            help.filter(|help| help.starts_with("did"))
                        });
                        let message = format!("there is no node `{end}` for this edge");
                        fault(Diagnostic::error("dangling-edge", message).maybe_help(help.clone()));
                    }
                }
            }
        }
        edges
    }

    pub(super) fn cycles(&mut self, resolved: &Resolved<'_>, names: &[&str]) {
        for cycle in resolved.graph.cycles(names) {
            let (Some(&first), Some(&last)) = (cycle.first(), cycle.last()) else { continue };
            let way: Vec<&str> = cycle.iter().chain([&first]).map(|node| names[*node]).collect();
            let closing = resolved.edges.iter().find(|(from, to, _)| *from == last && *to == first);
            let fault = Diagnostic::error(
                "cycle",
                format!("these nodes lead back to themselves: {}", way.join(" -> ")),
            );
            let own_loop = cycle.iter().find(|node| {
                matches!(resolved.nodes[**node].1, Some(Kind::Control(kind)) if kind.branches == [EACH, AFTER])
            });
            let help = match own_loop {
                Some(node) => format!(
                    "a loop's body needs no way back: remove the edge that leads to `{}`",
                    names[*node]
                ),
                None => "remove one of the edges".to_owned(),
            };
            let fault = fault.node(names[first]).help(help);
            self.diagnostics.push(match closing {
                Some((_, _, edge)) => fault.edge(edge.id.as_deref()).at(&edge.path),
                None => fault,
            });
        }
    }

    pub(super) fn single_trigger(&mut self, resolved: &Resolved<'_>) -> Option<usize> {
        let which = |is: fn(&(&DrawnNode, Option<Kind<'_>>)) -> bool| -> Vec<usize> {
            resolved.nodes.iter().enumerate().filter(|(_, node)| is(node)).map(|(at, _)| at).collect()
        };
        let mut triggers = which(|(_, kind)| matches!(kind, Some(Kind::Trigger(_))));
        if triggers.is_empty() {
            triggers = which(|(node, kind)| kind.is_none() && node.role == Some("trigger"));
        }
        match triggers[..] {
            [] => {
                let fault =
                    Diagnostic::error("no-trigger", "no trigger: nothing would ever start this workflow");
                let kinds: Vec<&str> = self.catalogue.triggers.iter().map(|kind| kind.about.name).collect();
                self.diagnostics.push(fault.at("").help(format!("add one of: {}", kinds.join(", "))));
                None
            }
            [one] => {
                let node = resolved.nodes[one].0;
                if !node.enabled {
                    let fault =
                        Diagnostic::warning("disabled-trigger", "the trigger is disabled: nothing starts");
                    self.diagnostics.push(fault.node(&node.id).at(&node.enabled_path));
                }
                resolved.nodes[one].1.map(|_| one)
            }
            [first, ..] => {
                for &other in &triggers[1..] {
                    let node = resolved.nodes[other].0;
                    let message =
                        format!("a second trigger: `{}` is one already", resolved.nodes[first].0.id);
                    let fault = Diagnostic::error("several-triggers", message).node(&node.id).at(&node.path);
                    self.diagnostics.push(fault.help("make a workflow of its own for it"));
                }
                None
            }
        }
    }

    pub(super) fn unreachable(&mut self, resolved: &Resolved<'_>, live: &[bool]) {
        for ((node, _), live) in resolved.nodes.iter().zip(live) {
            if !live {
                let message = format!("no way leads from the trigger to `{}`: it never runs", node.id);
                self.diagnostics
                    .push(Diagnostic::warning("unreachable", message).node(&node.id).at(&node.path));
            }
        }
    }
}
