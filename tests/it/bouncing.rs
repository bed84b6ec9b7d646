//! Mails that come back: to their envelope senders, by a mail server's pipe, and by a provider's webhook.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::daemon::Daemon;
use crate::support::sink::{Manner, Sink};
use crate::support::{Shop, mail_on_order};

const KEY: (&str, &str) = ("THENDO_SECRETS__KEY", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=");
const ADDRESS: (&str, &str) = ("THENDO_MAIL__BOUNCE_ADDRESS", "bounces@shop.example");

/// One mail was sent; its envelope sender.
async fn sent() -> (Shop, Sink, Daemon, String) {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let settings =
        [("THENDO_MAIL__SMTP_URL", sink.url.as_str()), KEY, ADDRESS, ("THENDO_MAIL__BOUNCE_TOKEN", "geheim")];
    let daemon = shop.daemon_with(&settings).await;
    shop.publishes("mail", &mail_on_order()).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let sender = sink.senders.lock().expect("no panic").first().expect("a sender").clone();
    (shop, sink, daemon, sender)
}

/// `thendo bounce` with this mail on its standard input: exit code and what it said.
async fn bounce(shop: &Shop, args: &[&str], mail: String) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thendo"));
    command.arg("bounce").args(args).args(["--database-url", &shop.url]).envs([KEY, ADDRESS]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let said = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("the binary");
        child.stdin.take().expect("its input").write_all(mail.as_bytes()).expect("written");
        child.wait_with_output().expect("an end")
    });
    let said = said.await.expect("no panic");
    let words = [said.stdout, said.stderr].concat();
    (said.status.code(), String::from_utf8_lossy(&words).into_owned())
}

fn report(to: &str, status: &str) -> String {
    format!(
        "Return-Path: <>\nDelivered-To: {to}\nSubject: Undelivered Mail\nContent-Type: multipart/report;\n report-type=delivery-status; \
         boundary=b\n\n--b\nContent-Type: text/plain\n\nSorry.\n\n--b\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; somebody.else@example.com\nAction: failed\nStatus: {status}\n\
         Diagnostic-Code: smtp; 550 {status} no\n--b--\n"
    )
}

async fn result(shop: &Shop) -> Value {
    shop.db.query_one("select result from workflow_deliveries", &[]).await.expect("one").get(0)
}

#[tokio::test]
async fn a_report_reaches_its_delivery_and_ends_mails_to_a_mailbox_that_is_not_there() {
    let (shop, sink, _daemon, sender) = sent().await;
    assert!(
        sender.starts_with("bounces+") && sender.ends_with("@shop.example") && !sender.contains("ada"),
        "{sender}"
    );
    assert!(sink.taken()[0].contains("From: thendo <thendo@localhost>"), "{}", sink.taken()[0]);
    let (code, said) = bounce(&shop, &[], report(&sender, "5.2.2")).await;
    assert_eq!((code, shop.count("suppressions").await), (Some(0), 0), "{said}");
    assert_eq!(result(&shop).await["came_back"]["type"], "soft_bounce");
    for _ in 0..2 {
        let (code, said) = bounce(&shop, &["--to", &sender.to_uppercase()], report("x@y.z", "5.1.1")).await;
        assert_eq!(code, Some(0), "{said}");
    }
    let result = result(&shop).await;
    assert_eq!((&result["came_back"]["type"], &result["status"]), (&json!("hard_bounce"), &json!("sent")));
    let sql = "select email || ' ' || reason || ' ' || detail from suppressions";
    let row: String = shop.db.query_one(sql, &[]).await.expect("one").get(0);
    assert_eq!(
        row, "ada@example.com bounced 5.1.1 smtp; 550 5.1.1 no",
        "the one it was sent to, whatever the report says"
    );
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(sink.taken().len(), 1);
}

