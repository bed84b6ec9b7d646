//! The backtest: a version on recorded events, by the engine's own matching and turns, in one pass and in flat memory.
//!
//! Nothing is written: effects are answered as they would succeed (`world`) or, if that is asked for, applied in
//! transactions that are rolled back (`database`), and counted (`tally`). With another version beside it, both are taken
//! through each event, and what they do differently is told (`compare`).

mod compare;
mod database;
mod effects;
mod labels;
mod side;
mod tally;
mod world;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::event::CustomerKey;
use crate::domain::ids::WorkflowId;
use crate::store::OF_A_BATCH;
use crate::store::executions::load_customers;
use crate::store::mails::stored;
use crate::store::recorded::{Page, Place, recorded_events};
use crate::store::session::{Session, StoreError};
use crate::workflow::mails::Mails;
use crate::workflow::plan::Plan;

pub use compare::{Comparison, Difference, Glimpse};
use side::{Customers, Side};
pub use tally::{Day, Reason, Recipients, Sum, Totals};

/// Reasons that are told; the rest is a number.
const REASONS: usize = 20;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Whose versions they are: events that are for one workflow start no other.
    pub workflow: WorkflowId,
    /// Events from this instant on …
    pub since: DateTime<Utc>,
    /// … and before this one.
    pub until: DateTime<Utc>,
    /// Differences that are told in full.
    pub differences: usize,
    /// Effects are applied by the database, each execution in a transaction that is rolled back, instead of being
    /// answered as they would succeed.
    pub in_database: bool,
}

/// A version that is tried.
#[derive(Debug, Clone)]
pub struct Version {
    /// As people call it: `v3`, `the draft`, a file's name.
    pub name: String,
    /// Its number; 0 if it has none.
    pub number: i32,
    /// What it does.
    pub plan: Arc<Plan>,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Events that were looked at.
    pub events: u64,
    /// The instant that was reached.
    pub at: DateTime<Utc>,
}

/// What a backtest answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Which version.
    pub version: String,
    /// Events from this instant on …
    pub since: DateTime<Utc>,
    /// … and before this one.
    pub until: DateTime<Utc>,
    /// Events of the trigger's tables: all that were looked at.
    pub events: u64,
    /// The first of them.
    pub first_event: Option<DateTime<Utc>>,
    /// Events of other tables, which were passed over.
    pub other_events: u64,
    /// Events whose rows this program can't read: whether they would start it nobody can say.
    pub unreadable: u64,
    /// Events that were recorded without their long values.
    pub truncated: u64,
    /// What the version does.
    #[serde(flatten)]
    pub totals: Totals,
    /// By day, by UTC.
    pub days: BTreeMap<NaiveDate, Day>,
    /// The other version, and how the two compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// What was taken as it is today, or taken for granted.
    pub assumed: Vec<String>,
    /// What the reader should know.
    pub warnings: Vec<String>,
}

/// The version that another is compared with.
#[derive(Debug, Serialize, Deserialize)]
pub struct Against {
    /// Which.
    pub version: String,
    /// What it does.
    #[serde(flatten)]
    pub totals: Totals,
    /// What the two do differently.
    pub comparison: Comparison,
}

