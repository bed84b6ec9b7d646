//! Reads what React Flow saves (versions 9 to 12), as UIs really store it: tolerant, and never failing as a whole.
//!
//! Layout and the state of the UI are ignored. A node's kind is in one of several places, read in one fixed order.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use super::catalogue::Catalogue;
use super::config::describe;
use super::diagnostics::{Diagnostic, did_you_mean, segment};
use super::flow::FLOW;
use super::retry::RETRY;

/// A drawing: what it means, without how it looks.
#[derive(Debug, Default)]
pub struct Drawing {
    /// Nodes that mean something, in the file's order.
    pub nodes: Vec<DrawnNode>,
    /// Edges between nodes, each four-tuple once.
    pub edges: Vec<DrawnEdge>,
    /// Ids of groups, notes and placeholders.
    pub inert: HashSet<String>,
}

/// A node as drawn.
#[derive(Debug)]
pub struct DrawnNode {
    /// Its id.
    pub id: String,
    /// Pointer to the node.
    pub path: String,
    /// The kind's name and the pointer to where it was found; `None` if there is none.
    pub kind: Option<(String, String)>,
    /// Which role the place of the kind, or the node's type, speaks of.
    pub role: Option<&'static str>,
    /// The caption.
    pub label: Option<String>,
    /// The settings; an empty object if there are none.
    pub config: Value,
    /// Pointer to the settings, or to the node if it has none.
    pub config_path: String,
    /// `data.retry` and the pointer to it; nothing if it is not there, or null.
    pub retry: Option<(Value, String)>,
    /// `data.flow`: the settings of flow control, null if there are none.
    pub flow: Value,
    /// Neither is `data.enabled` false nor `data.disabled` true.
    pub enabled: bool,
    /// Pointer to what disables it, or would.
    pub enabled_path: String,
    /// React Flow's `type`.
    pub ty: Option<String>,
}

/// An edge as drawn.
#[derive(Debug)]
pub struct DrawnEdge {
    /// Its id, if it has one.
    pub id: Option<String>,
    /// Pointer to the edge.
    pub path: String,
    /// From.
    pub source: String,
    /// To.
    pub target: String,
    /// Names that may be the branch, best first, with pointers.
    pub branches: Vec<(String, String)>,
}

const ROLE_KEYS: &[(&str, &str)] = &[
    ("triggerType", "trigger"),
    ("conditionType", "condition"),
    ("controlType", "control"),
    ("actionType", "action"),
];
const ROLES: &[&str] = &["trigger", "condition", "control", "action"];
const INERT: &[&str] =
    &["group", "note", "notes", "stickyNote", "sticky", "annotation", "comment", "placeholder"];
/// What `edges` is called by mistake.
const EDGES: &[&str] =
    &["edge", "Edges", "egdes", "edgs", "links", "link", "connections", "connectors", "wires"];
/// Types that say nothing.
const PLAIN: &[&str] =
    &["default", "input", "output", "custom", "customNode", "node", "workflow", "workflowNode"];

/// Reads a save. The faults found are about its form; what it means is for the compiler.
pub fn read(file: &Value, catalogue: &Catalogue) -> (Drawing, Vec<Diagnostic>) {
    let (drawing, faults, parents) = (Drawing::default(), Vec::new(), BTreeMap::new());
    let mut reader = DrawingReader { catalogue, drawing, faults, parents };
    let Some(map) = file.as_object() else {
        let fault =
            Diagnostic::error("not-an-object", "a workflow must be an object with `nodes` and `edges`");
        reader.faults.push(fault.at(""));
        return (reader.drawing, reader.faults);
    };
    let (nodes, edges) = match elements(file) {
        Some(elements) => {
            let all = elements.iter().enumerate().map(|(index, it)| (format!("/elements/{index}"), it));
            all.partition::<Vec<_>, _>(|(_, it)| !is_edge(it))
        }
        None => (reader.list(map, "nodes"), reader.list(map, "edges")),
    };
    for (path, node) in nodes {
        reader.node(node, path);
    }
    reader.parents();
    let mut seen = Seen::default();
    for (path, edge) in edges {
        reader.edge(edge, path, &mut seen);
    }
    (reader.drawing, reader.faults)
}

