//! All triggers at once: what their examples, schemas and filters promise.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::catalogue;
use super::compile_tests::{flow, mail};
use crate::triggers;
use crate::workflow::catalogue::TriggerKind;
use crate::workflow::compile::compile;
use crate::workflow::event_file;
use crate::workflow::subjects::ROW;

fn example(kind: &TriggerKind) -> Value {
    serde_json::from_str(kind.about.example).unwrap_or_else(|error| panic!("{}: {error}", kind.about.name))
}

fn workflow(kind: &str, config: Value) -> Value {
    let trigger = json!({"id": "t", "type": "trigger", "data": {"triggerType": kind, "config": config}});
    flow(&[trigger, mail("m", "{{ event.type }}")], &["t>m"])
}

#[test]
fn the_issue_has_them_all() {
    assert_eq!(triggers::ALL.len(), 34);
}

#[test]
fn every_example_compiles_without_a_word() {
    for kind in triggers::ALL {
        let compiled = compile(&workflow(kind.about.name, example(kind)), &catalogue());
        assert!(compiled.diagnostics.is_empty(), "{}: {:#?}", kind.about.name, compiled.diagnostics);
        let plan = compiled.plan.expect("a plan");
        assert_eq!(plan.trigger_kind(), kind.about.name);
        for source in plan.sources() {
            let listed = kind.sources.iter().find(|of| of.subject == source.subject || *of.subject == ROW);
            let listed = listed.unwrap_or_else(|| panic!("{} does not list it", kind.about.name));
            assert!(source.operations.iter().all(|operation| listed.operations.contains(operation)));
        }
    }
}

/// Settings of settings too.
fn undescribed(schema: &Value, of: &Value, path: &str, found: &mut Vec<String>) {
    let at = |name: &str| schema.pointer(name.trim_start_matches('#'));
    let of = of["$ref"].as_str().and_then(at).unwrap_or(of);
    for (name, setting) in of["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if setting["description"].as_str().is_none_or(|words| words.len() < 10) {
            found.push(path.clone());
        }
        undescribed(schema, setting, &path, found);
    }
    for below in ["items", "additionalProperties"].iter().filter_map(|below| of.get(below)) {
        undescribed(schema, below, path, found);
    }
}

#[test]
fn every_schema_describes_every_setting_and_allows_no_other() {
    for kind in triggers::ALL {
        let (schema, name) = ((kind.about.schema)(), kind.about.name);
        let mut found = Vec::new();
        undescribed(&schema, &schema, name, &mut found);
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(schema["additionalProperties"], false, "{name}");
        let settings = schema["properties"].as_object().cloned().unwrap_or_default();
        let shown = example(kind);
        for name in shown.as_object().expect("an object").keys() {
            assert!(settings.contains_key(name), "{}: {name}", kind.about.name);
        }
        let mut more = shown.clone();
        more["no_such_setting"] = json!(1);
        let compiled = compile(&workflow(name, more), &catalogue());
        assert!(compiled.diagnostics.iter().any(|fault| fault.code == "unknown-field"), "{name}");
    }
}

#[test]
fn every_filter_knows_the_fields_of_its_subject() {
    for kind in triggers::ALL {
        let mut config = example(kind);
        let with = |config: &Value| compile(&workflow(kind.about.name, config.clone()), &catalogue());
        config["filter"] = json!({"rules": [{"field": "nobody.knows", "operator": "notNull"}]});
        let codes: Vec<_> =
            with(&config).diagnostics.iter().map(|fault| (fault.code, fault.path.clone())).collect();
        let [(code, Some(path))] = codes.as_slice() else { panic!("{}: {codes:?}", kind.about.name) };
        assert_eq!((*code, path.contains("/filter")), ("unknown-name", true), "{}", kind.about.name);
        for source in with(&example(kind)).plan.expect("a plan").sources() {
            let field = |field: &str| format!("{}.{field}", source.subject.name);
            let unknown = json!({"expression": format!("{} is none", field("no_such_field"))});
            config["filter"] = unknown;
            let clean = with(&config).diagnostics.is_empty();
            assert_eq!(clean, source.subject.open, "{}: {}", kind.about.name, source.subject.name);
        }
    }
}

