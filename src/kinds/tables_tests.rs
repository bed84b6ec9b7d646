//! What workflows lack in a database whose tables were changed under them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::catalogue;
use super::compile_tests::{flow, mail};
use crate::actions;
use crate::domain::effect::EffectKind;
use crate::domain::event::Operation;
use crate::triggers;
use crate::workflow::catalogue::TriggerKind;
use crate::workflow::compile::compile_for;
use crate::workflow::config::Reader;
use crate::workflow::context::tests::order_context;
use crate::workflow::scope::Scope;
use crate::workflow::subjects::{ALL, FieldType};
use crate::workflow::tables::{Column, May, Refusal, Table, Tables};

/// Every table of the shop as thendo would have made it.
fn shop() -> BTreeMap<String, Table> {
    let kind = |ty| match ty {
        FieldType::Id | FieldType::Text => "text",
        FieldType::Money | FieldType::Integer => "bigint",
        FieldType::Number => "numeric",
        FieldType::Boolean => "boolean",
        FieldType::Time => "timestamp with time zone",
        FieldType::List => "text[]",
        FieldType::Json => "jsonb",
    };
    let table = |fields: &[crate::workflow::subjects::Field]| Table {
        columns: fields
            .iter()
            .map(|field| {
                let column = Column { kind: kind(field.ty).into(), may: May::ALL, needed: false };
                (field.name.to_owned(), column)
            })
            .collect(),
        recorded: vec![Operation::Insert, Operation::Update, Operation::Delete],
        listed: true,
        key: Some("id".into()),
        allowed: None,
        admits: May::ALL,
    };
    let mut all: BTreeMap<String, Table> =
        ALL.iter().map(|subject| (subject.table.to_owned(), table(subject.fields))).collect();
    let written = actions::ALL.iter().flat_map(|kind| kind.writes);
    for name in written.map(|write| write.table.to_string()) {
        all.entry(name).or_insert_with(|| table(&[]));
    }
    all
}

/// The codes and nodes of what is said of a workflow beside these tables.
fn told(file: &Value, tables: BTreeMap<String, Table>) -> Vec<String> {
    told_beside(file, tables, BTreeMap::new())
}

fn told_beside(
    file: &Value,
    tables: BTreeMap<String, Table>,
    refused: BTreeMap<EffectKind, Refusal>,
) -> Vec<String> {
    let found = compile_for(file, &catalogue(), Some(&Tables::new(tables, refused))).diagnostics;
    found.iter().map(|d| format!("{} {}", d.code, d.node.as_deref().unwrap_or_default())).collect()
}

fn started(kind: &str, config: Value) -> Value {
    let trigger = json!({"id": "t", "type": "trigger", "data": {"triggerType": kind, "config": config}});
    flow(&[trigger, mail("m", "{{ event.type }}")], &["t>m"])
}

fn does(kind: &str, config: Value) -> Value {
    let action = json!({"id": "a", "type": "action", "data": {"actionType": kind, "config": config}});
    let start = json!({"id": "t", "type": "trigger", "data": {"triggerType": "order_created"}});
    flow(&[start, action], &["t>a"])
}

fn without(table: &str, column: &str) -> BTreeMap<String, Table> {
    let mut all = shop();
    all.get_mut(table).expect(table).columns.remove(column).unwrap_or_else(|| panic!("{table}.{column}"));
    all
}

