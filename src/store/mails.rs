//! The stored mails: `email_templates`, as the engine and commands need them.

use sqlx::{FromRow, PgConnection};
use tokio_postgres::Row;

use super::session::{Session, Sql, StoreError};
use crate::domain::mail::{Consent, MailTemplate};

/// What is longer than a template may be is fetched one letter too long, no further: it is refused when it is used.
pub(super) static STORED_MAILS: Sql = Sql {
    name: "stored_mails",
    text: "select t.name, left(t.subject, 65537) as subject, left(t.text, 65537) as text, left(t.html, 65537) as html,
                  t.consent, t.is_active
           from public.email_templates t order by t.name",
};

/// All stored mails.
///
/// # Errors
/// [`StoreError`].
pub async fn stored(session: &Session) -> Result<Vec<MailTemplate>, StoreError> {
    let rows = session.query(&STORED_MAILS, &[]).await?;
    let read = |row: &Row| MailTemplate {
        name: row.get("name"),
        subject: row.get("subject"),
        text: row.get("text"),
        html: row.get("html"),
        consent: consent_of(row.get("consent")),
        is_active: row.get("is_active"),
    };
    Ok(rows.iter().map(read).collect())
}

#[derive(FromRow)]
struct Named {
    name: String,
    subject: String,
    text: Option<String>,
    html: Option<String>,
    consent: String,
    is_active: bool,
}

/// Those of these names, for commands.
///
/// # Errors
/// When the database can't be asked.
pub async fn named(connection: &mut PgConnection, names: &[String]) -> sqlx::Result<Vec<MailTemplate>> {
    let sql = "select name, left(subject, 65537) as subject, left(text, 65537) as text, left(html, 65537) as html, consent,
                      is_active
               from email_templates where name = any ($1) limit 1000";
    let rows: Vec<Named> = sqlx::query_as(sql).bind(names).fetch_all(connection).await?;
    let read = |row: Named| {
        let Named { name, subject, text, html, consent, is_active } = row;
        MailTemplate { name, subject, text, html, consent: consent_of(&consent), is_active }
    };
    Ok(rows.into_iter().map(read).collect())
}

fn consent_of(word: &str) -> Consent {
    // What is not known to be harmless asks for consent.
    if word == Consent::Transactional.as_str() { Consent::Transactional } else { Consent::Marketing }
}
