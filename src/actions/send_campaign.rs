//! `send_campaign`: mail many people, in the background.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::given::{instant_of, line_of};
use crate::domain::effect::{Effect, EffectKind, Key, Rows};
use crate::domain::event::Operation;
use crate::workflow::calendar::time_zone_named;
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, Write, action, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "send_campaign",
        label: "Send campaign",
        docs: "Mails a stored template to all of an audience, in the background: the workflow goes on at once. Whom it goes to is \
               frozen when it starts. `recipients` says how many that would be by now; `thendo campaigns` shows how it does, and \
               pauses it.",
        icon: "mail-fast",
        example: r#"{"name": "Back in stock", "template": "back-in-stock", "audience": {"from": "waitlist"}, "limit_to_stock": true}"#,
        schema: schema::<SendCampaign>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("send_campaign"),
    writes: &[Write::to("waitlist_campaigns", Operation::Insert)],
    needs: &[],
    result: &[Field::new("campaign_id", FieldType::Id), Field::new("recipients", FieldType::Integer)],
    build: action::<SendCampaign>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendCampaign {
    /// What it is called.
    name: Template,
    /// The name of a row of `email_templates`. It may read `recipient`, `customer` and `values.campaign`.
    template: String,
    /// Instead of the template's subject: a template itself, of what the mail may read.
    subject: Option<String>,
    /// Whom it goes to.
    audience: Audience,
    /// Of a waitlist: for which product. Without it, the one that the event is about.
    product: Option<Template>,
    /// Of a waitlist: for which variant; those who wait for any of the product are meant, too.
    variant: Option<Template>,
    /// At most so many mails a minute.
    #[serde(default = "ten_a_second")]
    #[schemars(range(min = 1, max = 600_000))]
    rate_per_minute: u32,
    /// First come, first served: no more mails than there are pieces. It is looked at again before each batch.
    #[serde(default)]
    limit_to_stock: bool,
    /// Not before this instant.
    #[schemars(extend("x-wants" = "time"))]
    at: Option<Template>,
    /// When nothing is sent.
    quiet_hours: Option<QuietHours>,
}

fn ten_a_second() -> u32 {
    600
}

/// Whom a campaign goes to.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Audience)]
pub struct Audience {
    /// Where they are found.
    from: From,
    /// Of the waitlist: in which state. Without it, those who wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Vec<Place>>,
    /// Who joined, signed up or became a customer at this instant or after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    joined_after: Option<String>,
    /// Who did so before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    joined_before: Option<String>,
    /// Of customers: in one of these tiers.
    #[serde(skip_serializing_if = "Option::is_none")]
    tiers: Option<Vec<String>>,
    /// Of customers: with one of these tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    /// Of customers: with none of these tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    without_tags: Option<Vec<String>>,
    /// Of customers: with so many orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    orders: Option<Orders>,
}

/// Where the people of an audience are found.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AudienceFrom)]
pub enum From {
    /// `product_waitlist`.
    Waitlist,
    /// `customers`.
    Customers,
    /// `subscribers` who confirmed.
    Subscribers,
}

/// A state on the waitlist.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AudiencePlace)]
#[expect(missing_docs, reason = "the column's own words")]
pub enum Place {
    Waiting,
    Notified,
    Converted,
}