#[test]
fn a_filter_that_does_not_hold_keeps_the_plan_from_starting() {
    let file = json!({"type": "order_paid", "at": "2026-11-22T10:00:00Z",
        "data": {"order": {"total": 25_000, "payment_status": "paid"}, "customer": {"email": "ada@example.com"}}});
    let event = event_file::read(&file, &catalogue()).expect("reads").event;
    let starts = |filter: Value| {
        let compiled = compile(&workflow("order_paid", json!({"filter": filter})), &catalogue());
        let plan = compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
        assert!(plan.would_start(&event));
        plan.matches(&event)
    };
    let rule =
        |operator: &str| json!({"rules": [{"field": "order.total", "operator": operator, "value": 10_000}]});
    assert!(starts(Value::Null) && starts(rule(">=")) && !starts(rule("<")));
    assert!(starts(json!({"expression": "customer.email == 'ada@example.com'"})));
    assert!(!starts(json!({"expression": "customer.email == 'grace@example.com'"})));
}

#[test]
fn what_happened_to_a_customer_is_about_that_customer() {
    let file = json!({"type": "customer_created", "at": "2026-11-22T10:00:00Z",
        "data": {"customer": {"email": "ada@example.com"}}});
    let event = event_file::read(&file, &catalogue()).expect("reads").event;
    let filter = json!({"filter": {"expression": "customer.email == 'ada@example.com'"}});
    let plan = compile(&workflow("customer_created", filter), &catalogue()).plan.expect("a plan");
    assert!(plan.matches(&event));
}

#[test]
fn a_change_of_any_table_is_seen_as_a_row() {
    let config =
        json!({"table": "orders", "filter": {"rules": [{"field": "row.totl", "operator": "=", "value": 1}]}});
    let faults = compile(&workflow("row_changed", config), &catalogue()).diagnostics;
    assert_eq!((faults[0].code, faults[0].help.as_deref()), ("unknown-name", Some("did you mean `total`?")));
    let unknown =
        json!({"table": "ordrs", "filter": {"rules": [{"field": "row.size", "operator": "=", "value": 3}]}});
    let compiled = compile(&workflow("row_changed", unknown), &catalogue());
    let codes: Vec<_> = compiled.diagnostics.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["unknown-table"], "a warning: the shop may have it");
    assert!(compiled.plan.is_some());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}|[0-9]{1,19} ?[smhdw]|[0-9*/, -]{1,12}".prop_map(Value::from),
        "status|pending|orders|insert|null".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("status|from|to|name|\\PC{0,4}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn no_setting_and_no_row_makes_a_trigger_panic(
        kind in 0..triggers::ALL.len(),
        (setting, value) in (any::<prop::sample::Index>(), any_json()),
        (row, old) in (any_json(), any_json()),
    ) {
        let kind = &triggers::ALL[kind];
        let mut config = example(kind);
        let settings = (kind.about.schema)()["properties"].as_object().cloned().unwrap_or_default();
        if !settings.is_empty() {
            config[settings.keys().nth(setting.index(settings.len())).expect("one")] = value.clone();
        }
        let Some(plan) = compile(&workflow(kind.about.name, config), &catalogue()).plan else { return Ok(()) };
        // A row in which every column is the same odd value, or which is odd itself.
        for source in plan.sources() {
            let columns = source.subject.fields.iter().map(|field| field.name);
            let odd = |value: &Value| columns.clone().map(|name| (name.to_owned(), value.clone())).collect();
            for operation in source.operations {
                let mut event = crate::workflow::context::tests::order_event(Value::Null);
                event.table = source.table.clone().into_owned();
                event.operation = *operation;
                for (row, old) in [(odd(&row), odd(&old)), (odd(&value), Default::default()), Default::default()] {
                    (event.row, event.old) = (std::sync::Arc::new(row), std::sync::Arc::new(old));
                    plan.matches(&event);
                    if let Some(trigger) = plan.trigger_settings() {
                        trigger.starts_at(&event);
                        trigger.still(&event.row);
                    }
                }
            }
        }
    }
}
