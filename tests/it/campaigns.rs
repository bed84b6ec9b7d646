//! Campaigns: whom they go to, one mail each, at their pace, while there is stock, and a word about everyone.

use serde_json::{Value, json};

use crate::loyalty::{first_act, one_action};
use crate::support::daemon::Daemon;
use crate::support::sink::{Manner, Sink};
use crate::support::{Shop, until};

async fn sends_to(shop: &Shop, sink: &Sink) -> Daemon {
    shop.daemon_with(&[
        ("THENDO_MAIL__SMTP_URL", &sink.url),
        ("THENDO_MAIL__BACKOFF_MS", "50"),
        ("THENDO_DELIVERIES__BACKOFF_MS", "50"),
        ("THENDO_DELIVERIES__TIMEOUT_MS", "3000"),
        ("THENDO_DELIVERIES__LEASE_MS", "1000"),
    ])
    .await
}

const TEMPLATE: &str = "insert into email_templates (name, subject, html, consent) values
    ('back', 'Back, {{ recipient.name|default(''friend'', true) }}', '<p>{{ customer.email }} {{ values.campaign.product_id }}</p>', 'transactional')";

async fn waits(shop: &Shop, emails: &[&str]) {
    let sql = "insert into product_waitlist (product_id, email, name, created_at)
        select 'prod_1', e, case when n > 1 then initcap(split_part(e, '@', 1)) end, now() - interval '1 hour' + n * interval '1 second'
        from unnest($1::text[]) with ordinality as i (e, n)";
    shop.db.execute(sql, &[&emails]).await.expect("they wait");
}

/// Recipients as `address status`, in their order.
async fn recipients(shop: &Shop) -> Vec<String> {
    let sql = "select split_part(email, '@', 1) || ' ' || status from waitlist_campaign_recipients order by position";
    shop.db.query(sql, &[]).await.expect("recipients").iter().map(|row| row.get(0)).collect()
}

async fn is(shop: &Shop, status: &str) -> bool {
    shop.number("select count(*) from waitlist_campaigns where status = $1 and is_settled", &[&status]).await
        == 1
}

async fn starts(shop: &Shop, more: Value) -> Value {
    let mut config = json!({"name": "Back", "template": "back", "audience": {"from": "waitlist"}, "product": "prod_1", "rate_per_minute": 60000});
    config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let workflow = shop.publishes("campaign", &one_action("order_created", "send_campaign", config)).await;
    shop.places_order(100).await;
    shop.has_settled().await;
    first_act(shop, workflow).await
}

