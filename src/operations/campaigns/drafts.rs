//! Campaigns that people make: drafted, looked at, sent off.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{OfCampaign, Shown, one};
use crate::actions::send_campaign::{Audience, QuietHours, unfit};
use crate::operations::{Asked, Context, Kind, Match, Nothing, Operation, Refusal, Verb, audit};
use crate::store::campaign_drafts::{self, Parts};
use crate::store::templates;

/// People of a sample.
const SAMPLE: i32 = 20;

/// What a campaign is to do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = CampaignEdit)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// What it is called.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The name of the template that it sends. One that is sent has to have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Instead of the template's subject: a template itself.
    #[schema(min_length = 1, max_length = 2000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Whom it goes to.
    pub audience: Audience,
    /// Of a waitlist: for which product.
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// Of a waitlist: for which variant; those who wait for any of the product are meant, too.
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant_id: Option<String>,
    /// At most so many mails a minute; without it, 600.
    #[schema(minimum = 1, maximum = 600_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_minute: Option<i32>,
    /// First come, first served: no more mails than there are pieces.
    #[serde(default)]
    pub limit_to_stock: bool,
    /// When nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
}

fn bad(code: &str, message: impl Into<String>, help: &str) -> Refusal {
    Refusal::new(Kind::Invalid, code, message.into()).help(help.to_owned())
}

fn stored<T: Serialize>(value: &T) -> Result<Value, Refusal> {
    serde_json::to_value(value).map_err(|fault| Refusal::Broken(fault.into()))
}

impl Edit {
    fn check(&self) -> Result<(), Refusal> {
        if !(1..=200).contains(&self.name.chars().count()) || self.name.parse::<Uuid>().is_ok() {
            let help = "and is no UUID: it would be taken for the id of another one";
            return Err(bad("bad-name", "the name of a campaign has 1 to 200 letters", help));
        }
        let texts = [&self.subject, &self.product_id, &self.variant_id];
        let longest = [2000, 200, 200];
        for (text, longest) in texts.into_iter().zip(longest) {
            let Some(text) = text else { continue };
            if !(1..=longest).contains(&text.chars().count()) {
                let message = format!("a text has more than {longest} letters, or none");
                return Err(bad("bad-value", message, "shorten it, or leave it out"));
            }
        }
        if !(1..=600_000).contains(&self.rate_per_minute.unwrap_or(600)) {
            return Err(bad("bad-value", "`rate_per_minute` is out of bounds", "it is 1 to 600000"));
        }
        if json!(self).to_string().contains("\\u0000") {
            return Err(bad("bad-value", "a text has the letter U+0000", "leave that letter out"));
        }
        match unfit(&self.audience, self.limit_to_stock, self.quiet_hours.as_ref()).into_iter().next() {
            Some(fault) => {
                let place = [fault.below, fault.field].into_iter().filter(|part| !part.is_empty());
                let message = format!("{}: {}", place.collect::<Vec<_>>().join("."), fault.message);
                Err(bad("bad-value", message, "docs/campaigns.md says what goes together"))
            }
            None => Ok(()),
        }
    }

    async fn template(&self, connection: &mut PgConnection) -> Result<Option<Uuid>, Refusal> {
        let Some(named) = &self.template else { return Ok(None) };
        let Some(found) = templates::find(connection, named).await? else {
            return Err(Refusal::new(
                Kind::Missing,
                "no-such-template",
                format!("there is no template `{named}`"),
            )
            .help("GET /api/v1/templates lists them"));
        };
        Ok(Some(found.id))
    }

    fn parts(&self, template: Option<Uuid>) -> Result<Parts<'_>, Refusal> {
        Ok(Parts {
            name: &self.name,
            template,
            subject: self.subject.as_deref(),
            audience: stored(&self.audience)?,
            product: self.product_id.as_deref(),
            variant: self.variant_id.as_deref(),
            rate_per_minute: self.rate_per_minute.unwrap_or(600),
            limit_to_stock: self.limit_to_stock,
            quiet_hours: self.quiet_hours.as_ref().map(stored).transpose()?,
        })
    }
}

fn no_draft(name: &str, status: &str) -> Refusal {
    Refusal::new(Kind::Conflict, "wrong-state", format!("`{name}` is {status}: it is no draft any more"))
        .help("make another campaign")
}

/// Refuses what was changed since it was seen.
fn unchanged(of: &Shown, seen: Option<&str>) -> Result<(), Refusal> {
    match seen {
        Some(seen) if seen != "*" && seen != of.edition => {
            let message = format!("`{}` was changed since it was read: nothing was done", of.campaign.name);
            Err(Refusal::new(Kind::Stale, "changed-meanwhile", message)
                .help("read it again, and look at what was changed"))
        }
        _ => Ok(()),
    }
}

/// Adds a draft.
#[derive(Debug)]
pub struct Add;

impl Operation for Add {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/campaigns";
    const NAME: &'static str = "addCampaign";
    const ABOUT: &'static str = "Adds a campaign as a draft: nobody is mailed before it is sent.";
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Edit;
    type Output = Shown;

    fn edition(output: &Shown) -> Option<&str> {
        Some(&output.edition)
    }

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Shown, Refusal> {
        let edit = asked.body;
        edit.check()?;
        let mut transaction = context.begin().await?;
        let template = edit.template(&mut transaction).await?;
        let id = campaign_drafts::add(&mut transaction, &edit.parts(template)?).await?;
        let detail = json!({"name": edit.name});
        audit::note(&mut transaction, &context.who, "campaign.add", id, detail).await?;
        let campaign = one(&mut transaction, &id.to_string()).await?;
        let shown = Shown::of(&mut transaction, campaign).await?;
        transaction.commit().await?;
        Ok(shown)
    }
}

