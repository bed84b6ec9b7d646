//! Times of day in time zones: cron expressions, what is due of them, and windows of time. Pure: the present instant
//! is handed in.

pub mod cron;
#[cfg(test)]
mod cron_tests;
pub mod due;
#[cfg(test)]
mod due_tests;
#[cfg(test)]
mod tests;
pub mod window;
mod words;
mod zone;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use self::cron::{Cron, CronFault};
pub use self::zone::{time_zone, time_zone_named};

/// An overlap of local times is never longer.
const LONGEST_OVERLAP: TimeDelta = TimeDelta::hours(26);
/// Of matches in the hour that comes twice, each is looked at: by the second, 3,600.
const MOST_TURNS: usize = 10_000;

/// A cron expression in a time zone.
///
/// Clocks that are put forward skip local times: a fixed hour among them comes at the first instant behind the gap,
/// intervals leave them out. Clocks that are put back repeat local times: a fixed hour comes the first time only,
/// intervals come both times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    cron: Cron,
    zone: Tz,
}

impl Calendar {
    /// Of an expression and a zone.
    ///
    /// # Errors
    /// [`CronFault`] if it is no expression, or never comes.
    pub fn new(expression: &str, zone: Tz) -> Result<Self, CronFault> {
        Ok(Self { cron: Cron::parse(expression)?, zone })
    }

    /// The time zone.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first time after the given instant. `None`: never again within what calendars know.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut offset = zone::offset(self.zone, after);
        let mut local = after.naive_utc().checked_add_signed(offset)?;
        let mut since = after;
        for _ in 0..MOST_TURNS {
            let naive = self.cron.next_after(local)?;
            let at = naive.checked_sub_signed(offset)?.and_utc();
            // The clocks may be turned before it. An hour that comes twice is found even where the next one is far.
            let near = at.min(since.checked_add_signed(LONGEST_OVERLAP)?);
            let turned = [near, at].into_iter().find(|until| zone::offset(self.zone, *until) != offset);
            let Some(until) = turned else {
                if self.cron.is_interval() || zone::first_of(self.zone, naive) == Some(at) {
                    return Some(at);
                }
                (local, since) = (naive, at);
                continue;
            };
            let turn = zone::turn(self.zone, since, until);
            let next = zone::offset(self.zone, turn);
            let (ends, begins) =
                (turn.naive_utc().checked_add_signed(offset)?, turn.naive_utc().checked_add_signed(next)?);
            if !self.cron.is_interval() && ends <= naive && naive < begins {
                return Some(turn);
            }
            (local, since, offset) = (begins - TimeDelta::seconds(1), turn, next);
        }
        None
    }

    /// Its times after `from` up to and with `to`, the earliest first, at most `most` of them.
    pub fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>, most: usize) -> Vec<DateTime<Utc>> {
        let mut found = Vec::new();
        let mut last = from;
        while found.len() < most
            && let Some(at) = self.next_after(last).filter(|at| *at <= to)
        {
            found.push(at);
            last = at;
        }
        found
    }

    /// The next times, for a preview.
    pub fn upcoming(&self, from: DateTime<Utc>, count: usize) -> Vec<DateTime<Utc>> {
        self.between(from, DateTime::<Utc>::MAX_UTC, count)
    }

    /// In words: "every day at 09:00, Europe/Berlin".
    pub fn words(&self) -> String {
        format!("{}, {}", words::of(&self.cron), self.zone)
    }
}