/// What React Flow 9 saves: nodes and edges in one list.
fn elements(file: &Value) -> Option<&Vec<Value>> {
    let map = file.as_object().filter(|map| !map.contains_key("nodes"))?;
    map.get("elements").and_then(Value::as_array)
}

fn is_edge(element: &Value) -> bool {
    element.get("source").is_some() && element.get("target").is_some()
}

/// How many nodes and edges a file has, without reading them.
pub(super) fn counts(file: &Value) -> (usize, usize) {
    if let Some(elements) = elements(file) {
        let edges = elements.iter().filter(|element| is_edge(element)).count();
        return (elements.len() - edges, edges);
    }
    let count = |key: &str| file.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    (count("nodes"), count("edges"))
}

/// Edges that are read: what each is, and the places of their ids.
#[derive(Default)]
struct Seen {
    ends: HashSet<[Option<String>; 4]>,
    ids: HashMap<String, String>,
}

struct DrawingReader<'a> {
    catalogue: &'a Catalogue,
    drawing: Drawing,
    faults: Vec<Diagnostic>,
    /// The group of each node that is in one, and the pointer to where that is said.
    parents: BTreeMap<String, (String, String)>,
}

impl DrawingReader<'_> {
    /// The items of a list of the file, with pointers to them.
    fn list<'v>(&mut self, map: &'v Map<String, Value>, key: &str) -> Vec<(String, &'v Value)> {
        match map.get(key) {
            Some(Value::Array(items)) => {
                return items.iter().enumerate().map(|(at, item)| (format!("/{key}/{at}"), item)).collect();
            }
            None if key == "edges" => {
                let other = map.keys().find(|key| EDGES.contains(&key.as_str()));
                if let Some(other) = other {
                    let message = format!("`edges` is missing, and `{other}` is not read");
                    let fault = Diagnostic::error("no-edges", message).at(format!("/{}", segment(other)));
                    self.faults.push(fault.help("did you mean `edges`?"));
                }
            }
            Some(Value::Null) if key == "edges" => {}
            None => {
                let fault = Diagnostic::error("no-nodes", "`nodes` is missing").at("");
                let near = did_you_mean(key, map.keys().map(String::as_str));
                self.faults.push(fault.maybe_help(near.filter(|help| help.starts_with("did"))));
            }
            Some(_) => {
                let fault = Diagnostic::error("not-a-list", format!("`{key}` must be a list"));
                self.faults.push(fault.at(format!("/{key}")));
            }
        }
        Vec::new()
    }

    fn node(&mut self, node: &Value, path: String) {
        let Some(map) = node.as_object() else {
            self.faults.push(Diagnostic::error("not-a-node", "a node must be an object").at(path));
            return;
        };
        let Some(id) = map.get("id").and_then(id_text).filter(|id| !id.is_empty()) else {
            self.faults.push(Diagnostic::error("no-id", "this node has no `id`").at(path));
            return;
        };
        for key in ["parentId", "parentNode"] {
            let parent = map.get(key).and_then(id_text).filter(|parent| !parent.is_empty());
            if let Some(parent) = parent {
                self.parents.entry(id.clone()).or_insert((parent, format!("{path}/{key}")));
            }
        }
        let ty = map.get("type").and_then(Value::as_str).filter(|ty| *ty != "default").map(str::to_owned);
        let empty = Map::new();
        let data = map.get("data").and_then(Value::as_object).unwrap_or(&empty);
        let kind = self.kind(&id, ty.as_deref(), data, &path);
        if kind.is_none() && ty.as_deref().is_some_and(|ty| INERT.contains(&ty)) {
            self.drawing.inert.insert(id);
            return;
        }
        let text = |key: &str| data.get(key).and_then(Value::as_str).map(str::to_owned);
        let (config, config_path) = self.config(&id, data, &path);
        let (kind, key_role) = kind.map_or((None, None), |(name, at, role)| (Some((name, at)), role));
        let type_role = ty.as_deref().and_then(|ty| ROLES.iter().find(|role| **role == ty).copied());
        if let (Some(key), Some(ty)) = (key_role, type_role)
            && key != ty
        {
            let message = format!("its type says that it is a {ty}, its data that it is a {key}");
            self.faults
                .push(Diagnostic::error("conflicting-kinds", message).node(&id).at(format!("{path}/type")));
        }
        let (enabled, enabled_path) = self.enabled(&id, data, &path);
        let retry = data.get(RETRY).filter(|retry| !retry.is_null());
        let retry = retry.map(|retry| (retry.clone(), format!("{path}/data/{RETRY}")));
        self.drawing.nodes.push(DrawnNode {
            kind,
            role: key_role.or(type_role),
            label: text("label").or_else(|| text("name")),
            config,
            config_path,
            retry,
            flow: data.get(FLOW).cloned().unwrap_or_default(),
            enabled,
            enabled_path,
            ty,
            id,
            path,
        });
    }

    /// `data.enabled`, else the opposite of `data.disabled`, and the pointer to it. Who writes something else there
    /// may have meant to switch the node off: it is not guessed.
    fn enabled(&mut self, id: &str, data: &Map<String, Value>, path: &str) -> (bool, String) {
        let mut flag = |key: &str| match data.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(other) => {
                let message = format!("`{key}` must be true or false, not {}", describe(other));
                let fault = Diagnostic::error("wrong-type", message).node(id);
                self.faults.push(fault.at(format!("{path}/data/{key}")));
                None
            }
        };
        let (enabled, disabled) = (flag("enabled"), flag("disabled"));
        if enabled.is_some() && enabled == disabled {
            let message = "`enabled` and `disabled` contradict each other";
            let fault = Diagnostic::error("conflicting-settings", message).node(id);
            self.faults.push(fault.at(format!("{path}/data/disabled")).help("keep `enabled`"));
        }
        let key = if enabled.is_none() && disabled.is_some() { "disabled" } else { "enabled" };
        (enabled.unwrap_or(disabled != Some(true)), format!("{path}/data/{key}"))
    }

    /// Groups that are within each other: an editor that opens such a file hangs.
    fn parents(&mut self) {
        let mut done: HashSet<&str> = HashSet::new();
        for first in self.parents.keys() {
            let mut way: Vec<&str> = Vec::new();
            let mut here = first.as_str();
            while let Some((parent, path)) = self.parents.get(here).filter(|_| !done.contains(here)) {
                if let Some(from) = way.iter().position(|node| *node == here) {
                    let told = [&way[from..], &[here]].concat().join(" -> ");
                    let message = format!("these groups are within each other: {told}");
                    let fault = Diagnostic::error("parent-cycle", message).node(here).at(path);
                    self.faults.push(fault.help("take one of them out of its group"));
                    break;
                }
                way.push(here);
                here = parent;
            }
            done.extend(way);
        }
    }

    /// The kind, where it was found, and the role that this place speaks of.
    fn kind(
        &mut self,
        id: &str,
        ty: Option<&str>,
        data: &Map<String, Value>,
        path: &str,
    ) -> Option<(String, String, Option<&'static str>)> {
        let text = |map: &Map<String, Value>, key: &str| {
            map.get(key).and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned)
        };
        let mut found: Vec<(String, String, Option<&'static str>)> = Vec::new();
        let config = data.get("config").and_then(Value::as_object);
        for (key, role) in ROLE_KEYS {
            if let Some(name) = text(data, key) {
                found.push((name, format!("{path}/data/{key}"), Some(role)));
            }
        }
        for (key, role) in ROLE_KEYS {
            if let Some(name) = config.and_then(|config| text(config, key)) {
                found.push((name, format!("{path}/data/config/{key}"), Some(role)));
            }
        }
        let by_key = found.len();
        let weak = [
            ("type", ty.map(str::to_owned)),
            ("data/type", text(data, "type")),
            ("data/kind", text(data, "kind")),
        ];
        for (place, name) in weak {
            let Some(name) = name else { continue };
            let role_word = ROLES.contains(&name.as_str());
            let known = self.catalogue.find(&name).is_some();
            let meant = known || (place != "type" && !PLAIN.contains(&name.as_str()) && by_key == 0);
            if meant && (!role_word || (known && found.is_empty())) {
                found.push((name, format!("{path}/{place}"), None));
            }
        }
        let first = found.first().cloned()?;
        if let Some(other) = found.iter().find(|other| other.0 != first.0) {
            let message = format!("two kinds: `{}` here, `{}` at {}", first.0, other.0, other.1);
            let fault = Diagnostic::error("conflicting-kinds", message).node(id).at(first.1.clone());
            self.faults.push(fault.help("keep one of them"));
        }
        Some(first)
    }

    fn config(&mut self, id: &str, data: &Map<String, Value>, path: &str) -> (Value, String) {
        let at = format!("{path}/data/config");
        match data.get("config") {
            Some(Value::Object(config)) => {
                let own = |key: &String| !ROLE_KEYS.iter().any(|(role_key, _)| role_key == key);
                let config = config.iter().filter(|(key, _)| own(key)).map(|(k, v)| (k.clone(), v.clone()));
                (Value::Object(config.collect()), at)
            }
            None | Some(Value::Null) => (Value::Object(Map::new()), path.to_owned()),
            Some(_) => {
                self.faults.push(
                    Diagnostic::error("wrong-type", "`config` must be an object").node(id).at(at.clone()),
                );
                (Value::Object(Map::new()), at)
            }
        }
    }

    fn edge(&mut self, edge: &Value, path: String, seen: &mut Seen) {
        let id = edge.get("id").and_then(id_text);
        let end = |key: &str| edge.get(key).and_then(id_text).filter(|end| !end.is_empty());
        let (Some(source), Some(target)) = (end("source"), end("target")) else {
            let fault = Diagnostic::error("dangling-edge", "an edge needs a `source` and a `target`");
            self.faults.push(fault.edge(id.as_deref()).at(path));
            return;
        };
        let source_handle = self.handle(edge, "sourceHandle", id.as_deref(), &path);
        let target_handle = self.handle(edge, "targetHandle", id.as_deref(), &path);
        let four = [Some(source.clone()), source_handle.clone(), Some(target.clone()), target_handle];
        if !seen.ends.insert(four) {
            return;
        }
        if let Some(id) = &id
            && let Some(other) = seen.ids.insert(id.clone(), path.clone())
        {
            let message = format!("another edge has the id `{id}` too: {other}");
            let fault = Diagnostic::warning("duplicate-edge-id", message).edge(Some(id));
            self.faults
                .push(fault.at(&path).help("give each edge an id of its own: editors keep one of them"));
        }
        let mut branches = Vec::new();
        branches.extend(source_handle.map(|handle| (handle, format!("{path}/sourceHandle"))));
        for key in ["branch", "sourceHandle", "condition", "label"] {
            let name = edge.get("data").and_then(|data| data.get(key)).and_then(branch_text);
            branches.extend(name.map(|name| (name, format!("{path}/data/{}", segment(key)))));
        }
        let label = edge.get("label").and_then(branch_text);
        branches.extend(label.map(|label| (label, format!("{path}/label"))));
        self.drawing.edges.push(DrawnEdge { id, path, source, target, branches });
    }

    fn handle(&mut self, edge: &Value, key: &str, id: Option<&str>, path: &str) -> Option<String> {
        let handle = edge.get(key).and_then(branch_text).filter(|handle| !handle.is_empty())?;
        if handle != "null" {
            return Some(handle);
        }
        let fault =
            Diagnostic::warning("null-handle", format!("`{key}` is the text \"null\": it is read as none"));
        self.faults.push(fault.edge(id).at(format!("{path}/{key}")).help("write null, or leave it out"));
        None
    }
}

fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn branch_text(value: &Value) -> Option<String> {
    match value {
        Value::Bool(flag) => Some(flag.to_string()),
        other => id_text(other),
    }
}
