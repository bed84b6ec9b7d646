//! A shop's past, made up: believable, the same for the same seed, loaded by COPY.
//!
//! The base (catalogue, site, mails) is one transaction; then comes slice after slice of customers with everything
//! that is theirs, each a transaction of its own. So memory is bounded whatever the size, and a seeding that was
//! interrupted goes on where it stopped.

mod base;
mod dice;
mod orders;
mod people;
mod site;
mod slice;
mod targets;
mod theirs;
mod views;

use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;
use tokio_postgres::{Client, Error};

use crate::store::seed::{self as store, Earlier, Load, Misfit};
use dice::{Of, all_ids, id_of};

/// A slice's size: small enough for memory, large enough for COPY.
const ORDERS_OF_A_SLICE: u64 = 20_000;
/// How far the past reaches.
const DAYS: i64 = 730;

/// What to make up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Everything else follows from it.
    pub orders: u64,
    /// Another one is another shop, also beside the first.
    pub seed: u32,
    /// The last day of the past is the one before.
    pub until: NaiveDate,
    /// Whether the changes are events, which start workflows.
    pub with_events: bool,
}

/// Why nothing was seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The same was done before.
    #[error("the shop is already seeded with --seed {0}")]
    AlreadySeeded(u32),
    /// Another size or day with the same seed: the rows would be others under the same keys.
    #[error("another seeding with --seed {seed} has begun: {earlier}")]
    OtherPlan {
        /// The seed.
        seed: u32,
        /// How it was asked for.
        earlier: String,
        /// Whether it ended.
        is_done: bool,
    },
    /// Another process is at it.
    #[error("another process is seeding this database")]
    NotAlone,
    /// The rows would be others than they are meant.
    #[error("nothing was changed: {} is of type {}; made-up rows need {}", .0.column, .0.is, .0.wanted)]
    OtherType(Misfit),
    /// What the database said.
    #[error("the database refused")]
    Database(#[from] Error),
}

impl SeedError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::AlreadySeeded(seed) => {
                format!(
                    "nothing was changed; for more of everything take another one: --seed {}",
                    seed.wrapping_add(1)
                )
            }
            Self::OtherPlan { seed, is_done: true, .. } => {
                format!("nothing was changed; take another one: --seed {}", seed.wrapping_add(1))
            }
            Self::OtherPlan { seed, earlier, .. } => format!(
                "it was interrupted and can go on: `thendo demo seed {earlier}`; or take another one: --seed {}",
                seed.wrapping_add(1)
            ),
            Self::OtherType(_) => "seed a database that `thendo migrate` made".into(),
            Self::NotAlone => "wait until it is done".into(),
            Self::Database(_) => {
                "see whether `thendo migrate --check` finds the schema whole, and whether the user owns it; \
                                  what was not finished can go on with the same command"
                    .into()
            }
        }
    }
}

/// How many rows a table got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Loaded {
    /// The table.
    pub table: &'static str,
    /// Rows.
    pub rows: u64,
    /// Time spent on it, in milliseconds.
    pub took_ms: u64,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Orders loaded, with all that is theirs.
    pub orders: u64,
    /// What is loaded now.
    pub table: &'static str,
}

impl Plan {
    #[cfg(test)]
    fn for_tests() -> Self {
        Self { orders: 1_000, seed: 1, until: NaiveDate::default(), with_events: false }
    }

    /// As one would type it. What it is known by when it is noted.
    pub fn words(&self) -> String {
        format!("--seed {} --orders {} --until {}", self.seed, self.orders, self.until)
    }

    fn noted_as(&self, words: &str) -> String {
        format!("demo seed {words}")
    }

    /// The end of the past.
    fn end(&self) -> DateTime<Utc> {
        self.until.and_time(chrono::NaiveTime::MIN).and_utc()
    }

    fn begin(&self) -> DateTime<Utc> {
        self.end() - TimeDelta::days(DAYS)
    }

    /// Keeps what must be unique apart from other seeds.
    fn suffix(&self) -> String {
        if self.seed == 1 { String::new() } else { format!("-s{}", self.seed) }
    }

    fn id(&self, of: Of, number: u64) -> uuid::Uuid {
        id_of(self.seed, of, number)
    }

    fn slices(&self) -> u64 {
        self.orders.div_ceil(ORDERS_OF_A_SLICE)
    }
}

