//! `campaign_opened`: a campaign's mail was opened.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::changes::{MADE, now, wanted};
use crate::domain::event::Event;
use crate::workflow::anchor::Anchor;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::MAIL_OPEN;

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "campaign_opened",
        label: "Campaign opened",
        docs: "Starts when a mail of a campaign is opened, each time it is. Proxies that open every mail don't count unless asked for.",
        icon: "mail-opened",
        example: r#"{"campaign": "018f2f6e-0000-7000-8000-000000000001"}"#,
        schema: schema::<CampaignOpened>,
    },
    sources: SOURCES,
    build: trigger::<CampaignOpened>,
};

const SOURCES: &[Source] = &[Source::of(&MAIL_OPEN, MADE)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CampaignOpened {
    /// Only this campaign's: its id.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    campaign: Option<Uuid>,
    /// Whether proxies and scanners count too, that fetch what nobody looked at.
    #[serde(default)]
    proxies: bool,
}

impl Trigger for CampaignOpened {
    fn sources(&self) -> Vec<Source> {
        SOURCES.to_vec()
    }

    fn matches(&self, event: &Event) -> bool {
        let campaign = self.campaign.map(|id| id.to_string());
        let by_proxy = now(event, "is_proxy").and_then(Value::as_bool).unwrap_or(false);
        (self.proxies || !by_proxy) && wanted(campaign.as_deref(), event, "campaign_id")
    }

    fn anchors(&self) -> Vec<Anchor> {
        Vec::from_iter(Anchor::texts("campaign_id", self.campaign.map(|id| id.to_string())))
    }

    fn columns(&self) -> Vec<&str> {
        if self.proxies { Vec::new() } else { vec!["is_proxy"] }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made, updated};
    use super::*;

    #[test]
    fn people_count_and_proxies_when_asked_for() {
        let campaign = "018f2f6e-0000-7000-8000-000000000001";
        let event = |proxy: bool| made("campaign_opens", json!({"campaign_id": campaign, "is_proxy": proxy}));
        assert!(counts(&KIND, json!({}), &event(false)));
        assert!(!counts(&KIND, json!({}), &event(true)));
        assert!(counts(&KIND, json!({"proxies": true}), &event(true)));
        assert!(counts(&KIND, json!({"campaign": campaign}), &event(false)));
        assert!(!counts(&KIND, json!({"campaign": "018f2f6e-0000-7000-8000-000000000002"}), &event(false)));
        assert!(!counts(&KIND, json!({}), &updated("campaign_opens", json!({}), json!({"is_proxy": true}))));
        assert_eq!(
            built(&KIND, json!({"campaign": "spring"})).err(),
            Some(vec!["invalid-config /campaign".into()])
        );
    }
}
