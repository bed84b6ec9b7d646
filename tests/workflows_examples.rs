//! Every example compiles, reads its event, and runs to the answer that it promises, as far as that needs no
//! database.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thendo::domain::effect::{Answer, Effect};
use thendo::domain::execution::Status;
use thendo::domain::ids::ExecutionId;
use thendo::engine::advance::Run;
use thendo::kinds::catalogue;
use thendo::workflow::compile::compile;
use thendo::workflow::event_file;

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows-examples");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

fn json_of(folder: &Path, file: &str) -> Value {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the world would answer, as far as an example can rely on it.
fn answer(effect: &Effect, node: &str, expected: &Value) -> (Value, Option<Value>) {
    match effect {
        Effect::AwardPoints { points, .. } => (json!({"points": points, "balance": points}), None),
        // What the database gives is tried on a database (`it::effects`): here it is what the example says.
        Effect::Rows(rows) => {
            let step = expected["steps"].as_array().into_iter().flatten().find(|step| step["node"] == node);
            let mut result =
                step.map(|step| step["result"].clone()).filter(Value::is_object).unwrap_or(json!({}));
            result["due_date"] = rows.input["due"].clone();
            (result, None)
        }
        Effect::StartWorkflow { .. } => {
            let id = "00000000-0000-7000-8000-000000000002";
            (json!({"workflow_id": id, "event_id": id}), None)
        }
        Effect::SendEmail(mail) => {
            let mut sent = serde_json::to_value(mail).expect("serialises");
            sent["kind"] = "email".into();
            (json!({"message_id": "<1@x>", "to": mail.to, "status": "sent"}), Some(sent))
        }
        Effect::HttpRequest(request) => {
            let mut sent = serde_json::to_value(request).expect("serialises");
            sent["kind"] = "http".into();
            (json!({"status": 200, "headers": {}, "body": null}), Some(sent))
        }
    }
}

/// Whether `seen` has all that `expected` names.
fn covers(seen: &Value, expected: &Value) -> bool {
    match (seen, expected) {
        (Value::Object(seen), Value::Object(expected)) => {
            expected.iter().all(|(key, value)| seen.get(key).is_some_and(|seen| covers(seen, value)))
        }
        (Value::Array(seen), Value::Array(expected)) => {
            seen.len() == expected.len() && seen.iter().zip(expected).all(|(seen, value)| covers(seen, value))
        }
        (seen, expected) => seen == expected,
    }
}

#[test]
fn every_example_gives_the_answer_that_it_promises() {
    for folder in examples() {
        let name = folder.display();
        let compiled = compile(&json_of(&folder, "workflow.json"), &catalogue());
        assert_eq!(compiled.diagnostics, [], "{name}");
        let plan = compiled.plan.expect("no faults, so a plan");
        let file = event_file::read(&json_of(&folder, "event.json"), &catalogue());
        let event = file.unwrap_or_else(|faults| panic!("{name}: {faults:#?}")).event;
        assert!(plan.matches(&event), "{name}");
        assert!(folder.join("README.md").exists(), "{name}");

        let expected = json_of(&folder, "expected.json");
        let later = plan.trigger_settings().and_then(|trigger| trigger.starts_at(&event));
        let (mut deliveries, mut timers, mut now) = (Vec::new(), Vec::new(), event.at);
        if let Some(later) = later.filter(|later| *later > now) {
            timers.push(json!({"node": plan.trigger_id(), "until": later}));
            now = later;
        }
        let mut run = Run::start(ExecutionId(event.id.0), &plan, &event, now);
        loop {
            for request in run.advance(&plan, now) {
                let (result, delivery) = answer(&request.effect, request.node.as_str(), &expected);
                deliveries.extend(delivery);
                let answer = Answer::Done { result, changes: Vec::new(), why: String::new() };
                run.answer(&plan, &request.node, &request.item, answer, now);
            }
            // Waits are passed by, as a test run does.
            let due = run.rests().due.filter(|_| run.status == Status::Waiting);
            if let Some(due) = due {
                let ended = run.timers().into_iter().filter(|(_, until)| *until <= due);
                timers.extend(ended.map(|(spot, until)| json!({"node": spot.node, "until": until})));
                now = due;
                run.refresh();
            } else if run.status != Status::Running {
                break;
            }
        }
        let seen =
            json!({"outcome": run.status, "steps": run.steps(), "deliveries": deliveries, "timers": timers});
        for part in ["outcome", "steps", "deliveries", "timers"] {
            if let Some(expected) = expected.get(part) {
                assert!(covers(&seen[part], expected), "{name}: {part} is {:#}", seen[part]);
            }
        }
    }
}

#[test]
fn several_files_are_one_list_of_json_and_one_file_an_object() {
    let files: Vec<PathBuf> = examples().iter().map(|folder| folder.join("workflow.json")).collect();
    let said = |files: &[PathBuf]| {
        let mut validate = std::process::Command::new(env!("CARGO_BIN_EXE_thendo"));
        let output = validate.args(["validate", "--format", "json"]).args(files).output().expect("runs");
        serde_json::from_slice::<Value>(&output.stdout).expect("one JSON document")
    };
    assert_eq!(said(&files).as_array().map(Vec::len), Some(files.len()));
    assert_eq!(said(&files[..1])["valid"], true);
}
