//! Campaigns: how they do; drafted and sent off (`drafts.rs`), paused, resumed, called off.

mod drafts;
mod hits;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use drafts::{Add, Edit, Sample, Sampled, Send, When, Write};
pub use hits::{Hits, HitsOf};

use super::{Asked, Context, Kind, Nothing, Operation, Page, Part, Refusal, Verb, audit, cursor, page_size};
use crate::store::campaign_drafts::{self, Plan};
use crate::store::campaigns::{self, Listed};
use crate::workflow::hash::hash;

/// Lists campaigns.
#[derive(Debug)]
pub struct List;

impl Operation for List {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/campaigns";
    const NAME: &'static str = "listCampaigns";
    const ABOUT: &'static str = "Campaigns, the newest first, and how far each is.";
    type Path = Nothing;
    type Query = Part;
    type Body = Nothing;
    type Output = Page<Listed>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<Listed>, Refusal> {
        let limit = page_size(asked.query.limit)?;
        let behind: Option<(DateTime<Utc>, Uuid)> = cursor::read(asked.query.cursor.as_deref())?;
        let mut connection = context.pool.acquire().await?;
        let found = campaigns::list(&mut connection, None, behind, limit + 1).await?;
        Ok(Page::cut(found, limit, |campaign| (campaign.created_at, campaign.id)))
    }
}

/// Which campaign.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OfCampaign {
    /// Its id, or its name if no other has it.
    pub campaign: String,
}

/// How a campaign does.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ShownCampaign)]
pub struct Shown {
    /// It.
    pub campaign: Listed,
    /// As long as it has not started: how many it would go to by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_go_to: Option<i64>,
    /// What it is to do.
    pub plan: Plan,
    /// This edition of its draft, for `If-Match`; it is the header `ETag`, too.
    pub edition: String,
}

impl Shown {
    async fn of(connection: &mut PgConnection, campaign: Listed) -> Result<Self, Refusal> {
        let plan = campaign_drafts::plan(connection, campaign.id).await?;
        let would_go_to = match campaign.started_at {
            None => Some(campaigns::preview(connection, campaign.id).await?),
            Some(_) => None,
        };
        let Plan {
            template,
            subject,
            audience,
            product_id,
            variant_id,
            rate_per_minute,
            limit_to_stock,
            quiet_hours,
            template_updated_at,
            ..
        } = &plan;
        let told = json!([
            campaign.name,
            template,
            subject,
            audience,
            product_id,
            variant_id,
            rate_per_minute,
            limit_to_stock,
            quiet_hours,
            template_updated_at
        ]);
        Ok(Self { edition: hash(vec![told.to_string()]), campaign, would_go_to, plan })
    }
}

/// Shows a campaign.
#[derive(Debug)]
pub struct Show;

impl Operation for Show {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/campaigns/{campaign}";
    const NAME: &'static str = "showCampaign";
    const ABOUT: &'static str = "How a campaign does; before it starts, how many it would go to.";
    type Path = OfCampaign;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Shown;

    fn edition(output: &Shown) -> Option<&str> {
        Some(&output.edition)
    }

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Shown, Refusal> {
        let mut connection = context.pool.acquire().await?;
        let campaign = one(&mut connection, &asked.path.campaign).await?;
        Shown::of(&mut connection, campaign).await
    }
}

/// The one campaign that is meant.
async fn one(connection: &mut PgConnection, named: &str) -> Result<Listed, Refusal> {
    let mut found = campaigns::list(connection, Some(named), None, 2).await?;
    match (found.pop(), found.is_empty()) {
        (Some(campaign), true) => Ok(campaign),
        (Some(_), false) => {
            let message = format!("several campaigns are called `{named}`");
            Err(Refusal::new(Kind::Conflict, "ambiguous-name", message)
                .help("name one by its id, which `thendo campaigns list` shows"))
        }
        (None, _) => {
            Err(Refusal::new(Kind::Missing, "no-such-campaign", format!("there is no campaign `{named}`"))
                .help("`thendo campaigns list` lists them"))
        }
    }
}

macro_rules! moves {
    ($(#[$doc:meta])* $name:ident, $path:literal, $id:literal, $about:literal, $act:literal, $from:expr, $to:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Operation for $name {
            const VERB: Verb = Verb::Post;
            const PATH: &'static str = $path;
            const NAME: &'static str = $id;
            const ABOUT: &'static str = $about;
            type Path = OfCampaign;
            type Query = Nothing;
            type Body = Nothing;
            type Output = Listed;

            async fn run(context: &Context, asked: Asked<Self>) -> Result<Listed, Refusal> {
                move_it(context, &asked.path.campaign, $act, $from, $to).await
            }
        }
    };
}

moves!(
    /// Has a campaign rest.
    Pause, "/campaigns/{campaign}/pause", "pauseCampaign",
    "Has a campaign send nothing for now: what has not begun stays queued.",
    "campaign.pause", &["scheduled", "sending"], "paused"
);
moves!(
    /// Has a campaign go on.
    Resume, "/campaigns/{campaign}/resume", "resumeCampaign", "Has a paused campaign go on.",
    "campaign.resume", &["paused"], "sending"
);
moves!(
    /// Calls a campaign off.
    Cancel, "/campaigns/{campaign}/cancel", "cancelCampaign",
    "Calls a campaign off for good: who was not mailed yet will not be.",
    "campaign.cancel", &["draft", "scheduled", "sending", "paused"], "cancelled"
);

async fn move_it(
    context: &Context,
    named: &str,
    act: &str,
    from: &[&str],
    to: &str,
) -> Result<Listed, Refusal> {
    let mut transaction = context.begin().await?;
    let campaign = one(&mut transaction, named).await?;
    if !campaigns::moves(&mut transaction, campaign.id, from, to).await? {
        let message = format!("`{}` is {}: it can't become {to}", campaign.name, campaign.status);
        return Err(Refusal::new(Kind::Conflict, "wrong-state", message)
            .help(format!("that is done to one that is {}", from.join(" or "))));
    }
    let detail = json!({"name": campaign.name, "before": campaign.status});
    audit::note(&mut transaction, &context.who, act, campaign.id, detail).await?;
    let now = one(&mut transaction, &campaign.id.to_string()).await?;
    transaction.commit().await?;
    Ok(now)
}
