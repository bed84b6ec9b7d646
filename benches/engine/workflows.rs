//! What an event costs as workflows become more, longer, and their rows larger: curves that should be lines.

use serde_json::{Value, json};

use crate::Outcome;
use crate::drain::{place, worked_off};
use crate::lab::{Bound, Lab, median, publish, workflow};

const ORDERS: i64 = 10_000;
const ROUNDS: usize = 3;

/// All four curves.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    unmatched(lab).await?;
    mixed(lab).await?;
    nodes(lab).await?;
    payload(lab).await
}

/// 1,000 published workflows that don't match: half of them of other events, half with a filter that doesn't hold.
async fn unmatched(lab: &mut Lab) -> Outcome<()> {
    let all = with_others(1, 1_000);
    let (mut ratios, mut none, mut many) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        lab.probe()?;
        let alone = cost(lab, &all[..1], 0).await?;
        let beside = cost(lab, &all, 0).await?;
        lab.says("workflows", &format!("alone {alone:.1} us, beside 1,000 others {beside:.1} us an event"));
        ratios.push(beside / alone);
        none.push(alone);
        many.push(beside);
    }
    let some = cost(lab, &all[..101], 0).await?;
    let beside = format!(
        "none: {:.1} us an event, 100: {some:.1} us, 1,000: {:.1} us",
        median(&mut none),
        median(&mut many)
    );
    lab.notes(
        "workflows",
        "1,000 that don't match, to none",
        median(&mut ratios),
        Bound::AtMost(1.1),
        beside,
    );
    Ok(())
}

/// A shop of 50 workflows, 3 of which match each event.
async fn mixed(lab: &mut Lab) -> Outcome<()> {
    lab.probe()?;
    let one = cost(lab, &with_others(1, 0), 0).await?;
    let three = cost(lab, &with_others(3, 47), 0).await?;
    let beside = format!("one alone {one:.1} us, three of fifty {three:.1} us an event");
    lab.notes("workflows", "3 of 50 match, to 3 times one", three / (3.0 * one), Bound::Context, beside);
    Ok(())
}

/// Nodes of one workflow.
async fn nodes(lab: &mut Lab) -> Outcome<()> {
    lab.probe()?;
    let mut curve = Vec::new();
    for count in [5, 25, 100] {
        curve.push((count as f64, cost(lab, &[("long".into(), chain(count))], 0).await?));
    }
    line(lab, "a node", "nodes", &curve);
    Ok(())
}

/// KiB of an event's row.
async fn payload(lab: &mut Lab) -> Outcome<()> {
    lab.probe()?;
    let mut curve = Vec::new();
    for kib in [1, 8, 32] {
        curve.push((f64::from(kib), cost(lab, &with_others(1, 0), kib * 1024).await?));
    }
    line(lab, "a KiB", "KiB", &curve);
    Ok(())
}

/// What one more costs at the end of a curve, to what it costs at its beginning.
fn line(lab: &mut Lab, what: &str, unit: &str, curve: &[(f64, f64)]) {
    let slope = |two: &[(f64, f64)]| (two[1].1 - two[0].1) / (two[1].0 - two[0].0);
    let points: Vec<String> = curve.iter().map(|(x, y)| format!("{x:.0}: {y:.1} us")).collect();
    let ratio = slope(&curve[1..]) / slope(&curve[..2]);
    let what = format!("{what} more, at the end to at the beginning");
    lab.notes("curves", &what, ratio, Bound::AtMost(1.5), format!("{unit} {}", points.join(", ")));
}

/// Microseconds for an event, from a backlog.
async fn cost(lab: &mut Lab, workflows: &[(String, Value)], note: i32) -> Outcome<f64> {
    let (db, url) = lab.shop_with(workflows).await?;
    publish(lab, &db, &url).await?;
    if note > 0 {
        // Of text that can't be compressed much.
        let long = format!(
            "create function long_note() returns text language sql volatile as
                 $$ select string_agg(md5(random()::text), '') from generate_series(1, {}) $$;
             alter table orders alter column note set default long_note()",
            note / 32
        );
        db.batch_execute(&long).await?;
    }
    let due = place(&db, ORDERS).await?;
    let drained = worked_off(lab, &db, &url, due, ORDERS, 1).await?;
    drop(db);
    lab.drop_database(&url).await?;
    Ok(1e6 / drained.rate)
}

/// `matching` workflows that give points for half of the orders, and others that never start.
fn with_others(matching: usize, others: usize) -> Vec<(String, Value)> {
    let mut all: Vec<(String, Value)> = (0..matching).map(|n| (format!("points {n}"), workflow())).collect();
    for n in 0..others {
        let mut other = workflow();
        let data = &mut other["nodes"][0]["data"];
        if n % 2 == 0 {
            data["triggerType"] = "customer_created".into();
            data["config"] = json!({});
            other["nodes"][1]["data"]["config"]["rules"][0] =
                json!({"field": "customer.email", "operator": "contains", "value": "@"});
            other["nodes"][2]["data"]["config"]["points"] = 1.into();
        } else {
            data["config"] = json!({"filter": {"combinator": "and",
                "rules": [{"field": "order.note", "operator": "=", "value": format!("other {n}")}]}});
        }
        all.push((format!("other {n}"), other));
    }
    all
}

/// A trigger, and variables that are set one after the other.
fn chain(count: usize) -> Value {
    let mut nodes = vec![node("start", "trigger", json!({"triggerType": "order_created", "config": {}}))];
    nodes.extend((1..count).map(|n| {
        let vars = json!({"vars": {"last": "{{ order.total }}"}});
        node(&format!("n{n}"), "control", json!({"controlType": "set", "config": vars}))
    }));
    json!({"edges": edges(&nodes), "nodes": nodes})
}

/// A node.
pub fn node(id: &str, kind: &str, data: Value) -> Value {
    json!({"id": id, "type": kind, "position": {"x": 0, "y": 0}, "data": data})
}

/// From each node to the next.
pub fn edges(nodes: &[Value]) -> Vec<Value> {
    let pairs = nodes.windows(2).enumerate();
    pairs
        .map(|(n, two)| json!({"id": format!("e{n}"), "source": two[0]["id"], "target": two[1]["id"]}))
        .collect()
}
