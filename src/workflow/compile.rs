//! The compiler: a drawing becomes a plan, or a list of all its faults.

use std::collections::{BTreeSet, HashMap};

use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::Value;

use super::catalogue::{ActionKind, Catalogue, Kind, Trigger};
use super::config::Reader;
use super::diagnostics::{Diagnostic, any_error, did_you_mean, nearest};
use super::graph::Graph;
use super::hash::{canonical, hash};
use super::plan::{Branch, Parts, Plan, PlanNode, Work};
use super::react_flow::{self, Drawing, DrawnEdge, DrawnNode};
use super::scope::{Scope, StepScope};
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
    if let Some(fault) = too_large(file) {
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
    let fault = |what: String| Some(Diagnostic::error("too-large", what).at("").help("split it into several workflows"));
    let mut bytes = CountBytes(0);
    match (count("nodes"), count("edges")) {
        (nodes, _) if nodes > MAX_NODES => fault(format!("{nodes} nodes: at most {MAX_NODES} are allowed")),
        (_, edges) if edges > MAX_EDGES => fault(format!("{edges} edges: at most {MAX_EDGES} are allowed")),
        _ if serde_json::to_writer(&mut bytes, file).is_err() => fault("more than 1 MiB of JSON".into()),
        _ => None,
    }
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

struct Compiler<'a> {
    catalogue: &'a Catalogue,
    diagnostics: Vec<Diagnostic>,
    schemas: HashMap<&'static str, Value>,
}

