//! How a campaign's mails are opened, and which of their links are followed.

use chrono::Utc;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{OfCampaign, one};
use crate::operations::{Asked, Context, Nothing, Operation, Refusal, Verb};
use crate::store::campaign_drafts::{self, Link, Span, Totals};

/// Spans, and for how long a campaign is told in each: the last one ever after.
const SPANS: [(u32, i64); 3] = [(300, 6 * 3600), (3600, 7 * 86_400), (86_400, i64::MAX)];

/// How its mails are opened.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = CampaignHits)]
pub struct HitsOf {
    /// How many. Privacy proxies open mails that nobody reads, and others are never seen.
    #[serde(flatten)]
    pub totals: Totals,
    /// Seconds of each span of `course`.
    pub span_s: u32,
    /// When they came, for the first time each; spans in which nobody did are missing.
    pub course: Vec<Span>,
    /// The links that were followed, the most followed first; 20 at most.
    pub links: Vec<Link>,
}

/// Shows it.
#[derive(Debug)]
pub struct Hits;

impl Operation for Hits {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/campaigns/{campaign}/hits";
    const NAME: &'static str = "showCampaignHits";
    const ABOUT: &'static str = "How many opened a campaign's mails and followed their links, and when. Proxies and scanners are not \
        counted, as far as they can be told.";
    type Path = OfCampaign;
    type Query = Nothing;
    type Body = Nothing;
    type Output = HitsOf;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<HitsOf, Refusal> {
        let mut connection = context.pool.acquire().await?;
        let campaign = one(&mut connection, &asked.path.campaign).await?;
        let age = campaign.started_at.map_or(0, |at| (Utc::now() - at).num_seconds());
        let span_s = SPANS.iter().find(|(_, until)| age < *until).map_or(86_400, |(span, _)| *span);
        Ok(HitsOf {
            totals: campaign_drafts::totals(&mut connection, campaign.id).await?,
            span_s,
            course: campaign_drafts::course(&mut connection, campaign.id, span_s.into()).await?,
            links: campaign_drafts::links(&mut connection, campaign.id).await?,
        })
    }
}
