//! Which triggers start for what the shop really records.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use thendo::domain::event::{Event, Operation};
use thendo::domain::ids::EventId;
use thendo::kinds::catalogue;
use thendo::triggers;
use thendo::workflow::compile::compile;
use thendo::workflow::plan::Plan;

use crate::events::with_nothing_recorded;
use crate::support::Shop;

/// One workflow for each kind of trigger, with no settings but those that it needs.
fn plans() -> Vec<Plan> {
    let settings = |kind: &str| match kind {
        "points_balance_reached" => json!({"points": 100}),
        "row_changed" => json!({"table": "no_such_table"}),
        "schedule" => json!({"cron": "@daily"}),
        "webhook" => json!({"path": "a"}),
        _ => json!({}),
    };
    let plan = |kind: &str| {
        let nodes = json!([
            {"id": "t", "type": "trigger", "data": {"triggerType": kind, "config": settings(kind)}},
            {"id": "m", "type": "action",
             "data": {"actionType": "send_email", "config": {"to": "a@b.c", "subject": "s", "text": "x"}}}
        ]);
        let edges = json!([{"id": "e", "source": "t", "target": "m"}]);
        let compiled = compile(&json!({"nodes": nodes, "edges": edges}), &catalogue());
        compiled.plan.unwrap_or_else(|| panic!("{kind}: {:#?}", compiled.diagnostics))
    };
    triggers::ALL.iter().map(|kind| plan(kind.about.name)).collect()
}

/// What the statements start, event by event: the kinds in the order of the catalogue, joined by blanks.
async fn starts(shop: &Shop, plans: &[Plan], sql: &str) -> Vec<String> {
    shop.does(sql).await;
    let rows = shop
        .db
        .query(
            "select id, at, table_name, operation, row_data, coalesce(old_data, '{}') from workflow_events order by at, id",
            &[],
        )
        .await
        .expect("events");
    shop.does("truncate workflow_events, workflow_queue").await;
    let map =
        |value: Value| -> Arc<Map<String, Value>> { Arc::new(value.as_object().cloned().expect("a row")) };
    rows.iter()
        .map(|row| {
            let event = Event {
                id: EventId(row.get(0)),
                at: row.get(1),
                table: row.get(2),
                operation: Operation::from_text(row.get(3)).expect("an operation"),
                row: map(row.get(4)),
                old: map(row.get(5)),
                customer: None,
                cause: None,
                depth: 0,
            };
            let started = plans.iter().filter(|plan| plan.matches(&event)).map(Plan::trigger_kind);
            started.collect::<Vec<_>>().join(" ")
        })
        .filter(|started| !started.is_empty())
        .collect()
}

async fn story(steps: &[(&str, &[&str])]) {
    let shop = with_nothing_recorded().await;
    shop.does("update event_tables set recorded = 'all' where recorded = 'subscribed'").await;
    shop.does("delete from customers; truncate workflow_events, workflow_queue").await;
    let plans = plans();
    for (sql, expected) in steps {
        assert_eq!(starts(&shop, &plans, sql).await, *expected, "{sql}");
    }
}

const ADA: &str =
    "insert into customers (id, email) values ('00000000-0000-7000-8000-00000000000a', 'ada@example.com')";

#[tokio::test]
async fn an_order_goes_its_way() {
    story(&[
        (ADA, &["customer_created"]),
        (
            "insert into orders (id, customer_id, total) values
                ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-00000000000a', 1000)",
            &["order_created"],
        ),
        ("update orders set payment_status = 'authorized'", &["order_updated"]),
        ("update orders set payment_status = 'paid'", &["order_updated order_paid"]),
        ("update orders set note = 'gift'", &["order_updated"]),
        ("update orders set note = note", &[]),
        ("update orders set status = 'processing'", &["order_updated order_status_changed"]),
        ("update orders set fulfillment_status = 'partially_fulfilled'", &["order_updated"]),
        ("update orders set fulfillment_status = 'fulfilled'", &["order_updated order_fulfilled"]),
        ("update orders set fulfillment_status = 'delivered'", &["order_updated"]),
        (
            "update orders set payment_status = 'partially_refunded', refunded_total = 300",
            &["order_updated order_refunded"],
        ),
        ("update orders set refunded_total = 500", &["order_updated order_refunded"]),
        ("update orders set payment_status = 'refunded'", &["order_updated order_refunded"]),
        ("update orders set refunded_total = 1000", &["order_updated"]),
        ("update orders set status = 'cancelled'", &["order_updated order_status_changed order_cancelled"]),
        ("update orders set status = 'refunded'", &["order_updated order_status_changed"]),
        ("delete from orders", &[]),
        (
            "insert into orders (customer_id, total, status, payment_status, fulfillment_status) values
                ('00000000-0000-7000-8000-00000000000a', 1000, 'completed', 'paid', 'fulfilled')",
            &["order_created order_paid order_fulfilled"],
        ),
        (
            "insert into deposits (order_id, amount, due_date) select id, 500, now() + interval '7 days' from orders",
            &["deposit_due"],
        ),
        ("update deposits set amount = 600", &[]),
        ("update deposits set due_date = due_date + interval '1 day'", &["deposit_due"]),
        ("update deposits set status = 'paid'", &["deposit_paid"]),
    ])
    .await;
}

