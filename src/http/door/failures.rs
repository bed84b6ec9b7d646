//! Who fails too often waits: each address has so many failures, and gets them back with time. In bounded memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Failures at once.
const MOST: u32 = 20;
/// One is forgotten after so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3);
/// Addresses that are remembered.
const ADDRESSES: usize = 10_000;

/// So long an address that failed too often waits for its turn.
const LONGEST_TURN: Duration = Duration::from_secs(1);
/// What was good so long ago passes without waiting; it is looked up all the same.
const GOOD_FOR: Duration = Duration::from_secs(60);
/// So much of that is remembered.
const MOST_GOOD: usize = 1_000;

/// What was shown is known by this.
pub type Mark = [u8; 32];

/// The failures of addresses.
#[derive(Debug)]
pub struct Failures {
    /// When all of an address's failures will be forgotten.
    until: Mutex<HashMap<IpAddr, Instant>>,
    /// When what was shown last opened something.
    good: Mutex<HashMap<Mark, Instant>>,
    /// For all addresses that failed too often, together.
    turn: Semaphore,
}

impl Default for Failures {
    fn default() -> Self {
        Self { until: Mutex::default(), good: Mutex::default(), turn: Semaphore::new(1) }
    }
}

impl Failures {
    /// Waits until what was shown may be looked up; for most that is at once. Keep what it gives until then.
    ///
    /// # Errors
    /// How long the address has to wait: others like it are before it.
    pub async fn turn(&self, address: IpAddr, shown: &Mark) -> Result<Option<SemaphorePermit<'_>>, Duration> {
        let Some(wait) = self.wait(address) else { return Ok(None) };
        if self.is_good(shown) {
            return Ok(None);
        }
        match tokio::time::timeout(LONGEST_TURN, self.turn.acquire()).await {
            Ok(Ok(turn)) => Ok(Some(turn)),
            _ => Err(wait),
        }
    }

    fn is_good(&self, shown: &Mark) -> bool {
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        good.get(shown).is_some_and(|at| at.elapsed() < GOOD_FOR)
    }

    /// It opened something.
    pub fn was_good(&self, shown: Mark) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good.len() >= MOST_GOOD && !good.contains_key(&shown) {
            good.retain(|_, at| at.elapsed() < GOOD_FOR);
            if good.len() >= MOST_GOOD {
                good.clear();
            }
        }
        good.insert(shown, Instant::now());
    }

    /// How long this address has to wait, if it has to.
    pub fn wait(&self, address: IpAddr) -> Option<Duration> {
        self.wait_at(address, Instant::now())
    }

    fn wait_at(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until.get(&network(address))?.checked_duration_since(now)?;
        left.checked_sub(FORGOTTEN_AFTER * (MOST - 1)).filter(|wait| !wait.is_zero())
    }

    /// One more.
    pub fn add(&self, address: IpAddr) {
        self.add_at(address, Instant::now());
    }

    fn add_at(&self, address: IpAddr, now: Instant) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= ADDRESSES {
            until.retain(|_, until| *until > now);
        }
        if until.len() >= ADDRESSES {
            // Who fails from so many addresses can't be counted by them: those nearest to being forgotten go first.
            let mut all: Vec<_> = until.drain().collect();
            all.sort_unstable_by_key(|(_, until)| *until);
            until.extend(all.drain(ADDRESSES / 2..));
        }
        let end = until.entry(network(address)).or_insert(now);
        *end = (*end).max(now) + FORGOTTEN_AFTER;
    }
}

/// Who has an IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mut segments = address.segments();
            segments[4..].fill(0);
            IpAddr::V6(segments.into())
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_failures_and_then_one_for_three_seconds() {
        let (failures, now) = (Failures::default(), Instant::now());
        let (one, other): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        for _ in 0..MOST {
            assert_eq!(failures.wait_at(one, now), None);
            failures.add_at(one, now);
        }
        assert_eq!(failures.wait_at(one, now), Some(FORGOTTEN_AFTER));
        assert_eq!(failures.wait_at(other, now), None);
        assert_eq!(failures.wait_at(one, now + FORGOTTEN_AFTER), None);
    }

    #[tokio::test]
    async fn of_those_who_failed_too_often_one_is_looked_up_at_a_time_but_for_what_was_good() {
        let (failures, one): (_, IpAddr) = (Failures::default(), [10, 0, 0, 1].into());
        let (bad, good) = ([0; 32], [1; 32]);
        assert!(matches!(failures.turn(one, &bad).await, Ok(None)));
        failures.was_good(good);
        (0..MOST).for_each(|_| failures.add(one));
        let turn = failures.turn(one, &bad).await;
        assert!(matches!(turn, Ok(Some(_))), "{turn:?}");
        assert!(failures.turn(one, &[2; 32]).await.is_err());
        assert!(matches!(failures.turn(one, &good).await, Ok(None)));
        assert!(matches!(failures.turn([10, 0, 0, 2].into(), &bad).await, Ok(None)));
        drop(turn);
        assert!(matches!(failures.turn(one, &bad).await, Ok(Some(_))));
        (0..2 * MOST_GOOD).for_each(|n| failures.was_good(crate::operations::keys::hash(&n.to_string())));
        assert!(failures.good.lock().expect("a lock").len() <= MOST_GOOD);
    }

    #[test]
    fn neighbours_in_ipv6_count_as_one_and_memory_is_bounded() {
        let (failures, now) = (Failures::default(), Instant::now());
        for n in 0..MOST {
            failures.add_at(format!("2001:db8::{n}").parse().expect("an address"), now);
        }
        assert!(failures.wait_at("2001:db8::ffff".parse().expect("an address"), now).is_some());
        for n in 0..(2 * ADDRESSES as u32) {
            failures.add_at(IpAddr::V4(n.into()), now);
        }
        assert!(failures.until.lock().expect("a lock").len() <= ADDRESSES);
    }
}
