//! A stored mail, or an edit of it that is not stored, as somebody would get it. Nothing is sent.

use std::sync::LazyLock;

use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Edit, LARGEST, OfTemplate, found, stored};
use crate::domain::event::{Event, Row};
use crate::domain::ids::{EventId, ExecutionId};
use crate::domain::mail::MailTemplate;
use crate::kinds;
use crate::mail::content;
use crate::operations::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb, aside};
use crate::store::events::find_event;
use crate::store::executions::load_customers;
use crate::store::templates;
use crate::workflow::catalogue::{Catalogue, Source};
use crate::workflow::context::Context as Seen;
use crate::workflow::event_file;
use crate::workflow::mails::StoredMail;
use crate::workflow::subjects::{CUSTOMER, RECIPIENT};

/// What it is rendered for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = TemplatePreview)]
#[serde(deny_unknown_fields)]
pub struct PreviewOf {
    /// A recorded event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Uuid>,
    /// Instead: an event as event files have it, `{"type", "at", "data"}`. Without either: an order of a sample customer.
    #[schema(value_type = Option<Object>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Value>,
    /// What a node gives the template as `values`.
    #[schema(value_type = Object)]
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
    /// As a campaign sends it to that customer: it reads `recipient` and `values.campaign`, and nothing of what happened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_campaign: bool,
    /// Instead of what is stored: an edit of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edit>,
}

/// A mail, as it would be sent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = RenderedMail)]
pub struct Rendered {
    /// The customer's address, if there is a customer.
    pub to: Option<String>,
    /// Its subject.
    pub subject: String,
    /// Its plain part; made of the HTML if the template has none.
    pub text: String,
    /// Its HTML part, with its styles in place. The way out stands as `https://unsubscribe.thendo.invalid/`.
    pub html: Option<String>,
}

/// Renders a stored mail.
#[derive(Debug)]
pub struct Preview;

impl Operation for Preview {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/templates/{template}/preview";
    const NAME: &'static str = "previewTemplate";
    const ABOUT: &'static str = "A stored mail, or an edit of it, as it would be sent for a recorded event or a sample. The customer is \
        as they are now. Nothing is sent.";
    const LARGEST_BODY: usize = LARGEST;
    type Path = OfTemplate;
    type Query = Nothing;
    type Body = PreviewOf;
    type Output = Rendered;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Rendered, Refusal> {
        let (named, PreviewOf { event, sample, mut values, in_campaign, edit }) =
            (asked.path.template, asked.body);
        if event.is_some() && sample.is_some() {
            return Err(Refusal::new(Kind::Malformed, "two-events", "`event` and `sample` are both given")
                .help("leave one of them out"));
        }
        let row = found(templates::find(&mut *context.pool.acquire().await?, &named).await?, &named)?;
        let template = match &edit {
            Some(edit) => edit.clone().over(&row).as_stored(&row.name),
            None => stored(&row),
        };
        let mut happened = match (event, sample) {
            (Some(id), _) => recorded(context, id).await?,
            (None, Some(sample)) => of_file(&sample)?,
            (None, None) => of_file(&SAMPLE)?,
        };
        if in_campaign {
            happened = happened.in_campaign();
            values.entry("campaign").or_insert_with(
                || json!({"id": Uuid::nil(), "name": "A campaign", "product_id": null, "variant_id": null}),
            );
        }
        // Templates may think for long, and others wait for their answers.
        aside(move || render(&template, &happened, values)).await?
    }
}

fn render(
    template: &MailTemplate,
    happened: &Happened,
    values: Map<String, Value>,
) -> Result<Rendered, Refusal> {
    let Happened { event, kind, subject } = happened;
    let seen = Seen::new(event, kind, subject, ExecutionId(Uuid::nil()), Utc::now()).with_values(values);
    let to = seen.get(&["customer", "email"]).and_then(|to| to.as_str().map(str::to_owned));
    let refuse = |reason: String| {
        Refusal::new(Kind::Invalid, "faulty-template", reason)
            .help("mend the template, or name an event that has what it reads")
    };
    let mail = StoredMail::of(template).render(&template.name, to.clone().unwrap_or_default(), &seen);
    let mail = content::finish(mail.map_err(|fault| refuse(fault.to_string()))?);
    let mail = mail.map_err(|fault| refuse(fault.to_string()))?;
    Ok(Rendered { to, subject: mail.subject, text: mail.text, html: mail.html })
}

/// An event, the kind of trigger that it would start by, and what it is about.
struct Happened {
    event: Event,
    kind: &'static str,
    subject: &'static str,
}

impl Happened {
    /// What a campaign's mail to that customer is made of.
    fn in_campaign(mut self) -> Self {
        let is_theirs = self.subject == CUSTOMER.name;
        let customer = if is_theirs { Some(self.event.row) } else { self.event.customer }.unwrap_or_default();
        let part = |name: &str| (name.to_owned(), customer.get(name).cloned().unwrap_or_default());
        self.event.row = Row::from_iter([part("email"), part("name")]).into();
        self.event.customer = Some(customer);
        Self { kind: "campaign", subject: RECIPIENT.name, ..self }
    }
}

fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(kinds::catalogue);
    &CATALOGUE
}

static SAMPLE: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "type": "order_created", "at": "2026-01-01T10:00:00Z",
        "data": {
            "order": {"total": 25_000, "currency": "EUR", "status": "pending"},
            "customer": {"email": "ada@example.com", "name": "Ada", "locale": "en"},
        },
    })
});

fn of_file(file: &Value) -> Result<Happened, Refusal> {
    let read = event_file::read(file, catalogue()).map_err(|faults| {
        let told = faults.first().map_or("", |fault| fault.message.as_str());
        Refusal::new(Kind::Invalid, "faulty-event", format!("the sample is no event: {told}"))
            .help("write it as {\"type\", \"at\", \"data\": {…}}; `GET /catalogue` says what a type gives")
    })?;
    Ok(Happened { event: read.event, kind: read.kind.about.name, subject: read.subject.name })
}

/// A recorded event, with its customer as they are now.
async fn recorded(context: &Context, id: Uuid) -> Result<Happened, Refusal> {
    let opened = context.session("preview").await?;
    let broken = |fault| Refusal::Broken(anyhow::Error::new(fault));
    let mut event = match find_event(&opened.session, EventId(id)).await.map_err(broken)? {
        Some(Ok(event)) => event,
        Some(Err(unreadable)) => {
            let message = format!("the event {id} can't be read: {}", unreadable.reason);
            return Err(Refusal::new(Kind::Conflict, "unreadable-event", message).help("name another"));
        }
        None => {
            return Err(Refusal::new(Kind::Missing, "no-such-event", format!("there is no event {id}"))
                .help("`thendo events list` lists them"));
        }
    };
    let Some((kind, source)) = begins_by(&event) else {
        let message = format!("no workflow begins with events of `{}`", event.table);
        return Err(Refusal::new(Kind::Conflict, "no-such-trigger", message).help("name another"));
    };
    if event.customer.is_none()
        && let Some(key) = source.subject.customer_of(&event.row)
    {
        let customers = load_customers(&opened.session, vec![key]).await.map_err(broken)?;
        event.customer = customers.into_values().next().and_then(Result::ok);
    }
    Ok(Happened { event, kind, subject: source.subject.name })
}

/// The kind of trigger that looks at such events, and what they are about.
fn begins_by(event: &Event) -> Option<(&'static str, &'static Source)> {
    catalogue().triggers.iter().find_map(|kind| {
        let source = kind.sources.iter().find(|source| source.covers(event))?;
        Some((kind.about.name, source))
    })
}
