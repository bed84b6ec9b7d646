//! Campaigns through the API: how they do, and what they are told.

use serde_json::json;

use super::{Api, is_problem, makes_key};

const CAMPAIGNS: &str = "insert into email_templates (name, subject, text) values ('back', 'Back', 'It is back');
    insert into product_waitlist (product_id, email) values ('prod_1', 'a@x.example'), ('prod_1', 'b@x.example'),
        ('prod_2', 'c@x.example');
    insert into product_waitlist (product_id, variant_id, email) values ('prod_1', 'v', 'B@x.example');
    insert into waitlist_campaigns (name, template_id, status, product_id, scheduled_at)
        select 'Later', id, 'scheduled', 'prod_1', now() + interval '1 day' from email_templates;
    insert into waitlist_campaigns (name, status) select 'Twin', 'draft' from generate_series(1, 2)";

#[tokio::test]
async fn a_campaign_rests_goes_on_and_is_called_off() {
    let api = Api::open().await;
    api.shop.does(CAMPAIGNS).await;
    let shown = api.ask("GET", "/campaigns/Later", None).await;
    assert_eq!((shown.status, &shown.body["would_go_to"]), (200, &json!(2)), "{shown:?}");
    let id = shown.body["campaign"]["id"].as_str().expect("an id").to_owned();
    is_problem(&api.ask("GET", "/campaigns/Sooner", None).await, 404, "no-such-campaign");
    is_problem(&api.ask("POST", "/campaigns/Twin/cancel", None).await, 409, "ambiguous-name");
    is_problem(&api.ask("POST", "/campaigns/Later/resume", None).await, 409, "wrong-state");

    let paused = api.ask("POST", "/campaigns/Later/pause", None).await;
    assert_eq!((paused.status, &paused.body["status"]), (200, &json!("paused")), "{paused:?}");
    is_problem(&api.ask("POST", &format!("/campaigns/{id}/pause"), None).await, 409, "wrong-state");
    let resumed = api.ask("POST", "/campaigns/Later/resume", None).await;
    assert_eq!(resumed.body["status"], "scheduled", "it had not started: {resumed:?}");
    let reader = makes_key(&api.shop, "reader", &["read"]).await;
    let reader = [("authorization", format!("Bearer {reader}"))];
    let headers = reader.each_ref().map(|(name, value)| (*name, value.as_str()));
    let refused =
        super::ask(&api.daemon.http, "POST", "/api/v1/campaigns/Later/cancel", &headers, None).await;
    is_problem(&refused, 403, "no-right");
    let cancelled = api.ask("POST", "/campaigns/Later/cancel", None).await;
    assert_eq!(cancelled.body["status"], "cancelled", "{cancelled:?}");
    is_problem(&api.ask("POST", "/campaigns/Later/resume", None).await, 409, "wrong-state");

    let audit = api.ask("GET", &format!("/audit?target={id}"), None).await;
    let lines = audit.body["items"].as_array().expect("lines");
    let acts: Vec<&str> = lines.iter().filter_map(|line| line["act"].as_str()).collect();
    assert_eq!(
        acts,
        ["campaign.cancel", "campaign.resume", "campaign.pause"],
        "what was refused has no line"
    );
    assert_eq!(lines[2]["detail"], json!({"name": "Later", "before": "scheduled"}));
}

