//! Commerce: orders and what belongs to them, reviews, stock, points.

use super::FieldType::{Boolean, Id, Integer, Money, Text, Time};
use super::{Field, Subject};

/// An order of the shop.
pub static ORDER: Subject = Subject {
    name: "order",
    table: "orders",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("customer_id", Id),
        Field::new("status", Text),
        Field::required("total", Money),
        Field::new("currency", Text),
        Field::new("medusa_order_id", Text),
        Field::new("note", Text),
        Field::new("payment_status", Text),
        Field::new("fulfillment_status", Text),
        Field::new("refunded_total", Money),
        Field::new("paid_at", Time),
        Field::new("fulfilled_at", Time),
        Field::new("cancelled_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A deposit asked for on an order.
pub static DEPOSIT: Subject = Subject {
    name: "deposit",
    table: "deposits",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("order_id", Id),
        Field::required("amount", Money),
        Field::new("currency", Text),
        Field::required("due_date", Time),
        Field::new("status", Text),
        Field::new("paid_at", Time),
        Field::new("execution_id", Id),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// What a project would cost.
pub static QUOTE: Subject = Subject {
    name: "quote",
    table: "quotes",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("customer_id", Id),
        Field::required("title", Text),
        Field::new("description", Text),
        Field::required("amount", Money),
        Field::new("currency", Text),
        Field::new("status", Text),
        Field::new("valid_until", Time),
        Field::new("sent_at", Time),
        Field::new("decided_at", Time),
        Field::new("order_id", Id),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A customer's place in a course or service.
pub static ENROLLMENT: Subject = Subject {
    name: "enrollment",
    table: "enrollments",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("customer_id", Id),
        Field::required("product_id", Text),
        Field::required("title", Text),
        Field::new("status", Text),
        Field::new("progress", Integer),
        Field::new("order_id", Id),
        Field::new("enrolled_at", Time),
        Field::new("completed_at", Time),
        Field::new("expires_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A subscription of a customer, as Stripe tells it.
pub static SUBSCRIPTION: Subject = Subject {
    name: "subscription",
    table: "subscriptions",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("customer_id", Id),
        Field::new("stripe_subscription_id", Text),
        Field::new("stripe_price_id", Text),
        Field::required("plan", Text),
        Field::new("status", Text),
        Field::new("amount", Money),
        Field::new("currency", Text),
        Field::new("current_period_start", Time),
        Field::new("current_period_end", Time),
        Field::new("cancel_at_period_end", Boolean),
        Field::new("canceled_at", Time),
        Field::new("stripe_event_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A category of products.
pub static CATEGORY: Subject = Subject {
    name: "category",
    table: "product_categories",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("parent_id", Id),
        Field::required("name", Text),
        Field::required("slug", Text),
        Field::new("description", Text),
        Field::new("position", Integer),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A product in a category.
pub static CATEGORY_MAPPING: Subject = Subject {
    name: "category_mapping",
    table: "product_category_mappings",
    open: false,
    fields: &[
        Field::required("product_id", Text),
        Field::required("category_id", Id),
        Field::new("position", Integer),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// What a customer says of a product.
pub static REVIEW: Subject = Subject {
    name: "review",
    table: "reviews",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("product_id", Text),
        Field::new("customer_id", Id),
        Field::new("order_id", Id),
        Field::required("rating", Integer),
        Field::new("title", Text),
        Field::new("body", Text),
        Field::new("author_name", Text),
        Field::new("status", Text),
        Field::new("is_verified_purchase", Boolean),
        Field::new("moderated_at", Time),
        Field::new("moderated_by", Id),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// How many there are to sell of a variant.
pub static STOCK: Subject = Subject {
    name: "stock",
    table: "product_stock",
    open: false,
    fields: &[
        Field::required("variant_id", Text),
        Field::new("product_id", Text),
        Field::required("available", Integer),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A customer's balance of points.
pub static POINTS: Subject = Subject {
    name: "points",
    table: "loyalty_points",
    open: false,
    fields: &[
        Field::new("customer_id", Id),
        Field::new("balance", Integer),
        Field::new("next_expiry", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// Points earned or spent: one line.
pub static LEDGER: Subject = Subject {
    name: "points_line",
    table: "loyalty_ledger",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("customer_id", Id),
        Field::new("order_id", Id),
        Field::required("points", Integer),
        Field::required("reason", Text),
        Field::new("kind", Text),
        Field::new("reverses", Id),
        Field::new("expires_at", Time),
        Field::new("execution_id", Id),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A code that a customer passes on.
pub static REFERRAL_CODE: Subject = Subject {
    name: "referral_code",
    table: "referral_codes",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::new("customer_id", Id),
        Field::required("code", Text),
        Field::new("uses", Integer),
        Field::new("most_uses", Integer),
        Field::new("expires_at", Time),
        Field::new("is_active", Boolean),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A tier of the loyalty programme.
pub static TIER: Subject = Subject {
    name: "tier",
    table: "loyalty_tiers",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("name", Text),
        Field::required("rank", Integer),
        Field::new("least_points", Integer),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};
