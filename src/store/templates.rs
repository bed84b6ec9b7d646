//! The stored mails as people manage them: listed, written, removed. As the engine needs them: `mails.rs`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use super::lists::MOST;

/// A stored mail in a list.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = ListedTemplate)]
pub struct Listed {
    /// Its identity.
    pub id: Uuid,
    /// Its name; no other has it.
    pub name: String,
    /// Its subject, as it is written; 200 letters of it.
    pub subject: String,
    /// `transactional` or `marketing`.
    pub consent: String,
    /// Whether it may be sent.
    pub is_active: bool,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
}

/// A stored mail.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = TemplateRow)]
pub struct TemplateRow {
    /// Its identity.
    pub id: Uuid,
    /// Its name; no other has it.
    pub name: String,
    /// Its subject.
    pub subject: String,
    /// The plain part, if it has one.
    pub text: Option<String>,
    /// The HTML part, if it has one.
    pub html: Option<String>,
    /// `transactional`: part of what was bought; `marketing`: only to those who agreed.
    pub consent: String,
    /// Whether it may be sent.
    pub is_active: bool,
    /// Whether campaigns that send it note who opens it and follows its links.
    pub tracks: bool,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
}

/// What is to be written of a stored mail.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its subject.
    pub subject: &'a str,
    /// The plain part.
    pub text: Option<&'a str>,
    /// The HTML part.
    pub html: Option<&'a str>,
    /// As columns spell it.
    pub consent: &'a str,
    /// Whether it may be sent.
    pub is_active: bool,
    /// Whether campaigns note who opens it.
    pub tracks: bool,
}

/// Stored mails by name, behind a name.
///
/// # Errors
/// When the database can't be asked.
pub async fn list(
    connection: &mut PgConnection,
    behind: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<Listed>> {
    sqlx::query_as(
        "select id, name, left(subject, 200) as subject, consent, is_active, updated_at from email_templates
          where $1::text is null or name > $1 order by name limit $2",
    )
    .bind(behind)
    .bind(limit.clamp(0, MOST))
    .fetch_all(connection)
    .await
}

macro_rules! templates {
    ($rest:literal) => {
        concat!(
            "select id, name, subject, text, html, consent, is_active, tracks, updated_at from email_templates ",
            $rest
        )
    };
}

/// The stored mail with this name, else with this id.
///
/// # Errors
/// When the database can't be asked.
pub async fn find(connection: &mut PgConnection, name_or_id: &str) -> sqlx::Result<Option<TemplateRow>> {
    let sql = templates!("where name = $1 or id = $2 order by name <> $1 limit 1");
    sqlx::query_as(sql)
        .bind(name_or_id)
        .bind(name_or_id.parse::<Uuid>().ok())
        .fetch_optional(connection)
        .await
}

/// As [`find`]; nobody else writes it until the transaction ends.
///
/// # Errors
/// When the database can't be asked.
pub async fn find_to_edit(
    connection: &mut PgConnection,
    name_or_id: &str,
) -> sqlx::Result<Option<TemplateRow>> {
    let sql = templates!("where name = $1 or id = $2 order by name <> $1 limit 1 for update");
    sqlx::query_as(sql)
        .bind(name_or_id)
        .bind(name_or_id.parse::<Uuid>().ok())
        .fetch_optional(connection)
        .await
}

/// Adds one; nothing if its name is taken.
///
/// # Errors
/// When the database can't be written.
pub async fn add(connection: &mut PgConnection, of: &Parts<'_>) -> sqlx::Result<Option<TemplateRow>> {
    let sql = "insert into email_templates (name, subject, text, html, consent, is_active, tracks)
               values ($1, $2, $3, $4, $5, $6, $7) on conflict (name) do nothing
               returning id, name, subject, text, html, consent, is_active, tracks, updated_at";
    sqlx::query_as(sql)
        .bind(of.name)
        .bind(of.subject)
        .bind(of.text)
        .bind(of.html)
        .bind(of.consent)
        .bind(of.is_active)
        .bind(of.tracks)
        .fetch_optional(connection)
        .await
}

/// Writes one.
///
/// # Errors
/// When the database can't be written, or its name is taken.
pub async fn write(connection: &mut PgConnection, id: Uuid, of: &Parts<'_>) -> sqlx::Result<TemplateRow> {
    let sql = "update email_templates
                  set name = $2, subject = $3, text = $4, html = $5, consent = $6, is_active = $7, tracks = $8 where id = $1
               returning id, name, subject, text, html, consent, is_active, tracks, updated_at";
    sqlx::query_as(sql)
        .bind(id)
        .bind(of.name)
        .bind(of.subject)
        .bind(of.text)
        .bind(of.html)
        .bind(of.consent)
        .bind(of.is_active)
        .bind(of.tracks)
        .fetch_one(connection)
        .await
}

/// Removes one. A campaign that names it keeps it.
///
/// # Errors
/// When the database can't be written, or a campaign names it.
pub async fn remove(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<()> {
    sqlx::query("delete from email_templates where id = $1").bind(id).execute(connection).await.map(|_| ())
}
