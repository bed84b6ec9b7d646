//! Subjects: what events are about, field by field, with the type that decides how a value is read.

use FieldType::{Id, Json, List, Money, Text, Time};

/// How a field's values are read and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// An opaque key, as text.
    Id,
    /// Text; case counts.
    Text,
    /// Whole minor units: 25000 is 250.00.
    Money,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// An instant, RFC 3339 in rows.
    Time,
    /// A list of texts.
    List,
    /// Anything: what is below is not known.
    Json,
}

impl FieldType {
    /// With its article, for messages.
    pub fn described(self) -> &'static str {
        match self {
            Self::Id => "an id",
            Self::Text => "a text",
            Self::Money => "an amount of money",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Time => "a time",
            Self::List => "a list",
            Self::Json => "JSON",
        }
    }
}

/// One field of a subject, or of a step's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Field {
    /// The column's name.
    pub name: &'static str,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: FieldType,
    /// A new row can't do without it: it has neither a default nor may it be null.
    pub required: bool,
}

impl Field {
    /// A field that may be left out of a new row.
    pub const fn new(name: &'static str, ty: FieldType) -> Self {
        Self { name, ty, required: false }
    }

    const fn required(name: &'static str, ty: FieldType) -> Self {
        Self { name, ty, required: true }
    }
}

/// What an event is about: one table's row under the name that conditions and templates use.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub struct Subject {
    /// The name in the context: `order`.
    pub name: &'static str,
    /// The table without schema: `orders`.
    pub table: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
    /// There may be others, of which nothing is known.
    pub open: bool,
}

impl Subject {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether its rows belong to a customer.
    pub fn has_customer(&self) -> bool {
        self.field("customer_id").is_some()
    }
}

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

/// A page of the site.
pub static PAGE: Subject = Subject {
    name: "page",
    table: "pages",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("slug", Text),
        Field::required("title", Text),
        Field::new("description", Text),
        Field::new("status", Text),
        Field::new("published_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A section of a page.
pub static CONTENT: Subject = Subject {
    name: "content",
    table: "page_content",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("page_id", Id),
        Field::required("section", Text),
        Field::new("content", Json),
        Field::new("status", Text),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A post of the blog.
pub static POST: Subject = Subject {
    name: "post",
    table: "blog_posts",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("slug", Text),
        Field::required("title", Text),
        Field::new("excerpt", Text),
        Field::new("body", Text),
        Field::new("author", Text),
        Field::new("tags", List),
        Field::new("status", Text),
        Field::new("published_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// All of them.
pub static ALL: &[&Subject] = &[&ORDER, &CUSTOMER, &WAITLIST, &PAGE, &CONTENT, &POST];

/// The fields of `event`.
pub static EVENT: &[Field] = &[Field::new("id", Id), Field::new("type", Text), Field::new("at", Time)];
