//! The variables of a workflow: which nodes set them, so that each node knows those that are set before it.
//!
//! A chain of a thousand nodes may set ten thousands of names: nothing is copied from node to node, and who asks for
//! one name looks at those that set it only.

use std::collections::{HashMap, HashSet};

use super::scope::StepsBefore;

/// Who sets what, of the nodes that are read so far.
#[derive(Debug, Default)]
pub struct Variables {
    /// Names in the order in which they came, so that what is said is the same each time.
    names: Vec<String>,
    /// Place in `names`, and the nodes that set it.
    by_name: HashMap<String, Vec<usize>>,
    /// Nodes that may set anything: they are not read yet, or can't be.
    unread: HashSet<usize>,
}

impl Variables {
    /// None are known; what the nodes `unread` will set is open.
    pub(super) fn new(unread: impl IntoIterator<Item = usize>) -> Self {
        Self { unread: unread.into_iter().collect(), ..Self::default() }
    }

    /// A node is read.
    pub(super) fn read(&mut self, node: usize, sets: Vec<String>) {
        self.unread.remove(&node);
        for name in sets {
            let nodes = self.by_name.entry(name).or_insert_with_key(|name| {
                self.names.push(name.clone());
                Vec::new()
            });
            nodes.push(node);
        }
    }

    /// `None` if `name` may be set where `steps` looks, else how to mend it, if there is something to say.
    pub(super) fn lacking(&self, name: &str, steps: Option<&StepsBefore<'_>>) -> Option<Option<String>> {
        const SET: &str = "set it before, by a node of the kind `set`";
        let Some(steps) = steps else { return Some(Some(SET.into())) };
        let before = |nodes: &Vec<usize>| nodes.iter().any(|node| steps.is_before(*node));
        if self.by_name.get(name).is_some_and(before) || steps.any_before(&self.unread) {
            return None;
        }
        let known = || self.names.iter().filter(|name| self.by_name.get(*name).is_some_and(before));
        match known().next() {
            None => Some(Some(SET.into())),
            Some(_) => Some(steps.searches.did_you_mean(name, known().map(String::as_str))),
        }
    }
}
