//! A sample order, placed by plain SQL as a shop would, and a look at what came of it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

/// A placed order.
#[derive(Debug, Clone, Copy)]
pub struct PlacedOrder {
    /// The order.
    pub id: Uuid,
    /// Its customer.
    pub customer: Uuid,
    /// Just before it was written, on the database's clock.
    pub since: DateTime<Utc>,
}

/// Inserts the customer, if the address is new, and an order.
///
/// # Errors
/// When the database can't be written.
pub async fn place_order(
    pool: &PgPool,
    email: &str,
    name: &str,
    total_minor: i64,
    currency: &str,
) -> sqlx::Result<PlacedOrder> {
    let mut transaction = pool.begin().await?;
    let since = sqlx::query_scalar("select clock_timestamp()").fetch_one(&mut *transaction).await?;
    let customer: Uuid = sqlx::query_scalar(
        "insert into customers (email, name) values ($1, $2)
         on conflict (email) do update set name = coalesce(customers.name, excluded.name) returning id",
    )
    .bind(email)
    .bind(name)
    .fetch_one(&mut *transaction)
    .await?;
    let id = sqlx::query_scalar(
        "insert into orders (customer_id, total, currency) values ($1, $2, $3) returning id",
    )
    .bind(customer)
    .bind(total_minor)
    .bind(currency)
    .fetch_one(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(PlacedOrder { id, customer, since })
}

/// The event of an order.
#[derive(Debug, Clone, FromRow)]
pub struct OrderEvent {
    /// Its identity.
    pub id: Uuid,
    /// Its time.
    pub at: DateTime<Utc>,
}

/// The event that the trigger recorded for the order, if it did.
///
/// # Errors
/// When the database can't be asked.
pub async fn event_of(pool: &PgPool, order: &PlacedOrder) -> sqlx::Result<Option<OrderEvent>> {
    sqlx::query_as(
        "select id, at from workflow_events
          where at >= $1 and table_name = 'orders' and row_data ->> 'id' = $2 and operation = 'insert'
          order by at limit 1",
    )
    .bind(order.since)
    .bind(order.id.to_string())
    .fetch_optional(pool)
    .await
}

/// Whether orders record no events because `thendo detach` was run.
///
/// # Errors
/// When the database can't be asked.
pub async fn is_detached(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let sql = "select exists (select from public.event_tables where table_name = 'orders' and not attached)";
    sqlx::query_scalar(sql).fetch_one(pool).await
}

/// One execution for the event, as it stands.
#[derive(Debug, Clone, FromRow)]
pub struct Seen {
    /// Its identity.
    pub id: Uuid,
    /// Its workflow's name.
    pub workflow: String,
    /// `waiting`, `succeeded` …
    pub status: String,
    /// Its steps so far.
    pub steps: Value,
    /// Why it failed.
    pub error: Option<String>,
}

/// How far the event is.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Whether it still is in the queue.
    pub queued: bool,
    /// What it started.
    pub executions: Vec<Seen>,
}

/// How far the event is, all at one moment.
///
/// # Errors
/// When the database can't be asked.
pub async fn look(pool: &PgPool, order: &PlacedOrder, event: &OrderEvent) -> sqlx::Result<Moment> {
    let mut snapshot = pool.begin_with("begin isolation level repeatable read read only").await?;
    // By its lane, so that a long queue is not read through.
    let queued = sqlx::query_scalar(
        "select exists (select from workflow_queue
                         where lane = (hashtextextended($1, 0) & 63)::smallint and due_at >= $2 and event_id = $3)",
    )
    .bind(order.customer.to_string())
    .bind(event.at)
    .bind(event.id)
    .fetch_one(&mut *snapshot)
    .await?;
    let executions = sqlx::query_as(
        "select e.id, coalesce(w.name, '(gone)') as workflow, e.status, e.steps, e.error
           from workflow_executions e left join workflows w on w.id = e.workflow_id
          where e.event_at = $1 and e.event_id = $2
         union all
         select r.id, coalesce(w.name, '(gone)'), 'waiting', coalesce(r.state -> 'steps', '[]'), null
           from workflow_waiting r left join workflows w on w.id = r.workflow_id
          where r.event_id = $2
          order by workflow, id limit 1000",
    )
    .bind(event.at)
    .bind(event.id)
    .fetch_all(&mut *snapshot)
    .await?;
    snapshot.commit().await?;
    Ok(Moment { queued, executions })
}

/// How many rows wait in front of the event or beside it, and whether anyone works on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Backlog {
    /// Rows of the queue, counted up to 100,000.
    pub rows: i64,
    /// The oldest of them: it changes where somebody works.
    pub oldest: Option<i64>,
    /// Connections of daemons to this database.
    pub daemons: i64,
}

/// How long the queue is, and who is there to shorten it.
///
/// # Errors
/// When the database can't be asked.
pub async fn backlog(pool: &PgPool) -> sqlx::Result<Backlog> {
    sqlx::query_as(
        "select (select count(*) from (select from workflow_queue limit 100000) q) as rows,
                (select min(id) from (select id from workflow_queue order by lane, due_at, id limit 1) q) as oldest,
                (select count(*) from pg_stat_activity
                  where datname = current_database() and application_name like 'thendo worker%') as daemons",
    )
    .fetch_one(pool)
    .await
}

/// What the order brought.
#[derive(Debug, Clone, FromRow)]
pub struct Points {
    /// Points earned by the order.
    pub earned: i64,
    /// The customer's balance.
    pub balance: i64,
}

/// Points earned by the order, and the balance now; `None` if it earned none.
///
/// # Errors
/// When the database can't be asked.
pub async fn points(pool: &PgPool, order: &PlacedOrder) -> sqlx::Result<Option<Points>> {
    sqlx::query_as(
        "select sum(l.points)::bigint as earned,
                coalesce((select balance from loyalty_points where customer_id = $2), 0) as balance
           from loyalty_ledger l where l.order_id = $1 having count(*) > 0",
    )
    .bind(order.id)
    .bind(order.customer)
    .fetch_optional(pool)
    .await
}

/// A deposit that was asked for.
#[derive(Debug, Clone, FromRow)]
pub struct Deposit {
    /// In the currency's minor unit.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// Until when.
    pub due_date: DateTime<Utc>,
}

/// Deposits asked for on the order.
///
/// # Errors
/// When the database can't be asked.
pub async fn deposits(pool: &PgPool, order: &PlacedOrder) -> sqlx::Result<Vec<Deposit>> {
    sqlx::query_as("select amount, currency, due_date from deposits where order_id = $1 order by created_at, id limit 100")
        .bind(order.id)
        .fetch_all(pool)
        .await
}
