//! Lays the rows of an event file into the database, for a test run whose transaction is rolled back.

use serde_json::{Map, Value};
use tokio_postgres::Client;
use uuid::Uuid;

use super::session::{is_of_data, told_of};

/// Why a row can't be laid in.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// The catalog has no such table.
    #[error("there is no table `{0}` to lay the event's row into; has `thendo migrate` been run?")]
    NoTable(String),
    /// The row breaks a rule of its table.
    #[error("the event's row does not fit into `{table}`: {reason}")]
    Unfit {
        /// Where.
        table: String,
        /// What PostgreSQL said, if that is about data.
        reason: String,
    },
    /// Somebody else has a row of the same key in hand: it may pass.
    #[error("the event's row can't be laid into `{0}`: somebody else has it in hand")]
    Busy(String),
    /// The connection.
    #[error("the database can't be asked")]
    Database(#[from] tokio_postgres::Error),
}

/// Inserts `row` unless one with its keys is there. Members that are no columns are left out.
///
/// # Errors
/// [`StagingError`]; the transaction is then to be rolled back.
pub async fn insert_if_missing(
    client: &Client,
    table: &str,
    row: &Map<String, Value>,
) -> Result<(), StagingError> {
    let names: Vec<&str> = row.keys().map(String::as_str).collect();
    // Names come from the catalog and are quoted there: no member of the event gets into the statement.
    let found = client
        .query_one(
            "select format('insert into %1$s (%2$s) select %2$s from jsonb_populate_record(null::%1$s, $1) on conflict do nothing',
                    c.oid::regclass, string_agg(quote_ident(a.attname), ', ' order by a.attnum))
             from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
             left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                  and a.attidentity = '' and a.attgenerated = '' and a.attname = any ($2::text[])
             where c.relname = $1 and c.relkind in ('r', 'p') group by c.oid
             union all select null order by 1 nulls last limit 1",
            &[&table, &names],
        )
        .await?;
    let Some(statement) = found.get::<_, Option<String>>(0) else {
        return Err(StagingError::NoTable(table.to_owned()));
    };
    client.execute(&statement, &[&Value::Object(row.clone())]).await.map(|_| ()).map_err(|error| match error
        .as_db_error()
    {
        Some(db) if matches!(db.code().code(), "55P03" | "40P01" | "40001") => {
            StagingError::Busy(table.to_owned())
        }
        Some(db) => {
            let helps = is_of_data(db.code().code());
            if !helps {
                tracing::warn!(table, said = db.message(), "the row of an event can't be laid in");
            }
            let detail = db.detail().filter(|_| helps).map(str::to_owned);
            let reason: Vec<String> = std::iter::once(told_of(db)).chain(detail).collect();
            StagingError::Unfit { table: table.to_owned(), reason: reason.join(". ") }
        }
        None => error.into(),
    })
}

/// The id under which a customer of an event file is known: its own, else that of its mail address.
///
/// # Errors
/// [`StagingError::Database`].
pub async fn customer_id(
    client: &Client,
    customer: &Map<String, Value>,
) -> Result<Option<Uuid>, StagingError> {
    let text = |name: &str| customer.get(name).and_then(Value::as_str).unwrap_or_default();
    let (id, email) = (text("id").parse::<Uuid>().ok(), text("email"));
    let found = client
        .query_opt(
            "select id from public.customers where id = $1 or email = $2 order by id is not distinct from $1 desc limit 1",
            &[&id, &email],
        )
        .await?;
    Ok(found.map(|row| row.get(0)))
}