#[tokio::test]
async fn everyone_is_mailed_once_and_one_who_is_bad_harms_no_other() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::ByAddress).await;
    let _one = sends_to(&shop, &sink).await;
    let _two = sends_to(&shop, &sink).await;
    shop.does(TEMPLATE).await;
    waits(
        &shop,
        &[
            "ann@x.example",
            "bad@x.example",
            "busy@x.example",
            "gone@x.example",
            "stop@x.example",
            "eve@x.example",
        ],
    )
    .await;
    // The same person by another spelling, and one who wants no mail at all.
    shop.does(
        "insert into product_waitlist (product_id, email) values ('prod_2', 'other@x.example');
         insert into product_waitlist (product_id, variant_id, email) values ('prod_1', 'v', 'ANN@x.example');
         insert into product_waitlist (product_id, email) values ('prod_1', 'Stop <stop@x.example>'), ('prod_1', ' eve@x.example ');
         insert into suppressions (email, reason, address_hash) values ('stop@x.example', 'by_hand', sha256('stop@x.example'))",
    )
    .await;
    let step = starts(&shop, json!({})).await;
    assert_eq!((&step["outcome"], &step["result"]["recipients"]), (&json!("done"), &json!(7)));
    until("it is sent", async || is(&shop, "sent").await).await;
    let told = [
        "ann sent",
        "bad bounced",
        "busy sent",
        "gone unknown",
        "stop suppressed",
        "eve sent",
        "Stop <stop refused",
    ];
    assert_eq!(recipients(&shop).await, told);
    let taken = sink.taken();
    let count = |to: &str| taken.iter().filter(|mail| mail.contains(&format!("To: {to}@"))).count();
    assert_eq!(["ann", "busy", "gone", "eve", "bad", "stop", "other"].map(count), [1, 1, 1, 1, 0, 0, 0]);
    let ann = taken.iter().find(|mail| mail.contains("To: ann@")).expect("hers");
    assert!(ann.contains("Subject: Back, friend") && ann.contains("ann@x.example prod_1"), "{ann}");
    assert!(taken.iter().any(|mail| mail.contains("Subject: Back, Eve")));
    let notified = "select count(*) from product_waitlist where status = 'notified'";
    assert_eq!(shop.number(notified, &[]).await, 3, "who was sent it");
    let error = "select error from waitlist_campaign_recipients where email like 'bad%'";
    let error: String = shop.db.query_one(error, &[]).await.expect("one").get(0);
    assert!(error.contains("nobody here"), "{error}");
    let (ended, shown, _) = shop.thendo(&["campaigns", "show", "Back"]).await;
    assert!(ended == Some(0) && shown.contains("3 sent, 2 refused, 1 unknown, 1 suppressed of 7"), "{shown}");
    assert_eq!(
        shop.number("select count(*) from workflow_queue where execution_id is not null", &[]).await,
        0
    );
}

#[tokio::test]
async fn first_come_first_served_while_there_are_pieces() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let _daemon = sends_to(&shop, &sink).await;
    shop.does(TEMPLATE).await;
    shop.does("insert into product_stock (variant_id, product_id, available) values ('v1', 'prod_1', 2), ('v2', 'prod_1', -3)").await;
    waits(&shop, &["zoe@x.example", "bob@x.example", "ann@x.example", "eve@x.example"]).await;
    starts(&shop, json!({"limit_to_stock": true})).await;
    until("it is sent", async || is(&shop, "sent").await).await;
    assert_eq!(recipients(&shop).await, ["zoe sent", "bob sent", "ann cancelled", "eve cancelled"]);
    assert_eq!(shop.number("select count(*) from product_waitlist where status = 'waiting'", &[]).await, 2);
    let error = "select count(*) from waitlist_campaigns where error = 'there is no more stock'";
    assert_eq!(shop.number(error, &[]).await, 1);
}

#[tokio::test]
async fn a_campaign_keeps_its_pace_and_pauses_and_is_called_off() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let _daemon = sends_to(&shop, &sink).await;
    shop.does(TEMPLATE).await;
    let all: Vec<String> = (0..200).map(|n| format!("p{n}@x.example")).collect();
    waits(&shop, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // Five a second.
    starts(&shop, json!({"rate_per_minute": 300})).await;
    until("some are sent", async || sink.taken().len() >= 8).await;
    let (ended, said, fault) = shop.thendo(&["campaigns", "pause", "Back"]).await;
    assert_eq!(ended, Some(0), "{said}{fault}");
    until("it rests", async || is(&shop, "paused").await).await;
    let sent = sink.taken().len();
    assert!(sent < 60, "{sent} at five a second");
    let queued =
        shop.number("select count(*) from waitlist_campaign_recipients where status = 'queued'", &[]).await;
    assert_eq!(queued as usize + sent, 200);
    assert_eq!(
        shop.number("select count(*) from workflow_deliveries where status = 'pending'", &[]).await,
        0
    );
    shop.does("update waitlist_campaigns set rate_per_minute = 600000").await;
    let (ended, ..) = shop.thendo(&["campaigns", "resume", "Back"]).await;
    assert_eq!(ended, Some(0));
    until("it is sent", async || is(&shop, "sent").await).await;
    let mut taken = sink.taken();
    assert_eq!(taken.len(), 200);
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 200);
    let (ended, _, fault) = shop.thendo(&["campaigns", "resume", "Back"]).await;
    assert!(ended != Some(0) && fault.contains("`Back` is sent: it can't become sending"), "{fault}");
    let revived = shop.db.execute("update waitlist_campaigns set status = 'sending'", &[]).await;
    assert!(revived.is_err(), "what has ended stays so");
}

