//! What an execution did, drawn as its workflow: each node once, behind what leads to it.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::cli::output::{QUIET, STRONG, one_line, shape};
use crate::workflow::react_flow::{Drawing, DrawnEdge};

/// How a node's turns ended.
#[derive(Default)]
struct Turns<'a> {
    outcome: &'a str,
    count: usize,
}

/// Of several items of a loop, the worst counts.
fn rank(outcome: &str) -> u8 {
    match outcome {
        "failed" => 3,
        "waiting" => 2,
        "done" => 1,
        _ => 0,
    }
}

/// The drawing as lines, the nodes marked by what became of them.
pub(super) fn lines(drawing: &Drawing, steps: &Value) -> Vec<String> {
    let mut turns: HashMap<&str, Turns<'_>> = HashMap::new();
    for step in steps.as_array().into_iter().flatten() {
        let text = |name: &str| step[name].as_str().unwrap_or_default();
        let of = turns.entry(text("node")).or_default();
        of.count += 1;
        if of.count == 1 || rank(text("outcome")) > rank(of.outcome) {
            of.outcome = text("outcome");
        }
    }
    let mut pen = Pen { drawing, turns, drawn: HashSet::new(), lines: Vec::new() };
    let led_to: HashSet<&str> = drawing.edges.iter().map(|edge| edge.target.as_str()).collect();
    let begins = drawing.nodes.iter().filter(|node| !led_to.contains(node.id.as_str()));
    for node in begins.filter(|node| !drawing.inert.contains(&node.id)) {
        pen.draw(&node.id, "", "", None);
    }
    pen.lines
}

struct Pen<'a> {
    drawing: &'a Drawing,
    turns: HashMap<&'a str, Turns<'a>>,
    drawn: HashSet<&'a str>,
    lines: Vec<String>,
}

impl<'a> Pen<'a> {
    /// Draws a node and what follows it. `stem` is what stands before its line, `below` before those of what follows.
    fn draw(&mut self, id: &'a str, stem: &str, below: &str, way: Option<&str>) {
        let way = way.map_or_else(String::new, |way| format!("{QUIET}{}:{QUIET:#} ", one_line(way)));
        let node = self.drawing.nodes.iter().find(|node| node.id == id);
        if !self.drawn.insert(id) {
            self.lines.push(format!("{QUIET}{stem}{QUIET:#}{way}{QUIET}{}, above{QUIET:#}", one_line(id)));
            return;
        }
        let is_trigger = node.is_some_and(|node| node.role == Some("trigger"));
        let turns = self.turns.get(id);
        let outcome = turns.map_or(if is_trigger { "done" } else { "" }, |turns| turns.outcome);
        let (style, mark) = shape(outcome);
        let items = turns
            .filter(|turns| turns.count > 1)
            .map_or_else(String::new, |turns| format!(" ×{}", turns.count));
        let label = node.and_then(|node| node.label.as_deref()).filter(|label| *label != id);
        let label = label.map_or_else(String::new, |label| format!("  {QUIET}{}{QUIET:#}", one_line(label)));
        self.lines.push(format!(
            "{QUIET}{stem}{QUIET:#}{way}{style}{mark}{style:#} {STRONG}{}{STRONG:#}{items}{label}",
            one_line(id)
        ));
        let drawing = self.drawing;
        let ways: Vec<&'a DrawnEdge> = drawing.edges.iter().filter(|edge| edge.source == id).collect();
        for (n, edge) in ways.iter().enumerate() {
            let (turn, rail) = if n + 1 == ways.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let branch = edge.branches.first().map(|(name, _)| name.as_str());
            self.draw(&edge.target, &format!("{below}{turn}"), &format!("{below}{rail}"), branch);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds;
    use crate::workflow::react_flow;

    #[test]
    fn each_node_is_drawn_once_with_its_outcome() {
        let node = |id: &str, role: &str, kind: &str| json!({"id": id, "type": role, "data": {format!("{role}Type"): kind, "config": {}}});
        let file = json!({"nodes": [node("start", "trigger", "order_created"), node("big", "condition", "condition"),
                node("points", "action", "award_points"), node("mail", "action", "send_email")],
            "edges": [{"source": "start", "target": "big"}, {"source": "big", "sourceHandle": "true", "target": "points"},
                {"source": "big", "sourceHandle": "false", "target": "mail"}, {"source": "points", "target": "mail"}]});
        let steps = json!([{"node": "big", "outcome": "done", "branch": "true"}, {"node": "points", "outcome": "failed"},
            {"node": "mail", "outcome": "skipped"}]);
        let (drawing, _) = react_flow::read(&file, &kinds::catalogue());
        let drawn: Vec<String> = lines(&drawing, &steps)
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect();
        assert_eq!(
            drawn,
            ["● start", "└─ ● big", "   ├─ true: ✕ points", "   │  └─ ○ mail", "   └─ false: mail, above"]
        );
    }
}
