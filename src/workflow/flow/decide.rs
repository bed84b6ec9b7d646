//! The decisions, on what is kept of the executions before.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{BulkGuard, Debounce, Once, Rate};

/// What is kept of one key of one rule: a row of `workflow_flow`. Nothing yet: the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// `once`: the first start. `debounce`: the first event that is still put off. `guard`: the minute.
    pub at: Option<DateTime<Utc>>,
    /// From then on it means nothing any more. `once`: as long after the last start as was set then; `debounce`: when the last event's execution begins; `rate`: when the next
    /// one would be due if they came evenly. Without it, it counts for ever.
    pub until: Option<DateTime<Utc>>,
    /// `debounce`: the execution that is put off.
    pub holder: Option<Uuid>,
    /// `guard`: executions of the minute. `concurrency`: the limit.
    pub counted: i32,
    /// `guard`: the statement that was seen last …
    pub statement: Option<String>,
    /// … and its executions.
    pub of_statement: i32,
}

/// What becomes of an event that is put off until nothing more happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiet {
    /// Its execution rests until then, in the place of another one, if there is one.
    Until(DateTime<Utc>, Option<Uuid>),
    /// A later event is known already: nothing.
    Older,
}

impl Once {
    /// Whether an execution may start at `at`; changes nothing.
    pub fn allows(&self, kept: &Kept, at: DateTime<Utc>) -> bool {
        let (Some(first), Some(within)) = (kept.at, self.within) else { return kept.at.is_none() };
        // Lanes are worked off side by side: what happened long before all that started is as good as what happens after.
        kept.until.unwrap_or(within.after(first)) <= at || within.after(at) <= first
    }

    /// As [`Self::allows`], and keeps it in mind.
    pub fn starts(&self, kept: &mut Kept, at: DateTime<Utc>) -> bool {
        let allowed = self.allows(kept, at);
        if allowed {
            kept.at = Some(kept.at.map_or(at, |first| first.min(at)));
            kept.until = self.within.map(|within| kept.until.unwrap_or(at).max(within.after(at)));
        }
        allowed
    }
}

impl Debounce {
    /// An event of `at`, whose execution would be `id`.
    pub fn comes(&self, kept: &mut Kept, at: DateTime<Utc>, id: Uuid) -> Quiet {
        let quiet = self.quiet.after(at);
        let open = match (kept.at, kept.until, kept.holder) {
            (Some(first), Some(until), Some(holder)) if at < until => Some((first.min(at), until, holder)),
            _ => None,
        };
        let Some((first, until, holder)) = open else {
            // With a bound below `for` there is none: the compiler sees to that.
            *kept = Kept { at: Some(at), until: Some(quiet), holder: Some(id), ..Kept::default() };
            return Quiet::Until(quiet, None);
        };
        if quiet < until {
            return Quiet::Older;
        }
        let until = self.at_most.map_or(quiet, |at_most| quiet.min(at_most.after(first)));
        *kept = Kept { at: Some(first), until: Some(until), holder: Some(id), ..Kept::default() };
        Quiet::Until(until, Some(holder))
    }

    /// The execution `id`, which was put off until `due`, is to begin. False if another one has taken its place.
    pub fn is_over(&self, kept: &mut Kept, due: DateTime<Utc>, id: Uuid) -> bool {
        if kept.holder == Some(id) {
            kept.holder = None;
            return true;
        }
        // What is kept speaks of events that came when it was over.
        kept.at.is_none_or(|first| due <= first)
    }
}

impl Rate {
    /// When an execution that would start at `at` starts: then, or later. Up to the limit at once, then evenly.
    pub fn starts_at(&self, kept: &mut Kept, at: DateTime<Utc>) -> DateTime<Utc> {
        let limit = i64::from(self.limit.max(1));
        let every = self.every.0.num_microseconds().unwrap_or(i64::MAX - limit);
        // Never faster: rounded up.
        let apart = TimeDelta::microseconds((every + limit - 1) / limit);
        let burst = apart.checked_mul(i32::try_from(limit - 1).unwrap_or(i32::MAX)).unwrap_or(self.every.0);
        let due = kept.until.map_or(at, |until| until.max(at));
        kept.until = Some(due.checked_add_signed(apart).unwrap_or(due));
        due.checked_sub_signed(burst).map_or(at, |start| start.max(at))
    }
}

impl BulkGuard {
    /// Counts an execution of `at` that a statement started: which bound it is beyond, in words.
    pub fn counts(&self, kept: &mut Kept, at: DateTime<Utc>, statement: &str) -> Option<String> {
        let minute = at.timestamp().div_euclid(60);
        let since = DateTime::from_timestamp(minute * 60, 0).unwrap_or(at);
        if kept.at.is_none_or(|counted| counted < since) {
            kept.at = Some(since);
            kept.until = since.checked_add_signed(TimeDelta::minutes(1));
            kept.counted = 0;
        }
        if kept.statement.as_deref() != Some(statement) {
            kept.statement = Some(statement.to_owned());
            kept.of_statement = 0;
        }
        kept.counted = kept.counted.saturating_add(1);
        kept.of_statement = kept.of_statement.saturating_add(1);
        let limit = i32::try_from(self.limit).unwrap_or(i32::MAX);
        match () {
            () if kept.of_statement > limit => {
                Some(format!("one statement started more than {limit} executions"))
            }
            () if kept.counted > limit => {
                Some(format!("more than {limit} executions started within a minute"))
            }
            () => None,
        }
    }
}
