//! Cron expressions: five fields as unix has them, or six with seconds first, as sets of local times.
//!
//! Fields are `*`, `a`, `a-b`, each with `/step`, and lists of these. Months and weekdays may be named; Sunday is 0
//! or 7. As in Vixie's cron, a day counts if the day of the month *or* the weekday fits, unless one of the two fields
//! begins with `*`: then both must fit.
//!
//! Rejected: the crate `cron`. Its weekdays are 1 to 7 from Sunday, it has no five fields, wants both day fields to fit,
//! and says neither where a fault is nor that an expression never comes; what would be left of it is sets of numbers.

use std::ops::Range;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

/// Longer expressions are refused.
const MOST_LETTERS: usize = 256;
/// The 29th of February on a given weekday comes once in 40 years at least.
const MOST_DAYS: u64 = 48 * 366;

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const SHORTHANDS: &[(&str, &str)] = &[
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// What may stand in a field.
struct Domain {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const SECOND: Domain = Domain { name: "second", low: 0, high: 59, names: &[] };
const MINUTE: Domain = Domain { name: "minute", low: 0, high: 59, names: &[] };
const HOUR: Domain = Domain { name: "hour", low: 0, high: 23, names: &[] };
const DAY: Domain = Domain { name: "day of the month", low: 1, high: 31, names: &[] };
const MONTH: Domain = Domain { name: "month", low: 1, high: 12, names: MONTHS };
const WEEKDAY: Domain = Domain { name: "weekday", low: 0, high: 7, names: WEEKDAYS };

/// The values of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Set {
    bits: u64,
    /// It begins with `*`.
    pub(super) star: bool,
}

impl Set {
    pub(super) fn has(self, value: u32) -> bool {
        value < 64 && self.bits >> value & 1 == 1
    }

    pub(super) fn values(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |value| self.has(*value))
    }

    fn next(self, from: u32) -> Option<u32> {
        self.values().find(|value| *value >= from)
    }

    fn first(self) -> u32 {
        self.bits.trailing_zeros()
    }
}

/// A cron expression, read. It knows local times only: [`super::Calendar`] adds the zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    pub(super) seconds: Set,
    pub(super) minutes: Set,
    pub(super) hours: Set,
    pub(super) days: Set,
    pub(super) months: Set,
    pub(super) weekdays: Set,
}

/// Why an expression can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronFault {
    /// In words.
    pub message: String,
    /// The bytes that it is about.
    pub within: Option<Range<usize>>,
}

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`CronFault`] for what is no expression, and for one that never comes: the 30th of February.
    pub fn parse(text: &str) -> Result<Self, CronFault> {
        let whole = |message: String| CronFault { message, within: None };
        if text.len() > MOST_LETTERS {
            return Err(whole(format!("a cron expression has at most {MOST_LETTERS} letters")));
        }
        let source = match text.trim().starts_with('@') {
            true => SHORTHANDS
                .iter()
                .find(|(name, _)| text.trim().eq_ignore_ascii_case(name))
                .map(|(_, source)| *source)
                .ok_or_else(|| {
                    whole(format!("there is no `{}`: write `@daily` or five fields", text.trim()))
                })?,
            false => text,
        };
        let fields = words(source);
        let (seconds, rest) = match fields.as_slice() {
            [_, _, _, _, _] => (Ok(Set { bits: 1, star: false }), &fields[..]),
            [first, rest @ ..] if rest.len() == 5 => (field(source, first, &SECOND), rest),
            _ => {
                let message = format!(
                    "a cron expression has five fields (minute, hour, day, month, weekday) or six (seconds first), not {}",
                    fields.len()
                );
                return Err(whole(message));
            }
        };
        let [minutes, hours, days, months, weekdays] = rest else { return Err(whole("five fields".into())) };
        let mut weekdays = field(source, weekdays, &WEEKDAY)?;
        weekdays.bits = (weekdays.bits | weekdays.bits >> 7) & 0x7f;
        let cron = Self {
            seconds: seconds?,
            minutes: field(source, minutes, &MINUTE)?,
            hours: field(source, hours, &HOUR)?,
            days: field(source, days, &DAY)?,
            months: field(source, months, &MONTH)?,
            weekdays,
        };
        match cron.next_after(DateTime::UNIX_EPOCH.naive_utc()) {
            Some(_) => Ok(cron),
            None => Err(whole(format!("`{}` never comes: no month has such a day", text.trim()))),
        }
    }

    /// Whether it runs at intervals (its hours begin with `*`) rather than at hours of the day.
    pub fn is_interval(&self) -> bool {
        self.hours.star
    }

    /// Whether it may run on that day.
    pub(super) fn runs_on(&self, day: NaiveDate) -> bool {
        let of_month = self.days.has(day.day());
        let of_week = self.weekdays.has(day.weekday().num_days_from_sunday());
        let either = !self.days.star && !self.weekdays.star;
        self.months.has(day.month()) && if either { of_month || of_week } else { of_month && of_week }
    }

    /// The first local time after the given one.
    pub fn next_after(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let from = after.with_nanosecond(0)?.checked_add_signed(TimeDelta::seconds(1))?;
        let mut day = from.date();
        if self.runs_on(day)
            && let Some(time) = self.time_from(from.time())
        {
            return Some(day.and_time(time));
        }
        let first = NaiveTime::from_hms_opt(self.hours.first(), self.minutes.first(), self.seconds.first())?;
        for _ in 0..MOST_DAYS {
            day = day.checked_add_days(Days::new(1))?;
            if self.runs_on(day) {
                return Some(day.and_time(first));
            }
        }
        None
    }

    fn time_from(&self, from: NaiveTime) -> Option<NaiveTime> {
        let (hour, minute, second) = (from.hour(), from.minute(), from.second());
        if self.hours.has(hour) {
            if self.minutes.has(minute)
                && let Some(second) = self.seconds.next(second)
            {
                return NaiveTime::from_hms_opt(hour, minute, second);
            }
            if let Some(minute) = self.minutes.next(minute + 1) {
                return NaiveTime::from_hms_opt(hour, minute, self.seconds.first());
            }
        }
        let hour = self.hours.next(hour + 1)?;
        NaiveTime::from_hms_opt(hour, self.minutes.first(), self.seconds.first())
    }
}

