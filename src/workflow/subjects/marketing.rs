//! Waitlists, campaigns, subscribers and what they agreed to.

use super::FieldType::{Boolean, Id, Integer, Json, Text, Time};
use super::{Field, Subject};

/// Somebody's place on the waitlist of a product.
pub static WAITLIST: Subject = Subject {
    name: "waitlist",
    table: "product_waitlist",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("product_id", Text),
        Field::new("variant_id", Text),
        Field::new("customer_id", Id),
        Field::required("email", Text),
        Field::new("name", Text),
        Field::new("status", Text),
        Field::new("notified_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A mail that campaigns send.
pub static TEMPLATE: Subject = Subject {
    name: "template",
    table: "email_templates",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("name", Text),
        Field::required("subject", Text),
        Field::new("html", Text),
        Field::new("text", Text),
        Field::new("consent", Text),
        Field::new("is_active", Boolean),
        Field::new("tracks", Boolean),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A campaign.
pub static CAMPAIGN: Subject = Subject {
    name: "campaign",
    table: "waitlist_campaigns",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("name", Text),
        Field::new("template_id", Id),
        Field::new("subject", Text),
        Field::new("product_id", Text),
        Field::new("variant_id", Text),
        Field::new("audience", Json),
        Field::new("status", Text),
        Field::new("rate_per_minute", Integer),
        Field::new("limit_to_stock", Boolean),
        Field::new("content", Json),
        Field::new("quiet_hours", Json),
        Field::new("next_at", Time),
        Field::new("is_settled", Boolean),
        Field::new("stock_at_start", Integer),
        Field::new("error", Text),
        Field::new("scheduled_at", Time),
        Field::new("started_at", Time),
        Field::new("finished_at", Time),
        Field::new("execution_id", Id),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// Somebody whom a campaign writes to.
pub static RECIPIENT: Subject = Subject {
    name: "recipient",
    table: "waitlist_campaign_recipients",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("campaign_id", Id),
        Field::new("waitlist_id", Id),
        Field::new("customer_id", Id),
        Field::required("email", Text),
        Field::new("name", Text),
        Field::new("status", Text),
        Field::new("position", Integer),
        Field::new("sent_at", Time),
        Field::new("error", Text),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A campaign's mail was opened.
pub static MAIL_OPEN: Subject = Subject {
    name: "open",
    table: "campaign_opens",
    open: false,
    fields: &[
        Field::new("id", Integer),
        Field::required("campaign_id", Id),
        Field::required("recipient_id", Id),
        Field::new("opened_at", Time),
        Field::new("user_agent", Text),
        Field::new("is_proxy", Boolean),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A link in a campaign's mail was followed.
pub static MAIL_CLICK: Subject = Subject {
    name: "click",
    table: "campaign_clicks",
    open: false,
    fields: &[
        Field::new("id", Integer),
        Field::required("campaign_id", Id),
        Field::required("recipient_id", Id),
        Field::required("url", Text),
        Field::new("clicked_at", Time),
        Field::new("user_agent", Text),
        Field::new("is_proxy", Boolean),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// Somebody who wants news.
pub static SUBSCRIBER: Subject = Subject {
    name: "subscriber",
    table: "subscribers",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("email", Text),
        Field::new("name", Text),
        Field::new("customer_id", Id),
        Field::new("status", Text),
        Field::new("confirmed_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// What somebody agreed to, or took back.
pub static CONSENT: Subject = Subject {
    name: "consent",
    table: "consents",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("email", Text),
        Field::new("customer_id", Id),
        Field::required("purpose", Text),
        Field::required("decision", Text),
        Field::required("source", Text),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// An address that gets no mail.
pub static SUPPRESSION: Subject = Subject {
    name: "suppression",
    table: "suppressions",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("email", Text),
        Field::required("reason", Text),
        Field::new("detail", Text),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};
