//! Stored mails, the templates of `email_templates`: read and written with the edition that was seen, and tried.

mod preview;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};

pub use preview::{Preview, PreviewOf, Rendered};

use super::{
    Asked, Context, Kind, Match, Nothing, Operation, Page, Part, Refusal, Verb, audit, cursor, page_size,
};
use crate::domain::mail::{Consent, MailTemplate};
use crate::store::templates::{self, Listed, Parts, TemplateRow};
use crate::workflow::hash::hash;
use crate::workflow::mails::StoredMail;

/// Letters of a subject, a text, an HTML part: the engine reads no more.
const LONGEST: usize = 65_536;
/// Bytes of a body: three parts, of letters of up to four bytes, escaped.
const LARGEST: usize = 1024 * 1024;

/// Lists stored mails.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/templates";
    const NAME: &'static str = "listTemplates";
    const ABOUT: &'static str =
        "The stored mails that workflows and campaigns send, by name, without their text.";
    type Path = Nothing;
    type Query = Part;
    type Body = Nothing;
    type Output = Page<Listed>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<Listed>, Refusal> {
        let limit = page_size(asked.query.limit)?;
        let behind: Option<String> = cursor::read(asked.query.cursor.as_deref())?;
        let mut connection = context.pool.acquire().await?;
        let found = templates::list(&mut connection, behind.as_deref(), limit + 1).await?;
        Ok(Page::cut(found, limit, |template| template.name.clone()))
    }
}

/// Which stored mail.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OfTemplate {
    /// Its name, or its id.
    pub template: String,
}

/// What can't be read of a stored mail.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = TemplateFault)]
pub struct Fault {
    /// `subject`, `text` or `html`.
    pub part: String,
    /// Why.
    pub message: String,
}

/// A stored mail.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Template)]
pub struct Shown {
    /// It.
    #[serde(flatten)]
    pub row: TemplateRow,
    /// This edition, for `If-Match`; it is the header `ETag`, too.
    pub edition: String,
    /// What can't be read of it: whoever sends it fails by that.
    pub faults: Vec<Fault>,
}

impl From<TemplateRow> for Shown {
    fn from(row: TemplateRow) -> Self {
        let TemplateRow { name, subject, text, html, consent, is_active, tracks, .. } = &row;
        let told = json!([name, subject, text, html, consent, is_active, tracks]);
        Self { edition: hash(vec![told.to_string()]), faults: faults(&stored(&row)), row }
    }
}

/// As the core reads it.
fn stored(row: &TemplateRow) -> MailTemplate {
    let TemplateRow { name, subject, text, html, consent, is_active, .. } = row.clone();
    let is_transactional = consent == Consent::Transactional.as_str();
    let consent = if is_transactional { Consent::Transactional } else { Consent::Marketing };
    MailTemplate { name, subject, text, html, consent, is_active }
}

fn faults(of: &MailTemplate) -> Vec<Fault> {
    let found = StoredMail::of(of).faults().into_iter();
    found.map(|(part, fault)| Fault { part: part.into(), message: fault.to_string() }).collect()
}

/// The one that is meant.
fn found(row: Option<TemplateRow>, named: &str) -> Result<TemplateRow, Refusal> {
    row.ok_or_else(|| {
        Refusal::new(Kind::Missing, "no-such-template", format!("there is no template `{named}`"))
            .help("GET /api/v1/templates lists them")
    })
}

/// Shows a stored mail.
#[derive(Debug)]
pub struct Show;

impl Operation for Show {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/templates/{template}";
    const NAME: &'static str = "showTemplate";
    const ABOUT: &'static str = "A stored mail, with its edition as `ETag`, and what can't be read of it.";
    type Path = OfTemplate;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Shown;

    fn edition(output: &Shown) -> Option<&str> {
        Some(&output.edition)
    }

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Shown, Refusal> {
        let mut connection = context.pool.acquire().await?;
        let named = asked.path.template;
        Ok(found(templates::find(&mut connection, &named).await?, &named)?.into())
    }
}

