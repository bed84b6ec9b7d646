//! Stripe in step: its events come twice and in any order, and the end is the same.

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::secrets::{KEY, stores};
use crate::support::{Shop, edge, node};

const T: i64 = 1_700_000_000;

fn event(id: &str, of: &str, at: i64, object: Value, before: Value) -> Value {
    json!({ "id": id, "object": "event", "type": of, "created": at, "livemode": false,
        "data": { "object": object, "previous_attributes": before } })
}

fn customer(id: &str, email: &str, created: i64) -> Value {
    json!({ "id": id, "object": "customer", "email": email, "created": created, "livemode": false, "metadata": {} })
}

fn subscription(status: &str, more: Value) -> Value {
    let mut object = json!({ "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status, "currency": "eur",
        "metadata": {}, "cancel_at_period_end": false, "canceled_at": null, "livemode": false,
        "items": { "data": [{ "quantity": 3, "current_period_start": T, "current_period_end": T + 2_592_000,
            "price": { "id": "price_1", "nickname": "Gold", "unit_amount": 999 } }] } });
    object.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    object
}

fn payment(status: &str, received: i64) -> Value {
    json!({ "id": "pi_1", "object": "payment_intent", "customer": "cus_1", "status": status, "currency": "eur", "amount": 2550,
        "amount_received": received, "metadata": {} })
}

/// A life: from the first sight to the end, with two changes in one second.
fn life() -> Vec<Value> {
    vec![
        event("evt_1", "customer.created", T, customer("cus_1", "Ada@Example.com", T), json!(null)),
        event(
            "evt_2",
            "customer.subscription.created",
            T + 5,
            subscription("incomplete", json!({})),
            json!(null),
        ),
        event(
            "evt_4",
            "customer.subscription.updated",
            T + 5,
            subscription("active", json!({})),
            json!({ "status": "incomplete" }),
        ),
        event(
            "evt_3",
            "customer.subscription.updated",
            T + 60,
            subscription("active", json!({ "cancel_at_period_end": true })),
            json!({ "cancel_at_period_end": false }),
        ),
        event("evt_5", "payment_intent.created", T + 4, payment("requires_payment_method", 0), json!(null)),
        event("evt_6", "payment_intent.succeeded", T + 6, payment("succeeded", 2550), json!(null)),
        event(
            "evt_7",
            "customer.subscription.deleted",
            T + 90,
            subscription("canceled", json!({ "canceled_at": T + 90 })),
            json!(null),
        ),
        event(
            "evt_8",
            "customer.updated",
            T + 70,
            customer("cus_1", "nobody@example.com", T),
            json!({ "email": "ada@example.com" }),
        ),
    ]
}

async fn takes(db: &Client, event: &Value) -> bool {
    let request = json!({ "body": event });
    let sql = "select public.take_stripe_event($1, '{stripe:x}')";
    db.query_one(sql, &[&request]).await.unwrap_or_else(|e| panic!("{event}: {e:?}")).get(0)
}

async fn notes(db: &Client) -> Vec<String> {
    let sql = "select id || ': ' || note from stripe_objects where note is not null order by id";
    db.query(sql, &[]).await.expect("notes").iter().map(|row| row.get(0)).collect()
}

/// All that the shop knows by it.
async fn state(db: &Client) -> Value {
    let sql = "select jsonb_build_object(
        'subscriptions', (select jsonb_agg(to_jsonb(s) - '{id,created_at,updated_at}'::text[] order by s.stripe_subscription_id) from subscriptions s),
        'customers', (select jsonb_agg(to_jsonb(c) - '{id,created_at,updated_at}'::text[] order by c.stripe_customer_id) from stripe_customers c),
        'payments', (select jsonb_agg(to_jsonb(p) - '{created_at,updated_at}'::text[] order by p.id) from payment p),
        'objects', (select jsonb_agg(to_jsonb(o) - '{created_at,updated_at,tried_at,events,email}'::text[]
                        || jsonb_build_object('latest', stripe_latest(o.events)) order by o.id) from stripe_objects o))";
    db.query_one(sql, &[]).await.expect("the state").get(0)
}

/// What is left of these events in this order, each of them told twice or more.
async fn after(db: &Client, events: &[&Value]) -> Value {
    db.batch_execute("begin").await.expect("begun");
    for (n, event) in events.iter().enumerate() {
        assert!(takes(db, event).await);
        assert!(!takes(db, events[n / 2]).await, "it is known");
    }
    let state = state(db).await;
    db.batch_execute("rollback").await.expect("undone");
    state
}

