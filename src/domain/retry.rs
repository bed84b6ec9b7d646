//! Trying again: which errors, how often, how long. Pure: the pauses follow from the effect and the attempt, so that
//! daemons agree.

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ids::EffectId;

/// What went wrong with an attempt, as far as a policy can tell errors apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// No answer in time.
    Timeout,
    /// Nobody could be reached, or the connection broke.
    Connection,
    /// Too much or too early, says the other side.
    Throttled,
    /// The other side has a fault of its own.
    Server,
    /// The other side, or the database, says no.
    Refused,
}

impl Trouble {
    /// Every word that a policy may name.
    pub const ALL: [Self; 5] =
        [Self::Timeout, Self::Connection, Self::Throttled, Self::Server, Self::Refused];

    /// As policies spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Throttled => "throttled",
            Self::Server => "server",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a node says of trying again; what it leaves open, others decide.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retry {
    /// Attempts in all, the first one too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u16>,
    /// Pause before the second attempt, in milliseconds; it doubles with each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_ms: Option<u64>,
    /// No pause is longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_ms: Option<u64>,
    /// No attempt begins so long after the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub give_up_after_ms: Option<u64>,
    /// Which errors are worth another attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<Vec<Trouble>>,
}

/// A policy with nothing left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Attempts in all, the first one too.
    pub attempts: u16,
    /// Pause before the second attempt, in milliseconds; it doubles with each.
    pub backoff_ms: u64,
    /// No pause is longer, not even one that the other side asks for.
    pub longest_ms: u64,
    /// No attempt begins so long after the first one.
    pub give_up_after_ms: Option<u64>,
    /// Which errors are worth another attempt.
    pub on: Vec<Trouble>,
}

impl Policy {
    /// What a row of this database that is refused is tried again by, where a node says that it is to be.
    pub fn of_rows() -> Self {
        Self {
            attempts: 8,
            backoff_ms: 60_000,
            longest_ms: 3_600_000,
            give_up_after_ms: None,
            on: vec![Trouble::Refused],
        }
    }

    /// As `of_rows`, with what a node says.
    #[must_use]
    pub fn with(mut self, retry: &Retry) -> Self {
        self.attempts = retry.attempts.unwrap_or(self.attempts);
        self.backoff_ms = retry.backoff_ms.unwrap_or(self.backoff_ms);
        self.longest_ms = retry.longest_ms.unwrap_or(self.longest_ms).max(self.backoff_ms);
        self.give_up_after_ms = retry.give_up_after_ms.or(self.give_up_after_ms);
        if let Some(on) = &retry.on {
            self.on.clone_from(on);
        }
        self
    }

    /// The pause after a failed attempt, in milliseconds; none if there is no other attempt. `attempt` counts from 1,
    /// `since_first_ms` from the beginning of the first. A pause that the other side asked for is kept to, if it is longer
    /// than ours and not longer than the longest.
    pub fn pause_ms(
        &self,
        id: EffectId,
        attempt: u16,
        since_first_ms: u64,
        trouble: Trouble,
        asked_ms: Option<u64>,
    ) -> Option<u64> {
        if attempt >= self.attempts || !self.on.contains(&trouble) {
            return None;
        }
        let doubled = self.backoff_ms.saturating_mul(1 << attempt.saturating_sub(1).min(30));
        let pause = jittered(id, attempt, doubled.min(self.longest_ms));
        let pause = pause.max(asked_ms.unwrap_or(0).min(self.longest_ms));
        let late = |most: u64| since_first_ms.saturating_add(pause) >= most;
        if self.give_up_after_ms.is_some_and(late) { None } else { Some(pause) }
    }

    /// As [`Self::pause_ms`], for those that reckon in instants.
    pub fn pause(
        &self,
        id: EffectId,
        attempt: u16,
        since_first: TimeDelta,
        trouble: Trouble,
    ) -> Option<TimeDelta> {
        let since = u64::try_from(since_first.num_milliseconds()).unwrap_or(0);
        let pause = self.pause_ms(id, attempt, since, trouble, None)?;
        i64::try_from(pause).ok().and_then(TimeDelta::try_milliseconds)
    }
}

/// Up to a quarter less, so that what failed together does not come again together.
fn jittered(id: EffectId, attempt: u16, pause_ms: u64) -> u64 {
    let hash = Uuid::new_v5(&id.0, &attempt.to_be_bytes());
    let part = u64::from(u16::from_be_bytes([hash.as_bytes()[0], hash.as_bytes()[1]]));
    let most_less = pause_ms / 4;
    pause_ms - most_less / 65_536 * part - most_less % 65_536 * part / 65_536
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> EffectId {
        EffectId(Uuid::from_u128(n))
    }

    fn policy(retry: &Retry) -> Policy {
        Policy { on: vec![Trouble::Timeout], ..Policy::of_rows() }.with(retry)
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_two_daemons_agree() {
        let policy = policy(&Retry { backoff_ms: Some(1_000), longest_ms: Some(5_000), ..Retry::default() });
        for (attempt, whole) in [(1, 1_000), (2, 2_000), (3, 4_000), (4, 5_000), (7, 5_000)] {
            let pause = policy.pause_ms(id(7), attempt, 0, Trouble::Timeout, None).expect("another attempt");
            assert!((whole * 3 / 4..=whole).contains(&pause), "attempt {attempt}: {pause} of {whole}");
            assert_eq!(policy.pause_ms(id(7), attempt, 0, Trouble::Timeout, None), Some(pause));
        }
        let pauses: std::collections::HashSet<_> =
            (0..50).map(|n| policy.pause_ms(id(n), 1, 0, Trouble::Timeout, None)).collect();
        assert!(pauses.len() > 25, "those that failed together come apart");
        let endless = policy.clone().with(&Retry {
            backoff_ms: Some(u64::MAX),
            longest_ms: Some(u64::MAX),
            ..Retry::default()
        });
        assert!(endless.pause_ms(id(1), 7, u64::MAX, Trouble::Timeout, Some(u64::MAX)).is_some());
    }

    #[test]
    fn it_ends_with_the_attempts_the_time_and_other_errors() {
        let policy = policy(&Retry {
            attempts: Some(3),
            backoff_ms: Some(1_000),
            give_up_after_ms: Some(10_000),
            ..Retry::default()
        });
        let pause = |attempt, since, trouble| policy.pause_ms(id(1), attempt, since, trouble, None);
        assert!(pause(2, 0, Trouble::Timeout).is_some());
        assert_eq!(pause(3, 0, Trouble::Timeout), None);
        assert_eq!(pause(1, 0, Trouble::Refused), None);
        assert_eq!(pause(1, 9_999, Trouble::Timeout), None);
        assert!(pause(1, 8_000, Trouble::Timeout).is_some());
    }

    #[test]
    fn what_the_other_side_asks_for_is_kept_to_within_bounds() {
        let policy = policy(&Retry { backoff_ms: Some(1_000), longest_ms: Some(60_000), ..Retry::default() });
        let pause = |asked| policy.pause_ms(id(1), 1, 0, Trouble::Timeout, Some(asked));
        assert_eq!(pause(30_000), Some(30_000));
        assert_eq!(pause(86_400_000), Some(60_000));
        assert!(pause(0).is_some_and(|pause| pause >= 750), "sooner than we would is not sooner");
    }
}
