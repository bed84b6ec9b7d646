//! What nodes read is noted as it was at their turn, within bounds, and only where it is wanted.

use serde_json::{Value, json};

use super::tests::{finish, now, plan, start};
use super::*;
use crate::workflow::context::tests::order_event;

fn each_and_then(expression: &str) -> Plan {
    let when = json!({"conditionType": "condition", "config": {"expression": expression}});
    let each = json!({"controlType": "for_each", "config": {"items": "{{ [10, 20] }}"}});
    let kept = json!({"controlType": "set", "config": {"vars": {"last": "{{ item }}"}}});
    plan(&[("each", each), ("keep", kept), ("big", when)], &["t>each", "each>keep:each", "keep>big"])
}

#[test]
fn each_item_has_what_it_read_at_its_turn() {
    let plan = each_and_then("vars.last > 15 and customer.email");
    let mut run = start(&plan);
    run.note_inputs();
    finish(&mut run, &plan);
    let told = |input: &Input| (input.node.to_string(), input.item.clone(), json!(input.values));
    let of = |node: &str, item: u32, values: Value| (node.to_owned(), vec![item], values);
    assert_eq!(
        run.inputs().iter().map(told).collect::<Vec<_>>(),
        [
            of("keep", 0, json!({"item": 10})),
            of("big", 0, json!({"customer.email": "ada@example.com", "vars.last": 10})),
            of("keep", 1, json!({"item": 20})),
            of("big", 1, json!({"customer.email": "ada@example.com", "vars.last": 20})),
        ]
    );
}

#[test]
fn nothing_is_noted_unless_it_is_wanted() {
    let plan = each_and_then("vars.last > 15");
    let mut run = start(&plan);
    finish(&mut run, &plan);
    assert_eq!(run.inputs(), []);
}

#[test]
fn large_values_are_told_by_their_size_and_all_of_them_within_bounds() {
    let when = json!({"conditionType": "condition", "config": {"expression": "order.note == item"}});
    let each = json!({"controlType": "for_each", "config": {"items": "{{ range(300)|list }}"}});
    let plan = plan(&[("each", each), ("same", when)], &["t>each", "each>same:each"]);
    let noted = |bytes: usize| {
        let event = order_event(json!({"note": "x".repeat(bytes)}));
        let mut run = Run::start(super::tests::id(), &plan, &event, now());
        run.note_inputs();
        finish(&mut run, &plan);
        run.inputs().to_vec()
    };
    assert_eq!(noted(5_000)[0].values["order.note"], "… 5002 bytes");
    let all = noted(4_000);
    let bytes: usize =
        all.iter().flat_map(|input| input.values.values()).map(|value| value.to_string().len()).sum();
    assert!((500 * 1024..=512 * 1024).contains(&bytes), "{bytes}");
    assert!(all.len() < 300, "{}", all.len());
}
