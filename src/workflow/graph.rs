//! The drawing as a graph: who follows whom, cycles, what can be reached. Deterministic throughout.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Nodes by number, edges as pairs. Built of edges whose ends exist.
#[derive(Debug)]
pub struct Graph {
    /// For each node, where its edges lead.
    pub after: Vec<Vec<usize>>,
    /// For each node, where its edges come from.
    pub before: Vec<Vec<usize>>,
}

impl Graph {
    /// A graph of `nodes` nodes.
    pub fn new(nodes: usize, edges: &[(usize, usize)]) -> Self {
        let mut graph = Self { after: vec![Vec::new(); nodes], before: vec![Vec::new(); nodes] };
        for &(from, to) in edges {
            graph.after[from].push(to);
            graph.before[to].push(from);
        }
        graph
    }

    /// Which nodes can be reached from `start`, itself included.
    pub fn reachable(&self, start: usize) -> Vec<bool> {
        spread(&self.after, vec![start])
    }

    /// Which nodes can be reached from any of `starts`, these included.
    pub fn reachable_from(&self, starts: Vec<usize>) -> Vec<bool> {
        spread(&self.after, starts)
    }

    /// Which nodes come before `node`, itself included.
    pub fn ancestors(&self, node: usize) -> Vec<bool> {
        spread(&self.before, vec![node])
    }

    /// All nodes such that each comes behind those that lead to it; of several that could be next, the one with
    /// the smallest name. Nodes on or behind a cycle are missing.
    pub fn order(&self, names: &[&str]) -> Vec<usize> {
        let mut open: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut ready: BinaryHeap<_> = (0..open.len())
            .filter(|&node| open[node] == 0)
            .map(|node| Reverse((names[node], node)))
            .collect();
        let mut order = Vec::with_capacity(open.len());
        while let Some(Reverse((_, node))) = ready.pop() {
            order.push(node);
            for &next in &self.after[node] {
                open[next] -= 1;
                if open[next] == 0 {
                    ready.push(Reverse((names[next], next)));
                }
            }
        }
        order
    }

    /// One cycle for each knot of cycles, as the nodes on it in their order.
    pub fn cycles(&self, names: &[&str]) -> Vec<Vec<usize>> {
        let ordered: Vec<usize> = self.order(names);
        let mut left = vec![true; self.after.len()];
        for node in ordered {
            left[node] = false;
        }
        let mut cycles = Vec::new();
        let mut state: HashMap<usize, usize> = HashMap::new();
        for start in 0..self.after.len() {
            if left[start]
                && !state.contains_key(&start)
                && let Some(cycle) = self.cycle_from(start, &left, &mut state)
            {
                cycles.push(cycle);
            }
        }
        cycles
    }

    /// Walks on from `start` through nodes that are left, without recursion, until it meets its own path.
    fn cycle_from(
        &self,
        start: usize,
        left: &[bool],
        done: &mut HashMap<usize, usize>,
    ) -> Option<Vec<usize>> {
        const FINISHED: usize = usize::MAX;
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        let mut found = None;
        done.insert(start, 0);
        while let Some((node, edge)) = path.last_mut() {
            let Some(&next) = self.after[*node].get(*edge) else {
                done.insert(*node, FINISHED);
                path.pop();
                continue;
            };
            *edge += 1;
            match done.get(&next) {
                _ if !left[next] => {}
                None => {
                    done.insert(next, path.len());
                    path.push((next, 0));
                }
                Some(&FINISHED) => {}
                Some(&at) if found.is_none() => {
                    found = Some(path[at..].iter().map(|(node, _)| *node).collect());
                }
                Some(_) => {}
            }
        }
        found
    }
}

fn spread(edges: &[Vec<usize>], mut todo: Vec<usize>) -> Vec<bool> {
    let mut seen = vec![false; edges.len()];
    while let Some(node) = todo.pop() {
        if !std::mem::replace(&mut seen[node], true) {
            todo.extend(&edges[node]);
        }
    }
    seen
}
