//! Campaigns: which are to be tended, their start, their feeding, and what their mails say.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use super::json::Readable;
use super::session::{Session, Sql, StoreError};
use crate::domain::mail::{Consent, MailTemplate};

/// A campaign that something is to be done about.
#[derive(Debug, FromRow)]
pub struct Campaign {
    /// Which.
    pub id: Uuid,
    /// Its recipients are not known yet.
    pub starts: bool,
}

/// What feeding a campaign came to.
#[derive(Debug, FromRow)]
pub struct Fed {
    /// Mails handed over.
    pub handed: i32,
    /// Mails that are out by now.
    pub is_out: i32,
    /// How it stands; null: another daemon is at it.
    pub status: Option<String>,
}

/// What the mails of a campaign say.
#[derive(Debug)]
pub struct Content {
    /// The template, as it was when the campaign started.
    pub template: MailTemplate,
    /// The campaign's row, as far as mails may tell of it.
    pub campaign: Value,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// Whether it is noted who opens its mails and follows their links.
    pub tracks: bool,
}

/// Campaigns that are due or under way, `limit` at most.
///
/// # Errors
/// When the database can't be asked.
pub async fn to_tend(pool: &PgPool, limit: i64) -> sqlx::Result<Vec<Campaign>> {
    sqlx::query_as(
        "select c.id, c.status = 'scheduled' as starts from public.waitlist_campaigns c
         where c.status in ('scheduled', 'sending') and coalesce(c.scheduled_at, '-infinity') <= clock_timestamp()
         union select c.id, false from public.waitlist_campaigns c where not c.is_settled order by id limit $1",
    )
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// Starts a campaign that is due: freezes whom it goes to, and what they get. Why it could not, if so.
///
/// # Errors
/// When the database can't be asked.
pub async fn start(pool: &PgPool, campaign: Uuid) -> sqlx::Result<Option<String>> {
    let mut transaction = pool.begin().await?;
    sqlx::query("set local statement_timeout = '10min'").execute(&mut *transaction).await?;
    let fault = sqlx::query_scalar("select public.start_campaign($1)")
        .bind(campaign)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(fault)
}

/// Has a campaign fail, for that reason.
///
/// # Errors
/// When the database can't be asked.
pub async fn fail(pool: &PgPool, campaign: Uuid, reason: &str) -> sqlx::Result<()> {
    let sql = "update public.waitlist_campaigns set status = 'failed', error = left($2, 1000)
        where id = $1 and status in ('scheduled', 'sending', 'paused')";
    sqlx::query(sql).bind(campaign).bind(reason).execute(pool).await.map(|_| ())
}

/// Takes in what became of a campaign's mails, and hands over as many as may go now: `most_out` are out at once.
///
/// # Errors
/// When the database can't be asked.
pub async fn feed(pool: &PgPool, campaign: Uuid, most_out: i32) -> sqlx::Result<Fed> {
    sqlx::query_as("select handed, is_out, status from public.feed_campaign($1, $2)")
        .bind(campaign)
        .bind(most_out)
        .fetch_one(pool)
        .await
}

pub(super) static CONTENT: Sql = Sql {
    name: "campaign_content",
    text: "select c.content, c.started_at,
                  jsonb_build_object('id', c.id, 'name', c.name, 'product_id', c.product_id, 'variant_id', c.variant_id) as campaign
           from public.waitlist_campaigns c where c.id = $1 and c.content is not null",
};

/// What the mails of a campaign say. `None` if it has not started, or is gone.
///
/// # Errors
/// [`StoreError`].
pub async fn content(session: &Session, campaign: Uuid) -> Result<Option<Content>, StoreError> {
    let rows = session.query(&CONTENT, &[&campaign]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let content = row.get::<_, Readable>("content").or_null();
    let text = |field: &str| content.get(field).and_then(Value::as_str).map(str::to_owned);
    // One that started before there was any tracking goes on without.
    let tracks = content.get("tracks").and_then(Value::as_bool).unwrap_or(false);
    let template = MailTemplate {
        name: text("template").unwrap_or_default(),
        subject: text("subject").unwrap_or_default(),
        text: text("text"),
        html: text("html"),
        consent: match text("consent").as_deref() {
            Some("transactional") => Consent::Transactional,
            _ => Consent::Marketing,
        },
        is_active: true,
    };
    let campaign = row.get::<_, Readable>("campaign").or_null();
    Ok(Some(Content { template, campaign, started_at: row.get("started_at"), tracks }))
}

/// A campaign in a list.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = Campaign)]
pub struct Listed {
    /// Its identity.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// `draft`, `scheduled`, `sending`, `paused`, `sent`, `cancelled` or `failed`.
    pub status: String,
    /// When it may start; null: at once.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed, or ended early.
    pub error: Option<String>,
    /// How many it goes to; 0 before it starts.
    pub recipients: i64,
    /// How many are yet to be sent.
    pub queued: i64,
    /// How many are with the mail server.
    pub sending: i64,
    /// How many were taken.
    pub sent: i64,
    /// How many came back, or were refused.
    pub failed: i64,
    /// Of how many nobody knows.
    pub unknown: i64,
    /// How many want no such mail.
    pub suppressed: i64,
    /// How many were called off.
    pub cancelled: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// Campaigns, the newest first, from behind a place in the list; `name_or_id` narrows to those.
///
/// # Errors
/// When the database can't be asked.
pub async fn list(
    connection: &mut PgConnection,
    name_or_id: Option<&str>,
    behind: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<Listed>> {
    let (at, id) = behind.unzip();
    sqlx::query_as(
        "select c.id, c.name, c.status, c.scheduled_at, c.started_at, c.finished_at, c.error, r.recipients, r.queued, r.sending,
                r.sent, r.failed, r.unknown, r.suppressed, r.cancelled, c.created_at
           from public.waitlist_campaigns c
           cross join lateral (
               select count(*) as recipients, count(*) filter (where m.status = 'queued') as queued,
                      count(*) filter (where m.status = 'sending') as sending, count(*) filter (where m.status = 'sent') as sent,
                      count(*) filter (where m.status in ('bounced', 'refused')) as failed,
                      count(*) filter (where m.status = 'unknown') as unknown,
                      count(*) filter (where m.status = 'suppressed') as suppressed,
                      count(*) filter (where m.status = 'cancelled') as cancelled
                 from public.waitlist_campaign_recipients m where m.campaign_id = c.id) r
          where ($1::text is null or c.name = $1 or c.id::text = $1)
            and ($3::timestamptz is null or (c.created_at, c.id) < ($3, $4))
          order by c.created_at desc, c.id desc limit $2",
    )
    .bind(name_or_id)
    .bind(limit.clamp(0, super::lists::MOST))
    .bind(at)
    .bind(id)
    .fetch_all(connection)
    .await
}

/// How many a campaign would go to, now.
///
/// # Errors
/// When the database can't be asked.
pub async fn preview(connection: &mut PgConnection, campaign: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar("select public.campaign_size($1)").bind(campaign).fetch_one(connection).await
}

/// Moves a campaign from one of these states to another. Whether it was in one of them.
///
/// # Errors
/// When the database can't be asked.
pub async fn moves(
    connection: &mut PgConnection,
    campaign: Uuid,
    from: &[&str],
    to: &str,
) -> sqlx::Result<bool> {
    let sql = "update public.waitlist_campaigns c
        set status = case when $3 = 'sending' and c.started_at is null then 'scheduled' else $3 end
        where c.id = $1 and c.status = any ($2)";
    let moved = sqlx::query(sql).bind(campaign).bind(from).bind(to).execute(connection).await?;
    Ok(moved.rows_affected() > 0)
}
