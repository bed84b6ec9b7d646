//! The language's figures: compiling 10, 100 and 1,000 nodes, and advancing an execution, per node.
//!
//!     cargo bench --bench language [-- --json FILE]
//!
//! Each figure is the median of many rounds; the sizes take turns within a round, so that a busy machine meets them all.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use serde_json::{Map, Value, json};
use thendo::domain::event::{Event, Operation};
use thendo::domain::ids::{EventId, ExecutionId};
use thendo::engine::advance::Run;
use thendo::kinds::catalogue;
use thendo::workflow::compile::compile;
use thendo::workflow::plan::Plan;

const ROUNDS: usize = 40;

fn condition(id: &str, config: Value) -> Value {
    json!({"id": id, "type": "condition", "data": {"conditionType": "condition", "config": config}})
}

fn simple_rule() -> Value {
    json!({"rules": [{"field": "order.total", "operator": ">=", "value": 10_000}]})
}

/// As admins draw: a third conditions by rules, a third mails with templates, a third points by an expression.
fn drawing(nodes: usize) -> Value {
    let mut drawn = vec![json!({"id": "n0", "type": "trigger", "data": {"triggerType": "order_created"}})];
    let mut edges = Vec::new();
    for at in 1..nodes {
        let id = format!("n{at}");
        drawn.push(match at % 3 {
            0 => condition(&id, simple_rule()),
            1 => json!({"id": id, "type": "action", "data": {"actionType": "award_points",
                "config": {"points": format!("{{{{ order.total // {} }}}}", 100 + at), "reason": "thanks"}}}),
            _ => json!({"id": id, "type": "action", "data": {"actionType": "send_email", "config": {
                "to": "{{ customer.email }}", "subject": format!("Number {at}, {{{{ customer.name }}}}"),
                "text": "Your order of {{ order.total|money('EUR') }} is {% if order.status == 'new' %}new{% else %}old{% endif %}."}}}),
        });
        let branch = if (at - 1) % 3 == 0 && at > 1 { json!("true") } else { Value::Null };
        edges.push(json!({"source": format!("n{}", at - 1), "target": id, "sourceHandle": branch}));
    }
    json!({"nodes": drawn, "edges": edges})
}

/// A chain of simple conditions: what advancing costs by itself.
fn chain(nodes: usize) -> Value {
    let mut drawn = vec![json!({"id": "n0", "type": "trigger", "data": {"triggerType": "order_created"}})];
    drawn.extend((1..nodes).map(|at| condition(&format!("n{at}"), simple_rule())));
    let edges = (1..nodes).map(|at| {
        let branch = if at > 1 { json!("true") } else { Value::Null };
        json!({"source": format!("n{}", at - 1), "target": format!("n{at}"), "sourceHandle": branch})
    });
    json!({"nodes": drawn, "edges": edges.collect::<Vec<_>>()})
}

fn event() -> Result<Event, Box<dyn Error>> {
    let row = json!({"id": "00000000-0000-7000-8000-00000000000a", "customer_id": "00000000-0000-7000-8000-00000000000b",
        "status": "new", "total": 25_000, "currency": "EUR", "created_at": "2026-11-22T10:00:00+00:00"});
    Ok(Event {
        id: EventId(uuid::Uuid::from_u128(7)),
        at: DateTime::from_timestamp(1_795_341_600, 0).ok_or("in range")?,
        table: "orders".into(),
        operation: Operation::Insert,
        row: Arc::new(row.as_object().cloned().unwrap_or_else(Map::new)),
        old: Arc::default(),
        customer: None,
        cause: None,
        depth: 0,
    })
}

fn planned(file: &Value) -> Result<Plan, Box<dyn Error>> {
    let compiled = compile(file, &catalogue());
    compiled.plan.ok_or_else(|| format!("{:#?}", compiled.diagnostics).into())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut figures = Map::new();
    let sizes = [10, 100, 1_000];
    let files = sizes.map(drawing);
    let mut times = sizes.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (file, times) in files.iter().zip(&mut times) {
            let began = Instant::now();
            planned(file)?;
            times.push(began.elapsed());
        }
    }
    println!("compile, a third each of rules, expressions and mails");
    for (size, times) in sizes.iter().zip(times) {
        let took = median(times);
        let per_node = took.as_secs_f64() * 1e6 / *size as f64;
        println!("  {size:>5} nodes  {:>8.3} ms  {per_node:>6.2} µs a node", took.as_secs_f64() * 1e3);
        figures.insert(format!("compile_{size}_ms"), (took.as_secs_f64() * 1e3).into());
    }
    println!("advance, simple conditions");
    let (event, mut times) = (event()?, sizes.map(|_| Vec::new()));
    let plans = [planned(&chain(10))?, planned(&chain(100))?, planned(&chain(1_000))?];
    for _ in 0..ROUNDS {
        for ((plan, size), times) in plans.iter().zip(sizes).zip(&mut times) {
            let runs = 20_000 / size;
            let began = Instant::now();
            for _ in 0..runs {
                let mut run = Run::start(ExecutionId(uuid::Uuid::from_u128(1)), plan, &event, event.at);
                std::hint::black_box(run.advance(plan, event.at));
            }
            times.push(began.elapsed() / u32::try_from(runs)?);
        }
    }
    for (size, times) in sizes.iter().zip(times) {
        let per_node = median(times).as_secs_f64() * 1e6 / *size as f64;
        println!("  {size:>5} nodes  {per_node:>6.2} µs a node");
        figures.insert(format!("advance_{size}_us_per_node"), per_node.into());
    }
    let mut args = std::env::args();
    if let Some(file) = args.by_ref().find(|arg| arg == "--json").and_then(|_| args.next()) {
        std::fs::write(file, serde_json::to_string_pretty(&figures)?)?;
    }
    Ok(())
}
