//! Stored mails through the API: written with the edition that was read, tried, removed.

use serde_json::{Value, json};

use super::{Api, is_problem, makes_key};

fn mail(name: &str, subject: &str) -> Value {
    json!({"name": name, "subject": subject, "html": "<style>p {color: red}</style><p>Dear {{ customer.name }}, {{ values.code }}</p>",
        "consent": "transactional"})
}

#[tokio::test]
async fn what_no_mail_can_be_is_refused_with_its_reason() {
    let api = Api::open().await;
    for (body, status, code) in [
        (json!({"subject": "Hi", "text": "x"}), 422, "bad-name"),
        (json!({"name": "x".repeat(201), "subject": "Hi", "text": "x"}), 422, "bad-name"),
        (json!({"name": "a", "subject": "Hi"}), 422, "says-nothing"),
        (json!({"name": "a", "subject": "Hi", "text": "x\0"}), 422, "bad-value"),
        (json!({"name": "a", "subject": "Hi", "text": "x".repeat(65_537)}), 422, "bad-value"),
        (json!({"name": "a", "subject": "Hi {{ customer.name", "text": "x"}), 422, "faulty-template"),
        (json!({"name": "a", "subject": "Hi", "text": "x", "consent": "none"}), 400, "bad-body"),
        (json!({"name": "a", "subject": "Hi", "text": "x", "tacks": true}), 400, "bad-body"),
    ] {
        is_problem(&api.ask("POST", "/templates", Some(&body)).await, status, code);
    }
    let reader = format!("Bearer {}", makes_key(&api.shop, "reader", &["read"]).await);
    let headers = [("authorization", reader.as_str())];
    let refused =
        super::ask(&api.daemon.http, "POST", "/api/v1/templates", &headers, Some(&mail("a", "Hi"))).await;
    is_problem(&refused, 403, "no-right");
    for (verb, path) in [("GET", "/templates/none"), ("DELETE", "/templates/none")] {
        is_problem(&api.ask(verb, path, None).await, 404, "no-such-template");
    }
    let preview = api.ask("POST", "/templates/none/preview", Some(&json!({}))).await;
    is_problem(&preview, 404, "no-such-template");
    assert_eq!(api.shop.count("email_templates").await, 0);
}

#[tokio::test]
async fn a_mail_is_written_with_the_edition_that_was_read() {
    let api = Api::open().await;
    let added = api.ask("POST", "/templates", Some(&mail("thanks", "Hi"))).await;
    assert_eq!((added.status, &added.body["consent"]), (201, &json!("transactional")), "{added:?}");
    is_problem(&api.ask("POST", "/templates", Some(&mail("thanks", "Ho"))).await, 409, "name-taken");
    api.ask("POST", "/templates", Some(&mail("other", "Hi"))).await;
    let read = api.ask("GET", "/templates/thanks", None).await;
    let (first, id) = (read.header("etag").to_owned(), read.body["id"].as_str().expect("an id").to_owned());
    assert_eq!((first.as_str(), &read.body["faults"]), (added.header("etag"), &json!([])));
    assert_eq!(first, format!("\"{}\"", read.body["edition"].as_str().expect("an edition")));

    let edit = json!({"subject": "Thank you", "text": "Dear {{ customer.name }}"});
    is_problem(&api.ask("PUT", "/templates/thanks", Some(&edit)).await, 428, "no-edition");
    let seen = [("if-match", first.as_str())];
    let taken = json!({"name": "other", "subject": "Thank you", "text": "x"});
    is_problem(&api.ask_with("PUT", "/templates/thanks", &seen, Some(&taken)).await, 409, "name-taken");
    let written = api.ask_with("PUT", &format!("/templates/{id}"), &seen, Some(&edit)).await;
    assert_eq!(
        (written.status, &written.body["html"], &written.body["consent"]),
        (200, &Value::Null, &json!("transactional"))
    );
    is_problem(&api.ask_with("PUT", "/templates/thanks", &seen, Some(&edit)).await, 412, "changed-meanwhile");

    let listed = api.ask("GET", "/templates?limit=1", None).await;
    assert_eq!(listed.body["items"][0]["name"], "other", "{listed:?}");
    let next = listed.body["next"].as_str().expect("more");
    let rest = api.ask("GET", &format!("/templates?cursor={next}"), None).await;
    assert_eq!((&rest.body["items"][0]["name"], &rest.body["next"]), (&json!("thanks"), &Value::Null));

    api.shop
        .does("insert into waitlist_campaigns (name, template_id, status) select 'c', id, 'draft' from email_templates where name = 'thanks'")
        .await;
    is_problem(&api.ask("DELETE", "/templates/thanks", None).await, 409, "in-use");
    assert_eq!(api.ask("DELETE", "/templates/other", None).await.body["name"], "other");
    let audit = api.ask("GET", "/audit?limit=4", None).await;
    let acts: Vec<_> =
        audit.body["items"].as_array().expect("lines").iter().map(|line| &line["act"]).collect();
    assert_eq!(acts, ["template.remove", "template.write", "template.add", "template.add"]);
}

