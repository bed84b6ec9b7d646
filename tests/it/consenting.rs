//! Who is sent which mail: suppressions, consent, the cap; asked when a mail is handed over and right before it is sent.

use serde_json::{Value, json};

use crate::support::sink::{Manner, Sink};
use crate::support::{Shop, edge, node, until};

const SMTP: &str = "THENDO_MAIL__SMTP_URL";
/// Marketing mails go nowhere without a way out.
const PUBLIC: (&str, &str) = ("THENDO_PUBLIC_URL", "https://shop.example");

const KEY: (&str, &str) = ("THENDO_SECRETS__KEY", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=");

/// order_created → one mail of each kind.
fn both_mails() -> Value {
    let mail = |id: &str, consent: &str| {
        node(
            id,
            "action",
            json!({ "actionType": "send_email", "config": {
            "subject": id, "text": "Hello", "consent": consent } }),
        )
    };
    json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
            mail("receipt", "transactional"),
            mail("offer", "marketing"),
        ],
        "edges": [edge("start", "receipt"), edge("start", "offer")],
    })
}

async fn agrees(shop: &Shop, address: &str, decision: &str) {
    let sql = "insert into consents (email, purpose, decision, source) values ($1, 'marketing', $2, 'test')";
    shop.db.execute(sql, &[&address, &decision]).await.expect("a decision");
}

/// What became of each mail, by subject: status and reason.
async fn fates(shop: &Shop) -> Vec<(String, String, String)> {
    let sql = "select payload ->> 'subject', status, coalesce(result ->> 'reason', '') from workflow_deliveries order by 1, 2, 3";
    let rows = shop.db.query(sql, &[]).await.expect("deliveries");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

fn fate(subject: &str, status: &str, reason: &str) -> (String, String, String) {
    (subject.into(), status.into(), reason.into())
}

#[tokio::test]
async fn each_reason_stops_what_it_is_for() {
    let shop = Shop::open().await;
    let stop = |address: &'static str, consent: &'static str, of_blog: bool| {
        let db = &shop.db;
        async move {
            let sql = "select public.mail_stop($1, $2, $3)";
            db.query_one(sql, &[&address, &consent, &of_blog])
                .await
                .expect("a verdict")
                .get::<_, Option<String>>(0)
        }
    };
    for reason in ["bounced", "complained", "by_hand", "unsubscribed"] {
        let address = format!("{reason}@example.com");
        agrees(&shop, &address, "granted").await;
        let sql = "insert into suppressions (address_hash, email, reason) values ('', $1, $2)";
        shop.db.execute(sql, &[&address, &reason]).await.expect("a suppression");
    }
    for address in ["BOUNCED@example.com", "complained@example.com", "by_hand@example.com"] {
        let reason = address.split('@').next().map(str::to_lowercase);
        assert_eq!(stop(address, "transactional", false).await, reason);
        assert_eq!(stop(address, "marketing", false).await, reason);
    }
    assert_eq!(stop("unsubscribed@example.com", "transactional", false).await, None);
    assert_eq!(stop("unsubscribed@example.com", "marketing", true).await.as_deref(), Some("unsubscribed"));
    // Who agrees anew has changed their mind; about a mailbox that is not there nobody can.
    agrees(&shop, "unsubscribed@example.com", "granted").await;
    agrees(&shop, "bounced@example.com", "granted").await;
    assert_eq!(stop("unsubscribed@example.com", "marketing", false).await, None);
    assert_eq!(stop("bounced@example.com", "marketing", false).await.as_deref(), Some("bounced"));
    // Erased: nameless, and sent nothing, whatever it was before.
    shop.does("update suppressions set email = null where reason = 'unsubscribed'").await;
    assert_eq!(stop("unsubscribed@example.com", "transactional", false).await.as_deref(), Some("erased"));

    assert_eq!(stop("new@example.com", "transactional", false).await, None);
    assert_eq!(stop("new@example.com", "marketing", false).await.as_deref(), Some("no_consent"));
    shop.does("insert into subscribers (email, status) values ('New@example.com', 'pending')").await;
    assert_eq!(stop("new@example.com", "marketing", true).await.as_deref(), Some("no_consent"));
    shop.does("update subscribers set status = 'subscribed'").await;
    assert_eq!(stop("new@example.com", "marketing", true).await, None);
    assert_eq!(stop("new@example.com", "marketing", false).await.as_deref(), Some("no_consent"));
    agrees(&shop, "new@example.com", "granted").await;
    assert_eq!(stop("NEW@example.com", "marketing", false).await, None);
    agrees(&shop, "New@Example.com", "withdrawn").await;
    assert_eq!(stop("new@example.com", "marketing", true).await.as_deref(), Some("withdrawn"));
}

#[tokio::test]
async fn who_did_not_agree_gets_the_receipt_alone_and_nothing_fails() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let _daemon = shop.daemon_with(&[(SMTP, &sink.url), PUBLIC, KEY]).await;
    shop.publishes("mails", &both_mails()).await;
    shop.places_order(1_00).await;
    shop.has_settled().await;
    assert_eq!(fates(&shop).await, [fate("offer", "suppressed", "no_consent"), fate("receipt", "sent", "")]);
    assert_eq!(sink.taken().len(), 1);
    let sql = "select status, steps from workflow_executions";
    let row = shop.db.query_one(sql, &[]).await.expect("an execution");
    let steps: Value = row.get(1);
    let offer = steps.as_array().and_then(|steps| steps.iter().find(|step| step["node"] == "offer"));
    let offer = offer.expect("its step");
    assert_eq!(row.get::<_, String>(0), "succeeded");
    assert_eq!((&offer["outcome"], &offer["result"]["status"]), (&json!("done"), &json!("suppressed")));
    assert!(offer["why"].as_str().is_some_and(|why| why.contains("never agreed")), "{offer}");
}

