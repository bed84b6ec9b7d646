use serde_json::{Value, json};

use super::catalogue;
use crate::domain::event::Operation;
use crate::workflow::event_file;

#[test]
fn a_short_file_becomes_a_whole_event() {
    let file = json!({"type": "order_created", "at": "2026-11-22T10:00:00Z",
        "data": {"order": {"total": 25_000}, "customer": {"email": "ada@example.com"}}});
    let read = event_file::read(&file, &catalogue()).expect("reads");
    assert_eq!((read.event.table.as_str(), read.event.operation), ("orders", Operation::Insert));
    assert_eq!(read.event.row["created_at"], "2026-11-22T10:00:00Z");
    let customer = read.event.customer.as_ref().expect("there");
    assert_eq!(Some(&customer["id"]), read.event.row.get("customer_id"));
    assert_eq!(
        event_file::read(&file, &catalogue()).expect("reads").event,
        read.event,
        "the same file, the same event"
    );
}

#[test]
fn former_values_make_it_an_update() {
    let file = json!({"type": "content_published", "at": "2026-11-22T10:00:00Z", "old": {"status": "draft"},
        "data": {"post": {"slug": "a", "title": "A", "status": "published", "tags": ["x"]}}});
    let read = event_file::read(&file, &catalogue()).expect("reads");
    assert_eq!((read.event.table.as_str(), read.event.operation), ("blog_posts", Operation::Update));
}

#[test]
fn all_faults_are_named() {
    let codes = |file: Value| -> Vec<String> {
        let faults = event_file::read(&file, &catalogue()).expect_err("faulty");
        faults.iter().map(|f| format!("{} {}", f.code, f.path.clone().unwrap_or_default())).collect()
    };
    assert_eq!(codes(json!([])), ["not-an-object "]);
    assert_eq!(
        codes(json!({"typ": 1})),
        ["unknown-field /typ", "missing-field ", "missing-field ", "missing-field ",]
    );
    let file = json!({"type": "order_created", "at": "now",
        "data": {"order": {"totl": 1}, "custmer": {}}});
    assert_eq!(
        codes(file),
        [
            "wrong-type /at",
            "unknown-field /data/custmer",
            "unknown-field /data/order/totl",
            "missing-field /data/order"
        ]
    );
    let file = json!({"type": "order_created", "at": "2026-11-22", "operation": "delete",
        "data": {"order": {"totl": 1, "total": "250.00", "id": "7", "status": 3}, "customer": {"email": 1}}});
    assert_eq!(
        codes(file),
        [
            "wrong-type /data/customer/email",
            "unknown-field /data/order/totl",
            "wrong-type /data/order/id",
            "wrong-type /data/order/status",
            "wrong-type /data/order/total",
            "unknown-value /operation",
        ]
    );
    assert_eq!(
        codes(json!({"type": "ordr_created", "at": "2026-11-22", "data": {}})),
        ["unknown-kind /type"]
    );
    assert_eq!(
        codes(json!({"type": "order_created", "at": "2026-11-22", "data": {}})),
        ["missing-field /data"]
    );
}