/// Another order for each number, from the same dice.
fn shuffled(events: &[Value], number: u64) -> Vec<&Value> {
    let mut dice = fastrand::Rng::with_seed(number);
    let mut all: Vec<&Value> = events.iter().collect();
    dice.shuffle(&mut all);
    all
}

#[tokio::test]
async fn a_life_ends_the_same_in_whatever_order_it_is_told() {
    let shop = Shop::open().await;
    let life = life();
    let expected = after(&shop.db, &life.iter().collect::<Vec<_>>()).await;
    let gone = &expected["subscriptions"][0];
    assert_eq!(
        (&gone["status"], &gone["amount"], &gone["currency"]),
        (&json!("canceled"), &json!(2997), &json!("EUR"))
    );
    assert_eq!((&gone["plan"], &gone["customer_id"]), (&json!("Gold"), &json!(shop.customer)));
    assert!(gone["canceled_at"].is_string() && gone["current_period_end"].is_string(), "{gone}");
    assert_eq!(expected["customers"][0]["customer_id"], json!(shop.customer));
    let paid = &expected["payments"][0];
    assert_eq!(
        (&paid["id"], &paid["amount"], &paid["currency_code"]),
        (&json!("pay_pi_1"), &json!(25.5), &json!("eur"))
    );
    assert!(paid["captured_at"].is_string() && paid["canceled_at"].is_null());
    for number in 0..150 {
        let order = shuffled(&life, number);
        let ids: Vec<&Value> = order.iter().map(|event| &event["id"]).collect();
        assert_eq!(after(&shop.db, &order).await, expected, "{ids:?}");
    }
    // Without its end it goes on; whatever is missing, the rest has an order.
    for left_out in 0..life.len() {
        let some: Vec<Value> =
            life.iter().enumerate().filter(|(n, _)| *n != left_out).map(|(_, e)| e.clone()).collect();
        let expected = after(&shop.db, &some.iter().collect::<Vec<_>>()).await;
        for number in 0..10 {
            assert_eq!(
                after(&shop.db, &shuffled(&some, number)).await,
                expected,
                "without {}",
                life[left_out]["id"]
            );
        }
    }
}

/// Stripe counts in seconds: what is behind what, each says by what was before.
#[tokio::test]
async fn changes_of_one_second_are_put_in_order() {
    let shop = Shop::open().await;
    let chain = vec![
        event("evt_1", "customer.created", T, customer("cus_1", "ada@example.com", T), json!(null)),
        event(
            "evt_9",
            "customer.subscription.updated",
            T + 1,
            subscription("active", json!({})),
            json!({ "status": "trialing" }),
        ),
        event(
            "evt_8",
            "customer.subscription.updated",
            T + 1,
            subscription("past_due", json!({})),
            json!({ "status": "active" }),
        ),
        event(
            "evt_7",
            "customer.subscription.updated",
            T + 1,
            subscription("unpaid", json!({})),
            json!({ "status": "past_due" }),
        ),
        event(
            "evt_6",
            "customer.subscription.created",
            T + 1,
            subscription("trialing", json!({})),
            json!(null),
        ),
    ];
    for number in 0..60 {
        let state = after(&shop.db, &shuffled(&chain, number)).await;
        assert_eq!(state["subscriptions"][0]["status"], "unpaid", "{number}");
    }
}

#[tokio::test]
async fn of_two_customers_at_stripe_the_first_is_the_shops_and_both_have_its_subscriptions() {
    let shop = Shop::open().await;
    let mut other = subscription("active", json!({ "id": "sub_2", "customer": "cus_2" }));
    other["currency"] = json!("jpy");
    let events = vec![
        event("evt_1", "customer.created", T, customer("cus_1", "ada@example.com", T), json!(null)),
        event("evt_2", "customer.created", T - 9, customer("cus_2", "ADA@example.com", T - 9), json!(null)),
        event("evt_3", "customer.subscription.created", T, subscription("active", json!({})), json!(null)),
        event("evt_4", "customer.subscription.created", T, other, json!(null)),
    ];
    let expected = after(&shop.db, &events.iter().collect::<Vec<_>>()).await;
    assert_eq!(expected["customers"].as_array().map(Vec::len), Some(1));
    assert_eq!(expected["customers"][0]["stripe_customer_id"], "cus_2");
    for subscription in expected["subscriptions"].as_array().expect("two") {
        assert_eq!(subscription["customer_id"], json!(shop.customer));
    }
    for number in 0..24 {
        assert_eq!(after(&shop.db, &shuffled(&events, number)).await, expected);
    }
    // If that one goes, the other takes its place.
    let mut events = events;
    events.push(event(
        "evt_5",
        "customer.deleted",
        T + 5,
        customer("cus_2", "ada@example.com", T - 9),
        json!(null),
    ));
    for number in 0..24 {
        let state = after(&shop.db, &shuffled(&events, number)).await;
        assert_eq!(state["customers"][0]["stripe_customer_id"], "cus_1", "{number}");
    }
}