#[tokio::test]
async fn a_mail_is_seen_as_somebody_would_get_it() {
    let api = Api::open().await;
    api.ask("POST", "/templates", Some(&mail("thanks", "{{ order.total | money }} of {{ customer.name }}")))
        .await;
    let preview = |body: Value| {
        let api = &api;
        async move { api.ask("POST", "/templates/thanks/preview", Some(&body)).await }
    };
    let lacking = preview(json!({})).await;
    is_problem(&lacking, 422, "faulty-template");
    assert!(lacking.body["detail"].as_str().is_some_and(|text| text.contains("values.code")), "{lacking:?}");
    is_problem(
        &preview(json!({"event": uuid::Uuid::now_v7(), "values": {"code": 1}})).await,
        404,
        "no-such-event",
    );
    is_problem(&preview(json!({"sample": {"type": "order_craeted"}})).await, 422, "faulty-event");
    let both = json!({"sample": {}, "event": uuid::Uuid::nil()});
    is_problem(&preview(both).await, 400, "two-events");

    let values = json!({"code": "<b>"});
    let sample = preview(json!({"values": values})).await;
    assert_eq!((sample.status, &sample.body["to"]), (200, &json!("ada@example.com")), "{sample:?}");
    let html = sample.body["html"].as_str().expect("HTML");
    assert!(html.contains("Dear Ada, &lt;b&gt;") && html.contains("color: red"), "{html}");
    assert!(sample.body["text"].as_str().is_some_and(|text| text.contains("Dear Ada, <b>")), "{sample:?}");

    api.shop.publishes("points", &crate::support::points_and_deposit()).await;
    api.shop.places_order(120_00).await;
    let sql = "select id from workflow_events where table_name = 'orders'";
    let event: uuid::Uuid = api.shop.db.query_one(sql, &[]).await.expect("an event").get(0);
    let told = preview(json!({"event": event, "values": values})).await;
    assert!(
        told.body["subject"].as_str().is_some_and(|text| text.contains("120") && text.contains("Ada")),
        "{told:?}"
    );

    let edit = json!({"subject": "Edited {{ event.type }}", "text": "for {{ customer.email }}"});
    let file = json!({"type": "customer_created", "at": "2026-01-01T00:00:00Z", "data": {"customer": {"email": "zoe@example.com", "name": "Zoe"}}});
    let edited = preview(json!({"edit": edit, "sample": file})).await;
    assert_eq!(
        (&edited.body["subject"], &edited.body["text"], &edited.body["html"]),
        (&json!("Edited customer_created"), &json!("for zoe@example.com"), &Value::Null),
        "{edited:?}"
    );
    let edit =
        json!({"subject": "{{ values.campaign.name }}", "text": "{{ recipient.name }} {{ customer.email }}"});
    for (of, text) in [(json!({"event": event}), "Ada "), (json!({"sample": file}), "Zoe zoe@example.com")] {
        let mut body = json!({"edit": edit, "in_campaign": true});
        body.as_object_mut().expect("an object").extend(of.as_object().expect("one").clone());
        let seen = preview(body).await;
        assert!(seen.body["text"].as_str().is_some_and(|told| told.starts_with(text)), "{seen:?}");
        assert_eq!(seen.body["subject"], "A campaign", "{seen:?}");
    }
    let stored = api.ask("GET", "/templates/thanks", None).await;
    assert!(
        stored.body["subject"].as_str().is_some_and(|text| text.contains("order.total")),
        "nothing was stored"
    );
}
