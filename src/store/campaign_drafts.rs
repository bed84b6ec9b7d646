//! Campaigns as people make them: drafted, sent off, and how their mails are opened. As the engine sends them: `campaigns.rs`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a campaign is to do.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = CampaignPlan)]
pub struct Plan {
    /// The name of the template that it sends.
    pub template: Option<String>,
    /// Whether that may be sent.
    pub template_is_active: Option<bool>,
    /// When that was last written: whoever sends it has seen it so.
    pub template_updated_at: Option<DateTime<Utc>>,
    /// Whether it is noted who opens its mails and follows their links.
    pub tracks: bool,
    /// Instead of the template's subject.
    pub subject: Option<String>,
    /// Whom it goes to, as it is stored.
    #[schema(value_type = Object)]
    pub audience: Value,
    /// Of a waitlist: for which product.
    pub product_id: Option<String>,
    /// Of a waitlist: for which variant.
    pub variant_id: Option<String>,
    /// At most so many mails a minute.
    pub rate_per_minute: i32,
    /// No more mails than there are pieces.
    pub limit_to_stock: bool,
    /// When nothing is sent.
    #[schema(value_type = Option<Object>)]
    pub quiet_hours: Option<Value>,
}

/// What is to be written of a campaign.
#[derive(Debug)]
pub struct Parts<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Its template.
    pub template: Option<Uuid>,
    /// Instead of the template's subject.
    pub subject: Option<&'a str>,
    /// Whom it goes to.
    pub audience: Value,
    /// Of a waitlist: for which product.
    pub product: Option<&'a str>,
    /// Of a waitlist: for which variant.
    pub variant: Option<&'a str>,
    /// At most so many mails a minute.
    pub rate_per_minute: i32,
    /// No more mails than there are pieces.
    pub limit_to_stock: bool,
    /// When nothing is sent.
    pub quiet_hours: Option<Value>,
}

/// What a campaign is to do. It must be there.
///
/// # Errors
/// When the database can't be asked.
pub async fn plan(connection: &mut PgConnection, campaign: Uuid) -> sqlx::Result<Plan> {
    sqlx::query_as(
        "select coalesce(c.content ->> 'template', t.name) as template, t.is_active as template_is_active,
                t.updated_at as template_updated_at,
                coalesce((c.content ->> 'tracks')::boolean, c.content is null and t.tracks, false) as tracks,
                c.subject, c.audience, c.product_id, c.variant_id, c.rate_per_minute, c.limit_to_stock, c.quiet_hours
           from public.waitlist_campaigns c left join public.email_templates t on t.id = c.template_id where c.id = $1",
    )
    .bind(campaign)
    .fetch_one(connection)
    .await
}

/// Nobody else writes this campaign until the transaction ends.
///
/// # Errors
/// When the database can't be asked.
pub async fn lock(connection: &mut PgConnection, campaign: Uuid) -> sqlx::Result<()> {
    let sql = "select id from public.waitlist_campaigns where id = $1 for no key update";
    sqlx::query(sql).bind(campaign).execute(connection).await.map(|_| ())
}

/// Adds a draft.
///
/// # Errors
/// When the database can't be written.
pub async fn add(connection: &mut PgConnection, of: &Parts<'_>) -> sqlx::Result<Uuid> {
    let sql = "insert into public.waitlist_campaigns
                   (name, template_id, subject, audience, product_id, variant_id, rate_per_minute, limit_to_stock, quiet_hours)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id";
    sqlx::query_scalar(sql)
        .bind(of.name)
        .bind(of.template)
        .bind(of.subject)
        .bind(&of.audience)
        .bind(of.product)
        .bind(of.variant)
        .bind(of.rate_per_minute)
        .bind(of.limit_to_stock)
        .bind(&of.quiet_hours)
        .fetch_one(connection)
        .await
}

/// Writes a draft. Whether it is one.
///
/// # Errors
/// When the database can't be written.
pub async fn write(connection: &mut PgConnection, campaign: Uuid, of: &Parts<'_>) -> sqlx::Result<bool> {
    let sql = "update public.waitlist_campaigns
                  set name = $2, template_id = $3, subject = $4, audience = $5, product_id = $6, variant_id = $7,
                      rate_per_minute = $8, limit_to_stock = $9, quiet_hours = $10
                where id = $1 and status = 'draft'";
    let written = sqlx::query(sql)
        .bind(campaign)
        .bind(of.name)
        .bind(of.template)
        .bind(of.subject)
        .bind(&of.audience)
        .bind(of.product)
        .bind(of.variant)
        .bind(of.rate_per_minute)
        .bind(of.limit_to_stock)
        .bind(&of.quiet_hours)
        .execute(connection)
        .await?;
    Ok(written.rows_affected() > 0)
}

