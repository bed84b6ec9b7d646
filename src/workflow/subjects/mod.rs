//! Subjects: what events are about, field by field, with the type that decides how a value is read.

mod content;
mod marketing;
mod medusa;
mod people;
mod pseudo;
mod shop;
pub mod states;

use FieldType::{Id, Text, Time};
use serde_json::Value;

use crate::domain::event::{CustomerKey, Row};

pub use content::*;
pub use marketing::*;
pub use medusa::*;
pub use people::*;
pub use pseudo::*;
pub use shop::*;

/// How a field's values are read and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
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

    pub(super) const fn required(name: &'static str, ty: FieldType) -> Self {
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

    /// Whether its rows name a customer of the shop. (Medusa's customers have ids of their own.)
    pub fn has_customer_id(&self) -> bool {
        self.is_id("customer_id")
    }

    /// Whether its rows belong to a customer of the shop, whom they name themselves, by an order, or by an address.
    pub fn has_customer(&self) -> bool {
        self.name == CUSTOMER.name || self.has_customer_id() || self.is_id("order_id") || self.has_address()
    }

    /// How the customer of a row is found, if it says.
    pub fn customer_of(&self, row: &Row) -> Option<CustomerKey> {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let id = |name: &str| text(name).filter(|_| self.is_id(name)).and_then(|id| id.parse().ok());
        let email = || text("email").filter(|_| self.has_address()).map(str::to_owned);
        id("customer_id")
            .map(CustomerKey::Id)
            .or_else(|| id("order_id").map(CustomerKey::Order))
            .or_else(|| email().map(CustomerKey::Email))
    }

    /// The columns by which the customer of a row is found: any of them will do.
    pub fn customer_columns(&self) -> Vec<&'static str> {
        if self.name == CUSTOMER.name {
            return vec!["id"];
        }
        let ids = ["customer_id", "order_id"].into_iter().filter(|name| self.is_id(name));
        ids.chain(self.has_address().then_some("email")).collect()
    }

    fn is_id(&self, name: &str) -> bool {
        self.field(name).is_some_and(|field| field.ty == Id)
    }

    /// Whether its rows are somebody's, told by the address.
    fn has_address(&self) -> bool {
        matches!(self.table, "cart" | "product_waitlist" | "subscribers")
    }
}

/// All subjects that are tables of the shop.
pub static ALL: &[&Subject] = &[
    &ORDER,
    &DEPOSIT,
    &QUOTE,
    &ENROLLMENT,
    &SUBSCRIPTION,
    &STRIPE_CUSTOMER,
    &CUSTOMER,
    &ADDRESS,
    &ROLE,
    &COMMENT,
    &CALENDAR_TOKEN,
    &CATEGORY,
    &CATEGORY_MAPPING,
    &REVIEW,
    &WAITLIST,
    &STOCK,
    &PAGE,
    &CONTENT,
    &PAGE_VIEW,
    &POST,
    &CHANGELOG,
    &TEMPLATE,
    &CAMPAIGN,
    &RECIPIENT,
    &MAIL_OPEN,
    &MAIL_CLICK,
    &SUBSCRIBER,
    &CONSENT,
    &SUPPRESSION,
    &POINTS,
    &LEDGER,
    &REFERRAL_CODE,
    &TAG,
    &TIER,
    &OAUTH_PROVIDER,
    &PRODUCT,
    &VARIANT,
    &MEDUSA_CUSTOMER,
    &CART,
    &MEDUSA_ORDER,
    &MEDUSA_ITEM,
    &MEDUSA_FULFILLMENT,
    &PAYMENT,
];

/// The fields of `event`.
pub static EVENT: &[Field] = &[Field::new("id", Id), Field::new("type", Text), Field::new("at", Time)];

/// A row of a table that is not known here.
pub static ROW: Subject = row("", &[], true);

/// The rows of each known table, under the name `row`.
static ROWS: [Subject; ALL.len()] = {
    let mut rows = [const { row("", &[], true) }; ALL.len()];
    let mut at = 0;
    while at < ALL.len() {
        rows[at] = row(ALL[at].table, ALL[at].fields, ALL[at].open);
        at += 1;
    }
    rows
};

const fn row(table: &'static str, fields: &'static [Field], open: bool) -> Subject {
    Subject { name: "row", table, fields, open }
}

/// The rows of a table under the name `row`: with its fields where the table is known, else [`ROW`].
pub fn row_of(table: &str) -> &'static Subject {
    ROWS.iter().find(|row| row.table == table).unwrap_or(&ROW)
}

/// Whether events of that table are about a row that the database keeps: not so for what thendo itself tells.
pub fn is_stored(table: &str) -> bool {
    !table.starts_with("thendo.")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_tables_are_unique_and_rows_know_the_fields_of_their_table() {
        let (mut names, mut tables) = (BTreeSet::new(), BTreeSet::new());
        for subject in ALL.iter().chain(PSEUDO) {
            assert!(names.insert(subject.name) && tables.insert(subject.table), "{}", subject.name);
            assert_eq!(is_stored(subject.table), !PSEUDO.contains(subject), "{}", subject.table);
            let reserved = ["event", "old", "steps", "vars", "now", "item", "index", "awaited", "row"];
            assert!(!reserved.contains(&subject.name), "{}", subject.name);
            let mut fields: Vec<_> = subject.fields.iter().map(|field| field.name).collect();
            fields.sort_unstable();
            fields.dedup();
            assert_eq!(fields.len(), subject.fields.len(), "{}", subject.name);
        }
        for subject in ALL {
            let row = row_of(subject.table);
            assert_eq!((row.name, row.table, row.fields), ("row", subject.table, subject.fields));
        }
        assert_eq!(row_of("shop_things"), &ROW);
    }
}
