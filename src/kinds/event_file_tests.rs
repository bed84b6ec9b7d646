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

/// A short event of each kind of trigger: its data, what it was, and beside them what it says of itself.
fn short_events() -> Vec<(&'static str, Value, Value)> {
    let id = "018f2f6e-0000-7000-8000-000000000001";
    let page = json!({"slug": "a", "title": "A", "status": "published"});
    let order = |more: Value| {
        let mut order = json!({"total": 25_000});
        order.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({"order": order, "customer": {"email": "ada@example.com"}})
    };
    let none = || json!({});
    vec![
        ("order_created", order(none()), none()),
        ("order_updated", order(json!({"note": "b"})), json!({"note": "a"})),
        ("order_status_changed", order(json!({"status": "completed"})), json!({"status": "pending"})),
        ("order_paid", order(json!({"payment_status": "paid"})), json!({"payment_status": "unpaid"})),
        ("order_fulfilled", order(json!({"fulfillment_status": "fulfilled"})), none()),
        ("order_cancelled", order(json!({"status": "cancelled"})), none()),
        ("order_refunded", order(json!({"payment_status": "refunded"})), json!({"payment_status": "paid"})),
        (
            "payment_captured",
            json!({"payment": {"amount": 25.5, "currency_code": "eur", "provider_id": "p", "captured_at": "2026-11-22",
                "payment_collection_id": "c", "payment_session_id": "s", "medusa_has_more": true}}),
            none(),
        ),
        ("cart_abandoned", json!({"cart": {"currency_code": "eur", "email": "ada@example.com"}}), none()),
        (
            "waitlist_joined",
            json!({"waitlist": {"product_id": "prod_01", "email": "ada@example.com"}}),
            none(),
        ),
        (
            "product_restocked",
            json!({"stock": {"variant_id": "v", "product_id": "prod_01", "available": 3}}),
            json!({"available": 0}),
        ),
        ("page_published", json!({"page": page}), json!({"status": "draft"})),
        ("page_updated", json!({"page": page}), json!({"title": "B"})),
        ("page_content_changed", json!({"content": {"page_id": id, "section": "hero"}}), none()),
        ("blog_post_published", json!({"post": page}), none()),
        ("changelog_published", json!({"changelog": page}), none()),
        ("content_published", json!({"post": page}), none()),
        ("review_submitted", json!({"review": {"product_id": "p", "rating": 5}}), none()),
        (
            "review_approved",
            json!({"review": {"product_id": "p", "rating": 5, "status": "approved"}}),
            none(),
        ),
        ("customer_created", json!({"customer": {"email": "ada@example.com"}}), none()),
        ("enrollment_created", json!({"enrollment": {"product_id": "p", "title": "T"}}), none()),
        ("quote_accepted", json!({"quote": {"title": "T", "amount": 1, "status": "accepted"}}), none()),
        (
            "subscription_changed",
            json!({"subscription": {"plan": "p", "status": "past_due"}}),
            json!({"status": "active"}),
        ),
        ("deposit_due", json!({"deposit": {"order_id": id, "amount": 1, "due_date": "2026-11-29"}}), none()),
        (
            "deposit_paid",
            json!({"deposit": {"order_id": id, "amount": 1, "due_date": "2026-11-29", "status": "paid"}}),
            none(),
        ),
        (
            "points_balance_reached",
            json!({"points": {"balance": 1_000}, "customer": {"email": "a@b.c"}}),
            none(),
        ),
        ("referral_used", json!({"referral_code": {"code": "abcd", "uses": 1}}), json!({"uses": 0})),
        ("campaign_opened", json!({"open": {"campaign_id": id, "recipient_id": id}}), none()),
        (
            "campaign_clicked",
            json!({"click": {"campaign_id": id, "recipient_id": id, "url": "https://a.b/"}}),
            none(),
        ),
        ("row_changed", json!({"row": {"total": 3, "status": "completed"}}), json!({"status": "pending"})),
        ("schedule", json!({"schedule": {}}), none()),
        ("webhook", json!({"webhook": {"path": "new-lead", "body": {"name": "Ada"}}}), none()),
        ("manual", json!({"manual": {"by": "grace", "input": {"note": "go"}}}), none()),
        (
            "workflow_failed",
            json!({"failure": {"workflow_name": "Welcome points", "reason": "no mail"}}),
            none(),
        ),
    ]
}