#[tokio::test]
async fn a_decision_counts_until_the_mail_leaves() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::IsBusy(2)).await;
    let settings = [(SMTP, sink.url.as_str()), ("THENDO_MAIL__BACKOFF_MS", "2000"), PUBLIC, KEY];
    let _daemon = shop.daemon_with(&settings).await;
    agrees(&shop, "ada@example.com", "granted").await;
    shop.publishes("mails", &both_mails()).await;
    shop.places_order(1_00).await;
    until("both were tried", || async {
        shop.number("select count(*) from workflow_deliveries where status = 'pending' and attempt = 1", &[])
            .await
            == 2
    })
    .await;
    agrees(&shop, "ada@example.com", "withdrawn").await;
    shop.has_settled().await;
    assert_eq!(fates(&shop).await, [fate("offer", "suppressed", "withdrawn"), fate("receipt", "sent", "")]);
    assert_eq!(sink.taken().len(), 1);
}

#[tokio::test]
async fn nobody_is_sent_more_marketing_than_the_cap_though_it_comes_at_once() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let settings = [(SMTP, sink.url.as_str()), ("THENDO_MAIL__MARKETING_CAP", "2"), PUBLIC, KEY];
    let _daemons = [shop.daemon_with(&settings).await, shop.daemon_with(&settings).await];
    agrees(&shop, "ada@example.com", "granted").await;
    shop.publishes("mails", &both_mails()).await;
    let sql = "insert into orders (customer_id, total) select $1, 100 from generate_series(1, 8)";
    shop.db.execute(sql, &[&shop.customer]).await.expect("orders");
    shop.has_settled().await;
    let with = |subject: &'static str, status: &'static str| {
        let sql = "select count(*) from workflow_deliveries where payload ->> 'subject' = $1 and status = $2";
        let shop = &shop;
        async move { shop.number(sql, &[&subject, &status]).await }
    };
    assert_eq!((with("offer", "sent").await, with("offer", "suppressed").await), (2, 6));
    assert_eq!(with("receipt", "sent").await, 8, "what was bought is not capped");
    assert_eq!(sink.taken().len(), 10);
    // Days later there is room again; who is erased leaves no count.
    shop.does(
        "update marketing_mails set sent_at = array(select t - interval '8 days' from unnest(sent_at) t)",
    )
    .await;
    shop.places_order(1_00).await;
    shop.has_settled().await;
    assert_eq!(with("offer", "sent").await, 3);
    shop.does("insert into suppressions (address_hash, reason) values (sha256('ada@example.com'), 'erased')")
        .await;
    assert_eq!(shop.count("marketing_mails").await, 0);
}

/// The link of the last mail's header, and its token.
fn link_of(mail: &str) -> String {
    let header = mail.split("\nList-Unsubscribe: <").nth(1).expect("a way out");
    header.split('>').next().expect("a link").to_owned()
}

async fn sent_marketing(settings: &[(&str, &str)]) -> (Shop, Sink, crate::support::daemon::Daemon, String) {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let mut all = vec![(SMTP, sink.url.as_str()), PUBLIC, KEY];
    all.extend_from_slice(settings);
    let daemon = shop.daemon_with(&all).await;
    agrees(&shop, "ada@example.com", "granted").await;
    shop.does("insert into subscribers (email, status, confirmed_at) values ('Ada@example.com', 'subscribed', now())").await;
    shop.publishes("mails", &both_mails()).await;
    shop.places_order(1_00).await;
    shop.has_settled().await;
    let taken = sink.taken();
    assert!(taken.iter().all(|mail| mail.contains("Subject: offer") == mail.contains("List-Unsubscribe: ")));
    let offer = taken.iter().find(|mail| mail.contains("Subject: offer")).expect("an offer");
    assert!(offer.contains("\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n"), "{offer}");
    let link = link_of(offer);
    assert!(link.starts_with("https://shop.example/unsubscribe/") && !link.contains('@'), "{link}");
    let path = link.strip_prefix("https://shop.example").expect("ours").to_owned();
    (shop, sink, daemon, path)
}

