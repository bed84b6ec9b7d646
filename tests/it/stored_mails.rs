//! Mails of stored templates: sent as they are by then, and clear about what is missing.

use serde_json::{Value, json};

use crate::support::sink::{Manner, Sink};
use crate::support::{Shop, edge, node, until};

/// order_created → the stored mail of that name.
fn mail_of(template: &str, more: Value) -> Value {
    let mut config = json!({ "template": template });
    config.as_object_mut().expect("settings").extend(more.as_object().cloned().unwrap_or_default());
    json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
            node("thanks", "action", json!({ "actionType": "send_email", "config": config })),
        ],
        "edges": [edge("start", "thanks")],
    })
}

async fn writes_template(shop: &Shop, name: &str, subject: &str, html: &str) {
    let sql =
        "insert into email_templates (name, subject, html, consent) values ($1, $2, $3, 'transactional')";
    shop.db.execute(sql, &[&name, &subject, &html]).await.expect("a template");
}

#[tokio::test]
async fn styles_are_put_in_place_and_who_reads_no_html_gets_text() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let _daemon = shop.daemon_with(&[("THENDO_MAIL__SMTP_URL", &sink.url)]).await;
    let html = "<style>p { color: red }</style><p>Dear {{ customer.name }}, <a href=\"https://shop.example/o\">look</a></p>";
    writes_template(&shop, "styled", "Hi", html).await;
    shop.publishes("mail", &mail_of("styled", Value::Null)).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let taken = sink.taken();
    let (text, html) = taken[0].split_once("Content-Type: text/html").expect("two parts");
    assert!(text.contains("multipart/alternative") && text.contains("Content-Type: text/plain"), "{text}");
    assert!(text.contains("Dear Ada") && text.contains("https://shop.example/o"), "{text}");
    assert!(html.contains("style=3D\"color: red;\"") || html.contains("style=\"color: red;\""), "{html}");
}

async fn error_of(shop: &Shop, workflow: &str) -> String {
    let sql =
        "select coalesce(x.error, '') from workflow_executions x join workflows w on w.id = x.workflow_id
               where w.name = $1 order by x.started_at desc, x.id desc limit 1";
    shop.db.query_one(sql, &[&workflow]).await.expect("an execution").get(0)
}

#[tokio::test]
async fn a_stored_mail_goes_to_the_customer_and_an_edit_counts_from_then_on() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let _daemon = shop.daemon_with(&[("THENDO_MAIL__SMTP_URL", &sink.url)]).await;
    let html = "<p>Dear {{ customer.name }}, {{ order.total | money }}; {{ values.code }}</p>";
    writes_template(&shop, "thanks", "Thank you, {{ customer.name }}", html).await;
    let values = json!({ "values": { "code": "<{{ order.currency }}>" } });
    shop.publishes("mail", &mail_of("thanks", values)).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let taken = sink.taken();
    assert_eq!(taken.len(), 1, "{}", error_of(&shop, "mail").await);
    for part in ["To: ada@example.com", "Subject: Thank you, Ada", "Dear Ada", "250.00", "&lt;EUR&gt;"] {
        assert!(taken[0].contains(part), "no {part:?} in\n{}", taken[0]);
    }
    shop.does("update email_templates set subject = 'Changed' where name = 'thanks'").await;
    shop.places_order(1_00).await;
    shop.has_settled().await;
    assert!(sink.taken()[1].contains("Subject: Changed"), "{}", sink.taken()[1]);
}

