//! The compiler: a drawing becomes a plan, or a list of all its faults.

use std::collections::{HashMap, HashSet};

use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::Value;

use super::build::Built;
use super::catalogue::{Catalogue, Kind, Write};
use super::diagnostics::{Diagnostic, Searches, any_error, first_of};
use super::fits::is_idle;
use super::hash::hash;
use super::meaning::Meaning;
use super::plan::{ERROR, Parts, Plan, PlanNode, Work};
use super::react_flow::{self, Drawing};
use super::storable::first_unstorable;
use super::tables::Tables;

/// Nodes that a workflow may have.
pub const MAX_NODES: usize = 1_000;
/// Edges that a workflow may have.
pub const MAX_EDGES: usize = 4_000;
/// Bytes of JSON that a workflow may have.
pub const MAX_BYTES: usize = 1024 * 1024;

/// What came of a drawing. There is a plan exactly if no diagnostic is an error.
#[derive(Debug)]
pub struct Compiled {
    /// Ready to run.
    pub plan: Option<Plan>,
    /// What is wrong, errors and warnings, in the order of the file; at most [`super::diagnostics::MAX_DIAGNOSTICS`].
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a React Flow save. Never panics, whatever it is given.
pub fn compile(file: &Value, catalogue: &Catalogue) -> Compiled {
    compile_for(file, catalogue, None)
}

/// Compiles a React Flow save for a database as it is: what it is started by, reads and writes must be there. What only nodes
/// lack that never run is not said.
pub fn compile_for(file: &Value, catalogue: &Catalogue, tables: Option<&Tables>) -> Compiled {
    if let Some(fault) = too_large(file).or_else(|| unstorable(file)) {
        return Compiled { plan: None, diagnostics: vec![fault] };
    }
    let (drawing, diagnostics) = react_flow::read(file, catalogue);
    let mut compiler = Compiler {
        catalogue,
        tables,
        diagnostics,
        schemas: HashMap::new(),
        searches: Searches::default(),
        idle: HashSet::new(),
    };
    if any_error(&compiler.diagnostics) && drawing.nodes.is_empty() {
        return Compiled { plan: None, diagnostics: first_of(compiler.diagnostics) };
    }
    let plan = compiler.drawing(&drawing);
    let mut diagnostics = compiler.diagnostics;
    diagnostics.sort_by_cached_key(|d| file_order(d.path.as_deref().unwrap_or_default()));
    let plan = plan.filter(|_| !any_error(&diagnostics));
    if plan.is_none() && !any_error(&diagnostics) {
        diagnostics.push(Diagnostic::error("internal-fault", "no plan came of this workflow"));
    }
    diagnostics.retain(|fault| !is_idle(fault, &compiler.idle));
    Compiled { plan, diagnostics: first_of(diagnostics) }
}

fn too_large(file: &Value) -> Option<Diagnostic> {
    let fault = |what: String| {
        Some(Diagnostic::error("too-large", what).at("").help("split it into several workflows"))
    };
    let mut bytes = CountBytes(0);
    match react_flow::counts(file) {
        (nodes, _) if nodes > MAX_NODES => fault(format!("{nodes} nodes: at most {MAX_NODES} are allowed")),
        (_, edges) if edges > MAX_EDGES => fault(format!("{edges} edges: at most {MAX_EDGES} are allowed")),
        _ if serde_json::to_writer(&mut bytes, file).is_err() => fault("more than 1 MiB of JSON".into()),
        _ => None,
    }
}

fn unstorable(file: &Value) -> Option<Diagnostic> {
    let path = first_unstorable(file)?;
    let fault = Diagnostic::error("unstorable", "here is the letter U+0000, which can't be stored");
    Some(fault.at(path).help("take `\\u0000` out"))
}

/// Refuses what goes beyond [`MAX_BYTES`].
struct CountBytes(usize);

impl std::io::Write for CountBytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        if self.0 > MAX_BYTES { Err(std::io::Error::other("too large")) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn file_order(path: &str) -> (bool, Vec<(u64, String)>) {
    let parts = path.split('/').skip(1).map(|part| (part.parse().unwrap_or(0), part.to_owned()));
    (path.starts_with("/edges"), parts.collect())
}

/// A compilation under way: [`super::resolve`] and [`super::branches`] have their parts of it.
pub(super) struct Compiler<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) tables: Option<&'a Tables>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) schemas: HashMap<&'static str, Value>,
    pub(super) searches: Searches,
    /// Nodes that never run; noted only where tables are checked.
    pub(super) idle: HashSet<String>,
}

