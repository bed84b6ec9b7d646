//! Webhooks on their way out: signed so that the other side believes them, and Slack, where the URL is the secret.

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::secrets::{KEY, on_order, stores};
use crate::support::Shop;
use crate::support::hooks::{Hooks, Manner};
use crate::support::look::{lines_with, whole_database};

const ALLOW: &str = "THENDO_HTTP__ALLOW";
const KEY_SETTING: &str = "THENDO_SECRETS__KEY";
const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn tells_crm(url: &str) -> Value {
    let data =
        json!({ "order": "{{ order.id }}", "total": "{{ order.total }}", "name": "{{ customer.name }}" });
    on_order("send_webhook", json!({ "url": url, "secret": "crm", "type": "order.created", "data": data }))
}

async fn said(shop: &Shop) -> String {
    let sql = "select status || ' ' || coalesce(error, '') || steps::text from workflow_executions";
    shop.db.query_one(sql, &[]).await.expect("one execution").get(0)
}

#[tokio::test]
async fn the_other_side_believes_it_at_each_attempt() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::IsBusy(1, 1)).await;
    stores(&shop, "crm", SIGNING);
    let settings = [(ALLOW, &*hooks.address), (KEY_SETTING, KEY), ("THENDO_DELIVERIES__BACKOFF_MS", "100")];
    let _daemon = shop.daemon_with(&settings).await;
    shop.publishes("crm", &tells_crm(&hooks.url())).await;
    let order = shop.places_order(250_00).await;
    shop.has_settled().await;
    let calls = hooks.calls();
    assert_eq!(calls.len(), 2, "{}", said(&shop).await);
    assert!(calls[1].at - calls[0].at >= std::time::Duration::from_secs(1), "it asked to be left alone");
    let id: uuid::Uuid =
        shop.db.query_one("select id from workflow_deliveries", &[]).await.expect("one").get(0);
    let webhook = Webhook::new(SIGNING).expect("a secret");
    for call in &calls {
        webhook.verify(call.body.as_bytes(), &call.headers).expect("it is signed");
        let changed = call.body.replace("25000", "1");
        webhook.verify(changed.as_bytes(), &call.headers).expect_err("changed on the way");
        assert_eq!(call.headers["webhook-id"], id.to_string());
    }
    assert_ne!(calls[0].headers["webhook-timestamp"], calls[1].headers["webhook-timestamp"]);
    assert_ne!(calls[0].headers["webhook-signature"], calls[1].headers["webhook-signature"]);
    let body: Value = serde_json::from_str(&calls[0].body).expect("JSON");
    assert_eq!(body["data"], json!({ "order": order, "total": 25_000, "name": "Ada" }));
    assert_eq!(body["type"], "order.created");
    let told: chrono::DateTime<chrono::Utc> =
        body["timestamp"].as_str().expect("a text").parse().expect("a time");
    let age = chrono::Utc::now() - told;
    assert!(age.num_seconds().abs() < 60, "{told}");
    assert!(lines_with(&whole_database(&shop.db).await, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_empty());
}

#[tokio::test]
async fn who_wants_it_no_more_is_not_asked_again_and_nor_is_who_sends_elsewhere() {
    for (manner, expected) in [
        (Manner::Says(410), "gone for good"),
        (Manner::Redirects, "redirects are not followed"),
        (Manner::Says(400), "400"),
    ] {
        let shop = Shop::open().await;
        let hooks = Hooks::open(manner).await;
        stores(&shop, "crm", SIGNING);
        let _daemon = shop.daemon_with(&[(ALLOW, &hooks.address), (KEY_SETTING, KEY)]).await;
        shop.publishes("crm", &tells_crm(&hooks.url())).await;
        shop.places_order(250_00).await;
        shop.has_settled().await;
        let said = said(&shop).await;
        assert!(said.starts_with("failed") && said.contains(expected), "{said}");
        assert_eq!(hooks.calls().len(), 1);
    }
}

#[tokio::test]
async fn what_is_no_signing_secret_sends_nothing() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::Answers).await;
    stores(&shop, "crm", "just-a-password");
    let _daemon = shop.daemon_with(&[(ALLOW, &hooks.address), (KEY_SETTING, KEY)]).await;
    shop.publishes("crm", &tells_crm(&hooks.url())).await;
    shop.places_order(250_00).await;
    shop.has_settled().await;
    let said = said(&shop).await;
    assert!(said.contains("`crm`: it is no signing secret") && !said.contains("just-a"), "{said}");
    assert_eq!(hooks.calls().len(), 0);
}

#[tokio::test]
async fn slack_gets_a_message_in_which_nobody_is_pinged_and_its_url_is_shown_nowhere() {
    for (manner, fine) in [(Manner::Answers, true), (Manner::Says(404), false)] {
        let shop = Shop::open().await;
        let hooks = Hooks::open(manner).await;
        let path = "services/T00000000/B00000000/DONOTLOGxxxxxxxxxxxxxxxx";
        stores(&shop, "slack", &format!("{}{path}", hooks.url()));
        let daemon = shop.daemon_with(&[(ALLOW, &hooks.address), (KEY_SETTING, KEY)]).await;
        let config = json!({ "webhook": "slack", "text": "*{{ customer.name }}* ordered for {{ order.total|money('EUR') }}" });
        shop.publishes("slack", &on_order("notify_slack", config)).await;
        shop.db.execute("update customers set name = '<!channel> & <@U1>'", &[]).await.expect("renamed");
        shop.places_order(250_00).await;
        shop.has_settled().await;
        let [call] = &hooks.calls()[..] else { panic!("one call: {}", said(&shop).await) };
        assert_eq!(call.path, format!("/{path}"));
        let body: Value = serde_json::from_str(&call.body).expect("JSON");
        let text = body["text"].as_str().expect("a text");
        assert!(
            text.starts_with("*&lt;!channel&gt; &amp; &lt;@U1&gt;* ordered for") && text.contains("250"),
            "{text}"
        );
        let said = said(&shop).await;
        assert_eq!(said.starts_with("succeeded"), fine, "{said}");
        let all = whole_database(&shop.db).await;
        assert!(lines_with(&all, "DONOTLOG").is_empty(), "{:?}", lines_with(&all, "DONOTLOG"));
        assert!(!daemon.logged().contains("DONOTLOG"));
    }
}