#[tokio::test]
async fn nothing_is_sent_in_quiet_hours_nor_of_what_is_called_off() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let _daemon = sends_to(&shop, &sink).await;
    shop.does(TEMPLATE).await;
    waits(&shop, &["ann@x.example", "bob@x.example"]).await;
    // All day long but for an instant that is not now.
    let now = "select to_char(now() at time zone 'UTC' + interval '2 hours', 'HH24:MI'), to_char(now() at time zone 'UTC' + interval '1 hour', 'HH24:MI')";
    let row = shop.db.query_one(now, &[]).await.expect("hours");
    let (from, until_then): (String, String) = (row.get(0), row.get(1));
    starts(&shop, json!({"quiet_hours": {"from": from, "until": until_then}})).await;
    until("it has started", async || shop.count("waitlist_campaign_recipients").await == 2).await;
    until("it rests", async || is(&shop, "sending").await).await;
    assert_eq!((sink.taken().len(), shop.count("workflow_deliveries").await), (0, 0));
    let (ended, ..) = shop.thendo(&["campaigns", "cancel", "Back"]).await;
    assert_eq!(ended, Some(0));
    let cancelled = "select count(*) from waitlist_campaign_recipients where status = 'cancelled'";
    until("nobody is queued", async || shop.number(cancelled, &[]).await == 2).await;
    assert_eq!(sink.taken().len(), 0);
}

#[tokio::test]
async fn audiences_are_whom_they_say() {
    let shop = Shop::open().await;
    shop.does(
        "insert into loyalty_tiers (name, rank) values ('gold', 1);
         insert into customers (email, tier_id) select 'gold@x.example', id from loyalty_tiers;
         insert into customers (email) values ('vip@x.example'), ('plain@x.example');
         insert into customer_tags (customer_id, tag) select id, 'vip' from customers where email in ('vip@x.example', 'gold@x.example');
         insert into orders (customer_id, total) select id, 1 from customers, generate_series(1, 2) where email = 'plain@x.example';
         insert into orders (customer_id, total, status) select id, 1, 'cancelled' from customers where email = 'vip@x.example';
         insert into subscribers (email, status) values ('blog@x.example', 'subscribed'), ('not@x.example', 'pending');
         insert into product_waitlist (product_id, email, status) values ('p', 'w@x.example', 'waiting'), ('p', 'n@x.example', 'notified')",
    )
    .await;
    let found = async |audience: Value| {
        let sql = "select coalesce(string_agg(split_part(email, '@', 1), ' ' order by email), '') from campaign_audience($1, 'p', null)";
        shop.db.query_one(sql, &[&audience]).await.expect("an audience").get::<_, String>(0)
    };
    for (audience, who) in [
        (json!({"from": "waitlist"}), "w"),
        (json!({"from": "waitlist", "status": ["waiting", "notified"]}), "n w"),
        (json!({"from": "waitlist", "joined_before": "2020-01-01"}), ""),
        (json!({"from": "customers", "tiers": ["gold"]}), "gold"),
        (json!({"from": "customers", "tags": ["vip"]}), "gold vip"),
        (json!({"from": "customers", "tags": ["vip"], "tiers": ["gold"]}), "gold"),
        (json!({"from": "customers", "without_tags": ["vip"]}), "ada plain"),
        (json!({"from": "customers", "orders": {}}), "plain"),
        (json!({"from": "customers", "orders": {"least": 3}}), ""),
        (json!({"from": "customers", "orders": {"least": 0, "most": 0}, "tags": ["vip"]}), "gold vip"),
        (json!({"from": "customers", "orders": {"after": "2099-01-01"}}), ""),
        (json!({"from": "subscribers"}), "blog"),
        (json!({"from": "elsewhere"}), ""),
    ] {
        assert_eq!(found(audience.clone()).await, who, "{audience}");
    }
}

