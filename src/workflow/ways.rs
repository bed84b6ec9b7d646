//! The ways that a workflow can go, tried one by one: what a node reads must be there on each that leads to it.

use std::collections::{BTreeMap, BTreeSet};

use super::build::Built;
use super::catalogue::Kind;
use super::compile::Compiler;
use super::control::Shape;
use super::diagnostics::{Diagnostic, any_error};
use super::plan::{Branch, ERROR, Work};
use super::reads::shown;
use super::resolve::Resolved;

/// Ways that are tried: all of them in most workflows, else a spread of them.
const MAX_WAYS: u64 = 256;

/// How a node is left.
enum Leaving<'b> {
    /// By all its ways: it has no branches, or is a loop.
    All,
    /// By this branch, whatever happens.
    Always(&'b str),
    /// By the branch that is chosen.
    Chosen(usize),
}

struct Ways<'r, 'b> {
    resolved: &'r Resolved<'r>,
    branches: &'b [Branch],
    order: &'r [usize],
    /// For each node, the edges into it.
    into: Vec<Vec<usize>>,
    leaving: Vec<Leaving<'b>>,
    /// For each node with an edge `error`: the choice whether it fails.
    failing: Vec<Option<usize>>,
    choices: Vec<Vec<&'b str>>,
}

/// One way through all of it.
struct Way<'b> {
    taken: Vec<&'b str>,
    ran: Vec<bool>,
    gave: Vec<bool>,
}

impl<'r, 'b> Ways<'r, 'b> {
    fn new(resolved: &'r Resolved<'r>, built: &'b Built, order: &'r [usize], branches: &'b [Branch]) -> Self {
        let mut into = vec![Vec::new(); resolved.nodes.len()];
        let mut handled = vec![false; resolved.nodes.len()];
        for (edge, ((from, to, _), branch)) in resolved.edges.iter().zip(branches).enumerate() {
            into[*to].push(edge);
            handled[*from] |= branch.as_deref() == Some(ERROR);
        }
        let (leaving, failing, choices) = (Vec::new(), Vec::new(), Vec::new());
        let mut ways = Self { resolved, branches, order, into, leaving, failing, choices };
        let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (at, work) in built.works.iter().enumerate() {
            let (node, kind) = &resolved.nodes[at];
            let (always, names) = match work {
                Some(Work::Condition(condition)) => (condition.always(), condition.branches()),
                Some(Work::Control(control)) if control.shape() != Shape::Loop => (None, control.branches()),
                _ => (None, Vec::new()),
            };
            let leaving = match always {
                Some(always) => Leaving::Always(always),
                None if names.is_empty() => Leaving::All,
                None => {
                    // Two nodes that ask the same get the same answer.
                    let name = kind.as_ref().map_or("", |kind| kind.about().name);
                    let asks = matches!(kind, Some(Kind::Condition(_))) && name != "split";
                    let own = if asks { node.config.to_string() } else { node.id.clone() };
                    let chosen = *known.entry((name.to_owned(), own)).or_insert_with(|| {
                        ways.choices.push(names);
                        ways.choices.len() - 1
                    });
                    Leaving::Chosen(chosen)
                }
            };
            ways.leaving.push(leaving);
            ways.failing.push(handled[at].then(|| {
                ways.choices.push(vec!["", ERROR]);
                ways.choices.len() - 1
            }));
        }
        ways
    }

