//! Cron expressions: five fields as unix has them, or six with seconds first, as sets of local times.
//!
//! Fields are `*`, `a`, `a-b`, each with `/step`, and lists of these. Months and weekdays may be named; Sunday is 0
//! or 7. As in Vixie's cron, a day counts if the day of the month *or* the weekday fits, unless one of the two fields
//! begins with `*`: then both must fit.
//!
//! The crate `cron` makes sets of the fields and walks local times. It has weekdays from 1 to 7, no five fields, and
//! wants both day fields to fit, so fields are checked and translated here, and where either fits there are two
//! schedules. It knows the years 1970 to 2100, which bounds every search; time zones are left to [`super::Calendar`].

use std::ops::Range;

use ::cron::{Schedule, TimeUnitSpec};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Timelike};

use crate::workflow::diagnostics::nearest;

/// Longer expressions are refused.
const MOST_LETTERS: usize = 256;
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

/// A cron expression, read. It knows local times only: [`super::Calendar`] adds the zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    /// Its days of the month, and its weekdays if both must fit.
    days: Schedule,
    /// Its weekdays, if they are enough.
    weekdays: Option<Schedule>,
    is_interval: bool,
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
                    let near =
                        nearest(text.trim(), SHORTHANDS.iter().map(|(name, _)| *name)).unwrap_or("@daily");
                    whole(format!("there is no `{}`: write `{near}` or five fields", text.trim()))
                })?,
            false => text,
        };
        let mut fields = words(source);
        let given = fields.len();
        let seconds = if given == 6 { field(source, &fields.remove(0), &SECOND) } else { Ok("0".to_owned()) };
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(whole(format!(
                "a cron expression has five fields (minute, hour, day, month, weekday) or six (seconds first), not {given}"
            )));
        };
        let begins_with_star = |within: &Range<usize>| source[within.clone()].starts_with('*');
        let is_interval = begins_with_star(hours);
        let either = !begins_with_star(days) && !begins_with_star(weekdays);
        let weekdays = field(source, weekdays, &WEEKDAY)?;
        let times = [seconds?, field(source, minutes, &MINUTE)?, field(source, hours, &HOUR)?].join(" ");
        let (days, months) = (field(source, days, &DAY)?, field(source, months, &MONTH)?);
        let schedule = |days: &str, weekdays: &str| {
            let translated = format!("{times} {days} {months} {weekdays}");
            translated
                .parse::<Schedule>()
                .map_err(|fault| whole(format!("`{translated}` can't be read: {fault}")))
        };
        let cron = Self {
            days: schedule(&days, if either { "*" } else { &weekdays })?,
            weekdays: either.then(|| schedule("*", &weekdays)).transpose()?,
            is_interval,
        };
        match cron.next_after(DateTime::UNIX_EPOCH.naive_utc()) {
            Some(_) => Ok(cron),
            None => Err(whole(format!("`{}` never comes: no month has such a day", text.trim()))),
        }
    }

    /// Whether it runs at intervals (its hours begin with `*`) rather than at hours of the day.
    pub fn is_interval(&self) -> bool {
        self.is_interval
    }

    /// The first local time after the given one, in the years 1970 to 2100.
    pub fn next_after(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let after = after.with_nanosecond(0)?;
        // `cron` adds this second unchecked.
        after.checked_add_signed(TimeDelta::seconds(1))?;
        // Local times are handed over as if they were UTC, where none is skipped and none comes twice.
        let next = |schedule: &Schedule| schedule.after(&after.and_utc()).next();
        let weekday = self.weekdays.as_ref().and_then(next);
        next(&self.days).into_iter().chain(weekday).min().map(|at| at.naive_utc())
    }

    /// The sets of its fields, without [`Self::weekdays`].
    pub(super) fn fields(&self) -> &Schedule {
        &self.days
    }

    /// From 0, Sunday, to 6.
    pub(super) fn weekdays(&self) -> Vec<u32> {
        self.weekdays.as_ref().unwrap_or(&self.days).days_of_week().iter().map(|day| day - 1).collect()
    }

    /// Whether the day of the month or the weekday is enough.
    pub(super) fn has_either_day(&self) -> bool {
        self.weekdays.is_some()
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

/// A field in the words of `cron`.
fn field(source: &str, within: &Range<usize>, domain: &Domain) -> Result<String, CronFault> {
    let items = source[within.clone()].split(',').map(|one| item(one, domain)).collect::<Result<Vec<_>, _>>();
    items.map(|items| items.join(",")).map_err(|message| CronFault { message, within: Some(within.clone()) })
}

fn item(item: &str, domain: &Domain) -> Result<String, String> {
    let is_weekday = domain.high == 7;
    let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
    let step = match step.map(str::parse::<u32>) {
        None => None,
        Some(Ok(step @ 1..=1_000)) => Some(step),
        Some(_) => return Err(format!("`{item}`: a step is a number from 1: `*/15`")),
    };
    let last = if is_weekday { 6 } else { domain.high };
    let (low, high) = match range.split_once('-') {
        _ if range == "*" && step.is_none() => return Ok("*".into()),
        _ if range == "*" => (domain.low, last),
        Some((low, high)) => match (value(low, domain)?, value(high, domain)?) {
            // Saturday to Sunday, by names: Sunday ends the week there.
            (low, 0) if is_weekday && low > 0 => (low, 7),
            (low, high) if low > high => return Err(format!("`{item}` runs backwards")),
            ends => ends,
        },
        None => {
            let low = value(range, domain)?;
            (low, if step.is_some() { last.max(low) } else { low })
        }
    };
    let step = step.unwrap_or(1);
    Ok(match () {
        // Sunday is 1 there and the others follow, so what ends with our 7 is no range.
        () if is_weekday => {
            let days = (low..=high).step_by(step as usize).map(|day| (day % 7 + 1).to_string());
            days.collect::<Vec<_>>().join(",")
        }
        // Steps beyond the field are refused there.
        () if step > high - low => low.to_string(),
        () => format!("{low}-{high}/{step}"),
    })
}

fn value(text: &str, domain: &Domain) -> Result<u32, String> {
    if let Some(at) = domain.names.iter().position(|name| text.eq_ignore_ascii_case(name)) {
        return Ok(at as u32 + domain.low);
    }
    let digits = text.len() <= 2 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u32>() {
        Ok(value) if digits && (domain.low..=domain.high).contains(&value) => Ok(value),
        _ => {
            let named = nearest(text, domain.names.iter().copied());
            let names = match (named, domain.names) {
                (Some(named), _) => format!("; did you mean `{named}`?"),
                (None, [first, .., last]) => format!(", or `{first}` to `{last}`"),
                (None, _) => String::new(),
            };
            Err(format!("`{text}` is no {}: write {} to {}{names}", domain.name, domain.low, domain.high))
        }
    }
}
