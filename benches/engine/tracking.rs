//! Pixels fetched and links followed, of mails of a real campaign: from the first request to the last row.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;

use crate::Outcome;
use crate::campaigns::ended;
use crate::lab::{Bound, Lab};
use crate::sink::Sink;

const RECIPIENTS: usize = 100;
const HITS: usize = 40_000;
/// People at the same time.
const AT_ONCE: usize = 32;
const PUBLIC: &str = "https://shop.example.com/t";
/// It signs the links.
const KEY: &str = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=";
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

const CAMPAIGN: &str = "
    insert into subscribers (email, name, status) select 's' || g || '@example.com', 'S' || g, 'subscribed' from generate_series(1, 100) g;
    insert into email_templates (name, subject, html, consent) values ('news', 'News',
        '<html><body><p><a href=\"https://shop.example.com/news\">Read on</a> <a href=\"{{ unsubscribe_url }}\">Out</a></p></body></html>', 'marketing');
    insert into waitlist_campaigns (name, template_id, audience, status, rate_per_minute)
    select 'News', id, '{\"from\": \"subscribers\"}', 'scheduled', 600000 from email_templates";

/// Half of them open, half of them follow.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    lab.probe()?;
    let sink = Sink::open().await?;
    let (db, url) = lab.shop_with(&[]).await?;
    db.batch_execute(CAMPAIGN).await?;
    let settings = [
        ("THENDO_MAIL__SMTP_URL", sink.url.as_str()),
        ("THENDO_PUBLIC_URL", PUBLIC),
        ("THENDO_SECRETS__KEY", KEY),
    ];
    let daemon = lab.daemon_with(&url, &settings).await?;
    ended(lab, &db, Instant::now()).await?;
    let mut links: Vec<String> =
        sink.taken().values().flat_map(|(_, mail)| links(mail, &daemon.http)).collect();
    links.sort();
    if links.len() != 2 * RECIPIENTS {
        return Err(format!("{} links in {RECIPIENTS} mails", links.len()).into());
    }
    // What comes at once would be a scanner's.
    db.batch_execute("update waitlist_campaign_recipients set sent_at = now() - interval '1 minute'").await?;
    let began = Instant::now();
    follow(Arc::new(links)).await?;
    let answered = began.elapsed();
    let sql = "select (select count(*) from campaign_opens where not is_proxy), (select count(*) from campaign_clicks where not is_proxy)";
    let half = HITS as i64 / 2;
    loop {
        let row = db.query_one(sql, &[]).await?;
        match (row.get::<_, i64>(0), row.get::<_, i64>(1)) {
            all if all == (half, half) => break,
            all if began.elapsed() > answered + Duration::from_secs(30) => {
                return Err(
                    format!("{HITS} hits were answered, of opens and clicks there are {all:?}").into()
                );
            }
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    let rate = HITS as f64 / began.elapsed().as_secs_f64();
    let beside = format!(
        "{HITS} hits of {AT_ONCE} at once, none lost; answered after {:.1} s",
        answered.as_secs_f64()
    );
    lab.notes("tracking", "hits/s, until they are rows", rate, Bound::AtLeast(2000.0), beside);
    drop((daemon, db));
    lab.drop_database(&url).await
}

async fn follow(links: Arc<Vec<String>>) -> Outcome<()> {
    let client = reqwest::Client::builder().redirect(Policy::none()).user_agent(AGENT).build()?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut people = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, next, links) = (client.clone(), next.clone(), links.clone());
        people.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= HITS {
                    return Outcome::Ok(());
                }
                // By halves: the pixels come behind the links.
                let answer = client.get(&links[n % links.len()]).send().await?;
                if !matches!(answer.status().as_u16(), 200 | 302) {
                    return Err(format!("answered with {}", answer.status()).into());
                }
                answer.bytes().await?;
            }
        });
    }
    while let Some(done) = people.join_next().await {
        done??;
    }
    Ok(())
}

/// The pixel and the link of a mail, at the daemon.
fn links(mail: &str, daemon: &str) -> Vec<String> {
    let text = mail.replace("=\n", "").replace("=3D", "=");
    let ours = text.match_indices(PUBLIC).map(|(at, _)| {
        let link = text[at + PUBLIC.len()..].split(['"', '>', ' ', '\n']).next().unwrap_or_default();
        link.replace("&#x2F;", "/")
    });
    let mut ours: Vec<String> =
        ours.filter(|link| link.starts_with("/o/") || link.starts_with("/c/")).collect();
    ours.dedup();
    ours.into_iter().map(|path| format!("{daemon}{path}")).collect()
}
