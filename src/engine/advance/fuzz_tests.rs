//! Settings broken at random: whatever still compiles is run to its end.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::kinds::catalogue;
use crate::kinds::compile_properties::{any_json, cases, pointers};
use crate::workflow::catalogue::Kind;
use crate::workflow::compile::compile;
use crate::workflow::context::tests::order_event;

/// The `n`th kind with its example, behind a trigger; of a trigger, itself.
fn with_kind(n: usize) -> Value {
    let kind = catalogue().kinds().nth(n).expect("a kind");
    let (role, about) = (kind.role(), kind.about());
    let config: Value = serde_json::from_str(about.example).expect("the example is JSON");
    let node =
        json!({"id": "k", "type": role, "data": {format!("{role}Type"): about.name, "config": config}});
    let start = json!({"id": "t", "type": "trigger", "data": {"triggerType": "order_created"}});
    let follow =
        json!({"id": "p", "type": "action", "data": {"actionType": "award_points", "config": {"points": 1}}});
    let branches = match &kind {
        Kind::Condition(kind) => kind.branches,
        Kind::Control(kind) => kind.branches,
        _ => &[],
    };
    let out = json!({"source": "k", "target": "p", "sourceHandle": branches.first()});
    match role {
        "trigger" => json!({"nodes": [node, follow], "edges": [out]}),
        _ => json!({"nodes": [start, node, follow], "edges": [{"source": "t", "target": "k"}, out]}),
    }
}

/// Goes on as long as something happens, with whatever answers.
fn runs_to_its_end(plan: &Plan, row: &Value) {
    let mut event = order_event(row.clone());
    event.table = plan.sources().first().map_or("orders".into(), |source| source.table.clone().into_owned());
    plan.matches(&event);
    let mut run = Run::start(ExecutionId::default(), plan, &event, event.at);
    let mut now = event.at;
    for turn in 0..200 {
        for request in run.advance(plan, now) {
            let answer = match turn % 3 {
                0 => Answer::Handed { why: String::new() },
                1 => Answer::Refused { reason: "no".into() },
                _ => Answer::Done {
                    result: json!({"status": "sent"}),
                    changes: Vec::new(),
                    why: String::new(),
                },
            };
            run.answer(plan, &request.node, &request.item, answer, now);
        }
        for (_, spot) in run.waiting_for() {
            let answer = Answer::Done { result: json!({}), changes: Vec::new(), why: String::new() };
            run.answer(plan, &spot.node, &spot.item, answer, now);
        }
        run.offer(plan, &event, now);
        run.refresh();
        now = run.rests().due.unwrap_or(now).max(now);
    }
    serde_json::to_value(run.save()).expect("serialises");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn a_kind_with_broken_settings_is_answered_and_runs(
        kind in 0..catalogue().kinds().count(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 0..3),
        row in any_json(),
    ) {
        let mut file = with_kind(kind);
        for (place, value) in changes {
            let mut all = Vec::new();
            pointers(&file, String::new(), &mut all);
            let settings: Vec<&String> = all.iter().filter(|path| path.contains("/config/")).collect();
            let Some(target) = (!settings.is_empty()).then(|| settings[place.index(settings.len())]) else { continue };
            if let Some(target) = file.pointer_mut(target) {
                *target = value;
            }
        }
        if let Some(plan) = compile(&file, &catalogue()).plan {
            runs_to_its_end(&plan, &row);
        }
    }
}
