//! Who opens a campaign's mail and follows its links: from the mail, by HTTP, into rows and workflows; and what leads nowhere.

use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};
use serde_json::json;

use crate::loyalty::one_action;
use crate::support::daemon::Daemon;
use crate::support::sink::{Manner, Sink};
use crate::support::{Shop, edge, node, until};

const PUBLIC: &str = "https://m.shop.example/t";
const PERSON: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
pub const KEY: (&str, &str) = ("THENDO_SECRETS__KEY", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=");

const TEMPLATE: &str = "insert into email_templates (name, subject, html, consent) values ('back', 'Back', '<html><head><style>a{color:red}</style></head><body>
    <a href=\"https://x.example/buy?id=1&amp;who={{ recipient.name|urlencode }}&amp;q=a%20b\">Buy</a>
    <a href=\"https://x.example/schön\">Nice</a>
    <a href=\"https://x.example/plain\" data-no-track>Plain</a> <a href=\"mailto:shop@x.example\">Write</a>
    <a href=\"{{ unsubscribe_url }}\">Out</a></body></html>', 'marketing')";

/// A campaign's mail to one, who agreed; what its HTML and its text say.
struct Sent {
    shop: Shop,
    sink: Sink,
    daemon: Daemon,
    html: String,
    text: String,
}

async fn daemon(shop: &Shop, sink: &Sink, public: &str) -> Daemon {
    shop.daemon_with(&[("THENDO_MAIL__SMTP_URL", &sink.url), ("THENDO_PUBLIC_URL", public), KEY]).await
}

async fn sent(before: &str, public: &str) -> Sent {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Accepts).await;
    let daemon = daemon(&shop, &sink, public).await;
    shop.does(TEMPLATE).await;
    shop.does(before).await;
    shop.does(
        "insert into product_waitlist (product_id, email, name) values ('p', 'eve@x.example', 'E & e');
         insert into consents (email, purpose, decision, source) values ('eve@x.example', 'marketing', 'granted', 'test')",
    )
    .await;
    let config =
        json!({"name": "Back", "template": "back", "audience": {"from": "waitlist"}, "product": "p"});
    shop.publishes("campaign", &one_action("order_created", "send_campaign", config)).await;
    shop.places_order(100).await;
    let ended = "select count(*) from waitlist_campaigns where status = 'sent' and is_settled";
    until("it is sent", async || shop.number(ended, &[]).await == 1).await;
    // What comes at once would be a scanner's.
    shop.does("update waitlist_campaign_recipients set sent_at = now() - interval '1 minute'").await;
    let fate = "select status || coalesce(': ' || error, '') from waitlist_campaign_recipients";
    let fate: String = shop.db.query_one(fate, &[]).await.expect("one").get(0);
    assert_eq!(fate, "sent");
    let mail = decoded(&sink.taken()[0]);
    let (text, html) = mail.split_once("Content-Type: text/html").unwrap_or_else(|| panic!("{mail}"));
    Sent { text: text.to_owned(), html: html.to_owned(), shop, sink, daemon }
}

