use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::catalogue;
use crate::workflow::compile::compile;
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

pub(crate) fn any_json() -> impl Strategy<Value = Value> {
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
pub(crate) fn pointers(value: &Value, at: String, out: &mut Vec<String>) {
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
pub(crate) fn cases() -> u32 {
    std::env::var("FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400)
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
