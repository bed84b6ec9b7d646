//! What two drawings do differently: nodes, settings and ways. Where the boxes stand is no difference.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::catalogue::Catalogue;
use super::compile::meaning_of;
use super::meaning::Meant;
pub use super::meaning::Way;

/// Everything that differs, in the order of the drawings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Diff {
    /// Nodes that came, went or changed.
    pub nodes: Vec<NodeChange>,
    /// Ways that came, went or lead elsewhere.
    pub edges: Vec<EdgeChange>,
    /// Captions: people read them, nothing follows from them.
    pub captions: Vec<CaptionChange>,
}

impl Diff {
    /// Whether both mean the same. Captions mean nothing.
    pub fn is_same(&self) -> bool {
        self.nodes.is_empty() && self.edges.is_empty()
    }
}

/// What became of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum NodeChange {
    /// It is new.
    Added {
        /// Its id.
        node: String,
        /// Its kind, if it has one.
        kind: Option<String>,
        /// Its settings, from nothing.
        fields: Vec<FieldChange>,
    },
    /// It is gone.
    Removed {
        /// Its id.
        node: String,
        /// Its kind, if it had one.
        kind: Option<String>,
    },
    /// It is another kind, has other settings, or was switched on or off.
    Changed {
        /// Its id.
        node: String,
        /// Its kind now.
        kind: Option<String>,
        /// What changed of it.
        fields: Vec<FieldChange>,
    },
}

/// One value that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    /// `config.rules[0].value`, `retry.attempts`, `kind` or `enabled`.
    pub path: String,
    /// What it was; nothing if it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What it is; nothing if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// What became of a way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum EdgeChange {
    /// It is new.
    Added {
        /// Which.
        edge: Way,
    },
    /// It is gone.
    Removed {
        /// Which.
        edge: Way,
    },
    /// It leads elsewhere.
    Rerouted {
        /// As it was.
        from: Way,
        /// As it is.
        to: Way,
    },
}

/// A node that is called otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CaptionChange {
    /// Its id.
    pub node: String,
    /// The caption it had.
    pub from: Option<String>,
    /// The caption it has.
    pub to: Option<String>,
}

/// Compares two React Flow saves. Of what can't be read as a drawing, nothing is compared.
pub fn diff(from: &Value, to: &Value, catalogue: &Catalogue) -> Diff {
    let (from, to) = (meaning_of(from, catalogue), meaning_of(to, catalogue));
    let mut found = Diff::default();
    let (before, after) = (by_id(&from.nodes), by_id(&to.nodes));
    for node in &from.nodes {
        match after.get(node.id.as_str()) {
            None => found.nodes.push(NodeChange::Removed { node: node.id.clone(), kind: node.kind.clone() }),
            Some(now) => found.node(node, now),
        }
    }
    for node in to.nodes.iter().filter(|node| !before.contains_key(node.id.as_str())) {
        let mut fields = Vec::new();
        compare("config", None, Some(&node.config), &mut fields);
        compare("flow", None, present(&node.flow), &mut fields);
        if !node.enabled {
            compare("enabled", None, Some(&Value::Bool(false)), &mut fields);
        }
        compare("retry", None, node.retry.as_ref(), &mut fields);
        found.nodes.push(NodeChange::Added { node: node.id.clone(), kind: node.kind.clone(), fields });
    }
    found.edges = edges(from.ways, to.ways);
    found
}

impl Diff {
    fn node(&mut self, from: &Meant, to: &Meant) {
        let mut fields = Vec::new();
        let text = |kind: &Option<String>| kind.clone().map(Value::String);
        compare("kind", text(&from.kind).as_ref(), text(&to.kind).as_ref(), &mut fields);
        compare("enabled", Some(&from.enabled.into()), Some(&to.enabled.into()), &mut fields);
        compare("config", Some(&from.config), Some(&to.config), &mut fields);
        compare("retry", from.retry.as_ref(), to.retry.as_ref(), &mut fields);
        compare("flow", present(&from.flow), present(&to.flow), &mut fields);
        if !fields.is_empty() {
            self.nodes.push(NodeChange::Changed { node: to.id.clone(), kind: to.kind.clone(), fields });
        }
        if from.label != to.label {
            let (from, to, node) = (from.label.clone(), to.label.clone(), to.id.clone());
            self.captions.push(CaptionChange { node, from, to });
        }
    }
}