/// Whether orders are there that no seeding made.
///
/// # Errors
/// When the database can't be asked.
pub async fn has_real_orders(client: &Client) -> Result<bool, SeedError> {
    let (first, last) = all_ids();
    Ok(store::has_orders_outside(client, first, last).await?)
}

/// Fills the shop. `told` hears of each table.
///
/// # Errors
/// [`SeedError`]; slices that were told as loaded stay.
pub async fn run(
    client: &Client,
    plan: &Plan,
    mut told: impl FnMut(Progress),
) -> Result<Vec<Loaded>, SeedError> {
    let begun = Instant::now();
    if !store::is_alone(client).await? {
        return Err(SeedError::NotAlone);
    }
    let task = plan.noted_as(&plan.words());
    let earlier = store::earlier(client, &plan.noted_as(&format!("--seed {} ", plan.seed))).await?;
    check(plan, &task, earlier.as_ref())?;
    let mut tally = Tally::default();
    let wanted = base::tiers(plan);
    if let Some(misfit) = misfit(client, plan, &wanted).await? {
        return Err(SeedError::OtherType(misfit));
    }
    let tiers = if earlier.is_none() {
        store::begin(client, plan.with_events).await?;
        store::note(client, &task, 0).await?;
        for load in base::loads(plan) {
            told(Progress { orders: 0, table: load.target.table });
            tally.send(client, &load).await?;
        }
        let tiers = store::tiers(client, &wanted).await?;
        store::commit(client, plan.with_events).await?;
        tiers
    } else {
        store::tiers(client, &wanted).await?
    };
    let mut done = 0;
    for number in 0..plan.slices() {
        let slice = slice::Slice::of(plan, number);
        if earlier.is_none() || !store::is_customer(client, slice.first_customer()).await? {
            store::begin(client, plan.with_events).await?;
            for load in slice.loads(&tiers) {
                told(Progress { orders: done, table: load.target.table });
                tally.send(client, &load).await?;
            }
            store::commit(client, plan.with_events).await?;
        }
        done += slice.orders();
    }
    told(Progress { orders: done, table: "analyze" });
    store::analyze(client, &tally.tables()).await?;
    store::note(client, &task, i32::try_from(begun.elapsed().as_millis()).unwrap_or(i32::MAX).max(1)).await?;
    Ok(tally.0)
}

/// What is sent is taken for whatever type a column has: a small shop shows beforehand whether all fit.
async fn misfit(
    client: &Client,
    plan: &Plan,
    tiers: &[(uuid::Uuid, &str, i32, i64)],
) -> Result<Option<Misfit>, Error> {
    let small = Plan { orders: 2_000, ..*plan };
    let tiers: Vec<_> = tiers.iter().map(|(id, _, _, least_points)| (*id, *least_points)).collect();
    for load in base::loads(&small).into_iter().chain(slice::Slice::of(&small, 0).loads(&tiers)) {
        if let Some(found) = store::misfit(client, &load).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn check(plan: &Plan, task: &str, earlier: Option<&Earlier>) -> Result<(), SeedError> {
    match earlier {
        Some(earlier) if earlier.task != task => Err(SeedError::OtherPlan {
            seed: plan.seed,
            earlier: earlier.task.trim_start_matches("demo seed ").to_owned(),
            is_done: earlier.is_done,
        }),
        Some(Earlier { is_done: true, .. }) => Err(SeedError::AlreadySeeded(plan.seed)),
        _ => Ok(()),
    }
}

/// What was loaded so far, in the order of the first rows.
#[derive(Default)]
struct Tally(Vec<Loaded>);

impl Tally {
    async fn send(&mut self, client: &Client, load: &Load) -> Result<(), Error> {
        let begun = Instant::now();
        let rows = if load.rows.is_empty() { 0 } else { store::copy(client, load).await? };
        self.add(load.target.table, rows, begun.elapsed());
        Ok(())
    }

    fn add(&mut self, table: &'static str, rows: u64, took: Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match self.0.iter_mut().find(|loaded| loaded.table == table) {
            Some(loaded) => {
                loaded.rows += rows;
                loaded.took_ms += took_ms;
            }
            None => self.0.push(Loaded { table, rows, took_ms }),
        }
    }

    fn tables(&self) -> Vec<&'static str> {
        self.0.iter().map(|loaded| loaded.table).collect()
    }
}