/// The words of a text, as ranges.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, letter) in text.char_indices().filter(|(_, letter)| !letter.is_whitespace()) {
        let end = at + letter.len_utf8();
        match found.last_mut() {
            Some(word) if word.end == at => word.end = end,
            _ => found.push(at..end),
        }
    }
    found
}

fn field(source: &str, within: &Range<usize>, domain: &Domain) -> Result<Set, CronFault> {
    let fault = |message: String| CronFault { message, within: Some(within.clone()) };
    let text = &source[within.clone()];
    let mut bits = 0_u64;
    for item in text.split(',') {
        let (range, step) = match item.split_once('/') {
            None => (item, None),
            Some((range, step)) => (range, Some(step)),
        };
        let step = match step.map(str::parse::<u32>) {
            None => None,
            Some(Ok(step @ 1..=1_000)) => Some(step),
            Some(_) => {
                return Err(fault(format!("`{item}`: a step is a number from 1: `*/15`")));
            }
        };
        let (low, high) = if range == "*" {
            (domain.low, if domain.high == 7 { 6 } else { domain.high })
        } else if let Some((low, high)) = range.split_once('-') {
            let (low, mut high) = (value(low, domain).map_err(fault)?, value(high, domain).map_err(fault)?);
            // Saturday to Sunday, by names: Sunday ends the week there.
            if domain.high == 7 && high == 0 && low > 0 {
                high = 7;
            }
            if low > high {
                return Err(fault(format!("`{item}` runs backwards")));
            }
            (low, high)
        } else {
            let low = value(range, domain).map_err(fault)?;
            (
                low,
                if step.is_some() {
                    domain.high.min(if domain.high == 7 { 6.max(low) } else { 59 })
                } else {
                    low
                },
            )
        };
        (low..=high).step_by(step.unwrap_or(1) as usize).for_each(|value| bits |= 1 << value);
    }
    Ok(Set { bits, star: text.starts_with('*') })
}

fn value(text: &str, domain: &Domain) -> Result<u32, String> {
    if let Some(at) = domain.names.iter().position(|name| text.eq_ignore_ascii_case(name)) {
        return Ok(at as u32 + domain.low);
    }
    let digits = text.len() <= 2 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u32>() {
        Ok(value) if digits && (domain.low..=domain.high).contains(&value) => Ok(value),
        _ => {
            let names = match domain.names {
                [first, .., last] => format!(", or `{first}` to `{last}`"),
                _ => String::new(),
            };
            Err(format!("`{text}` is no {}: write {} to {}{names}", domain.name, domain.low, domain.high))
        }
    }
}