/// Whether a campaign may be told to start then: neither in the past nor in more than a year.
///
/// # Errors
/// When the database can't be asked.
pub async fn is_near(connection: &mut PgConnection, at: DateTime<Utc>) -> sqlx::Result<bool> {
    let sql = "select $1 between clock_timestamp() - interval '5 minutes' and clock_timestamp() + interval '1 year'";
    sqlx::query_scalar(sql).bind(at).fetch_one(connection).await
}

/// Has a draft start, then or at once: a daemon takes it from there. Whether it was one.
///
/// # Errors
/// When the database can't be written.
pub async fn send(
    connection: &mut PgConnection,
    campaign: Uuid,
    at: Option<DateTime<Utc>>,
) -> sqlx::Result<bool> {
    let sql = "update public.waitlist_campaigns set status = 'scheduled', scheduled_at = $2 where id = $1 and status = 'draft'";
    let sent = sqlx::query(sql).bind(campaign).bind(at).execute(connection).await?;
    Ok(sent.rows_affected() > 0)
}

/// Somebody to whom a campaign would go.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = SampledPerson)]
pub struct Sampled {
    /// Their address.
    pub email: String,
    /// Their name, if it is known.
    pub name: Option<String>,
    /// Who they are among the customers, if they are one.
    pub customer_id: Option<Uuid>,
    /// When they joined, signed up or became a customer.
    pub joined_at: DateTime<Utc>,
}

/// The first to whom a campaign would go, now.
///
/// # Errors
/// When the database can't be asked.
pub async fn sample(connection: &mut PgConnection, campaign: Uuid, most: i32) -> sqlx::Result<Vec<Sampled>> {
    sqlx::query_as("select email, name, customer_id, joined_at from public.campaign_sample($1, $2) limit $2")
        .bind(campaign)
        .bind(most)
        .fetch_all(connection)
        .await
}

/// How many opened a campaign's mails and followed their links. Each recipient counts once.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = CampaignTotals)]
pub struct Totals {
    /// Those who opened it, as far as that can be known.
    pub opened: i64,
    /// Those whose mail nobody but a proxy or a scanner opened.
    pub opened_by_proxy: i64,
    /// Those who followed a link.
    pub clicked: i64,
}

/// What came within a span of time.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = CampaignMoment)]
pub struct Span {
    /// When it begins.
    pub at: DateTime<Utc>,
    /// Those who opened it for the first time.
    pub opens: i64,
    /// Those who followed a link for the first time.
    pub clicks: i64,
}

/// How often a link was followed.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = CampaignLink)]
pub struct Link {
    /// Where it leads.
    pub url: String,
    /// How many followed it.
    pub clicked: i64,
}

/// How many opened its mails and followed their links.
///
/// # Errors
/// When the database can't be asked.
pub async fn totals(connection: &mut PgConnection, campaign: Uuid) -> sqlx::Result<Totals> {
    sqlx::query_as(
        "select o.opened, o.all_opened - o.opened as opened_by_proxy, k.clicked
           from (select count(distinct n.recipient_id) filter (where not n.is_proxy) as opened,
                        count(distinct n.recipient_id) as all_opened
                   from public.campaign_opens n where n.campaign_id = $1) o,
                (select count(distinct n.recipient_id) as clicked
                   from public.campaign_clicks n where n.campaign_id = $1 and not n.is_proxy) k",
    )
    .bind(campaign)
    .fetch_one(connection)
    .await
}

/// The same over time, by spans of so many seconds; those in which nothing came are missing.
///
/// # Errors
/// When the database can't be asked.
pub async fn course(connection: &mut PgConnection, campaign: Uuid, seconds: f64) -> sqlx::Result<Vec<Span>> {
    sqlx::query_as(
        "select to_timestamp(floor(extract(epoch from f.at) / $2) * $2) as at, count(*) filter (where f.is_open) as opens,
                count(*) filter (where not f.is_open) as clicks
           from (select min(n.opened_at) as at, true as is_open from public.campaign_opens n
                  where n.campaign_id = $1 and not n.is_proxy group by n.recipient_id
                 union all
                 select min(n.clicked_at), false from public.campaign_clicks n
                  where n.campaign_id = $1 and not n.is_proxy group by n.recipient_id) f
          group by 1 order by 1 limit 1000",
    )
    .bind(campaign)
    .bind(seconds)
    .fetch_all(connection)
    .await
}

/// Its links that were followed, the most followed first.
///
/// # Errors
/// When the database can't be asked.
pub async fn links(connection: &mut PgConnection, campaign: Uuid) -> sqlx::Result<Vec<Link>> {
    sqlx::query_as(
        "select n.url, count(distinct n.recipient_id) as clicked from public.campaign_clicks n
          where n.campaign_id = $1 and not n.is_proxy group by n.url order by 2 desc, 1 limit 20",
    )
    .bind(campaign)
    .fetch_all(connection)
    .await
}