#[tokio::test]
async fn a_campaign_that_can_not_start_says_why() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    shop.does(TEMPLATE).await;
    let step = starts(&shop, json!({"template": "none"})).await;
    assert_eq!(step["why"], "there is no template `none`: add a row of that name to `email_templates`");
    // Made by hand.
    shop.does(
        "update email_templates set is_active = false;
         insert into waitlist_campaigns (name, template_id, status) select 'Off', id, 'scheduled' from email_templates",
    )
    .await;
    let failed = "select count(*) from waitlist_campaigns where status = 'failed' and error = 'the template `back` is not active'";
    until("it has failed", async || shop.number(failed, &[]).await == 1).await;
}

#[tokio::test]
async fn what_is_wrong_with_one_campaign_is_no_trouble_of_another_s() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let _daemon = sends_to(&shop, &sink).await;
    shop.does(TEMPLATE).await;
    waits(&shop, &["ann@x.example"]).await;
    let made = |id: u8, more: &str| {
        format!(
            "insert into waitlist_campaigns (id, name, template_id, status, product_id{}) select '00000000-0000-0000-0000-00000000000{id}', 'C{id}', id, 'scheduled', 'prod_1'{} from email_templates",
            if more.is_empty() { "" } else { more.split_once('=').expect("column=value").0 },
            if more.is_empty() { "" } else { more.split_once('=').expect("column=value").1 },
        )
    };
    // The first one is in other hands.
    shop.does(&made(0, "")).await;
    let other = crate::support::connect(&shop.url).await;
    other.batch_execute("begin; select from waitlist_campaigns for update").await.expect("held");
    shop.does(&made(1, ", quiet_hours=, '{\"from\": \"nine\", \"until\": \"x\"}'")).await;
    shop.does(&made(2, ", audience=, '{\"from\": \"waitlist\", \"joined_after\": \"soon\"}'")).await;
    shop.does(&made(3, "")).await;
    let is = async |id: u8, status: &str| {
        let sql =
            format!("select count(*) from waitlist_campaigns where name = 'C{id}' and status = '{status}'");
        shop.number(&sql, &[]).await == 1
    };
    until("all have ended", async || is(1, "failed").await && is(2, "failed").await && is(3, "sent").await)
        .await;
    let said = "select count(*) from waitlist_campaigns where status = 'failed' and error like 'invalid input syntax for type %'";
    assert_eq!((shop.number(said, &[]).await, sink.taken().len()), (2, 1));
    other.batch_execute("commit").await.expect("let go");
    until("that one, too", async || is(0, "sent").await).await;
}

#[tokio::test]
async fn a_template_that_fits_nobody_pauses_its_campaign_until_it_is_mended() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let _daemon = sends_to(&shop, &sink).await;
    shop.does(TEMPLATE).await;
    shop.does("update email_templates set subject = 'Back, {{ recipient.nmae }}'").await;
    let all: Vec<String> = (0..50).map(|n| format!("p{n}@x.example")).collect();
    waits(&shop, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    starts(&shop, json!({})).await;
    until("it is paused", async || is(&shop, "paused").await).await;
    let error = "select error from waitlist_campaigns";
    let error: String = shop.db.query_one(error, &[]).await.expect("one").get(0);
    assert!(
        error.contains("the first mails could not be made") && error.contains("recipient.nmae"),
        "{error}"
    );
    let queued = "select count(*) from waitlist_campaign_recipients where status = 'queued'";
    assert_eq!((shop.number(queued, &[]).await, sink.taken().len()), (50, 0), "nobody has lost theirs");
    shop.does("update email_templates set subject = 'Back, {{ recipient.name }}'").await;
    let (ended, ..) = shop.thendo(&["campaigns", "resume", "Back"]).await;
    assert_eq!(ended, Some(0));
    until("it is sent", async || is(&shop, "sent").await).await;
    assert_eq!(sink.taken().len(), 50);
}

