//! Loads made-up rows by COPY, and keeps them from starting anything.

use std::fmt::Write;

use bytes::BytesMut;
use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error};
use uuid::Uuid;

/// One value of a row.
#[derive(Debug, Clone)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A key.
    Id(Uuid),
    /// Text, also one of an enumeration.
    Text(String),
    /// Text that is known.
    Word(&'static str),
    /// Any whole number; as wide as its column.
    Whole(i64),
    /// A point in time.
    At(DateTime<Utc>),
    /// Yes or no.
    Flag(bool),
    /// A document.
    Json(Value),
    /// A list of words.
    Words(Vec<&'static str>),
}

type SqlFault = Box<dyn std::error::Error + Sync + Send>;

impl Cell {
    /// Which types of column take it as it is sent.
    fn wants(&self) -> &'static str {
        match self {
            Self::Null => "any type",
            Self::Id(_) => "uuid",
            Self::Text(_) | Self::Word(_) => "text",
            Self::Whole(_) => "smallint, integer or bigint",
            Self::At(_) => "timestamp with time zone",
            Self::Flag(_) => "boolean",
            Self::Json(_) => "jsonb",
            Self::Words(_) => "text[]",
        }
    }

    /// In COPY's binary form any eight bytes are a number, a point in time or a float.
    fn fits(&self, ty: &Type) -> bool {
        match self {
            Self::Null => true,
            Self::Id(_) => *ty == Type::UUID,
            // An enumeration of Medusa's own takes its label as a text does.
            Self::Text(_) | Self::Word(_) => {
                [Type::TEXT, Type::VARCHAR, Type::BPCHAR].contains(ty)
                    || ty.name() == "citext"
                    || matches!(ty.kind(), Kind::Enum(_))
            }
            Self::Whole(_) => [Type::INT2, Type::INT4, Type::INT8].contains(ty),
            Self::At(_) => *ty == Type::TIMESTAMPTZ,
            Self::Flag(_) => *ty == Type::BOOL,
            Self::Json(_) => [Type::JSON, Type::JSONB].contains(ty),
            Self::Words(_) => [Type::TEXT_ARRAY, Type::VARCHAR_ARRAY].contains(ty),
        }
    }
}

impl ToSql for Cell {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, SqlFault> {
        if !self.fits(ty) {
            return Err(format!("a column is of type {ty}, not {}", self.wants()).into());
        }
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Id(id) => id.to_sql(ty, out),
            Self::Text(text) => put_text(text, out),
            Self::Word(text) => put_text(text, out),
            Self::Whole(number) => match *ty {
                Type::INT2 => i16::try_from(*number)?.to_sql(ty, out),
                Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
                _ => number.to_sql(ty, out),
            },
            Self::At(at) => at.to_sql(ty, out),
            Self::Flag(flag) => flag.to_sql(ty, out),
            Self::Json(value) => value.to_sql(ty, out),
            Self::Words(words) => words.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn put_text(text: &str, out: &mut BytesMut) -> Result<IsNull, SqlFault> {
    out.extend_from_slice(text.as_bytes());
    Ok(IsNull::No)
}

/// Where rows go: a table and its columns, in the order of the cells.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The table.
    pub table: &'static str,
    /// Its columns, separated by commas.
    pub columns: &'static str,
}

/// Rows on their way to one table.
#[derive(Debug)]
pub struct Load {
    /// Where they go.
    pub target: Target,
    /// As many cells as columns.
    pub rows: Vec<Vec<Cell>>,
}

impl Load {
    /// Nothing yet.
    pub fn to(target: Target) -> Self {
        Self { target, rows: Vec::new() }
    }

    /// One more row. The last column is `created_by`: nobody's. (Left out, its default would be asked for each row.)
    pub fn add<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into_iter().chain([Cell::Null]).collect());
    }
}

/// Cells of a row from values.
macro_rules! cells {
    ($($value:expr),+ $(,)?) => { [$($crate::store::seed::Cell::from($value)),+] };
}
pub(crate) use cells;

macro_rules! cell_from {
    ($($kind:ty => $cell:ident),+ $(,)?) => {
        $(impl From<$kind> for Cell {
            fn from(value: $kind) -> Self {
                Self::$cell(value)
            }
        })+
    };
}
cell_from!(Uuid => Id, String => Text, &'static str => Word, i64 => Whole, DateTime<Utc> => At, bool => Flag,
    Value => Json, Vec<&'static str> => Words);

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Begins a transaction whose changes are no events, unless they are wanted.
///
/// # Errors
/// When the database can't be asked.
pub async fn begin(client: &Client, with_events: bool) -> Result<(), Error> {
    client
        .batch_execute("begin; set local statement_timeout = '10min'; set local lock_timeout = '10s'")
        .await?;
    if !with_events {
        client.batch_execute("set local thendo.seeding = 'on'").await?;
    }
    Ok(())
}

/// Commits. What the transaction recorded nevertheless is taken back first, so that nobody ever sees it.
///
/// # Errors
/// When the database can't be asked; nothing is written then.
pub async fn commit(client: &Client, with_events: bool) -> Result<(), Error> {
    if !with_events {
        client
            .batch_execute(
                "delete from workflow_queue where event_at >= now() and xmin = pg_current_xact_id()::xid;
                 delete from workflow_events where at >= now() and xmin = pg_current_xact_id()::xid",
            )
            .await?;
    }
    client.batch_execute("commit").await
}

/// The columns' types, by the catalog: where Medusa made a table it is not always ours.
async fn types_of(client: &Client, Target { table, columns }: Target) -> Result<Vec<Type>, Error> {
    let like = client.prepare(&format!("select {columns} from public.{table} limit 0")).await?;
    Ok(like.columns().iter().map(|column| column.type_().clone()).collect())
}

/// A column of another type than the rows are made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// `table.column`
    pub column: String,
    /// Its type.
    pub is: String,
    /// What it is to be.
    pub wanted: &'static str,
}

