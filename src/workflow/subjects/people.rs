//! Customers, their accounts, and what is kept of them.

use super::FieldType::{Boolean, Id, Json, List, Text, Time};
use super::{Field, Subject};

/// A customer, as Stripe knows them.
pub static STRIPE_CUSTOMER: Subject = Subject {
    name: "stripe_customer",
    table: "stripe_customers",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("customer_id", Id),
        Field::required("stripe_customer_id", Text),
        Field::new("livemode", Boolean),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A customer of the shop.
pub static CUSTOMER: Subject = Subject {
    name: "customer",
    table: "customers",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("user_id", Id),
        Field::new("medusa_customer_id", Text),
        Field::required("email", Text),
        Field::new("name", Text),
        Field::new("phone", Text),
        Field::new("locale", Text),
        Field::new("preferences", Json),
        Field::new("referred_by", Id),
        Field::new("tier_id", Id),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// An address that an account keeps.
pub static ADDRESS: Subject = Subject {
    name: "address",
    table: "saved_addresses",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("user_id", Id),
        Field::new("label", Text),
        Field::required("name", Text),
        Field::new("company", Text),
        Field::required("line1", Text),
        Field::new("line2", Text),
        Field::new("postal_code", Text),
        Field::required("city", Text),
        Field::new("region", Text),
        Field::required("country_code", Text),
        Field::new("phone", Text),
        Field::new("is_default", Boolean),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// What an account may do.
pub static ROLE: Subject = Subject {
    name: "role",
    table: "user_roles",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("user_id", Id),
        Field::required("role", Text),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// What was said about an order.
pub static COMMENT: Subject = Subject {
    name: "comment",
    table: "project_comments",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("order_id", Id),
        Field::new("user_id", Id),
        Field::required("body", Text),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// The key to an account's calendar; its tokens are in no event.
pub static CALENDAR_TOKEN: Subject = Subject {
    name: "calendar_token",
    table: "google_calendar_tokens",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("user_id", Id),
        Field::required("key_id", Text),
        Field::new("scope", Text),
        Field::new("calendar_id", Text),
        Field::required("expires_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A service that people connect their account with.
pub static OAUTH_PROVIDER: Subject = Subject {
    name: "oauth_provider",
    table: "oauth_providers",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("name", Text),
        Field::required("client_id", Text),
        Field::new("key_id", Text),
        Field::required("authorize_url", Text),
        Field::new("scopes", List),
        Field::new("is_enabled", Boolean),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A word that the shop attached to a customer.
pub static TAG: Subject = Subject {
    name: "tag",
    table: "customer_tags",
    open: false,
    fields: &[
        Field::new("customer_id", Id),
        Field::required("tag", Text),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};
