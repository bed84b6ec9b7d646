//! Test runs of a workflow of ten nodes on a warm server: by the library, as the daemon does them, and by a command of the
//! built binary, which connects anew each time.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use secrecy::SecretString;
use serde_json::{Value, json};
use thendo::kinds;
use thendo::testrun::{self, Stage, TestRun};
use thendo::workflow::compile::compile;
use thendo::workflow::event_file;

use crate::Outcome;
use crate::lab::{Bound, Lab, percentile};

const TIMES: usize = 200;
const COMMANDS: usize = 20;

fn node(id: &str, data: Value) -> Value {
    let family = ["trigger", "condition", "control", "action"];
    let family = family.iter().find(|family| data.get(format!("{family}Type")).is_some());
    json!({ "id": id, "type": family, "position": { "x": 0, "y": 0 }, "data": data })
}

fn action(id: &str, kind: &str, config: Value) -> Value {
    node(id, json!({ "actionType": kind, "config": config }))
}

/// Points, a tag, a deposit, a mail, a wait, another look, a mail, a request, a comment.
fn ten_nodes() -> Value {
    let big = json!({ "rules": [{ "field": "order.total", "operator": ">=", "value": 10_000 }] });
    let rich = json!({ "expression": "steps.points.balance > 0" });
    let mail = json!({ "to": "{{ customer.email }}", "subject": "Thank you", "text": "{{ steps.points.balance }} points" });
    let nodes = [
        node("start", json!({ "triggerType": "order_created", "config": {} })),
        node("big", json!({ "conditionType": "condition", "config": big })),
        action("points", "award_points", json!({ "points": "{{ order.total // 100 }}" })),
        action("tag", "add_tag", json!({ "tag": "big-spender" })),
        action("deposit", "create_deposit", json!({ "percent": 30 })),
        action("thanks", "send_email", mail.clone()),
        node("wait", json!({ "controlType": "delay", "config": { "for": "2d" } })),
        node("rich", json!({ "conditionType": "condition", "config": rich })),
        action("again", "send_email", mail),
        action(
            "hook",
            "http_request",
            json!({ "method": "POST", "url": "https://example.com/orders", "body": "{{ order.total }}" }),
        ),
    ];
    let ids: Vec<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    let edges: Vec<Value> = ids
        .windows(2)
        .map(|pair| {
            let handle = matches!(pair[0], "big" | "rich").then_some("true");
            json!({ "id": format!("{}-{}", pair[0], pair[1]), "source": pair[0], "target": pair[1], "sourceHandle": handle })
        })
        .collect();
    json!({ "nodes": nodes, "edges": edges })
}

/// The figure asked for: at most 50 ms.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    lab.probe()?;
    let (db, url) = lab.shop_with(&[]).await?;
    let drawing = ten_nodes();
    let catalogue = kinds::catalogue();
    let compiled = compile(&drawing, &catalogue);
    let plan = compiled.plan.map(Arc::new).ok_or_else(|| format!("{:?}", compiled.diagnostics))?;
    let event = json!({ "type": "order_created", "at": "2026-11-22T10:00:00Z",
        "data": { "order": { "total": 25_000, "currency": "EUR" }, "customer": { "email": "c1@example.com" } } });
    let stage = Stage::open(SecretString::from(url.clone()), catalogue, None).await?;
    let mut took = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let file = event_file::read(&event, &catalogue).map_err(|faults| format!("{faults:?}"))?;
        let began = Instant::now();
        let report = stage.run(&TestRun::of(plan.clone(), file.event, file.given)).await?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
        if report.outcome != testrun::Outcome::Succeeded || report.steps.len() != 10 {
            return Err(format!("{report:?}").into());
        }
    }
    let (p50, p99) = (percentile(&mut took, 0.5), percentile(&mut took, 0.99));
    let beside = format!("p50; p99 {p99:.1} ms, of {TIMES}");
    lab.notes("testruns", "ten nodes, in ms", p50, Bound::AtMost(50.0), beside);

    let folder = tempfile::tempdir()?;
    let (workflow, happens) = (folder.path().join("workflow.json"), folder.path().join("event.json"));
    std::fs::write(&workflow, drawing.to_string())?;
    std::fs::write(&happens, event.to_string())?;
    let mut took = Vec::with_capacity(COMMANDS);
    for _ in 0..COMMANDS {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thendo"));
        command.arg("test-run").arg(&workflow).arg("--event").arg(&happens).args(["--database-url", &url]);
        let began = Instant::now();
        let ended = command.stdout(Stdio::null()).status()?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
        if !ended.success() {
            return Err("the test run failed".into());
        }
    }
    let p50 = percentile(&mut took, 0.5);
    lab.notes(
        "testruns",
        "the same by a command, in ms",
        p50,
        Bound::Context,
        format!("p50 of {COMMANDS}, connecting and preparing included"),
    );
    drop((stage, db));
    lab.drop_database(&url).await
}