/// The first column that does not fit the rows of `load`.
///
/// # Errors
/// When the database can't be asked.
pub async fn misfit(client: &Client, load: &Load) -> Result<Option<Misfit>, Error> {
    let types = types_of(client, load.target).await?;
    let mut columns = load.target.columns.split(", ").zip(&types).enumerate();
    Ok(columns.find_map(|(place, (column, ty))| {
        let cell = load.rows.iter().filter_map(|row| row.get(place)).find(|cell| !cell.fits(ty))?;
        let column = format!("{}.{column}", load.target.table);
        Some(Misfit { column, is: ty.to_string(), wanted: cell.wants() })
    }))
}

/// Sends the rows in one COPY.
///
/// # Errors
/// When the database refuses them.
pub async fn copy(client: &Client, load: &Load) -> Result<u64, Error> {
    let Target { table, columns } = load.target;
    let types = types_of(client, load.target).await?;
    let sink = client.copy_in(&format!("copy public.{table} ({columns}) from stdin (format binary)")).await?;
    let writer = BinaryCopyInWriter::new(sink, &types);
    tokio::pin!(writer);
    for row in &load.rows {
        writer.as_mut().write_raw(row).await?;
    }
    writer.finish().await
}

/// What is known of an earlier seeding, in the words with which it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// As given to [`note`].
    pub task: String,
    /// Whether it came to its end.
    pub is_done: bool,
}

/// The seeding whose note begins with `words`, if there was one.
///
/// # Errors
/// When the database can't be asked.
pub async fn earlier(client: &Client, words: &str) -> Result<Option<Earlier>, Error> {
    let sql = "select task, took_ms > 0 from public.maintenance where starts_with(task, $1) limit 1";
    let row = client.query_opt(sql, &[&words]).await?;
    Ok(row.map(|row| Earlier { task: row.get(0), is_done: row.get(1) }))
}

/// Notes that a seeding begins (`took_ms` is 0) or has ended.
///
/// # Errors
/// When the database can't be written.
pub async fn note(client: &Client, task: &str, took_ms: i32) -> Result<(), Error> {
    let sql = "insert into public.maintenance (task, last_run_at, took_ms) values ($1, clock_timestamp(), $2)
               on conflict (task) do update set last_run_at = excluded.last_run_at, took_ms = excluded.took_ms";
    client.execute(sql, &[&task, &took_ms]).await.map(drop)
}

/// Whether one seeding runs already; if not, this session keeps others out until it ends.
///
/// # Errors
/// When the database can't be asked.
pub async fn is_alone(client: &Client) -> Result<bool, Error> {
    // The server may take a moment to notice that one who ended is gone.
    for _ in 0..30 {
        // 1952998511 is 'thdo'; 6 is seeding.
        if client.query_one("select pg_try_advisory_lock(1952998511, 6)", &[]).await?.get(0) {
            return Ok(true);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok(false)
}

/// Whether a customer is there.
///
/// # Errors
/// When the database can't be asked.
pub async fn is_customer(client: &Client, id: Uuid) -> Result<bool, Error> {
    Ok(client.query_one("select exists (select from public.customers where id = $1)", &[&id]).await?.get(0))
}

/// Whether orders are there whose ids lie outside `first` to `last`: real ones.
///
/// # Errors
/// When the database can't be asked.
pub async fn has_orders_outside(client: &Client, first: Uuid, last: Uuid) -> Result<bool, Error> {
    let sql = "select exists (select from public.orders where id < $1) or exists (select from public.orders where id > $2)";
    Ok(client.query_one(sql, &[&first, &last]).await?.get(0))
}

/// Puts the tiers in place that are not there, and gives all: id and least points, the lowest first.
///
/// # Errors
/// When the database can't be written.
pub async fn tiers(client: &Client, wanted: &[(Uuid, &str, i32, i64)]) -> Result<Vec<(Uuid, i64)>, Error> {
    for (id, name, rank, least_points) in wanted {
        let sql = "insert into public.loyalty_tiers (id, name, rank, least_points) values ($1, $2, $3, $4) on conflict do nothing";
        client.execute(sql, &[id, name, rank, least_points]).await?;
    }
    let sql = "select id, least_points from public.loyalty_tiers order by least_points, rank limit 100";
    Ok(client.query(sql, &[]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Tells the planner what is there now.
///
/// # Errors
/// When the database can't be asked.
pub async fn analyze(client: &Client, tables: &[&'static str]) -> Result<(), Error> {
    let mut sql = "set statement_timeout = '10min'; set lock_timeout = '10s'".to_owned();
    for table in tables {
        let _infallible = write!(sql, "; analyze public.{table}");
    }
    client.batch_execute(&sql).await
}
