//! Removing a person: see `erase_customer()` in the migrations.

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;

/// Who is to be erased: a customer, an address, or both where the customer is known by it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// The row of `customers`, if there is one.
    pub customer: Option<Uuid>,
    /// As it was asked for; a customer's own is looked up.
    pub address: Option<String>,
}

/// One kind of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(as = RowCount)]
pub struct Rows {
    /// What they are, in words.
    pub what: String,
    /// How many.
    #[serde(rename = "rows")]
    pub row_count: i64,
}

/// Customers with this address, however it is capitalised. At most 100.
///
/// # Errors
/// When the database can't be asked.
pub async fn customers_with(connection: &mut PgConnection, address: &str) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar("select c from customers_at($1) c limit 100").bind(address).fetch_all(connection).await
}

/// What this transaction does may take as long as it takes.
///
/// # Errors
/// When the database can't be asked.
pub async fn wait_for_it(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("set local statement_timeout = 0").execute(connection).await.map(|_| ())
}

/// Removes the person: what was removed or emptied, without the kinds of which there is nothing. It counts when the
/// transaction does: rolled back, it tells what would be removed. Batches of this person's lanes wait meanwhile.
///
/// # Errors
/// When there is no such customer, when they are an admin, or when the database can't be written.
pub async fn erase(connection: &mut PgConnection, person: &Person) -> sqlx::Result<Vec<Rows>> {
    sqlx::query_as("select what, row_count from public.erase_customer($1, $2) where row_count > 0 limit 1000")
        .bind(person.customer)
        .bind(&person.address)
        .fetch_all(connection)
        .await
}

/// What stays of the customer, without a name.
///
/// # Errors
/// When the database can't be asked.
pub async fn stays(connection: &mut PgConnection, person: &Person) -> sqlx::Result<Vec<Rows>> {
    sqlx::query_as("select what, row_count from rows_that_stay($1) limit 1000")
        .bind(person.customer)
        .fetch_all(connection)
        .await
}