/// What a file means, as far as it can be read: for its comparison with another.
pub(super) fn meaning_of(file: &Value, catalogue: &Catalogue) -> Meaning {
    let (drawing, diagnostics) = react_flow::read(file, catalogue);
    let mut compiler = Compiler {
        catalogue,
        tables: None,
        diagnostics,
        schemas: HashMap::new(),
        searches: Searches::default(),
        idle: HashSet::new(),
    };
    let resolved = compiler.resolve(&drawing);
    let works = match too_large(file) {
        Some(_) => resolved.nodes.iter().map(|_| None).collect(),
        None => {
            let names: Vec<&str> = resolved.nodes.iter().map(|(node, _)| node.id.as_str()).collect();
            let (trigger, order) = (compiler.single_trigger(&resolved), resolved.graph.order(&names));
            compiler.build_all(&resolved, trigger, &order).works
        }
    };
    let branches = compiler.branches(&resolved, &works);
    Meaning::new(&resolved, &branches)
}

impl Compiler<'_> {
    fn drawing(&mut self, drawing: &Drawing) -> Option<Plan> {
        let resolved = self.resolve(drawing);
        let names: Vec<&str> = resolved.nodes.iter().map(|(node, _)| node.id.as_str()).collect();
        self.cycles(&resolved, &names);
        let trigger = self.single_trigger(&resolved);
        let mut order = resolved.graph.order(&names);
        let mut live = vec![true; names.len()];
        if let Some(trigger) = trigger {
            live = resolved.graph.reachable(trigger);
            self.unreachable(&resolved, &live);
        }
        let on_cycles = (0..names.len()).filter(|node| !order.contains(node)).collect::<Vec<_>>();
        order.extend(on_cycles);
        let mut built = self.build_all(&resolved, trigger, &order);
        let branches = self.branches(&resolved, &built.works);
        let bodies = self.bodies(&resolved, &built.loops(), &branches);
        self.shapes(&resolved, &built.works, &live, &branches);
        self.carried_out(&resolved, &built.works);
        self.idle_nodes(&resolved, &live);
        self.never_run(&resolved, &built.works, (&order, &live), &branches);
        self.maybe_missing(&resolved, &built, (&order, &live), &branches);
        let hash = hash(Meaning::new(&resolved, &branches).lines());
        if any_error(&self.diagnostics) {
            return None;
        }
        let of_customer = |path: &Vec<String>| path.first().is_some_and(|root| root == "customer");
        let needs_customer = built.names.iter().flatten().any(of_customer);
        let mut graph = DiGraph::with_capacity(names.len(), resolved.edges.len());
        let mut indices: HashMap<usize, NodeIndex> = HashMap::new();
        order.retain(|node| live[*node]);
        let handled: HashSet<usize> = resolved
            .edges
            .iter()
            .zip(&branches)
            .filter(|(_, branch)| branch.as_deref() == Some(ERROR))
            .map(|((from, ..), _)| *from)
            .collect();
        for &at in &order {
            let (node, kind) = &resolved.nodes[at];
            indices.insert(
                at,
                graph.add_node(PlanNode {
                    id: node.id.as_str().into(),
                    label: node.label.clone(),
                    kind: kind.as_ref()?.about().name,
                    enabled: node.enabled,
                    config: node.config.clone(),
                    reads: std::mem::take(&mut built.names[at]).into_iter().collect(),
                    writes: written(kind.as_ref()?, built.works[at].as_ref()),
                    class: kind.as_ref()?.retry(),
                    retry: built.retries[at].take(),
                    handles_errors: handled.contains(&at),
                    work: built.works[at].take()?,
                }),
            );
        }
        for ((from, to, _), branch) in resolved.edges.iter().zip(branches) {
            if let (Some(from), Some(to)) = (indices.get(from), indices.get(to)) {
                graph.add_edge(*from, *to, branch);
            }
        }
        let regions = bodies.regions(&order);
        let order = order.iter().filter_map(|node| indices.get(node).copied()).collect();
        let trigger = *indices.get(&trigger?)?;
        let Built { filter, flow, .. } = built;
        Plan::new(Parts { graph, order, trigger, filter, flow, regions, hash, needs_customer })
    }
}

/// The rows that a node writes: those of its kind, and those that its settings name.
pub(super) fn written(kind: &Kind<'_>, work: Option<&Work>) -> Vec<Write> {
    let named = match work {
        Some(Work::Action(action)) => action.writes(),
        _ => Vec::new(),
    };
    kind.writes().iter().cloned().chain(named).collect()
}