/// The database could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the backtest could not be done: {}", .0.told())]
pub struct BacktestError(#[from] pub StoreError);

/// Takes `version`, and `against` if there is one, through the recorded events. Nothing is written; each page of events is
/// read in a short transaction of its own, so nothing waits for a backtest.
///
/// # Errors
/// [`BacktestError`].
pub async fn backtest(
    session: &Session,
    wish: &Wish,
    version: Version,
    against: Option<Version>,
    mut progress: impl FnMut(Progress),
) -> Result<Report, BacktestError> {
    if wish.in_database {
        // Ahead, as in a batch: so the first error is the one that counts.
        session.prepare_all(OF_A_BATCH).await?;
    }
    begin_reading(session).await?;
    let mails = stored(session).await;
    let mails = Arc::new(Mails::load(end_reading(session, mails).await?, &Mails::default()));
    let tells = against.is_some();
    let mut here = Side::new(wish, version, &mails, tells);
    let mut there = against.map(|version| Side::new(wish, version, &mails, tells));
    let tables = tables_of(&here, there.as_ref());
    let mut place = Place::new(wish.since, wish.until);
    let mut comparison = Comparison::default();
    let mut counted = Counted::default();
    loop {
        let (page, customers) = read(session, &mut place, &tables, &here, there.as_ref()).await?;
        counted.add(&page);
        let ours = here.page(session, &page.events, &customers).await?;
        if let Some(there) = &mut there {
            let theirs = there.page(session, &page.events, &customers).await?;
            for (event, (ours, theirs)) in page.events.iter().zip(ours.iter().zip(&theirs)) {
                comparison.add((event.id, event.at), ours.as_ref(), theirs.as_ref(), wish.differences);
            }
        }
        progress(Progress { events: counted.events, at: place.last.0 });
        if page.is_last {
            break;
        }
    }
    Ok(report(wish, &counted, here, there, comparison))
}

/// Events by what could be done with them.
#[derive(Debug, Default)]
struct Counted {
    events: u64,
    first: Option<DateTime<Utc>>,
    others: u64,
    unreadable: u64,
    truncated: u64,
}

impl Counted {
    fn add(&mut self, page: &Page) {
        self.first = self.first.or(page.events.first().map(|event| event.at));
        self.events += (page.events.len() + page.unreadable.len()) as u64;
        self.unreadable += page.unreadable.len() as u64;
        self.others += page.others;
        self.truncated += page.truncated;
    }
}

/// The next events, and the customers that the versions ask about.
async fn read(
    session: &Session,
    place: &mut Place,
    tables: &[String],
    here: &Side,
    there: Option<&Side>,
) -> Result<(Page, Customers), StoreError> {
    begin_reading(session).await?;
    let read = async {
        let page = recorded_events(session, place, tables).await?;
        let mut wanted: HashSet<CustomerKey> = HashSet::new();
        for event in &page.events {
            wanted
                .extend([Some(here), there].into_iter().flatten().filter_map(|side| side.customer_of(event)));
        }
        let customers = load_customers(session, wanted.into_iter().collect()).await?;
        Ok((page, customers))
    };
    let read = read.await;
    end_reading(session, read).await
}

fn tables_of(here: &Side, there: Option<&Side>) -> Vec<String> {
    let sources = [Some(here), there].into_iter().flatten().flat_map(|side| side.plan().sources());
    let mut tables: Vec<String> = sources.map(|source| source.table.clone().into_owned()).collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

fn report(wish: &Wish, counted: &Counted, here: Side, there: Option<Side>, comparison: Comparison) -> Report {
    let sides = || [Some(&here), there.as_ref()].into_iter().flatten();
    let (mut assumed, mut warnings) = (Vec::new(), Vec::new());
    for side in sides() {
        let new = labels::assumed(side, wish.in_database).into_iter().filter(|said| !assumed.contains(said));
        let new: Vec<String> = new.collect();
        assumed.extend(new);
        warnings.extend(labels::warnings(side));
    }
    let Counted { events, first, others, unreadable, truncated } = *counted;
    if truncated > 0 {
        warnings.push(format!("{truncated} events were recorded without their long values"));
    }
    if unreadable > 0 {
        warnings.push(format!(
            "{unreadable} events hold values that this program can't read; they count nowhere"
        ));
    }
    let against = there.map(|side| {
        let version = side.name;
        Against { version, totals: side.tally.into_totals(REASONS).0, comparison }
    });
    let version = here.name;
    let (totals, days) = here.tally.into_totals(REASONS);
    Report {
        version,
        since: wish.since,
        until: wish.until,
        events,
        first_event: first,
        other_events: others,
        unreadable,
        truncated,
        totals,
        days,
        against,
        assumed,
        warnings,
    }
}

/// A short look at the database, as the engine sees it, in which nothing can be written.
async fn begin_reading(session: &Session) -> Result<(), StoreError> {
    session
        .transaction(
            "begin read only; set local role thendo_engine; set local lock_timeout = '1s'; set local statement_timeout = '30s'",
        )
        .await
}

/// Ends the look, and hands on what it gave.
async fn end_reading<T>(session: &Session, read: Result<T, StoreError>) -> Result<T, StoreError> {
    let ended = session.transaction("rollback").await;
    let read = read?;
    ended?;
    Ok(read)
}