#[tokio::test]
async fn looking_at_the_way_out_changes_nothing_and_taking_it_counts_at_once() {
    let (shop, sink, daemon, path) = sent_marketing(&[]).await;
    let client = reqwest::Client::new();
    let url = format!("{}{path}", daemon.http);
    let counts = "select (select count(*) from consents) * 100 + (select count(*) from suppressions) * 10
                  + (select count(*) from subscribers where status = 'subscribed')";
    for method in [reqwest::Method::GET, reqwest::Method::HEAD, reqwest::Method::GET] {
        let seen = client.request(method.clone(), &url).send().await.expect("a page");
        assert_eq!(seen.status(), 200);
        let policy = seen.headers()["content-security-policy"].to_str().expect("text").to_owned();
        assert!(policy.contains("form-action 'self'") && policy.contains("default-src 'none'"), "{policy}");
        let html = seen.text().await.expect("text");
        if method == reqwest::Method::GET {
            assert!(
                html.contains("<form method=\"post\">")
                    && !html.contains("ada@")
                    && !html.contains("<script"),
                "{html}"
            );
        }
    }
    assert_eq!(shop.number(counts, &[]).await, 101);
    // As mail programs do (RFC 8058), and twice.
    for _ in 0..2 {
        let said = client.post(&url).body("List-Unsubscribe=One-Click").send().await.expect("an answer");
        assert_eq!(said.status(), 200);
    }
    assert_eq!(shop.number(counts, &[]).await, 210, "one decision, one suppression, no subscription");
    shop.places_order(1_00).await;
    shop.has_settled().await;
    let sent = |subject: &str| {
        sink.taken().iter().filter(|mail| mail.contains(&format!("Subject: {subject}"))).count()
    };
    assert_eq!((sent("offer"), sent("receipt")), (1, 2));
    // That was a mistake.
    let said =
        client.post(&url).body("action=undo").send().await.expect("an answer").text().await.expect("text");
    assert!(said.contains("As before"), "{said}");
    client.post(&url).body("action=undo").send().await.expect("an answer");
    assert_eq!(shop.number(counts, &[]).await, 301, "agreed again, as before");
    shop.places_order(1_00).await;
    shop.has_settled().await;
    assert_eq!(sent("offer"), 2);
}

#[tokio::test]
async fn nobody_is_subscribed_by_taking_back_what_they_never_had() {
    let (shop, _sink, daemon, path) = sent_marketing(&[]).await;
    shop.does("delete from subscribers; update consents set decision = 'withdrawn'").await;
    let url = format!("{}{path}", daemon.http);
    let client = reqwest::Client::new();
    for body in ["action=unsubscribe", "action=undo", "action=undo"] {
        assert_eq!(client.post(&url).body(body).send().await.expect("an answer").status(), 200);
    }
    assert_eq!(shop.number("select count(*) from consents where decision = 'granted'", &[]).await, 0);
    // What stops everything can't be taken back.
    shop.does(
        "insert into suppressions (address_hash, email, reason) values ('', 'ada@example.com', 'complained')",
    )
    .await;
    client.post(&url).body("action=undo").send().await.expect("an answer");
    assert_eq!(shop.count("suppressions").await, 1);
}

#[tokio::test]
async fn a_link_that_is_not_ours_is_met_with_a_friendly_word() {
    let (shop, _sink, daemon, path) = sent_marketing(&[]).await;
    let client = reqwest::Client::new();
    for wrong in ["/unsubscribe/x", &path[..path.len() - 4], &format!("{path}AAAA"), "/unsubscribe/%00%ff"] {
        for method in [reqwest::Method::GET, reqwest::Method::POST] {
            let said =
                client.request(method, format!("{}{wrong}", daemon.http)).send().await.expect("an answer");
            assert!(
                said.status() == 404 || wrong.contains('%') && said.status() == 400,
                "{wrong}: {}",
                said.status()
            );
        }
    }
    assert_eq!(shop.count("suppressions").await, 0);
    assert!(!daemon.logged().contains(&path), "no link in the log");
}

#[tokio::test]
async fn marketing_without_a_way_out_is_refused_and_says_which_setting_is_missing() {
    for (settings, words) in [(vec![KEY], "`public_url`"), (vec![PUBLIC], "secrets.key_file")] {
        let shop = Shop::open().await;
        let sink = Sink::open(Manner::Accepts).await;
        let mut all = vec![(SMTP, sink.url.as_str())];
        all.extend(settings);
        let _daemon = shop.daemon_with(&all).await;
        agrees(&shop, "ada@example.com", "granted").await;
        shop.publishes("mails", &both_mails()).await;
        shop.places_order(1_00).await;
        shop.has_settled().await;
        let fates = fates(&shop).await;
        assert!(fates[0].1 == "refused" && fates[0].2.contains(words), "{fates:?}");
        assert_eq!((fates[1].1.as_str(), sink.taken().len()), ("sent", 1));
    }
}