/// Writes a draft.
#[derive(Debug)]
pub struct Write;

impl Operation for Write {
    const VERB: Verb = Verb::Put;
    const PATH: &'static str = "/campaigns/{campaign}";
    const NAME: &'static str = "writeCampaign";
    const ABOUT: &'static str = "Writes the draft of a campaign. `If-Match` names the edition that was read.";
    const IF_MATCH: Match = Match::Must;
    type Path = OfCampaign;
    type Query = Nothing;
    type Body = Edit;
    type Output = Shown;

    fn edition(output: &Shown) -> Option<&str> {
        Some(&output.edition)
    }

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Shown, Refusal> {
        let edit = asked.body;
        edit.check()?;
        let mut transaction = context.begin().await?;
        let before = looked_at(&mut transaction, &asked.path.campaign, asked.if_match.as_deref()).await?;
        let (id, template) = (before.campaign.id, edit.template(&mut transaction).await?);
        if !campaign_drafts::write(&mut transaction, id, &edit.parts(template)?).await? {
            return Err(no_draft(&before.campaign.name, &before.campaign.status));
        }
        let detail = json!({"name": edit.name, "before": before.campaign.name});
        audit::note(&mut transaction, &context.who, "campaign.write", id, detail).await?;
        let campaign = one(&mut transaction, &id.to_string()).await?;
        let shown = Shown::of(&mut transaction, campaign).await?;
        transaction.commit().await?;
        Ok(shown)
    }
}

/// It, as nobody else changes it until the transaction ends.
async fn looked_at(
    transaction: &mut PgConnection,
    named: &str,
    seen: Option<&str>,
) -> Result<Shown, Refusal> {
    let id = one(transaction, named).await?.id;
    campaign_drafts::lock(transaction, id).await?;
    let campaign = one(transaction, &id.to_string()).await?;
    let shown = Shown::of(transaction, campaign).await?;
    unchanged(&shown, seen)?;
    Ok(shown)
}

/// Some to whom a campaign would go.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = CampaignSample)]
pub struct Sampled {
    /// The first of them, as it would be sent; 20 at most.
    pub people: Vec<campaign_drafts::Sampled>,
}

/// Shows some to whom a campaign would go.
#[derive(Debug)]
pub struct Sample;

impl Operation for Sample {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/campaigns/{campaign}/sample";
    const NAME: &'static str = "sampleCampaign";
    const ABOUT: &'static str = "The first 20 to whom a campaign would go, if it started now. Who wants no such mail is left out later, \
        when it is sent.";
    type Path = OfCampaign;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Sampled;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Sampled, Refusal> {
        let mut connection = context.pool.acquire().await?;
        let campaign = one(&mut connection, &asked.path.campaign).await?;
        let people = campaign_drafts::sample(&mut connection, campaign.id, SAMPLE).await?;
        Ok(Sampled { people })
    }
}

/// When a campaign is sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = CampaignSend)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Not before this instant, in a year at most; without it, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// Not if it would go to more than so many by now. Whom it goes to is counted anew when it starts.
    #[schema(minimum = 0)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<i64>,
}

/// Sends a draft.
#[derive(Debug)]
pub struct Send;

impl Operation for Send {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/campaigns/{campaign}/send";
    const NAME: &'static str = "sendCampaign";
    const ABOUT: &'static str =
        "Sends the draft of a campaign, at once or later. Whom it goes to is frozen when it starts.";
    const IF_MATCH: Match = Match::May;
    type Path = OfCampaign;
    type Query = Nothing;
    type Body = When;
    type Output = Shown;

    fn edition(output: &Shown) -> Option<&str> {
        Some(&output.edition)
    }

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Shown, Refusal> {
        let When { at, at_most } = asked.body;
        let mut transaction = context.begin().await?;
        let before = looked_at(&mut transaction, &asked.path.campaign, asked.if_match.as_deref()).await?;
        let (id, name, size) = (before.campaign.id, &before.campaign.name, before.would_go_to.unwrap_or(0));
        if before.campaign.status != "draft" {
            return Err(no_draft(name, &before.campaign.status));
        }
        let lacks = |message: &str, help: &str| {
            Err(Refusal::new(Kind::Conflict, "not-ready", format!("`{name}` {message}"))
                .help(help.to_owned()))
        };
        match before.plan.template_is_active {
            None => return lacks("has no template", "say which mail it sends"),
            Some(false) => {
                return lacks("sends a template that is not active", "set `is_active`, or name another");
            }
            Some(true) => {}
        }
        if before.plan.limit_to_stock && before.plan.product_id.is_none() {
            return lacks("is limited to the stock of no product", "say `product_id`");
        }
        if let Some(at) = at
            && !campaign_drafts::is_near(&mut transaction, at).await?
        {
            let message = format!("`at` is {at}: that is past, or in more than a year");
            return Err(bad("bad-value", message, "say another time, or none to send it at once"));
        }
        if at_most.is_some_and(|most| size > most) {
            let message = format!("`{name}` would go to {size} by now");
            return Err(Refusal::new(Kind::Stale, "changed-meanwhile", message)
                .help("look at whom it goes to, and send it anew"));
        }
        campaign_drafts::send(&mut transaction, id, at).await?;
        let detail = json!({"name": name, "at": at, "would_go_to": size});
        audit::note(&mut transaction, &context.who, "campaign.send", id, detail).await?;
        let campaign = one(&mut transaction, &id.to_string()).await?;
        let shown = Shown { campaign, ..before };
        transaction.commit().await?;
        Ok(shown)
    }
}
