//! Settings become work: every node's are read in its scope, triggers first, so that the scope of the others is known.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use serde_json::Value;

use super::branches::known_branch;
use super::catalogue::{ActionKind, Kind, Source};
use super::compile::Compiler;
use super::config::Reader;
use super::control::Shape;
use super::diagnostics::{Diagnostic, any_error};
use super::flow::{self, FLOW, Flow};
use super::plan::{ERROR, Work};
use super::react_flow::DrawnNode;
use super::reads::Read;
use super::regions::{AFTER, EACH};
use super::resolve::Resolved;
use super::retry;
use super::rules::test::Test;
use super::scope::{Scope, StepsBefore};
use super::subjects::{Field, Subject};
use super::variables::Variables;
use crate::domain::event::Operation;
use crate::domain::retry::Retry;

/// The setting of every trigger that the compiler reads itself.
pub const FILTER: &str = "filter";

/// The table that a trigger's settings name.
fn row_table(config: &Value) -> Option<String> {
    config.get("table").and_then(Value::as_str).map(str::to_owned)
}

/// What actions need that are about the customer whom the event belongs to.
pub const CUSTOMER_OF_EVENT: &str = "customer";

/// What came of the nodes' settings.
pub(super) struct Built {
    /// By drawn node; `None` where its settings have faults.
    pub works: Vec<Option<Work>>,
    /// By drawn node: what it says of trying again.
    pub retries: Vec<Option<Retry>>,
    /// The trigger's.
    pub filter: Option<Test>,
    /// The trigger's.
    pub flow: Option<Flow>,
    /// By drawn node: the paths that it reads.
    pub names: Vec<BTreeSet<Vec<String>>>,
    /// What nodes read of others in any case: by their ids, where, and what.
    pub certain: Vec<(String, String, Read)>,
}

impl Built {
    /// The loops among the drawn nodes.
    pub(super) fn loops(&self) -> Vec<usize> {
        let is_loop =
            |work: &Option<Work>| matches!(work, Some(Work::Control(c)) if c.shape() == Shape::Loop);
        self.works.iter().enumerate().filter(|(_, work)| is_loop(work)).map(|(at, _)| at).collect()
    }
}

impl<'a> Compiler<'a> {
    /// Builds every node's work.
    pub(super) fn build_all(
        &mut self,
        resolved: &Resolved<'_>,
        trigger: Option<usize>,
        order: &[usize],
    ) -> Built {
        let works = resolved.nodes.iter().map(|_| None).collect();
        let retries = resolved.nodes.iter().map(|_| None).collect();
        let names = vec![BTreeSet::new(); resolved.nodes.len()];
        let mut built = Built { works, retries, filter: None, flow: None, names, certain: Vec::new() };
        let mut sees = Scope::default();
        for at in 0..resolved.nodes.len() {
            if matches!(resolved.nodes[at].1, Some(Kind::Trigger(_))) {
                let found = self.trigger(resolved, at, &mut built);
                if Some(at) == trigger {
                    sees = found;
                }
            }
        }
        let results: Vec<Option<&'static [Field]>> =
            resolved.nodes.iter().map(|(_, kind)| kind.as_ref().map(Kind::result)).collect();
        let loops = self.likely_bodies(resolved);
        let may_set = |node: &usize| matches!(resolved.nodes[*node].1, Some(Kind::Control(_)) | None);
        let mut variables = Variables::new((0..resolved.nodes.len()).filter(may_set));
        let searches = std::mem::take(&mut self.searches);
        for &at in order {
            let (node, kind) = &resolved.nodes[at];
            if let Some(kind) = kind {
                let (retry, mut faults) = retry::read(node, kind, self.catalogue);
                built.retries[at] = retry;
                self.diagnostics.append(&mut faults);
            }
            let scope = Scope {
                steps: Some(StepsBefore {
                    graph: &resolved.graph,
                    index: &resolved.index,
                    results: &results,
                    at,
                    before: OnceCell::new(),
                    searches: &searches,
                    unread: OnceCell::new(),
                }),
                vars: Some(&variables),
                in_loop: loops.get(at).copied().unwrap_or(false),
                ..sees.clone()
            };
            let config = (&node.config, &*node.config_path);
            self.flow_elsewhere(node, kind);
            built.works[at] = match kind {
                None | Some(Kind::Trigger(_)) => continue,
                Some(Kind::Condition(of)) => self
                    .build((at, &node.id), config, kind, &scope, &mut built, of.build)
                    .map(Work::Condition),
                Some(Kind::Control(of)) => {
                    self.build((at, &node.id), config, kind, &scope, &mut built, of.build).map(Work::Control)
                }
                Some(Kind::Action(of)) => {
                    self.needs(resolved, at, of, &scope, &mut built.names[at]);
                    self.build((at, &node.id), config, kind, &scope, &mut built, of.build).map(Work::Action)
                }
            };
            if let Some(Work::Control(control)) = &built.works[at] {
                variables.read(at, control.sets());
            }
        }
        self.searches = searches;
        built
    }