/// Orders that were not cancelled.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AudienceOrders)]
pub struct Orders {
    /// At least so many; 1 without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    least: Option<u32>,
    /// At most so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    most: Option<u32>,
    /// Placed at this instant or after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// Placed before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

/// From one time of day until another.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QuietHours)]
pub struct QuietHours {
    /// Such as `21:00`.
    from: String,
    /// Such as `08:00`.
    until: String,
    /// Such as `Europe/Vienna`; UTC without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
}

impl SendCampaign {
    fn of_product(&self, context: &Context) -> Result<(Option<String>, Option<String>), PlanError> {
        let line = |setting: &str, template: &Option<Template>| {
            template.as_ref().map(|template| line_of(setting, template, context, 200)).transpose()
        };
        let (product, variant) = (line("product", &self.product)?, line("variant", &self.variant)?);
        if self.audience.from != From::Waitlist {
            return Ok((product, variant));
        }
        let of_event = |field: &str| context.row_field(field).and_then(Value::as_str).map(str::to_owned);
        let variant = variant.or_else(|| of_event("variant_id").filter(|_| product.is_none()));
        let product = product.or_else(|| of_event("product_id"));
        let lacks = || PlanError(format!("product: the {} has no product; say which", context.subject()));
        Ok((Some(product.ok_or_else(lacks)?), variant))
    }
}

impl Action for SendCampaign {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let (product, variant) = self.of_product(context)?;
        let at = self.at.as_ref().map(|at| instant_of("at", at, context)).transpose()?;
        let input = json!({
            "name": line_of("name", &self.name, context, 200)?, "template": self.template, "subject": self.subject,
            "audience": self.audience, "product": product, "variant": variant, "rate_per_minute": self.rate_per_minute,
            "limit_to_stock": self.limit_to_stock, "at": at, "quiet_hours": self.quiet_hours,
        });
        Ok(Effect::Rows(Rows::new("send_campaign", input).writing("waitlist_campaigns", Key::Own)))
    }

    fn template(&self) -> Option<&str> {
        Some(&self.template)
    }

    fn check(&self, reader: &mut Reader<'_>) {
        for Unfit { below, code, field, message } in
            unfit(&self.audience, self.limit_to_stock, self.quiet_hours.as_ref())
        {
            match below {
                "" => reader.fault_at(code, field, message),
                below => {
                    let path = format!("{}/{below}", reader.path);
                    reader.fault_below(&path, code, field, message);
                }
            }
        }
    }
}

/// What does not fit of whom a campaign goes to, and when.
#[derive(Debug)]
pub struct Unfit {
    /// The setting that the field is one of; empty: it is one itself.
    pub below: &'static str,
    /// For programs.
    pub code: &'static str,
    /// Which.
    pub field: &'static str,
    /// Why.
    pub message: String,
}

/// What does not fit together. Campaigns that people make are looked at by it, too.
pub fn unfit(audience: &Audience, limit_to_stock: bool, quiet_hours: Option<&QuietHours>) -> Vec<Unfit> {
    let Audience { from, status, joined_after, joined_before, tiers, tags, without_tags, orders } = audience;
    let of_customers = [
        ("tiers", tiers.is_some()),
        ("tags", tags.is_some()),
        ("without_tags", without_tags.is_some()),
        ("orders", orders.is_some()),
    ];
    let mut found = Vec::new();
    let mut finds = |below, code, field, message| found.push(Unfit { below, code, field, message });
    let misplaced = of_customers.into_iter().filter(|(_, is_set)| *is_set && *from != From::Customers);
    let of_waitlist = [("status", status.is_some() && *from != From::Waitlist)];
    for (field, _) in misplaced.chain(of_waitlist.into_iter().filter(|(_, is)| *is)) {
        let message = format!("`{field}` does not go with this `from`");
        finds("audience", "conflicting-settings", field, message);
    }
    let of_orders = orders.as_ref().map(|orders| [("after", &orders.after), ("before", &orders.before)]);
    let instants = [("joined_after", joined_after), ("joined_before", joined_before)]
        .into_iter()
        .chain(of_orders.into_iter().flatten());
    for (field, text) in instants {
        if let Some(text) = text.as_ref().filter(|text| crate::workflow::rules::instant(text).is_none()) {
            finds("audience", "bad-time", field, format!("`{text}` is no instant: write such as 2026-12-01"));
        }
    }
    if limit_to_stock && *from != From::Waitlist {
        let message = "only a waitlist is served by the stock".to_owned();
        finds("", "conflicting-settings", "limit_to_stock", message);
    }
    let Some(QuietHours { from, until, time_zone }) = quiet_hours else { return found };
    for (field, text) in [("from", from), ("until", until)] {
        if chrono::NaiveTime::parse_from_str(text, "%H:%M").is_err() {
            let message = format!("`{text}` is no time of day: write such as 21:00");
            finds("quiet_hours", "bad-time", field, message);
        }
    }
    if let Some(name) = time_zone.as_ref().filter(|name| time_zone_named(name).is_err()) {
        let message = format!("there is no time zone `{name}`");
        finds("quiet_hours", "unknown-time-zone", "time_zone", message);
    }
    found
}