/// The drawing with what is known of each node.
struct Resolved<'d> {
    nodes: Vec<(&'d DrawnNode, Option<Kind<'static>>)>,
    index: HashMap<&'d str, usize>,
    edges: Vec<(usize, usize, &'d DrawnEdge)>,
    graph: Graph,
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
            indices.insert(at, graph.add_node(PlanNode {
                id: node.id.as_str().into(),
                label: node.label.clone(),
                kind: kind.as_ref()?.about().name,
                enabled: node.enabled,
                work: works[at].take()?,
            }));
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

    fn resolve<'d>(&mut self, drawing: &'d Drawing) -> Resolved<'d> {
        let mut nodes: Vec<(&DrawnNode, Option<Kind<'static>>)> = Vec::new();
        let mut index: HashMap<&str, usize> = HashMap::new();
        let touched: BTreeSet<&str> = drawing.edges.iter().flat_map(|e| [e.source.as_str(), e.target.as_str()]).collect();
        for node in &drawing.nodes {
            if index.contains_key(node.id.as_str()) || drawing.inert.contains(&node.id) {
                let fault = Diagnostic::error("duplicate-id", format!("there are several nodes `{}`", node.id));
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
                    let help = nearest(ty, self.catalogue.names()).map(|found| format!("did you mean `{found}`?"));
                    (severity("unknown-type", format!("nodes of type `{ty}` mean nothing here")).maybe_help(help), meaning)
                }
                (None, None) => (severity("missing-kind", "this node has no kind".into()), meaning),
            };
            self.diagnostics.push(fault.node(&node.id).at(&node.path));
            return meaning;
        };
        let fault = match self.catalogue.find(name) {
            Some(kind) if node.role.is_none_or(|role| role == kind.role()) => return Meaning::Kind(Some(kind)),
            Some(kind) => {
                let message = format!("`{name}` is a {}, not a {}", kind.role(), node.role.unwrap_or_default());
                Diagnostic::error("conflicting-kinds", message).help(format!("write `data.{}Type`", kind.role()))
            }
            None => Diagnostic::error("unknown-kind", format!("there is no {} `{name}`", node.role.unwrap_or("kind")))
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
        for edge in &drawing.edges {
            let mut fault = |fault: Diagnostic| self.diagnostics.push(fault.edge(edge.id.as_deref()).at(&edge.path));
            let (from, to) = (index.get(edge.source.as_str()), index.get(edge.target.as_str()));
            if edge.source == edge.target {
                fault(Diagnostic::error("self-loop", format!("`{}` leads to itself", edge.source)).node(&edge.source));
                continue;
            }
            match (from, to) {
                (Some(_), Some(to)) if matches!(nodes[*to].1, Some(Kind::Trigger(_))) => {
                    let message = format!("an edge leads into the trigger `{}`", edge.target);
                    fault(Diagnostic::error("edge-into-trigger", message).node(&edge.target).help("remove the edge"));
                }
                (Some(from), Some(to)) => edges.push((*from, *to, edge)),
                _ => {
                    if drawing.inert.contains(&edge.source) && to.is_some() {
                        let message = format!("`{}` is a group, note or placeholder: no way leads out of it", edge.source);
                        fault(Diagnostic::error("inert-source", message).node(&edge.source));
                    }
                    for end in [&edge.source, &edge.target] {
                        let drawn = drawing.inert.contains(end) || drawing.nodes.iter().any(|node| node.id == **end);
                        if !drawn {
                            let help = did_you_mean(end, index.keys().copied()).filter(|help| help.starts_with("did"));
                            let message = format!("there is no node `{end}` for this edge");
                            fault(Diagnostic::error("dangling-edge", message).maybe_help(help));
                        }
                    }
                }
            }
        }
        edges
    }

    fn cycles(&mut self, resolved: &Resolved<'_>, names: &[&str]) {
        for cycle in resolved.graph.cycles(names) {
            let (Some(&first), Some(&last)) = (cycle.first(), cycle.last()) else { continue };
            let way: Vec<&str> = cycle.iter().chain([&first]).map(|node| names[*node]).collect();
            let closing = resolved.edges.iter().find(|(from, to, _)| *from == last && *to == first);
            let fault = Diagnostic::error("cycle", format!("these nodes lead back to themselves: {}", way.join(" -> ")));
            let fault = fault.node(names[first]).help("remove one of the edges");
            self.diagnostics.push(match closing {
                Some((_, _, edge)) => fault.edge(edge.id.as_deref()).at(&edge.path),
                None => fault,
            });
        }
    }

    fn single_trigger(&mut self, resolved: &Resolved<'_>) -> Option<usize> {
        let is_trigger = |kind: &Option<Kind<'_>>, node: &DrawnNode| match kind {
            Some(kind) => matches!(kind, Kind::Trigger(_)),
            None => node.role == Some("trigger"),
        };
        let all = resolved.nodes.iter().enumerate();
        let triggers: Vec<usize> = all.filter(|(_, (node, kind))| is_trigger(kind, node)).map(|(at, _)| at).collect();
        match triggers[..] {
            [] => {
                let fault = Diagnostic::error("no-trigger", "no trigger: nothing would ever start this workflow");
                let kinds: Vec<&str> = self.catalogue.triggers.iter().map(|kind| kind.about.name).collect();
                self.diagnostics.push(fault.at("").help(format!("add one of: {}", kinds.join(", "))));
                None
            }
            [one] => resolved.nodes[one].1.map(|_| one),
            [first, ..] => {
                for &other in &triggers[1..] {
                    let node = resolved.nodes[other].0;
                    let message = format!("a second trigger: `{}` is one already", resolved.nodes[first].0.id);
                    let fault = Diagnostic::error("several-triggers", message).node(&node.id).at(&node.path);
                    self.diagnostics.push(fault.help("make a workflow of its own for it"));
                }
                None
            }
        }
    }

    fn unreachable(&mut self, resolved: &Resolved<'_>, live: &[bool]) {
        for ((node, _), live) in resolved.nodes.iter().zip(live) {
            if !live {
                let message = format!("no way leads from the trigger to `{}`: it never runs", node.id);
                self.diagnostics.push(Diagnostic::warning("unreachable", message).node(&node.id).at(&node.path));
            }
        }
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
                let sources = built.as_ref().map_or(kind.sources.to_vec(), |built: &Box<dyn Trigger>| built.sources());
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

    fn needs(&mut self, node: &DrawnNode, kind: &ActionKind, scope: &Scope<'_>, names: &mut BTreeSet<String>) {
        for need in kind.needs {
            let choices: Vec<&str> = need.split('|').collect();
            let gives = |subject: &&Subject| {
                let has = |name: &str| name.split_once('.').is_some_and(|(s, f)| s == subject.name && subject.field(f).is_some());
                choices.iter().any(|choice| has(choice))
            };
            names.extend(choices.iter().filter(|choice| choice.starts_with("customer.")).map(|c| (*c).to_owned()));
            if let Some(lacking) = scope.subjects.iter().find(|subject| !gives(subject)) {
                let message = format!("`{}` needs {}; the trigger gives `{}`", kind.about.name, choices.join(" or "), lacking.name);
                let fault = Diagnostic::error("lacking-field", message).node(&node.id).at(&node.path);
                self.diagnostics.push(fault.help("start the workflow with a trigger that gives it"));
                return;
            }
        }
    }

    /// The branch of each edge, in the order of the edges.
    fn branches(&mut self, resolved: &Resolved<'_>, works: &[Option<Work>]) -> Vec<Branch> {
        let mut leads_on = vec![false; works.len()];
        let mut branches = Vec::with_capacity(resolved.edges.len());
        for (from, _, edge) in &resolved.edges {
            leads_on[*from] = true;
            let Some(Work::Condition(condition)) = &works[*from] else {
                branches.push(None);
                continue;
            };
            let known = condition.branches();
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
                self.diagnostics.push(Diagnostic::warning("leads-nowhere", message).node(&node.id).at(&node.path));
            }
        }
        branches
    }
}

enum Meaning {
    Nothing,
    Kind(Option<Kind<'static>>),
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

/// The branch that a handle or label means; yes and no are true and false.
fn known_branch<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.trim();
    let other = match name.to_ascii_lowercase().as_str() {
        "yes" => "true".to_owned(),
        "no" => "false".to_owned(),
        lower => lower.to_owned(),
    };
    known.iter().find(|branch| **branch == name).or_else(|| known.iter().find(|branch| **branch == other)).copied()
}

/// What the hash covers: id, kind, settings and whether it is enabled of each node; ends, handles and branch of
/// each edge.
fn meaning(resolved: &Resolved<'_>, branches: &[Branch]) -> Vec<String> {
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