#[tokio::test]
async fn customers_do_this_and_that() {
    story(&[
        (ADA, &["customer_created"]),
        (
            "insert into reviews (product_id, customer_id, rating) select 'prod_1', id, 4 from customers",
            &["review_submitted"],
        ),
        ("update reviews set status = 'approved'", &["review_approved"]),
        ("update reviews set body = 'Good.'", &[]),
        (
            "insert into enrollments (customer_id, product_id, title) select id, 'prod_1', 'Knots' from customers",
            &["enrollment_created"],
        ),
        ("insert into quotes (customer_id, title, amount) select id, 'Shed', 100 from customers", &[]),
        ("update quotes set status = 'sent'", &[]),
        ("update quotes set status = 'accepted'", &["quote_accepted"]),
        ("insert into subscriptions (customer_id, plan) select id, 'pro' from customers", &[]),
        ("update subscriptions set status = 'past_due'", &["subscription_changed"]),
        ("update subscriptions set amount = 900", &[]),
        (
            "insert into product_waitlist (product_id, email) values ('prod_1', 'ada@example.com')",
            &["waitlist_joined"],
        ),
        ("update product_waitlist set status = 'notified'", &[]),
        ("update product_waitlist set status = 'waiting'", &["waitlist_joined"]),
        ("insert into product_stock (variant_id, available) values ('variant_1', 0)", &[]),
        ("update product_stock set available = 5", &["product_restocked"]),
        ("update product_stock set available = 4", &[]),
        ("insert into loyalty_ledger (customer_id, points, reason) select id, 99, 'x' from customers", &[]),
        (
            "insert into loyalty_ledger (customer_id, points, reason) select id, 1, 'x' from customers",
            &["points_balance_reached"],
        ),
        ("insert into loyalty_ledger (customer_id, points, reason) select id, 10, 'x' from customers", &[]),
        ("insert into referral_codes (customer_id, code) select id, 'ADA1' from customers", &[]),
        ("insert into customers (email) values ('grace@example.com')", &["customer_created"]),
        (
            "select use_referral_code('ADA1', (select id from customers where email = 'grace@example.com'))",
            &["referral_used"],
        ),
        ("select use_referral_code('ADA1', (select id from customers where email = 'grace@example.com'))", &[]),
    ])
    .await;
}

#[tokio::test]
async fn the_site_carts_payments_and_campaigns_change() {
    story(&[
        ("insert into pages (slug, title) values ('a', 'A')", &[]),
        ("update pages set title = 'B'", &["page_updated"]),
        ("update pages set status = 'published'", &["page_published page_updated content_published"]),
        ("insert into page_content (page_id, section) select id, 'hero' from pages", &["page_content_changed"]),
        ("update page_content set content = '{\"blocks\": [1]}'", &["page_content_changed"]),
        ("update page_content set status = 'published'", &["content_published"]),
        (
            "update page_content set content = jsonb_build_object('blocks', (select string_agg(md5(n::text), '')
                from generate_series(1, 5000) n))",
            &["page_content_changed"],
        ),
        ("delete from page_content", &["page_content_changed"]),
        (
            "insert into blog_posts (slug, title, status) values ('a', 'A', 'published')",
            &["blog_post_published content_published"],
        ),
        ("update blog_posts set title = 'B'", &[]),
        ("insert into changelog_entries (slug, title) values ('a', 'A')", &[]),
        ("update changelog_entries set status = 'published'", &["changelog_published content_published"]),
        ("insert into cart (currency_code) values ('eur')", &["cart_abandoned"]),
        ("update cart set email = 'ada@example.com'", &["cart_abandoned"]),
        ("update cart set completed_at = now()", &[]),
        (
            "insert into payment (amount, currency_code, provider_id, payment_collection_id, payment_session_id)
                values (25, 'eur', 'p', 'c', 's')",
            &[],
        ),
        ("update payment set captured_at = now()", &["payment_captured"]),
        ("update payment set amount = 26", &[]),
        (
            "insert into waitlist_campaigns (name) values ('Spring');
             insert into waitlist_campaign_recipients (campaign_id, email) select id, 'a@b.c' from waitlist_campaigns;
             insert into campaign_opens (campaign_id, recipient_id, is_proxy)
                select campaign_id, id, proxy from waitlist_campaign_recipients, (values (true), (false)) as p (proxy)",
            &["campaign_opened"],
        ),
        (
            "insert into campaign_clicks (campaign_id, recipient_id, url)
                select campaign_id, id, 'https://a.b/' from waitlist_campaign_recipients",
            &["campaign_clicked"],
        ),
    ])
    .await;
}
