//! A campaign to 50,000 into a local sink: how quick, in how much memory; and once more, with the daemon killed in the middle.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::Outcome;
use crate::lab::{Bound, Lab};
use crate::sink::Sink;

const RECIPIENTS: i64 = 50_000;

const CAMPAIGN: &str = "
    insert into email_templates (name, subject, html, consent) values ('news', 'News for {{ recipient.name }}',
        '<html><body><h1>Hello {{ customer.name }}</h1><p>There is news: {{ values.campaign.name }}.</p>
         <p><a href=\"https://shop.example.com/news\">Read on</a></p></body></html>', 'transactional');
    insert into waitlist_campaigns (name, template_id, audience, status, rate_per_minute)
    select 'News', id, '{\"from\": \"subscribers\"}', 'scheduled', 600000 from email_templates";

/// Without and with a death.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    lab.probe()?;
    let (rate, memory) = whole(lab).await?;
    lab.notes(
        "campaigns",
        "mails/s of a campaign",
        rate,
        Bound::AtLeast(1500.0),
        format!("{RECIPIENTS} recipients"),
    );
    lab.notes("campaigns", "MiB at its end", memory, Bound::AtMost(120.0), "resident".into());
    lab.probe()?;
    let (missed, unknown, doubled) = killed(lab).await?;
    let beside = format!("{RECIPIENTS} recipients, the daemon killed in the middle");
    lab.notes("campaigns", "missed", missed, Bound::AtMost(0.0), beside.clone());
    lab.notes("campaigns", "doubled", doubled, Bound::AtMost(0.0), beside.clone());
    // As many as a daemon has in hand at once: under way, and taken but not yet written down.
    lab.notes("campaigns", "unknown", unknown, Bound::AtMost(16.0), beside);
    Ok(())
}

async fn whole(lab: &mut Lab) -> Outcome<(f64, f64)> {
    let sink = Sink::open().await?;
    let (db, url) = shop(lab).await?;
    let daemon = lab.daemon_with(&url, &[("THENDO_MAIL__SMTP_URL", &sink.url)]).await?;
    let began = Instant::now();
    ended(lab, &db, began).await?;
    let memory = daemon.memory_mib("VmRSS")?;
    let sql = "select extract(epoch from finished_at - started_at)::float8 from waitlist_campaigns";
    let took: f64 = db.query_one(sql, &[]).await?.get(0);
    let (mailed, doubled) = sink.counted();
    if (mailed, doubled) != (RECIPIENTS, 0) {
        return Err(format!("{mailed} of {RECIPIENTS} were mailed, {doubled} of them twice").into());
    }
    drop((daemon, db));
    lab.drop_database(&url).await?;
    Ok((RECIPIENTS as f64 / took, memory))
}

async fn killed(lab: &mut Lab) -> Outcome<(f64, f64, f64)> {
    let sink = Sink::open().await?;
    let (db, url) = shop(lab).await?;
    let settings = [("THENDO_MAIL__SMTP_URL", sink.url.as_str()), ("THENDO_DELIVERIES__LEASE_MS", "2000")];
    let daemon = lab.daemon_with(&url, &settings).await?;
    while sink.counted().0 < RECIPIENTS / 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    daemon.dies();
    let daemon = lab.daemon_with(&url, &settings).await?;
    ended(lab, &db, Instant::now()).await?;
    let sql = "select count(*) filter (where status = 'unknown'), count(*) filter (where status not in ('sent', 'unknown'))
        from waitlist_campaign_recipients";
    let row = db.query_one(sql, &[]).await?;
    let (unknown, otherwise): (i64, i64) = (row.get(0), row.get(1));
    let (mailed, doubled) = sink.counted();
    let missed = RECIPIENTS - mailed - unknown + otherwise;
    drop((daemon, db));
    lab.drop_database(&url).await?;
    Ok((missed.max(0) as f64, unknown as f64, doubled as f64))
}

async fn shop(lab: &mut Lab) -> Outcome<(Client, String)> {
    let (db, url) = lab.shop_with(&[]).await?;
    let subscribers = "insert into subscribers (email, name, status) select 's' || g || '@example.com', 'S' || g, 'subscribed' from generate_series(1, $1::bigint) g";
    db.execute(subscribers, &[&RECIPIENTS]).await?;
    db.batch_execute(CAMPAIGN).await?;
    Ok((db, url))
}

/// Waits until the campaign is over.
pub async fn ended(lab: &Lab, db: &Client, began: Instant) -> Outcome<()> {
    let sql = "select status, (select count(*) from waitlist_campaign_recipients where status = 'sent') from waitlist_campaigns";
    loop {
        let row = db.query_one(sql, &[]).await?;
        match row.get::<_, &str>(0) {
            "sent" => return Ok(()),
            "failed" => return Err("the campaign failed".into()),
            _ if began.elapsed() > Duration::from_secs(300) => {
                return Err(format!("{} sent after 300 s", row.get::<_, i64>(1)).into());
            }
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
        if began.elapsed().as_secs().is_multiple_of(30) {
            lab.says("campaigns", &format!("{} sent", row.get::<_, i64>(1)));
        }
    }
}
