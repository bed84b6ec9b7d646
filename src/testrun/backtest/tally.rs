//! What a version did with all events, counted; in memory that does not grow with them.

use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::effects::{Amount, Happened};
use crate::domain::ids::{EventId, NodeId};
use crate::testrun::Outcome;

/// Reasons that are told apart.
const MOST_REASONS: usize = 200;
/// Recipients that are told apart.
const MOST_RECIPIENTS: usize = 500_000;

/// What became of all events.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Totals {
    /// Executions that would start.
    pub started: u64,
    /// Events for which the trigger does not start.
    pub filtered: u64,
    /// Every node that was to run is done.
    pub succeeded: u64,
    /// A node gave up.
    pub failed: u64,
    /// They would rest until somebody decides, or for ever.
    pub rests: u64,
    /// What would be done, by kind of node.
    pub effects: BTreeMap<Cow<'static, str>, Sum>,
    /// Why executions would fail, the most frequent first.
    pub failures: Vec<Reason>,
    /// Failures for further reasons.
    pub other_failures: u64,
}

/// Effects of one kind.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// Points, added up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<i64>,
    /// Minor units by currency.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub amounts: BTreeMap<String, i64>,
    /// Distinct addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Recipients>,
}

/// How many people would be mailed: their addresses' hashes, up to a bound.
#[derive(Debug, Default, Clone)]
pub struct Recipients {
    seen: HashSet<u64>,
    /// As somebody else counted them.
    told: usize,
}

impl Recipients {
    fn add(&mut self, address: &str) {
        if self.seen.len() < MOST_RECIPIENTS {
            self.seen.insert(hash_of(&address.to_lowercase()));
        }
    }

    /// How many are known.
    pub fn count(&self) -> usize {
        self.seen.len().max(self.told)
    }

    /// There may be more than were counted.
    pub fn may_be_more(&self) -> bool {
        self.count() >= MOST_RECIPIENTS
    }
}

impl Serialize for Recipients {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(self.count() as u64)
    }
}

impl<'de> Deserialize<'de> for Recipients {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self { seen: HashSet::new(), told: usize::deserialize(from)? })
    }
}

/// Why executions fail.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reason {
    /// Which node gave up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// In words, as the first of them said it; the others may name other values.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The event of the first of them.
    pub event: EventId,
    #[serde(skip)]
    pattern: String,
}

/// A day of events, by UTC.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Events that were looked at.
    pub events: u64,
    /// Executions that would start.
    pub started: u64,
    /// Of those, executions that would fail.
    pub failed: u64,
}

/// One version's count.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub totals: Totals,
    pub days: BTreeMap<NaiveDate, Day>,
}

impl Tally {
    pub fn filtered(&mut self, at: DateTime<Utc>) {
        self.totals.filtered += 1;
        self.days.entry(at.date_naive()).or_default().events += 1;
    }

    pub fn ended(&mut self, event: EventId, at: DateTime<Utc>, ended: &Ended, effects: &[Happened]) {
        let day = self.days.entry(at.date_naive()).or_default();
        (day.events, day.started) = (day.events + 1, day.started + 1);
        self.totals.started += 1;
        match ended.outcome {
            Outcome::Succeeded | Outcome::Filtered => self.totals.succeeded += 1,
            Outcome::Waiting => self.totals.rests += 1,
            Outcome::Failed => {
                day.failed += 1;
                self.totals.failed += 1;
                self.failed(event, ended);
            }
        }
        for effect in effects {
            let sum = self.totals.effects.entry(Cow::Borrowed(effect.kind)).or_default();
            sum.count += 1;
            match &effect.amount {
                Amount::None => {}
                Amount::Points(points) => *sum.points.get_or_insert(0) += points,
                Amount::Money(currency, minor) => match sum.amounts.get_mut(currency) {
                    Some(all) => *all += minor,
                    None => {
                        sum.amounts.insert(currency.clone(), *minor);
                    }
                },
                Amount::Mail(to) => sum.recipients.get_or_insert_default().add(to),
            }
        }
    }

    fn failed(&mut self, event: EventId, ended: &Ended) {
        let reason = ended.why.clone().unwrap_or_else(|| "failed".into());
        let (node, pattern) = (ended.node.clone(), pattern_of(&reason));
        let known = &mut self.totals.failures;
        match known.iter().position(|known| known.node == node && known.pattern == pattern) {
            Some(at) => known[at].count += 1,
            None if known.len() < MOST_REASONS => {
                known.push(Reason { node, reason, count: 1, event, pattern })
            }
            None => self.totals.other_failures += 1,
        }
    }

    /// The count, with the most frequent reasons first, at most `reasons` of them.
    pub fn into_totals(self, reasons: usize) -> (Totals, BTreeMap<NaiveDate, Day>) {
        let mut totals = self.totals;
        totals.failures.sort_by_key(|reason| std::cmp::Reverse(reason.count));
        let rest = totals.failures.drain(reasons.min(totals.failures.len())..);
        totals.other_failures += rest.map(|reason| reason.count).sum::<u64>();
        (totals, self.days)
    }
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ended {
    pub outcome: Outcome,
    /// Which node gave up, and why.
    pub node: Option<NodeId>,
    pub why: Option<String>,
}

/// A reason without the values in it: words with a digit or an address are all the same.
fn pattern_of(reason: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '@' | '_' | '+');
    let mut pattern = String::with_capacity(reason.len());
    let mut word = String::new();
    let close = |word: &mut String, pattern: &mut String| {
        let is_value = word.contains('@') || word.chars().any(|c| c.is_ascii_digit());
        pattern.push_str(if is_value { "#" } else { word });
        word.clear();
    };
    for c in reason.chars() {
        if is_part(c) {
            word.push(c);
        } else {
            close(&mut word, &mut pattern);
            pattern.push(c);
        }
    }
    close(&mut word, &mut pattern);
    pattern
}

/// A hash that is the same within one run.
pub(super) fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(tally: &mut Tally, why: &str) {
        let ended = Ended { outcome: Outcome::Failed, node: Some("n".into()), why: Some(why.into()) };
        tally.ended(EventId::default(), DateTime::UNIX_EPOCH, &ended, &[]);
    }

    #[test]
    fn reasons_that_differ_by_their_values_alone_are_one() {
        let mut tally = Tally::default();
        fails(&mut tally, "500 points are more than the balance of 20");
        fails(&mut tally, "7 points are more than the balance of 0");
        fails(&mut tally, "there is no order 00000000-0000-7000-8000-00000000000a");
        let (totals, days) = tally.into_totals(10);
        assert_eq!(totals.failures.iter().map(|of| of.count).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(totals.failures[0].reason, "500 points are more than the balance of 20");
        assert_eq!(days[&DateTime::UNIX_EPOCH.date_naive()], Day { events: 3, started: 3, failed: 3 });
    }

    #[test]
    fn reasons_without_end_take_no_memory_without_end() {
        let mut tally = Tally::default();
        let word = |n: usize| format!("because {}", "ab".repeat(n));
        (0..1_000).for_each(|n| fails(&mut tally, &word(n)));
        assert_eq!(tally.totals.failures.len(), MOST_REASONS);
        let (totals, _) = tally.into_totals(10);
        assert_eq!((totals.failures.len(), totals.other_failures), (10, 990));
    }
}
