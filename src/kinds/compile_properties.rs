use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::catalogue;
use crate::domain::effect::Answer;
use crate::domain::ids::ExecutionId;
use crate::engine::advance::Run;
use crate::workflow::catalogue::Kind;
use crate::workflow::compile::compile;
use crate::workflow::context::tests::order_event;
use crate::workflow::plan::Plan;
use crate::workflow::report::{self, Style};

const EXAMPLES: [&str; 3] = [
    include_str!("../../workflows-examples/welcome-points/workflow.json"),
    include_str!("../../workflows-examples/waitlist-welcome/workflow.json"),
    include_str!("../../workflows-examples/post-to-editor/workflow.json"),
];

fn word() -> impl Strategy<Value = String> {
    let words = [
        "nodes",
        "edges",
        "id",
        "source",
        "target",
        "type",
        "data",
        "config",
        "rules",
        "field",
        "operator",
        "value",
        "sourceHandle",
        "match",
        "triggerType",
        "actionType",
        "award_points",
        "order.total",
        "true",
        "a",
        "order",
        "{{ order.total }}",
        "{% for x in y %}",
        "{{ (",
        "between",
        "in",
        "matches",
        "(a+",
        "within",
        "expression",
    ];
    prop_oneof![4 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => ".{0,12}"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..6)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

/// All places in a value, as pointers.
fn pointers(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| pointers(value, format!("{at}/{key}"), out)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| pointers(item, format!("{at}/{n}"), out))
        }
        _ => {}
    }
    out.push(at);
}

/// How many cases of each: `FUZZ_CASES=100000 cargo test --release compile_properties` for a long run.
fn cases() -> u32 {
    std::env::var("FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400)
}

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
    fn any_json_is_answered(file in any_json()) {
        let compiled = compile(&file, &catalogue());
        prop_assert!(compiled.plan.is_some() || !compiled.diagnostics.is_empty());
    }

    #[test]
    fn any_nodes_are_answered(nodes in any_json(), edges in any_json()) {
        compile(&json!({"nodes": [nodes], "edges": [edges]}), &catalogue());
    }

    #[test]
    fn a_broken_example_is_answered(
        example in 0..EXAMPLES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 1..4),
    ) {
        let mut file: Value = serde_json::from_str(EXAMPLES[example]).expect("JSON");
        for (place, value) in changes {
            let mut all = Vec::new();
            pointers(&file, String::new(), &mut all);
            if let Some(target) = file.pointer_mut(&all[place.index(all.len())]) {
                *target = value;
            }
        }
        let compiled = compile(&file, &catalogue());
        let source = serde_json::to_string_pretty(&file).expect("JSON");
        let style = Style { colour: false, width: 80 };
        report::text("w.json", &source, &compiled.diagnostics, style);
    }

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

    #[test]
    fn moving_boxes_changes_no_hash(
        example in 0..EXAMPLES.len(),
        places in prop::collection::vec((any::<i32>(), any::<i32>(), any::<bool>()), 8),
        turn in any::<bool>(),
    ) {
        let file: Value = serde_json::from_str(EXAMPLES[example]).expect("JSON");
        let mut moved = file.clone();
        for (node, (x, y, selected)) in moved["nodes"].as_array_mut().expect("a list").iter_mut().zip(places) {
            node["position"] = json!({"x": x, "y": y});
            node["selected"] = selected.into();
            node["measured"] = json!({"width": x, "height": y});
        }
        if turn {
            moved["nodes"].as_array_mut().expect("a list").reverse();
            moved["edges"].as_array_mut().expect("a list").reverse();
        }
        let hash = |file: &Value| compile(file, &catalogue()).plan.expect("compiles").hash().to_owned();
        prop_assert_eq!(hash(&file), hash(&moved));
        let saved: Value = serde_json::from_str(&serde_json::to_string(&moved).expect("JSON")).expect("JSON");
        prop_assert_eq!(hash(&file), hash(&saved));
    }
}