    /// Builds a trigger and its filter; gives what is seen of its events.
    fn trigger(&mut self, resolved: &Resolved<'_>, at: usize, built: &mut Built) -> Scope<'a> {
        let (node, kind) = &resolved.nodes[at];
        let Some(Kind::Trigger(of)) = kind else { return Scope::default() };
        let mut config = node.config.clone();
        let filter = config.as_object_mut().and_then(|config| config.remove(FILTER));
        let nothing = Scope { tables: self.tables, row_table: row_table(&config), ..Scope::default() };
        let own = (&config, &*node.config_path);
        let trigger = self.build((at, &node.id), own, kind, &nothing, built, of.build);
        let sources = trigger.as_ref().map_or(of.sources.to_vec(), |built| built.sources());
        let changes = |source: &Source| source.operations.contains(&Operation::Update);
        let scope = Scope {
            subjects: sources.iter().map(|source| source.subject).collect(),
            nothing_former: !sources.iter().any(changes),
            ..nothing.clone()
        };
        self.started_by(node, &sources, trigger.as_deref());
        built.works[at] = trigger.map(Work::Trigger);
        if let Some(filter) = filter.filter(|filter| !filter.is_null()) {
            let none = Variables::default();
            let scope = Scope { vars: Some(&none), ..scope.clone() };
            let path = format!("{}/{FILTER}", node.config_path);
            let mut reader = Reader::new(&node.id, &filter, &path, &Value::Null, &scope, self.catalogue);
            built.filter = Test::read_filter(&mut reader, &filter, &path, "this workflow never starts");
            built.names[at].append(&mut reader.names);
            self.diagnostics.append(&mut reader.faults);
        }
        self.flow((at, node), &scope, built);
        scope
    }

    /// Reads how often, how soon and how many at once a trigger may start executions.
    fn flow(&mut self, (at, node): (usize, &DrawnNode), scope: &Scope<'_>, built: &mut Built) {
        if node.flow.is_null() {
            return;
        }
        let (path, none) = (format!("{}/data/{FLOW}", node.path), Variables::default());
        let schema = flow::schema();
        let scope = Scope { vars: Some(&none), ..scope.clone() };
        let mut reader = Reader::new(&node.id, &node.flow, &path, &schema, &scope, self.catalogue);
        built.flow = flow::read(&mut reader);
        built.names[at].append(&mut reader.names);
        self.diagnostics.append(&mut reader.faults);
    }

    fn flow_elsewhere(&mut self, node: &DrawnNode, kind: &Option<Kind<'static>>) {
        if !node.flow.is_null() && kind.as_ref().is_some_and(|kind| !matches!(kind, Kind::Trigger(_))) {
            let message = "only a trigger has `flow`: here it has no effect";
            let fault = Diagnostic::warning("flow-elsewhere", message).node(&node.id);
            self.diagnostics.push(fault.at(format!("{}/data/{FLOW}", node.path)));
        }
    }

    /// Which nodes a loop's branch `each` leads to, before branches are known for sure.
    fn likely_bodies(&self, resolved: &Resolved<'_>) -> Vec<bool> {
        let mut starts = Vec::new();
        for (from, to, edge) in &resolved.edges {
            let Some(Kind::Control(kind)) = resolved.nodes[*from].1 else { continue };
            let branch =
                || edge.branches.iter().find_map(|(name, _)| known_branch(name, kind.branches, true));
            if kind.branches == [EACH, AFTER] && branch() == Some(EACH) {
                starts.push(*to);
            }
        }
        resolved.graph.reachable_from(starts)
    }

    fn build<T>(
        &mut self,
        (at, node): (usize, &str),
        (config, path): (&Value, &str),
        kind: &Option<Kind<'static>>,
        scope: &Scope<'_>,
        all: &mut Built,
        build: fn(&mut Reader<'_>) -> Option<T>,
    ) -> Option<T> {
        let about = kind.as_ref()?.about();
        let schema = self.schemas.entry(about.name).or_insert_with(about.schema);
        let mut reader = Reader::new(node, config, path, schema, scope, self.catalogue);
        let built = build(&mut reader);
        all.names[at].append(&mut reader.names);
        all.certain.extend(reader.certain.drain(..).map(|(path, read)| (node.to_owned(), path, read)));
        let built = built.filter(|_| !any_error(&reader.faults));
        self.diagnostics.append(&mut reader.faults);
        built
    }

    fn needs(
        &mut self,
        resolved: &Resolved<'_>,
        at: usize,
        kind: &ActionKind,
        scope: &Scope<'_>,
        names: &mut BTreeSet<Vec<String>>,
    ) {
        let node = resolved.nodes[at].0;
        let is_set = |setting: &str| node.config.get(setting).is_some_and(|value| !value.is_null());
        for need in kind.needs.iter().filter(|need| !need.unless.is_some_and(is_set)) {
            let choices: Vec<&str> = need.path.split('|').collect();
            let gives = |subject: &&Subject| {
                let has = |name: &str| {
                    if name == CUSTOMER_OF_EVENT {
                        return subject.has_customer();
                    }
                    name.split_once('.').is_some_and(|(of, field)| {
                        subject.open || ((of == "*" || of == subject.name) && subject.field(field).is_some())
                    })
                };
                choices.iter().any(|choice| has(choice))
            };
            let of_customer = choices.iter().filter(|choice| choice.starts_with("customer."));
            names.extend(of_customer.map(|choice| choice.split('.').map(str::to_owned).collect()));
            // Rows that name their customer by an order or an address need that customer's row.
            if choices.contains(&CUSTOMER_OF_EVENT) && !scope.subjects.iter().all(|s| s.has_customer_id()) {
                names.insert(vec![CUSTOMER_OF_EVENT.to_owned(), "id".to_owned()]);
            }
            self.needed_columns(node, &choices, scope);
            if let Some(lacking) = scope.subjects.iter().find(|subject| !gives(subject)) {
                let words: Vec<String> = choices
                    .iter()
                    .map(|choice| match choice.strip_prefix("*.") {
                        Some(field) => format!("a row with `{field}`"),
                        None if *choice == CUSTOMER_OF_EVENT => "a customer".to_owned(),
                        None => (*choice).to_owned(),
                    })
                    .collect();
                let message = format!(
                    "`{}` needs {}; the trigger gives `{}`",
                    kind.about.name,
                    words.join(" or "),
                    lacking.name
                );
                let fault = Diagnostic::error("lacking-field", message).node(&node.id).at(&node.path);
                let help = match need.unless {
                    None => "start the workflow with a trigger that gives it".to_owned(),
                    Some(setting) => {
                        format!("start the workflow with a trigger that gives it, or set `{setting}`")
                    }
                };
                self.diagnostics.push(fault.help(help));
                return;
            }
        }
    }

    /// Nodes that ways lead to, but none that is ever taken.
    pub(super) fn never_run(
        &mut self,
        resolved: &Resolved<'_>,
        works: &[Option<Work>],
        (order, live): (&[usize], &[bool]),
        branches: &[super::plan::Branch],
    ) {
        let mut into: Vec<Vec<(usize, Option<&str>)>> = vec![Vec::new(); works.len()];
        for ((from, to, _), branch) in resolved.edges.iter().zip(branches) {
            into[*to].push((*from, branch.as_deref()));
        }
        let mut runs = vec![true; works.len()];
        for &at in order {
            let taken = |(from, branch): &(usize, Option<&str>)| {
                let always = match &works[*from] {
                    Some(Work::Condition(condition)) => condition.always(),
                    _ => None,
                };
                runs[*from]
                    && resolved.nodes[*from].0.enabled
                    && always.is_none_or(|always| *branch == Some(always) || *branch == Some(ERROR))
            };
            runs[at] = into[at].is_empty() || into[at].iter().any(taken);
            let (node, _) = &resolved.nodes[at];
            // Of several in a row, the first: the others follow from it.
            if !runs[at] && live[at] && into[at].iter().any(|(from, _)| runs[*from]) {
                let message = format!("no way that leads to `{}` is ever taken: it never runs", node.id);
                let fault = Diagnostic::warning("never-runs", message).node(&node.id).at(&node.path);
                let help = "what leads to it is disabled, or always goes another way";
                self.diagnostics.push(fault.help(help));
            }
        }
    }

    /// What controls that shape the graph make of the ways around them, and conditions that know no other way.
    pub(super) fn shapes(
        &mut self,
        resolved: &Resolved<'_>,
        works: &[Option<Work>],
        live: &[bool],
        branches: &[super::plan::Branch],
    ) {
        for (at, (node, _)) in resolved.nodes.iter().enumerate().filter(|(at, _)| live[*at]) {
            let about = |fault: Diagnostic| fault.node(&node.id).at(&node.path);
            match &works[at] {
                Some(Work::Control(control)) => match control.shape() {
                    Shape::First | Shape::All if resolved.graph.before[at].len() < 2 => {
                        let message = format!(
                            "only one way leads into the join `{}`: there is nothing to join",
                            node.id
                        );
                        self.diagnostics.push(about(Diagnostic::warning("lone-join", message)));
                    }
                    Shape::End => {
                        for ((from, _, edge), branch) in resolved.edges.iter().zip(branches) {
                            if *from == at && branch.as_deref() != Some(ERROR) {
                                let message = format!("an edge leaves `{}`, but nothing follows it", node.id);
                                let fault = Diagnostic::error("edge-after-end", message).node(&node.id);
                                let fault = fault.edge(edge.id.as_deref()).at(&edge.path);
                                self.diagnostics.push(fault.help("remove the edge"));
                            }
                        }
                    }
                    _ => {}
                },
                Some(Work::Condition(condition)) => {
                    let Some(always) = condition.always() else { continue };
                    let message = format!("`{}` always goes on by `{always}`", node.id);
                    let others = condition.branches().into_iter().filter(|name| *name != always);
                    let drawn = |name: &&str| {
                        resolved
                            .edges
                            .iter()
                            .zip(branches)
                            .any(|((from, ..), b)| *from == at && b.as_deref() == Some(name))
                    };
                    let dead: Vec<String> = others.filter(drawn).map(|name| format!("`{name}`")).collect();
                    let fault = Diagnostic::warning("constant-condition", message);
                    self.diagnostics.push(about(match dead.is_empty() {
                        true => fault,
                        false => fault.help(format!("what follows {} never runs", dead.join(" and "))),
                    }));
                }
                _ => {}
            }
        }
    }
}