#[tokio::test]
async fn who_is_unknown_is_noted_and_found_later() {
    let shop = Shop::open().await;
    let db = &shop.db;
    takes(
        db,
        &event("evt_1", "customer.subscription.created", T, subscription("active", json!({})), json!(null)),
    )
    .await;
    takes(db, &event("evt_2", "customer.created", T, customer("cus_1", "grace@example.com", T), json!(null)))
        .await;
    let noted = notes(db).await;
    assert!(
        noted.len() == 2 && noted[1].starts_with("sub_1: no customer of the shop is known for cus_1"),
        "{noted:?}"
    );
    assert_eq!(shop.count("subscriptions").await, 0);
    let grace = shop.welcomes("Grace@example.com").await;
    db.batch_execute("update stripe_objects set tried_at = now() - interval '2 minutes'")
        .await
        .expect("a while ago");
    takes(db, &event("evt_3", "payment_intent.created", T, payment("processing", 0), json!(null))).await;
    assert_eq!(notes(db).await, [""; 0]);
    assert_eq!(shop.number("select count(*) from subscriptions where customer_id = $1", &[&grace]).await, 1);
    // What its own metadata say beats what the customer's say.
    let told =
        subscription("active", json!({ "metadata": { "customer_id": shop.customer, "plan": "Silver" } }));
    takes(db, &event("evt_4", "customer.subscription.updated", T + 1, told, json!({}))).await;
    let sql = "select count(*) from subscriptions where customer_id = $1 and plan = 'Silver'";
    assert_eq!(shop.number(sql, &[&shop.customer]).await, 1);
}

#[tokio::test]
async fn amounts_have_their_currency_and_another_one_is_an_error() {
    let shop = Shop::open().await;
    let db = &shop.db;
    let sql = "insert into payment (id, amount, currency_code, provider_id, payment_collection_id, payment_session_id)
               values ('pay_a', 25, 'usd', 'pp_stripe', 'c', 's_a'), ('pay_b', 30, 'eur', 'pp_stripe', 'c', 's_b'),
                      ('pay_c', 25.5, 'eur', 'pp_stripe', 'c', 's_c')";
    db.batch_execute(sql).await.expect("payments");
    for (n, session) in ["s_a", "s_b", "s_c"].iter().enumerate() {
        let mut paid = payment("succeeded", 2550);
        paid["id"] = json!(format!("pi_{session}"));
        paid["metadata"] = json!({ "session_id": session });
        takes(db, &event(&format!("evt_{n}"), "payment_intent.succeeded", T, paid, json!(null))).await;
    }
    let sql = "select string_agg(id, ' ' order by id) from payment where captured_at = to_timestamp($1)";
    let captured: String = db.query_one(sql, &[&(T as f64)]).await.expect("captured").get(0);
    assert_eq!(captured, "pay_b pay_c");
    let noted = notes(db).await;
    assert!(noted[0].contains("pay_a is in USD, but Stripe took EUR"), "{noted:?}");
    assert!(noted[1].contains("took 2550 of 3000 EUR"), "{noted:?}");
    // What has no cents, and what has them at Stripe alone.
    for (currency, minor, major) in
        [("jpy", 500, "500"), ("isk", 50_000, "500"), ("kwd", 5_000, "5"), ("eur", 500, "5")]
    {
        let mut paid = payment("succeeded", minor);
        (paid["id"], paid["currency"]) = (json!(format!("pi_{currency}")), json!(currency));
        takes(db, &event(&format!("evt_{currency}"), "payment_intent.succeeded", T, paid, json!(null))).await;
        let sql = "select trim_scale(amount)::text from payment where id = $1";
        let amount: String = db.query_one(sql, &[&format!("pay_pi_{currency}")]).await.expect("one").get(0);
        assert_eq!(amount, major, "{currency}");
    }
}