fn present(value: &Value) -> Option<&Value> {
    Some(value).filter(|value| !value.is_null())
}

fn by_id(nodes: &[Meant]) -> HashMap<&str, &Meant> {
    nodes.iter().map(|node| (node.id.as_str(), node)).collect()
}

fn edges(from: Vec<(Option<String>, Way)>, to: Vec<(Option<String>, Way)>) -> Vec<EdgeChange> {
    let unknown = |ways: &[(Option<String>, Way)]| ways.iter().map(|(_, way)| way.clone()).collect();
    let (before, after): (HashSet<Way>, HashSet<Way>) = (unknown(&from), unknown(&to));
    let mut gone: Vec<_> = from.into_iter().filter(|(_, way)| !after.contains(way)).map(Some).collect();
    let mut new: Vec<_> = to.into_iter().filter(|(_, way)| !before.contains(way)).map(Some).collect();
    let mut changes = Vec::new();
    // An edge that kept its id, else its beginning, else both its ends, is the same edge.
    type Sameness = fn(&(Option<String>, Way)) -> Option<[Option<&str>; 3]>;
    let same: [Sameness; 3] = [
        |(id, _)| id.as_deref().map(|id| [Some(id), None, None]),
        |(_, way)| Some([Some(&way.source), way.branch.as_deref(), None]),
        |(_, way)| Some([Some(&way.source), None, Some(&way.target)]),
    ];
    for key in same {
        let mut places: HashMap<[Option<String>; 3], Vec<usize>> = HashMap::new();
        let owned = |key: [Option<&str>; 3]| key.map(|part| part.map(str::to_owned));
        for (at, edge) in new.iter().enumerate().rev() {
            if let Some(key) = edge.as_ref().and_then(key) {
                places.entry(owned(key)).or_default().push(at);
            }
        }
        for edge in &mut gone {
            let Some(key) = edge.as_ref().and_then(key).map(owned) else { continue };
            let Some(at) = places.get_mut(&key).and_then(Vec::pop) else { continue };
            if let (Some((_, from)), Some((_, to))) = (edge.take(), new[at].take()) {
                changes.push(EdgeChange::Rerouted { from, to });
            }
        }
    }
    changes.extend(gone.into_iter().flatten().map(|(_, edge)| EdgeChange::Removed { edge }));
    changes.extend(new.into_iter().flatten().map(|(_, edge)| EdgeChange::Added { edge }));
    changes
}

/// What differs between two values, as deep as it can be said.
fn compare(path: &str, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<FieldChange>) {
    let empty = Value::Object(serde_json::Map::new());
    let (before, after) = match (from, to) {
        // Members that come or go are told one by one.
        (None, Some(Value::Object(_))) if path == "config" => (Some(&empty), to),
        _ => (from, to),
    };
    match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (None, None) => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys {
                compare(&format!("{path}.{key}"), before.get(key), after.get(key), found);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => lists(path, before, after, found),
        (from, to) => {
            found.push(FieldChange { path: path.to_owned(), from: from.cloned(), to: to.cloned() });
        }
    }
}

/// Lists without what is the same at their beginnings and ends: one item more in front is one difference.
fn lists(path: &str, before: &[Value], after: &[Value], found: &mut Vec<FieldChange>) {
    let head = before.iter().zip(after).take_while(|(from, to)| from == to).count();
    let (before, after) = (&before[head..], &after[head..]);
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(from, to)| from == to).count();
    let (before, after) = (&before[..before.len() - tail], &after[..after.len() - tail]);
    for at in 0..before.len().max(after.len()) {
        compare(&format!("{path}[{}]", head + at), before.get(at), after.get(at), found);
    }
}