#[tokio::test]
async fn a_bad_template_harms_who_sends_it_and_says_what_to_do() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let _daemon = shop.daemon_with(&[("THENDO_MAIL__SMTP_URL", &sink.url)]).await;
    writes_template(&shop, "good", "Good", "<p>good</p>").await;
    writes_template(&shop, "broken", "{{ customer.name", "<p>x</p>").await;
    writes_template(&shop, "lacking", "Hi", "<p>{{ order.nickname }}</p>").await;
    writes_template(
        &shop,
        "endless",
        "Hi",
        "{% for a in range(999) %}{% for b in range(999) %}xx{% endfor %}{% endfor %}",
    )
    .await;
    writes_template(&shop, "large", "Hi", &"x".repeat(200_000)).await;
    let (rules, tags) = ((0..900).map(|n| format!(".c{n}{{a:b}}")).collect::<String>(), "<p>x".repeat(4_000));
    writes_template(&shop, "styled", "Hi", &format!("<style>{rules}</style>{tags}")).await;
    writes_template(&shop, "off", "Hi", "x").await;
    shop.does("update email_templates set is_active = false where name = 'off'").await;
    let all = ["good", "broken", "lacking", "endless", "large", "styled", "off", "nowhere"];
    for name in all {
        shop.publishes(name, &mail_of(name, Value::Null)).await;
    }
    let sql = "select diagnostics::text from workflows where name = 'nowhere'";
    let warned: String = shop.db.query_one(sql, &[]).await.expect("a row").get(0);
    assert!(
        warned.contains("mail-not-ready") && warned.contains("there is no template `nowhere`"),
        "{warned}"
    );
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(sink.taken().len(), 1);
    for (name, words) in [
        ("broken", "the subject of the template `broken`"),
        (
            "lacking",
            "`order.nickname` is undefined; mend it in `email_templates`, or give it to the node's `values`",
        ),
        ("endless", "the html of the template `endless`"),
        ("large", "longer than 64 KiB"),
        ("styled", "the HTML has 900 style rules for 4002 tags"),
        ("off", "the template `off` is not active"),
        ("nowhere", "there is no template `nowhere`: add a row"),
    ] {
        let error = error_of(&shop, name).await;
        assert!(error.contains(words) && error.contains("thanks"), "{name}: {error}");
    }
    assert_eq!(error_of(&shop, "good").await, "");
    // Added by then, it is sent by then.
    writes_template(&shop, "nowhere", "Here", "<p>here</p>").await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    assert_eq!(error_of(&shop, "nowhere").await, "");
}

#[tokio::test]
async fn an_editor_that_leaves_its_transaction_open_holds_nobody_up() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    writes_template(&shop, "thanks", "Before", "<p>x</p>").await;
    let editor = crate::support::connect(&shop.url).await;
    editor.batch_execute("begin; update email_templates set subject = 'After'").await.expect("an edit");
    // Publishing needs the epoch.
    shop.publishes("mail", &mail_of("thanks", Value::Null)).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    editor.batch_execute("commit").await.expect("committed");
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let sql = "select string_agg(payload ->> 'subject', ' ' order by created_at) from workflow_deliveries";
    let sent: String = shop.db.query_one(sql, &[]).await.expect("mails").get(0);
    assert_eq!(sent, "Before After");
}

#[tokio::test]
async fn a_test_run_shows_the_very_mail_and_publishing_warns_of_one_that_is_missing() {
    let shop = Shop::open().await;
    let file = shop.folder.path().join("mail.json");
    std::fs::write(&file, mail_of("thanks", Value::Null).to_string()).expect("written");
    let event = shop.folder.path().join("event.json");
    let data = json!({ "type": "order_created", "at": "2026-11-22T10:00:00Z", "data": {
        "order": { "id": "0192b3c4-0000-7000-8000-000000000001", "total": 25000, "currency": "EUR" },
        "customer": { "id": "0192b3c4-0000-7000-8000-000000000002", "email": "bob@example.com", "name": "Bob" } } });
    std::fs::write(&event, data.to_string()).expect("written");
    let (file, event) = (file.to_str().expect("a path"), event.to_str().expect("a path"));
    let (code, said, warned) = shop.thendo(&["workflow", "publish", file]).await;
    assert_eq!(code, Some(0), "{said}{warned}");
    assert!(warned.contains("there is no template `thanks`"), "{warned}");
    let (code, said, _) = shop.thendo(&["test-run", file, "--event", event, "--format", "json"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("there is no template `thanks`"), "{said}");
    writes_template(&shop, "thanks", "Thank you, {{ customer.name }}", "<p>{{ order.total | money }}</p>")
        .await;
    let (code, said, warned) = shop.thendo(&["test-run", file, "--event", event, "--format", "json"]).await;
    assert_eq!(code, Some(0), "{said}{warned}");
    let report: Value = serde_json::from_str(&said).expect("JSON");
    let mail = &report["deliveries"][0];
    assert_eq!((&mail["to"], &mail["subject"]), (&json!("bob@example.com"), &json!("Thank you, Bob")));
    assert!(mail["html"].as_str().is_some_and(|html| html.contains("250.00")), "{mail}");
    let (_, said, warned) = shop.thendo(&["workflow", "publish", file]).await;
    assert!(!warned.contains("warning"), "{said}{warned}");
    until("it stays so", || async { shop.count("workflow_deliveries").await == 0 }).await;
}
