//! The compiler: a drawing becomes a plan, or a list of all its faults.

use std::collections::{BTreeSet, HashMap};

use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::Value;

use super::branches::meaning;
use super::catalogue::{ActionKind, Catalogue, Kind};
use super::config::Reader;
use super::diagnostics::{Diagnostic, any_error};
use super::hash::hash;
use super::plan::{Parts, Plan, PlanNode, Work};
use super::react_flow::{self, Drawing, DrawnNode};
use super::resolve::Resolved;
use super::scope::{Scope, StepScope};
use super::storable::first_unstorable;
use super::subjects::Subject;

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
    /// Everything that is wrong, errors and warnings, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a React Flow save. Never panics, whatever it is given.
pub fn compile(file: &Value, catalogue: &Catalogue) -> Compiled {
    if let Some(fault) = too_large(file).or_else(|| unstorable(file)) {
        return Compiled { plan: None, diagnostics: vec![fault] };
    }
    let (drawing, diagnostics) = react_flow::read(file, catalogue);
    let mut compiler = Compiler { catalogue, diagnostics, schemas: HashMap::new() };
    if any_error(&compiler.diagnostics) && drawing.nodes.is_empty() {
        return Compiled { plan: None, diagnostics: compiler.diagnostics };
    }
    let plan = compiler.drawing(&drawing);
    let mut diagnostics = compiler.diagnostics;
    diagnostics.sort_by_cached_key(|d| file_order(d.path.as_deref().unwrap_or_default()));
    let plan = plan.filter(|_| !any_error(&diagnostics));
    if plan.is_none() && !any_error(&diagnostics) {
        diagnostics.push(Diagnostic::error("internal-fault", "no plan came of this workflow"));
    }
    Compiled { plan, diagnostics }
}

fn too_large(file: &Value) -> Option<Diagnostic> {
    let count = |key: &str| file.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    let fault = |what: String| {
        Some(Diagnostic::error("too-large", what).at("").help("split it into several workflows"))
    };
    let mut bytes = CountBytes(0);
    match (count("nodes"), count("edges")) {
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

/// `/nodes/10` behind `/nodes/9`, `/nodes` before `/edges`.
fn file_order(path: &str) -> (bool, Vec<(u64, String)>) {
    let parts = path.split('/').skip(1).map(|part| (part.parse().unwrap_or(0), part.to_owned()));
    (path.starts_with("/edges"), parts.collect())
}

/// A compilation under way: [`super::resolve`] and [`super::branches`] have their parts of it.
pub(super) struct Compiler<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) diagnostics: Vec<Diagnostic>,
    schemas: HashMap<&'static str, Value>,
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
        let mut names_read = BTreeSet::new();
        let mut works = self.works(&resolved, trigger, &order, &mut names_read);
        let branches = self.branches(&resolved, &works);
        let hash = hash(meaning(&resolved, &branches));
        if any_error(&self.diagnostics) {
            return None;
        }
        let mut graph = DiGraph::with_capacity(names.len(), resolved.edges.len());
        let mut indices: HashMap<usize, NodeIndex> = HashMap::new();
        order.retain(|node| live[*node]);
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
                    work: works[at].take()?,
                }),
            );
        }
        for ((from, to, _), branch) in resolved.edges.iter().zip(branches) {
            if let (Some(from), Some(to)) = (indices.get(from), indices.get(to)) {
                graph.add_edge(*from, *to, branch);
            }
        }
        let order = order.iter().filter_map(|node| indices.get(node).copied()).collect();
        let needs_customer = names_read.iter().any(|name| name.split('.').next() == Some("customer"));
        Plan::new(Parts { graph, order, trigger: *indices.get(&trigger?)?, hash, needs_customer })
    }

    /// Builds every node's work, triggers first, so that the scope of the others is known.
    fn works(
        &mut self,
        resolved: &Resolved<'_>,
        trigger: Option<usize>,
        order: &[usize],
        names: &mut BTreeSet<String>,
    ) -> Vec<Option<Work>> {
        let mut works: Vec<Option<Work>> = resolved.nodes.iter().map(|_| None).collect();
        let mut subjects: Vec<&'static Subject> = Vec::new();
        for (at, (node, kind)) in resolved.nodes.iter().enumerate() {
            let Some(Kind::Trigger(kind)) = kind else { continue };
            let built = self.build(node, &kind.about, &Scope::default(), names, kind.build);
            if Some(at) == trigger {
                let sources = built.as_ref().map_or(kind.sources.to_vec(), |built| built.sources());
                subjects = sources.iter().map(|source| source.subject).collect();
            }
            works[at] = built.map(Work::Trigger);
        }
        for &at in order {
            let (node, kind) = &resolved.nodes[at];
            let scope = Scope { subjects: subjects.clone(), steps: steps_for(resolved, at) };
            works[at] = match kind {
                None => None,
                Some(Kind::Trigger(_)) => continue,
                Some(Kind::Condition(kind)) => {
                    self.build(node, &kind.about, &scope, names, kind.build).map(Work::Condition)
                }
                Some(Kind::Action(kind)) => {
                    self.needs(node, kind, &scope, names);
                    self.build(node, &kind.about, &scope, names, kind.build).map(Work::Action)
                }
            };
        }
        works
    }

    fn build<T>(
        &mut self,
        node: &DrawnNode,
        about: &super::catalogue::About,
        scope: &Scope<'_>,
        names: &mut BTreeSet<String>,
        build: fn(&mut Reader<'_>) -> Option<T>,
    ) -> Option<T> {
        let schema = self.schemas.entry(about.name).or_insert_with(about.schema);
        let mut reader = Reader::new(&node.id, &node.config, &node.config_path, schema, scope);
        let built = build(&mut reader);
        names.append(&mut reader.names);
        let built = built.filter(|_| !any_error(&reader.faults));
        self.diagnostics.append(&mut reader.faults);
        built
    }

    fn needs(
        &mut self,
        node: &DrawnNode,
        kind: &ActionKind,
        scope: &Scope<'_>,
        names: &mut BTreeSet<String>,
    ) {
        for need in kind.needs {
            let choices: Vec<&str> = need.split('|').collect();
            let gives = |subject: &&Subject| {
                let has = |name: &str| {
                    name.split_once('.').is_some_and(|(s, f)| s == subject.name && subject.field(f).is_some())
                };
                choices.iter().any(|choice| has(choice))
            };
            names.extend(
                choices.iter().filter(|choice| choice.starts_with("customer.")).map(|c| (*c).to_owned()),
            );
            if let Some(lacking) = scope.subjects.iter().find(|subject| !gives(subject)) {
                let message = format!(
                    "`{}` needs {}; the trigger gives `{}`",
                    kind.about.name,
                    choices.join(" or "),
                    lacking.name
                );
                let fault = Diagnostic::error("lacking-field", message).node(&node.id).at(&node.path);
                self.diagnostics.push(fault.help("start the workflow with a trigger that gives it"));
                return;
            }
        }
    }
}

fn steps_for<'d>(resolved: &Resolved<'d>, node: usize) -> Vec<StepScope<'d>> {
    let mentions = resolved.nodes[node].0.config.to_string().contains("steps");
    if !mentions {
        return Vec::new();
    }
    let before = resolved.graph.ancestors(node);
    let scopes = resolved.nodes.iter().enumerate().map(|(at, (other, kind))| StepScope {
        node: &other.id,
        before: before[at] && at != node,
        result: match kind {
            Some(Kind::Action(kind)) => Some(kind.result),
            Some(_) => Some(&[]),
            None => None,
        },
    });
    scopes.collect()
}