/// Without quoted-printable.
pub fn decoded(mail: &str) -> String {
    let joined = mail.replace("\r\n", "\n").replace("=\n", "");
    let mut parts = joined.split('=');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => bytes.extend_from_slice(format!("={part}").as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Sent {
    /// The path of the link that shows this.
    fn link(&self, shown: &str) -> String {
        let before = self.html.split(&format!(">{shown}</a>")).next().expect("a link");
        let href =
            before.rsplit("href=\"").next().and_then(|rest| rest.split('"').next()).expect("its address");
        href.replace("&amp;", "&").replace("&#x2F;", "/")
    }

    fn pixel(&self) -> String {
        let src = self.html.split("<img src=\"").nth(1).and_then(|rest| rest.split('"').next());
        src.unwrap_or_else(|| panic!("no pixel: {}", self.html)).to_owned()
    }

    async fn asks(&self, method: Method, link: &str, agent: &str) -> Response {
        let path = link.strip_prefix(PUBLIC).unwrap_or_else(|| panic!("not ours: {link}"));
        let client = Client::builder().redirect(Policy::none()).build().expect("a client");
        let url = format!("{}{path}", self.daemon.http);
        client.request(method, url).header("user-agent", agent).send().await.expect("an answer")
    }

    /// Rows that are there, those of people first.
    async fn rows(&self, table: &str) -> (i64, i64) {
        let sql = format!("select count(*) filter (where not is_proxy) * 1000 + count(*) from {table}");
        let both = self.shop.number(&sql, &[]).await;
        (both / 1000, both % 1000)
    }

    async fn has(&self, table: &str, people: i64, all: i64) {
        until("the hits are written", async || self.rows(table).await.1 >= all).await;
        assert_eq!(self.rows(table).await, (people, all), "{table}");
    }
}

#[tokio::test]
async fn links_lead_where_they_led_and_what_is_followed_is_noted() {
    let sent = sent("", PUBLIC).await;
    let clicked = json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "campaign_clicked", "config": {} })),
            node("act", "action", json!({ "actionType": "create_changelog_entry", "config": {
                "title": "{{ click.url }}", "slug": "clicked" } })),
        ],
        "edges": [edge("start", "act")],
    });
    sent.shop.publishes("clicked", &clicked).await;
    let targets = [
        ("Buy", "https://x.example/buy?id=1&who=E%20%26%20e&q=a%20b"),
        ("Nice", "https://x.example/sch%C3%B6n"),
    ];
    for (shown, target) in targets {
        let answer = sent.asks(Method::GET, &sent.link(shown), PERSON).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["location"]),
            (302, &target.parse().expect("a value"))
        );
        assert_eq!(
            (&answer.headers()["cache-control"], &answer.headers()["referrer-policy"]),
            (&"no-store".parse().expect("a value"), &"no-referrer".parse().expect("a value"))
        );
        let noted = "select count(*) from campaign_clicks k join waitlist_campaign_recipients r on r.id = k.recipient_id and r.campaign_id = k.campaign_id
            where k.url = $1 and not k.is_proxy and k.user_agent = $2 and r.email = 'eve@x.example' and k.clicked_at between now() - interval '1 minute' and now()";
        until("the click is noted", async || sent.shop.number(noted, &[&target, &PERSON]).await == 1).await;
    }
    sent.has("campaign_clicks", 2, 2).await;
    until("the workflow ran", async || sent.shop.count("changelog_entries").await == 1).await;
    let answer = sent.asks(Method::GET, &sent.pixel(), PERSON).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"image/gif".parse().expect("a value"))
    );
    assert_eq!(&answer.headers()["cross-origin-resource-policy"], "cross-origin");
    assert_eq!(answer.bytes().await.expect("a GIF").len(), 43);
    sent.has("campaign_opens", 1, 1).await;
    assert_eq!(sent.daemon.metric("thendo_tracking_hits_total").await, 3.0);
    // What is not to be tracked is not, and the text says where links lead.
    assert_eq!(sent.link("Plain"), "https://x.example/plain");
    assert_eq!(sent.link("Write"), "mailto:shop@x.example");
    assert!(sent.link("Out").starts_with(&format!("{PUBLIC}/unsubscribe/")), "{}", sent.html);
    assert!(sent.text.contains("https://x.example/buy?id=1") && !sent.text.contains("/c/"), "{}", sent.text);
    let logged = sent.daemon.logged();
    let token = sent.link("Buy").rsplit('/').next().expect("a token").to_owned();
    assert!(!logged.contains(&token), "tokens are in no log");
}