/// What each kind reads of its rows by itself: settings, table, columns.
const READ: &[(&str, &str, &str, &[&str])] = &[
    ("order_created", "{}", "orders", &[]),
    ("order_updated", r#"{"columns": ["note"]}"#, "orders", &["note"]),
    ("order_status_changed", "{}", "orders", &["status"]),
    ("order_paid", "{}", "orders", &["payment_status"]),
    ("order_fulfilled", "{}", "orders", &["fulfillment_status"]),
    ("order_cancelled", "{}", "orders", &["status"]),
    ("order_refunded", "{}", "orders", &["refunded_total", "total", "payment_status", "status"]),
    ("payment_captured", "{}", "payment", &["captured_at"]),
    ("cart_abandoned", "{}", "cart", &["completed_at", "deleted_at"]),
    (
        "waitlist_joined",
        r#"{"product": "p", "variant": "v"}"#,
        "product_waitlist",
        &["status", "product_id", "variant_id"],
    ),
    (
        "product_restocked",
        r#"{"product": "p", "variant": "v"}"#,
        "product_stock",
        &["available", "product_id", "variant_id"],
    ),
    ("page_published", "{}", "pages", &["status"]),
    ("page_updated", r#"{"columns": ["title"]}"#, "pages", &["title"]),
    ("page_content_changed", r#"{"sections": ["hero"]}"#, "page_content", &["content", "section"]),
    ("blog_post_published", "{}", "blog_posts", &["status"]),
    ("changelog_published", "{}", "changelog_entries", &["status"]),
    ("content_published", "{}", "page_content", &["status"]),
    ("review_submitted", "{}", "reviews", &[]),
    ("review_approved", r#"{"min_rating": 4}"#, "reviews", &["status", "rating"]),
    ("customer_created", "{}", "customers", &[]),
    ("enrollment_created", "{}", "enrollments", &[]),
    ("quote_accepted", "{}", "quotes", &["status"]),
    ("subscription_changed", "{}", "subscriptions", &["status"]),
    ("deposit_due", "{}", "deposits", &["due_date", "status"]),
    ("deposit_paid", "{}", "deposits", &["status"]),
    ("points_balance_reached", r#"{"points": 9}"#, "loyalty_points", &["balance"]),
    ("referral_used", "{}", "referral_codes", &["uses"]),
    ("campaign_opened", "{}", "campaign_opens", &["is_proxy"]),
    ("campaign_clicked", "{}", "campaign_clicks", &["is_proxy"]),
    (
        "row_changed",
        r#"{"table": "orders", "columns": ["note"], "changes": {"status": {"to": "paid"}, "total": {"from": 1}}}"#,
        "orders",
        &["note", "status", "total"],
    ),
    ("schedule", r#"{"cron": "@daily"}"#, "", &[]),
    ("webhook", r#"{"path": "lead"}"#, "", &[]),
    ("manual", "{}", "", &[]),
    ("workflow_failed", "{}", "", &[]),
];

#[test]
fn a_column_that_a_trigger_reads_itself_is_missed_by_its_name() {
    let listed: Vec<&str> = READ.iter().map(|(kind, ..)| *kind).collect();
    let all: Vec<&str> = triggers::ALL.iter().map(|kind: &TriggerKind| kind.about.name).collect();
    assert_eq!(listed, all, "a new kind says here what it reads");
    for (kind, config, table, columns) in READ {
        let file = started(kind, serde_json::from_str(config).expect("JSON"));
        assert_eq!(told(&file, shop()), [""; 0], "{kind}");
        for column in *columns {
            let found = told(&file, without(table, column));
            assert!(found.contains(&"gone-column t".to_owned()), "{kind} without {column}: {found:?}");
            let only = found.iter().all(|fault| fault == "gone-column t");
            assert!(only, "{kind} without {column}: {found:?}");
            // Under a name of its own it is no less gone.
            let mut renamed = without(table, column);
            let known = Column { kind: "text".into(), may: May::ALL, needed: false };
            renamed.get_mut(*table).expect("there").columns.insert(format!("{column}_x"), known);
            assert!(told(&file, renamed).contains(&"gone-column t".to_owned()), "{kind}: {column}");
        }
        // And no other column is.
        for column in shop().get(*table).map(|table| table.columns.clone()).unwrap_or_default().into_keys() {
            if !columns.contains(&column.as_str()) {
                assert_eq!(told(&file, without(table, &column)), [""; 0], "{kind} reads no {column}");
            }
        }
    }
    let other = started("referral_used", json!({"customer": "referred"}));
    assert_eq!(told(&other, without("customers", "referred_by")), ["gone-column t"]);
    assert_eq!(told(&other, without("referral_codes", "uses")), [""; 0]);
    let lenient = started("campaign_opened", json!({"proxies": true}));
    assert_eq!(told(&lenient, without("campaign_opens", "is_proxy")), [""; 0]);
}

#[test]
fn only_the_operations_that_start_it_must_be_told() {
    let mut tables = shop();
    tables.get_mut("orders").expect("orders").recorded = vec![Operation::Insert];
    assert_eq!(told(&started("order_created", json!({})), tables.clone()), [""; 0]);
    let updates = started("order_status_changed", json!({}));
    let found = compile_for(&updates, &catalogue(), Some(&Tables::new(tables.clone(), BTreeMap::new())));
    assert_eq!(found.diagnostics[0].message, "updates of `orders` are no events: nobody hears of them");
    let any = started("row_changed", json!({"table": "orders"}));
    let found = compile_for(&any, &catalogue(), Some(&Tables::new(tables, BTreeMap::new()))).diagnostics;
    assert_eq!(found[0].message, "updates and deletes of `orders` are no events: nobody hears of them");
}

#[test]
fn events_that_are_waited_for_need_their_tables_too() {
    let waits = |config: Value| {
        let wait = json!({"id": "w", "type": "control", "data": {"controlType": "wait_for_event", "config": config}});
        let start = json!({"id": "t", "type": "trigger", "data": {"triggerType": "row_changed", "config": {"table": "orders"}}});
        flow(&[start, wait, mail("m", "x"), mail("late", "x")], &["t>w", "w>m:event", "w>late:timeout"])
    };
    let paid = waits(json!({"event": "deposit_paid", "of": "anyone", "timeout": "1d"}));
    assert_eq!(told(&paid, shop()), [""; 0]);
    assert_eq!(told(&paid, without("deposits", "status")), ["gone-column w"]);
    let mut tables = shop();
    tables.remove("deposits");
    assert_eq!(told(&paid, tables), ["gone-table w"]);
    let mut tables = shop();
    tables.get_mut("deposits").expect("there").recorded.clear();
    assert_eq!(told(&paid, tables), ["silent-table w"]);
    // What is matched is the row that is waited for, not the one that started it.
    let mut tables = shop();
    let things = Table {
        columns: BTreeMap::from([("colour".into(), Column { kind: "text".into(), ..Column::default() })]),
        ..tables["pages"].clone()
    };
    tables.insert("things".into(), things);
    let coloured =
        waits(json!({"event": "row_changed", "config": {"table": "things"}, "of": "anyone", "timeout": "1d",
        "match": {"expression": "awaited.colour == 'red'"}}));
    assert_eq!(told(&coloured, tables.clone()), [""; 0]);
    tables.get_mut("things").expect("there").columns.remove("colour");
    assert_eq!(told(&coloured, tables), ["gone-column w"]);
    // Its customer's: by the columns that say so.
    let own = waits(json!({"event": "order_paid", "of": "customer", "timeout": "1d"}));
    assert_eq!(told(&own, without("orders", "customer_id")), ["gone-column w"]);
}

#[test]
fn who_needs_the_customer_needs_the_column_that_names_it() {
    let points = does("award_points", json!({"points": 1}));
    assert_eq!(told(&points, shop()), [""; 0]);
    assert_eq!(told(&points, without("orders", "customer_id")), ["gone-column a"]);
    let named = does("award_points", json!({"points": 1, "customer": "{{ order.note }}"}));
    assert_eq!(told(&named, without("orders", "customer_id")), [""; 0]);
    let greets = started_by_order(mail("m", "{{ customer.name }}"));
    assert_eq!(told(&greets, without("orders", "customer_id")), ["gone-column m"]);
    // Found by the address as well.
    let waits = json!({"id": "t", "type": "trigger", "data": {"triggerType": "waitlist_joined"}});
    let greets = flow(&[waits, mail("m", "{{ customer.name }}")], &["t>m"]);
    assert_eq!(told(&greets, without("product_waitlist", "customer_id")), [""; 0]);
}

fn started_by_order(node: Value) -> Value {
    let start = json!({"id": "t", "type": "trigger", "data": {"triggerType": "order_created"}});
    flow(&[start, node], &["t>m"])
}

#[test]
fn what_never_runs_breaks_nothing() {
    let mut file = started_by_order(mail("m", "{{ order.note }}"));
    assert_eq!(told(&file, without("orders", "note")), ["gone-column m"]);
    file["nodes"][1]["data"]["enabled"] = false.into();
    let found = told(&file, without("orders", "note"));
    assert!(
        !found.iter().any(|fault| fault.contains("gone-column") || fault.contains("internal")),
        "{found:?}"
    );
}

#[test]
fn an_effect_that_cant_be_carried_out_is_said_of_those_that_have_it() {
    let refused = |kind| {
        let why = Refusal { reason: "it can't".into(), help: None };
        BTreeMap::from([(kind, why)])
    };
    let (creates, mails) = (does("create_deposit", json!({"percent": 30})), started_by_order(mail("m", "x")));
    let kind = EffectKind::Rows("create_deposit");
    assert_eq!(told_beside(&creates, shop(), refused(kind)), ["refused-effect a"]);
    assert_eq!(told_beside(&mails, shop(), refused(kind)), [""; 0]);
    assert_eq!(told_beside(&creates, shop(), refused(EffectKind::Rows("update_deposit"))), [""; 0]);
    assert_eq!(told_beside(&mails, shop(), refused(EffectKind::Delivery)), ["refused-effect m"]);
    let starts = json!({"id": "m", "type": "control", "data": {"controlType": "start_workflow", "config": {"workflow": "x"}}});
    let starts = started_by_order(starts);
    assert_eq!(told_beside(&starts, shop(), refused(EffectKind::StartWorkflow)), ["refused-effect m"]);
}

#[test]
fn every_action_does_what_its_kind_says() {
    let id = "00000000-0000-7000-8000-00000000000c";
    let context = order_context(json!({"id": id, "note": "a note"}));
    let mut unplanned = Vec::new();
    for kind in actions::ALL {
        let schema = (kind.about.schema)();
        let mut config: Value = serde_json::from_str(kind.about.example).expect("JSON");
        // What the event does not give, the settings do.
        for setting in ["customer", "order", "deposit", "post", "row", "text", "product"] {
            if schema["properties"][setting].is_object() {
                config[setting] = id.into();
            }
        }
        for value in config.as_object_mut().expect("settings").values_mut() {
            if value.as_str().is_some_and(|text| text.contains("post.")) {
                *value = id.into();
            }
        }
        config.as_object_mut().expect("settings").retain(|setting, _| setting != "part");
        let (scope, all) = (Scope::default(), catalogue());
        let mut reader = Reader::new("a", &config, "", &schema, &scope, &all);
        let action =
            (kind.build)(&mut reader).unwrap_or_else(|| panic!("{}: {:?}", kind.about.name, reader.faults));
        match action.plan(&context) {
            Ok(effect) => assert_eq!(effect.kind(), kind.effect, "{}", kind.about.name),
            Err(fault) => unplanned.push((kind.about.name, fault)),
        }
    }
    assert!(unplanned.is_empty(), "{unplanned:?}");
}

#[test]
fn rows_of_workflows_are_written_where_they_may_be() {
    let set = json!({"title": "Follow-up", "amount": 50_000});
    let adds = does("insert_row", json!({"table": "quotes", "set": set}));
    let changes = does("update_row", json!({"table": "quotes", "row": "x", "set": {"title": "T"}}));
    let with = |change: &dyn Fn(&mut Table)| {
        let mut all = shop();
        let quotes = all.get_mut("quotes").expect("quotes");
        quotes.allowed = Some(vec!["title".into(), "amount".into()]);
        quotes.columns.get_mut("id").expect("a key").kind = "uuid".into();
        change(quotes);
        let said = |file| {
            let found = compile_for(file, &catalogue(), Some(&Tables::new(all.clone(), BTreeMap::new())));
            found.diagnostics.iter().map(|d| format!("{}: {}", d.code, d.message)).collect::<Vec<_>>()
        };
        (said(&adds), said(&changes))
    };
    let (none, fault) = (Vec::<String>::new(), |message: &str| vec![format!("refused-effect: {message}")]);
    assert_eq!(with(&|_| ()), (none.clone(), none.clone()));
    let closed = fault("workflows may not write `quotes`");
    assert_eq!(with(&|table| table.allowed = None), (closed.clone(), closed));
    let one = fault("workflows may not write `amount` of `quotes`");
    assert_eq!(with(&|table| table.allowed = Some(vec!["title".into()])), (one, none.clone()));
    let keyless = fault("`quotes` has no primary key of one column");
    assert_eq!(with(&|table| table.key = None), (keyless.clone(), keyless));
    let right = |operation: &str| {
        fault(&format!(
            "the daemon's role, thendo_engine, has no right or no policy to {operation} rows of `quotes` any more"
        ))
    };
    assert_eq!(with(&|table| table.admits.insert = false), (right("insert"), none.clone()));
    assert_eq!(with(&|table| table.admits.read = false), (right("insert"), right("update")));
    let column = |table: &mut Table, may: May| table.columns.get_mut("title").expect("title").may = may;
    assert_eq!(
        with(&|table| column(table, May { update: false, ..May::ALL })),
        (none.clone(), right("update"))
    );
    assert_eq!(with(&|table| column(table, May::default())), (right("insert"), right("update")));
    let needs = |table: &mut Table, name: &str| {
        table.columns.insert(name.into(), Column { kind: "text".into(), may: May::ALL, needed: true });
    };
    let lacking = fault("`quotes.colour` must have a value by now, and nothing gives it one");
    assert_eq!(with(&|table| needs(table, "colour")), (lacking, none.clone()));
    assert_eq!(with(&|table| needs(table, "title")), (none.clone(), none.clone()));
    // The daemon gives an id of its own.
    assert_eq!(
        with(&|table| table.columns.get_mut("id").expect("id").needed = true),
        (none.clone(), none.clone())
    );
    let numbered = fault("`quotes.id` must have a value by now, and nothing gives it one");
    let by_hand = with(&|table| {
        let id = table.columns.get_mut("id").expect("id");
        (id.needed, id.kind) = (true, "bigint".into());
    });
    assert_eq!(by_hand, (numbered, none));
}
