//! What the rules would do, in words: for test runs, which know nothing of the executions before.

use chrono::{DateTime, Utc};

use super::{Flow, Per};

impl Flow {
    /// What the rules would do with an execution for an event of `at`, a sentence for each.
    pub fn notes(&self, at: DateTime<Utc>) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(once) = &self.once {
            let within = once.within.map_or("ever".to_owned(), |within| format!("within {within}"));
            notes.push(format!(
                "it would be passed over if one for the same {} started {within}",
                once.per.words()
            ));
        }
        if let Some(debounce) = &self.debounce {
            let (until, same) = (debounce.quiet.after(at), debounce.per.words());
            let until = until.format("%Y-%m-%d %H:%M:%SZ");
            notes.push(format!(
                "it would wait until {until}, and a further event for the same {same} would take its place"
            ));
        }
        if let Some(rate) = &self.rate {
            let (limit, every, same) = (rate.limit, rate.every, rate.per.words());
            notes.push(format!(
                "it would start later if more than {limit} in {every} came for the same {same}"
            ));
        }
        if let Some(concurrency) = &self.concurrency {
            let (limit, same) = (concurrency.limit, concurrency.per.words());
            notes.push(format!("it would wait while {limit} for the same {same} run"));
        }
        if let Some(guard) = &self.bulk_guard {
            let limit = guard.limit;
            notes.push(format!(
                "it would be held if it were beyond the first {limit} of one statement or minute"
            ));
        }
        notes.into_iter().map(|note| format!("flow control was not asked: {note}")).collect()
    }
}

impl Per {
    fn words(&self) -> &str {
        match self {
            Self::Row | Self::Unknown(_) => "row",
            Self::Customer => "customer",
            Self::Workflow => "workflow",
            Self::Of(template) => template.source(),
        }
    }
}
