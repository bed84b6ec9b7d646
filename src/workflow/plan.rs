//! The plan: a version, compiled. A DAG of nodes with their work, ready to run.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use petgraph::graph::{DiGraph, NodeIndex};

use serde_json::{Value, json};

use super::anchor::{Anchor, Anchors};
use super::catalogue::{Action, Condition, RetryClass, Source, Trigger, Write};
use super::context::Context;
use super::control::Control;
use super::flow::Flow;
use super::regions::Region;
use super::rules::test::Test;
use super::secrets;
use crate::domain::event::{CustomerKey, Event};
use crate::domain::ids::{ExecutionId, NodeId, WorkflowId};
use crate::domain::retry::Retry;

/// The branch by which a node that failed is left.
pub const ERROR: &str = "error";

/// What a node does at its turn.
#[derive(Debug)]
pub enum Work {
    /// It started the execution.
    Trigger(Box<dyn Trigger>),
    /// It chooses a branch.
    Condition(Box<dyn Condition>),
    /// It steers.
    Control(Box<dyn Control>),
    /// It wants something done.
    Action(Box<dyn Action>),
}

/// A node of a plan.
#[derive(Debug)]
pub struct PlanNode {
    /// As drawn.
    pub id: NodeId,
    /// The caption.
    pub label: Option<String>,
    /// The kind's name.
    pub kind: &'static str,
    /// A disabled node is skipped, and so is what follows it alone.
    pub enabled: bool,
    /// Its settings, as drawn.
    pub config: Value,
    /// The paths that its settings read of the context.
    pub reads: Vec<Vec<String>>,
    /// What it does.
    pub work: Work,
    /// The rows that it writes.
    pub writes: Vec<Write>,
    /// How an action may be tried again.
    pub class: Option<RetryClass>,
    /// What the node says of that.
    pub retry: Option<Retry>,
    /// Something follows its failure: that is no failure of the execution then.
    pub handles_errors: bool,
}

/// An edge of a plan: the branch that it belongs to, if its source has branches or it follows a failure.
pub type Branch = Option<Arc<str>>;

/// A version, compiled. Immutable.
#[derive(Debug)]
pub struct Plan {
    graph: DiGraph<PlanNode, Branch>,
    order: Vec<NodeIndex>,
    by_id: HashMap<NodeId, usize>,
    trigger: NodeIndex,
    trigger_kind: &'static str,
    sources: Vec<Source>,
    filter: Option<Test>,
    flow: Option<Flow>,
    regions: Vec<Region>,
    places: Vec<(usize, usize)>,
    names: Vec<Arc<[NodeId]>>,
    hash: String,
    needs_customer: bool,
}

/// What the compiler hands over.
pub(super) struct Parts {
    pub graph: DiGraph<PlanNode, Branch>,
    pub order: Vec<NodeIndex>,
    pub trigger: NodeIndex,
    pub filter: Option<Test>,
    pub flow: Option<Flow>,
    pub regions: Vec<Region>,
    pub hash: String,
    pub needs_customer: bool,
}

impl Plan {
    pub(super) fn new(parts: Parts) -> Option<Self> {
        let node = parts.graph.node_weight(parts.trigger)?;
        let Work::Trigger(trigger) = &node.work else { return None };
        let (trigger_kind, sources) = (node.kind, trigger.sources());
        let positions = parts.order.iter().enumerate();
        let by_id =
            positions.filter_map(|(at, index)| Some((parts.graph.node_weight(*index)?.id.clone(), at)));
        let mut places = vec![(0, 0); parts.order.len()];
        for (region, of) in parts.regions.iter().enumerate() {
            for (slot, &at) in of.nodes.iter().enumerate() {
                *places.get_mut(at)? = (region, slot);
            }
        }
        let name = |at: &usize| Some(parts.graph.node_weight(*parts.order.get(*at)?)?.id.clone());
        let names = parts.regions.iter().map(|of| of.nodes.iter().filter_map(name).collect());
        let names = names.collect();
        Some(Self {
            by_id: by_id.collect(),
            filter: parts.filter,
            flow: parts.flow,
            names,
            regions: parts.regions,
            places,
            trigger: parts.trigger,
            trigger_kind,
            sources,
            hash: parts.hash,
            needs_customer: parts.needs_customer,
            order: parts.order,
            graph: parts.graph,
        })
    }

    /// The stored secrets that its nodes name.
    pub fn secrets(&self) -> BTreeSet<String> {
        self.graph.node_weights().flat_map(|node| secrets::named_in(node.kind, &node.config)).collect()
    }

    /// The nodes and edges.
    pub fn graph(&self) -> &DiGraph<PlanNode, Branch> {
        &self.graph
    }

    /// All nodes such that each comes behind those that lead to it; a node's index is its place in it. Equal plans
    /// have equal orders.
    pub fn order(&self) -> &[NodeIndex] {
        &self.order
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Never: a plan has its trigger.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The place of a node in [`Self::order`].
    pub fn position(&self, node: &NodeId) -> Option<usize> {
        self.by_id.get(node).copied()
    }

    /// The workflow as a whole, then each loop's body.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The names of a region's nodes, in their order.
    pub fn names(&self, region: usize) -> Arc<[NodeId]> {
        self.names.get(region).cloned().unwrap_or_default()
    }

    /// The region of a node, and its place there.
    pub fn place(&self, at: usize) -> Option<(usize, usize)> {
        self.places.get(at).copied()
    }

    /// The node at a place in [`Self::order`].
    pub fn node(&self, at: usize) -> Option<&PlanNode> {
        self.graph.node_weight(*self.order.get(at)?)
    }

    /// The trigger's node.
    pub fn trigger(&self) -> NodeIndex {
        self.trigger
    }

    /// The trigger's kind, which the context shows as `event.type`.
    pub fn trigger_kind(&self) -> &'static str {
        self.trigger_kind
    }