/// What a stored mail is to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = TemplateEdit)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Its name, which a new one needs; without it the name stays.
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its subject: a template.
    pub subject: String,
    /// The plain part: a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The HTML part: a template whose values are escaped. One of the two has to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Who may be sent it; without it that stays, and a new one is `marketing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// Whether it may be sent; without it that stays, and a new one may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
    /// Whether campaigns that send it note who opens it and follows its links; without it that stays, and for a new one they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracks: Option<bool>,
}

impl Edit {
    /// With what it does not say as it is stored.
    fn over(mut self, row: &TemplateRow) -> Self {
        let stored = match &*row.consent {
            "transactional" => Consent::Transactional,
            _ => Consent::Marketing,
        };
        self.consent.get_or_insert(stored);
        self.is_active.get_or_insert(row.is_active);
        self.tracks.get_or_insert(row.tracks);
        self
    }

    fn consent(&self) -> Consent {
        self.consent.unwrap_or(Consent::Marketing)
    }

    fn parts<'a>(&'a self, name: &'a str) -> Result<Parts<'a>, Refusal> {
        let refuse = |code: &str, message: String, help: &str| {
            Err(Refusal::new(Kind::Invalid, code, message).help(help.to_owned()))
        };
        if !(1..=200).contains(&name.chars().count()) || name.contains('\0') {
            return refuse(
                "bad-name",
                "the name of a template has 1 to 200 letters".into(),
                "nodes name it by that",
            );
        }
        if name.parse::<uuid::Uuid>().is_ok() {
            let message = "the name of a template is no UUID: it would be taken for the id of another one";
            return refuse("bad-name", message.into(), "name it by what it says");
        }
        if self.text.is_none() && self.html.is_none() {
            return refuse(
                "says-nothing",
                "it has neither `text` nor `html`".into(),
                "write one of them, or both",
            );
        }
        let parts =
            [("subject", Some(&self.subject)), ("text", self.text.as_ref()), ("html", self.html.as_ref())];
        for (part, text) in parts {
            let Some(text) = text else { continue };
            if text.chars().count() > LONGEST || text.contains('\0') {
                let message = format!("its {part} has more than {LONGEST} letters, or the letter U+0000");
                return refuse("bad-value", message, "shorten it, and leave that letter out");
            }
        }
        let faults = faults(&self.as_stored(name));
        if let Some(Fault { part, message }) = faults.first() {
            let message = format!("the {part} can't be read: {message}");
            return refuse("faulty-template", message, "mend it: who sends it would fail");
        }
        Ok(Parts {
            name,
            subject: &self.subject,
            text: self.text.as_deref(),
            html: self.html.as_deref(),
            consent: self.consent().as_str(),
            is_active: self.is_active.unwrap_or(true),
            tracks: self.tracks.unwrap_or(true),
        })
    }

    fn as_stored(&self, name: &str) -> MailTemplate {
        let (consent, is_active) = (self.consent(), self.is_active.unwrap_or(true));
        let Self { subject, text, html, .. } = self.clone();
        MailTemplate { name: name.to_owned(), subject, text, html, consent, is_active }
    }
}

fn taken(name: &str) -> Refusal {
    Refusal::new(Kind::Conflict, "name-taken", format!("there is a template `{name}` already"))
        .help("choose another name, or change that one")
}

/// Adds a stored mail.
#[derive(Debug)]
pub struct Add;

impl Operation for Add {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/templates";
    const NAME: &'static str = "addTemplate";
    const ABOUT: &'static str = "Stores a new mail, which workflows and campaigns may name from then on.";
    const LARGEST_BODY: usize = LARGEST;
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Edit;
    type Output = Shown;