#[tokio::test]
async fn what_is_forged_leads_nowhere_and_machines_are_marked() {
    let sent = sent("", PUBLIC).await;
    let (buy, pixel) = (sent.link("Buy"), sent.pixel());
    let token = buy.rsplit('/').next().expect("a token");
    let swapped = |at: usize| {
        let mut other = token.to_owned();
        let new = if other[at..].starts_with('A') { "B" } else { "A" };
        other.replace_range(at..=at, new);
        format!("{PUBLIC}/c/{other}")
    };
    let elsewhere = "aHR0cHM6Ly9ldmlsLmV4YW1wbGUv";
    for forged in [
        swapped(0),
        swapped(50),
        swapped(token.len() - 2),
        format!("{PUBLIC}/c/{elsewhere}"),
        format!("{PUBLIC}/c/{token}{elsewhere}"),
        format!("{PUBLIC}/c/https:%2F%2Fevil.example"),
        // A pixel's token is no link's.
        pixel.replace("/o/", "/c/"),
        format!("{PUBLIC}/c/{}", "A".repeat(6000)),
    ] {
        let answer = sent.asks(Method::GET, &forged, PERSON).await;
        assert!(answer.status() == 404 && !answer.headers().contains_key("location"), "{forged}: {answer:?}");
        assert!(answer.text().await.expect("a page").contains("Nothing here"));
        let pixel = sent.asks(Method::GET, &forged.replace("/c/", "/o/"), PERSON).await;
        assert_eq!(pixel.status(), 200, "a broken picture helps nobody");
    }
    assert_eq!(sent.asks(Method::POST, &buy, PERSON).await.status(), 405);
    // The last of those was the true pixel.
    sent.has("campaign_opens", 1, 1).await;
    let head = sent.asks(Method::HEAD, &buy, PERSON).await;
    assert_eq!((head.status().as_u16(), head.headers().contains_key("location")), (302, true));
    assert_eq!(sent.asks(Method::GET, &buy, "Barracuda Sentinel (EE)").await.status(), 302);
    assert_eq!(sent.asks(Method::GET, &buy, PERSON).await.status(), 302);
    sent.has("campaign_clicks", 1, 3).await;
    sent.asks(Method::GET, &pixel, "Mozilla/5.0 (via ggpht.com GoogleImageProxy)").await;
    sent.asks(Method::HEAD, &pixel, PERSON).await;
    sent.has("campaign_opens", 1, 3).await;
    // Whoever comes as it is sent is no person; whoever is erased is nobody.
    sent.shop.does("update waitlist_campaign_recipients set sent_at = now()").await;
    sent.asks(Method::GET, &buy, PERSON).await;
    sent.has("campaign_clicks", 1, 4).await;
    sent.shop.does("delete from waitlist_campaign_recipients").await;
    assert_eq!(sent.asks(Method::GET, &buy, PERSON).await.status(), 302, "they still get where they want");
    sent.asks(Method::GET, &pixel, PERSON).await;
    let status = sent.daemon.stops();
    assert!(status.success(), "{status}");
    assert_eq!(sent.shop.count("campaign_clicks").await + sent.shop.count("campaign_opens").await, 0);
}

#[tokio::test]
async fn links_outlive_the_daemon_and_what_it_took_is_written_when_it_ends() {
    let mut sent = sent("", PUBLIC).await;
    let (buy, pixel) = (sent.link("Buy"), sent.pixel());
    sent.daemon.dies();
    sent.daemon = daemon(&sent.shop, &sent.sink, PUBLIC).await;
    sent.asks(Method::GET, &buy, PERSON).await;
    sent.has("campaign_clicks", 1, 1).await;
    // Nobody answers for the database: nobody waits for it either, and nothing is lost.
    let holds = crate::support::connect(&sent.shop.url).await;
    holds
        .batch_execute("begin; lock table campaign_clicks, campaign_opens in exclusive mode")
        .await
        .expect("held");
    sent.asks(Method::GET, &buy, PERSON).await;
    let stuck = "select count(*) from pg_locks where not granted and relation = 'campaign_clicks'::regclass";
    until("the writer is stuck", async || sent.shop.number(stuck, &[]).await == 1).await;
    for _ in 0..20 {
        assert_eq!(sent.asks(Method::GET, &buy, PERSON).await.status(), 302);
        assert_eq!(sent.asks(Method::GET, &pixel, PERSON).await.status(), 200);
    }
    // It is told to end before anything could be written.
    let (http, daemon) = (sent.daemon.http.clone(), sent.daemon);
    let ends = tokio::task::spawn_blocking(move || daemon.stops());
    until("it takes no more", async || reqwest::get(format!("{http}/healthz")).await.is_err()).await;
    holds.batch_execute("commit").await.expect("let go");
    let status = ends.await.expect("no panic");
    assert!(status.success(), "{status}");
    let both = sent.shop.number(
        "select (select count(*) from campaign_clicks) * 100 + (select count(*) from campaign_opens)",
        &[],
    );
    assert_eq!(both.await, 2220);
}

#[tokio::test]
async fn a_template_that_does_not_track_has_plain_links() {
    let off = sent("update email_templates set tracks = false", PUBLIC).await;
    assert_eq!(off.link("Buy"), "https://x.example/buy?id=1&who=E%20%26%20e&q=a%20b");
    assert!(!off.html.contains("<img") && !off.html.contains("/c/"), "{}", off.html);
    assert!(off.link("Out").starts_with(&format!("{PUBLIC}/unsubscribe/")));
}
