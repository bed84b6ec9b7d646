//! What a drawing means: what its hash covers, and what two drawings are compared by. How it looks is not in it, nor what
//! editors keep for themselves.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::build::FILTER;
use super::catalogue::Kind;
use super::hash::canonical;
use super::plan::Branch;
use super::resolve::Resolved;

/// A drawing's meaning, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    pub nodes: Vec<Meant>,
    /// Each way once, with the id of its edge.
    pub ways: Vec<(Option<String>, Way)>,
}

/// A node's.
#[derive(Debug)]
pub(super) struct Meant {
    pub id: String,
    pub kind: Option<String>,
    pub enabled: bool,
    pub config: Value,
    pub retry: Option<Value>,
    /// Of a trigger; null if there is none.
    pub flow: Value,
    /// Means nothing, but is told.
    pub label: Option<String>,
}

/// A way from node to node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Way {
    /// From.
    pub source: String,
    /// By which branch, as the node calls it; as the edge calls it where the node has none of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// To.
    pub target: String,
}

impl Meaning {
    /// What is drawn, with the branch of each edge.
    pub(super) fn new(resolved: &Resolved<'_>, branches: &[Branch]) -> Self {
        let nodes = resolved.nodes.iter().map(|(node, kind)| Meant {
            id: node.id.clone(),
            kind: kind
                .map(|kind| kind.about().name.to_owned())
                .or_else(|| node.kind.as_ref().map(|(name, _)| name.clone())),
            enabled: node.enabled,
            config: settings(&node.config, kind.as_ref()),
            retry: node.retry.as_ref().filter(|_| is_action(kind)).map(|(retry, _)| retry.clone()),
            flow: match kind {
                Some(Kind::Trigger(_)) => node.flow.clone(),
                _ => Value::Null,
            },
            label: node.label.clone(),
        });
        let mut seen = HashSet::new();
        let ways = resolved.edges.iter().zip(branches).map(|((from, _, edge), branch)| {
            // Only drawings with faults have edges that leave a node with branches by none of them.
            let faulty = || match resolved.nodes[*from].1 {
                Some(Kind::Condition(_)) => edge.branches.first().map(|(name, _)| name.trim().to_owned()),
                Some(Kind::Control(kind)) if !kind.branches.is_empty() => {
                    edge.branches.first().map(|(name, _)| name.trim().to_owned())
                }
                _ => None,
            };
            let branch = branch.as_deref().map(str::to_owned).or_else(faulty);
            (edge.id.clone(), Way { source: edge.source.clone(), branch, target: edge.target.clone() })
        });
        let ways = ways.filter(|(_, way)| seen.insert(way.clone())).collect();
        Self { nodes: nodes.collect(), ways }
    }

    /// What the hash covers.
    pub(super) fn lines(&self) -> Vec<String> {
        let text = |parts: &[&str]| canonical(&Value::from(parts.to_vec()));
        let nodes = self.nodes.iter().map(|node| {
            let kind = node.kind.as_deref().unwrap_or_default();
            let retry = node.retry.as_ref().map_or_else(String::new, |it| format!(" {}", canonical(it)));
            let flow = if node.flow.is_null() { String::new() } else { canonical(&node.flow) };
            format!(
                "node {} {} {}{flow}{retry}",
                text(&[&node.id, kind]),
                node.enabled,
                canonical(&node.config)
            )
        });
        let ways = self.ways.iter().map(|(_, way)| {
            let branch = way.branch.as_deref().unwrap_or_default();
            format!("edge {}", text(&[&way.source, branch, &way.target]))
        });
        nodes.chain(ways).collect()
    }
}

/// Of other nodes nothing is tried again: there it may be an editor's own.
fn is_action(kind: &Option<Kind<'_>>) -> bool {
    matches!(kind, Some(Kind::Action(_)) | None)
}

/// The settings, without the ids that react-querybuilder gives its groups and rules, and has anew with each edit.
/// They are taken from where rules are read only: elsewhere `id` may be a value.
fn settings(config: &Value, kind: Option<&Kind<'_>>) -> Value {
    let mut config = config.clone();
    match kind {
        Some(Kind::Condition(_)) => without_ids(&mut config),
        Some(Kind::Trigger(_) | Kind::Control(_)) => {
            // What is waited for is a trigger in small.
            let awaited = config.get_mut("config").and_then(|config| config.get_mut(FILTER));
            awaited.map(without_ids).unwrap_or_default();
            config.get_mut(FILTER).map(without_ids).unwrap_or_default();
        }
        Some(Kind::Action(_)) | None => {}
    }
    config
}

fn without_ids(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let is_rule = |map: &Map<String, Value>| {
                map.contains_key("rules") || (map.contains_key("field") && map.contains_key("operator"))
            };
            if is_rule(map) {
                map.remove("id");
            }
            map.values_mut().for_each(without_ids);
        }
        Value::Array(items) => items.iter_mut().for_each(without_ids),
        _ => {}
    }
}
