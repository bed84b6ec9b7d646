//! The way out of marketing mails, taken or taken back.

use sqlx::PgPool;

/// Withdraws an address's consent: a row of `consents`, one of `suppressions`, and the end of its subscription. Doing it again
/// changes nothing.
///
/// # Errors
/// When the database can't be written.
pub async fn unsubscribe(pool: &PgPool, address: &str) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    // One after the other, so that two clicks make one decision.
    sqlx::query("select pg_advisory_xact_lock(1952998511, 7)").execute(&mut *transaction).await?;
    sqlx::query(
        "insert into consents (email, customer_id, purpose, decision, source)
         select $1, (select c.id from customers c where lower(c.email) = lower($1) limit 1), 'marketing', 'withdrawn',
                'the link in a mail'
         where coalesce((select c.decision from consents c where lower(c.email) = lower($1) and c.purpose = 'marketing'
                         order by c.created_at desc limit 1), '') <> 'withdrawn'",
    )
    .bind(address)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "insert into suppressions (address_hash, email, reason, detail)
         values (mail_hash($1), $1, 'unsubscribed', 'by the link in a mail') on conflict (address_hash) do nothing",
    )
    .bind(address)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("update subscribers set status = 'unsubscribed' where lower(email) = lower($1) and status <> 'unsubscribed'")
        .bind(address)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

/// Takes that back: what was agreed to before counts again, and nothing that was not. Tells whether there was anything to take
/// back.
///
/// # Errors
/// When the database can't be written.
pub async fn take_back(pool: &PgPool, address: &str) -> sqlx::Result<bool> {
    let mut transaction = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(1952998511, 7)").execute(&mut *transaction).await?;
    let gone = sqlx::query(
        "delete from suppressions where address_hash = mail_hash($1) and reason = 'unsubscribed'",
    )
    .bind(address)
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    if gone == 0 {
        return Ok(false);
    }
    // Only where the decision before the last one was to agree.
    sqlx::query(
        "insert into consents (email, customer_id, purpose, decision, source)
         select $1, last.customer_id, 'marketing', 'granted', 'took unsubscribing back'
           from (select c.customer_id, c.decision, c.created_at from consents c
                  where lower(c.email) = lower($1) and c.purpose = 'marketing' order by c.created_at desc limit 1) last
          where last.decision = 'withdrawn'
            and (select c.decision from consents c
                  where lower(c.email) = lower($1) and c.purpose = 'marketing' and c.created_at < last.created_at
                  order by c.created_at desc limit 1) = 'granted'",
    )
    .bind(address)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "update subscribers set status = case when confirmed_at is null then 'pending' else 'subscribed' end
          where lower(email) = lower($1) and status = 'unsubscribed'",
    )
    .bind(address)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await.map(|()| true)
}