    /// Hex; equal for drawings that mean the same, however they look.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether anything reads the customer's row, so that it must be loaded with the event.
    pub fn needs_customer(&self) -> bool {
        self.needs_customer
    }

    /// The rows whose changes can start it.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// What it consists of, for those who ask the database what listens to what: lists of `triggers`, `conditions`
    /// and `actions`, each `{node, kind, label, config}`; a trigger once per table, with `table` and `operations`.
    /// Controls are among the conditions where they choose a branch, else among the actions. `awaited` are the tables whose
    /// events it waits for.
    pub fn parts(&self) -> Value {
        let (mut triggers, mut conditions, mut actions) = (Vec::new(), Vec::new(), Vec::new());
        let nodes = self.order.iter().filter_map(|index| self.graph.node_weight(*index));
        let mut awaited: BTreeMap<Cow<'static, str>, BTreeSet<&str>> = BTreeMap::new();
        for node in nodes.filter(|node| node.enabled) {
            if let Work::Control(control) = &node.work {
                for source in control.awaits().iter().flat_map(|awaits| awaits.trigger.sources()) {
                    let operations = source.operations.iter().map(|operation| operation.as_str());
                    awaited.entry(source.table).or_default().extend(operations);
                }
            }
            let mut part =
                json!({"node": node.id, "kind": node.kind, "label": node.label, "config": node.config});
            match &node.work {
                Work::Condition(_) => conditions.push(part),
                Work::Control(control) if !control.branches().is_empty() => conditions.push(part),
                Work::Control(_) | Work::Action(_) => actions.push(part),
                Work::Trigger(_) => {
                    let tables: BTreeSet<&str> = self.sources.iter().map(|source| &*source.table).collect();
                    for table in tables {
                        let of_table = self.sources.iter().filter(|source| source.table == table);
                        let operations: BTreeSet<&str> = of_table
                            .flat_map(|source| source.operations)
                            .map(|operation| operation.as_str())
                            .collect();
                        part["table"] = json!(table);
                        part["operations"] = json!(operations);
                        triggers.push(part.clone());
                    }
                }
            }
        }
        let awaited =
            awaited.into_iter().map(|(table, operations)| json!({"table": table, "operations": operations}));
        json!({"triggers": triggers, "conditions": conditions, "actions": actions, "awaited": awaited.collect::<Vec<_>>()})
    }

    /// Whether the event starts it: it is about a row of the sources, the trigger agrees, and so does its filter.
    pub fn matches(&self, event: &Event) -> bool {
        self.would_start(event) && self.passes_filter(event)
    }

    /// As [`Self::matches`], but for the filter.
    pub fn would_start(&self, event: &Event) -> bool {
        self.source_of(event).is_some()
            && match self.graph.node_weight(self.trigger) {
                Some(PlanNode { enabled: true, work: Work::Trigger(trigger), .. }) => trigger.matches(event),
                _ => false,
            }
    }

    /// Whether the trigger's filter lets the event pass. One that can't be evaluated does not.
    pub fn passes_filter(&self, event: &Event) -> bool {
        let Some(filter) = &self.filter else { return true };
        let id = ExecutionId::default();
        let context = Context::new(event, self.trigger_kind, self.subject_of(event), id, event.at);
        filter.holds(&context).unwrap_or(false)
    }

    /// What it is anchored in where the event's row is called `subject`: of each entry one anchor must hold, or it is not
    /// started. `workflow` is whose plan it is.
    pub fn anchors(&self, subject: &str, workflow: WorkflowId) -> Vec<Anchors> {
        let mut ways = self.filter.as_ref().map(Test::anchors).unwrap_or_default();
        let Some(trigger) = self.trigger_settings() else { return ways };
        // Events that are for one workflow say so.
        let addressed =
            trigger.is_addressed().then(|| Anchor::texts("workflow_id", [workflow.to_string()])).flatten();
        ways.extend(trigger.anchors().into_iter().chain(addressed).map(|mut anchor| {
            anchor.path.insert(0, subject.to_owned());
            vec![anchor]
        }));
        ways
    }

    /// How often, how soon and how many at once, if that is bounded.
    pub fn flow(&self) -> Option<&Flow> {
        self.flow.as_ref()
    }

    /// The trigger's id.
    pub fn trigger_id(&self) -> NodeId {
        self.graph.node_weight(self.trigger).map_or_else(|| "".into(), |node| node.id.clone())
    }

    /// The trigger with its settings.
    pub fn trigger_settings(&self) -> Option<&dyn Trigger> {
        match &self.graph.node_weight(self.trigger)?.work {
            Work::Trigger(trigger) => Some(&**trigger),
            _ => None,
        }
    }

    /// The name under which the context shows the event's row.
    pub fn subject_of(&self, event: &Event) -> &'static str {
        self.source_of(event).map_or("row", |source| source.subject.name)
    }

    /// How the customer of the event's row is found, if anything reads the customer.
    pub fn customer_of(&self, event: &Event) -> Option<CustomerKey> {
        if self.needs_customer { self.owner_of(event) } else { None }
    }

    /// How the customer of the event's row is found, whether or not anything reads the customer.
    pub fn owner_of(&self, event: &Event) -> Option<CustomerKey> {
        self.source_of(event)?.subject.customer_of(&event.row)
    }

    fn source_of(&self, event: &Event) -> Option<&Source> {
        self.sources.iter().find(|source| source.covers(event))
    }
}
