//! Who fails too often waits: each address has so many failures, and gets them back with time. In bounded memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures at once.
const MOST: u32 = 20;
/// One is forgotten after so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3);
/// Addresses that are remembered.
const ADDRESSES: usize = 10_000;

/// The failures of addresses.
#[derive(Debug, Default)]
pub struct Failures {
    /// When all of an address's failures will be forgotten.
    until: Mutex<HashMap<IpAddr, Instant>>,
}

impl Failures {
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
