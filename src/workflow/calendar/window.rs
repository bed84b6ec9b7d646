//! Windows of time: from one local time to another, on some weekdays, in a time zone.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Timelike, Utc, Weekday};
use chrono_tz::Tz;

use super::zone;

/// A window that opens on some weekdays. One that ends before it begins is open over midnight, and belongs to the
/// day on which it opened; one that ends when it begins is open for a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeWindow {
    from: NaiveTime,
    to: NaiveTime,
    /// Bit 0 is Monday.
    weekdays: u8,
    zone: Tz,
}

impl TimeWindow {
    /// A window; without weekdays it opens on every day.
    pub fn new(from: NaiveTime, to: NaiveTime, weekdays: &[Weekday], zone: Tz) -> Self {
        let bits = weekdays.iter().fold(0, |bits, day| bits | 1 << day.num_days_from_monday());
        Self { from, to, weekdays: if bits == 0 { 0x7f } else { bits }, zone }
    }

    /// Whether the clocks of the zone show a time within it: its beginning belongs to it, its end does not.
    pub fn is_open(&self, at: DateTime<Utc>) -> bool {
        let local = at.with_timezone(&self.zone).naive_local();
        let (day, time) = (local.date(), local.time());
        let begins = |day: NaiveDate| self.weekdays >> day.weekday().num_days_from_monday() & 1 == 1;
        if self.from < self.to {
            return begins(day) && self.from <= time && time < self.to;
        }
        let yesterday = || day.checked_sub_days(Days::new(1)).is_some_and(begins);
        (begins(day) && time >= self.from) || (time < self.to && yesterday())
    }

    /// `at` if it is open then, else the next instant at which it opens. `None`: beyond what calendars know.
    pub fn opens_at(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.is_open(at) {
            return Some(at);
        }
        self.turns(at, self.from).into_iter().find(|found| self.is_open(*found))
    }

    /// When it closes, if it is open at that instant.
    pub fn closes_at(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !self.is_open(at) {
            return None;
        }
        self.turns(at, self.to).into_iter().find(|found| !self.is_open(*found))
    }

    /// The instants after `at` at which it may open or close, in order: when clocks show a time, and when they are
    /// turned. Two weeks of them: a day without that time, on the only weekday, is made up for by the next.
    fn turns(&self, at: DateTime<Utc>, time: NaiveTime) -> Vec<DateTime<Utc>> {
        let today = at.with_timezone(&self.zone).date_naive();
        let mut found = Vec::new();
        for days in 0..=15 {
            if let Some(day) = today.checked_add_days(Days::new(days)) {
                found.extend(zone::instants(self.zone, day.and_time(time)));
            }
            let since = at.checked_add_days(Days::new(days));
            found.extend(since.and_then(|since| zone::turn_within_a_day(self.zone, since)));
        }
        found.retain(|found| *found > at);
        found.sort_unstable();
        found
    }
}

/// A local time of day: `09:00`, `22:30:15`.
pub fn time_of_day(text: &str) -> Option<NaiveTime> {
    let text = text.trim();
    // `24:00` is how people write the end of a day.
    if text == "24:00" {
        return Some(NaiveTime::MIN);
    }
    let found = ["%H:%M", "%H:%M:%S"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())?;
    // chrono reads a leap second, 23:59:60, which no clock of a window shows.
    (found.nanosecond() == 0 && text.len() <= 8).then_some(found)
}