    fn edition(output: &Shown) -> Option<&str> {
        Some(&output.edition)
    }

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Shown, Refusal> {
        let name = asked.body.name.as_deref().unwrap_or_default();
        let parts = asked.body.parts(name)?;
        let mut transaction = context.begin().await?;
        let row = templates::add(&mut transaction, &parts).await?.ok_or_else(|| taken(name))?;
        let detail = json!({"name": name});
        audit::note(&mut transaction, &context.who, "template.add", row.id, detail).await?;
        transaction.commit().await?;
        Ok(row.into())
    }
}

/// Writes a stored mail.
#[derive(Debug)]
pub struct Write;

impl Operation for Write {
    const VERB: Verb = Verb::Put;
    const PATH: &'static str = "/templates/{template}";
    const NAME: &'static str = "writeTemplate";
    const ABOUT: &'static str = "Writes a stored mail: what is sent from then on is the new edition. `If-Match` names the edition \
        that was read.";
    const LARGEST_BODY: usize = LARGEST;
    const IF_MATCH: Match = Match::Must;
    type Path = OfTemplate;
    type Query = Nothing;
    type Body = Edit;
    type Output = Shown;

    fn edition(output: &Shown) -> Option<&str> {
        Some(&output.edition)
    }

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Shown, Refusal> {
        let (named, edit) = (asked.path.template, asked.body);
        let mut transaction = context.begin().await?;
        let before: Shown = found(templates::find_to_edit(&mut transaction, &named).await?, &named)?.into();
        unchanged(&before, asked.if_match.as_deref())?;
        let edit = edit.over(&before.row);
        let name = edit.name.as_deref().unwrap_or(&before.row.name);
        let parts = edit.parts(name)?;
        if name != before.row.name && has_name(&mut transaction, name).await? {
            return Err(taken(name));
        }
        let row = templates::write(&mut transaction, before.row.id, &parts).await?;
        let detail = json!({"name": name, "before": before.row.name});
        audit::note(&mut transaction, &context.who, "template.write", row.id, detail).await?;
        transaction.commit().await?;
        Ok(row.into())
    }
}

async fn has_name(connection: &mut PgConnection, name: &str) -> Result<bool, Refusal> {
    Ok(templates::find(connection, name).await?.is_some_and(|other| other.name == name))
}

/// Refuses an edit of what was changed since it was seen.
fn unchanged(of: &Shown, seen: Option<&str>) -> Result<(), Refusal> {
    match seen {
        Some(seen) if seen != "*" && seen != of.edition => {
            let message = format!("`{}` was changed since it was read: nothing was written", of.row.name);
            Err(Refusal::new(Kind::Stale, "changed-meanwhile", message)
                .help("read it again, look at what was changed, and write anew"))
        }
        _ => Ok(()),
    }
}

/// A stored mail that is gone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = RemovedTemplate)]
pub struct Removed {
    /// What its name was.
    pub name: String,
}

/// Removes a stored mail.
#[derive(Debug)]
pub struct Remove;

impl Operation for Remove {
    const VERB: Verb = Verb::Delete;
    const PATH: &'static str = "/templates/{template}";
    const NAME: &'static str = "removeTemplate";
    const ABOUT: &'static str =
        "Removes a stored mail that no campaign names. Steps of workflows that name it fail from then on.";
    type Path = OfTemplate;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Removed;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Removed, Refusal> {
        let named = asked.path.template;
        let mut transaction = context.begin().await?;
        let row = found(templates::find_to_edit(&mut transaction, &named).await?, &named)?;
        templates::remove(&mut transaction, row.id).await.map_err(|fault| {
            match fault.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
            {
                true => Refusal::new(Kind::Conflict, "in-use", format!("a campaign sends `{}`", row.name))
                    .help("set `is_active` to false instead: then it is not sent any more"),
                false => fault.into(),
            }
        })?;
        let detail = json!({"name": row.name});
        audit::note(&mut transaction, &context.who, "template.remove", row.id, detail).await?;
        transaction.commit().await?;
        Ok(Removed { name: row.name })
    }
}