#[test]
fn every_kind_reads_a_short_event_that_starts_its_example() {
    let events = short_events();
    let kinds: Vec<_> = crate::triggers::ALL.iter().map(|kind| kind.about.name).collect();
    assert_eq!(events.iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), kinds, "each has one here");
    for (kind, data, old) in events {
        let mut file = json!({"type": kind, "at": "2026-11-22T10:00:00Z", "data": data, "old": old});
        let mut config: Value = serde_json::from_str(
            crate::triggers::ALL[kinds.iter().position(|k| *k == kind).expect("there")].about.example,
        )
        .expect("JSON");
        match kind {
            "row_changed" => file["table"] = json!("orders"),
            // What a short event need not say.
            "order_updated" | "page_content_changed" => config = json!({}),
            _ => {}
        }
        let read =
            event_file::read(&file, &catalogue()).unwrap_or_else(|faults| panic!("{kind}: {faults:#?}"));
        let node = json!({"id": "t", "type": "trigger", "data": {"triggerType": kind, "config": config}});
        let flow = super::compile_tests::flow(&[node, super::compile_tests::mail("m", "x")], &["t>m"]);
        let plan = crate::workflow::compile::compile(&flow, &catalogue()).plan.expect("a plan");
        assert!(plan.matches(&read.event), "{kind}: {:#?}", read.event);
        assert_eq!(plan.subject_of(&read.event), read.subject.name, "{kind}");
        assert_eq!(
            event_file::read(&file, &catalogue()).expect("reads").event,
            read.event,
            "{kind}: the same again"
        );
    }
}

#[test]
fn an_event_of_any_table_says_which() {
    let codes = |file: Value| -> Vec<String> {
        let faults = event_file::read(&file, &catalogue()).expect_err("faulty");
        faults.iter().map(|f| format!("{} {}", f.code, f.path.clone().unwrap_or_default())).collect()
    };
    let file = |table: Value, row: Value| json!({"type": "row_changed", "at": "2026-11-22T10:00:00Z", "table": table, "data": {"row": row}});
    let read =
        event_file::read(&file(json!("shop_things"), json!({"size": 3})), &catalogue()).expect("reads");
    assert_eq!((read.event.table.as_str(), read.event.operation), ("shop_things", Operation::Insert));
    assert_eq!(*read.event.row, *json!({"size": 3}).as_object().expect("an object"), "nothing is made up");
    let mut gone = file(json!("orders"), json!({"total": 3}));
    gone["operation"] = json!("delete");
    gone["data"]["customer"] = json!({"email": "ada@example.com"});
    let gone = event_file::read(&gone, &catalogue()).expect("reads").event;
    assert_eq!((gone.operation, gone.row["currency"].as_str()), (Operation::Delete, Some("EUR")));
    assert!(gone.customer.is_some());
    assert_eq!(
        codes(file(json!("orders"), json!({"totl": 3}))),
        ["unknown-field /data/row/totl", "missing-field /data/row"]
    );
    for table in [json!(3), json!(""), json!("x".repeat(64)), json!("thendo.manual")] {
        assert_eq!(codes(file(table, json!({}))), ["wrong-type /table"]);
    }
    let unsaid = json!({"type": "row_changed", "at": "2026-11-22T10:00:00Z", "data": {}});
    assert_eq!(codes(unsaid), ["missing-field ", "missing-field /data"]);
    let other = json!({"type": "order_created", "at": "2026-11-22", "table": "orders", "data": {"order": {"total": 1}}});
    assert_eq!(codes(other), ["unknown-field /table"]);
}

#[test]
fn what_thendo_tells_is_filled_in() {
    let file = json!({"type": "webhook", "at": "2026-11-22T10:00:00Z", "data": {"webhook": {"path": "a"}}});
    let event = event_file::read(&file, &catalogue()).expect("reads").event;
    assert_eq!(
        (&event.row["method"], &event.row["received_at"]),
        (&json!("POST"), &json!("2026-11-22T10:00:00Z"))
    );
    assert_eq!(event.table, "thendo.webhook");
    let file = json!({"type": "schedule", "at": "2026-11-22T10:00:00Z", "data": {"schedule": {"due_at": "2026-11-22T09:00:00Z"}}});
    let row = event_file::read(&file, &catalogue()).expect("reads").event.row;
    assert_eq!((&row["due_at"], &row["missed"]), (&json!("2026-11-22T09:00:00Z"), &json!(0)));
    assert!(row["workflow_id"].as_str().is_some_and(|id| id.parse::<uuid::Uuid>().is_ok()));
}