#[tokio::test]
async fn what_was_bought_frees_its_piece_for_the_next() {
    let shop = Shop::open().await;
    shop.does(TEMPLATE).await;
    shop.does("insert into product_stock (variant_id, product_id, available) values ('v', 'prod_1', 3)")
        .await;
    waits(&shop, &["a@x.example", "b@x.example", "c@x.example", "d@x.example"]).await;
    shop.does(
        "insert into waitlist_campaigns (name, template_id, status, product_id, limit_to_stock, rate_per_minute)
         select 'Back', id, 'scheduled', 'prod_1', true, 60000 from email_templates",
    )
    .await;
    let engine = crate::support::connect(&shop.url).await;
    engine.batch_execute("set role thendo_engine").await.expect("the role");
    engine.batch_execute("select start_campaign(id) from waitlist_campaigns").await.expect("started");
    let feeds = async || -> i32 {
        let sql = "select (feed_campaign(id, 1)).handed from waitlist_campaigns";
        engine.query_one(sql, &[]).await.expect("fed").get(0)
    };
    let sends = async || {
        shop.does(
            "update workflow_deliveries set status = 'sent', finished_at = now() where status = 'pending'",
        )
        .await
    };
    for _ in 0..2 {
        assert_eq!(feeds().await, 1);
        sends().await;
    }
    // Those two have bought: one piece is left, and for the third.
    shop.does("update product_stock set available = 1").await;
    assert_eq!(feeds().await, 1);
    sends().await;
    assert_eq!(feeds().await, 0);
    let told = ["a sent", "b sent", "c sent", "d cancelled"];
    assert_eq!(recipients(&shop).await, told);
}

#[tokio::test]
async fn who_is_tried_again_later_blocks_nobody_and_keeps_their_count_over_a_pause() {
    let shop = Shop::open().await;
    shop.does(TEMPLATE).await;
    waits(&shop, &["a@x.example", "b@x.example", "c@x.example"]).await;
    shop.does(
        "insert into waitlist_campaigns (name, template_id, status, product_id, rate_per_minute)
         select 'Back', id, 'scheduled', 'prod_1', 60000 from email_templates",
    )
    .await;
    let engine = crate::support::connect(&shop.url).await;
    engine.batch_execute("set role thendo_engine").await.expect("the role");
    engine.batch_execute("select start_campaign(id) from waitlist_campaigns").await.expect("started");
    let feed = "select feed_campaign(id, 1) from waitlist_campaigns";
    engine.batch_execute(feed).await.expect("fed");
    shop.does("update workflow_deliveries set attempt = 2, due_at = now() + interval '1 hour'").await;
    engine.batch_execute(feed).await.expect("fed");
    assert_eq!(recipients(&shop).await, ["a sending", "b sending", "c queued"]);
    shop.does("update waitlist_campaigns set status = 'paused'").await;
    engine.batch_execute(feed).await.expect("fed");
    assert_eq!(recipients(&shop).await, ["a sending", "b queued", "c queued"]);
    assert_eq!(shop.number("select max(attempt)::bigint from workflow_deliveries", &[]).await, 2);
    // What is deleted is not sent, and what is over is kept no longer than other deliveries.
    shop.does("insert into workflow_deliveries (id, execution_id, workflow_id, node_id, kind, lane, payload, status, finished_at)
        select gen_random_uuid(), id, id, 'campaign', 'email', 0, '{}', 'sent', now() - interval '100 days' from waitlist_campaigns").await;
    shop.does("delete from waitlist_campaigns").await;
    assert_eq!(
        shop.number("select count(*) from workflow_deliveries where status = 'pending'", &[]).await,
        0
    );
    let old = "select delete_expired('workflow_deliveries', interval '90 days', 100)";
    assert_eq!(shop.number(old, &[]).await, 1);
}
