//! Medusa's tables. Where Medusa made them they have more columns than are named here.

use super::FieldType::{Boolean, Integer, Json, Number, Text, Time};
use super::{Field, Subject};

/// A product.
pub static PRODUCT: Subject = Subject {
    name: "product",
    table: "product",
    open: true,
    fields: &[
        Field::new("id", Text),
        Field::required("title", Text),
        Field::required("handle", Text),
        Field::new("subtitle", Text),
        Field::new("description", Text),
        Field::new("status", Text),
        Field::new("thumbnail", Text),
        Field::new("metadata", Json),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("deleted_at", Time),
        Field::new("created_by", Text),
    ],
};

/// A variant of a product.
pub static VARIANT: Subject = Subject {
    name: "variant",
    table: "product_variant",
    open: true,
    fields: &[
        Field::new("id", Text),
        Field::required("title", Text),
        Field::new("sku", Text),
        Field::new("barcode", Text),
        Field::new("allow_backorder", Boolean),
        Field::new("manage_inventory", Boolean),
        Field::new("variant_rank", Integer),
        Field::new("metadata", Json),
        Field::new("product_id", Text),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("deleted_at", Time),
        Field::new("created_by", Text),
    ],
};

/// A customer, as Medusa knows them.
pub static MEDUSA_CUSTOMER: Subject = Subject {
    name: "medusa_customer",
    table: "customer",
    open: true,
    fields: &[
        Field::new("id", Text),
        Field::new("email", Text),
        Field::new("first_name", Text),
        Field::new("last_name", Text),
        Field::new("company_name", Text),
        Field::new("phone", Text),
        Field::new("has_account", Boolean),
        Field::new("metadata", Json),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("deleted_at", Time),
        Field::new("created_by", Text),
    ],
};

/// What someone means to buy. `customer_id` is Medusa's.
pub static CART: Subject = Subject {
    name: "cart",
    table: "cart",
    open: true,
    fields: &[
        Field::new("id", Text),
        Field::new("region_id", Text),
        Field::new("customer_id", Text),
        Field::new("sales_channel_id", Text),
        Field::new("email", Text),
        Field::required("currency_code", Text),
        Field::new("metadata", Json),
        Field::new("completed_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("deleted_at", Time),
        Field::new("created_by", Text),
    ],
};

/// Medusa's own order. `customer_id` is Medusa's.
pub static MEDUSA_ORDER: Subject = Subject {
    name: "medusa_order",
    table: "order",
    open: true,
    fields: &[
        Field::new("id", Text),
        Field::new("display_id", Integer),
        Field::new("region_id", Text),
        Field::new("customer_id", Text),
        Field::new("version", Integer),
        Field::new("sales_channel_id", Text),
        Field::new("status", Text),
        Field::new("is_draft_order", Boolean),
        Field::new("email", Text),
        Field::required("currency_code", Text),
        Field::new("metadata", Json),
        Field::new("canceled_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("deleted_at", Time),
        Field::new("created_by", Text),
    ],
};

/// An item of Medusa's order.
pub static MEDUSA_ITEM: Subject = Subject {
    name: "medusa_item",
    table: "order_item",
    open: true,
    fields: &[
        Field::new("id", Text),
        Field::required("order_id", Text),
        Field::new("version", Integer),
        Field::required("item_id", Text),
        Field::required("quantity", Number),
        Field::new("fulfilled_quantity", Number),
        Field::new("shipped_quantity", Number),
        Field::new("delivered_quantity", Number),
        Field::new("returned_quantity", Number),
        Field::new("unit_price", Number),
        Field::new("metadata", Json),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("deleted_at", Time),
        Field::new("created_by", Text),
    ],
};

/// Some of Medusa's order was sent.
pub static MEDUSA_FULFILLMENT: Subject = Subject {
    name: "medusa_fulfillment",
    table: "order_fulfillment",
    open: true,
    fields: &[
        Field::new("id", Text),
        Field::required("order_id", Text),
        Field::required("fulfillment_id", Text),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("deleted_at", Time),
        Field::new("created_by", Text),
    ],
};

/// Money on its way. `amount` is in the major unit: 25 is 25.00.
pub static PAYMENT: Subject = Subject {
    name: "payment",
    table: "payment",
    open: true,
    fields: &[
        Field::new("id", Text),
        Field::required("amount", Number),
        Field::required("currency_code", Text),
        Field::required("provider_id", Text),
        Field::new("metadata", Json),
        Field::new("captured_at", Time),
        Field::new("canceled_at", Time),
        Field::required("payment_collection_id", Text),
        Field::required("payment_session_id", Text),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("deleted_at", Time),
        Field::new("created_by", Text),
    ],
};