#[tokio::test]
async fn campaigns_are_listed_in_pages_each_once() {
    let api = Api::open().await;
    api.shop.does(CAMPAIGNS).await;
    let (mut path, mut seen) = ("/campaigns?limit=1".to_owned(), Vec::new());
    loop {
        let page = api.ask("GET", &path, None).await;
        assert_eq!(page.status, 200, "{page:?}");
        seen.extend(page.body["items"].as_array().expect("items").iter().map(|row| row["id"].to_string()));
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/campaigns?limit=1&cursor={next}");
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((count, seen.len()), (3, 3), "{seen:?}");
    let list = api.ask("GET", "/campaigns", None).await.body.to_string();
    assert!(!list.contains("x.example"), "nobody's address: {list}");
}

#[tokio::test]
async fn a_campaign_is_drafted_looked_at_and_sent() {
    let api = Api::open().await;
    api.shop.does(CAMPAIGNS).await;
    let edit =
        json!({"name": "Mugs", "template": "back", "product_id": "prod_1", "audience": {"from": "waitlist"}});
    let drafted = api.ask("POST", "/campaigns", Some(&edit)).await;
    assert_eq!((drafted.status, &drafted.body["campaign"]["status"]), (201, &json!("draft")), "{drafted:?}");
    assert_eq!(drafted.body["would_go_to"], 2, "{drafted:?}");
    assert_eq!(drafted.body["plan"]["template"], "back");
    let id = drafted.body["campaign"]["id"].as_str().expect("an id").to_owned();
    let path = format!("/campaigns/{id}");

    let sample = api.ask("GET", &format!("{path}/sample"), None).await;
    let emails = sample.body["people"].as_array().expect("people").iter().map(|one| one["email"].as_str());
    assert_eq!(
        emails.collect::<Vec<_>>(),
        [Some("a@x.example"), Some("b@x.example")],
        "each once: {sample:?}"
    );

    // Two who edit it do not write over each other.
    let first = drafted.header("etag").to_owned();
    let named = |name: &str| {
        let mut edit = edit.clone();
        edit["name"] = json!(name);
        edit
    };
    is_problem(&api.ask("PUT", &path, Some(&named("Cups"))).await, 428, "no-edition");
    let written = api.ask_with("PUT", &path, &[("if-match", &first)], Some(&named("Cups"))).await;
    assert_eq!((written.status, &written.body["campaign"]["name"]), (200, &json!("Cups")), "{written:?}");
    let stale = api.ask_with("PUT", &path, &[("if-match", &first)], Some(&named("Plates"))).await;
    is_problem(&stale, 412, "changed-meanwhile");
    let send = format!("{path}/send");
    let stale = api.ask_with("POST", &send, &[("if-match", &first)], Some(&json!({}))).await;
    is_problem(&stale, 412, "changed-meanwhile");

    // Not to more than whom one saw, and not without a mail that may be sent.
    is_problem(&api.ask("POST", &send, Some(&json!({"at_most": 1}))).await, 412, "changed-meanwhile");
    api.shop.does("update email_templates set is_active = false").await;
    is_problem(&api.ask("POST", &send, Some(&json!({}))).await, 409, "not-ready");
    api.shop.does("update email_templates set is_active = true").await;
    assert_eq!(api.ask("GET", &path, None).await.body["campaign"]["status"], "draft", "refused is not sent");

    for at in ["2020-01-01T00:00:00Z", "2199-01-01T00:00:00Z"] {
        is_problem(&api.ask("POST", &send, Some(&json!({"at": at}))).await, 422, "bad-value");
    }
    // Nor a mail that was written since one looked at it.
    let seen = written.header("etag").to_owned();
    api.shop.does("update email_templates set text = 'It is gone'").await;
    let stale = api.ask_with("POST", &send, &[("if-match", &seen)], Some(&json!({}))).await;
    is_problem(&stale, 412, "changed-meanwhile");

    let soon = api.shop.db.query_one("select to_json(now() + interval '1 day') #>> '{}'", &[]).await;
    let soon: String = soon.expect("a time").get(0);
    let sent = api.ask("POST", &send, Some(&json!({"at": soon, "at_most": 2}))).await;
    assert_eq!((sent.status, &sent.body["campaign"]["status"]), (200, &json!("scheduled")), "{sent:?}");
    is_problem(&api.ask("POST", &send, Some(&json!({}))).await, 409, "wrong-state");
    let late = api.ask_with("PUT", &path, &[("if-match", "*")], Some(&named("Late"))).await;
    is_problem(&late, 409, "wrong-state");

    let audit = api.ask("GET", &format!("/audit?target={id}"), None).await;
    let acts: Vec<_> =
        audit.body["items"].as_array().expect("lines").iter().map(|line| &line["act"]).collect();
    assert_eq!(acts, ["campaign.send", "campaign.write", "campaign.add"]);
    assert_eq!(audit.body["items"][0]["detail"]["would_go_to"], 2);
}

#[tokio::test]
async fn what_no_campaign_can_be_is_refused_where_it_stands() {
    let api = Api::open().await;
    api.shop.does(CAMPAIGNS).await;
    let fine = json!({"name": "Mugs", "audience": {"from": "waitlist"}});
    for (key, value, code) in [
        ("name", json!(""), "bad-name"),
        ("name", json!("00000000-0000-4000-8000-000000000000"), "bad-name"),
        ("subject", json!(""), "bad-value"),
        ("subject", json!("x".repeat(2001)), "bad-value"),
        ("subject", json!("a\u{0}b"), "bad-value"),
        ("rate_per_minute", json!(0), "bad-value"),
        ("limit_to_stock", json!(true), "bad-value"),
        ("quiet_hours", json!({"from": "25:00", "until": "08:00"}), "bad-value"),
    ] {
        let mut edit = fine.clone();
        edit[key] = value;
        if key == "limit_to_stock" {
            edit["audience"] = json!({"from": "newsletter"});
        }
        let refused = api.ask("POST", "/campaigns", Some(&edit)).await;
        assert!(matches!(refused.status, 400 | 422), "{key}: {refused:?}");
        assert!(
            [code, "bad-body"].contains(&refused.body["code"].as_str().unwrap_or_default()),
            "{key}: {refused:?}"
        );
    }
    let unknown = json!({"name": "Mugs", "template": "nowhere", "audience": {"from": "waitlist"}});
    is_problem(&api.ask("POST", "/campaigns", Some(&unknown)).await, 404, "no-such-template");
    assert_eq!(api.shop.count("waitlist_campaigns").await, 3, "what was refused was not added");
    // Without a template it is a draft, and stays one.
    let bare = api.ask("POST", "/campaigns", Some(&fine)).await;
    assert_eq!(bare.status, 201, "{bare:?}");
    is_problem(&api.ask("POST", "/campaigns/Mugs/send", Some(&json!({}))).await, 409, "not-ready");
    // Who operates may not write what is sent; who writes may not send.
    let author = makes_key(&api.shop, "author", &["read", "author"]).await;
    let bearer = format!("Bearer {author}");
    let headers = [("authorization", bearer.as_str())];
    let refused =
        super::ask(&api.daemon.http, "POST", "/api/v1/campaigns/Mugs/send", &headers, Some(&json!({}))).await;
    is_problem(&refused, 403, "no-right");
}

#[tokio::test]
async fn who_opened_a_campaign_s_mails_counts_once_and_proxies_apart() {
    let api = Api::open().await;
    api.shop.does(CAMPAIGNS).await;
    api.shop
        .does(
            "update waitlist_campaigns set started_at = now() - interval '1 hour' where name = 'Later';
             insert into waitlist_campaign_recipients (campaign_id, email)
                 select id, 'r' || g || '@x.example' from waitlist_campaigns, generate_series(1, 4) g where name = 'Later';
             insert into campaign_opens (campaign_id, recipient_id, is_proxy, opened_at)
                 select r.campaign_id, r.id, r.email like 'r3%', now() - interval '30 minutes'
                   from waitlist_campaign_recipients r, generate_series(1, 2) where r.email not like 'r4%';
             insert into campaign_clicks (campaign_id, recipient_id, url)
                 select campaign_id, id, 'https://shop.example/mug' from waitlist_campaign_recipients where email like 'r1%'",
        )
        .await;
    let hits = api.ask("GET", "/campaigns/Later/hits", None).await;
    let totals = ["opened", "opened_by_proxy", "clicked"].map(|key| hits.body[key].as_i64());
    assert_eq!(totals, [Some(2), Some(1), Some(1)], "{hits:?}");
    assert_eq!(hits.body["span_s"], 300);
    let course = hits.body["course"].as_array().expect("a course");
    assert_eq!(course.iter().filter_map(|span| span["opens"].as_i64()).sum::<i64>(), 2, "{course:?}");
    assert_eq!(hits.body["links"], json!([{"url": "https://shop.example/mug", "clicked": 1}]));
}