#[tokio::test]
async fn what_is_odd_is_kept_with_a_note_and_harms_nobody() {
    let shop = Shop::open().await;
    let db = &shop.db;
    takes(db, &event("evt_0", "customer.created", T, customer("cus_1", "ada@example.com", T), json!(null)))
        .await;
    let odd = subscription("asleep", json!({}));
    takes(db, &event("evt_1", "customer.subscription.created", T, odd, json!(null))).await;
    let mut odd = subscription("active", json!({ "id": "sub_2" }));
    odd["items"]["data"][0]["price"]["unit_amount"] = json!("many");
    takes(db, &event("evt_2", "customer.subscription.created", T, odd, json!(null))).await;
    takes(
        db,
        &event(
            "evt_3",
            "customer.subscription.updated",
            T,
            subscription("active", json!({ "id": "sub_3" })),
            json!([1]),
        ),
    )
    .await;
    takes(db, &event("evt_4", "invoice.paid", T, json!({ "id": "in_1", "object": "invoice" }), json!(null)))
        .await;
    takes(db, &json!({ "id": "evt_5" })).await;
    let noted = notes(db).await;
    assert_eq!(noted.len(), 2, "{noted:?}");
    assert!(
        noted[0].starts_with("evt_2: it could not be read")
            && noted[1].starts_with("sub_1: it could not be taken over")
    );
    assert_eq!(
        shop.number("select count(*) from subscriptions where stripe_subscription_id = 'sub_3'", &[]).await,
        1
    );
    // A customer who is erased is erased here too.
    let (_, said, fault) = shop.thendo(&["customer", "erase", "ada@example.com", "--yes"]).await;
    assert!(said.contains("what Stripe told"), "{said}{fault}");
    assert_eq!(shop.number("select count(*) from stripe_objects where kind <> 'unread'", &[]).await, 0);
}

#[tokio::test]
async fn signed_events_come_in_by_the_daemon_and_start_what_listens() {
    let shop = Shop::open().await;
    stores(&shop, "stripe_endpoint", "whsec_of-stripe");
    let settings = [("THENDO_SECRETS__KEY", KEY), ("THENDO_HOOKS__STRIPE", "stripe_endpoint")];
    let daemon = shop.daemon_with(&settings).await;
    let start = node(
        "start",
        "trigger",
        json!({ "triggerType": "subscription_changed", "config": { "to": "past_due" } }),
    );
    let does = node("does", "action", json!({ "actionType": "award_points", "config": { "points": 7 } }));
    shop.publishes("dun", &json!({ "nodes": [start, does], "edges": [edge("start", "does")] })).await;
    let sends = |event: Value, key: &'static str| {
        let url = format!("{}/hooks/stripe", daemon.http);
        async move {
            let (body, now) = (event.to_string(), chrono::Utc::now().timestamp());
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
            let signed = hmac::sign(&key, format!("{now}.{body}").as_bytes());
            let hex: String = signed.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            let request =
                reqwest::Client::new().post(url).header("stripe-signature", format!("t={now},v1={hex}"));
            let request = request.header("content-type", "application/json; charset=utf-8").body(body);
            request.send().await.expect("an answer").status().as_u16()
        }
    };
    let past_due = || {
        let object = subscription("past_due", json!({}));
        event("evt_3", "customer.subscription.updated", T + 2, object, json!({ "status": "active" }))
    };
    let created = event("evt_1", "customer.created", T, customer("cus_1", "ada@example.com", T), json!(null));
    let active =
        event("evt_2", "customer.subscription.created", T, subscription("active", json!({})), json!(null));
    for event in [created, active, past_due(), past_due()] {
        assert_eq!(sends(event, "whsec_of-stripe").await, 202);
    }
    assert_eq!(sends(past_due(), "whsec_of-somebody").await, 401);
    assert_eq!(sends(json!([]), "whsec_of-stripe").await, 400);
    shop.has_settled().await;
    assert_eq!(shop.number("select points from loyalty_ledger", &[]).await, 7);
    let sql = "select count(*) from workflow_events where table_name = 'thendo.webhook'";
    assert_eq!(shop.number(sql, &[]).await, 0, "nobody listens at the path itself");
    let without = shop.daemon_with(&[("THENDO_SECRETS__KEY", KEY)]).await;
    let sent = reqwest::Client::new().post(format!("{}/hooks/stripe", without.http)).send().await;
    assert_eq!(sent.expect("an answer").status(), 404);
}