    fn all(&self) -> Vec<Way<'b>> {
        let each = self.choices.iter().try_fold(1_u64, |all, names| all.checked_mul(names.len() as u64));
        let each = each.filter(|each| *each <= MAX_WAYS);
        (0..each.unwrap_or(MAX_WAYS))
            .map(|number| {
                let mut rest = number;
                let taken = self.choices.iter().enumerate().map(|(at, names)| {
                    let count = names.len().max(1) as u64;
                    let spread = || {
                        let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (at as u64 + 1);
                        (mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) % count
                    };
                    let which = if each.is_some() { rest % count } else { spread() };
                    rest /= count;
                    names.get(which as usize).copied().unwrap_or_default()
                });
                self.go(taken.collect())
            })
            .collect()
    }

    fn go(&self, taken: Vec<&'b str>) -> Way<'b> {
        let nodes = self.resolved.nodes.len();
        let mut way = Way { taken, ran: vec![false; nodes], gave: vec![false; nodes] };
        for &at in self.order {
            let (node, kind) = &self.resolved.nodes[at];
            let begins = matches!(kind, Some(Kind::Trigger(_)));
            way.ran[at] = node.enabled && (begins || self.edge_into(at, &way).is_some());
            way.gave[at] = way.ran[at] && !self.fails(at, &way);
        }
        way
    }

    fn fails(&self, at: usize, way: &Way<'_>) -> bool {
        self.failing[at].is_some_and(|choice| way.taken.get(choice) == Some(&ERROR))
    }

    /// The first edge into a node that is taken.
    fn edge_into(&self, node: usize, way: &Way<'_>) -> Option<usize> {
        self.into[node].iter().copied().find(|edge| {
            let from = self.resolved.edges[*edge].0;
            way.ran[from] && self.takes(from, self.branches[*edge].as_deref(), way)
        })
    }

    fn takes(&self, from: usize, branch: Option<&str>, way: &Way<'_>) -> bool {
        if self.fails(from, way) || branch == Some(ERROR) {
            return self.fails(from, way) && branch == Some(ERROR);
        }
        match self.leaving[from] {
            Leaving::All => true,
            Leaving::Always(always) => branch == Some(always),
            Leaving::Chosen(choice) => branch == way.taken.get(choice).copied(),
        }
    }

    /// The branches on a way to a node, in words: "`q` by `false`".
    fn told(&self, node: usize, lacking: &[usize], way: &Way<'_>) -> String {
        let (mut at, mut parts) = (node, Vec::new());
        while let Some(edge) = self.edge_into(at, way) {
            at = self.resolved.edges[edge].0;
            if let Some(branch) = &self.branches[edge] {
                parts.push(format!("`{}` goes on by `{branch}`", self.resolved.nodes[at].0.id));
            }
        }
        parts.reverse();
        if parts.is_empty() {
            // Its own way is free: then what is lacking was left out.
            let before = lacking.first().map(|lacking| self.resolved.graph.ancestors(*lacking));
            for (at, _) in before.iter().flatten().enumerate().filter(|(_, before)| **before) {
                if let (Leaving::Chosen(choice), true) = (&self.leaving[at], way.ran[at]) {
                    let id = &self.resolved.nodes[at].0.id;
                    parts.extend(way.taken.get(*choice).map(|by| format!("`{id}` goes on by `{by}`")));
                }
            }
        }
        parts.join(" and ")
    }
}

impl Compiler<'_> {
    /// Results and variables that a node reads in any case, though a way leads to it on which they are not made.
    pub(super) fn maybe_missing(
        &mut self,
        resolved: &Resolved<'_>,
        built: &Built,
        (order, live): (&[usize], &[bool]),
        branches: &[Branch],
    ) {
        if built.certain.is_empty() || any_error(&self.diagnostics) {
            return;
        }
        let ways = Ways::new(resolved, built, order, branches);
        let all = ways.all();
        let setters = setters(built);
        let mut told = BTreeSet::new();
        let mut before: Option<(usize, Vec<bool>)> = None;
        for (node, path, read) in &built.certain {
            let Some(&at) = resolved.index.get(node.as_str()).filter(|at| live[**at]) else { continue };
            // The later cases of a switch are tried only where none before them holds.
            let later = path.split_once("/cases/").is_some_and(|(_, case)| !case.starts_with("0/"));
            if later || !told.insert((at, read.path.get(..2).map(<[String]>::to_vec))) {
                continue;
            }
            if before.as_ref().is_none_or(|(of, _)| *of != at) {
                before = Some((at, resolved.graph.ancestors(at)));
            }
            let is_before = |node: &usize| before.iter().any(|(_, before)| *node != at && before[*node]);
            let makers: Vec<usize> = match &read.path[..] {
                [root, name, ..] if root == "steps" => {
                    resolved.index.get(name.as_str()).copied().into_iter().collect()
                }
                [_, name, ..] => setters.get(name).into_iter().flatten().copied().filter(is_before).collect(),
                _ => continue,
            };
            if makers.is_empty() {
                continue;
            }
            let lacks = |way: &&Way<'_>| way.ran[at] && !makers.iter().any(|maker| way.gave[*maker]);
            let Some(way) = all.iter().find(lacks) else { continue };
            let (name, when) = (read.shown(), ways.told(at, &makers, way));
            let when = if when.is_empty() { String::new() } else { format!(" where {when}") };
            let of = read.path.get(..2).map(shown).unwrap_or_default();
            let fault = Diagnostic::warning("maybe-missing", format!("`{name}` is not there{when}"));
            let fault = fault.node(node).at(path).within(Some(read.range.clone()));
            self.diagnostics.push(fault.help(format!("write `{name} if {of} is defined else 0`")));
        }
    }
}

/// The nodes that set each variable.
fn setters(built: &Built) -> BTreeMap<String, Vec<usize>> {
    let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, work) in built.works.iter().enumerate() {
        let Some(Work::Control(control)) = work else { continue };
        control.sets().into_iter().for_each(|name| all.entry(name).or_default().push(at));
    }
    all
}
