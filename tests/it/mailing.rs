//! Deliveries in a real SMTP conversation, with a server that refuses, is busy, or vanishes.

use serde_json::Value;

use crate::support::sink::{Manner, Sink};
use crate::support::{Shop, mail_on_order};

async fn ordered_with(manner: Manner) -> (Shop, Sink, crate::support::daemon::Daemon) {
    let shop = Shop::open().await;
    let sink = Sink::open(manner).await;
    let daemon = shop
        .daemon_with(&[
            ("THENDO_MAIL__SMTP_URL", &sink.url),
            ("THENDO_DELIVERIES__BACKOFF_MS", "50"),
            ("THENDO_MAIL__BACKOFF_MS", "50"),
            ("THENDO_MAIL__ATTEMPTS", "4"),
            ("THENDO_DELIVERIES__TIMEOUT_MS", "3000"),
        ])
        .await;
    shop.publishes("mail", &mail_on_order()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    (shop, sink, daemon)
}

async fn outcome(shop: &Shop) -> (String, Option<String>, Value) {
    let row = shop
        .db
        .query_one("select status, error, steps from workflow_executions", &[])
        .await
        .expect("a record");
    (row.get(0), row.get(1), row.get(2))
}

#[tokio::test]
async fn a_mail_arrives_with_what_the_workflow_says() {
    let (shop, sink, _daemon) = ordered_with(Manner::Accepts).await;
    let taken = sink.taken();
    assert_eq!(taken.len(), 1);
    for part in
        ["To: ada@example.com", "Subject: Thank you, Ada", "Your order over 250.00 is in.", "Message-ID: <"]
    {
        assert!(taken[0].contains(part), "no {part:?} in\n{}", taken[0]);
    }
    let (status, error, steps) = outcome(&shop).await;
    assert_eq!((status.as_str(), error), ("succeeded", None));
    let step =
        steps.as_array().expect("a list").iter().find(|s| s["node"] == "thanks").expect("its step").clone();
    assert_eq!(step["result"]["status"], "sent");
}

#[tokio::test]
async fn a_refused_mail_fails_its_step_and_is_not_repeated() {
    let (shop, sink, _daemon) = ordered_with(Manner::Refuses).await;
    let (status, error, _) = outcome(&shop).await;
    assert_eq!(status, "failed");
    assert!(error.expect("an error").contains("nobody here"));
    assert_eq!(*sink.tries.lock().expect("no panic"), 1);
}

#[tokio::test]
async fn a_mailbox_that_is_not_there_is_mailed_once() {
    let (shop, sink, _daemon) = ordered_with(Manner::Refuses).await;
    let sql = "select d.result ->> 'code', d.result ->> 'enhanced', s.email, s.reason, s.detail
               from workflow_deliveries d, suppressions s";
    let row = shop.db.query_one(sql, &[]).await.expect("a suppression");
    let text = |at: usize| row.get::<_, String>(at);
    assert_eq!([text(0), text(1), text(2), text(3)], ["550", "5.1.1", "ada@example.com", "bounced"]);
    assert!(text(4).contains("nobody here"), "{}", text(4));
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(*sink.tries.lock().expect("no panic"), 1);
    let sql = "select count(*) from workflow_deliveries where status = 'suppressed' and result ->> 'reason' = 'bounced'";
    assert_eq!(shop.number(sql, &[]).await, 1);
}

#[tokio::test]
async fn a_refusal_that_says_nothing_of_the_mailbox_suppresses_nobody() {
    let (shop, sink, _daemon) = ordered_with(Manner::Dislikes).await;
    assert!(outcome(&shop).await.1.expect("an error").contains("we don't like you"));
    assert_eq!(shop.count("suppressions").await, 0);
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(*sink.tries.lock().expect("no panic"), 2);
}

#[tokio::test]
async fn a_server_that_says_later_is_asked_after_half_an_hour_unless_the_node_says_otherwise() {
    for (retry, least, most) in
        [(Value::Null, 30 * 60, 40 * 60), (serde_json::json!({ "backoff": "2m" }), 90, 120)]
    {
        let shop = Shop::open().await;
        let sink = Sink::open(Manner::IsBusy(1000)).await;
        let _daemon = shop.daemon_with(&[("THENDO_MAIL__SMTP_URL", &sink.url)]).await;
        let mut drawing = mail_on_order();
        if !retry.is_null() {
            drawing["nodes"][1]["data"]["retry"] = retry;
        }
        shop.publishes("mail", &drawing).await;
        shop.places_order(250_00).await;
        let put_back = "select count(*) from workflow_deliveries where status = 'pending' and attempt = 1";
        crate::support::until("it is put back", || async { shop.number(put_back, &[]).await == 1 }).await;
        let pause = "select extract(epoch from due_at - first_attempt_at) from workflow_deliveries";
        let pause = shop.number(pause, &[]).await;
        assert!((least..=most).contains(&pause), "{pause} s");
        // Days later it is given up.
        shop.does("update workflow_deliveries set due_at = now(), first_attempt_at = now() - interval '119 hours 59 minutes', attempt = 40")
            .await;
        if least > 1000 {
            shop.has_settled().await;
            assert!(outcome(&shop).await.1.expect("an error").contains("given up after 41 attempts"));
        }
    }
}

#[tokio::test]
async fn a_busy_server_is_tried_again() {
    let (shop, sink, _daemon) = ordered_with(Manner::IsBusy(2)).await;
    assert_eq!(outcome(&shop).await.0, "succeeded");
    assert_eq!(*sink.tries.lock().expect("no panic"), 3);
    assert_eq!(sink.taken().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_always_busy_is_given_up() {
    let (shop, sink, _daemon) = ordered_with(Manner::IsBusy(1000)).await;
    let (status, error, _) = outcome(&shop).await;
    assert_eq!(status, "failed");
    assert!(error.expect("an error").contains("4 attempts"));
    assert_eq!(*sink.tries.lock().expect("no panic"), 4);
}

#[tokio::test]
async fn a_server_that_vanishes_after_the_message_leaves_an_unknown_that_is_never_repeated() {
    let (shop, sink, daemon) = ordered_with(Manner::Vanishes).await;
    let (status, error, _) = outcome(&shop).await;
    assert_eq!(status, "failed");
    assert!(error.expect("an error").contains("unknown"));
    daemon.dies();
    let _daemon = shop.daemon_with(&[("THENDO_MAIL__SMTP_URL", &sink.url)]).await;
    shop.places_order(1_00).await;
    shop.has_settled().await;
    assert_eq!(sink.taken().len(), 2, "one for each order");
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    let shop = Shop::open().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("smtp://{}", nobody.local_addr().expect("its address"));
    drop(nobody);
    let _daemon = shop
        .daemon_with(&[("THENDO_MAIL__SMTP_URL", &url), ("THENDO_DELIVERIES__BACKOFF_MS", "60000")])
        .await;
    shop.publishes("mail", &mail_on_order()).await;
    shop.places_order(250_00).await;
    crate::support::until("the delivery is put back", || async {
        shop.number("select count(*) from workflow_deliveries where status = 'pending' and attempt = 1", &[])
            .await
            == 1
    })
    .await;
}