#[tokio::test]
async fn what_is_no_report_of_ours_is_left_alone_without_an_error() {
    let (shop, _sink, _daemon, sender) = sent().await;
    let mut forged = sender.clone().into_bytes();
    forged[12] = if forged[12] == b'a' { b'b' } else { b'a' };
    let forged = String::from_utf8(forged).expect("letters");
    for mail in [
        report(&forged, "5.1.1"),
        report("bounces@shop.example", "5.1.1"),
        format!("To: {sender}\nSubject: I am away\n\nStatus: 5.1.1\nAction: failed\n"),
        String::new(),
        "\u{0}\n".repeat(50_000),
    ] {
        let (code, said) = bounce(&shop, &[], mail).await;
        assert!(code == Some(0) && said.contains("left alone"), "{said}");
    }
    assert_eq!((shop.count("suppressions").await, result(&shop).await.get("came_back")), (0, None));
}

#[tokio::test]
async fn a_provider_tells_by_webhook_if_it_knows_the_token() {
    let (shop, sink, daemon, _) = sent().await;
    let url = format!("{}/bounces", daemon.http);
    let client = reqwest::Client::new();
    let message_id =
        sink.taken()[0].split("Message-ID: ").nth(1).and_then(|rest| rest.lines().next()).map(str::to_owned);
    let news = json!([
        { "address": "Ada@example.com", "type": "complaint", "detail": "spam\u{0}\n", "message_id": message_id },
        { "address": "bob@example.com", "type": "soft_bounce" },
    ]);
    for token in ["Bearer falsch", "geheim", "Bearer ", ""] {
        let said =
            client.post(&url).header("authorization", token).json(&news).send().await.expect("an answer");
        assert_eq!(said.status(), 401, "{token}");
    }
    let told = async |body: String| {
        let said = client
            .post(&url)
            .header("authorization", "Bearer geheim")
            .body(body)
            .send()
            .await
            .expect("an answer");
        (said.status().as_u16(), said.text().await.expect("text"))
    };
    for wrong in
        ["", "{", r#"{"address": "a@b.c", "type": "what"}"#, r#"{"address": "nobody", "type": "complaint"}"#]
    {
        assert_eq!(told(wrong.to_owned()).await.0, 422, "{wrong}");
    }
    assert_eq!(told("x".repeat(100_000)).await.0, 413);
    assert_eq!(shop.count("suppressions").await, 0);
    for _ in 0..2 {
        assert_eq!(told(news.to_string()).await, (200, r#"{"suppressed":1,"taken":2}"#.to_owned()));
    }
    let sql = "select email || ' ' || reason || ' ' || detail from suppressions";
    let row: String = shop.db.query_one(sql, &[]).await.expect("one").get(0);
    assert_eq!(row, "Ada@example.com complained spam");
    assert_eq!(result(&shop).await["came_back"]["type"], "complaint");
    assert!(!daemon.logged().contains("geheim"));
    let without = shop.daemon().await;
    let said = client.post(format!("{}/bounces", without.http)).json(&news).send().await.expect("an answer");
    assert_eq!(said.status(), 404);
}

#[tokio::test]
async fn a_mail_that_unsubscribes_does() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let _daemon = shop
        .daemon_with(&[
            ("THENDO_MAIL__SMTP_URL", &sink.url),
            KEY,
            ("THENDO_PUBLIC_URL", "https://shop.example"),
            ("THENDO_MAIL__UNSUBSCRIBE_ADDRESS", "out@shop.example"),
        ])
        .await;
    shop.does("insert into consents (email, purpose, decision, source) values ('ada@example.com', 'marketing', 'granted', 't')").await;
    let mut drawing = mail_on_order();
    drawing["nodes"][1]["data"]["config"]["consent"] = json!("marketing");
    shop.publishes("mail", &drawing).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let mail = sink.taken().first().expect("a mail").clone();
    let token = mail
        .split("<mailto:out@shop.example?subject=unsubscribe%20")
        .nth(1)
        .and_then(|rest| rest.split('>').next());
    let token = token.expect("a way out by mail");
    for (token, suppressed) in [("AAAA", 0), (token, 1), (token, 1)] {
        let mail =
            format!("From: whoever@example.com\nTo: out@shop.example\nSubject: unsubscribe {token}\n\n\n");
        let (code, said) = bounce(&shop, &[], mail).await;
        assert_eq!((code, shop.count("suppressions").await), (Some(0), suppressed), "{said}");
    }
    assert_eq!(shop.number("select count(*) from consents where decision = 'withdrawn'", &[]).await, 1);
}
