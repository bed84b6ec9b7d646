//! Which mails of campaigns were opened, and which links were followed.

use std::time::Instant;

use sqlx::PgPool;
use uuid::Uuid;

/// Somebody, or something, fetched a pixel or followed a link.
#[derive(Debug)]
pub struct Hit {
    /// Whose mail it is.
    pub recipient: Uuid,
    /// Where the link leads; none: the mail was opened.
    pub url: Option<String>,
    /// What it said it is.
    pub user_agent: Option<String>,
    /// By the look of it no person.
    pub is_proxy: bool,
    /// When.
    pub at: Instant,
}

/// Whose recipient is gone is left out. Nobody reads a mail before it is sent, nor within two seconds after: that is a scanner.
/// The row stays for as long as this takes.
const OPENS: &str = "
    with hits as (
        select i.recipient_id, i.user_agent, i.is_proxy, clock_timestamp() - i.age_ms * interval '1 millisecond' as at
        from unnest($1::uuid[], $2::text[], $3::boolean[], $4::bigint[]) as i (recipient_id, user_agent, is_proxy, age_ms)
    )
    insert into public.campaign_opens (campaign_id, recipient_id, opened_at, user_agent, is_proxy)
    select r.campaign_id, r.id, h.at, h.user_agent,
           h.is_proxy or r.status = 'sending' or coalesce(h.at < r.sent_at + interval '2 seconds', false)
    from hits h join public.waitlist_campaign_recipients r on r.id = h.recipient_id for key share of r";

const CLICKS: &str = "
    with hits as (
        select i.recipient_id, i.user_agent, i.is_proxy, clock_timestamp() - i.age_ms * interval '1 millisecond' as at, i.url
        from unnest($1::uuid[], $2::text[], $3::boolean[], $4::bigint[], $5::text[])
             as i (recipient_id, user_agent, is_proxy, age_ms, url)
    )
    insert into public.campaign_clicks (campaign_id, recipient_id, url, clicked_at, user_agent, is_proxy)
    select r.campaign_id, r.id, h.url, h.at, h.user_agent,
           h.is_proxy or r.status = 'sending' or coalesce(h.at < r.sent_at + interval '2 seconds', false)
    from hits h join public.waitlist_campaign_recipients r on r.id = h.recipient_id for key share of r";

/// Writes them all, or none; how many had a recipient.
///
/// # Errors
/// When the database can't be written.
pub async fn record(pool: &PgPool, hits: &[Hit]) -> sqlx::Result<u64> {
    let mut transaction = pool.begin().await?;
    let mut written = 0;
    let (clicks, opens): (Vec<&Hit>, Vec<&Hit>) = hits.iter().partition(|hit| hit.url.is_some());
    for (sql, hits) in [(OPENS, opens), (CLICKS, clicks)] {
        if hits.is_empty() {
            continue;
        }
        let age = |hit: &&Hit| i64::try_from(hit.at.elapsed().as_millis()).unwrap_or(0);
        let mut query = sqlx::query(sql)
            .bind(hits.iter().map(|hit| hit.recipient).collect::<Vec<_>>())
            .bind(hits.iter().map(|hit| hit.user_agent.as_deref()).collect::<Vec<_>>())
            .bind(hits.iter().map(|hit| hit.is_proxy).collect::<Vec<_>>())
            .bind(hits.iter().map(age).collect::<Vec<_>>());
        if sql == CLICKS {
            query = query.bind(hits.iter().map(|hit| hit.url.as_deref()).collect::<Vec<_>>());
        }
        written += query.execute(&mut *transaction).await?.rows_affected();
    }
    transaction.commit().await?;
    Ok(written)
}
