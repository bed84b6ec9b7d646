//! The workflows under load. Each but `points` and `once` starts for the orders whose note is its name.

use serde_json::{Value, json};

use crate::support::{branch, edge, node};

/// Those that are published again, paused and held under load.
pub const STEERED: [&str; 5] = ["points", "mail", "delay", "loop", "hook"];
/// Notes of single orders.
pub const NOTES: [&str; 10] =
    ["mail", "hook", "delay", "wait", "chain", "serial", "turn", "fail", "ask", "plain"];
/// What `wait` waits for, in seconds.
pub const WAITS_S: i64 = 6;
/// How long `turn` may be ended by a payment, in seconds, from its turn on.
pub const TURN_S: i64 = 2;
/// Quiet before `quiet` starts, in seconds.
pub const QUIET_S: i64 = 2;

fn start(name: &str, kind: &str, flow: &Value) -> Value {
    let filter = json!({"filter": {"expression": format!("order.note == '{name}'")}});
    let config = if ["points", "once", "quiet"].contains(&name) { json!({}) } else { filter };
    node("start", "trigger", json!({"triggerType": kind, "config": config, "flow": flow}))
}

fn control(id: &str, kind: &str, config: &Value) -> Value {
    node(id, "control", json!({"controlType": kind, "config": config}))
}

/// Points that say in the ledger which node gave them.
fn points(id: &str, points: &Value) -> Value {
    node(id, "action", json!({"actionType": "award_points", "config": {"points": points, "reason": id}}))
}

fn linear(start: Value, rest: Vec<Value>) -> Value {
    let mut nodes = vec![start];
    nodes.extend(rest);
    let edges: Vec<Value> = nodes
        .windows(2)
        .map(|two| edge(two[0]["id"].as_str().expect("an id"), two[1]["id"].as_str().expect("an id")))
        .collect();
    json!({"nodes": nodes, "edges": edges})
}

/// A drawing by its name. `edition` makes it another version, which does the same. `hook` is the webhook's address.
pub fn drawing(name: &str, edition: u64, hook: &str) -> Value {
    let on_order = |flow: &Value| start(name, "order_created", flow);
    let plain = on_order(&Value::Null);
    // A version is another only if it means something else.
    let mark = control("mark", "set", &json!({"vars": {"edition": edition}}));
    match name {
        "points" => {
            let mut all = crate::support::points_and_deposit();
            let nodes = all["nodes"].as_array_mut().expect("nodes");
            nodes[3]["data"]["config"]["due_in_days"] = (7 + edition % 300).into();
            all
        }
        "mail" => {
            let mail = json!({"to": "{{ customer.email }}", "subject": "{{ order.id }}", "text": "Hello"});
            let mut mail = node("mail", "action", json!({"actionType": "send_email", "config": mail}));
            mail["data"]["retry"] = json!({"attempts": 50, "backoff": "1s", "longest": "2s"});
            linear(plain, vec![mark, mail])
        }
        "hook" => {
            let hook = json!({"url": format!("http://{hook}/"), "body": "{{ order.id }}", "headers": {"content-type": "text/plain"}});
            let mut hook = node("hook", "action", json!({"actionType": "http_request", "config": hook}));
            hook["data"]["retry"] = json!({"attempts": 50, "backoff": "1s", "longest": "2s"});
            linear(plain, vec![mark, hook, points("hooked", &json!(1))])
        }
        "delay" => linear(
            plain,
            vec![mark, control("later", "delay", &json!({"for": "1s"})), points("delayed", &json!(1))],
        ),
        "loop" => {
            let each = control(
                "each",
                "for_each",
                &json!({"items": "{{ range(0, order.total) | list }}", "at_once": 50}),
            );
            json!({"nodes": [plain, mark, each, points("item", &json!("{{ item + 1 }}")), points("after", &json!(7))],
                "edges": [edge("start", "mark"), edge("mark", "each"), branch("each", "each", "item"), branch("each", "after", "after")]})
        }
        "wait" => {
            let wait = json!({"event": "order_paid", "timeout": format!("{WAITS_S}s")});
            json!({"nodes": [plain, control("wait", "wait_for_event", &wait), points("paid", &json!(1)), points("late", &json!(1))],
                "edges": [edge("start", "wait"), branch("wait", "event", "paid"), branch("wait", "timeout", "late")]})
        }
        "chain" => {
            let next = json!({"workflow": "chained", "input": {"order": "{{ order.id }}"}});
            linear(plain, vec![control("next", "start_workflow", &next), points("chained", &json!(1))])
        }
        "chained" => linear(
            node("start", "trigger", json!({"triggerType": "manual", "config": {}})),
            vec![control("end", "stop", &json!({"reason": "{{ manual.input.order }}"}))],
        ),
        "serial" => {
            let one = json!({"concurrency": {"per": "customer", "limit": 1}});
            let short = control("later", "delay", &json!({"for": "1s"}));
            linear(on_order(&one), vec![short, points("serial", &json!(1))])
        }
        // A payment gives the customer's slot to the next.
        "turn" => {
            let one = json!({"concurrency": {"per": "customer", "limit": 1}});
            let unless = control("unless", "cancel_on", &json!({"event": "order_paid"}));
            let wait = control(
                "wait",
                "wait_for_event",
                &json!({"event": "order_cancelled", "timeout": format!("{TURN_S}s")}),
            );
            json!({"nodes": [on_order(&one), unless, wait, points("turn", &json!(1))],
                "edges": [edge("start", "unless"), edge("unless", "wait"), branch("wait", "timeout", "turn")]})
        }
        "once" => linear(on_order(&json!({"once": {"per": "customer"}})), vec![points("once", &json!(1))]),
        "quiet" => {
            let quiet = json!({"debounce": {"for": format!("{QUIET_S}s")}});
            linear(start(name, "order_updated", &quiet), vec![points("quiet", &json!(1))])
        }
        // Its first edition fails at its second node, any other does not.
        "fail" => {
            let fails = if edition == 0 { json!("{{ 7 // (order.total * 0) }}") } else { json!(7) };
            linear(
                plain,
                vec![points("first", &json!(1)), points("second", &fails), points("third", &json!(1))],
            )
        }
        "ask" => {
            let ask = control("ask", "approval", &json!({"question": "Well?", "timeout": "3d"}));
            json!({"nodes": [plain, ask, points("yes", &json!(1)), points("no", &json!(1))],
                "edges": [edge("start", "ask"), branch("ask", "approved", "yes"), branch("ask", "refused", "no")]})
        }
        "tick" => linear(
            node(
                "start",
                "trigger",
                json!({"triggerType": "schedule", "config": {"cron": "*/2 * * * * *", "missed": "all"}}),
            ),
            vec![control("note", "set", &json!({"vars": {"due": "{{ schedule.due_at }}"}}))],
        ),
        other => panic!("no drawing of {other}"),
    }
}

/// All of them.
pub const NAMES: [&str; 15] = [
    "points", "mail", "hook", "delay", "loop", "wait", "chain", "chained", "serial", "turn", "once", "quiet",
    "fail", "ask", "tick",
];
