//! The stored mails, `email_templates`, as the engine and commands need them; and who may be sent a mail.

use std::collections::HashMap;

use sqlx::{FromRow, PgConnection};
use tokio_postgres::Row;
use uuid::Uuid;

use super::session::{Session, Sql, StoreError};
use crate::domain::ids::EffectId;
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

pub(super) static COUNT_MAILS: Sql = Sql { name: "count_mails", text: include_str!("sql/count_mails.sql") };

pub(super) static SUPPRESS: Sql = Sql {
    name: "suppress",
    text: "insert into public.suppressions as s (address_hash, email, reason, detail)
           select distinct on (public.mail_hash(i.email)) public.mail_hash(i.email), i.email, i.reason, i.detail
           from unnest($1::text[], $2::text[], $3::text[]) as i (email, reason, detail)
           order by public.mail_hash(i.email)
           -- What stops everything beats what stops marketing; the first word stays.
           on conflict (address_hash) do update set reason = excluded.reason, detail = excluded.detail
           where s.reason = 'unsubscribed' and excluded.reason <> 'unsubscribed'",
};

/// An address that is not to be mailed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounced {
    /// It.
    pub address: String,
    /// `bounced` or `complained`.
    pub reason: &'static str,
    /// What the other side said.
    pub detail: String,
}

/// Has these addresses sent nothing more. One that was suppressed before keeps its reason, if that stops as much.
///
/// # Errors
/// [`StoreError`].
pub async fn suppress(session: &Session, all: impl Iterator<Item = &Bounced>) -> Result<(), StoreError> {
    let (mut addresses, mut reasons, mut details) = (Vec::new(), Vec::new(), Vec::new());
    for Bounced { address, reason, detail } in all {
        addresses.push(address.as_str());
        reasons.push(*reason);
        details.push(detail.as_str());
    }
    if !addresses.is_empty() {
        session.execute(&SUPPRESS, &[&addresses, &reasons, &details]).await?;
    }
    Ok(())
}

/// How many marketing mails a person is sent at most; 0: as many as there are.
#[derive(Debug, Clone, Copy)]
pub struct Cap {
    /// So many …
    pub most: u32,
    /// … within so many days.
    pub days: u32,
}

/// What was found of a mail that can't be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Its recipient is not to be sent it: the reason, as `suppressions` and docs/mails.md spell it.
    Suppressed(String),
    /// Another one to the same address is being counted: to be looked at again.
    Later,
}

/// Counts marketing mails, by id and address, right before they are sent; which of them are too many.
///
/// # Errors
/// [`StoreError`]; nothing is counted.
pub async fn count(
    session: &Session,
    mails: &[(EffectId, &str)],
    cap: Cap,
) -> Result<HashMap<EffectId, Stop>, StoreError> {
    if mails.is_empty() || cap.most == 0 {
        return Ok(HashMap::new());
    }
    let (ids, addresses): (Vec<Uuid>, Vec<&str>) = mails.iter().map(|(id, to)| (id.0, *to)).unzip();
    let (most, days) = (i64::from(cap.most), i64::from(cap.days));
    let rows = session.query(&COUNT_MAILS, &[&ids, &addresses, &most, &days]).await?;
    let stopped = rows.iter().map(|row| {
        let stop = match row.get("stop") {
            "later" => Stop::Later,
            reason => Stop::Suppressed(reason.to_owned()),
        };
        (EffectId(row.get("id")), stop)
    });
    Ok(stopped.collect())
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
