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
