//! Removing a person: see `erase_customer()` in the migrations.

use serde::Serialize;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

/// Who is to be erased: a customer, an address, or both where the customer is known by it.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// The row of `customers`, if there is one.
    pub customer: Option<Uuid>,
    /// As it was asked for; a customer's own is looked up.
    pub address: Option<String>,
}

/// One kind of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct Rows {
    /// What they are, in words.
    pub what: String,
    /// How many.
    #[serde(rename = "rows")]
    pub row_count: i64,
}

/// What an erasure does.
#[derive(Debug, Clone, Serialize)]
pub struct Erasure {
    /// What is removed or emptied, without the kinds of which there is nothing.
    pub removed: Vec<Rows>,
    /// What stays of the customer, without a name.
    pub stays: Vec<Rows>,
}

/// Customers with this address, however it is capitalised. At most 100.
///
/// # Errors
/// When the database can't be asked.
pub async fn customers_with(pool: &PgPool, address: &str) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar(
        "select id from customers where lower(email) = lower(btrim($1)) order by created_at, id limit 100",
    )
    .bind(address)
    .fetch_all(pool)
    .await
}

/// Removes the person, or only tells what would be removed: by doing it in a transaction that is rolled back. Batches
/// of this person's lanes wait meanwhile.
///
/// # Errors
/// When there is no such customer, when they are an admin, or when the database can't be written.
pub async fn erase(pool: &PgPool, person: &Person, for_good: bool) -> sqlx::Result<Erasure> {
    let mut transaction = pool.begin().await?;
    // All events are looked through, and the batches that hold the lanes are waited for.
    sqlx::query("set local statement_timeout = 0").execute(&mut *transaction).await?;
    let removed: Vec<Rows> =
        sqlx::query_as("select what, row_count from public.erase_customer($1, $2) where row_count > 0")
            .bind(person.customer)
            .bind(&person.address)
            .fetch_all(&mut *transaction)
            .await?;
    let stays = sqlx::query_as(
        "select what, row_count from (values
             (1, 'orders', (select count(*) from orders where customer_id = $1)),
             (2, 'deposits', (select count(*) from deposits d join orders o on o.id = d.order_id where o.customer_id = $1)),
             (3, 'lines of the points ledger', (select count(*) from loyalty_ledger where customer_id = $1)),
             (4, 'quotes', (select count(*) from quotes where customer_id = $1)),
             (5, 'subscriptions', (select count(*) from subscriptions where customer_id = $1))
         ) as kept (place, what, row_count) where row_count > 0 order by place",
    )
    .bind(person.customer)
    .fetch_all(&mut *transaction)
    .await?;
    if for_good {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(Erasure { removed, stays })
}
