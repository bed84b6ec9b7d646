//! Mails that came back: noted with their delivery, and their addresses suppressed where they are to be.

use sqlx::PgPool;
use uuid::Uuid;

use crate::domain::mail::Return;

/// A mail that came back, or that somebody complained of.
#[derive(Debug)]
pub struct CameBack<'a> {
    /// The mail, if that is known.
    pub delivery: Option<Uuid>,
    /// The address; the mail's if not said.
    pub address: Option<&'a str>,
    /// What it means.
    pub kind: Return,
    /// What the other side said.
    pub detail: &'a str,
}

/// What became of the news.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The delivery is there, and knows of it now.
    pub noted: bool,
    /// Whose mails end here.
    pub suppressed: Option<String>,
}

/// Takes the news in. Twice is as once.
///
/// # Errors
/// When the database can't be written.
pub async fn take_in(pool: &PgPool, of: &CameBack<'_>) -> sqlx::Result<Taken> {
    let mut transaction = pool.begin().await?;
    let mut noted: Option<Option<String>> = None;
    if let Some(delivery) = of.delivery {
        noted = sqlx::query_scalar(
            "update workflow_deliveries
                set result = coalesce(result, '{}') || jsonb_build_object('came_back',
                    jsonb_build_object('type', $2::text, 'detail', $3::text, 'at', clock_timestamp()))
              where id = $1 and kind = 'email' returning payload ->> 'to'",
        )
        .bind(delivery)
        .bind(of.kind.as_str())
        .bind(of.detail)
        .fetch_optional(&mut *transaction)
        .await?;
    }
    if let (Some(delivery), Some(_)) = (of.delivery, of.kind.suppresses()) {
        let bounced = "update waitlist_campaign_recipients set status = 'bounced', error = left($2, 1000)
            where id = $1 and status in ('sent', 'unknown')";
        sqlx::query(bounced).bind(delivery).bind(of.detail).execute(&mut *transaction).await?;
    }
    let mut taken = Taken { noted: noted.is_some(), suppressed: None };
    let address = of.address.map(str::to_owned).or(noted.flatten());
    if let (Some(reason), Some(address)) = (of.kind.suppresses(), address) {
        sqlx::query(
            "insert into suppressions as s (address_hash, email, reason, detail) values (mail_hash($1), $1, $2, $3)
             on conflict (address_hash) do update set reason = excluded.reason, detail = excluded.detail
             where s.reason = 'unsubscribed'",
        )
        .bind(&address)
        .bind(reason)
        .bind(of.detail)
        .execute(&mut *transaction)
        .await?;
        taken.suppressed = Some(address);
    }
    transaction.commit().await?;
    Ok(taken)
}
